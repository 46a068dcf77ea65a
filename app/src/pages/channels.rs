//! The channels of a chain.

use domain::channel::ChannelView;
use leptos::prelude::*;

use super::{chain_name, parameter};
use crate::api::channel::channel_list;
use crate::components::load::load;
use crate::components::page::{Page, empty};
use crate::events;
use crate::layout::{chain_crumbs, chain_tabs};
use crate::text::{tr, words};

/// The page.
#[component]
pub fn Channels() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let channels = Resource::new(
        move || (name.get(), tick.get()),
        |(name, _)| async move { channel_list(chain_name(&name)?).await },
    );
    load(channels, move |channels, _| {
        let chain = name.get_untracked();
        view! {
            <Page title=words(|t| t.channels) crumbs=chain_crumbs(&chain)>
                {chain_tabs(&chain)}
                {table(&chain, channels)}
            </Page>
        }
        .into_any()
    })
}

fn table(chain: &str, channels: Vec<ChannelView>) -> AnyView {
    if channels.is_empty() {
        return empty(|t| t.no_channels, |t| t.no_channels_hint, None);
    }
    let rows = channels
        .into_iter()
        .map(|channel| {
            let organizations =
                channel.organizations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let last = channel.height.and_then(|h| h.checked_sub(1)).map(|number| {
                let address = format!("/chains/{chain}/blocks/{}/{number}", channel.name);
                view! { <a href=address>{number.to_string()}</a> }
            });
            view! {
                <tr>
                    <th scope="row">{channel.name.to_string()}</th>
                    <td>{organizations}</td>
                    <td class="number">{channel.height.map(|h| h.to_string())}</td>
                    <td class="number">{last}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.channels)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.organizations)}</th>
                        <th scope="col" class="number">{tr(|t| t.height)}</th>
                        <th scope="col" class="number">{tr(|t| t.last_block)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

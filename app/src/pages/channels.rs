//! The channels of a chain, and making a further one over chosen peers.

use domain::chain::{ChainVerb, ChainView};
use domain::channel::{ChannelMember, ChannelSpec, ChannelView};
use domain::id::OperationId;
use domain::name::{ChainName, ChannelName, NodeName};
use domain::node::NodeKind;
use leptos::prelude::*;

use super::host_new::wrong_on;
use super::{chain_name, follow, parameter};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::api::channel::{channel_create, channel_list};
use crate::browser::new_key;
use crate::components::field::{TextField, toggle};
use crate::components::load::load_live;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::{Page, empty};
use crate::events;
use crate::fetched::{Fetched, again};
use crate::layout::{chain_crumbs, chain_tabs};
use crate::text::{tr, words};

type Creation = Action<ChannelSpec, Result<OperationId, ApiError>>;

/// The page.
#[component]
pub fn Channels() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let data = Fetched::new(move || (name.get(), tick.get()), |(name, _)| read(name));
    // What is typed and chosen outlives a refresh of the page's data.
    let form = Form {
        name: RwSignal::new(String::new()),
        peers: RwSignal::new(Vec::new()),
        wrong: RwSignal::new(None),
    };
    let create: Creation = Action::new(|spec: &ChannelSpec| {
        let (spec, key) = (spec.clone(), new_key());
        again(move || channel_create(spec.clone(), key.clone()))
    });
    let refused = follow(create);
    load_live(data, move |data: RwSignal<Data>, _| {
        let chain = data.with_untracked(|(view, _)| view.summary.name.to_string());
        let name = chain.clone();
        let may = move || data.with(|(view, _)| view.verbs.contains(&ChainVerb::Update));
        view! {
            <Page title=words(|t| t.channels) crumbs=chain_crumbs(&chain)>
                {chain_tabs(&chain)}
                {move || data.with(|(_, channels)| table(&name, channels))}
                <Show when=may>
                    <Create form=form chain=data.with_untracked(|(view, _)| view.clone()) create=create/>
                </Show>
                <Notice error=refused/>
            </Page>
        }
        .into_any()
    })
}

/// The chain and its channels.
type Data = (ChainView, Vec<ChannelView>);

async fn read(name: String) -> Result<Data, ApiError> {
    let name = chain_name(&name)?;
    Ok((chain_read(name.clone()).await?, channel_list(name).await?))
}

fn table(chain: &str, channels: &[ChannelView]) -> AnyView {
    if channels.is_empty() {
        return empty(|t| t.no_channels, |t| t.no_channels_hint, None);
    }
    let rows = channels.iter().map(|channel| row(chain, channel)).collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.channels)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.organizations)}</th>
                        <th scope="col">{tr(|t| t.peers)}</th>
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

fn row(chain: &str, channel: &ChannelView) -> AnyView {
    let organizations = channel.organizations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let joined = channel.peers.iter().filter(|peer| peer.joined == Some(true)).count();
    let last = channel.height.and_then(|height| height.checked_sub(1)).map(|number| {
        let address = format!("/chains/{chain}/blocks/{}/{number}", channel.name);
        view! { <a href=address>{number.to_string()}</a> }
    });
    let page = format!("/chains/{chain}/channels/{}", channel.name);
    view! {
        <tr>
            <th scope="row"><a href=page>{channel.name.to_string()}</a></th>
            <td>{organizations}</td>
            <td>{format!("{joined} / {}", channel.peers.len())}</td>
            <td class="number">{channel.height.map(|height| height.to_string())}</td>
            <td class="number">{last}</td>
        </tr>
    }
    .into_any()
}

/// What somebody has typed and chosen.
#[derive(Clone, Copy)]
struct Form {
    name: RwSignal<String>,
    peers: RwSignal<Vec<String>>,
    /// What is wrong with what was typed; a refresh of the page leaves it there.
    wrong: RwSignal<Option<domain::Error>>,
}

impl Form {
    /// What it means: each organization with its chosen peers, in the order of the chain.
    fn parse(self, chain: &ChainView) -> Result<ChannelSpec, domain::Error> {
        let chosen = self.peers.get_untracked();
        spec(&chain.summary.name, self.name.get_untracked().trim(), chain, &chosen)
    }
}

fn spec(
    chain: &ChainName,
    name: &str,
    view: &ChainView,
    chosen: &[String],
) -> Result<ChannelSpec, domain::Error> {
    let mut members: Vec<ChannelMember> = Vec::new();
    for node in view.nodes.iter().filter(|node| chosen.iter().any(|one| one == node.name.as_str())) {
        let Some(organization) = &node.organization else { continue };
        match members.iter_mut().find(|member| member.organization == *organization) {
            Some(member) => member.peers.push(node.name.clone()),
            None => members
                .push(ChannelMember { organization: organization.clone(), peers: vec![node.name.clone()] }),
        }
    }
    let name = ChannelName::parse(name).map_err(|error| error.on("name"))?;
    let spec = ChannelSpec { chain: chain.clone(), name, members };
    spec.check()?;
    Ok(spec)
}

#[component]
fn Create(form: Form, chain: ChainView, create: Creation) -> impl IntoView {
    let wrong = form.wrong;
    let peers: Vec<NodeName> =
        chain.nodes.iter().filter(|node| node.kind == NodeKind::Peer).map(|node| node.name.clone()).collect();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match form.parse(&chain) {
            Ok(_) if create.pending().get_untracked() => {}
            Ok(spec) => {
                wrong.set(None);
                create.dispatch(spec);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let choices = peers
        .into_iter()
        .map(|peer| {
            let (key, same) = (peer.to_string(), peer.to_string());
            view! {
                <label class="check">
                    <input
                        type="checkbox"
                        name="peers"
                        value=peer.to_string()
                        prop:checked=move || form.peers.read().contains(&same)
                        on:change=move |_| toggle(form.peers, &key)
                    />
                    <span>{peer.to_string()}</span>
                </label>
            }
        })
        .collect_view();
    let members_wrong = wrong_on(wrong, "members");
    view! {
        <form method="post" class="card form" on:submit=submit>
            <h2>{tr(|t| t.create_channel)}</h2>
            <NeedsScript/>
            <TextField id="name" label=words(|t| t.name) value=form.name hint=words(|t| t.name_hint)
                error=wrong_on(wrong, "name") autocomplete="off"/>
            <fieldset class="field">
                <legend>{tr(|t| t.joining_peers)}</legend>
                {choices}
                <p class="field-hint">{tr(|t| t.joining_peers_hint)}</p>
                <p class="field-error" aria-live="polite">{move || members_wrong.get()}</p>
            </fieldset>
            <div class="row end">
                <button type="submit" class="button primary" disabled=move || create.pending().get()>
                    {tr(|t| t.create_channel)}
                </button>
            </div>
        </form>
    }
}

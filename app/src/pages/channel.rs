//! One channel: its peers, its anchor peers, and its configuration in force as a tree and as JSON.

use domain::chain::{ChainVerb, ChainView};
use domain::channel::{ChannelConfigView, ChannelPeer, ChannelView};
use domain::id::OperationId;
use domain::name::{NodeName, OrganizationName};
use leptos::prelude::*;
use serde_json::Value;

use super::{chain_name, channel_name, follow, not_found, parameter};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::api::channel::{channel_anchors, channel_config, channel_join, channel_list};
use crate::components::badge::{Tone, badge};
use crate::components::copy::CopyButton;
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::events;
use crate::layout::{chain_crumbs, section};
use crate::text::{tr, words};

/// What may be done to a peer here.
#[derive(Clone, Debug)]
enum Change {
    Join(NodeName),
    Anchor(OrganizationName, NodeName),
}

type Changes = Action<Change, Result<OperationId, ApiError>>;

/// The page.
#[component]
pub fn Channel() -> impl IntoView {
    let (chain, channel) = (parameter("name"), parameter("channel"));
    let tick = events::ticks(move |m| m.touches("chain", &chain.read_untracked()));
    let at = move || (chain.get(), channel.get(), tick.get());
    let data = Resource::new(at, |(chain, channel, _)| read(chain, channel));
    // The configuration is asked of a peer: one that is slow holds back its own card alone.
    let config = Resource::new(at, |(chain, channel, _)| async move {
        channel_config(chain_name(&chain)?, channel_name(&channel)?).await
    });
    let change: Changes = Action::new(move |change: &Change| {
        let (change, chain, channel) = (change.clone(), chain.get_untracked(), channel.get_untracked());
        async move {
            let (chain, channel) = (chain_name(&chain)?, channel_name(&channel)?);
            match change {
                Change::Join(peer) => channel_join(chain, channel, vec![peer]).await,
                Change::Anchor(organization, peer) => {
                    channel_anchors(chain, channel, organization, vec![peer]).await
                }
            }
        }
    });
    let refused = follow(change);
    view! {
        {load(data, move |(view, one), _| {
            let mut crumbs = chain_crumbs(view.summary.name.as_str());
            crumbs.push((words(|t| t.channels), format!("/chains/{}/channels", view.summary.name)));
            let may = view.verbs.contains(&ChainVerb::Update);
            view! {
                <Page title=Signal::stored(one.name.to_string()) crumbs=crumbs>
                    {peers(&one, may, change)}
                    <Notice error=refused/>
                </Page>
            }
            .into_any()
        })}
        {section(|t| t.configuration, config, |config, _| configuration(&config))}
    }
}

async fn read(chain: String, channel: String) -> Result<(ChainView, ChannelView), ApiError> {
    let (chain, channel) = (chain_name(&chain)?, channel_name(&channel)?);
    let view = chain_read(chain.clone()).await?;
    let found = channel_list(chain).await?.into_iter().find(|one| one.name == channel);
    Ok((view, found.ok_or_else(not_found)?))
}

fn peers(channel: &ChannelView, may: bool, change: Changes) -> AnyView {
    let rows = channel.peers.iter().map(|peer| peer_row(peer, may, change)).collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.peers)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.peers)}</th>
                        <th scope="col">{tr(|t| t.organization)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col" class="number">{tr(|t| t.height)}</th>
                        <th scope="col"></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn peer_row(peer: &ChannelPeer, may: bool, change: Changes) -> AnyView {
    let state = match peer.joined {
        Some(true) => badge((Tone::Good, |t| t.joined)),
        Some(false) => badge((Tone::Warn, |t| t.not_joined)),
        None => badge((Tone::Warn, |t| t.state_unknown)),
    };
    let wanted = match peer.joined {
        Some(true) => Some(Change::Anchor(peer.organization.clone(), peer.node.clone())),
        Some(false) => Some(Change::Join(peer.node.clone())),
        None => None,
    };
    let button = wanted.filter(|_| may).map(|wanted| {
        let label = match wanted {
            Change::Join(_) => tr(|t| t.join),
            Change::Anchor(..) => tr(|t| t.make_anchor),
        };
        let click = move |_| {
            if !change.pending().get_untracked() {
                change.dispatch(wanted.clone());
            }
        };
        view! {
            <button type="button" class="button small" disabled=move || change.pending().get() on:click=click>
                {label}
            </button>
        }
    });
    view! {
        <tr>
            <th scope="row">{peer.node.to_string()}</th>
            <td>{peer.organization.to_string()}</td>
            <td>{state}</td>
            <td class="number">{peer.height.map(|height| height.to_string())}</td>
            <td>{button}</td>
        </tr>
    }
    .into_any()
}

fn configuration(config: &ChannelConfigView) -> AnyView {
    let anchors = config
        .anchors
        .iter()
        .map(|(organization, anchors)| view! { <div>{organization.clone()} ": " {anchors.join(", ")}</div> })
        .collect_view();
    let tree = serde_json::from_str::<Value>(&config.json).map(|tree| branch(&tree, 0)).ok();
    view! {
        <dl class="facts">
            <dt>{tr(|t| t.sequence)}</dt>
            <dd>{config.sequence.to_string()}</dd>
            <dt>{tr(|t| t.anchor_peers)}</dt>
            <dd>{anchors}</dd>
        </dl>
        {tree}
        <details>
            <summary>"JSON"</summary>
            <CopyButton text=config.json.clone()/>
            <pre class="log-lines" tabindex="0">{config.json.clone()}</pre>
        </details>
    }
    .into_any()
}

/// A value of the tree; what has parts folds, and only the first levels are open.
fn branch(value: &Value, depth: usize) -> AnyView {
    match value {
        Value::Object(members) => {
            let items = members.iter().map(|(key, member)| leaf(key, member, depth)).collect_view();
            view! { <ul class="tree">{items}</ul> }.into_any()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().map(|(at, item)| leaf(&at.to_string(), item, depth));
            view! { <ul class="tree">{items.collect_view()}</ul> }.into_any()
        }
        Value::String(text) if text.contains('\n') => {
            view! { <pre class="log-lines" tabindex="0">{text.clone()}</pre> }.into_any()
        }
        Value::String(text) => view! { <code>{text.clone()}</code> }.into_any(),
        other => view! { <code>{other.to_string()}</code> }.into_any(),
    }
}

fn leaf(key: &str, value: &Value, depth: usize) -> AnyView {
    let plain = match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => !text.contains('\n'),
        _ => true,
    };
    if plain {
        return view! { <li>{key.to_owned()} ": " {branch(value, depth)}</li> }.into_any();
    }
    view! {
        <li>
            <details open={depth < 1}>
                <summary>{key.to_owned()}</summary>
                {branch(value, depth + 1)}
            </details>
        </li>
    }
    .into_any()
}

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
use crate::components::field::toggle;
use crate::components::load::{load, load_live_part, take_in};
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::events;
use crate::fetched::Fetched;
use crate::layout::{card, chain_crumbs};
use crate::text::{fill, say, tr, words};

/// What may be done to a peer here.
#[derive(Clone, Debug)]
enum Change {
    Join(NodeName),
    Anchors(OrganizationName, Vec<NodeName>),
}

type Changes = Action<Change, Result<OperationId, ApiError>>;

/// Which peers are ticked as anchor peers, as many of an organization as somebody likes.
#[derive(Clone, Copy)]
struct Anchors {
    ticked: RwSignal<Vec<NodeName>>,
    /// Sequence of the configuration that was taken over last.
    taken: StoredValue<Option<u64>>,
}

impl Anchors {
    /// None yet.
    fn none() -> Self {
        Self { ticked: RwSignal::new(Vec::new()), taken: StoredValue::new(None) }
    }

    /// Ticks those in force. A configuration is taken over once: what is ticked since then stays.
    fn take(self, config: &ChannelConfigView) {
        if self.taken.get_value() == Some(config.sequence) {
            return;
        }
        self.taken.set_value(Some(config.sequence));
        let addresses = config.anchors.iter().flat_map(|(_, addresses)| addresses);
        self.ticked.set(addresses.filter_map(|address| node_of(address)).collect());
    }

    /// Those of one organization, in the order of the table.
    fn of(self, organization: &OrganizationName, peers: &[ChannelPeer]) -> Vec<NodeName> {
        let ticked = self.ticked.get_untracked();
        let own = peers.iter().filter(|peer| peer.organization == *organization);
        own.map(|peer| peer.node.clone()).filter(|node| ticked.contains(node)).collect()
    }
}

/// The node behind an anchor peer's address: `peer0-org1:7051` is `peer0-org1`, and so is `peer0.org1.demo:7051`, as the
/// channels of former portals have it.
fn node_of(address: &str) -> Option<NodeName> {
    let name = address.split(':').next()?;
    match name.split_once('.') {
        Some((node, rest)) => NodeName::parse(&format!("{node}-{}", rest.split('.').next()?)).ok(),
        None => NodeName::parse(name).ok().filter(|_| name.contains('-')),
    }
}

/// The page.
#[component]
pub fn Channel() -> impl IntoView {
    let (chain, channel) = (parameter("name"), parameter("channel"));
    let tick = events::ticks(move |m| m.touches("chain", &chain.read_untracked()));
    let at = move || (chain.get(), channel.get(), tick.get());
    let data = Fetched::new(at, |(chain, channel, _)| read(chain, channel));
    // The configuration is asked of a peer: one that is slow holds back its own card alone.
    let config = Fetched::new(at, |(chain, channel, _)| async move {
        channel_config(chain_name(&chain)?, channel_name(&channel)?).await
    });
    let change: Changes = Action::new(move |change: &Change| {
        let (change, chain, channel) = (change.clone(), chain.get_untracked(), channel.get_untracked());
        async move {
            let (chain, channel) = (chain_name(&chain)?, channel_name(&channel)?);
            match change {
                Change::Join(peer) => channel_join(chain, channel, vec![peer]).await,
                Change::Anchors(organization, peers) => {
                    channel_anchors(chain, channel, organization, peers).await
                }
            }
        }
    });
    let refused = follow(change);
    let anchors = Anchors::none();
    view! {
        {load(data, move |(view, one), _| {
            let mut crumbs = chain_crumbs(view.summary.name.as_str());
            crumbs.push((words(|t| t.channels), format!("/chains/{}/channels", view.summary.name)));
            let may = view.verbs.contains(&ChainVerb::Update);
            view! {
                <Page title=Signal::stored(one.name.to_string()) crumbs=crumbs>
                    {peers(&one, may, change, anchors)}
                    <Notice error=refused/>
                </Page>
            }
            .into_any()
        })}
        {card(|t| t.configuration, load_live_part(config, move |config, _| shown(config, anchors)))}
    }
}

/// The configuration, put there anew only when it is another one: what somebody has unfolded stays so.
fn shown(config: RwSignal<ChannelConfigView>, anchors: Anchors) -> AnyView {
    take_in(move || config.with(|config| anchors.take(config)));
    let config = Memo::new(move |_| config.get());
    view! { {move || config.with(configuration)} }.into_any()
}

async fn read(chain: String, channel: String) -> Result<(ChainView, ChannelView), ApiError> {
    let (chain, channel) = (chain_name(&chain)?, channel_name(&channel)?);
    let view = chain_read(chain.clone()).await?;
    let found = channel_list(chain).await?.into_iter().find(|one| one.name == channel);
    Ok((view, found.ok_or_else(not_found)?))
}

fn peers(channel: &ChannelView, may: bool, change: Changes, anchors: Anchors) -> AnyView {
    let rows = channel.peers.iter().map(|peer| peer_row(peer, may, change, anchors)).collect_view();
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
        {may.then(|| anchor_buttons(channel, change, anchors))}
    }
    .into_any()
}

fn peer_row(peer: &ChannelPeer, may: bool, change: Changes, anchors: Anchors) -> AnyView {
    let state = match peer.joined {
        Some(true) => badge((Tone::Good, |t| t.joined)),
        Some(false) => badge((Tone::Warn, |t| t.not_joined)),
        None => badge((Tone::Warn, |t| t.state_unknown)),
    };
    let choice = match peer.joined.filter(|_| may) {
        Some(true) => Some(anchor_choice(&peer.node, anchors)),
        Some(false) => Some(button(words(|t| t.join), change, {
            let node = peer.node.clone();
            move || Change::Join(node.clone())
        })),
        None => None,
    };
    view! {
        <tr>
            <th scope="row">{peer.node.to_string()}</th>
            <td>{peer.organization.to_string()}</td>
            <td>{state}</td>
            <td class="number">{peer.height.map(|height| height.to_string())}</td>
            <td>{choice}</td>
        </tr>
    }
    .into_any()
}

/// Whether a peer shall be an anchor peer.
fn anchor_choice(node: &NodeName, anchors: Anchors) -> AnyView {
    let (name, key, same) = (node.to_string(), node.clone(), node.clone());
    let label = say(move |t| format!("{}: {name}", t.anchor_peer));
    view! {
        <label class="check">
            <input
                type="checkbox"
                name="anchors"
                value=node.to_string()
                aria-label=label
                prop:checked=move || anchors.ticked.read().contains(&same)
                on:change=move |_| toggle(anchors.ticked, &key)
            />
            <span>{tr(|t| t.anchor_peer)}</span>
        </label>
    }
    .into_any()
}

/// A button per organization: each one signs for its own anchor peers.
fn anchor_buttons(channel: &ChannelView, change: Changes, anchors: Anchors) -> AnyView {
    let buttons = channel
        .organizations
        .iter()
        .map(|organization| {
            let (name, peers) = (organization.to_string(), channel.peers.clone());
            let label = say(move |t| fill(t.set_anchors, &[("organization", name.clone())]));
            let organization = organization.clone();
            let wanted = move || Change::Anchors(organization.clone(), anchors.of(&organization, &peers));
            button(Signal::derive(label), change, wanted)
        })
        .collect_view();
    view! {
        <NeedsScript/>
        <div class="row">{buttons}</div>
    }
    .into_any()
}

fn button(label: Signal<String>, change: Changes, wanted: impl Fn() -> Change + 'static) -> AnyView {
    let click = move |_| {
        if !change.pending().get_untracked() {
            change.dispatch(wanted());
        }
    };
    view! {
        <button type="button" class="button small" disabled=move || change.pending().get() on:click=click>
            {label}
        </button>
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchor_peers_are_known_by_their_address() {
        assert_eq!(node_of("peer0.org1.demo:7051").unwrap().as_str(), "peer0-org1");
        assert_eq!(node_of("peer1.big-org.my-chain:7051").unwrap().as_str(), "peer1-big-org");
        assert_eq!(node_of("peer1-big-org:7051").unwrap().as_str(), "peer1-big-org");
        assert_eq!(node_of("localhost:7051"), None);
    }
}

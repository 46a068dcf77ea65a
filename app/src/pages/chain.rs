//! One chain: its health, its picture, its nodes, and what may be done to it as a whole.

use domain::chain::{ChainSummary, ChainVerb, ChainView};
use domain::id::OperationId;
use domain::name::{ChainName, NodeName};
use domain::node::NodeView;
use domain::permission::Grant;
use leptos::prelude::*;

use super::node::forget_figures;
use super::{chain_name, follow, parameter};
use crate::api::ApiError;
use crate::api::chain::{
    chain_delete, chain_delete_claimed, chain_history, chain_read, chain_restart, chain_start, chain_stop,
};
use crate::components::badge::{badge, chain_state, health, node_kind, node_state};
use crate::components::copy::Copyable;
use crate::components::dialog::Confirm;
use crate::components::history;
use crate::components::load::load_live;
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::prove;
use crate::components::reason::{ailment_item, reason_text};
use crate::components::time::{Time, bytes, cores};
use crate::components::topology::topology;
use crate::events;
use crate::fetched::Fetched;
use crate::layout::{chain_tabs, section};
use crate::text::{say, tr, words};

mod access;
mod downloads;
mod holder;

/// What the peers of every chain keep their state in: there is no other choice yet.
pub(super) const STATE_DATABASE: &str = "LevelDB";

/// A wish about the chain as a whole, with what was typed for it, whether data shall be kept, and whether it is known that
/// somebody owns the chain.
type Wish = (ChainVerb, String, bool, bool);

/// What the buttons depend on besides the verbs: whether data is in folders, and whether somebody owns the chain.
type Standing = (bool, bool);

/// The page.
#[component]
pub fn Chain() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let chain = Fetched::new(
        move || (name.get(), tick.get()),
        |(name, _)| async move { chain_read(chain_name(&name)?).await },
    );
    let whole = history::whole();
    let changes = Fetched::new(
        move || (name.get(), tick.get(), whole.get()),
        |(name, _, whole)| async move { chain_history(chain_name(&name)?, whole).await },
    );
    let action = Action::new(move |wish: &Wish| {
        let wish = wish.clone();
        let name = name.get_untracked();
        async move { carry_out(chain_name(&name)?, wish).await }
    });
    let refused = follow(action);
    let asked = Asked { typed: RwSignal::new(String::new()), keep_data: RwSignal::new(false) };
    let access = access::Access::new(name);
    let proof = prove::guard(action);
    let holder = holder::Holder::new(tick);
    let page = load_live(chain, move |data: RwSignal<ChainView>, _| {
        let chain = data.with_untracked(|chain| chain.summary.name.clone());
        let name = chain.to_string();
        // Where somebody types or answers a question, only what it depends on puts it there anew.
        let verbs = Memo::new(move |_| {
            data.with(|chain| (chain.verbs.clone(), (chain.keeps_folders, chain.summary.owner.is_some())))
        });
        let offer = Memo::new(move |_| data.with(downloads::offer));
        // Figures change all the time, each in its own place: whoever selects something beside them keeps it.
        let still = Memo::new(move |_| data.with(without_figures));
        events::pulse(tick, move || data.track());
        let may_give = Memo::new(move |_| data.with(|chain| chain.grant >= Grant::Manage));
        let people = access.people(&chain, may_give);
        let held = holder.held(&chain);
        let (of_buttons, of_files) = (name.clone(), name.clone());
        let actions =
            move || verbs.with(|(verbs, standing)| buttons(&of_buttons, verbs, *standing, action, asked));
        view! {
            <Page
                title=Signal::stored(name.clone())
                crumbs=vec![(words(|t| t.chains), "/chains".to_owned())]
                actions=actions.into_any()
            >
                {chain_tabs(&name)}
                <Notice error=refused/>
                {holder.card(&chain, held)}
                {move || still.with(|chain| body(chain, data))}
                {section(|t| t.history().of_chain, changes, move |changes, _| {
                    history::of_chain(changes, whole.get_untracked())
                })}
                {move || offer.with(|offer| downloads::downloads(&of_files, offer))}
                <Show when=move || may_give.get()>{access.card(&chain, people)}</Show>
            </Page>
        }
        .into_any()
    });
    view! { {page} {proof} }
}

/// What is answered in the dialog before a deletion. It outlives the dialog, which may be drawn anew meanwhile.
#[derive(Clone, Copy)]
struct Asked {
    typed: RwSignal<String>,
    keep_data: RwSignal<bool>,
}

async fn carry_out(name: ChainName, wish: Wish) -> Result<OperationId, ApiError> {
    let (verb, typed, keep_data, claimed) = wish;
    match verb {
        ChainVerb::Start => chain_start(name).await,
        ChainVerb::Stop => chain_stop(name).await,
        ChainVerb::Restart => chain_restart(name).await,
        ChainVerb::Delete if claimed => chain_delete_claimed(name, typed, keep_data).await,
        ChainVerb::Delete => chain_delete(name, typed, keep_data).await,
        // Of one node, or of a channel, and not offered here.
        ChainVerb::Resize | ChainVerb::Update | ChainVerb::Transact => Err(super::not_found()),
    }
}

fn buttons(
    name: &str,
    verbs: &[ChainVerb],
    (has_folders, claimed): Standing,
    action: Action<Wish, Result<OperationId, ApiError>>,
    asked: Asked,
) -> AnyView {
    let has = |verb: ChainVerb| verbs.contains(&verb);
    let act = move |verb: ChainVerb| {
        Callback::new(move |typed: String| {
            let keep_data = has_folders && asked.keep_data.get_untracked();
            action.dispatch((verb, typed, keep_data, claimed));
        })
    };
    let start = has(ChainVerb::Start).then(|| {
        let start = act(ChainVerb::Start);
        view! {
            <button type="button" class="button primary" disabled=move || action.pending().get()
                on:click=move |_| start.run(String::new())>
                {tr(|t| t.start)}
            </button>
        }
    });
    let invoke = has(ChainVerb::Transact).then(|| {
        view! { <a class="button" href=format!("/chains/{name}/invoke")>{tr(|t| t.invoke)}</a> }
    });
    let stop = has(ChainVerb::Stop).then(|| {
        view! {
            <Confirm label=words(|t| t.stop) impact=vec![words(|t| t.stop_impact)] confirm=act(ChainVerb::Stop)/>
        }
    });
    let restart = has(ChainVerb::Restart).then(|| {
        view! {
            <Confirm label=words(|t| t.restart) impact=vec![words(|t| t.restart_impact)]
                confirm=act(ChainVerb::Restart)/>
        }
    });
    let (erased, kept) = (words(|t| t.delete_impact_data), words(|t| t.cluster().keep_impact_data));
    let stays = move || has_folders && asked.keep_data.get();
    let of_data = Signal::derive(move || if stays() { kept.get() } else { erased.get() });
    let mut impact = vec![words(|t| t.delete_impact_nodes), of_data, words(|t| t.delete_impact_keys)];
    if claimed {
        impact.push(words(|t| t.holder().delete_claimed));
    }
    let delete = has(ChainVerb::Delete).then(|| {
        view! {
            <Confirm label=words(|t| t.delete) impact=impact name=name.to_owned() typed=asked.typed danger=true
                choice=has_folders.then_some(asked.keep_data) confirm=act(ChainVerb::Delete)/>
        }
    });
    view! { {invoke} {start} {stop} {restart} {delete} }.into_any()
}

/// A chain without what changes all the time.
fn without_figures(chain: &ChainView) -> ChainView {
    let mut still = chain.clone();
    still.summary.health.checked_ms = None;
    still.nodes.iter_mut().for_each(forget_figures);
    still
}

/// What the page shows; figures are taken from the newest reading.
fn body(chain: &ChainView, newest: RwSignal<ChainView>) -> AnyView {
    let summary = &chain.summary;
    let reasons = summary.health.ailments.iter().map(ailment_item).collect_view();
    let checked = move || {
        newest.with(|chain| chain.summary.health.checked_ms).map(|ms| {
            view! { <span class="muted small">{tr(|t| t.checked)} " " <Time ms=ms/></span> }
        })
    };
    let since = summary.health.since_ms.map(|ms| {
        view! { <span class="muted small">{tr(|t| t.since)} " " <Time ms=ms/></span> }
    });
    // A chain at rest names its last operation among its facts.
    let has_failed = summary.operation_failed;
    let operation = summary.operation.as_ref().map(|id| {
        let (failed, busy) = (tr(|t| t.operation_failed), tr(|t| t.chain_is_busy));
        let class = if has_failed { "notice notice-bad" } else { "notice" };
        let what = move || if has_failed { failed() } else { busy() };
        view! {
            <p class=class>
                {what} " " <a href=format!("/operations/{id}")>{tr(|t| t.see_operation)}</a>
            </p>
        }
    });
    view! {
        {operation}
        <section class="card">
            <p class="row">{badge(chain_state(summary.state))} {badge(health(&summary.health))} {since} {checked}</p>
            <ul class="reasons">{reasons}</ul>
            {facts(chain)}
        </section>
        <section class="card">
            <h2>{tr(|t| t.topology)}</h2>
            {topology(chain)}
        </section>
        <section class="card">
            <h2>{tr(|t| t.nodes)}</h2>
            {node_table(chain, newest)}
        </section>
    }
    .into_any()
}

/// Whether it was made for the pool, and from what.
fn pooled(summary: &ChainSummary) -> Option<AnyView> {
    let template = summary.pool.as_ref()?;
    let is_free = summary.owner.is_none();
    let (free, owned) = (tr(|t| t.template().in_pool_free), tr(|t| t.template().in_pool_owned));
    let place = move || if is_free { free() } else { owned() };
    let view = view! {
        <dt>{tr(|t| t.template().pool)}</dt>
        <dd>{place} " " <a href=format!("/templates/{template}")>{template.to_string()}</a></dd>
    };
    Some(view.into_any())
}

fn facts(chain: &ChainView) -> AnyView {
    let (summary, spec) = (&chain.summary, &chain.spec);
    let consensus = match spec.consensus {
        domain::chain::Consensus::Raft => "Raft",
        domain::chain::Consensus::Bft => "BFT",
    };
    view! {
        <dl class="facts">
            <dt>{tr(|t| t.host)}</dt>
            <dd><a href=format!("/hosts/{}", summary.host)>{summary.host_name.clone()}</a></dd>
            <dt>{tr(|t| t.fabric_version)}</dt>
            <dd>{summary.version.as_str()}</dd>
            <dt>{tr(|t| t.consensus)}</dt>
            <dd>{consensus} " × " {spec.orderers.to_string()}</dd>
            <dt>{tr(|t| t.state_database)}</dt>
            <dd>{STATE_DATABASE}</dd>
            <dt>{tr(|t| t.first_channel)}</dt>
            <dd>{spec.channel.to_string()}</dd>
            <dt>{tr(|t| t.batch_timeout)}</dt>
            <dd>{spec.batch_timeout_ms.to_string()} " ms"</dd>
            <dt>{tr(|t| t.created)}</dt>
            <dd><Time ms=summary.created_ms/></dd>
            {pooled(summary)}
            {chain.last_operation.as_ref().map(|id| view! {
                <dt>{tr(|t| t.last_operation)}</dt>
                <dd><a href=format!("/operations/{id}")>{tr(|t| t.see_operation)}</a></dd>
            })}
        </dl>
    }
    .into_any()
}

/// A figure of a node; empty while it is not known.
fn figure(
    newest: RwSignal<ChainView>,
    name: NodeName,
    read: fn(&NodeView) -> String,
) -> impl Fn() -> String + Send + Sync + 'static {
    move || {
        newest.with(|chain| {
            let node = chain.nodes.iter().find(|node| node.name == name);
            node.map(read).unwrap_or_default()
        })
    }
}

fn node_table(chain: &ChainView, newest: RwSignal<ChainView>) -> AnyView {
    let has_machines = chain.nodes.iter().any(|node| node.machine.is_some());
    let rows = chain.nodes.iter().map(|node| node_row(chain, node, newest, has_machines)).collect_view();
    let machine = has_machines.then(|| view! { <th scope="col">{tr(|t| t.node().machine)}</th> });
    let label = say(|t| t.nodes.to_owned());
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=label>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.kind)}</th>
                        <th scope="col">{tr(|t| t.organization)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col" class="number">{tr(|t| t.node().restarts)}</th>
                        {machine}
                        <th scope="col">{tr(|t| t.endpoint)}</th>
                        <th scope="col">{tr(|t| t.height)}</th>
                        <th scope="col" class="number">{tr(|t| t.cpu)}</th>
                        <th scope="col" class="number">{tr(|t| t.memory)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn node_row(chain: &ChainView, node: &NodeView, newest: RwSignal<ChainView>, has_machines: bool) -> AnyView {
    let endpoints = node
        .endpoints
        .iter()
        .map(|(known_as, address)| {
            view! { <div title=known_as.clone()><Copyable text=address.clone()/></div> }
        })
        .collect_view();
    let of_node = |read: fn(&NodeView) -> String| figure(newest, node.name.clone(), read);
    let heights =
        of_node(|node| node.heights.iter().map(|(c, h)| format!("{c}: {h}")).collect::<Vec<_>>().join(", "));
    let cpu = of_node(|node| node.cpu_milli.map(cores).unwrap_or_default());
    let memory = of_node(|node| node.memory_bytes.map(bytes).unwrap_or_default());
    // Nothing stands out where nothing happened.
    let restarts = of_node(|node| if node.restarts == 0 { String::new() } else { node.restarts.to_string() });
    let machine = has_machines.then(|| {
        let machine = node.machine.as_ref();
        let address = machine.and_then(|machine| machine.address.clone());
        view! { <td title=address>{machine.map(|machine| machine.name.clone())}</td> }
    });
    let reason = node.reason.as_ref().map(|reason| {
        view! { <div class="muted small">{tr(reason_text(reason.kind))}</div> }
    });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/chains/{}/nodes/{}", chain.summary.name, node.name)>
                    {node.name.to_string()}
                </a>
            </th>
            <td>{tr(node_kind(node.kind))}</td>
            <td>{node.organization.as_ref().map(ToString::to_string)}</td>
            <td>{badge(node_state(node.state))} {reason}</td>
            <td class="number">{restarts}</td>
            {machine}
            <td>{endpoints}</td>
            <td>{heights}</td>
            <td class="number">{cpu}</td>
            <td class="number">{memory}</td>
        </tr>
    }
    .into_any()
}

//! One node of a chain: its facts and its log.

use domain::chain::{ChainVerb, ChainView};
use domain::node::NodeView;
use leptos::prelude::*;

use super::{chain_name, not_found, parameter};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::components::badge::{badge, node_kind, node_state};
use crate::components::copy::Copyable;
use crate::components::field::SelectField;
use crate::components::load::load_live;
use crate::components::log_view::{Lines, LogState, LogView};
use crate::components::notice::problem_note;
use crate::components::page::Page;
use crate::components::reason::node_reason;
use crate::components::time::{Time, bytes, cores};
use crate::events;
use crate::fetched::Fetched;
use crate::layout::chain_crumbs;
use crate::text::{Text, fill, say, tr, words};

mod resize;
mod stream;

use resize::{Resize, cpu_text};
use stream::LogStream;

/// The node, and whether whoever looks may resize it now.
type Seen = (NodeView, bool);

/// The page.
#[component]
pub fn Node() -> impl IntoView {
    let (chain, node) = (parameter("name"), parameter("node"));
    let tick = events::ticks(move |m| m.touches("chain", &chain.read_untracked()));
    let data = Fetched::new(
        move || (chain.get(), node.get(), tick.get()),
        |(chain, node, _)| async move {
            let view = chain_read(chain_name(&chain)?).await?;
            find(view, &node)
        },
    );
    let earlier = RwSignal::new(0);
    let resize = Resize::new(chain, node);
    view! {
        {load_live(data, move |one: RwSignal<Seen>, _| {
            events::pulse(tick, move || one.track());
            // The log is the browser's matter, and so is what it offers.
            Effect::new(move |_| earlier.set(one.with(|(node, _)| earlier_process(node))));
            // Figures change all the time, each in its own place: whoever selects something beside them keeps it.
            let still = Memo::new(move |_| one.with(|(node, _)| without_figures(node)));
            view! {
                <Page title=Signal::derive(move || node.get()) crumbs=chain_crumbs(&chain.get_untracked())>
                    {move || still.with(|node| facts(node, one))}
                    {resize.card(one)}
                </Page>
            }
            .into_any()
        })}
        <Logs chain=chain node=node earlier=earlier/>
    }
}

fn find(chain: ChainView, name: &str) -> Result<Seen, ApiError> {
    let may_resize = chain.verbs.contains(&ChainVerb::Resize);
    let node = chain.nodes.into_iter().find(|node| node.name.as_str() == name);
    node.map(|node| (node, may_resize)).ok_or_else(not_found)
}

/// Takes out of a node what changes all the time.
pub(super) fn forget_figures(node: &mut NodeView) {
    node.heights.clear();
    (node.cpu_milli, node.memory_bytes) = (None, None);
    (node.started_ms, node.restarts, node.exit_code) = (None, 0, None);
}

fn without_figures(node: &NodeView) -> NodeView {
    let mut still = node.clone();
    forget_figures(&mut still);
    still
}

/// What the page shows; figures are taken from the newest reading.
fn facts(node: &NodeView, newest: RwSignal<Seen>) -> AnyView {
    let endpoints = node
        .endpoints
        .iter()
        .map(|(known_as, address)| {
            view! { <div><span class="muted">{known_as.clone()}</span> " " <Copyable text=address.clone()/></div> }
        })
        .collect_view();
    let heights = move || {
        let height = |(c, h): &(String, u64)| view! { <div>{c.clone()} ": " {h.to_string()}</div> };
        newest.with(|(node, _)| node.heights.iter().map(height).collect_view())
    };
    let cpu = move || newest.with(|(node, _)| node.cpu_milli).map_or_else(|| "–".to_owned(), cores);
    let memory = move || newest.with(|(node, _)| node.memory_bytes).map_or_else(|| "–".to_owned(), bytes);
    let limits = node.resources.map(|limits| {
        let value = move |t: &'static Text| {
            let memory = limits.memory_mib.to_string();
            fill(t.node().limits_value, &[("cpu", cpu_text(limits)), ("memory", memory)])
        };
        view! { <dt>{tr(|t| t.node().limits)}</dt> <dd data-test="limits">{say(value)}</dd> }
    });
    let problem = node.problem.clone().map(|problem| problem_note(problem.into()));
    view! {
        {problem}
        <section class="card">
            <dl class="facts">
                <dt>{tr(|t| t.state)}</dt>
                <dd>{badge(node_state(node.state))} {node.reason.as_ref().map(node_reason)}</dd>
                {process(newest)}
                <dt>{tr(|t| t.kind)}</dt>
                <dd>{tr(node_kind(node.kind))}</dd>
                <dt>{tr(|t| t.organization)}</dt>
                <dd>{node.organization.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)}</dd>
                <dt>{tr(|t| t.endpoint)}</dt>
                <dd>{endpoints}</dd>
                {place(node)}
                <dt>{tr(|t| t.height)}</dt>
                <dd>{heights}</dd>
                <dt>{tr(|t| t.cpu)}</dt>
                <dd>{cpu}</dd>
                <dt>{tr(|t| t.memory)}</dt>
                <dd>{memory}</dd>
                {limits}
                <dt>{tr(|t| t.image)}</dt>
                <dd><Copyable text=node.image.clone()/></dd>
            </dl>
        </section>
    }
    .into_any()
}

/// The node's process, as the newest reading tells it.
fn process(newest: RwSignal<Seen>) -> AnyView {
    let started = Memo::new(move |_| newest.with(|(node, _)| node.started_ms));
    let exit = Memo::new(move |_| newest.with(|(node, _)| node.exit_code));
    let restarts = move || newest.with(|(node, _)| node.restarts.to_string());
    let started_at = move || started.get().map(|ms| view! { <Time ms=ms/> });
    let exited = move || {
        exit.get().map(|code| {
            let code = say(move |t| fill(t.node().exit_code_n, &[("n", code.to_string())]));
            view! {
                <dt>{tr(|t| t.node().last_exit)}</dt>
                <dd>{code}</dd>
            }
        })
    };
    view! {
        <dt>{tr(|t| t.started)}</dt>
        <dd>{started_at} {move || started.get().is_none().then_some("–")}</dd>
        <dt>{tr(|t| t.node().restarts)}</dt>
        <dd>{restarts}</dd>
        {exited}
    }
    .into_any()
}

/// The machine that the node runs on, where there is a choice, and its ports.
fn place(node: &NodeView) -> AnyView {
    let machine = node.machine.as_ref().map(|machine| {
        let address = machine.address.clone().map(|address| view! { " " <code>{address}</code> });
        view! {
            <dt>{tr(|t| t.node().machine)}</dt>
            <dd>{machine.name.clone()} {address}</dd>
        }
    });
    let ports = (!node.ports.is_empty()).then(|| {
        let row = |(own, address): &(u16, String)| {
            view! { <div>{own.to_string()} " → " <code>{address.clone()}</code></div> }
        };
        view! {
            <dt>{tr(|t| t.ports)}</dt>
            <dd>{node.ports.iter().map(row).collect_view()}</dd>
        }
    });
    view! { {machine} {ports} }.into_any()
}

/// Which process came before the one that runs now, if its lines are kept apart; zero if none did.
fn earlier_process(node: &NodeView) -> u32 {
    if node.has_earlier_log() { node.restarts } else { 0 }
}

/// The log, streamed to the browser only: an engine that is slow must not hold back the page. `earlier`: which process
/// came before this one, of those whose lines are there; zero if none is.
#[component]
fn Logs(chain: Memo<String>, node: Memo<String>, earlier: RwSignal<u32>) -> impl IntoView {
    let tail = RwSignal::new("200".to_owned());
    let process = RwSignal::new(NOW.to_owned());
    let previous = Memo::new(move |_| earlier.get() != 0 && process.with(|process| process == BEFORE));
    // When the node restarts once more, the process before is another one; the stream of what it writes now goes on.
    let shown = Memo::new(move |_| if previous.get() { earlier.get() } else { 0 });
    let state = LogState::new();
    let stream = LogStream::new();
    let lines = RwSignal::new(Lines::default());
    Effect::new(move |_| {
        let which = if shown.get() != 0 { "&previous=1" } else { "" };
        let address = format!("/chains/{}/nodes/{}/logs?tail={}{which}", chain.get(), node.get(), tail.get());
        lines.set(Lines::default());
        state.show_newest();
        stream.open(&address, lines);
    });
    // Over HTTP/1.1 a browser has six connections to the portal: tabs that nobody looks at must not hold them.
    Effect::new(move |_| {
        let listener = window_event_listener_untyped("visibilitychange", move |_| stream.look(lines));
        on_cleanup(move || listener.remove());
    });
    on_cleanup(move || stream.close());
    let choices: Vec<(String, String)> =
        ["50", "200", "1000", "10000", "100000"].map(|n| (n.to_owned(), n.to_owned())).into();
    let download = move || {
        let which = if previous.get() { "?previous=1" } else { "" };
        format!("/chains/{}/nodes/{}/log.txt{which}", chain.get(), node.get())
    };
    let pause_label = move || if stream.paused.get() { tr(|t| t.go_on)() } else { tr(|t| t.pause)() };
    view! {
        <section class="card">
            <h2>{tr(|t| t.logs)}</h2>
            <div class="row">
                <div class="narrow">
                    <SelectField id="tail" label=words(|t| t.tail) value=tail
                        options=Signal::stored(choices.clone())/>
                </div>
                {process_choice(earlier, process)}
                <button
                    type="button"
                    class="button"
                    aria-pressed=move || stream.paused.get().to_string()
                    on:click=move |_| stream.toggle(lines)
                >
                    {pause_label}
                </button>
                <a class="button" href=download rel="external">{tr(|t| t.download)}</a>
            </div>
            {remarks(stream, lines, previous)}
            <LogView id="node-log" lines=lines state=state/>
        </section>
    }
}

/// The choice of the process whose lines are shown.
const NOW: &str = "now";
const BEFORE: &str = "before";

/// Offered only where there is a choice.
fn process_choice(earlier: RwSignal<u32>, process: RwSignal<String>) -> AnyView {
    let label = words(|t| t.node().which_process);
    let (now, before) = (words(|t| t.node().process_now), words(|t| t.node().process_before));
    let options =
        Signal::derive(move || vec![(NOW.to_owned(), now.get()), (BEFORE.to_owned(), before.get())]);
    view! {
        <Show when=move || earlier.get() != 0>
            <div class="narrow">
                <SelectField id="process" label=label value=process options=options/>
            </div>
        </Show>
    }
    .into_any()
}

/// What is to be said of the lines beside them.
fn remarks(stream: LogStream, lines: RwSignal<Lines>, previous: Memo<bool>) -> AnyView {
    let waiting = say(move |t| fill(t.waiting_lines, &[("n", stream.waiting.get().to_string())]));
    let has_none = move || previous.get() && stream.over.get() && lines.with(Lines::is_empty);
    view! {
        <p class="muted" aria-live="polite">
            {move || (stream.waiting.get() != 0).then(&waiting)}
        </p>
        <Show when=has_none>
            <p class="muted">{tr(|t| t.node().no_earlier_lines)}</p>
        </Show>
        <Show when=move || stream.lost.get()>
            <p class="notice">{tr(|t| t.stream_lost)}</p>
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::id::HostId;
    use domain::name::NodeName;
    use domain::node::{NodeKind, NodeState};

    use super::*;

    #[test]
    fn only_what_is_no_figure_puts_the_page_there_anew() {
        let before = NodeView {
            name: NodeName::parse("peer0-org1").unwrap(),
            kind: NodeKind::Peer,
            organization: None,
            host: HostId::new("h"),
            endpoints: Vec::new(),
            state: NodeState::Running,
            reason: None,
            problem: None,
            heights: vec![("mychannel".to_owned(), 7)],
            cpu_milli: Some(100),
            memory_bytes: None,
            resources: None,
            image: String::new(),
            started_ms: None,
            restarts: 1,
            exit_code: None,
            machine: None,
            ports: Vec::new(),
        };
        let mut after = before.clone();
        (after.heights, after.cpu_milli, after.memory_bytes) = (Vec::new(), Some(200), Some(1));
        (after.started_ms, after.restarts, after.exit_code) = (Some(1), 2, Some(3));
        assert_eq!(without_figures(&before), without_figures(&after));
        after.state = NodeState::Stopped;
        assert_ne!(without_figures(&before), without_figures(&after));
    }
}

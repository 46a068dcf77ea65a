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
use crate::components::time::{bytes, cores};
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
    let resize = Resize::new(chain, node);
    view! {
        {load_live(data, move |one: RwSignal<Seen>, _| {
            events::pulse(tick, move || one.track());
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
        <Logs chain=chain node=node/>
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
            fill(t.node.limits_value, &[("cpu", cpu_text(limits)), ("memory", memory)])
        };
        view! { <dt>{tr(|t| t.node.limits)}</dt> <dd data-test="limits">{say(value)}</dd> }
    });
    let problem = node.problem.clone().map(|problem| problem_note(problem.into()));
    view! {
        {problem}
        <section class="card">
            <dl class="facts">
                <dt>{tr(|t| t.state)}</dt>
                <dd>{badge(node_state(node.state))} " " <span lang="en">{node.reason.clone()}</span></dd>
                <dt>{tr(|t| t.kind)}</dt>
                <dd>{tr(node_kind(node.kind))}</dd>
                <dt>{tr(|t| t.organization)}</dt>
                <dd>{node.organization.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)}</dd>
                <dt>{tr(|t| t.endpoint)}</dt>
                <dd>{endpoints}</dd>
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

/// The log, streamed to the browser only: an engine that is slow must not hold back the page.
#[component]
fn Logs(chain: Memo<String>, node: Memo<String>) -> impl IntoView {
    let tail = RwSignal::new("200".to_owned());
    let state = LogState::new();
    let stream = LogStream::new();
    let lines = RwSignal::new(Lines::default());
    Effect::new(move |_| {
        let address = format!("/chains/{}/nodes/{}/logs?tail={}", chain.get(), node.get(), tail.get());
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
    let download = move || format!("/chains/{}/nodes/{}/log.txt", chain.get(), node.get());
    let waiting = say(move |t| fill(t.waiting_lines, &[("n", stream.waiting.get().to_string())]));
    let pause_label = move || if stream.paused.get() { tr(|t| t.go_on)() } else { tr(|t| t.pause)() };
    view! {
        <section class="card">
            <h2>{tr(|t| t.logs)}</h2>
            <div class="row">
                <div class="narrow">
                    <SelectField id="tail" label=words(|t| t.tail) value=tail
                        options=Signal::stored(choices.clone())/>
                </div>
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
            <p class="muted" aria-live="polite">
                {move || (stream.waiting.get() != 0).then(&waiting)}
            </p>
            <Show when=move || stream.lost.get()>
                <p class="notice">{tr(|t| t.stream_lost)}</p>
            </Show>
            <LogView id="node-log" lines=lines state=state/>
        </section>
    }
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
        };
        let mut after = before.clone();
        (after.heights, after.cpu_milli, after.memory_bytes) = (Vec::new(), Some(200), Some(1));
        assert_eq!(without_figures(&before), without_figures(&after));
        after.state = NodeState::Stopped;
        assert_ne!(without_figures(&before), without_figures(&after));
    }
}

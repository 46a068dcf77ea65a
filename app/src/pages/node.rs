//! One node of a chain: its facts and its log.

use std::time::Duration;

use domain::chain::ChainView;
use domain::name::NodeName;
use domain::node::NodeView;
use leptos::prelude::*;

use super::{chain_name, not_found, parameter, refusal};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::api::node::node_logs;
use crate::components::badge::{badge, node_state};
use crate::components::copy::Copyable;
use crate::components::field::SelectField;
use crate::components::load::load;
use crate::components::log_view::{LogState, LogView};
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::time::bytes;
use crate::events;
use crate::layout::chain_crumbs;
use crate::text::{tr, words};

/// How often a followed log is read again.
const POLL: Duration = Duration::from_secs(2);

/// The page.
#[component]
pub fn Node() -> impl IntoView {
    let (chain, node) = (parameter("name"), parameter("node"));
    let tick = events::ticks(move |m| m.touches("chain", &chain.read_untracked()));
    let data = Resource::new(
        move || (chain.get(), node.get(), tick.get()),
        |(chain, node, _)| async move {
            let view = chain_read(chain_name(&chain)?).await?;
            find(view, &node)
        },
    );
    view! {
        {load(data, move |one, _| {
            view! {
                <Page title=Signal::derive(move || node.get()) crumbs=chain_crumbs(&chain.get_untracked())>
                    {facts(&one)}
                </Page>
            }
            .into_any()
        })}
        <Logs chain=chain node=node/>
    }
}

fn find(chain: ChainView, name: &str) -> Result<NodeView, ApiError> {
    chain.nodes.into_iter().find(|node| node.name.as_str() == name).ok_or_else(not_found)
}

fn facts(node: &NodeView) -> AnyView {
    let endpoints = node
        .endpoints
        .iter()
        .map(|(known_as, address)| {
            view! { <div><span class="muted">{known_as.clone()}</span> " " <Copyable text=address.clone()/></div> }
        })
        .collect_view();
    let heights = node.heights.iter().map(|(c, h)| view! { <div>{c.clone()} ": " {h.to_string()}</div> });
    view! {
        <section class="card">
            <dl class="facts">
                <dt>{tr(|t| t.state)}</dt>
                <dd>{badge(node_state(node.state))} " " {node.reason.clone()}</dd>
                <dt>{tr(|t| t.kind)}</dt>
                <dd>{node.kind.as_str()}</dd>
                <dt>{tr(|t| t.organization)}</dt>
                <dd>{node.organization.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)}</dd>
                <dt>{tr(|t| t.endpoint)}</dt>
                <dd>{endpoints}</dd>
                <dt>{tr(|t| t.height)}</dt>
                <dd>{heights.collect_view()}</dd>
                <dt>{tr(|t| t.memory)}</dt>
                <dd>{node.memory_bytes.map_or_else(|| "–".to_owned(), bytes)}</dd>
                <dt>{tr(|t| t.image)}</dt>
                <dd><Copyable text=node.image.clone()/></dd>
            </dl>
        </section>
    }
    .into_any()
}

/// The log, read from the browser only: an engine that is slow must not hold back the page.
#[component]
fn Logs(chain: Memo<String>, node: Memo<String>) -> impl IntoView {
    let tail = RwSignal::new("200".to_owned());
    let state = LogState::new();
    let lines = RwSignal::new(Vec::<String>::new());
    let read = Action::new(move |(): &()| {
        let (chain, node, tail) = (chain.get_untracked(), node.get_untracked(), tail.get_untracked());
        async move {
            let node = NodeName::parse(&node).map_err(|_| not_found())?;
            node_logs(chain_name(&chain)?, node, tail.parse().unwrap_or(200)).await
        }
    });
    let refused = refusal(read);
    Effect::new(move |_| {
        tail.track();
        read.dispatch(());
    });
    Effect::new(move |_| {
        if let Some(Ok(new)) = read.value().get() {
            lines.set(new);
        }
    });
    Effect::new(move |_| {
        let again = move || {
            if state.follow.get_untracked() && !read.pending().get_untracked() {
                read.dispatch(());
            }
        };
        if let Ok(timer) = set_interval_with_handle(again, POLL) {
            on_cleanup(move || timer.clear());
        }
    });
    let choices: Vec<(String, String)> =
        ["50", "200", "1000", "5000"].map(|n| (n.to_owned(), n.to_owned())).into();
    // A node that is not there has no log; the page above says so.
    let there = move || refused.get().is_none_or(|error| error.status() != 404);
    view! {
        <Show when=there>
            <section class="card">
                <h2>{tr(|t| t.logs)}</h2>
                <div class="narrow">
                    <SelectField id="tail" label=words(|t| t.tail) value=tail
                        options=Signal::stored(choices.clone())/>
                </div>
                <Notice error=refused/>
                <LogView id="node-log" lines=lines state=state/>
            </section>
        </Show>
    }
}

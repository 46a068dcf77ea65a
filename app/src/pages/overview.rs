//! The first page after sign-in: what runs, what needs a look, figures; and for an empty portal the one big button. What
//! it shows comes as markup from the server, section by section; only what has changed is put there anew.

use domain::id::OperationId;
use domain::permission::{Action as Act, Noun};
use domain::stats::{OverviewView, RANGES};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::follow;
use crate::api::ApiError;
use crate::api::chain::chain_demo;
use crate::api::stats::stats_read;
use crate::browser::new_key;
use crate::components::drawn::drawn;
use crate::components::load::load_live;
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::events::{self, Message};
use crate::fetched::{Fetched, again};
use crate::session::Me;
use crate::text::{tr, use_lang, words};

/// Most sections that the server sends.
const SECTIONS: usize = 5;

/// Whether figures may be others after a message: a line of an operation's record changes none, its state does.
pub fn touches_figures(message: &Message) -> bool {
    match message {
        Message::Operation(event) => event.step.is_none(),
        other => ["chain", "host", "operation"].iter().any(|noun| other.touches(noun, "")),
    }
}

/// The range of days that the page's address asks for.
fn range() -> Memo<u32> {
    let query = use_query_map();
    Memo::new(move |_| {
        let asked = query.read().get("days").and_then(|text| text.parse().ok());
        let [default, _] = RANGES;
        asked.filter(|days| RANGES.contains(days)).unwrap_or(default)
    })
}

/// The page.
#[component]
pub fn Overview() -> impl IntoView {
    let (days, lang) = (range(), use_lang());
    let tick = events::ticks(touches_figures);
    let figures = Fetched::new(
        move || (days.get(), lang.get().tag(), tick.get()),
        |(days, lang, _)| stats_read(days, lang.to_owned()),
    );
    // The action outlives the button, which goes away as soon as there is a chain.
    let demo = Action::new(|(): &()| {
        let key = new_key();
        again(move || chain_demo(key.clone()))
    });
    let refused = follow(demo);
    view! {
        <Page title=words(|t| t.overview) is_first=true>
            <Notice error=refused/>
            {load_live(figures, move |data, me| body(data, &me, demo))}
        </Page>
    }
}

type Demonstration = Action<(), Result<OperationId, ApiError>>;

fn body(data: RwSignal<OverviewView>, me: &Me, demo: Demonstration) -> AnyView {
    let (may_create, may_add) = (me.can(Act::Create, Noun::Chain), me.can(Act::Create, Noun::Host));
    let there = Memo::new(move |_| data.with(|data| (data.has_chains, data.has_hosts)));
    let sections = (0..SECTIONS)
        .map(|at| {
            let html =
                Memo::new(move |_| data.with(|data| data.sections.get(at).cloned().unwrap_or_default()));
            drawn("overview-part", html)
        })
        .collect_view();
    view! {
        {move || match there.get() {
            (true, _) => ().into_any(),
            (false, _) if !may_create => {
                let get = view! { <a class="button primary" href="/apply">{tr(|t| t.allowance().get_chain)}</a> };
                empty(|t| t.no_chains, |t| t.allowance().get_chain_hint, Some(get.into_any()))
            }
            // Who may not add a host can do nothing before there is one.
            (false, Some(true)) => demonstration(demo),
            (false, _) if may_add => demonstration(demo),
            (false, _) => empty(|t| t.no_hosts, |t| t.no_hosts_operator_hint, None),
        }}
        {sections}
    }
    .into_any()
}

/// The big button: from nothing to a running chain with the sample deployed.
fn demonstration(action: Demonstration) -> AnyView {
    view! {
        <section class="card hero">
            <h2>{tr(|t| t.demo_title)}</h2>
            <p>{tr(|t| t.demo_hint)}</p>
            <div class="row">
                <button
                    type="button"
                    class="button primary big"
                    disabled=move || action.pending().get()
                    on:click=move |_| { action.dispatch(()); }
                >
                    {tr(|t| t.demo_button)}
                </button>
                <a class="button big" href="/chains/new">{tr(|t| t.create_chain)}</a>
            </div>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::operation::EventView;

    use super::*;

    #[test]
    fn figures_follow_states_and_not_every_line() {
        let line = |step: Option<&str>| {
            Message::Operation(EventView {
                sequence: 1,
                operation: OperationId::new("1"),
                at_ms: 0,
                step: step.map(str::to_owned),
                text: String::new(),
            })
        };
        assert!(touches_figures(&line(None)) && !touches_figures(&line(Some("start-nodes"))));
        assert!(touches_figures(&Message::Resync));
        let changed = |noun: &str| Message::Changed { noun: noun.to_owned(), id: "x".to_owned() };
        assert!(touches_figures(&changed("chain")) && !touches_figures(&changed("notice")));
    }
}

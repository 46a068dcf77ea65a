//! How a host or a chain did: each change of its state with its reasons, newest first. Whether all that is kept is shown
//! stands in the address, so that a reload and a link show the same.

use domain::chain::{Ailment, Health, HealthView};
use domain::history::{HealthChange, HostChange, SHOWN, StateChange};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::badge::{Pick, Tone, badge, health, host_state};
use super::reason::ailment_item;
use super::time::Time;
use crate::text::{fill, say, tr};

/// Whether the address asks for all changes, and not only for the newest.
pub fn whole() -> Memo<bool> {
    let query = use_query_map();
    Memo::new(move |_| query.read().get("history").is_some_and(|asked| asked == "all"))
}

/// When a host answered and when it did not.
pub fn of_host(changes: Vec<HostChange>, whole: bool) -> AnyView {
    list(turns(changes, host_state), |t| t.history().of_host_none, whole)
}

/// How well a chain did.
pub fn of_chain(changes: Vec<HealthChange>, whole: bool) -> AnyView {
    list(turns(changes, word), |t| t.history().of_chain_none, whole)
}

fn word(state: Health) -> (Tone, Pick) {
    health(&HealthView { health: state, ..HealthView::default() })
}

/// A change in the words of the page.
struct Turn {
    at_ms: i64,
    from: (Tone, Pick),
    to: (Tone, Pick),
    reasons: Vec<Ailment>,
    further: u32,
}

fn turns<S>(changes: Vec<StateChange<S>>, word: fn(S) -> (Tone, Pick)) -> Vec<Turn> {
    let turn = |change: StateChange<S>| Turn {
        at_ms: change.at_ms,
        from: word(change.from),
        to: word(change.to),
        reasons: change.reasons,
        further: change.further,
    };
    changes.into_iter().map(turn).collect()
}

fn list(turns: Vec<Turn>, none: Pick, whole: bool) -> AnyView {
    if turns.is_empty() {
        return view! { <p class="muted">{tr(none)}</p> }.into_any();
    }
    let may_be_more = !whole && u32::try_from(turns.len()).is_ok_and(|count| count >= SHOWN);
    let all = may_be_more.then(|| {
        let count = [("n", SHOWN.to_string())];
        view! {
            <p class="row">
                <span class="muted small">{say(move |t| fill(t.history().newest, &count))}</span>
                <a class="button small" href="?history=all" data-noscroll="">{tr(|t| t.history().show_all)}</a>
            </p>
        }
    });
    let items = turns.into_iter().map(item).collect_view();
    view! {
        <ol class="notice-list">{items}</ol>
        {all}
    }
    .into_any()
}

fn item(turn: Turn) -> AnyView {
    let reasons = turn.reasons.iter().map(ailment_item).collect_view();
    let further = (turn.further > 0).then(|| {
        let count = [("n", turn.further.to_string())];
        view! { <li class="muted">{say(move |t| fill(t.history().further, &count))}</li> }
    });
    let has_reasons = !turn.reasons.is_empty();
    let reasons = has_reasons.then(|| view! { <ul class="reasons small">{reasons} {further}</ul> });
    view! {
        <li>
            <p class="row">
                <span class="muted small"><Time ms=turn.at_ms/></span>
                {badge(turn.from)} "→" {badge(turn.to)}
            </p>
            {reasons}
        </li>
    }
    .into_any()
}

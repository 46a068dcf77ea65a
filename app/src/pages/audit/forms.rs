//! What stands around the record: the search, and for admins the export and how long records are kept. Plain forms: they
//! work without WebAssembly.

use domain::audit::{FILTERS, Outcome};
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::audit::audit_keep;
use crate::components::list::{ListState, SEARCH};
use crate::components::load::load_part;
use crate::fetched::Fetched;
use crate::session::Me;
use crate::text::{Text, tr};

type Pick = fn(&'static Text) -> &'static str;

/// The search. What is typed goes into the address.
pub fn filters(list: ListState, me: &Me) -> AnyView {
    let results = Outcome::ALL.into_iter().map(|one| view! { <option value=one.as_str()></option> });
    // Whoever sees only their own entries needs no choice.
    let own = me.can(Act::List, Noun::Host).then(|| own(list));
    view! {
        <form method="get" role="search" action="/audit" class="card form">
            {field(list, "who", "text", |t| t.who, None)}
            {field(list, "what", "text", |t| t.what, Some(|t| t.audit().what_hint))}
            {field(list, "object", "text", |t| t.object, Some(|t| t.audit().object_hint))}
            {field(list, "result", "text", |t| t.result, Some(|t| t.audit().result_hint))}
            <datalist id="results">{results.collect_view()}</datalist>
            {field(list, "from", "date", |t| t.audit().from, None)}
            {field(list, "to", "date", |t| t.audit().to, None)}
            {own}
            <div class="row end">
                <a class="button" href="/audit">{tr(|t| t.audit().show_all)}</a>
                <button type="submit" class="button primary">{tr(|t| t.audit().search)}</button>
            </div>
        </form>
    }
    .into_any()
}

/// What the address says of a filter.
fn value(list: ListState, key: &'static str) -> String {
    list.query.with(|query| query.filters.get(key).cloned().unwrap_or_default())
}

/// A field that follows the address; between two addresses the browser keeps what is typed.
fn field(list: ListState, key: &'static str, kind: &'static str, label: Pick, hint: Option<Pick>) -> AnyView {
    let first = untrack(move || value(list, key));
    // The first field is where the key for a search leads.
    let id = if key == "who" { SEARCH } else { key };
    let described = hint.map(|_| format!("{key}-hint"));
    let hint = hint.map(|hint| view! { <p class="field-hint" id=format!("{key}-hint")>{tr(hint)}</p> });
    view! {
        <div class="field">
            <label for=id>{tr(label)}</label>
            <input
                type=kind
                id=id
                name=key
                autocomplete="off"
                maxlength="128"
                list=(key == "result").then_some("results")
                aria-describedby=described
                value=first
                prop:value=move || value(list, key)
            />
            {hint}
        </div>
    }
    .into_any()
}

fn own(list: ListState) -> AnyView {
    let is_set = move || !value(list, "own").is_empty();
    let first = untrack(is_set);
    view! {
        <label class="check" for="own">
            <input type="checkbox" id="own" name="own" value="1" checked=first prop:checked=is_set/>
            <span>{tr(|t| t.audit().own)}</span>
        </label>
    }
    .into_any()
}

/// What only admins do with the record.
pub fn of_admin(list: ListState, me: &Me) -> AnyView {
    let export = me.can(Act::Export, Noun::Audit).then(|| export(list));
    let keep = me.can(Act::Edit, Noun::Setting).then(|| {
        let days = Fetched::new(|| (), |()| audit_keep());
        load_part(days, |days, _| keep(days))
    });
    view! { {export} {keep} }.into_any()
}

/// The search goes along in fields that are not shown.
fn export(list: ListState) -> AnyView {
    let hidden = FILTERS
        .into_iter()
        .map(|key| view! { <input type="hidden" name=key value=move || value(list, key)/> })
        .collect_view();
    view! {
        <section class="card">
            <h2>{tr(|t| t.audit().export)}</h2>
            <p class="muted">{tr(|t| t.audit().export_hint)}</p>
            <form method="post" action="/audit/export" class="form">
                {hidden}
                <div class="field">
                    <label for="format">{tr(|t| t.audit().format)}</label>
                    <select id="format" name="format">
                        <option value="csv">"CSV"</option>
                        <option value="jsonl">"JSON Lines"</option>
                    </select>
                </div>
                <div class="field">
                    <label for="export-password">{tr(|t| t.password_again)}</label>
                    <input
                        type="password"
                        id="export-password"
                        name="password"
                        autocomplete="current-password"
                        required=true
                    />
                </div>
                <div class="row end">
                    <button type="submit" class="button">{tr(|t| t.audit().export_button)}</button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

fn keep(days: Option<u32>) -> AnyView {
    let days = days.map(|days| days.to_string());
    view! {
        <section class="card">
            <h2>{tr(|t| t.audit().keep)}</h2>
            <form method="post" action="/audit/keep" class="form">
                <div class="field">
                    <label for="days">{tr(|t| t.audit().keep_days)}</label>
                    <input
                        type="number"
                        id="days"
                        name="days"
                        min="7"
                        max="36500"
                        inputmode="numeric"
                        aria-describedby="days-hint"
                        value=days
                    />
                    <p class="field-hint" id="days-hint">{tr(|t| t.audit().keep_hint)}</p>
                </div>
                <div class="row end">
                    <button type="submit" class="button">{tr(|t| t.audit().keep_button)}</button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

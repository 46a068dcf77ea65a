//! Who did what, newest first. What is looked for and the page's place in the record are in its address.

use domain::audit::{AuditPage, AuditView, FILTERS, FieldChange};
use domain::list::ListQuery;
use leptos::prelude::*;

use crate::api::audit::audit_page;
use crate::components::copy::Copyable;
use crate::components::list::{ListState, use_list};
use crate::components::load::{escaped, load, with_session};
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::fetched::Fetched;
use crate::text::{tr, words};

mod forms;

/// The page.
#[component]
pub fn Audit() -> impl IntoView {
    let list = use_list(&FILTERS);
    let entries = Fetched::new(move || list.query.get(), audit_page);
    view! {
        <Page title=words(|t| t.audit)>
            {with_session(move |me| forms::filters(list, &me))}
            {load(entries, move |page, _| table(list, page))}
            {with_session(move |me| forms::of_admin(list, &me))}
        </Page>
    }
    .into_any()
}

/// The address of a page of the same search.
fn address(query: &ListQuery, after: &str) -> String {
    let filters = query.filters.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let pairs: Vec<String> = filters
        .chain([("after", after)])
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", escaped(value)))
        .collect();
    if pairs.is_empty() { "/audit".to_owned() } else { format!("/audit?{}", pairs.join("&")) }
}

fn table(list: ListState, page: AuditPage) -> AnyView {
    let query = list.query.get_untracked();
    let AuditPage { rows, next, searched_ms } = page;
    if rows.is_empty() && next.is_none() && query.after.is_empty() {
        return match query.filters.is_empty() {
            true => empty(|t| t.no_audit, |t| t.no_audit_hint, None),
            false => empty(|t| t.audit().nothing_found, |t| t.audit().nothing_found_hint, Some(all())),
        };
    }
    let older = next.map(|next| older(&address(&query, &next), searched_ms));
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.audit)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.time)}</th>
                        <th scope="col">{tr(|t| t.who)}</th>
                        <th scope="col">{tr(|t| t.what)}</th>
                        <th scope="col">{tr(|t| t.object)}</th>
                        <th scope="col">{tr(|t| t.result)}</th>
                        <th scope="col">{tr(|t| t.address)}</th>
                        <th scope="col">{tr(|t| t.request)}</th>
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        {searched_ms.map(searched)}
        <p class="row">
            <a class="button" href=address(&query, "")>{tr(|t| t.newest)}</a>
            {older}
        </p>
    }
    .into_any()
}

fn row(entry: AuditView) -> AnyView {
    view! {
        <tr>
            <td><Time ms=entry.at_ms/></td>
            <td>{entry.who}</td>
            <td><code>{entry.what}</code> {details(&entry.changes)}</td>
            <td>{entry.object}</td>
            <td><code>{entry.result}</code></td>
            <td>{entry.address}</td>
            <td><Copyable text=entry.request_id/></td>
        </tr>
    }
    .into_any()
}

/// What was different, behind a fold; nothing where nothing is told.
fn details(changes: &[FieldChange]) -> Option<AnyView> {
    if changes.is_empty() {
        return None;
    }
    let rows = changes
        .iter()
        .map(|change| {
            view! {
                <tr>
                    <th scope="row">{change.field().to_owned()}</th>
                    <td>{change.before().to_owned()}</td>
                    <td>{change.after().to_owned()}</td>
                </tr>
            }
        })
        .collect_view();
    let details = view! {
        <details class="changes">
            <summary>{tr(|t| t.audit().details)}</summary>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.audit().field)}</th>
                        <th scope="col">{tr(|t| t.audit().before)}</th>
                        <th scope="col">{tr(|t| t.audit().after)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </details>
    };
    Some(details.into_any())
}

fn older(address: &str, searched_ms: Option<i64>) -> AnyView {
    let address = address.to_owned();
    match searched_ms {
        Some(_) => view! { <a class="button" href=address>{tr(|t| t.audit().go_on)}</a> }.into_any(),
        None => view! { <a class="button" href=address>{tr(|t| t.older)}</a> }.into_any(),
    }
}

fn searched(ms: i64) -> AnyView {
    view! { <p class="muted" role="status">{tr(|t| t.audit().searched)} " " <Time ms=ms/></p> }.into_any()
}

fn all() -> AnyView {
    view! { <a class="button" href="/audit">{tr(|t| t.audit().show_all)}</a> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_stays_in_the_address_from_page_to_page() {
        let mut query = ListQuery::default();
        assert_eq!(address(&query, ""), "/audit");
        assert_eq!(address(&query, "7"), "/audit?after=7");
        query.filters.insert("object".to_owned(), "chain/demo".to_owned());
        query.filters.insert("what".to_owned(), "chain-*&x".to_owned());
        query.filters.insert("who".to_owned(), String::new());
        assert_eq!(address(&query, "7"), "/audit?object=chain/demo&what=chain-%2A%26x&after=7");
    }
}

//! Who did what, newest first. The page's place in the record is in its address.

use domain::audit::AuditView;
use leptos::prelude::*;

use super::before;
use crate::api::audit::audit_list;
use crate::components::copy::Copyable;
use crate::components::load::load;
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::fetched::Fetched;
use crate::text::{tr, words};

/// Entries of a page; a full one has a next.
const PAGE: usize = 50;

/// The page.
#[component]
pub fn Audit() -> impl IntoView {
    let before = before();
    let entries = Fetched::new(move || before.get(), audit_list);
    view! {
        <Page title=words(|t| t.audit)>{load(entries, |entries, _| table(entries))}</Page>
    }
}

fn table(entries: Vec<AuditView>) -> AnyView {
    if entries.is_empty() {
        return empty(|t| t.no_audit, |t| t.no_audit_hint, None);
    }
    let older = (entries.len() == PAGE)
        .then(|| entries.last().map(|last| format!("/audit?before={}", last.sequence)))
        .flatten()
        .map(|address| view! { <a class="button" href=address>{tr(|t| t.older)}</a> });
    let rows = entries
        .into_iter()
        .map(|entry| {
            view! {
                <tr>
                    <td><Time ms=entry.at_ms/></td>
                    <td>{entry.who}</td>
                    <td><code>{entry.what}</code></td>
                    <td>{entry.object}</td>
                    <td><code>{entry.result}</code></td>
                    <td>{entry.address}</td>
                    <td><Copyable text=entry.request_id/></td>
                </tr>
            }
        })
        .collect_view();
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
                <tbody>{rows}</tbody>
            </table>
        </div>
        <p class="row">
            <a class="button" href="/audit">{tr(|t| t.newest)}</a>
            {older}
        </p>
    }
    .into_any()
}

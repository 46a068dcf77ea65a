//! Operations in reach, newest first: page by page, filtered by the server.

use domain::operation::{OperationState, OperationSummary};
use leptos::prelude::*;

use crate::api::operation::operation_page;
use crate::components::badge::{badge, operation_state};
use crate::components::list::{
    Facet, ListState, list_pager, list_tools, nothing_found, sort_header, use_list,
};
use crate::components::load::load;
use crate::components::page::{Page, empty};
use crate::components::time::{Time, span};
use crate::events;
use crate::fetched::Fetched;
use crate::text::{say_in, tr, use_lang, words};

/// States as the list may be asked for, each under the word that is stored.
const STATES: [(&str, OperationState); 7] = [
    ("pending", OperationState::Pending),
    ("running", OperationState::Running),
    ("waiting", OperationState::Waiting),
    ("undoing", OperationState::Undoing),
    ("done", OperationState::Done),
    ("undone", OperationState::Undone),
    ("failed", OperationState::Failed),
];
/// Operations that people look for by name.
const NAMES: [&str; 13] = [
    "chain-create",
    "chain-start",
    "chain-stop",
    "chain-restart",
    "chain-delete",
    "chaincode-deploy",
    "chaincode-install",
    "chaincode-approve",
    "chaincode-commit",
    "channel-create",
    "channel-join",
    "host-prepare",
    "node-resize",
];

/// The page.
#[component]
pub fn Operations() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("operation", ""));
    let list = use_list(&["state", "name", "owner", "subject"]);
    let operations = Fetched::new(move || (list.query.get(), tick.get()), |(query, _)| operation_page(query));
    view! {
        <Page title=words(|t| t.operations)>
            {list_tools(list, facets())}
            {load(operations, move |page, _| {
                view! {
                    {operation_table(page.rows, list)}
                    {list_pager(list, page.next)}
                }
                .into_any()
            })}
        </Page>
    }
}

fn facets() -> Vec<Facet> {
    let lang = use_lang();
    let states = STATES.map(|(word, state)| (word.to_owned(), words(operation_state(state).1)));
    let names =
        NAMES.map(|name| (name.to_owned(), Signal::derive(move || lang.get().operation(name).to_owned())));
    vec![
        Facet { key: "state", label: |t| t.state, options: states.into() },
        Facet { key: "name", label: |t| t.operation, options: names.into() },
    ]
}

/// The object of an operation: a link to its page, or only its name when it is gone.
pub fn subject(operation: &OperationSummary) -> AnyView {
    match operation.subject_is_there {
        true => subject_link(&operation.subject),
        false => operation.subject.clone().into_any(),
    }
}

/// A link to the page of a subject; of one without a page only its name.
pub fn subject_link(subject: &str) -> AnyView {
    let name = subject.to_owned();
    match subject_address(subject) {
        Some(address) => view! { <a href=address>{name}</a> }.into_any(),
        None => name.into_any(),
    }
}

/// Where the object of an operation has its page.
fn subject_address(subject: &str) -> Option<String> {
    let (noun, id) = subject.split_once('/')?;
    // A part of it has no page of its own.
    let id = id.split('/').next().unwrap_or(id);
    match noun {
        "chain" => Some(format!("/chains/{id}")),
        // What is done to a host's pool is shown on the host's page.
        "host" => Some(format!("/hosts/{id}")),
        _ => None,
    }
}

/// Operations as a table.
fn operation_table(operations: Vec<OperationSummary>, list: ListState) -> AnyView {
    if operations.is_empty() {
        if untrack(|| list.is_narrowed()) {
            return nothing_found(list);
        }
        return empty(|t| t.no_operations, |t| t.no_operations_hint, None);
    }
    let rows = operations
        .into_iter()
        .map(|operation| {
            let name = operation.name.clone();
            let words = say_in(move |lang| lang.operation(&name).to_owned());
            let took = operation.ended_ms.map(|end| span(end.saturating_sub(operation.created_ms)));
            view! {
                <tr>
                    <th scope="row"><a href=format!("/operations/{}", operation.id)>{words}</a></th>
                    <td>{subject(&operation)}</td>
                    <td>{badge(operation_state(operation.state))}</td>
                    <td class="number">{operation.steps_done.to_string()} " / " {operation.steps.to_string()}</td>
                    <td>{operation.owner.clone()}</td>
                    <td><Time ms=operation.created_ms/></td>
                    <td class="number">{took}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.operations)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.operation)}</th>
                        <th scope="col">{tr(|t| t.object)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col" class="number">{tr(|t| t.steps)}</th>
                        <th scope="col">{tr(|t| t.who)}</th>
                        {sort_header(list, "started", |t| t.started)}
                        <th scope="col" class="number">{tr(|t| t.duration)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_asked_for_by_the_words_they_are_sent_by() {
        for (word, state) in STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), word);
        }
    }

    #[test]
    fn subjects_lead_to_their_pages() {
        assert_eq!(subject_address("chain/demo").as_deref(), Some("/chains/demo"));
        assert_eq!(subject_address("host/h1").as_deref(), Some("/hosts/h1"));
        assert_eq!(subject_address("host/h1/pool").as_deref(), Some("/hosts/h1"));
        assert_eq!(subject_address("user/x"), None);
        assert_eq!(subject_address("chain"), None);
    }
}

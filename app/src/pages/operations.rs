//! All operations in reach, newest first.

use domain::operation::OperationSummary;
use leptos::prelude::*;

use crate::api::operation::operation_list;
use crate::components::badge::{badge, operation_state};
use crate::components::load::load;
use crate::components::page::{Page, empty};
use crate::components::time::{Time, span};
use crate::events;
use crate::fetched::Fetched;
use crate::text::{say_in, tr, words};

/// The page.
#[component]
pub fn Operations() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("operation", ""));
    let operations = Fetched::new(move || tick.get(), |_| operation_list());
    view! {
        <Page title=words(|t| t.operations)>{load(operations, |all, _| operation_table(all))}</Page>
    }
}

/// The object of an operation: a link to its page, or only its name when it is gone.
pub fn subject(operation: &OperationSummary) -> AnyView {
    let name = operation.subject.clone();
    match subject_address(&name).filter(|_| operation.subject_is_there) {
        Some(address) => view! { <a href=address>{name}</a> }.into_any(),
        None => name.into_any(),
    }
}

/// Where the object of an operation has its page.
fn subject_address(subject: &str) -> Option<String> {
    let (noun, id) = subject.split_once('/')?;
    match noun {
        "chain" => Some(format!("/chains/{id}")),
        // What is done to a host's pool is shown on the host's page.
        "host" => Some(format!("/hosts/{}", id.strip_suffix("/pool").unwrap_or(id))),
        _ => None,
    }
}

/// Operations as a table.
pub fn operation_table(operations: Vec<OperationSummary>) -> AnyView {
    if operations.is_empty() {
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
                        <th scope="col">{tr(|t| t.started)}</th>
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
    fn subjects_lead_to_their_pages() {
        assert_eq!(subject_address("chain/demo").as_deref(), Some("/chains/demo"));
        assert_eq!(subject_address("host/h1").as_deref(), Some("/hosts/h1"));
        assert_eq!(subject_address("host/h1/pool").as_deref(), Some("/hosts/h1"));
        assert_eq!(subject_address("user/x"), None);
        assert_eq!(subject_address("chain"), None);
    }
}

//! What somebody waits for, with their place in the queue.

use domain::pool::QueueEntry;
use leptos::prelude::*;

use crate::api::ApiError;
use crate::components::time::Time;
use crate::text::{fill, say, tr};

/// The wishes that wait; nothing where there are none.
pub fn queue(waiting: &[QueueEntry], leave: Action<String, Result<(), ApiError>>) -> AnyView {
    if waiting.is_empty() {
        return ().into_any();
    }
    let rows = waiting.iter().map(|entry| row(entry, leave)).collect_view();
    view! {
        <section class="card" data-test="queue">
            <h2>{tr(|t| t.pool().waiting)}</h2>
            <p class="muted">{tr(|t| t.pool().waiting_hint)}</p>
            <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.pool().waiting)>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{tr(|t| t.pool().wish)}</th>
                            <th scope="col">{tr(|t| t.state)}</th>
                            <th scope="col">{tr(|t| t.pool().since)}</th>
                            <td></td>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

fn row(entry: &QueueEntry, leave: Action<String, Result<(), ApiError>>) -> AnyView {
    let place = entry.position.to_string();
    let position = say(move |t| fill(t.pool().position, &[("position", place.as_str())]));
    let (wish, named) = (entry.wish.clone(), entry.wish.clone());
    let label = say(move |t| format!("{}: {named}", t.pool().leave));
    view! {
        <tr>
            <th scope="row"><code>{entry.wish.clone()}</code></th>
            <td>{position}</td>
            <td><Time ms=entry.since_ms/></td>
            <td>
                <button type="button" class="button small" aria-label=label
                    disabled=move || leave.pending().get() on:click=move |_| { leave.dispatch(wish.clone()); }>
                    {tr(|t| t.pool().leave)}
                </button>
            </td>
        </tr>
    }
    .into_any()
}

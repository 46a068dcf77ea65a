//! Where somebody is signed in, and ending it.

use domain::session::{Device, SessionLine};
use leptos::prelude::*;

use crate::api::session::{SessionEnd, session_list};
use crate::components::load::load_part;
use crate::components::notice::Notice;
use crate::components::time::Time;
use crate::fetched::Fetched;
use crate::layout::card;
use crate::text::{fill, say, tr};

/// The sessions and what may be done with them.
#[derive(Clone, Copy)]
pub(super) struct Sessions {
    list: Fetched<Vec<SessionLine>>,
    end: ServerAction<SessionEnd>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        let end = ServerAction::<SessionEnd>::new();
        let version = end.version();
        Self { list: Fetched::new(move || version.get(), |_| session_list()), end }
    }

    pub(super) fn card(self) -> AnyView {
        let end = self.end;
        let refused = Signal::derive(move || end.value().get().and_then(Result::err));
        let content = view! {
            <p class="muted">{tr(|t| t.own().sessions_hint)}</p>
            <Notice error=refused/>
            {load_part(self.list, move |list, _| table(list, end))}
            <form method="post" action="/api/session_delete_all" class="row end">
                <button type="submit" class="button">{tr(|t| t.sign_out_everywhere)}</button>
            </form>
        };
        card(|t| t.own().sessions, content.into_any())
    }
}

fn table(list: Vec<SessionLine>, end: ServerAction<SessionEnd>) -> AnyView {
    let rows = list.into_iter().map(|line| row(line, end)).collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.own().sessions)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.own().device)}</th>
                        <th scope="col">{tr(|t| t.own().address)}</th>
                        <th scope="col">{tr(|t| t.created)}</th>
                        <th scope="col">{tr(|t| t.own().last_seen)}</th>
                        <td></td>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(line: SessionLine, end: ServerAction<SessionEnd>) -> AnyView {
    let SessionLine { id, device, address, created_ms, last_seen_ms, is_this } = line;
    let Device { browser, system } = device;
    let device = say(move |t| {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| t.own().device_unknown.to_owned());
        fill(t.own().device_of, &[("browser", word(&browser)), ("system", word(&system))])
    });
    let mark = is_this.then(|| view! { <span class="muted">" · " {tr(|t| t.own().this_one)}</span> });
    view! {
        <tr>
            <th scope="row">{device} {mark}</th>
            <td>{address}</td>
            <td><Time ms=created_ms/></td>
            <td><Time ms=last_seen_ms/></td>
            <td>
                <ActionForm action=end>
                    <input type="hidden" name="id" value=id/>
                    <button type="submit" class="button small" disabled=move || end.pending().get()>
                        {tr(|t| t.own().end)}
                    </button>
                </ActionForm>
            </td>
        </tr>
    }
    .into_any()
}

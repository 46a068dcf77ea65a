//! What the signed-in person was told: how operations ended that they started, and which of their chains are not well.

use domain::notice::{NoticeKind, NoticeView};
use leptos::prelude::*;

use super::operations::subject_link;
use super::refusal;
use crate::api::ApiError;
use crate::api::notice::{notice_list, notice_read_all};
use crate::components::badge::{Pick, Tone, badge};
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::fetched::{Fetched, again};
use crate::text::{say_in, tr, words};

type Reading = Action<i64, Result<(), ApiError>>;

/// The page.
#[component]
pub fn Notices() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("notice", ""));
    let reading: Reading = Action::new(|until_ms: &i64| {
        let until_ms = *until_ms;
        again(move || notice_read_all(until_ms))
    });
    let refused = refusal(reading);
    let version = reading.version();
    let notices = Fetched::new(move || (tick.get(), version.get()), |_| notice_list());
    view! {
        <Page title=words(|t| t.notices)>
            <Notice error=refused/>
            {load(notices, move |all, _| list(all, reading))}
        </Page>
    }
}

fn list(all: Vec<NoticeView>, reading: Reading) -> AnyView {
    let Some(newest) = all.first().map(|notice| notice.at_ms) else {
        return empty(|t| t.notice().no_notices, |t| t.notice().no_notices_hint, None);
    };
    let read_all = all.iter().any(|notice| !notice.is_read).then(|| {
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            reading.dispatch(newest);
        };
        view! {
            <form method="post" class="row" action="/notices" on:submit=submit>
                <input type="hidden" name="until_ms" value=newest.to_string()/>
                <button type="submit" class="button" disabled=move || reading.pending().get()>
                    {tr(|t| t.notice().read_all)}
                </button>
            </form>
        }
    });
    let items = all.into_iter().map(item).collect_view();
    view! {
        {read_all}
        <ul class="notice-list">{items}</ul>
    }
    .into_any()
}

fn word(kind: NoticeKind) -> (Tone, Pick) {
    match kind {
        NoticeKind::OperationDone => (Tone::Good, |t| t.notice().notice_done),
        NoticeKind::OperationUndone => (Tone::Quiet, |t| t.notice().notice_undone),
        NoticeKind::OperationFailed => (Tone::Bad, |t| t.notice().notice_failed),
        NoticeKind::ChainUnwell => (Tone::Warn, |t| t.notice().notice_unwell),
        NoticeKind::ChainEnding => (Tone::Warn, |t| t.notice().notice_ending),
        NoticeKind::MailFailed => (Tone::Bad, |t| t.notice().notice_mail_failed),
    }
}

/// A person by their name, whose page is found by their id.
fn person(subject: &str, name: &str) -> AnyView {
    let (id, name) = (subject.strip_prefix("user/").unwrap_or_default(), name.to_owned());
    view! { <a href=format!("/users/{id}")>{name}</a> }.into_any()
}

fn item(notice: NoticeView) -> AnyView {
    let operation = notice.operation.map(|id| {
        let name = notice.name.clone();
        let words = say_in(move |lang| lang.operation(&name).to_owned());
        view! { <a href=format!("/operations/{id}")>{words}</a> " " }
    });
    let about = match notice.kind {
        NoticeKind::MailFailed => person(&notice.subject, &notice.name),
        _ => subject_link(&notice.subject),
    };
    let new = (!notice.is_read).then(|| view! { <strong>{tr(|t| t.notice().notice_unread)}</strong> " " });
    view! {
        <li class="card" class:unread={!notice.is_read}>
            <p>{new} {operation} {about}</p>
            <p class="row">{badge(word(notice.kind))} <span class="muted small"><Time ms=notice.at_ms/></span></p>
        </li>
    }
    .into_any()
}

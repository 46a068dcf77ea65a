//! Problems in plain words: the sentence with its remedy, the code and the request's id for whoever reads logs.

use domain::Code;
use leptos::prelude::*;

use super::badge::Pick;
use super::copy::Copyable;
use super::page::Titled;
use crate::api::{ApiError, Problem};
use crate::text::{error_text, say_in, tr};

/// A problem beside the button that caused it; empty while there is none.
#[component]
pub fn Notice(#[prop(into)] error: Signal<Option<ApiError>>) -> impl IntoView {
    view! {
        <div role="alert" class="notice-place">
            {move || error.get().map(|error| view! { <div class="notice notice-bad">{body(error)}</div> })}
        </div>
    }
}

/// What a form says that does nothing without a script: where there is none, what is sent is dropped, and the browser
/// comes back to the same page.
#[component]
pub fn NeedsScript() -> impl IntoView {
    // Plain text, which never changes: a browser that runs scripts takes whatever is in there for text.
    let sentence = untrack(tr(|t| t.needs_script)).to_owned();
    view! { <noscript class="notice">{sentence}</noscript> }
}

/// The heading of a problem, by its status.
pub fn problem_title(status: u16) -> Pick {
    match status {
        404 => |t| t.not_found_title,
        403 => |t| t.forbidden_title,
        503 => |t| t.unavailable_title,
        _ => |t| t.error_title,
    }
}

/// A problem in the place of what was asked for.
pub fn problem_card(error: ApiError) -> AnyView {
    let title = tr(problem_title(error.status()));
    view! {
        <Titled text=Signal::derive(title)/>
        <section class="card problem" role="alert">
            <h1>{title}</h1>
            {body(error)}
            <p><a class="button" href="/">{tr(|t| t.to_overview)}</a></p>
        </section>
    }
    .into_any()
}

/// A problem in the place of a part of a page, whose other parts are there.
pub fn problem_note(error: ApiError) -> AnyView {
    // Not a problem: nobody can be asked while the chain is at rest.
    if matches!(&error.problem, Problem::Refused(error) if error.code == Code::ChainState) {
        return view! { <p class="muted">{tr(|t| t.only_while_running)}</p> }.into_any();
    }
    view! { <div class="notice notice-bad" role="alert">{body(error)}</div> }.into_any()
}

fn body(error: ApiError) -> AnyView {
    let code = match &error.problem {
        Problem::Refused(error) => error.code.as_text(),
        Problem::Lost => "lost".to_owned(),
        Problem::Malformed => "malformed".to_owned(),
    };
    let request = error.request_id.clone();
    // In a tab of its own: what is typed on this page stays, and can be sent again afterwards.
    let again = error.needs_session().then(|| {
        view! { <p><a href="/login" target="_blank" rel="external noopener">{tr(|t| t.sign_in_new_tab)}</a></p> }
    });
    let sentence = say_in(move |lang| error_text(lang, &error));
    view! {
        <p>{sentence}</p>
        {again}
        <p class="muted small">
            <code>{code}</code>
            {request.map(|id| view! { " · " {tr(|t| t.request)} " " <Copyable text=id/> })}
        </p>
    }
    .into_any()
}

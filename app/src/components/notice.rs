//! Problems in plain words: the sentence with its remedy, the code and the request's id for whoever reads logs.

use leptos::prelude::*;

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

/// A problem in the place of what was asked for.
pub fn problem_card(error: ApiError) -> AnyView {
    let title = match error.status() {
        404 => tr(|t| t.not_found_title),
        403 => tr(|t| t.forbidden_title),
        503 => tr(|t| t.unavailable_title),
        _ => tr(|t| t.error_title),
    };
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

fn body(error: ApiError) -> AnyView {
    let code = match &error.problem {
        Problem::Refused(error) => error.code.as_text(),
        Problem::Lost => "lost".to_owned(),
        Problem::Malformed => "malformed".to_owned(),
    };
    let request = error.request_id.clone();
    let sentence = say_in(move |lang| error_text(lang, &error));
    view! {
        <p>{sentence}</p>
        <p class="muted small">
            <code>{code}</code>
            {request.map(|id| view! { " · " {tr(|t| t.request)} " " <Copyable text=id/> })}
        </p>
    }
    .into_any()
}

//! What came of a call: the answer as text, JSON or hexadecimal; for a submit also where it stands on the ledger.

use domain::transaction::SubmitView;
use leptos::prelude::*;

use super::arguments::pretty;
use super::{Query, Submit};
use crate::components::badge::{badge, transaction_state};
use crate::components::copy::{CopyButton, Copyable};
use crate::text::{refusal_text, say_in, tr};

/// The answer of a query.
pub fn query_outcome(query: Query) -> AnyView {
    view! {
        <div aria-live="polite">
            {move || {
                query.value().get().and_then(Result::ok).map(|answer| {
                    view! {
                        <section class="card outcome">
                            <h2>{tr(|t| t.query_answer)}</h2>
                            {forms(&answer.text, &answer.hex)}
                            <p class="muted small">{answer.duration_ms.to_string()} " ms"</p>
                        </section>
                    }
                })
            }}
        </div>
    }
    .into_any()
}

/// The fate of a submit.
pub fn submit_outcome(submit: Submit) -> AnyView {
    view! {
        <div aria-live="polite">
            {move || {
                submit.value().get().and_then(Result::ok).map(|done| {
                    // Many calls answer nothing; there is nothing to show then.
                    let result = done.result.clone().filter(|text| !text.is_empty());
                    view! {
                        <section class="card outcome">
                            <h2>{tr(|t| t.submit_outcome)}</h2>
                            {submit_facts(&done)}
                            {result.map(|text| forms(&text, done.result_hex.as_deref().unwrap_or_default()))}
                        </section>
                    }
                })
            }}
        </div>
    }
    .into_any()
}

/// Where a submitted transaction stands.
pub fn submit_facts(done: &SubmitView) -> AnyView {
    let page = format!("/chains/{}/transactions/{}/{}", done.chain, done.channel, done.id);
    let block = done.block.map(|number| {
        let address = format!("/chains/{}/blocks/{}/{number}", done.chain, done.channel);
        view! { <a href=address>{number.to_string()}</a> }
    });
    let milliseconds = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
    let error = done.error.clone().map(|error| {
        let text = say_in(move |lang| refusal_text(lang, &error));
        view! { <p class="notice notice-bad">{text}</p> }
    });
    view! {
        {error}
        <dl class="facts">
            <dt>{tr(|t| t.state)}</dt>
            <dd>{badge(transaction_state(done.state))} " " <code>{done.validation.clone()}</code></dd>
            <dt>{tr(|t| t.transaction)}</dt>
            <dd><a href=page>{tr(|t| t.open_transaction)}</a> " " <Copyable text=done.id.clone()/></dd>
            <dt>{tr(|t| t.block)}</dt>
            <dd>{block}</dd>
            <dt>{tr(|t| t.endorse_time)}</dt>
            <dd>{milliseconds(done.endorse_ms)}</dd>
            <dt>{tr(|t| t.order_time)}</dt>
            <dd>{milliseconds(done.order_ms)}</dd>
            <dt>{tr(|t| t.commit_time)}</dt>
            <dd>{milliseconds(done.commit_ms)}</dd>
        </dl>
    }
    .into_any()
}

/// An answer in three forms; the others are one click away.
fn forms(text: &str, hex: &str) -> AnyView {
    let json = pretty(text).map(|json| {
        view! {
            <details>
                <summary>"JSON"</summary>
                <pre class="log-lines" tabindex="0">{json}</pre>
            </details>
        }
    });
    view! {
        <div class="answer" data-test="answer">
            <pre class="log-lines" tabindex="0" aria-label=tr(|t| t.answer)>{text.to_owned()}</pre>
            <CopyButton text=text.to_owned()/>
        </div>
        {json}
        <details>
            <summary>{tr(|t| t.hexadecimal)}</summary>
            <pre class="log-lines wrap" tabindex="0">{hex.to_owned()}</pre>
        </details>
    }
    .into_any()
}

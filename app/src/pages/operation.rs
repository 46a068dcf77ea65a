//! One operation: its steps, its record as it grows, and what a person may do with it. Closing the page loses
//! nothing: it reads everything again and then follows the event stream.

use domain::id::OperationId;
use domain::operation::{
    EventView, FailureView, KeptView, OperationState, OperationVerb, OperationView, StepView,
};
use leptos::prelude::*;

use super::operations::subject;
use super::{parameter, refusal};
use crate::api::ApiError;
use crate::api::operation::{operation_cancel, operation_read, operation_resume, operation_undo};
use crate::components::badge::{badge, operation_state, step_state};
use crate::components::copy::{CopyButton, Copyable};
use crate::components::dialog::Confirm;
use crate::components::load::load;
use crate::components::log_view::{Lines, LogState, LogView};
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::time::{Time, iso, span};
use crate::events::{self, Message};
use crate::fetched::Fetched;
use crate::text::{code_text, fill, say, say_in, tr, words};

type Steering = Action<OperationVerb, Result<(), ApiError>>;

/// The page.
#[component]
pub fn Operation() -> impl IntoView {
    let id = parameter("id");
    let tick = events::ticks(move |m| m.touches("operation", &id.read_untracked()));
    let operation =
        Fetched::new(move || (id.get(), tick.get()), |(id, _)| operation_read(OperationId::new(id)));
    let steering: Steering = Action::new(move |verb: &OperationVerb| {
        let (verb, id) = (*verb, OperationId::new(id.get_untracked()));
        async move {
            match verb {
                OperationVerb::Cancel => operation_cancel(id).await,
                OperationVerb::Resume => operation_resume(id).await,
                OperationVerb::Undo => operation_undo(id).await,
            }
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(())) = steering.value().get() {
            tick.update(|n| *n = n.wrapping_add(1));
        }
    });
    // Lines that came after the page was read; the page itself brings those before.
    let live = RwSignal::new(Vec::<EventView>::new());
    events::listen(move |message| {
        if let Message::Operation(event) = message
            && event.operation.as_str() == id.read_untracked().as_str()
        {
            live.update(|all| merge(all, std::slice::from_ref(event)));
        }
    });
    let state = LogState::new();
    load(operation, move |operation, _| {
        let name = operation.summary.name.clone();
        let title = say_in(move |lang| lang.operation(&name).to_owned());
        let before = operation.events.clone();
        // Made once for what there is, since each is a log of its own: whoever only moves over it, or filters it, looks at
        // the same one, of which it is known which lines match.
        let made = move |_: Option<&Lines>| {
            let mut all = before.clone();
            merge(&mut all, &live.read());
            Lines::new(all.iter().map(line).collect())
        };
        let lines = Memo::new_with_compare(made, |_, _| true);
        view! {
            <Page
                title=Signal::derive(title)
                crumbs=vec![(words(|t| t.operations), "/operations".to_owned())]
                actions=buttons(&operation, steering)
            >
                <Notice error=refusal(steering)/>
                {body(&operation)}
                <section class="card">
                    <h2>{tr(|t| t.record)}</h2>
                    <LogView id="record" lines=lines state=state/>
                </section>
            </Page>
        }
        .into_any()
    })
}

/// Adds what is new, in order, each sequence once.
fn merge(all: &mut Vec<EventView>, new: &[EventView]) {
    let before = all.len();
    let fresh: Vec<EventView> =
        new.iter().filter(|e| all.iter().take(before).all(|a| a.sequence != e.sequence)).cloned().collect();
    all.extend(fresh);
    all.sort_by_key(|event| event.sequence);
}

fn line(event: &EventView) -> String {
    let step = event.step.as_ref().map(|s| format!(" [{s}]")).unwrap_or_default();
    format!("{}{step} {}", iso(event.at_ms), event.text)
}

fn buttons(operation: &OperationView, steering: Steering) -> AnyView {
    let has = |verb: OperationVerb| operation.verbs.contains(&verb);
    let act = move |verb: OperationVerb| {
        Callback::new(move |_: String| {
            steering.dispatch(verb);
        })
    };
    let resume = has(OperationVerb::Resume).then(|| {
        view! {
            <Confirm label=words(|t| t.resume) impact=vec![words(|t| t.resume_impact)]
                confirm=act(OperationVerb::Resume)/>
        }
    });
    let undo = has(OperationVerb::Undo).then(|| {
        view! {
            <Confirm label=words(|t| t.undo) impact=vec![words(|t| t.undo_impact)] danger=true
                confirm=act(OperationVerb::Undo)/>
        }
    });
    let cancel = has(OperationVerb::Cancel).then(|| {
        view! {
            <Confirm label=words(|t| t.cancel_operation) impact=vec![words(|t| t.cancel_impact)] danger=true
                confirm=act(OperationVerb::Cancel)/>
        }
    });
    view! { {resume} {undo} {cancel} }.into_any()
}

fn body(operation: &OperationView) -> AnyView {
    let summary = &operation.summary;
    let (done, all) = (summary.steps_done, summary.steps);
    let progress = say(move |t| fill(t.n_of_m, &[("n", done.to_string()), ("m", all.to_string())]));
    let took = summary.ended_ms.map(|end| span(end.saturating_sub(summary.created_ms)));
    let steps = operation.steps.iter().map(step_line).collect_view();
    // A chain that is gone, by this operation or since, leads nowhere.
    let leads_on = summary.state == OperationState::Done && summary.subject_is_there;
    let next = leads_on.then(|| next_step(&summary.subject)).flatten();
    let failure = operation.failure.as_ref().map(|failure| failed(operation, failure));
    view! {
        <section class="card">
            <p class="row" role="status">
                {badge(operation_state(summary.state))}
                <progress max=all.max(1).to_string() value=done.to_string() aria-label=tr(|t| t.steps)></progress>
                <span>{progress}</span>
            </p>
            <dl class="facts">
                <dt>{tr(|t| t.object)}</dt>
                <dd>{subject(summary)}</dd>
                <dt>{tr(|t| t.operation)}</dt>
                <dd><Copyable text=summary.id.to_string()/></dd>
                <dt>{tr(|t| t.who)}</dt>
                <dd>{summary.owner.clone()}</dd>
                <dt>{tr(|t| t.started)}</dt>
                <dd><Time ms=summary.created_ms/></dd>
                <dt>{tr(|t| t.duration)}</dt>
                <dd>{took.unwrap_or_else(|| "–".to_owned())}</dd>
            </dl>
            {next}
        </section>
        {failure}
        {kept(&operation.left_behind)}
        <section class="card">
            <h2>{tr(|t| t.steps)}</h2>
            <ol class="steps">{steps}</ol>
        </section>
    }
    .into_any()
}

/// What one does after it went well.
fn next_step(subject: &str) -> Option<AnyView> {
    let chain = subject.strip_prefix("chain/")?;
    let (page, invoke) = (format!("/chains/{chain}"), format!("/chains/{chain}/invoke"));
    let next = view! {
        <p class="row">
            <a class="button primary" href=page>{tr(|t| t.open_chain)}</a>
            <a class="button" href=invoke>{tr(|t| t.invoke)}</a>
        </p>
    };
    Some(next.into_any())
}

fn step_line(step: &StepView) -> AnyView {
    let name = step.name.clone();
    let words = say_in(move |lang| lang.step(&name).to_owned());
    let took = match (step.started_ms, step.ended_ms) {
        (Some(start), Some(end)) => Some(span(end.saturating_sub(start))),
        _ => None,
    };
    let attempt = step.attempt;
    let again = (attempt > 1).then(|| say(move |t| fill(t.attempt_n, &[("n", attempt.to_string())])));
    let progress = step.progress.filter(|_| took.is_none()).map(|(done, all)| {
        view! { <progress max=all.max(1).to_string() value=done.to_string()></progress> }
    });
    // What it waits for, so that nobody takes a host that is away for an operation that hangs.
    let trouble = step.trouble.clone().map(|trouble| {
        let said = say_in(move |lang| {
            code_text(lang, &trouble.code, &trouble.values)
                .unwrap_or_else(|| lang.text().unknown_cause.to_owned())
        });
        view! { " " <small class="muted">{said}</small> }
    });
    view! {
        <li class="step">
            <span class="step-name">{words} {trouble}</span>
            <span>{badge(step_state(step.state))}</span>
            <span class="muted small">{progress} {again}</span>
            <span class="muted small">{step.started_ms.map(|ms| view! { <Time ms=ms/> })}</span>
            <span class="number">{took}</span>
        </li>
    }
    .into_any()
}

/// Why it failed, the suggested fix, the evidence, and a report to copy.
fn failed(operation: &OperationView, failure: &FailureView) -> AnyView {
    let step = failure.step.clone();
    let at = say_in(move |lang| fill(lang.text().failed_at, &[("step", lang.step(&step))]));
    let (code, values) = (failure.code.clone(), failure.values.clone());
    let cause = say_in(move |lang| {
        code_text(lang, &code, &values).unwrap_or_else(|| lang.text().unknown_cause.to_owned())
    });
    let evidence = failure.evidence.join("\n");
    let lines = (!evidence.is_empty()).then(|| {
        view! {
            <details open=true>
                <summary>{tr(|t| t.evidence)}</summary>
                <pre class="log-lines" tabindex="0" lang="en">{evidence}</pre>
            </details>
        }
    });
    view! {
        <section class="card notice-bad" role="alert">
            <h2>{at}</h2>
            <p>{cause}</p>
            <p class="muted small">
                <code>{failure.code.clone()}</code> " · " <span lang="en">{failure.message.clone()}</span>
            </p>
            {lines}
            <p class="row">{tr(|t| t.copy_report)} <CopyButton text=report(operation, failure)/></p>
        </section>
    }
    .into_any()
}

/// What an undo could not take back, because Fabric has no way to.
fn kept(left_behind: &[KeptView]) -> Option<AnyView> {
    if left_behind.is_empty() {
        return None;
    }
    let line = |one: &KeptView| {
        let KeptView { code, values } = one.clone();
        let text = say_in(move |lang| code_text(lang, &code, &values).unwrap_or_else(|| code.clone()));
        view! { <li>{text}</li> }
    };
    let lines = left_behind.iter().map(line).collect_view();
    let card = view! {
        <section class="card">
            <h2>{tr(|t| t.left_behind)}</h2>
            <ul>{lines}</ul>
        </section>
    };
    Some(card.into_any())
}

/// A plain report that holds what somebody who helps will ask for. It is in English for whoever reads it.
fn report(operation: &OperationView, failure: &FailureView) -> String {
    let summary = &operation.summary;
    let mut lines = vec![
        format!("operation {} ({}) on {}", summary.name, summary.id, summary.subject),
        format!("started {} by {}", iso(summary.created_ms), summary.owner),
        format!("failed at {}: {}: {}", failure.step, failure.code, failure.message),
        String::new(),
    ];
    lines.extend(operation.steps.iter().map(|s| format!("{} {:?} attempt {}", s.name, s.state, s.attempt)));
    lines.push(String::new());
    lines.extend(operation.events.iter().map(line));
    lines.push(String::new());
    lines.extend(failure.evidence.iter().cloned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: i64) -> EventView {
        EventView {
            sequence,
            operation: OperationId::new("o"),
            at_ms: 0,
            step: Some("start-nodes".to_owned()),
            text: format!("line {sequence}"),
        }
    }

    #[test]
    fn an_event_that_comes_twice_stands_once_and_in_order() {
        let mut all = vec![event(1), event(3)];
        merge(&mut all, &[event(3), event(2), event(4)]);
        assert_eq!(all.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(line(&all[0]), "1970-01-01T00:00:00Z [start-nodes] line 1");
    }
}

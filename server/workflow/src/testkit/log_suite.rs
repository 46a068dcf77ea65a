//! The conformance suite of a [`Log`]: everything that the engine relies on.
//!
//! Each case gets a fresh, empty log. Nothing here knows how a log stores its rows.

mod claims;
mod events;
mod rows;
mod subjects;

use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use crate::log::{Created, Fence, Log, LogError, NewOperation, Stored};
use crate::record::{EventBody, NewEvent, OperationRecord, OperationState, StepRecord, StepState, Wanted};

/// When the suite's operations begin, unix milliseconds.
const NOW: i64 = 1_700_000_000_000;
/// Length of the suite's leases.
const LEASE: i64 = 1_000;

/// Why a case failed.
type Broken = String;
type Case = fn(Arc<dyn Log>) -> BoxFuture<'static, Result<(), Broken>>;

/// Every case by name.
const CASES: [(&str, Case); 18] = [
    ("rows come back as they were stored", |log| rows::round_trip(log).boxed()),
    ("lists filter, order and bound", |log| rows::lists(log).boxed()),
    ("a change is stored as a whole", |log| rows::changes(log).boxed()),
    ("unknown operations are not found", |log| rows::unknown(log).boxed()),
    ("an idempotency key is one operation", |log| subjects::keys(log).boxed()),
    ("50 parallel creates with one key", |log| subjects::parallel_keys(log).boxed()),
    ("a subject is locked until a final state", |log| subjects::locks(log).boxed()),
    ("50 parallel creates on one subject", |log| subjects::parallel_subjects(log).boxed()),
    ("a failed operation can be superseded", |log| subjects::supersedes(log).boxed()),
    ("superseding and reopening exclude each other", |log| subjects::supersede_or_reopen(log).boxed()),
    ("claims respect leases and raise the epoch", |log| claims::leases(log).boxed()),
    ("one of many parallel claims wins", |log| claims::parallel(log).boxed()),
    ("what is claimable is listed in order", |log| claims::claimable(log).boxed()),
    ("an old epoch writes nothing", |log| claims::fencing(log).boxed()),
    ("a cancel request is marked and seen", |log| claims::cancel(log).boxed()),
    ("only a failed operation is reopened", |log| claims::reopen(log).boxed()),
    ("events are numbered and paged", |log| events::pages(log).boxed()),
    ("a reader never misses an event of parallel writers", |log| events::parallel(log).boxed()),
];

/// Runs every case, each on a log that `fresh` makes, and names those that fail.
///
/// # Errors
/// The failed cases and what was wrong, as one text.
pub async fn run<Fresh, Made>(fresh: Fresh) -> Result<(), String>
where
    Fresh: Fn() -> Made,
    Made: Future<Output = Arc<dyn Log>>,
{
    let mut broken = Vec::new();
    for (name, case) in CASES {
        if let Err(problem) = case(fresh().await).await {
            broken.push(format!("{name}: {problem}"));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

fn must(holds: bool, what: &str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn same<T: PartialEq + std::fmt::Debug>(got: &T, expected: &T, what: &str) -> Result<(), Broken> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, expected {expected:?}"))
}

fn failed(error: LogError) -> Broken {
    format!("unexpected error: {error} ({error:?})")
}

/// A new operation with two steps and one event; ids sort by number.
fn operation(number: u32) -> NewOperation {
    let id = format!("{number:032x}");
    let operation = OperationRecord {
        id: id.clone(),
        name: "suite-test".to_owned(),
        version: 3,
        owner: "alice".to_owned(),
        subject: None,
        idempotency_key: None,
        params: json!({ "name": "demo", "peers": [1, 2], "nested": { "none": null, "text": "链 \"q\"" } }),
        state: OperationState::Pending,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: NOW,
        updated_ms: NOW,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    let steps = (0..).zip(["first", "second"]).map(|(index, name)| step(&id, index, name)).collect();
    let events = vec![event(&operation, OperationState::Pending)];
    NewOperation { operation, steps, events, supersede: None }
}

/// The same on a subject.
fn on(number: u32, subject: &str) -> NewOperation {
    let mut new = operation(number);
    new.operation.subject = Some(subject.to_owned());
    new
}

fn step(operation: &str, index: u32, name: &str) -> StepRecord {
    StepRecord {
        operation: operation.to_owned(),
        index,
        name: name.to_owned(),
        state: StepState::Pending,
        attempt: 0,
        interrupted: 0,
        started_ms: None,
        ended_ms: None,
        retry_at_ms: None,
        output: None,
        error: None,
        done: 0,
        total: 0,
    }
}

fn event(operation: &OperationRecord, state: OperationState) -> NewEvent {
    NewEvent {
        operation: operation.id.clone(),
        owner: operation.owner.clone(),
        subject: operation.subject.clone(),
        at_ms: NOW,
        body: EventBody::State { state, error: None },
    }
}

async fn created(log: &dyn Log, new: NewOperation) -> Result<String, Broken> {
    let id = new.operation.id.clone();
    match log.create(new).await.map_err(failed)? {
        Created::Fresh(_) => Ok(id),
        other => Err(format!("operation {id} was not created: {other:?}")),
    }
}

/// Claims at the given time and returns the fence.
async fn claimed(log: &dyn Log, id: &str, replica: &str, now_ms: i64) -> Result<Fence, Broken> {
    let stored = log.claim(id, replica, now_ms, LEASE).await.map_err(failed)?;
    Ok(Fence { operation: id.to_owned(), epoch: stored.operation.epoch })
}

async fn loaded(log: &dyn Log, id: &str) -> Result<Stored, Broken> {
    log.load(id).await.map_err(failed)?.ok_or_else(|| format!("operation {id} is gone"))
}

/// Takes an operation from pending to a state that is not open.
async fn settle(log: &dyn Log, id: &str, state: OperationState) -> Result<Fence, Broken> {
    let fence = claimed(log, id, "one", NOW).await?;
    log.save(&fence, rows::to_state(state)).await.map_err(failed)?;
    Ok(fence)
}

//! Operations that start others, and wait for them. A child's key follows from its parent, so that a parent which is taken
//! up again finds the children that it has. A child that fails is undone: it keeps neither a name nor ports.
//!
//! A parent that waits takes room in the engine from its children. How many of them there are at once is bounded where
//! they are started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::host::pool::PoolRow;
use domain::id::OperationId;
use domain::name::ChainName;
use domain::operation::FailureView;
use domain::{Code, Error};
use futures::StreamExt;
use store::OperationFilter;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use workflow::{
    EventBody, EventRecord, FailureRecord, Log, LogError, Operation, OperationRecord, OperationState, Start,
    StartError, StepError, Stored, Workflow,
};

use super::step_error;
use crate::operation::subject;
use crate::services::Services;

/// Children of one parent that run side by side.
pub(crate) const SIDE_BY_SIDE: usize = 2;
/// How often a child is looked at, besides its events.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Newest operations on a chain among which a child is looked for.
const CHILDREN: u32 = 20;

/// An operation on a chain that another operation starts.
pub(crate) struct Child<P> {
    pub(crate) chain: ChainName,
    /// Who started the parent.
    pub(crate) owner: String,
    pub(crate) key: String,
    /// A failed operation that holds the chain, to take the place of.
    pub(crate) supersede: Option<String>,
    pub(crate) params: P,
}

/// The key of a child that makes a chain.
pub(crate) fn key(parent: &str, chain: &ChainName) -> String {
    format!("{parent}-{chain}")
}

/// The key of a child that removes a chain: another one, for the same parent may make one of that name afterwards.
pub(crate) fn removal_key(parent: &str, chain: &ChainName) -> String {
    format!("{parent}-{chain}-removal")
}

/// Does a bounded number of things at a time, and gives what came of each, in their order; else the first error, once all
/// have ended.
pub(crate) async fn few_at_a_time<T, F>(work: Vec<F>) -> Result<Vec<T>, StepError>
where
    F: Future<Output = Result<T, StepError>>,
{
    let results: Vec<Result<T, StepError>> =
        futures::stream::iter(work).buffered(SIDE_BY_SIDE).collect().await;
    results.into_iter().collect()
}

/// Starts a child, or finds it, and waits for its end. What came of it is a row, however it ended.
pub(crate) async fn run<P>(services: &Services, child: Child<P>) -> Result<PoolRow, StepError>
where
    P: Operation<Env = Services>,
{
    let mut start = Start::new(child.owner, child.params).on(subject(&child.chain)).with_key(child.key);
    if let Some(failed) = child.supersede {
        start = start.superseding(failed);
    }
    let (id, mut events) = match begin(services, start).await? {
        Begun::Started(id, events) => (id, events),
        Begun::Busy(by) => {
            let error = Error::conflict(Code::ChainBusy).with("operation", by);
            let failure = Some(told(error));
            return Ok(PoolRow { chain: child.chain, operation: None, ended: true, failure });
        }
    };
    let failure = end(services, &mut events, &id).await?;
    let operation = Some(OperationId::new(id));
    Ok(PoolRow { chain: child.chain, operation, ended: true, failure })
}

/// What a start came to.
pub(crate) enum Begun {
    /// The operation, and what happens to all of them from then on.
    Started(String, Receiver<EventRecord>),
    /// The operation that holds the chain.
    Busy(String),
}

/// Starts an operation. What runs operations is not held while it is waited for: it ends when the portal lets go of it.
pub(crate) async fn begin<P>(services: &Services, start: Start<P>) -> Result<Begun, StepError>
where
    P: Operation<Env = Services>,
{
    let workflow = engine(services)?;
    let events = workflow.subscribe();
    match workflow.start(start).await {
        Ok(started) => {
            services.changed("operation", &started.id);
            Ok(Begun::Started(started.id, events))
        }
        Err(StartError::Busy { by }) => Ok(Begun::Busy(by)),
        Err(error) => Err(StepError::retry(Code::Internal.as_text(), error.to_string())),
    }
}

/// Waits until an operation is at rest; one that failed is undone. Returns why it failed, if it did.
pub(crate) async fn end(
    services: &Services,
    events: &mut Receiver<EventRecord>,
    id: &str,
) -> Result<Option<FailureView>, StepError> {
    let stored = at_rest(services, events, id).await?;
    if stored.operation.state != OperationState::Failed {
        return Ok(failure_of(&stored));
    }
    let failure = failure_of(&stored);
    match engine(services)?.undo(id).await {
        // Somebody was faster, with this or with another try.
        Ok(()) | Err(LogError::NotAllowed { .. }) => {}
        Err(error) => return Err(unreadable(&error)),
    }
    let stored = at_rest(services, events, id).await?;
    Ok(if stored.operation.state == OperationState::Done { None } else { failure })
}

/// Waits until an operation is done, undone or failed.
async fn at_rest(
    services: &Services,
    events: &mut Receiver<EventRecord>,
    id: &str,
) -> Result<Stored, StepError> {
    loop {
        let stored = services.store.load(id).await.map_err(|error| unreadable(&error))?;
        let stored = stored.ok_or_else(|| step_error(Error::not_found()))?;
        if !stored.operation.state.is_open() {
            return Ok(stored);
        }
        tokio::select! {
            () = moved(events, id) => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Waits until an event tells another state of an operation.
async fn moved(events: &mut Receiver<EventRecord>, id: &str) {
    loop {
        match events.recv().await {
            Ok(event) if event.operation == id && matches!(event.body, EventBody::State { .. }) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending::<()>().await,
        }
    }
}

/// A child that was started before, by its key; nothing is started.
pub(crate) async fn find(
    services: &Services,
    chain: &ChainName,
    key: &str,
) -> Result<Option<OperationRecord>, LogError> {
    let filter =
        OperationFilter { subject: Some(subject(chain)), limit: CHILDREN, ..OperationFilter::default() };
    let newest = services.store.operation_page(&filter).await?;
    Ok(newest.into_iter().find(|operation| operation.idempotency_key.as_deref() == Some(key)))
}

/// What a child that was started before has come to, for the page.
pub(crate) async fn row(services: &Services, chain: &ChainName, key: &str) -> Result<PoolRow, LogError> {
    let mut row = PoolRow { chain: chain.clone(), operation: None, ended: false, failure: None };
    let Some(child) = find(services, chain, key).await? else { return Ok(row) };
    if let Some(stored) = services.store.load(&child.id).await? {
        row.ended = !stored.operation.state.is_open();
        row.failure = if row.ended { failure_of(&stored) } else { None };
    }
    row.operation = Some(OperationId::new(child.id));
    Ok(row)
}

/// Why an operation that is at rest is not done.
fn failure_of(stored: &Stored) -> Option<FailureView> {
    if stored.operation.state == OperationState::Done {
        return None;
    }
    // An undo clears what is said of the operation; the step keeps it.
    let of_steps = || stored.steps.iter().find_map(|step| step.error.as_ref());
    let failure = stored.operation.error.as_ref().or_else(of_steps).map(view);
    Some(failure.unwrap_or_else(|| {
        told(Error::conflict(Code::OperationState).with("state", stored.operation.state.as_str()))
    }))
}

fn view(failure: &FailureRecord) -> FailureView {
    FailureView {
        step: failure.step.clone().unwrap_or_default(),
        code: failure.code.clone(),
        values: failure.values.clone(),
        message: failure.message.clone(),
        // The operation's own page has them.
        evidence: Vec::new(),
    }
}

/// An error of the portal as a failure.
pub(crate) fn told(error: Error) -> FailureView {
    let (code, message) = (error.code.as_text(), error.to_string());
    let values: BTreeMap<String, String> = error.values;
    FailureView { step: String::new(), code, values, message, evidence: Vec::new() }
}

/// What runs operations.
pub(crate) fn engine(services: &Services) -> Result<Arc<Workflow<Services>>, StepError> {
    let missing = || StepError::retry(Code::Internal.as_text(), "the portal ends");
    services.workflow().ok_or_else(missing)
}

/// A log that does not answer may answer soon.
pub(crate) fn unreadable(error: &LogError) -> StepError {
    StepError::retry(Code::Internal.as_text(), error.to_string())
}

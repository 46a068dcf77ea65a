//! What a step sees while it runs: parameters, services, earlier outputs, and the way to report.
//!
//! Reporting writes to the log first and can therefore be slow; it never fails a step. A context outlives its attempt at
//! most as a clone in a forgotten task, and then it cannot write any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Mutex, watch};

use crate::clock::Clock;
use crate::error::{StepError, bounded, codes};
use crate::events::Publisher;
use crate::log::{Change, Fence, Log, LogError};
use crate::plan::{Call, Operation, StepOutput};
use crate::record::{EventBody, NewEvent, StepRecord, Told};

/// Shortest time between two stored progress reports of one attempt; the last one (`done == total`) is always stored.
const PROGRESS_EVERY_MS: i64 = 200;

/// A step's view of its operation. Cheap to clone, for work that runs side by side within a step.
pub struct Context<P: Operation> {
    params: Arc<P>,
    env: Arc<P::Env>,
    outputs: Arc<BTreeMap<String, Value>>,
    live: Arc<Live>,
}

// Derived, it would ask for `P::Env: Clone`.
impl<P: Operation> Clone for Context<P> {
    fn clone(&self) -> Self {
        Self {
            params: Arc::clone(&self.params),
            env: Arc::clone(&self.env),
            outputs: Arc::clone(&self.outputs),
            live: Arc::clone(&self.live),
        }
    }
}

impl<P: Operation> Context<P> {
    pub(crate) fn new(call: Call<P::Env>) -> Result<Self, StepError> {
        let params = P::deserialize(&*call.params).map_err(|error| {
            StepError::stop(codes::PARAMS_UNREADABLE, format!("The stored parameters do not fit: {error}."))
        })?;
        Ok(Self { params: Arc::new(params), env: call.env, outputs: call.outputs, live: call.live })
    }

    /// The operation's parameters.
    pub fn params(&self) -> &P {
        &self.params
    }

    /// The services given to the workflow.
    pub fn env(&self) -> &P::Env {
        &self.env
    }

    /// The services, to move into a task.
    pub fn env_arc(&self) -> Arc<P::Env> {
        Arc::clone(&self.env)
    }

    /// The operation's id.
    pub fn operation_id(&self) -> &str {
        &self.live.fence.operation
    }

    /// The step's name.
    pub fn step(&self) -> &str {
        &self.live.step
    }

    /// The number of this attempt, from 1; attempts that a crash cut short count.
    pub fn attempt(&self) -> u32 {
        self.live.attempt
    }

    /// The fencing epoch, to stamp outside objects with: a higher one belongs to a later owner of the operation.
    pub fn epoch(&self) -> u64 {
        self.live.fence.epoch
    }

    /// The engine's time, unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.live.clock.now_ms()
    }

    /// Waits by the engine's clock, between two looks at a condition.
    pub async fn sleep(&self, wait_ms: u64) {
        self.live.clock.sleep(wait_ms).await;
    }

    /// The output of an earlier step.
    ///
    /// # Errors
    /// A stop, when that step left none or one of another shape: both are programming errors.
    pub fn output<T: StepOutput>(&self) -> Result<T, StepError> {
        self.try_output()?.ok_or_else(|| {
            StepError::stop(codes::OUTPUT_MISSING, format!("The step {} left no result.", T::STEP))
        })
    }

    /// The output of a step that may not have finished: what an undo has to ask for, also about its own step.
    ///
    /// # Errors
    /// A stop, when there is one of another shape.
    pub fn try_output<T: StepOutput>(&self) -> Result<Option<T>, StepError> {
        let Some(value) = self.outputs.get(T::STEP) else { return Ok(None) };
        T::deserialize(value).map(Some).map_err(|error| {
            let message = format!("The result of step {} does not fit: {error}.", T::STEP);
            StepError::stop(codes::OUTPUT_UNREADABLE, message)
        })
    }

    /// Whether somebody asked to cancel. A long step may look and end early with an error; its undo follows.
    pub fn cancelled(&self) -> bool {
        *self.live.cancel.borrow()
    }

    /// Waits until somebody asks to cancel.
    pub async fn until_cancelled(&self) {
        let mut cancel = self.live.cancel.clone();
        if cancel.wait_for(|asked| *asked).await.is_err() {
            // The run is gone and takes this future with it.
            std::future::pending::<()>().await;
        }
    }

    /// Writes a line of the live log (cut at 4,096 bytes; a bounded number per attempt).
    pub async fn note(&self, text: impl Into<String> + Send) {
        self.live.note(text.into(), None).await;
    }

    /// The same for what must not be overlooked: with a code and its values for whoever translates it.
    pub async fn note_as(
        &self,
        code: impl Into<String> + Send,
        values: BTreeMap<String, String>,
        text: impl Into<String> + Send,
    ) {
        let values = values.into_iter().map(|(name, value)| (name, bounded(value))).collect();
        self.live.note(text.into(), Some(Told { code: code.into(), values })).await;
    }

    /// Reports progress: units done of units in all (0 when unknown). Frequent reports are thinned out.
    pub async fn progress(&self, done: u64, total: u64) {
        self.live.progress(done, total).await;
    }
}

/// The reporting half of an attempt, shared by all clones of its context.
pub(crate) struct Live {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) fence: Fence,
    pub(crate) owner: String,
    pub(crate) subject: Option<String>,
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) notes_max: u32,
    pub(crate) cancel: watch::Receiver<bool>,
    pub(crate) reports: Mutex<Reports>,
}

/// What changes while the attempt runs.
pub(crate) struct Reports {
    /// The step's row, as it is stored.
    pub(crate) record: StepRecord,
    /// Set when the attempt ended: then nothing may be written any more.
    pub(crate) closed: bool,
    pub(crate) notes: u32,
    pub(crate) progress_ms: Option<i64>,
}

impl Live {
    async fn note(self: &Arc<Self>, text: String, told: Option<Told>) {
        self.report(move |live, reports| {
            if reports.notes > live.notes_max {
                return None;
            }
            reports.notes += 1;
            let (text, told) = if reports.notes > live.notes_max {
                ("Further lines of this attempt are not kept.".to_owned(), None)
            } else {
                (bounded(text), told)
            };
            let body = EventBody::Note { step: live.step.clone(), attempt: live.attempt, text, told };
            Some((body, Vec::new()))
        })
        .await;
    }

    async fn progress(self: &Arc<Self>, done: u64, total: u64) {
        self.report(move |live, reports| {
            let now_ms = live.clock.now_ms();
            let complete = total > 0 && done >= total;
            let since_ms = reports.progress_ms.map(|last| now_ms.saturating_sub(last));
            // A clock that was set back says nothing of how long ago the last one was.
            let soon = since_ms.is_some_and(|since_ms| (0..PROGRESS_EVERY_MS).contains(&since_ms));
            if soon && !complete {
                return None;
            }
            reports.progress_ms = Some(now_ms);
            reports.record.done = done;
            reports.record.total = total;
            let body = EventBody::Progress { step: live.step.clone(), done, total };
            Some((body, vec![reports.record.clone()]))
        })
        .await;
    }

    /// Ends reporting, after a write under way, and returns the step's row.
    pub(crate) async fn close(&self) -> StepRecord {
        let mut reports = self.reports.lock().await;
        reports.closed = true;
        reports.record.clone()
    }

    /// Takes its turn and stores a report, in a task of its own: a step may poll one of several reports only, and the
    /// lock would go to one that it does not poll. A step that is dropped in the middle leaves no write behind that
    /// could overtake what the engine stores next, because closing waits for the lock, too.
    async fn report(
        self: &Arc<Self>,
        make: impl FnOnce(&Self, &mut Reports) -> Option<(EventBody, Vec<StepRecord>)> + Send + 'static,
    ) {
        let live = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut reports = live.reports.lock().await;
            if reports.closed {
                return;
            }
            if let Some((body, steps)) = make(&live, &mut reports) {
                live.write(body, steps).await;
            }
        });
        // It cannot panic by itself; if the runtime shuts down, the step goes too.
        let _ended = task.await;
    }

    async fn write(&self, body: EventBody, steps: Vec<StepRecord>) {
        let now_ms = self.clock.now_ms();
        let event = NewEvent {
            operation: self.fence.operation.clone(),
            owner: self.owner.clone(),
            subject: self.subject.clone(),
            at_ms: now_ms,
            body,
        };
        match self.log.save(&self.fence, Change { now_ms, state: None, steps, events: vec![event] }).await {
            Ok(_events) => self.publisher.wake(),
            // The keeper of the lease notices the same and drops the run.
            Err(LogError::Fenced { .. }) => {}
            Err(error) => {
                tracing::warn!(operation = %self.fence.operation, %error, "a report was not stored")
            }
        }
    }
}

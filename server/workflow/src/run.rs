//! One claimed operation on its way: forward to `done`, or backward to `undone`, or to `failed`.
//!
//! A run owns nothing that the log does not have. It may be dropped at any point; whoever claims the operation next goes
//! on from the stored rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use crate::attempt::Reached;
use crate::engine::{Engine, Phase, reached};
use crate::error::codes;
use crate::lease::{Keeper, Lease};
use crate::log::{Change, Fence, LogError, StateChange, Stored};
use crate::plan::Steps;
use crate::record::{
    EventBody, FailureRecord, NewEvent, OperationRecord, OperationState, StepRecord, StepState, Wanted,
};

/// Wait between two tries to write while the store does not answer.
const SAVE_RETRY_MS: u64 = 500;

/// Why a run ends before its operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The operation belongs to somebody else now, or may soon: write nothing any more.
    Lost,
    /// This replica is stopping: release the operation.
    HandOver,
}

/// One claimed operation and all that is needed to take it further.
pub(crate) struct Run<E> {
    pub(crate) engine: Arc<Engine<E>>,
    pub(crate) fence: Fence,
    pub(crate) operation: OperationRecord,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) params: Arc<Value>,
    pub(crate) cancel: watch::Receiver<bool>,
    pub(crate) phase: watch::Receiver<Phase>,
    /// The step that was last worked on here.
    pub(crate) current: Option<usize>,
    cancel_switch: Arc<watch::Sender<bool>>,
    lease: Lease,
}

impl<E: Send + Sync + 'static> Run<E> {
    pub(crate) fn new(engine: Arc<Engine<E>>, stored: Stored, cancel: Arc<watch::Sender<bool>>) -> Self {
        let Stored { mut operation, steps } = stored;
        let phase = engine.phase.subscribe();
        Self {
            fence: Fence { operation: operation.id.clone(), epoch: operation.epoch },
            lease: Lease::new(operation.lease_until_ms),
            params: Arc::new(operation.params.take()),
            operation,
            steps,
            cancel: cancel.subscribe(),
            cancel_switch: cancel,
            phase,
            current: None,
            engine,
        }
    }

    /// Runs until the operation settles, is lost, or is handed over.
    pub(crate) async fn go(mut self) {
        let keeper = Keeper {
            log: Arc::clone(&self.engine.log),
            clock: Arc::clone(&self.engine.clock),
            fence: self.fence.clone(),
            lease: self.lease.clone(),
            lease_ms: self.engine.settings.lease_ms,
            every_ms: self.engine.settings.renew_every_ms(),
            cancel: Arc::clone(&self.cancel_switch),
        };
        let mut phase = self.phase.clone();
        let id = self.fence.operation.clone();
        tokio::select! {
            () = self.drive_and_leave() => {}
            () = keeper.keep() => tracing::warn!(operation = %id, "the lease is lost, the run is dropped"),
            () = reached(&mut phase, Phase::Halted) => {}
        }
    }

    async fn drive_and_leave(&mut self) {
        let end = match self.drive().await {
            Err(Halt::HandOver) => self.hand_over().await,
            end => end,
        };
        if end.is_err() {
            tracing::warn!(operation = %self.fence.operation, "the operation is lost, the run is dropped");
        }
    }

    async fn drive(&mut self) -> Result<(), Halt> {
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(failure) => return self.fail(*failure, None).await,
        };
        if self.operation.wanted == Wanted::Run && !self.forward(&plan).await? {
            return Ok(());
        }
        self.backward(&plan).await
    }

    /// The plan that fits what is stored.
    fn plan(&self) -> Result<Arc<Steps<E>>, Box<FailureRecord>> {
        let failure = |code: &str, message: String| {
            let (code, evidence) = (code.to_owned(), Vec::new());
            Box::new(FailureRecord {
                code,
                message,
                values: BTreeMap::new(),
                evidence,
                step: None,
                attempts: 0,
            })
        };
        let OperationRecord { name, version, .. } = &self.operation;
        let plan = self.engine.plan(name, *version).filter(|plan| {
            let stored = self.steps.iter().map(|step| step.name.as_str());
            stored.eq(plan.steps.iter().map(|step| step.name))
        });
        let Some(plan) = plan else {
            let message = format!("This version of the program does not know version {version} of {name}.");
            return Err(failure(codes::VERSION_UNKNOWN, message));
        };
        plan.check_params(&self.params).map_err(|error| {
            failure(codes::PARAMS_UNREADABLE, format!("The stored parameters do not fit {name}: {error}."))
        })?;
        Ok(plan)
    }

    /// Takes the remaining steps. Whether to go backward now: true after a cancel request; false when it is settled.
    async fn forward(&mut self, plan: &Steps<E>) -> Result<bool, Halt> {
        for index in 0..self.steps.len() {
            if self.steps[index].state == StepState::Done {
                continue;
            }
            match self.step(plan, index, Wanted::Run).await? {
                Reached::End => {}
                Reached::Cancel => return Ok(true),
                Reached::Failure(failure) if self.cancelled() => {
                    self.operation.error = Some(failure);
                    return Ok(true);
                }
                Reached::Failure(failure) => {
                    self.fail(failure, Some(index)).await?;
                    return Ok(false);
                }
            }
        }
        if self.cancelled() {
            return Ok(true);
        }
        self.operation.error = None;
        self.enter(OperationState::Done, Vec::new()).await?;
        Ok(false)
    }

    /// Undoes every step that ever began, last first.
    async fn backward(&mut self, plan: &Steps<E>) -> Result<(), Halt> {
        self.operation.wanted = Wanted::Undo;
        if self.operation.state != OperationState::Undoing {
            // With the step whose failure no write has carried yet, if there is one.
            let mut changed: Vec<_> = self.current.into_iter().collect();
            for (index, step) in self.steps.iter_mut().enumerate() {
                if step.state == StepState::Pending {
                    step.state = StepState::Skipped;
                    changed.push(index);
                }
            }
            self.enter(OperationState::Undoing, changed).await?;
        }
        for index in (0..self.steps.len()).rev() {
            if matches!(self.steps[index].state, StepState::Skipped | StepState::Undone | StepState::Pending)
            {
                continue;
            }
            if let Reached::Failure(failure) = self.step(plan, index, Wanted::Undo).await? {
                return self.fail(failure, Some(index)).await;
            }
        }
        self.enter(OperationState::Undone, Vec::new()).await
    }

    async fn fail(&mut self, failure: FailureRecord, step: Option<usize>) -> Result<(), Halt> {
        tracing::warn!(
            operation = %self.fence.operation, name = %self.operation.name, code = %failure.code,
            step = failure.step.as_deref().unwrap_or_default(), "{}", failure.message
        );
        self.operation.error = Some(failure);
        self.enter(OperationState::Failed, step.into_iter().collect()).await
    }

    /// Leaves the operation to any replica: nothing of it runs here any more.
    async fn hand_over(&mut self) -> Result<(), Halt> {
        let state = (self.operation.state == OperationState::Running).then_some(OperationState::Waiting);
        let change = self.change(state, self.current.into_iter().collect());
        self.save(change).await?;
        let now_ms = self.engine.clock.now_ms();
        self.engine.log.release(&self.fence, now_ms).await.map_err(|error| {
            tracing::warn!(operation = %self.fence.operation, %error, "an operation was not released");
            Halt::Lost
        })
    }

    pub(crate) fn cancelled(&self) -> bool {
        *self.cancel.borrow()
    }

    /// Stores a new state of the operation, with the rows of these steps.
    pub(crate) async fn enter(&mut self, state: OperationState, steps: Vec<usize>) -> Result<(), Halt> {
        let change = self.change(Some(state), steps);
        self.save(change).await
    }

    /// A change of the operation's state (if given and new) and of these steps, with an event for each.
    pub(crate) fn change(&mut self, state: Option<OperationState>, steps: Vec<usize>) -> Change {
        let mut change = Change { now_ms: self.engine.clock.now_ms(), ..Change::default() };
        let wanted = self.operation.wanted;
        if let Some(state) = state.filter(|state| *state != self.operation.state) {
            self.operation.state = state;
            let error = self.operation.error.clone();
            change.events.push(self.event(change.now_ms, EventBody::State { state, error: error.clone() }));
            change.state = Some(StateChange { state, wanted, error });
        }
        for step in steps.into_iter().filter_map(|index| self.steps.get(index)) {
            change.events.push(self.event(change.now_ms, step_event(step)));
            change.steps.push(step.clone());
        }
        change
    }

    fn event(&self, at_ms: i64, body: EventBody) -> NewEvent {
        NewEvent {
            operation: self.operation.id.clone(),
            owner: self.operation.owner.clone(),
            subject: self.operation.subject.clone(),
            at_ms,
            body,
        }
    }

    /// Writes, again and again while the store does not answer, for as long as the lease lasts.
    pub(crate) async fn save(&self, change: Change) -> Result<(), Halt> {
        loop {
            match self.engine.log.save(&self.fence, change.clone()).await {
                Ok(_events) => {
                    self.engine.publisher.wake();
                    return Ok(());
                }
                Err(LogError::Fenced { .. } | LogError::NotFound { .. }) => return Err(Halt::Lost),
                Err(error) => {
                    tracing::warn!(operation = %self.fence.operation, %error, "a change was not stored");
                    if self.lease.lapsed(self.engine.clock.now_ms()) {
                        return Err(Halt::Lost);
                    }
                    self.engine.clock.sleep(SAVE_RETRY_MS).await;
                }
            }
        }
    }
}

fn step_event(step: &StepRecord) -> EventBody {
    EventBody::Step {
        index: step.index,
        step: step.name.clone(),
        state: step.state,
        attempt: step.attempt,
        retry_at_ms: step.retry_at_ms,
        error: step.error.clone(),
    }
}

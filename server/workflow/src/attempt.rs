//! One step or undo, attempt after attempt, until it succeeds, gives up, or the run has to leave it.
//!
//! The row that says "attempt n is under way" is stored before the attempt begins, its result after it ended. Each attempt
//! is a task of its own, so that a panic ends the attempt and not the engine.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinHandle};

use crate::context::{Live, Reports};
use crate::engine::{MakeAttempt, Phase, Point, reached};
use crate::error::{StepError, codes};
use crate::plan::{Call, StepFuture, Steps};
use crate::record::{FailureRecord, OperationState, StepState, Wanted};
use crate::run::{Halt, Run};

/// How long to wait for a dropped attempt to let go.
const LET_GO_MS: u64 = 5_000;

/// Where a step got to.
pub(crate) enum Reached {
    /// Done or undone, and stored.
    End,
    /// Left because of a cancel request.
    Cancel,
    /// Failed; its row is changed but not stored yet, so that the caller can store both at once.
    Failure(FailureRecord),
}

impl<E: Send + Sync + 'static> Run<E> {
    /// Takes a step in a direction.
    pub(crate) async fn step(
        &mut self,
        plan: &Steps<E>,
        index: usize,
        wanted: Wanted,
    ) -> Result<Reached, Halt> {
        self.current = Some(index);
        self.approach(index, wanted);
        let attempts_max = plan.steps[index].attempts.unwrap_or(self.engine.settings.attempts_max);
        loop {
            if self.wait_for_turn(index, wanted).await? {
                return Ok(Reached::Cancel);
            }
            if let Some(failure) = self.too_often_interrupted(index) {
                return Ok(Reached::Failure(failure));
            }
            self.begin(index, wanted).await?;
            let error = match self.call(plan, index, wanted).await? {
                Ok(output) => {
                    self.succeed(index, wanted, output).await?;
                    return Ok(Reached::End);
                }
                Err(error) => error,
            };
            if let Some(failure) = self.stumble(index, wanted, error, attempts_max).await? {
                return Ok(Reached::Failure(failure));
            }
        }
    }

    /// Begins to count anew, or goes on counting where a former run of the same direction left off.
    fn approach(&mut self, index: usize, wanted: Wanted) {
        let step = &mut self.steps[index];
        let goes_on = match wanted {
            Wanted::Run => matches!(step.state, StepState::Running | StepState::Waiting),
            Wanted::Undo => step.state == StepState::Undoing,
        };
        if goes_on && step.attempt > 0 {
            // An attempt without an end died with its replica.
            if step.ended_ms.is_none() {
                step.interrupted += 1;
            }
            return;
        }
        step.attempt = 0;
        step.interrupted = 0;
        step.started_ms = None;
        step.ended_ms = None;
        step.retry_at_ms = None;
    }

    /// Waits until the next attempt is due. True when a cancel request came instead.
    async fn wait_for_turn(&mut self, index: usize, wanted: Wanted) -> Result<bool, Halt> {
        if let Some(due_ms) = self.steps[index].retry_at_ms {
            let wait_ms = u64::try_from(due_ms.saturating_sub(self.engine.clock.now_ms())).unwrap_or(0);
            // A clock that was set back must not make the wait longer than it ever is.
            let wait_ms = wait_ms.min(self.engine.settings.retry_cap_ms);
            let clock = Arc::clone(&self.engine.clock);
            let (mut phase, mut cancel) = (self.phase.clone(), self.cancel.clone());
            tokio::select! {
                () = clock.sleep(wait_ms) => {}
                () = reached(&mut phase, Phase::Draining) => {}
                _ = cancel.wait_for(|asked| *asked), if wanted == Wanted::Run => {}
            }
        }
        if *self.phase.borrow() >= Phase::Draining {
            return Err(Halt::HandOver);
        }
        Ok(wanted == Wanted::Run && self.cancelled())
    }

    fn too_often_interrupted(&mut self, index: usize) -> Option<FailureRecord> {
        let step = &mut self.steps[index];
        if step.interrupted <= self.engine.settings.interruptions_max {
            return None;
        }
        let message = format!("The program ended {} times while it worked on this step.", step.interrupted);
        let failure = StepError::stop(codes::INTERRUPTED, message).into_failure(&step.name, step.attempt);
        step.state = StepState::Failed;
        step.error = Some(failure.clone());
        Some(failure)
    }

    async fn begin(&mut self, index: usize, wanted: Wanted) -> Result<(), Halt> {
        let now_ms = self.engine.clock.now_ms();
        let step = &mut self.steps[index];
        step.attempt += 1;
        step.started_ms = Some(now_ms);
        step.ended_ms = None;
        step.retry_at_ms = None;
        step.done = 0;
        step.total = 0;
        let state = match wanted {
            Wanted::Run => {
                step.state = StepState::Running;
                OperationState::Running
            }
            Wanted::Undo => {
                step.state = StepState::Undoing;
                OperationState::Undoing
            }
        };
        self.enter(state, vec![index]).await
    }

    async fn succeed(&mut self, index: usize, wanted: Wanted, output: Value) -> Result<(), Halt> {
        let now_ms = self.engine.clock.now_ms();
        let step = &mut self.steps[index];
        step.ended_ms = Some(now_ms);
        match wanted {
            Wanted::Run => {
                step.state = StepState::Done;
                step.output = Some(output);
                step.error = None;
            }
            Wanted::Undo => {
                // The error stays: it tells why the step was undone.
                step.state = StepState::Undone;
                step.output = None;
            }
        }
        let change = self.change(None, vec![index]);
        self.save(change).await
    }

    /// Notes an error: stores when to try again, or returns the failure when that is over.
    async fn stumble(
        &mut self,
        index: usize,
        wanted: Wanted,
        error: StepError,
        attempts_max: u32,
    ) -> Result<Option<FailureRecord>, Halt> {
        let now_ms = self.engine.clock.now_ms();
        let step = &mut self.steps[index];
        let failed = step.attempt.saturating_sub(step.interrupted);
        let asked_ms = match &error {
            StepError::Retry { after_ms, .. } if failed < attempts_max => Some(*after_ms),
            _ => None,
        };
        let failure = error.into_failure(&step.name, step.attempt);
        step.ended_ms = Some(now_ms);
        step.error = Some(failure.clone());
        let Some(asked_ms) = asked_ms else {
            step.state = StepState::Failed;
            return Ok(Some(failure));
        };
        let wait_ms = self.engine.settings.retry_wait_ms(failed, asked_ms);
        step.retry_at_ms = Some(now_ms.saturating_add_unsigned(wait_ms));
        let state = match wanted {
            Wanted::Run => {
                step.state = StepState::Waiting;
                OperationState::Waiting
            }
            Wanted::Undo => OperationState::Undoing,
        };
        self.enter(state, vec![index]).await?;
        Ok(None)
    }

    /// One attempt: its result, or why the run has to leave.
    async fn call(
        &mut self,
        plan: &Steps<E>,
        index: usize,
        wanted: Wanted,
    ) -> Result<Result<Value, StepError>, Halt> {
        let live = Arc::new(self.live(index));
        let attempt = self.attempt(plan, index, wanted, Arc::clone(&live));
        let alive = self.engine.activity();
        let mut task = AbortOnDrop(tokio::spawn(async move {
            let _alive = alive;
            attempt.await
        }));
        let timeout_ms = plan.steps[index].timeout_ms.unwrap_or(self.engine.settings.step_timeout_ms);
        let clock = Arc::clone(&self.engine.clock);
        let mut phase = self.phase.clone();
        let ended = tokio::select! {
            ended = &mut task.0 => Ended::Itself(ended),
            () = clock.guard(timeout_ms) => Ended::TimedOut,
            () = reached(&mut phase, Phase::Deadline) => Ended::Dropped,
        };
        if !matches!(ended, Ended::Itself(_)) {
            // Two attempts of one step must not overlap. One that blocks its thread cannot be waited for, though.
            task.0.abort();
            tokio::select! {
                _ = &mut task.0 => {}
                () = clock.guard(LET_GO_MS) => tracing::warn!(step = %plan.steps[index].name, "an attempt does not end"),
            }
        }
        self.steps[index] = live.close().await;
        match ended {
            Ended::Itself(Ok(result)) => Ok(result),
            Ended::Itself(Err(error)) if error.is_panic() => Ok(Err(panicked(error))),
            // Only a runtime that shuts down cancels a task that nobody aborted.
            Ended::Itself(Err(_)) => Err(Halt::Lost),
            Ended::TimedOut => {
                let message = format!("The step took longer than {} s.", timeout_ms.div_ceil(1_000));
                Ok(Err(StepError::retry(codes::TIMED_OUT, message)))
            }
            Ended::Dropped => {
                let now_ms = self.engine.clock.now_ms();
                let step = &mut self.steps[index];
                step.interrupted += 1;
                step.ended_ms = Some(now_ms);
                if wanted == Wanted::Run {
                    step.state = StepState::Waiting;
                }
                Err(Halt::HandOver)
            }
        }
    }

    /// The future of one attempt.
    fn attempt(&self, plan: &Steps<E>, index: usize, wanted: Wanted, live: Arc<Live>) -> StepFuture {
        let step = &plan.steps[index];
        let function = Arc::clone(match wanted {
            Wanted::Run => &step.run,
            Wanted::Undo => &step.undo,
        });
        let outputs: BTreeMap<_, _> = self
            .steps
            .iter()
            .filter_map(|step| step.output.clone().map(|output| (step.name.clone(), output)))
            .collect();
        let call = Call {
            env: Arc::clone(&self.engine.env),
            params: Arc::clone(&self.params),
            outputs: Arc::new(outputs),
            live,
        };
        // Lazy, so that a panic in the function itself also ends in the attempt's own task.
        let make: MakeAttempt = Arc::new(move || {
            let (function, call) = (Arc::clone(&function), call.clone());
            async move { function(call).await }.boxed()
        });
        let Some(interposer) = self.engine.interposer.get() else { return make() };
        interposer.around(Point { step: step.name, wanted, attempt: self.steps[index].attempt }, make)
    }

    fn live(&self, index: usize) -> Live {
        let record = self.steps[index].clone();
        Live {
            log: Arc::clone(&self.engine.log),
            clock: Arc::clone(&self.engine.clock),
            publisher: Arc::clone(&self.engine.publisher),
            fence: self.fence.clone(),
            owner: self.operation.owner.clone(),
            subject: self.operation.subject.clone(),
            step: record.name.clone(),
            attempt: record.attempt,
            notes_max: self.engine.settings.notes_max,
            cancel: self.cancel.clone(),
            reports: Mutex::new(Reports { record, closed: false, notes: 0, progress_ms: None }),
        }
    }
}

/// How an attempt's task ended.
enum Ended {
    Itself(Result<Result<Value, StepError>, JoinError>),
    TimedOut,
    Dropped,
}

/// A task that does not outlive its run.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panicked(error: JoinError) -> StepError {
    let message = error.try_into_panic().map_or_else(|_| String::new(), |cause| panic_text(&*cause));
    StepError::stop(codes::PANICKED, format!("The step ended by a programming error: {message}"))
}

fn panic_text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

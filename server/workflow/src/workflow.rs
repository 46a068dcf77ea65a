//! The engine's public face: start, cancel, resume, undo, watch, and stop.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock::Clock;
use crate::engine::{Engine, Phase, reached};
use crate::log::{Created, Log, LogError, NewOperation, Stored};
use crate::plan::{Operation, Plan, PlanError, Steps};
use crate::record::{
    EventBody, EventRecord, NewEvent, OperationRecord, OperationState, StepRecord, StepState, Wanted,
};
use crate::settings::Settings;

/// How often to look at an operation that is waited for, besides its events.
const LOOK_EVERY_MS: u64 = 1_000;
/// Time for the last rows of handed over operations, once their steps are dropped.
const LEAVE_MS: u64 = 2_000;

/// A request to start an operation.
#[derive(Debug, Clone)]
pub struct Start<P> {
    /// Who starts it.
    pub owner: String,
    /// What it locks, such as `chain:demo`.
    pub subject: Option<String>,
    /// The owner's key against double submission.
    pub idempotency_key: Option<String>,
    /// A failed operation on the same subject that this one takes the place of.
    pub supersede: Option<String>,
    /// The operation.
    pub params: P,
}

impl<P> Start<P> {
    /// A request without subject and keys.
    pub fn new(owner: impl Into<String>, params: P) -> Self {
        Self { owner: owner.into(), subject: None, idempotency_key: None, supersede: None, params }
    }

    /// Locks a subject.
    #[must_use]
    pub fn on(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets a key: all starts of one owner with the same key are the same operation.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Takes the subject over from a failed operation, which can then be neither resumed nor undone.
    #[must_use]
    pub fn superseding(mut self, failed: impl Into<String>) -> Self {
        self.supersede = Some(failed.into());
        self
    }
}

/// What a start led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The operation's id.
    pub id: String,
    /// Whether an earlier start with the same idempotency key made it.
    pub already: bool,
}

/// Why an operation was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another operation holds the subject; a failed one holds it until it is resumed, undone or superseded.
    #[error("the subject is held by operation {by}")]
    Busy {
        /// The operation that holds it.
        by: String,
    },
    /// The owner used the idempotency key for an operation of another kind.
    #[error("the idempotency key belongs to operation {id} of another kind")]
    KeyReused {
        /// That operation.
        id: String,
    },
    /// The operation's type was not registered: a programming error.
    #[error("no plan {name} version {version} is registered")]
    Unregistered {
        /// The plan's name.
        name: &'static str,
        /// Its version.
        version: u32,
    },
    /// The parameters cannot be stored.
    #[error("the operation's parameters cannot be stored")]
    Params(#[source] serde_json::Error),
    /// The machine gives no random numbers for an id.
    #[error("no random numbers for an operation's id: {0}")]
    Random(getrandom::Error),
    /// The log refused or failed.
    #[error("the operation could not be stored")]
    Log(#[from] LogError),
}

/// What a drain left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Operations that were still running here in the end; their leases lapse by themselves. 0 is a clean stop.
    pub left: usize,
}

/// A replica's engine. Dropping it ends everything that it runs, as a crash would; [`Workflow::drain`] ends it well.
pub struct Workflow<E: Send + Sync + 'static> {
    engine: Arc<Engine<E>>,
}

impl<E: Send + Sync + 'static> Drop for Workflow<E> {
    fn drop(&mut self) {
        self.engine.phase.send_replace(Phase::Halted);
    }
}

impl<E: Send + Sync + 'static> Workflow<E> {
    /// An engine on a log. To be called within a Tokio runtime; runs nothing before the first [`Workflow::recover`] or
    /// [`Workflow::start`], so that all plans can be registered first.
    pub fn new(log: Arc<dyn Log>, env: Arc<E>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let engine = Arc::new(Engine::new(log, env, clock, settings));
        let (publish, dispatch) = (Arc::clone(&engine.publisher).publish(), Arc::clone(&engine).dispatch());
        let mut phase = engine.phase.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = async { futures::join!(publish, dispatch); } => {}
                () = reached(&mut phase, Phase::Halted) => {}
            }
        });
        Self { engine }
    }

    /// Makes an operation known, under its plan's name and version. What was stored under an older version is resumed
    /// and undone as long as that is known too: see [`Workflow::register_former`].
    ///
    /// # Errors
    /// When the plan is ill-formed or its name and version are taken.
    pub fn register<P: Operation<Env = E>>(self) -> Result<Self, PlanError> {
        self.register_former(P::plan())
    }

    /// Makes an older plan of an operation known, of which the parameters are still of this type. Nothing is started
    /// under it any more.
    ///
    /// # Errors
    /// When the plan is ill-formed or its name and version are taken.
    pub fn register_former<P: Operation<Env = E>>(self, former: Plan<P>) -> Result<Self, PlanError> {
        self.engine.add_plan(former.checked()?)?;
        Ok(self)
    }

    /// Records an operation and has it picked up. It runs even if this replica dies right after.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is stored then.
    pub async fn start<P: Operation<Env = E>>(&self, start: Start<P>) -> Result<Started, StartError> {
        let plan = P::plan();
        let (name, version) = (plan.name(), plan.version());
        let Some(plan) = self.engine.plan(name, version) else {
            return Err(StartError::Unregistered { name, version });
        };
        let params = serde_json::to_value(&start.params).map_err(StartError::Params)?;
        let id = new_id(self.engine.clock.now_ms()).map_err(StartError::Random)?;
        self.engine.publisher.ready().await?;
        match self.engine.log.create(self.rows(id.clone(), &plan, start, params)).await? {
            Created::Fresh(_events) => {
                self.engine.publisher.wake();
                self.engine.kick();
                Ok(Started { id, already: false })
            }
            Created::Existing(operation) if operation.name == name => {
                Ok(Started { id: operation.id, already: true })
            }
            Created::Existing(operation) => Err(StartError::KeyReused { id: operation.id }),
            Created::Busy { by } => Err(StartError::Busy { by }),
        }
    }

    fn rows<P>(&self, id: String, plan: &Steps<E>, start: Start<P>, params: Value) -> NewOperation {
        let now_ms = self.engine.clock.now_ms();
        let operation = OperationRecord {
            id,
            name: plan.name.to_owned(),
            version: plan.version,
            owner: start.owner,
            subject: start.subject,
            idempotency_key: start.idempotency_key,
            params,
            state: OperationState::Pending,
            epoch: 0,
            lease_until_ms: 0,
            replica: None,
            created_ms: now_ms,
            updated_ms: now_ms,
            error: None,
            cancel_requested: false,
            wanted: Wanted::Run,
            superseded_by: None,
        };
        let steps = (0..).zip(&plan.steps).map(|(index, step)| StepRecord {
            operation: operation.id.clone(),
            index,
            name: step.name.to_owned(),
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
        });
        let steps = steps.collect();
        let events = vec![pending_event(&operation, now_ms)];
        NewOperation { operation, steps, events, supersede: start.supersede }
    }

    /// Asks to cancel: the present step ends or times out, then everything is undone. Asking again changes nothing.
    ///
    /// # Errors
    /// `NotAllowed` when the operation has ended or failed.
    pub async fn cancel(&self, id: &str) -> Result<OperationRecord, LogError> {
        let operation = self.engine.log.request_cancel(id, self.engine.clock.now_ms()).await?;
        if !self.engine.signal_cancel(id) {
            self.engine.kick();
        }
        Ok(operation)
    }

    /// Takes a failed operation up again, from the step that failed.
    ///
    /// # Errors
    /// `NotAllowed` when it is not failed, or superseded.
    pub async fn resume(&self, id: &str) -> Result<(), LogError> {
        self.reopen(id, Wanted::Run).await
    }

    /// Undoes a failed operation, or tries its failed undo again.
    ///
    /// # Errors
    /// `NotAllowed` when it is not failed, or superseded.
    pub async fn undo(&self, id: &str) -> Result<(), LogError> {
        self.reopen(id, Wanted::Undo).await
    }

    async fn reopen(&self, id: &str, wanted: Wanted) -> Result<(), LogError> {
        self.engine.publisher.ready().await?;
        let stored = self.load(id).await?;
        let now_ms = self.engine.clock.now_ms();
        let event = pending_event(&stored.operation, now_ms);
        self.engine.log.reopen(id, wanted, now_ms, vec![event]).await?;
        self.engine.publisher.wake();
        self.engine.kick();
        Ok(())
    }

    /// Picks up every operation that nobody runs, as far as there is room, and returns how many. To be called once after
    /// all plans are registered; from then on the engine looks by itself.
    ///
    /// # Errors
    /// When the log does not answer.
    pub async fn recover(&self) -> Result<usize, LogError> {
        self.engine.scan().await
    }

    /// Events from now on, of all operations and replicas, in the order of the log. Who needs earlier ones subscribes
    /// first and then reads the log; who lags reads the log from the last sequence seen.
    pub fn subscribe(&self) -> broadcast::Receiver<EventRecord> {
        self.engine.publisher.subscribe()
    }

    /// The log, to read from.
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.engine.log
    }

    /// Reads an operation with its steps.
    ///
    /// # Errors
    /// `NotFound`, or what the log says.
    pub async fn load(&self, id: &str) -> Result<Stored, LogError> {
        let stored = self.engine.log.load(id).await?;
        stored.ok_or_else(|| LogError::NotFound { operation: id.to_owned() })
    }

    /// Waits until an operation is done, undone or failed, and returns it. Without a limit of its own.
    ///
    /// # Errors
    /// `NotFound`, or what the log says.
    pub async fn settled(&self, id: &str) -> Result<Stored, LogError> {
        let mut events = self.subscribe();
        loop {
            let stored = self.load(id).await?;
            if !stored.operation.state.is_open() {
                return Ok(stored);
            }
            let changed = async {
                loop {
                    match events.recv().await {
                        Ok(event) if event.operation == id && event.body.kind() == "state" => return,
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => return,
                        Err(RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                () = changed => {}
                () = self.engine.clock.guard(LOOK_EVERY_MS) => {}
            }
        }
    }

    /// Stops well: takes no further steps, waits for the running ones until the deadline, drops the rest, and releases
    /// every operation so that another replica, or this one after its restart, goes on at once. The engine does nothing
    /// afterwards; operations started later stay pending.
    pub async fn drain(&self, within_ms: u64) -> Drained {
        let engine = &self.engine;
        engine.phase.send_if_modified(|phase| raise(phase, Phase::Draining));
        tokio::select! {
            () = engine.idle() => {}
            () = engine.clock.guard(within_ms) => {
                engine.phase.send_if_modified(|phase| raise(phase, Phase::Deadline));
                tokio::select! {
                    () = engine.idle() => {}
                    () = engine.clock.guard(LEAVE_MS) => {}
                }
            }
        }
        let left = engine.running();
        engine.phase.send_replace(Phase::Halted);
        Drained { left }
    }

    /// Stops as a crash would, and returns when nothing of it moves any more.
    #[cfg(feature = "testkit")]
    pub(crate) async fn halt(&self) {
        self.engine.phase.send_replace(Phase::Halted);
        self.engine.idle().await;
    }

    /// Puts the test kit's hook in place; the first one counts.
    #[cfg(feature = "testkit")]
    pub(crate) fn interpose(&self, interposer: Arc<dyn crate::engine::Interposer>) {
        let _first = self.engine.interposer.set(interposer).is_ok();
    }
}

fn raise(phase: &mut Phase, to: Phase) -> bool {
    let raises = *phase < to;
    if raises {
        *phase = to;
    }
    raises
}

fn pending_event(operation: &OperationRecord, at_ms: i64) -> NewEvent {
    NewEvent {
        operation: operation.id.clone(),
        owner: operation.owner.clone(),
        subject: operation.subject.clone(),
        at_ms,
        body: EventBody::State { state: OperationState::Pending, error: None },
    }
}

/// 32 hexadecimal digits: 48 bits of time, so that ids sort by age, and 80 random ones.
fn new_id(now_ms: i64) -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random)?;
    Ok(format!("{:012x}{}", now_ms.max(0), hex::encode(random)))
}

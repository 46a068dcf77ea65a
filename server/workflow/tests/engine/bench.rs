//! An engine on a log that can be cut off, with a job whose steps can be told to fail, to hang and to wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use workflow::{
    Change, Context, Created, EventBody, EventRecord, Fence, ListFilter, Log, LogError, ManualClock,
    MemoryLog, NewEvent, NewOperation, Operation, OperationRecord, OperationState, Plan, Renewed, Settings,
    Start, StartError, StepError, StepOutput, StepState, Stored, Wanted, Workflow, keep,
};

const BEGIN_MS: i64 = 1_700_000_000_000;

/// What the job's steps use and leave behind.
pub struct Desk {
    calls: watch::Sender<Vec<String>>,
    undone: Mutex<Vec<String>>,
    errors: Mutex<HashMap<String, (StepError, bool)>>,
    gate: watch::Sender<bool>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            calls: watch::Sender::default(),
            undone: Mutex::default(),
            errors: Mutex::default(),
            gate: watch::Sender::new(false),
        }
    }
}

impl Desk {
    fn call(&self, text: String) {
        self.calls.send_modify(|calls| calls.push(text));
    }

    fn error(&self, step: &str) -> Result<(), StepError> {
        let mut errors = self.errors.lock().unwrap();
        match errors.get(step) {
            Some((_, true)) => Err(errors.remove(step).unwrap().0),
            Some((error, false)) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    manner: String,
}

impl Job {
    pub fn named(manner: &str) -> Self {
        Self { manner: manner.to_owned() }
    }
}

#[derive(Serialize, Deserialize)]
struct One {
    number: u32,
}

impl StepOutput for One {
    const STEP: &'static str = "one";
}

impl Operation for Job {
    type Env = Desk;

    fn plan() -> Plan<Self> {
        Plan::named("job", 1)
            .step("one", one, undo)
            .step("two", two, undo)
            .timeout_ms(20_000)
            .attempts(3)
            .step("three", three, undo)
    }
}

/// A plan whose second step says that it makes the first one's output.
#[derive(Clone, Serialize, Deserialize)]
pub struct WrongOutput;

impl Operation for WrongOutput {
    type Env = Desk;

    fn plan() -> Plan<Self> {
        Plan::named("wrong-output", 1).step(
            "two",
            |_context: Context<Self>| async { Ok(One { number: 1 }) },
            keep,
        )
    }
}

async fn one(context: Context<Job>) -> Result<One, StepError> {
    context.note("begin one").await;
    context.env().call(format!("one {}", context.attempt()));
    context.env().error("one")?;
    Ok(One { number: 7 })
}

async fn two(context: Context<Job>) -> Result<(), StepError> {
    context.note("begin two").await;
    let number = context.output::<One>()?.number;
    context.env().call(format!("two {} got {number}", context.attempt()));
    context.env().error("two")?;
    match context.params().manner.as_str() {
        "panic" => panic!("planted"),
        "hang once" if context.attempt() == 1 => std::future::pending().await,
        "until cancelled" => context.until_cancelled().await,
        // One task with two reports that it does not poll while it makes a third.
        "side by side" => {
            let mut first = Box::pin(context.note("first"));
            let mut second = Box::pin(context.note("second"));
            assert!(futures::poll!(&mut first).is_pending());
            assert!(futures::poll!(&mut second).is_pending());
            context.progress(1, 2).await;
            futures::join!(first, second);
        }
        "gate" => drop(context.env().gate.subscribe().wait_for(|open| *open).await.unwrap()),
        _ => {}
    }
    context.progress(2, 2).await;
    Ok(())
}

async fn three(context: Context<Job>) -> Result<(), StepError> {
    context.note("begin three").await;
    context.env().call(format!("three {}", context.attempt()));
    context.env().error("three")
}

async fn undo(context: Context<Job>) -> Result<(), StepError> {
    context.env().error(&format!("undo {}", context.step()))?;
    context.env().undone.lock().unwrap().push(context.step().to_owned());
    Ok(())
}

/// A log that can stop answering one engine.
pub struct Line {
    log: Arc<MemoryLog>,
    cut: AtomicBool,
    refused: AtomicUsize,
}

impl Line {
    fn through(&self) -> Result<&MemoryLog, LogError> {
        if self.cut.load(Ordering::Acquire) {
            self.refused.fetch_add(1, Ordering::AcqRel);
            return Err(LogError::Unavailable("cut off".into()));
        }
        Ok(&self.log)
    }
}

#[async_trait]
impl Log for Line {
    async fn create(&self, new: NewOperation) -> Result<Created, LogError> {
        self.through()?.create(new).await
    }
    async fn load(&self, id: &str) -> Result<Option<Stored>, LogError> {
        self.through()?.load(id).await
    }
    async fn list(&self, filter: &ListFilter) -> Result<Vec<OperationRecord>, LogError> {
        self.through()?.list(filter).await
    }
    async fn claimable(
        &self,
        replica: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<OperationRecord>, LogError> {
        self.through()?.claimable(replica, now_ms, limit).await
    }
    async fn claim(&self, id: &str, replica: &str, now_ms: i64, lease_ms: i64) -> Result<Stored, LogError> {
        self.through()?.claim(id, replica, now_ms, lease_ms).await
    }
    async fn renew(&self, fence: &Fence, now_ms: i64, lease_ms: i64) -> Result<Renewed, LogError> {
        self.through()?.renew(fence, now_ms, lease_ms).await
    }
    async fn release(&self, fence: &Fence, now_ms: i64) -> Result<(), LogError> {
        self.through()?.release(fence, now_ms).await
    }
    async fn save(&self, fence: &Fence, change: Change) -> Result<Vec<EventRecord>, LogError> {
        self.through()?.save(fence, change).await
    }
    async fn request_cancel(&self, id: &str, now_ms: i64) -> Result<OperationRecord, LogError> {
        self.through()?.request_cancel(id, now_ms).await
    }
    async fn reopen(
        &self,
        id: &str,
        wanted: Wanted,
        now_ms: i64,
        events: Vec<NewEvent>,
    ) -> Result<Vec<EventRecord>, LogError> {
        self.through()?.reopen(id, wanted, now_ms, events).await
    }
    async fn events_since(&self, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        self.log.events_since(after, limit).await
    }
    async fn events_of(&self, operation: &str, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        self.log.events_of(operation, after, limit).await
    }
    async fn events_last(&self, operation: &str, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        self.log.events_last(operation, limit).await
    }
    async fn last_sequence(&self) -> Result<u64, LogError> {
        self.log.last_sequence().await
    }
}

/// One engine and everything around it.
pub struct Bench {
    pub workflow: Workflow<Desk>,
    pub log: Arc<MemoryLog>,
    pub clock: Arc<ManualClock>,
    desk: Arc<Desk>,
    line: Arc<Line>,
}

impl Bench {
    pub fn settings(replica: &str) -> Settings {
        Settings { attempts_max: 3, ..Settings::new(replica) }
    }

    pub fn new() -> Self {
        Self::with(Self::settings("one"))
    }

    pub fn with(settings: Settings) -> Self {
        let log = Arc::new(MemoryLog::new());
        let line = Arc::new(Line { log: Arc::clone(&log), cut: false.into(), refused: 0.into() });
        let clock = Arc::new(ManualClock::new(BEGIN_MS));
        let desk = Arc::new(Desk::default());
        let workflow = Workflow::new(line.clone(), desk.clone(), clock.clone(), settings);
        Self { workflow: workflow.register::<Job>().unwrap(), log, clock, desk, line }
    }

    /// Another replica on the same log, which is never cut off.
    pub fn another(&self, replica: &str) -> Workflow<Desk> {
        let clock = Arc::clone(&self.clock);
        let workflow = Workflow::new(self.log.clone(), self.desk.clone(), clock, Self::settings(replica));
        workflow.register::<Job>().unwrap()
    }

    /// Drops the engine and makes a new one of the same name.
    pub async fn restarted(self) -> Workflow<Desk> {
        let again = self.another("one");
        drop(self.workflow);
        again
    }

    pub async fn start(&self, manner: &str) -> String {
        self.workflow.start(Start::new("alice", Job::named(manner))).await.unwrap().id
    }

    pub async fn start_on(&self, subject: &str) -> Result<String, StartError> {
        let start = Start::new("alice", Job::named("plain")).on(subject);
        self.workflow.start(start).await.map(|started| started.id)
    }

    /// Stores a job as another version of the program would.
    pub async fn store_under_version(&self, version: u32) -> String {
        let id = self.start("plain").await;
        let stored = finished(&self.workflow, &id).await;
        let mut operation = stored.operation;
        operation.id = "f".repeat(32);
        operation.version = version;
        operation.state = OperationState::Pending;
        let steps = stored.steps.into_iter().map(|mut step| {
            step.operation.clone_from(&operation.id);
            step.state = StepState::Pending;
            step
        });
        let steps = steps.collect();
        let new = NewOperation { operation: operation.clone(), steps, events: Vec::new(), supersede: None };
        self.log.create(new).await.unwrap();
        operation.id
    }

    pub fn always(&self, step: &str, error: StepError) {
        self.desk.errors.lock().unwrap().insert(step.to_owned(), (error, false));
    }

    pub fn once(&self, step: &str, error: StepError) {
        self.desk.errors.lock().unwrap().insert(step.to_owned(), (error, true));
    }

    pub fn open_gate(&self) {
        self.desk.gate.send_replace(true);
    }

    pub fn calls(&self) -> Vec<String> {
        self.desk.calls.borrow().clone()
    }

    pub fn undone(&self) -> Vec<String> {
        self.desk.undone.lock().unwrap().clone()
    }

    /// Waits until a step was called.
    pub async fn reached(&self, call: &str) {
        self.reached_times(call, 1).await;
    }

    pub async fn reached_times(&self, call: &str, times: usize) {
        let mut calls = self.desk.calls.subscribe();
        let reached =
            |calls: &Vec<String>| calls.iter().filter(|text| text.starts_with(call)).count() >= times;
        bounded(calls.wait_for(reached)).await.unwrap();
    }

    pub async fn in_state(&self, id: &str, state: OperationState) {
        self.until(async || self.log.load(id).await.unwrap().unwrap().operation.state == state).await;
    }

    pub async fn released(&self, id: &str) {
        self.until(async || self.log.load(id).await.unwrap().unwrap().operation.replica.is_none()).await;
    }

    pub fn cut_off(&self) {
        self.line.cut.store(true, Ordering::Release);
    }

    pub fn reconnect(&self) {
        self.line.cut.store(false, Ordering::Release);
    }

    /// Moves time until the cut line refused some more calls.
    pub async fn refused_writes(&self, times: usize) {
        let wanted = self.line.refused.load(Ordering::Acquire) + times;
        self.until(async || {
            self.clock.advance(100);
            self.line.refused.load(Ordering::Acquire) >= wanted
        })
        .await;
    }

    /// Lets the engine's background work settle: drained, it has nothing left to do.
    pub async fn idle(&self) {
        let drained = bounded(async {
            tokio::join!(self.workflow.drain(1_000), async {
                tokio::task::yield_now().await;
                self.clock.advance(5_000);
            })
        });
        assert_eq!(drained.await.0.left, 0);
    }

    /// Waits for an operation's end, moving time in small steps whenever it waits.
    pub async fn finished_by_moving_time(&self, id: &str) -> Stored {
        self.until(async || {
            self.clock.advance(100);
            !self.log.load(id).await.unwrap().unwrap().operation.state.is_open()
        })
        .await;
        self.log.load(id).await.unwrap().unwrap()
    }

    async fn until(&self, mut holds: impl AsyncFnMut() -> bool) {
        bounded(async {
            while !holds().await {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

pub async fn finished(workflow: &Workflow<Desk>, id: &str) -> Stored {
    bounded(workflow.settled(id)).await.unwrap()
}

pub fn step_states(stored: &Stored) -> Vec<StepState> {
    stored.steps.iter().map(|step| step.state).collect()
}

pub fn states(events: &[EventRecord]) -> Vec<&'static str> {
    let states = events.iter().filter_map(|event| match &event.body {
        EventBody::State { state, .. } => Some(state.as_str()),
        _ => None,
    });
    states.collect()
}

pub fn notes(events: &[EventRecord]) -> Vec<String> {
    let notes = events.iter().filter_map(|event| match &event.body {
        EventBody::Note { text, .. } => Some(text.clone()),
        _ => None,
    });
    notes.collect()
}

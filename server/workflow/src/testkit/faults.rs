//! What the kit puts into an engine: errors, repetitions and crashes at chosen points.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use futures::FutureExt;
use tokio::sync::watch;

use crate::engine::{Interposer, MakeAttempt, Point};
use crate::error::StepError;
use crate::log::{Change, Created, Fence, ListFilter, Log, LogError, NewOperation, Renewed, Stored};
use crate::plan::StepFuture;
use crate::record::{EventRecord, NewEvent, OperationRecord, Wanted};

/// Code of the errors that the kit injects.
pub(crate) const INJECTED: &str = "testkit.injected";

/// Where within an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
    /// At the given poll of the attempt's future, if it gets that far.
    Poll(u32),
}

/// What happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    Stop,
    Retry,
    Crash,
}

/// One harm at one point, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) step: String,
    pub(crate) wanted: Wanted,
    pub(crate) moment: Moment,
    pub(crate) harm: Harm,
}

/// Tells the kit that the engine "crashed", and the rest of the engine's world that it is dead.
#[derive(Debug, Clone)]
pub(crate) struct Crash {
    dead: Arc<watch::Sender<bool>>,
}

impl Crash {
    pub(crate) fn new() -> Self {
        Self { dead: Arc::new(watch::Sender::new(false)) }
    }

    pub(crate) fn happened(&self) -> bool {
        *self.dead.borrow()
    }

    pub(crate) async fn wait(&self) {
        let _dead = self.dead.subscribe().wait_for(|dead| *dead).await.is_ok();
    }

    /// Crashes: never returns.
    async fn now<T>(&self) -> T {
        self.dead.send_replace(true);
        std::future::pending().await
    }
}

/// The hook that carries faults into an engine.
pub(crate) struct Injector {
    faults: Vec<(Fault, AtomicBool)>,
    twice: bool,
    crash: Crash,
}

impl Injector {
    pub(crate) fn new(faults: Vec<Fault>, twice: bool, crash: Crash) -> Self {
        let faults = faults.into_iter().map(|fault| (fault, AtomicBool::new(false))).collect();
        Self { faults, twice, crash }
    }

    /// Faults that must have happened by now and have not.
    pub(crate) fn missed(&self) -> Vec<&Fault> {
        let missed = self.faults.iter().filter(|(fault, fired)| {
            !fired.load(Ordering::Acquire) && !matches!(fault.moment, Moment::Poll(_))
        });
        missed.map(|(fault, _)| fault).collect()
    }

    fn fault_at(&self, point: &Point<'_>) -> Option<Fault> {
        let (fault, fired) = self.faults.iter().find(|(fault, fired)| {
            fault.step == point.step && fault.wanted == point.wanted && !fired.load(Ordering::Acquire)
        })?;
        fired.store(true, Ordering::Release);
        Some(fault.clone())
    }
}

impl Interposer for Injector {
    fn around(&self, point: Point<'_>, make: MakeAttempt) -> StepFuture {
        let (fault, twice, crash) = (self.fault_at(&point), self.twice, self.crash.clone());
        let attempt = point.attempt;
        async move {
            let Some(fault) = fault else {
                if twice {
                    make().await?;
                }
                return make().await;
            };
            let text = format!("injected by the test kit in attempt {attempt}");
            let error = match fault.harm {
                Harm::Stop => StepError::stop(INJECTED, text),
                Harm::Retry => StepError::retry(INJECTED, text),
                Harm::Crash => return crashing(fault.moment, make, crash).await,
            };
            if fault.moment == Moment::After {
                make().await?;
            }
            Err(error)
        }
        .boxed()
    }
}

/// Runs the attempt up to the moment, then crashes.
async fn crashing(moment: Moment, make: MakeAttempt, crash: Crash) -> Result<serde_json::Value, StepError> {
    let poll_max = match moment {
        Moment::Before => return crash.now().await,
        Moment::After => {
            make().await?;
            return crash.now().await;
        }
        Moment::Poll(poll_max) => poll_max,
    };
    let mut attempt = make();
    let mut polls = 0;
    let ended = poll_fn(|context| {
        polls += 1;
        match attempt.poll_unpin(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if polls >= poll_max => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    match ended {
        Some(result) => result,
        None => crash.now().await,
    }
}

/// A log that crashes its engine at a chosen write, and that a dead engine cannot reach any more.
pub(crate) struct CrashLog {
    pub(crate) inner: Arc<dyn Log>,
    pub(crate) crash: Crash,
    /// Which write, from 1, and whether it still reaches the log.
    pub(crate) at: Option<(u32, bool)>,
    pub(crate) writes: AtomicU32,
}

impl CrashLog {
    async fn alive(&self) {
        if self.crash.happened() {
            std::future::pending::<()>().await;
        }
    }

    /// Counts a write; whether to crash after it.
    async fn write(&self) -> bool {
        self.alive().await;
        let number = self.writes.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        match self.at {
            Some((at, false)) if at == number => self.crash.now().await,
            Some((at, true)) => at == number,
            _ => false,
        }
    }

    async fn end<T>(&self, crash: bool, result: T) -> T {
        if crash { self.crash.now().await } else { result }
    }
}

#[async_trait]
impl Log for CrashLog {
    async fn create(&self, new: NewOperation) -> Result<Created, LogError> {
        let crash = self.write().await;
        self.end(crash, self.inner.create(new).await).await
    }

    async fn load(&self, id: &str) -> Result<Option<Stored>, LogError> {
        self.alive().await;
        self.inner.load(id).await
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<OperationRecord>, LogError> {
        self.alive().await;
        self.inner.list(filter).await
    }

    async fn claimable(
        &self,
        replica: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<OperationRecord>, LogError> {
        self.alive().await;
        self.inner.claimable(replica, now_ms, limit).await
    }

    async fn claim(&self, id: &str, replica: &str, now_ms: i64, lease_ms: i64) -> Result<Stored, LogError> {
        let crash = self.write().await;
        self.end(crash, self.inner.claim(id, replica, now_ms, lease_ms).await).await
    }

    async fn renew(&self, fence: &Fence, now_ms: i64, lease_ms: i64) -> Result<Renewed, LogError> {
        self.alive().await;
        self.inner.renew(fence, now_ms, lease_ms).await
    }

    async fn release(&self, fence: &Fence, now_ms: i64) -> Result<(), LogError> {
        let crash = self.write().await;
        self.end(crash, self.inner.release(fence, now_ms).await).await
    }

    async fn save(&self, fence: &Fence, change: Change) -> Result<Vec<EventRecord>, LogError> {
        let crash = self.write().await;
        self.end(crash, self.inner.save(fence, change).await).await
    }

    async fn request_cancel(&self, id: &str, now_ms: i64) -> Result<OperationRecord, LogError> {
        let crash = self.write().await;
        self.end(crash, self.inner.request_cancel(id, now_ms).await).await
    }

    async fn reopen(
        &self,
        id: &str,
        wanted: Wanted,
        now_ms: i64,
        events: Vec<NewEvent>,
    ) -> Result<Vec<EventRecord>, LogError> {
        let crash = self.write().await;
        self.end(crash, self.inner.reopen(id, wanted, now_ms, events).await).await
    }

    async fn events_since(&self, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        self.alive().await;
        self.inner.events_since(after, limit).await
    }

    async fn events_of(&self, operation: &str, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        self.alive().await;
        self.inner.events_of(operation, after, limit).await
    }

    async fn events_last(&self, operation: &str, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        self.alive().await;
        self.inner.events_last(operation, limit).await
    }

    async fn last_sequence(&self) -> Result<u64, LogError> {
        self.alive().await;
        self.inner.last_sequence().await
    }
}

//! What one replica works with, and how it picks up operations.
//!
//! Everything is picked up the same way, whether new, resumed, handed over or orphaned: it is open and claimable in the
//! log. The engine claims as many as it has room for and gives each to a [`Run`] in a task of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::events::Publisher;
use crate::log::{Log, LogError, Stored};
use crate::plan::{PlanError, StepFuture, Steps};
use crate::record::Wanted;
use crate::run::Run;
use crate::settings::Settings;

/// How far an engine has been told to stop; only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Working,
    /// Take no further steps; hand over between steps.
    Draining,
    /// Drop running steps and hand over.
    Deadline,
    /// Stop where you are, writing nothing.
    Halted,
}

/// Waits until the engine is told to stop this far.
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // A closed channel means that the engine itself is gone, which is further than any phase.
    let _gone = phase.wait_for(|now| *now >= wanted).await.is_err();
}

/// Where an attempt stands, for the test kit.
#[cfg_attr(not(feature = "testkit"), expect(dead_code, reason = "only the test kit looks at it"))]
pub(crate) struct Point<'a> {
    pub(crate) step: &'a str,
    pub(crate) wanted: Wanted,
    pub(crate) attempt: u32,
}

/// Makes the future of an attempt; may be called more than once.
pub(crate) type MakeAttempt = Arc<dyn Fn() -> StepFuture + Send + Sync>;

/// Stands between the engine and the steps: the test kit's hook for faults, crashes and repetitions.
pub(crate) trait Interposer: Send + Sync {
    fn around(&self, point: Point<'_>, make: MakeAttempt) -> StepFuture;
}

/// Plans by name and version.
type Plans<E> = HashMap<(String, u32), Arc<Steps<E>>>;

/// One replica's engine.
pub(crate) struct Engine<E> {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) env: Arc<E>,
    pub(crate) settings: Settings,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) interposer: OnceLock<Arc<dyn Interposer>>,
    plans: RwLock<Plans<E>>,
    permits: Arc<Semaphore>,
    /// Operations that run here, with the switch that tells them of a cancel request.
    local: Mutex<HashMap<String, Arc<watch::Sender<bool>>>>,
    /// Runs and step tasks that are alive.
    active: watch::Sender<usize>,
    /// Set once all plans are registered; before, nothing may be picked up.
    begun: AtomicBool,
    wake: Notify,
    scanning: tokio::sync::Mutex<()>,
}

impl<E: Send + Sync + 'static> Engine<E> {
    pub(crate) fn new(log: Arc<dyn Log>, env: Arc<E>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let publisher = Publisher::new(Arc::clone(&log), Arc::clone(&clock));
        let permits = Arc::new(Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            log,
            clock,
            env,
            settings,
            publisher,
            phase: watch::Sender::new(Phase::Working),
            interposer: OnceLock::new(),
            plans: RwLock::default(),
            permits,
            local: Mutex::default(),
            active: watch::Sender::new(0),
            begun: AtomicBool::new(false),
            wake: Notify::new(),
            scanning: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn add_plan(&self, steps: Steps<E>) -> Result<(), PlanError> {
        let (plan, version) = (steps.name, steps.version);
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        if plans.insert((plan.to_owned(), version), Arc::new(steps)).is_some() {
            return Err(PlanError::Twice { plan, version });
        }
        Ok(())
    }

    pub(crate) fn plan(&self, name: &str, version: u32) -> Option<Arc<Steps<E>>> {
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        plans.get(&(name.to_owned(), version)).cloned()
    }

    fn local(&self) -> MutexGuard<'_, HashMap<String, Arc<watch::Sender<bool>>>> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells an operation that runs here that it is to be cancelled; whether it does run here.
    pub(crate) fn signal_cancel(&self, id: &str) -> bool {
        self.local().get(id).map(|cancel| cancel.send_replace(true)).is_some()
    }

    /// Lets the background task look for work; from now on plans must be complete.
    pub(crate) fn kick(&self) {
        self.begun.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Looks for work whenever kicked, and now and then; the engine's background task.
    pub(crate) async fn dispatch(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.clock.guard(self.settings.recover_every_ms) => {}
            }
            if self.begun.load(Ordering::Acquire)
                && let Err(error) = self.scan().await
            {
                tracing::warn!(%error, "operations cannot be picked up for now");
            }
        }
    }

    /// Claims and runs what nobody runs, oldest first, while there is room. Returns how many.
    pub(crate) async fn scan(self: &Arc<Self>) -> Result<usize, LogError> {
        self.begun.store(true, Ordering::Release);
        self.publisher.ready().await?;
        let _one_at_a_time = self.scanning.lock().await;
        let mut taken = 0;
        while *self.phase.borrow() == Phase::Working {
            let before = taken;
            taken += self.take_some().await?;
            if taken == before {
                break;
            }
        }
        Ok(taken)
    }

    async fn take_some(self: &Arc<Self>) -> Result<usize, LogError> {
        let free = self.permits.available_permits();
        if free == 0 {
            return Ok(0);
        }
        // What runs here is claimable by this replica too, so look that much further.
        let limit = u32::try_from(free.saturating_add(self.local().len())).unwrap_or(u32::MAX);
        let replica = &self.settings.replica;
        let found = self.log.claimable(replica, self.clock.now_ms(), limit).await?;
        let mut taken = 0;
        for operation in found {
            if self.local().contains_key(&operation.id) {
                continue;
            }
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { break };
            let (now_ms, lease_ms) = (self.clock.now_ms(), self.settings.lease_ms);
            match self.log.claim(&operation.id, replica, now_ms, lease_ms).await {
                Ok(stored) => self.spawn(stored, permit),
                Err(LogError::Held { .. } | LogError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            }
            taken += 1;
        }
        Ok(taken)
    }

    fn spawn(self: &Arc<Self>, stored: Stored, permit: OwnedSemaphorePermit) {
        let id = stored.operation.id.clone();
        let cancel = Arc::new(watch::Sender::new(stored.operation.cancel_requested));
        self.local().insert(id.clone(), Arc::clone(&cancel));
        let slot = Slot { engine: Arc::clone(self), id, _active: self.activity(), _permit: permit };
        let run = Run::new(Arc::clone(self), stored, cancel);
        tokio::spawn(async move {
            let _slot = slot;
            run.go().await;
        });
    }

    /// Counts something as alive until dropped.
    pub(crate) fn activity(&self) -> Activity {
        self.active.send_modify(|count| *count += 1);
        Activity { active: self.active.clone() }
    }

    /// Waits until no run and no step is alive.
    pub(crate) async fn idle(&self) {
        let _idle = self.active.subscribe().wait_for(|count| *count == 0).await.is_ok();
    }

    /// Operations that run here.
    pub(crate) fn running(&self) -> usize {
        self.local().len()
    }
}

/// Something alive; see [`Engine::activity`].
pub(crate) struct Activity {
    active: watch::Sender<usize>,
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.active.send_modify(|count| *count -= 1);
    }
}

/// A run's place among the local ones; freed however the run ends.
struct Slot<E: Send + Sync + 'static> {
    engine: Arc<Engine<E>>,
    id: String,
    _active: Activity,
    _permit: OwnedSemaphorePermit,
}

impl<E: Send + Sync + 'static> Drop for Slot<E> {
    fn drop(&mut self) {
        self.engine.local().remove(&self.id);
        // The permit is freed right after this; the background task looks later than that at the earliest.
        self.engine.wake.notify_one();
    }
}

//! Time for the engine, passed in so that tests can move it.
//!
//! Replicas compare leases by this clock, so it is the wall clock in production. Nothing in this crate may read the time
//! or wait in any other way.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::watch;

/// Where the engine gets its time from.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;

    /// Lets time pass, for example between two attempts.
    async fn sleep(&self, wait_ms: u64);

    /// Waits as a guard over other work: a step's time-out, the next renewal of a lease. Apart from [`Clock::sleep`]
    /// because a test clock may skip idle waits but must not make guards go off early.
    async fn guard(&self, wait_ms: u64) {
        self.sleep(wait_ms).await;
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        // A clock before 1970 is wrong anyway; 0 keeps every lease valid rather than none.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, wait_ms: u64) {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: watch::Sender<i64>,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub fn new(now_ms: i64) -> Self {
        Self { now_ms: watch::Sender::new(now_ms) }
    }

    /// Moves time forward and wakes every wait that is now over.
    pub fn advance(&self, by_ms: u64) {
        self.now_ms.send_modify(|now| *now = now.saturating_add_unsigned(by_ms));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        *self.now_ms.borrow()
    }

    async fn sleep(&self, wait_ms: u64) {
        let until = self.now_ms().saturating_add_unsigned(wait_ms);
        // The sender lives in `self`, so the wait ends by the time only.
        let mut moved = self.now_ms.subscribe();
        let _ended = moved.wait_for(|now| *now >= until).await.is_ok();
    }
}

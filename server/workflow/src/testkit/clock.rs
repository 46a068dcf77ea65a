//! A clock that skips idle waits and leaves guards alone.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Clock;

/// Time passes at once in [`Clock::sleep`], and not at all otherwise; guards wait in real time, so that a step that does
/// real work is not timed out.
#[derive(Debug)]
pub struct JumpClock {
    now_ms: AtomicI64,
}

impl JumpClock {
    /// A clock that shows `now_ms`.
    pub fn new(now_ms: i64) -> Self {
        Self { now_ms: AtomicI64::new(now_ms) }
    }

    /// Moves time forward.
    pub fn advance(&self, by_ms: u64) {
        self.now_ms.fetch_add(i64::try_from(by_ms).unwrap_or(0), Ordering::AcqRel);
    }

    /// Sets the clock back, as somebody does who corrects a wrong one.
    pub fn set_back(&self, by_ms: u64) {
        self.now_ms.fetch_sub(i64::try_from(by_ms).unwrap_or(0), Ordering::AcqRel);
    }
}

#[async_trait]
impl Clock for JumpClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Acquire)
    }

    async fn sleep(&self, wait_ms: u64) {
        self.advance(wait_ms);
        tokio::task::yield_now().await;
    }

    async fn guard(&self, wait_ms: u64) {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

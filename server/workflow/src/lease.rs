//! Keeps a claimed operation's lease, and tells when it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::log::{Fence, Log, LogError};

/// Wait between two tries to renew while the store does not answer.
const RENEW_RETRY_MS: u64 = 1_000;

/// Until when this replica alone may work on an operation; shared by the keeper and the run.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    until_ms: Arc<AtomicI64>,
}

impl Lease {
    pub(crate) fn new(until_ms: i64) -> Self {
        Self { until_ms: Arc::new(AtomicI64::new(until_ms)) }
    }

    pub(crate) fn lapsed(&self, now_ms: i64) -> bool {
        now_ms >= self.until_ms.load(Ordering::Acquire)
    }
}

/// Renews a lease as long as it lives.
pub(crate) struct Keeper {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fence: Fence,
    pub(crate) lease: Lease,
    pub(crate) lease_ms: i64,
    pub(crate) every_ms: u64,
    pub(crate) cancel: Arc<watch::Sender<bool>>,
}

impl Keeper {
    /// Renews until the operation is lost to a newer epoch, or could not be renewed in time; then the run must stop.
    /// Also carries over cancel requests that came through another replica.
    pub(crate) async fn keep(self) {
        let mut wait_ms = self.every_ms;
        loop {
            self.clock.guard(wait_ms).await;
            let now_ms = self.clock.now_ms();
            wait_ms = match self.log.renew(&self.fence, now_ms, self.lease_ms).await {
                Ok(renewed) => {
                    self.lease.until_ms.store(renewed.lease_until_ms, Ordering::Release);
                    if renewed.cancel_requested {
                        self.cancel.send_replace(true);
                    }
                    self.every_ms
                }
                Err(LogError::Fenced { .. } | LogError::NotFound { .. }) => return,
                Err(error) => {
                    tracing::warn!(operation = %self.fence.operation, %error, "a lease was not renewed");
                    if self.lease.lapsed(self.clock.now_ms()) {
                        return;
                    }
                    RENEW_RETRY_MS.min(self.every_ms)
                }
            };
        }
    }
}

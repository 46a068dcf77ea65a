//! Reconcilers: level-triggered background tasks without input. They look at what is wanted and what is, and act on
//! the difference; a failed round is tried again by the next one. Woken by timer, and by hosts on which a node changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::ControlPlane;

mod chains;
mod watch;

use watch::Watches;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(5);
/// Pause after a message of a host: a node that ends rarely ends alone, and one that was told to end is soon back.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs the reconcilers until it is dropped.
pub struct Driver {
    stop: CancellationToken,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Driver {
    pub(crate) fn start(plane: Arc<ControlPlane>) -> Self {
        let stop = CancellationToken::new();
        let wake = Arc::new(Notify::new());
        let work = {
            let (plane, wake) = (Arc::clone(&plane), Arc::clone(&wake));
            async move { futures::join!(drive_hosts(&plane, &wake), drive_chains(&plane, &wake)) }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(work));
        Self { stop }
    }
}

/// Operations, hosts and pending transactions, now and then.
async fn drive_hosts(plane: &ControlPlane, wake: &Arc<Notify>) {
    let mut watches = Watches::default();
    loop {
        match plane.workflow.recover().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "operations are taken over"),
            Err(error) => tracing::warn!(%error, "operations cannot be recovered now"),
        }
        watches.follow(plane, wake).await;
        plane.reconcile_hosts().await;
        plane.reconcile_transactions().await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Chains, now and then and whenever a host says that something changed. Apart from the hosts, because one that does
/// not answer takes its time.
async fn drive_chains(plane: &ControlPlane, wake: &Notify) {
    loop {
        plane.reconcile_chains().await;
        let woken = tokio::time::timeout(EVERY, wake.notified()).await.is_ok();
        if woken {
            tokio::time::sleep(SETTLE).await;
        }
    }
}

impl ControlPlane {
    /// One round over everything, for who does not want to wait for the driver's next one.
    pub async fn reconcile(&self) {
        self.reconcile_hosts().await;
        self.reconcile_chains().await;
        self.reconcile_transactions().await;
    }

    async fn reconcile_transactions(&self) {
        if let Err(error) = self.settle_pending().await {
            tracing::warn!(%error, "pending transactions cannot be settled");
        }
    }
}

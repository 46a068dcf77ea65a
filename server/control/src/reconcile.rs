//! Reconcilers: level-triggered background tasks without input. They look at what is wanted and what is, and act on
//! the difference; a failed round is tried again by the next one. Woken by timer, and by hosts on which a node changed.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use workflow::EventBody;

use crate::ControlPlane;
use crate::mail::outbox;
use crate::operation::chain_of;

mod chaincode;
mod chains;
mod expiry;
mod health;
mod pool;
mod pulls;
mod rounds;
mod watch;

pub(crate) use pulls::LostImages;
use rounds::Rounds;
use watch::Watches;

/// Pause between two rounds.
pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// Pause between two looks at the pools: chains are made ahead of time.
const POOLS_EVERY: Duration = Duration::from_secs(15);
/// Pause between two removals of what has expired.
const PURGE_EVERY_MS: i64 = 60_000;
/// Pause between two looks at what of the audit is old.
const ARCHIVE_EVERY: Duration = Duration::from_secs(60);
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
            async move {
                futures::join!(
                    drive_operations(&plane),
                    drive_ends(&plane),
                    drive_audit(&plane),
                    drive_transactions(&plane),
                    outbox::drive(&plane),
                    expiry::drive(&plane),
                    drive_hosts(&plane, &wake),
                    drive_chains(&plane, &wake),
                    drive_pools(&plane),
                    tell_chains(&plane),
                )
            }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(work));
        Self { stop }
    }
}

/// Operations and what has expired, now and then. Nothing here waits for a host, nor for the audit.
async fn drive_operations(plane: &ControlPlane) {
    loop {
        match plane.workflow.recover().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "operations are taken over"),
            Err(error) => tracing::warn!(%error, "operations cannot be recovered now"),
        }
        plane.purge().await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Ends of operations, now and then. The audit is waited for without a limit, which holds up nothing else here.
async fn drive_ends(plane: &ControlPlane) {
    loop {
        plane.reconcile_ends().await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Old records of the audit, now and then.
async fn drive_audit(plane: &ControlPlane) {
    loop {
        plane.reconcile_audit().await;
        tokio::time::sleep(ARCHIVE_EVERY).await;
    }
}

/// Pending transactions, now and then.
async fn drive_transactions(plane: &ControlPlane) {
    loop {
        plane.reconcile_transactions().await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Hosts, now and then.
async fn drive_hosts(plane: &Arc<ControlPlane>, wake: &Arc<Notify>) {
    let (mut watches, mut rounds) = (Watches::default(), Rounds::default());
    loop {
        watches.follow(plane, wake).await;
        for host in plane.hosts_to_look_at().await {
            let (id, plane) = (host.id.clone(), Arc::clone(plane));
            rounds.begin(&id, async move { plane.reconcile_host(&host).await });
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Chains, now and then and whenever a host says that something changed. A host that was told of while its chains were
/// looked at is looked at once more right afterwards.
async fn drive_chains(plane: &Arc<ControlPlane>, wake: &Notify) {
    let (mut rounds, mut woken) = (Rounds::default(), false);
    loop {
        let mut passed_over = HashSet::new();
        for (host, chains) in plane.chains_to_look_at().await {
            let inside = Arc::clone(plane);
            let begun = rounds.begin(&host, async move { inside.reconcile_chains_of(&chains).await });
            if !begun && woken {
                passed_over.insert(host);
            }
        }
        woken = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            () = wake.notified() => true,
            () = rounds.ended(&passed_over) => true,
        };
        if woken {
            tokio::time::sleep(SETTLE).await;
        }
    }
}

/// Pools, now and then. Nothing here waits for a host.
async fn drive_pools(plane: &ControlPlane) {
    loop {
        plane.reconcile_pools().await;
        tokio::time::sleep(POOLS_EVERY).await;
    }
}

/// Tells a chain's pages when an operation on it begins or ends: what may be done is then another matter, also where the
/// chain's record stays the same.
async fn tell_chains(plane: &ControlPlane) {
    let mut events = plane.events();
    loop {
        match events.recv().await {
            Ok(event) if matches!(event.body, EventBody::State { .. }) => {
                if let Some(chain) = event.subject.as_deref().and_then(chain_of) {
                    plane.services.changed("chain", chain);
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

impl ControlPlane {
    /// One round over everything, for who does not want to wait for the driver's next one.
    pub async fn reconcile(&self) {
        self.reconcile_hosts().await;
        self.reconcile_chains().await;
        self.reconcile_transactions().await;
        self.reconcile_tenures().await;
        self.reconcile_pools().await;
        self.reconcile_ends().await;
        self.reconcile_audit().await;
        self.reconcile_mail().await;
        self.purge().await;
    }

    /// Removes what has expired, once in a while: sessions, one-time links, mail, and failures of sign-ins that count no
    /// more.
    async fn purge(&self) {
        let now = self.services.clock.now_ms();
        let since_ms = now.saturating_sub(self.purged_ms.load(Ordering::Relaxed));
        if (0..PURGE_EVERY_MS).contains(&since_ms) {
            return;
        }
        self.purged_ms.store(now, Ordering::Relaxed);
        let store = &self.services.store;
        let purged = store.session_purge(now).await.and(store.delay_purge(now).await);
        let purged = purged.and(store.link_purge(now).await);
        if let Err(error) = purged.and(store.mail_purge(now).await) {
            tracing::warn!(%error, "what has expired cannot be removed");
        }
    }

    pub(crate) async fn reconcile_ends(&self) {
        if let Err(error) = self.record_ends().await {
            tracing::warn!(%error, "ends of operations cannot be recorded now");
        }
    }

    async fn reconcile_transactions(&self) {
        if let Err(error) = self.settle_pending().await {
            tracing::warn!(%error, "pending transactions cannot be settled");
        }
    }
}

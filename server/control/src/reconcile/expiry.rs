//! Chains that people have for a while: their end is announced, then they are released, and whoever waited longest gets
//! what has become free.

use tokio::sync::broadcast::error::RecvError;

use super::EVERY;
use crate::ControlPlane;

/// Now and then, and when a chain has changed, since one of them may have become free.
pub(super) async fn drive(plane: &ControlPlane) {
    let mut changes = plane.changes();
    loop {
        plane.reconcile_tenures().await;
        let changed = async {
            loop {
                match changes.recv().await {
                    Ok(change) if change.noun == "chain" => return,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => std::future::pending::<()>().await,
                }
            }
        };
        // Changes come in swarms, and most free nothing: nobody is kept waiting for longer than between two rounds.
        let _changed = tokio::time::timeout(EVERY, changed).await.is_ok();
        tokio::time::sleep(super::SETTLE).await;
    }
}

impl ControlPlane {
    /// One round.
    pub(super) async fn reconcile_tenures(&self) {
        if let Err(error) = self.end_tenures().await {
            tracing::warn!(%error, "chains whose time is over cannot be released now");
        }
        if let Err(error) = self.serve_queue().await {
            tracing::warn!(%error, "nobody who waits for a chain can be served now");
        }
    }
}

//! Clears up on a host that was removed: on a cluster the portal has a namespace of its own. Nobody waits for it, and a host
//! that does not answer any more is removed all the same; what is left there is told in the log. What belongs to a chain
//! must never be touched here.

use std::time::Duration;

use agents::Agent;
use store::HostRecord;

use crate::services::Services;

/// A host that does not answer by then keeps what is there.
const CLEAR_MAX: Duration = Duration::from_secs(330);

/// Removes what the portal kept for itself on a host, unless another host of the portal leads to the same engine.
pub(super) async fn clear(services: &Services, removed: &HostRecord, agent: &dyn Agent) {
    let name = &removed.spec.name;
    let engine = |host: &HostRecord| host.status.facts.as_ref().map(|facts| facts.engine_id.clone());
    let own = engine(removed).filter(|engine| !engine.is_empty());
    match services.store.host_list().await {
        Ok(hosts) if own.is_some() && hosts.iter().any(|host| engine(host) == own) => return,
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, host = %name, "a removed host is not cleared");
            return;
        }
    }
    let cleared = tokio::time::timeout(CLEAR_MAX, agent.remove_home(&services.installation)).await;
    match cleared {
        Ok(Ok(gone)) if gone.is_empty() => {}
        Ok(Ok(gone)) => {
            tracing::info!(host = %name, removed = ?gone.networks, "a removed host is cleared");
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, host = %name, "what the portal kept on a removed host is still there");
        }
        Err(_) => tracing::warn!(host = %name, "what the portal kept on a removed host may still be there"),
    }
}

//! Hosts as they are: whether each answers, and what it says of itself.

use std::time::Duration;

use domain::host::{HostState, HostStatus};
use futures::StreamExt;
use store::HostRecord;

use crate::ControlPlane;
use crate::host::{facts_view, probe_error};

/// Tries before a host counts as inactive.
const TRIES: u32 = 3;
/// Pause between two tries.
const TRY_PAUSE: Duration = Duration::from_secs(3);
/// Hosts that are asked side by side, so that dead ones do not hold the others up.
const SIDE_BY_SIDE: usize = 16;

impl ControlPlane {
    /// One round over all hosts.
    pub(super) async fn reconcile_hosts(&self) {
        match self.services.store.host_list().await {
            Ok(hosts) => {
                let rounds = hosts.into_iter().map(|host| self.reconcile_host(host));
                futures::stream::iter(rounds)
                    .buffer_unordered(SIDE_BY_SIDE)
                    .for_each(std::future::ready)
                    .await;
            }
            Err(error) => tracing::warn!(%error, "hosts cannot be read"),
        }
    }

    async fn reconcile_host(&self, host: HostRecord) {
        let status = self.host_status(&host).await;
        let same_state = status.state == host.status.state;
        if let Err(error) = self.services.store.host_status_save(&host.id, &status).await {
            tracing::warn!(%error, host = %host.spec.name, "a host's status cannot be stored");
        }
        if !same_state {
            self.services.changed("host", &host.id);
        }
    }

    async fn host_status(&self, host: &HostRecord) -> HostStatus {
        let mut reason = None;
        for attempt in 1..=TRIES {
            let probed = match self.services.agent(&host.id).await {
                Ok(agent) => agent
                    .probe()
                    .await
                    .map_err(|failure| probe_error(domain::host::ProbeStage::Engine, &failure)),
                Err(error) => Err(error),
            };
            match probed {
                Ok(facts) => {
                    return HostStatus {
                        state: HostState::Active,
                        reason: None,
                        last_seen_ms: Some(self.services.clock.now_ms()),
                        facts: Some(facts_view(&facts)),
                    };
                }
                Err(error) => reason = Some(error),
            }
            if attempt < TRIES {
                self.services.clock.sleep(u64::try_from(TRY_PAUSE.as_millis()).unwrap_or(0)).await;
            }
        }
        HostStatus {
            state: HostState::Inactive,
            reason,
            last_seen_ms: host.status.last_seen_ms,
            facts: host.status.facts.clone(),
        }
    }
}

//! Whether a host answers: looked at in rounds, told to the pages when it changes. Level-triggered: a round that fails
//! is made good by the next one. It must never act on what runs on the host.

use std::time::Duration;

use domain::Error;
use domain::host::{HostState, HostStatus};
use store::{HostRecord, StoreError};

use super::probe::{facts_view, probe_error};
use crate::ControlPlane;

/// Tries before a host counts as inactive.
const TRIES: u32 = 3;
/// Pause between two tries.
const TRY_PAUSE: Duration = Duration::from_secs(3);
/// A status in which nothing but the time changed is stored this often: the record is shared with claims.
const SAVE_EVERY_MS: i64 = 30_000;

impl ControlPlane {
    /// One round over all hosts, side by side.
    pub(crate) async fn reconcile_hosts(&self) {
        let hosts = self.hosts_to_look_at().await;
        futures::future::join_all(hosts.iter().map(|host| self.reconcile_host(host))).await;
    }

    /// All hosts.
    pub(crate) async fn hosts_to_look_at(&self) -> Vec<HostRecord> {
        match self.services.store.host_list().await {
            Ok(hosts) => {
                if self.services.built.changed().await {
                    hosts.iter().for_each(|host| self.services.changed("host", &host.id));
                }
                hosts
            }
            Err(error) => {
                tracing::warn!(%error, "hosts cannot be read");
                Vec::new()
            }
        }
    }

    pub(crate) async fn reconcile_host(&self, host: &HostRecord) {
        let generation = self.services.generation(&host.id);
        let status = self.host_status(host).await;
        if self.services.generation(&host.id) != generation {
            // An admin changed the host or its credentials meanwhile: the next look counts.
            return;
        }
        let differs = !same_but_time(&status, &host.status);
        let age = status.last_seen_ms.unwrap_or(0) - host.status.last_seen_ms.unwrap_or(0);
        if !differs && age < SAVE_EVERY_MS {
            return;
        }
        match self.services.store.host_status_save(&host.id, &host.spec, &status).await {
            Ok(()) => {}
            // The same by way of another portal, or the host is gone.
            Err(StoreError::Conflict { .. } | StoreError::NotFound) => return,
            Err(error) => {
                tracing::warn!(%error, host = %host.spec.name, "a host's status cannot be stored");
                return;
            }
        }
        if differs && status.state == HostState::Inactive {
            tracing::warn!(host = %host.spec.name, reason = ?status.reason, "a host does not answer");
        }
        self.services.changed("host", &host.id);
    }

    async fn host_status(&self, host: &HostRecord) -> HostStatus {
        let mut reason = None;
        for attempt in 1..=TRIES {
            match self.look_at(host).await {
                Ok(status) => return status,
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

    async fn look_at(&self, host: &HostRecord) -> Result<HostStatus, Error> {
        let agent = self.services.agent(&host.id).await?;
        let facts = agent.probe().await;
        let facts = facts.map_err(|failure| probe_error(&host.spec.endpoint, &failure))?;
        Ok(HostStatus {
            state: HostState::Active,
            reason: None,
            last_seen_ms: Some(self.services.clock.now_ms()),
            facts: Some(facts_view(&facts)),
        })
    }
}

/// Free disk space changes all the time; it is told with the next save and does not count as a change.
fn same_but_time(now: &HostStatus, before: &HostStatus) -> bool {
    let steady = |status: &HostStatus| {
        let mut status = status.clone();
        status.last_seen_ms = None;
        if let Some(facts) = &mut status.facts {
            facts.disk_free_mib = None;
        }
        status
    };
    steady(now) == steady(before)
}

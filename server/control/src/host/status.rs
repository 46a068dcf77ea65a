//! Whether a host answers: looked at in rounds, told to the pages when it changes. Level-triggered: a round that fails
//! is made good by the next one. It must never act on what runs on the host.

use std::time::Duration;

use agents::{ProbeFailure, ProbeStage, Remedy};
use domain::Error;
use domain::host::{HostState, HostStatus};
use store::{HostRecord, StoreError};

use super::probe::{facts_view, probe_error, stored_error};
use crate::ControlPlane;

/// Tries before a host counts as inactive.
const TRIES: u32 = 3;
/// Pause between two tries.
const TRY_PAUSE: Duration = Duration::from_secs(3);
/// A status in which nothing but the time changed is stored this often: the record is shared with claims.
const SAVE_EVERY_MS: i64 = 30_000;
/// An active cluster is asked all of it this often, for that is some eighty questions.
const CLUSTER_EVERY_MS: i64 = 60_000;
/// Longest wait for a cluster to say in between what runs there.
const LIST_TIMEOUT: Duration = Duration::from_secs(8);

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
        // Also stored when the clock was set back: ages are counted from it.
        if !differs && (0..SAVE_EVERY_MS).contains(&age) {
            return;
        }
        let now = self.services.clock.now_ms();
        match self.services.store.host_status_save(&host.id, &host.spec, &status, now).await {
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
        } else if differs && status.reason.is_some() {
            tracing::warn!(host = %host.spec.name, reason = ?status.reason, "a cluster lacks something");
        }
        self.services.changed("host", &host.id);
    }

    async fn host_status(&self, host: &HostRecord) -> HostStatus {
        if self.answers_still(host).await {
            return host.status.clone();
        }
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

    /// Whether a cluster that was asked all of it lately still answers at all. One that does not is asked all of it
    /// again, which tells why. So is one that begins to refuse, as when a token has ended; what it lacked before it goes on
    /// to refuse, which the next full look in its time names.
    async fn answers_still(&self, host: &HostRecord) -> bool {
        let now = self.services.clock.now_ms();
        // A time to come was seen by a clock that was set back since.
        let is_recent = |seen: i64| (0..CLUSTER_EVERY_MS).contains(&now.saturating_sub(seen));
        let is_recent = host.status.last_seen_ms.is_some_and(is_recent);
        if !host.spec.endpoint.is_cluster() || host.status.state != HostState::Active || !is_recent {
            return false;
        }
        let Ok(agent) = self.services.agent(&host.id).await else { return false };
        match tokio::time::timeout(LIST_TIMEOUT, agent.answers(&self.services.installation)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => !error.is_retryable() && host.status.reason.is_some(),
            Err(_) => false,
        }
    }

    async fn look_at(&self, host: &HostRecord) -> Result<HostStatus, Error> {
        let agent = self.services.agent(&host.id).await?;
        let (reason, facts) = match agent.probe().await {
            Ok(facts) => (None, Some(facts_view(&facts))),
            // Chains that are there go on without what a further one would need.
            Err(failure) if is_lack(&failure) => {
                (Some(probe_error(&host.spec.endpoint, &failure)), host.status.facts.clone())
            }
            Err(failure) => return Err(stored_error(&host.spec.endpoint, &failure)),
        };
        let last_seen_ms = Some(self.services.clock.now_ms());
        Ok(HostStatus { state: HostState::Active, reason, last_seen_ms, facts })
    }
}

/// Whether a cluster answers and only lacks something. One that gives no answer at these stages is told by its remedy.
fn is_lack(failure: &ProbeFailure) -> bool {
    let is_behind_api =
        matches!(failure.stage, ProbeStage::Permission | ProbeStage::Storage | ProbeStage::Capacity);
    is_behind_api && !failure.is_late && failure.remedy != Remedy::InspectEngine
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

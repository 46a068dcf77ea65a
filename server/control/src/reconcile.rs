//! Reconcilers: level-triggered background tasks without input. They look at what is wanted and what is, and act on
//! the difference; a failed round is tried again by the next one.

use std::sync::Arc;
use std::time::Duration;

use agents::DataVolume;
use domain::Error;
use domain::chain::{ChainState, Health, HealthView};
use domain::node::NodeState;
use store::ChainRecord;
use tokio_util::sync::CancellationToken;

use crate::ControlPlane;
use crate::chain::plan_of;
use crate::node::state_of;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(5);
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
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            loop {
                match plane.workflow.recover().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "operations are taken over"),
                    Err(error) => tracing::warn!(%error, "operations cannot be recovered now"),
                }
                plane.reconcile().await;
                tokio::time::sleep(EVERY).await;
            }
        }));
        Self { stop }
    }
}

impl ControlPlane {
    /// One round over hosts, chains and pending transactions.
    pub(crate) async fn reconcile(&self) {
        self.reconcile_hosts().await;
        match self.services.store.chain_list().await {
            Ok(chains) => {
                for chain in chains.into_iter().filter(|chain| chain.state == ChainState::Running) {
                    if let Err(error) = self.reconcile_chain(&chain).await {
                        tracing::warn!(%error, chain = %chain.name, "a chain cannot be looked at");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "chains cannot be read"),
        }
        if let Err(error) = self.settle_pending().await {
            tracing::warn!(%error, "pending transactions cannot be settled");
        }
    }

    /// Starts nodes that should run and do not, and tells how the chain is. A node that lost its data is left alone:
    /// an orderer that comes back empty under its old identity breaks consensus.
    async fn reconcile_chain(&self, chain: &ChainRecord) -> Result<(), Error> {
        let Some(plan) = plan_of(chain)? else { return Ok(()) };
        let agent = self.services.agent(&chain.host).await?;
        let selector = agents::Selector {
            installation: self.services.installation.clone(),
            chain: Some(chain.name.to_string()),
        };
        let (mut reasons, mut reachable) = (Vec::new(), true);
        match agent.list_nodes(&selector).await {
            Err(error) => {
                reachable = false;
                reasons.push(error.to_string());
            }
            Ok(statuses) => {
                for node in &plan.nodes {
                    let status = statuses.iter().find(|status| status.node.node == node.name.as_str());
                    let state = state_of(status);
                    if state == NodeState::Running {
                        continue;
                    }
                    reasons.push(format!("{}: {}", node.name, word(state)));
                    let lost = status.is_none_or(|status| status.data_volume == DataVolume::Missing);
                    if !lost && let Some(status) = status {
                        agent.start(&status.node).await.map_err(crate::error::agent)?;
                        tracing::info!(node = %node.name, chain = %chain.name, "a stopped node is started again");
                    }
                }
            }
        }
        self.save_health(chain, reachable, reasons).await
    }

    async fn save_health(
        &self,
        chain: &ChainRecord,
        reachable: bool,
        reasons: Vec<String>,
    ) -> Result<(), Error> {
        let health = match (reachable, reasons.is_empty()) {
            (false, _) => Health::Unreachable,
            (true, true) => Health::Ok,
            (true, false) => Health::Degraded,
        };
        let changed = health != chain.health.health || reasons != chain.health.reasons;
        let view = HealthView { health, reasons, checked_ms: Some(self.services.clock.now_ms()) };
        match self.services.store.chain_health_save(&chain.name, &view).await {
            // A chain that was deleted meanwhile needs no health.
            Ok(()) | Err(store::StoreError::NotFound) => {}
            Err(error) => return Err(crate::error::store(error)),
        }
        if changed {
            self.services.changed("chain", &chain.name);
        }
        Ok(())
    }
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Unknown => "unknown",
        NodeState::Missing => "missing",
        NodeState::Created => "created",
        NodeState::Running => "running",
        NodeState::Restarting => "restarting",
        NodeState::Stopped => "stopped",
        NodeState::Failed => "data lost",
    }
}

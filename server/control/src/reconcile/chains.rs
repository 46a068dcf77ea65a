//! Chains as they shall be: nodes of running chains run. What cannot be cured without harm is shown, not cured: a node
//! that lost its data is left alone, for an orderer that comes back empty under its old identity breaks consensus.

use agents::{Agent, AgentError, DataVolume, NodeRef, NodeStatus, Selector};
use domain::Error;
use domain::chain::{ChainState, Health, HealthView};
use domain::node::NodeState;
use futures::StreamExt;
use store::ChainRecord;

use crate::ControlPlane;
use crate::chain::plan_of;
use crate::node::state_of;
use crate::operations::chain_create::{ImagesPinned, node_spec};
use crate::operations::chain_stop::GRACE;
use crate::operations::{chaincode_nodes_in, link_of};
use crate::topology::PlannedNode;

/// Chains that are looked at side by side.
const SIDE_BY_SIDE: usize = 8;

impl ControlPlane {
    /// One round over all chains that shall run.
    pub(super) async fn reconcile_chains(&self) {
        match self.services.store.chain_list().await {
            Ok(chains) => {
                let running = chains.into_iter().filter(|chain| chain.state == ChainState::Running);
                let rounds = running.map(|chain| async move {
                    if let Err(error) = self.reconcile_chain(&chain).await {
                        tracing::warn!(%error, chain = %chain.name, "a chain cannot be looked at");
                    }
                });
                futures::stream::iter(rounds)
                    .buffer_unordered(SIDE_BY_SIDE)
                    .for_each(std::future::ready)
                    .await;
            }
            Err(error) => tracing::warn!(%error, "chains cannot be read"),
        }
    }

    async fn reconcile_chain(&self, chain: &ChainRecord) -> Result<(), Error> {
        let Some(plan) = plan_of(chain)? else { return Ok(()) };
        let agent = self.services.agent(&chain.host).await?;
        let selector = Selector {
            installation: self.services.installation.clone(),
            chain: Some(chain.name.to_string()),
        };
        let statuses = match agent.list_nodes(&selector).await {
            Ok(statuses) => statuses,
            Err(error) => return self.save_health(chain, false, vec![error.to_string()]).await,
        };
        let mut reasons = Vec::new();
        for node in &plan.nodes {
            let status = statuses.iter().find(|status| status.node.node == node.name.as_str());
            let state = state_of(status);
            if state == NodeState::Running {
                continue;
            }
            reasons.push(format!("{}: {}", node.name, word(state)));
            let Some(status) = status.filter(|status| status.data_volume != DataVolume::Missing) else {
                continue;
            };
            if let Err(error) = self.bring_back(chain, agent.as_ref(), node, status, &statuses).await {
                tracing::warn!(%error, node = %node.name, chain = %chain.name, "a node cannot be brought back");
                reasons.push(format!("{}: {error}", node.name));
            }
        }
        for node in chaincode_nodes_in(&statuses, |status| status.state == agents::NodeState::Stopped) {
            if let Err(error) =
                self.start_while_running(chain, agent.as_ref(), &node, agent.start(&node)).await
            {
                reasons.push(format!("{}: {error}", node.node));
            }
        }
        self.save_health(chain, true, reasons).await
    }

    /// Starts a node, or makes its container anew around the data that it still has.
    async fn bring_back(
        &self,
        chain: &ChainRecord,
        agent: &dyn Agent,
        node: &PlannedNode,
        status: &NodeStatus,
        others: &[NodeStatus],
    ) -> Result<(), Error> {
        if status.state != agents::NodeState::Missing {
            return self.start_while_running(chain, agent, &status.node, agent.start(&status.node)).await;
        }
        let Some(image) = image_of(agent, node, others).await? else { return Ok(()) };
        let Some(plan) = plan_of(chain)? else { return Ok(()) };
        let link = link_of(&self.services, plan).await?;
        let images = ImagesPinned { peer: image.clone(), orderer: image };
        let spec = node_spec(&self.services, &link, node, &images, &status.operation, false).await?;
        self.start_while_running(chain, agent, &status.node, async {
            agent.ensure_node(&spec).await.map(drop)
        })
        .await
    }

    /// Acts on a node of a chain that shall still run. The state is read again right before, because the list may be
    /// older than a stop; and right after, because a stop may have come in between: then the node is stopped again.
    async fn start_while_running(
        &self,
        chain: &ChainRecord,
        agent: &dyn Agent,
        node: &NodeRef,
        start: impl Future<Output = Result<(), AgentError>>,
    ) -> Result<(), Error> {
        if self.state_now(chain).await? != Some(ChainState::Running) {
            return Ok(());
        }
        start.await.map_err(crate::error::agent)?;
        if matches!(self.state_now(chain).await?, Some(ChainState::Stopping | ChainState::Stopped)) {
            return agent.stop(node, GRACE).await.map_err(crate::error::agent);
        }
        tracing::info!(%node, "a node that shall run is started again");
        Ok(())
    }

    async fn state_now(&self, chain: &ChainRecord) -> Result<Option<ChainState>, Error> {
        let record = self.services.store.chain_read(&chain.name).await.map_err(crate::error::store)?;
        // A chain of the same name that was made since is another one.
        Ok(record.filter(|record| record.operation == chain.operation).map(|record| record.state))
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

/// The image of a node whose container is gone: what another node of its kind runs, else the first by name.
async fn image_of(
    agent: &dyn Agent,
    node: &PlannedNode,
    others: &[NodeStatus],
) -> Result<Option<String>, Error> {
    let kind = node.kind.as_str();
    if let Some(id) =
        others.iter().filter(|other| other.kind == kind).find_map(|other| other.image_id.clone())
    {
        return Ok(Some(id));
    }
    for reference in &node.images {
        if let Some(facts) = agent.image(reference).await.map_err(crate::error::agent)? {
            return Ok(Some(facts.id));
        }
    }
    Ok(None)
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

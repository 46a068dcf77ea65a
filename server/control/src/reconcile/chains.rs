//! Chains as they shall be: nodes of running chains run. What cannot be cured without harm is shown, not cured: a node
//! that lost its data is left alone, for an orderer that comes back empty under its old identity breaks consensus. A node
//! that runs is asked how it does.

use std::collections::HashMap;
use std::time::Duration;

use agents::{Agent, AgentError, DataVolume, NodeRef, NodeStatus, Selector};
use domain::chain::{Ailment, ChainState, Health, HealthView};
use domain::id::HostId;
use domain::node::NodeState;
use domain::{Code, Error};
use futures::StreamExt;
use store::ChainRecord;

use super::health;
use crate::ControlPlane;
use crate::chain::plan_of;
use crate::node::state_of;
use crate::operations::chain_create::spec_anew;
use crate::operations::chain_stop::GRACE;
use crate::operations::link_to;
use crate::topology::PlannedNode;

/// Chains of one host that are looked at side by side.
const SIDE_BY_SIDE: usize = 8;
/// Longest wait for a host to say what runs on it. Shorter than what operations grant: the next look is soon.
const LIST_TIMEOUT: Duration = Duration::from_secs(15);
/// Shortest time between two looks at nodes that are all well.
const LOOK_EVERY_MS: i64 = 15_000;

impl ControlPlane {
    /// One round over all chains that shall run, host by host.
    pub(super) async fn reconcile_chains(&self) {
        let hosts = self.chains_to_look_at().await;
        futures::future::join_all(hosts.values().map(|chains| self.reconcile_chains_of(chains))).await;
    }

    /// The chains that shall run, by their host. No image is pulled for any other host.
    pub(super) async fn chains_to_look_at(&self) -> HashMap<HostId, Vec<ChainRecord>> {
        let mut hosts = HashMap::<HostId, Vec<ChainRecord>>::new();
        let chains = match self.services.store.chain_list().await {
            Ok(chains) => chains,
            Err(error) => {
                tracing::warn!(%error, "chains cannot be read");
                return hosts;
            }
        };
        for chain in chains.into_iter().filter(|chain| chain.state == ChainState::Running) {
            hosts.entry(chain.host.clone()).or_default().push(chain);
        }
        self.lost_images.keep(|host| hosts.contains_key(host));
        hosts
    }

    /// One round over the chains of a host.
    pub(super) async fn reconcile_chains_of(&self, chains: &[ChainRecord]) {
        let rounds: Vec<_> = chains.iter().map(|chain| self.look_after(chain)).collect();
        let rounds = futures::stream::iter(rounds).buffer_unordered(SIDE_BY_SIDE);
        rounds.for_each(std::future::ready).await;
    }

    async fn look_after(&self, chain: &ChainRecord) {
        if let Err(error) = self.reconcile_chain(chain).await {
            tracing::warn!(%error, chain = %chain.name, "a chain cannot be looked at");
        }
    }

    async fn reconcile_chain(&self, chain: &ChainRecord) -> Result<(), Error> {
        let Some(plan) = plan_of(chain)? else { return Ok(()) };
        let agent = self.services.agent(&chain.host).await?;
        let selector = Selector {
            installation: self.services.installation.clone(),
            chain: Some(chain.name.to_string()),
        };
        let listed = tokio::time::timeout(LIST_TIMEOUT, agent.list_nodes(&selector)).await;
        let late = |_| AgentError::Timeout { what: "what runs on the host".to_owned(), after: LIST_TIMEOUT };
        let statuses = match listed.map_err(late).and_then(std::convert::identity) {
            Ok(statuses) => statuses,
            Err(error) => {
                let why = crate::error::agent_told(error);
                return self.save_health(chain, false, vec![Ailment::of_chain(why)]).await;
            }
        };
        let (mut ailments, mut running, mut down) = (Vec::new(), Vec::new(), Vec::new());
        for node in &plan.nodes {
            let status = statuses.iter().find(|status| status.node.node == node.name.as_str());
            let state = state_of(status);
            if state == NodeState::Running {
                running.push(node);
                continue;
            }
            ailments.push(not_running(&node.name, status));
            let with_data = status.filter(|status| status.data_volume != DataVolume::Missing);
            down.extend(with_data.map(|status| (node, status)));
        }
        if !ailments.is_empty() && chain.health.health == Health::Ok {
            // Shown before the cure, which may take its time.
            self.save_health(chain, true, ailments.clone()).await?;
        }
        for (node, status) in down {
            if let Err(error) = self.bring_back(chain, agent.as_ref(), node, status, &statuses).await {
                tracing::warn!(%error, node = %node.name, chain = %chain.name, "a node cannot be brought back");
                ailments.push(Ailment::of(&node.name, error));
            }
        }
        ailments.extend(self.reconcile_chaincode(chain, &plan, agent.as_ref(), &statuses).await?);
        if ailments.is_empty() && self.was_well_lately(chain) {
            return Ok(());
        }
        match link_to(&self.services, chain).await {
            Ok(link) => {
                let channels = self.services.store.channel_list(&chain.name).await;
                let channels = channels.map_err(crate::error::store)?;
                let channels: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
                let network = self.services.network.as_ref();
                ailments.extend(health::ailments(network, &link, &running, &channels).await);
            }
            Err(error) => ailments.push(Ailment::of_chain(error)),
        }
        self.save_health(chain, true, ailments).await
    }

    /// Whether all nodes said a moment ago that they are well: then they are not asked again in every round.
    fn was_well_lately(&self, chain: &ChainRecord) -> bool {
        let ago_ms = |at_ms| self.services.clock.now_ms() - at_ms;
        let lately = chain.health.checked_ms.is_some_and(|at_ms| (0..LOOK_EVERY_MS).contains(&ago_ms(at_ms)));
        lately && chain.health.health == Health::Ok
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
        // One that was never started may lack its files or a network: it is made again like one that is gone.
        if !matches!(status.state, agents::NodeState::Missing | agents::NodeState::Created) {
            return self.start_while_running(chain, agent, &status.node, agent.start(&status.node)).await;
        }
        let link = link_to(&self.services, chain).await?;
        if let Some(images) = &link.plan.images
            && self.awaits_image(&link, images.of(node.kind), images.digest_of(node.kind)).await?
        {
            return Ok(());
        }
        let anew = spec_anew(&self.services, &link, node, &status.operation, others).await?;
        let Some(spec) = anew else { return Ok(()) };
        self.start_while_running(chain, agent, &status.node, async {
            agent.ensure_node(&spec).await.map(drop)
        })
        .await
    }

    /// Acts on a node of a chain that shall still run. The state is read again right before, because the list may be
    /// older than a stop; and right after, because a stop or a removal may have come in between: then the node is stopped
    /// again, or removed with its data and keys.
    pub(super) async fn start_while_running(
        &self,
        chain: &ChainRecord,
        agent: &dyn Agent,
        node: &NodeRef,
        start: impl Future<Output = Result<(), AgentError>>,
    ) -> Result<(), Error> {
        if !self.runs_as_seen(chain).await? {
            return Ok(());
        }
        let started = start.await.map_err(crate::error::agent);
        let record = self.services.store.chain_read(&chain.name).await.map_err(crate::error::store)?;
        match record.map(|record| (record.operation == chain.operation, record.state)) {
            // What removes the chain may not have seen it, and a start that failed may have left a part.
            None | Some((true, ChainState::Deleting | ChainState::Creating)) => remove(agent, node).await,
            Some((true, ChainState::Stopping | ChainState::Stopped)) => {
                // What failed here may still have told a cluster to run it.
                let stopped = agent.stop(node, GRACE).await;
                started?;
                stopped.map_err(crate::error::agent)
            }
            // A chain of the same name that was made since has a node of its own by this name.
            Some((false, _)) => started,
            Some(_) => {
                started?;
                tracing::info!(%node, "a node that shall run is started again");
                Ok(())
            }
        }
    }

    /// Whether a chain still runs, and with the plan that it had when it was looked at: a node that was resized meanwhile
    /// must not be made in its former size. The next round sees it as it is.
    async fn runs_as_seen(&self, chain: &ChainRecord) -> Result<bool, Error> {
        let record = self.services.store.chain_read(&chain.name).await.map_err(crate::error::store)?;
        Ok(record.is_some_and(|record| {
            record.operation == chain.operation
                && record.state == ChainState::Running
                && record.plan == chain.plan
        }))
    }

    pub(super) async fn state_now(&self, chain: &ChainRecord) -> Result<Option<ChainState>, Error> {
        let record = self.services.store.chain_read(&chain.name).await.map_err(crate::error::store)?;
        // A chain of the same name that was made since is another one.
        Ok(record.filter(|record| record.operation == chain.operation).map(|record| record.state))
    }

    async fn save_health(
        &self,
        chain: &ChainRecord,
        reachable: bool,
        ailments: Vec<Ailment>,
    ) -> Result<(), Error> {
        let health = match (reachable, ailments.is_empty()) {
            (false, _) => Health::Unreachable,
            (true, true) => Health::Ok,
            (true, false) => Health::Degraded,
        };
        let changed = health != chain.health.health || ailments != chain.health.ailments;
        let checked_ms = Some(self.services.clock.now_ms());
        let since_ms = chain.health.since_ms.filter(|_| health == chain.health.health).or(checked_ms);
        let view = HealthView { health, ailments, checked_ms, since_ms };
        match self.services.store.chain_health_save(&chain.name, &view).await {
            // A chain that was deleted meanwhile needs no health.
            Ok(()) | Err(store::StoreError::NotFound) => {}
            Err(error) => return Err(crate::error::store(error)),
        }
        if changed {
            self.services.changed("chain", &chain.name);
            self.notify_unwell(chain, &view).await;
        }
        Ok(())
    }
}

/// Removes a node with everything that is its own.
pub(super) async fn remove(agent: &dyn Agent, node: &NodeRef) -> Result<(), Error> {
    match agent.remove_node(node, false).await {
        Ok(_) | Err(AgentError::NotFound(_)) => Ok(()),
        Err(error) => Err(crate::error::agent(error)),
    }
}

/// What is wrong with a node that does not run, and the host's reason. Of lost data there is no more to say.
pub(super) fn not_running(node: impl ToString, status: Option<&NodeStatus>) -> Ailment {
    match state_of(status) {
        NodeState::Failed => Ailment::of(node, Error::conflict(Code::NodeDataLost)),
        other => {
            let why = Error::unavailable(Code::NodeNotRunning).with("state", other.as_str());
            let reason = status.and_then(|status| status.reason.as_ref()).map(|reason| reason.kind);
            Ailment { reason, ..Ailment::of(node, why) }
        }
    }
}

//! Containers that serve chaincode as they shall be: those of the definitions in force run. One that was removed is made
//! again from what is kept, the sealed package and the image's id; it holds no data that could be lost.

use agents::{Agent, NodeStatus};
use domain::Error;
use domain::chain::{Ailment, ChainState};
use domain::node::{NodeKind, NodeState};
use store::{ChainRecord, ChaincodeRecord};
use workflow::{Operation, OperationState};

use super::chains::{not_running, remove};
use crate::ControlPlane;
use crate::node::state_of;
use crate::operation::{log_error, subject};
use crate::operations::chain_restart::ChainRestart;
use crate::operations::chaincode_deploy::{kept_server, servers_of};
use crate::operations::link_to;
use crate::topology::ChainPlan;

impl ControlPlane {
    /// Brings a chain's chaincode containers back, and tells what is wrong with them.
    pub(super) async fn reconcile_chaincode(
        &self,
        chain: &ChainRecord,
        plan: &ChainPlan,
        agent: &dyn Agent,
        statuses: &[NodeStatus],
    ) -> Result<Vec<Ailment>, Error> {
        let mut ailments = Vec::new();
        let present = statuses.iter().filter(|status| status.kind == NodeKind::Chaincode.as_str());
        for status in present {
            let (node, state) = (&status.node, state_of(Some(status)));
            if matches!(state, NodeState::Stopped | NodeState::Restarting) {
                ailments.push(not_running(&node.node, Some(status)));
            }
            if state == NodeState::Stopped
                && !self.is_restarted(chain).await?
                && let Err(error) = self.start_while_running(chain, agent, node, agent.start(node)).await
            {
                ailments.push(Ailment::of(&node.node, error));
            }
        }
        let records = self.services.store.chaincode_list(&chain.name).await.map_err(crate::error::store)?;
        for record in &records {
            for (msp_id, server) in servers_of(plan, record) {
                let status = statuses.iter().find(|status| status.node.node == server);
                let state = state_of(status);
                // One that was never started may lack its files.
                if !matches!(state, NodeState::Missing | NodeState::Created) {
                    continue;
                }
                ailments.push(not_running(&server, status));
                if let Err(error) = self.make_again(chain, agent, record, &msp_id, &server).await {
                    tracing::warn!(%error, server, chain = %chain.name, "a chaincode cannot be brought back");
                    ailments.push(Ailment::of(&server, error));
                }
            }
        }
        Ok(ailments)
    }

    /// Whether an operation restarts the chain: that starts itself what it ends. What is started in between is in the way
    /// of a host that still waits for the end of all that served.
    async fn is_restarted(&self, chain: &ChainRecord) -> Result<bool, Error> {
        let holder = self.services.store.holder(&subject(&chain.name)).await.map_err(log_error)?;
        Ok(holder.is_some_and(|holder| {
            holder.name == ChainRestart::plan().name() && holder.state != OperationState::Failed
        }))
    }

    async fn make_again(
        &self,
        chain: &ChainRecord,
        agent: &dyn Agent,
        record: &ChaincodeRecord,
        msp_id: &str,
        server: &str,
    ) -> Result<(), Error> {
        // The list may be older than an upgrade, which removes what served before.
        if !self.is_served(chain, record).await? {
            return Ok(());
        }
        let link = link_to(&self.services, chain).await?;
        if self.awaits_image(&link, &record.image_id, record.image_digest.as_deref()).await? {
            return Ok(());
        }
        let operation = chain.operation.as_ref().map(ToString::to_string).unwrap_or_default();
        let spec = kept_server(&self.services, &link, record, msp_id, server, &operation).await?;
        let node = link.place(server);
        let made = self
            .start_while_running(chain, agent, &node, async { agent.ensure_node(&spec).await.map(drop) })
            .await;
        if !self.is_served(chain, record).await? {
            // An upgrade or a deletion came in between and has not seen it.
            remove(agent, &node).await?;
        }
        made
    }

    /// Whether a definition is still in force on a chain that stays.
    async fn is_served(&self, chain: &ChainRecord, record: &ChaincodeRecord) -> Result<bool, Error> {
        if matches!(self.state_now(chain).await?, None | Some(ChainState::Deleting)) {
            return Ok(false);
        }
        let records = self.services.store.chaincode_list(&chain.name).await.map_err(crate::error::store)?;
        let same = |now: &&ChaincodeRecord| now.channel == record.channel && now.name == record.name;
        Ok(records.iter().find(same).is_some_and(|now| now.sequence == record.sequence))
    }
}

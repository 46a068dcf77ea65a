//! `chain-stop`: ends the nodes' processes; ledgers and keys stay.

use std::time::Duration;

use domain::chain::ChainState;
use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::set_state;
use super::{agent_error, for_each_node, link, step_error};
use crate::services::Services;
use crate::topology::PlannedNode;

/// Time a node gets to end by itself.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainStop {
    pub chain: ChainName,
}

impl Operation for ChainStop {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-stop", 1)
            .step("mark-stopping", mark_stopping, unmark)
            .step("stop-nodes", stop_nodes, keep)
            .timeout_ms(300_000)
    }
}

async fn mark_stopping(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let from = [ChainState::Running, ChainState::Stopping];
    set_state(ctx.env(), &ctx.params().chain, &from, ChainState::Stopping).await
}

/// After an undo some nodes may be down: the reconciler starts what should run.
async fn unmark(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let from = [ChainState::Running, ChainState::Stopping];
    set_state(ctx.env(), &ctx.params().chain, &from, ChainState::Running).await
}

async fn stop_nodes(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    stop_everything(&ctx, &link).await?;
    let from = [ChainState::Stopping, ChainState::Stopped];
    set_state(ctx.env(), &ctx.params().chain, &from, ChainState::Stopped).await
}

/// Peers and chaincode first, so that no transaction is cut by a missing orderer.
async fn stop_everything(
    ctx: &Context<ChainStop>,
    link: &crate::network::ChainLink,
) -> Result<(), StepError> {
    let chain = link.plan.chain.to_string();
    let selector = agents::Selector { installation: link.installation.clone(), chain: Some(chain) };
    let present = link.agent.list_nodes(&selector).await.map_err(agent_error)?;
    for status in present.iter().filter(|status| status.kind == "chaincode") {
        link.agent.stop(&status.node, GRACE).await.map_err(agent_error)?;
    }
    let mut nodes: Vec<PlannedNode> = link.plan.nodes.clone();
    nodes.reverse();
    for_each_node(ctx, nodes, |node| async move {
        match link.agent.stop(&link.node_ref(&node), GRACE).await {
            Ok(()) | Err(agents::AgentError::NotFound(_)) => Ok(()),
            Err(error) => Err(agent_error(error)),
        }
    })
    .await
}

//! `chain-stop`: ends the nodes' processes; ledgers and keys stay.

use std::time::Duration;

use agents::{AgentError, NodeRef};
use domain::chain::ChainState;
use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError};

use super::chain_create::set_state;
use super::chain_start::start_everything;
use super::{agent_error, chaincode_nodes, for_each_node, link, step_error};
use crate::network::ChainLink;
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
            .step("stop-nodes", stop_nodes, start_again)
            .timeout_ms(300_000)
    }
}

async fn mark_stopping(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let from = [ChainState::Running, ChainState::Stopping];
    set_state(ctx.env(), &ctx.params().chain, &from, ChainState::Stopping).await
}

async fn unmark(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let from = [ChainState::Running, ChainState::Stopping, ChainState::Stopped];
    set_state(ctx.env(), &ctx.params().chain, &from, ChainState::Running).await
}

async fn start_again(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    start_everything(&ctx, &link).await
}

async fn stop_nodes(ctx: Context<ChainStop>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    stop_everything(&ctx, &link).await?;
    let from = [ChainState::Stopping, ChainState::Stopped];
    set_state(ctx.env(), &ctx.params().chain, &from, ChainState::Stopped).await
}

/// Peers and chaincode first, so that no transaction is cut by a missing orderer. What is gone is stopped.
pub(super) async fn stop_everything<P: Operation>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<(), StepError> {
    for node in chaincode_nodes(link).await? {
        stop(link, &node).await?;
    }
    let mut nodes: Vec<PlannedNode> = link.plan.nodes.clone();
    nodes.reverse();
    for_each_node(ctx, nodes, |node| async move { stop(link, &link.node_ref(&node)).await }).await
}

/// Ends a node; one that is gone is ended.
pub(super) async fn stop(link: &ChainLink, node: &NodeRef) -> Result<(), StepError> {
    match link.agent.stop(node, GRACE).await {
        Ok(()) | Err(AgentError::NotFound(_)) => Ok(()),
        Err(error) => Err(agent_error(error)),
    }
}

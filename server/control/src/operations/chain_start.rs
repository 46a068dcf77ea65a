//! `chain-start`: starts the nodes of a stopped chain and waits until they are well.

use domain::chain::ChainState;
use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::set_state;
use super::{agent_error, for_each_node, link, step_error, until, with_logs};
use crate::network::ChainLink;
use crate::services::Services;

/// Parameters. A restart stops the nodes before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainStart {
    pub chain: ChainName,
    pub restart: bool,
}

impl Operation for ChainStart {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-start", 1)
            .step("mark-starting", mark_starting, keep)
            .step("start-nodes", start_nodes, stop_again)
            .timeout_ms(600_000)
    }
}

async fn mark_starting(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let from: &[ChainState] = if ctx.params().restart {
        &[ChainState::Running, ChainState::Starting]
    } else {
        &[ChainState::Stopped, ChainState::Starting]
    };
    set_state(ctx.env(), &ctx.params().chain, from, ChainState::Starting).await
}

async fn start_nodes(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    let (ctx_ref, link_ref) = (&ctx, &link);
    for_each_node(&ctx, link.plan.nodes.clone(), |node| async move {
        let place = link_ref.node_ref(&node);
        if ctx_ref.params().restart && ctx_ref.attempt() == 1 {
            link_ref.agent.restart(&place, super::chain_stop::GRACE).await.map_err(agent_error)?;
        } else {
            link_ref.agent.start(&place).await.map_err(agent_error)?;
        }
        let healthy = until(ctx_ref, node.name.as_str(), || async {
            ctx_ref.env().network.healthy(link_ref, &node).await.map(Some)
        });
        match healthy.await {
            Ok(()) => Ok(()),
            Err(error) => Err(with_logs(link_ref, &node, error).await),
        }
    })
    .await?;
    start_chaincode(&link).await?;
    set_state(ctx.env(), chain, &[ChainState::Starting, ChainState::Running], ChainState::Running).await
}

/// Chaincode containers are not part of the plan; whatever of them is on the host is started.
async fn start_chaincode(link: &ChainLink) -> Result<(), StepError> {
    let chain = link.plan.chain.to_string();
    let selector = agents::Selector { installation: link.installation.clone(), chain: Some(chain) };
    let present = link.agent.list_nodes(&selector).await.map_err(agent_error)?;
    for status in present.iter().filter(|status| status.kind == "chaincode") {
        link.agent.start(&status.node).await.map_err(agent_error)?;
    }
    Ok(())
}

async fn stop_again(ctx: Context<ChainStart>) -> Result<(), StepError> {
    let chain = &ctx.params().chain;
    let link = link(ctx.env(), chain).await.map_err(step_error)?;
    for node in &link.plan.nodes {
        link.agent.stop(&link.node_ref(node), super::chain_stop::GRACE).await.map_err(agent_error)?;
    }
    set_state(ctx.env(), chain, &[ChainState::Starting, ChainState::Stopped], ChainState::Stopped).await
}

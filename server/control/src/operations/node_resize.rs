//! `node-resize`: gives one node other limits of CPU and memory, and makes it anew around its data with them. The chain's
//! plan keeps them, so that whoever makes the node again makes it of that size. The chain runs meanwhile; the node itself
//! is away for a moment.

use domain::Error;
use domain::chain::{ChainVerb, NodeResources};
use domain::name::{ChainName, NodeName};
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chain_create::to_value;
use super::chain_start::{look, spec_around_data};
use super::rolling::{await_back, check_left, check_runs};
use super::{agent_error, given_up, link, step_error, store_error};
use crate::chain::plan_of;
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedNode};

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeResize {
    pub chain: ChainName,
    pub node: NodeName,
    pub resources: NodeResources,
}

/// The limits that the node had of its own, before anything is changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Former {
    resources: Option<NodeResources>,
}

impl StepOutput for Former {
    const STEP: &'static str = "look-at-node";
}

impl Operation for NodeResize {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("node-resize", 1)
            .step("look-at-node", look_at_node, keep)
            .step("remember-size", remember, forget)
            .step("apply-size", apply, as_before)
            .timeout_ms(600_000)
            .step("catch-up", catch_up, keep)
            .timeout_ms(600_000)
    }
}

/// What an undo needs is read before the first change, so that it is right however often this runs.
async fn look_at_node(ctx: Context<NodeResize>) -> Result<Former, StepError> {
    check_runs(&ctx, &ctx.params().chain, ChainVerb::Resize).await?;
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let node = planned(&ctx, &link)?;
    check_left(&ctx, &link, node).await?;
    Ok(Former { resources: node.resources })
}

fn planned<'a>(ctx: &Context<NodeResize>, link: &'a ChainLink) -> Result<&'a PlannedNode, StepError> {
    link.plan.node(&ctx.params().node).ok_or_else(|| step_error(Error::not_found()))
}

async fn remember(ctx: Context<NodeResize>) -> Result<(), StepError> {
    save(&ctx, Some(ctx.params().resources)).await
}

async fn forget(ctx: Context<NodeResize>) -> Result<(), StepError> {
    match ctx.try_output::<Former>()? {
        Some(former) => save(&ctx, former.resources).await,
        None => Ok(()),
    }
}

/// Writes a node's limits into the chain's plan. Nobody else changes that while an operation holds the chain.
async fn save(ctx: &Context<NodeResize>, resources: Option<NodeResources>) -> Result<(), StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let record = services.store.chain_read(&params.chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    let before: Option<ChainPlan> = plan_of(&record).map_err(step_error)?;
    let before = before.ok_or_else(|| step_error(Error::not_found()))?;
    let plan = before.clone().with_resources(&params.node, resources);
    if plan == before {
        return Ok(());
    }
    services.store.chain_plan_save(&params.chain, to_value(&plan)?).await.map_err(store_error)?;
    services.changed("chain", &params.chain);
    Ok(())
}

/// What the host refuses at once, such as a cluster whose quota is used up, leaves the node as it was: it does not stay
/// down until somebody has read why. Resumed, it is tried again from the plan on.
async fn apply(ctx: Context<NodeResize>) -> Result<(), StepError> {
    save(&ctx, Some(ctx.params().resources)).await?;
    match replace(&ctx).await {
        Err(error @ StepError::Stop { .. }) => {
            if let Err(failed) = as_before(ctx.clone()).await {
                ctx.note(format!("{} cannot be made as it was: {failed}", ctx.params().node)).await;
            }
            Err(error)
        }
        other => other,
    }
}

async fn replace(ctx: &Context<NodeResize>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let node = planned(ctx, &link)?;
    // A failed operation may have been resumed long after its first look.
    check_left(ctx, &link, node).await?;
    ensure(ctx, &link, node).await
}

/// Makes the node as the plan has it. An agent makes one that differs anew around its data, and leaves one that does not.
async fn ensure(ctx: &Context<NodeResize>, link: &ChainLink, node: &PlannedNode) -> Result<(), StepError> {
    let present = look(ctx, link).await?;
    let spec = spec_around_data(ctx.env(), link, node, &present).await?;
    link.agent.ensure_node(&spec).await.map(drop).map_err(agent_error)
}

async fn catch_up(ctx: Context<NodeResize>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let node = planned(&ctx, &link)?;
    // Whoever looked at the chain before it had the new plan may have made the node in its former size meanwhile.
    ensure(&ctx, &link, node).await?;
    await_back(&ctx, &link, node).await?;
    ctx.env().changed("chain", &ctx.params().chain);
    Ok(())
}

/// Makes the node anew in its former size. One that is gone or has lost its data is the reconciler's to show.
async fn as_before(ctx: Context<NodeResize>) -> Result<(), StepError> {
    forget(ctx.clone()).await?;
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let node = planned(&ctx, &link)?;
    if let Err(error) = ensure(&ctx, &link, node).await {
        let why = given_up(error)?;
        ctx.note(format!("{} cannot be made as it was: {why}", node.name)).await;
    }
    Ok(())
}

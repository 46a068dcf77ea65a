//! `chain-restart`: ends every node and starts it again, one after another, while the chain runs: orderers first, of which
//! enough to agree are always left and the one that leads goes last, then peers, then what serves chaincode. Where there is
//! only one of a kind, calls fail for the moment that it is away.
//!
//! Who was restarted is told by the host's own word on when a node's process began: a crash in the middle leaves no node
//! out, and restarts none twice that has begun anew since.

use std::collections::BTreeMap;

use agents::{DataVolume, NodeState, NodeStatus};
use domain::Code;
use domain::chain::ChainVerb;
use domain::name::ChainName;
use domain::node::NodeKind;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chain_start::{bring_up, list, look, needs_making, start_everything, start_servers, status_of};
use super::chain_stop::stop;
use super::rolling::{await_back, channels, check_left, check_runs, leads};
use super::{agent_error, given_up, link, side_by_side, step_error};
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::PlannedNode;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainRestart {
    pub chain: ChainName,
}

/// When the process of each container began before the restart, in the host's own words.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    at: BTreeMap<String, String>,
}

impl StepOutput for Begun {
    const STEP: &'static str = "look-at-nodes";
}

impl Begun {
    /// Whether a container runs a process that began since.
    fn is_renewed(&self, status: &NodeStatus) -> bool {
        let before = self.at.get(&status.node.node);
        status.state == NodeState::Running
            && status.started_at.is_some()
            && status.started_at.as_ref() != before
    }
}

impl Operation for ChainRestart {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-restart", 1)
            .step("look-at-nodes", look_at_nodes, keep)
            .step("restart-orderers", restart_orderers, start_again)
            .timeout_ms(1_800_000)
            .step("restart-peers", restart_peers, start_again)
            .timeout_ms(3_600_000)
            .step("restart-chaincode", restart_chaincode, start_again)
            .timeout_ms(1_800_000)
    }
}

async fn look_at_nodes(ctx: Context<ChainRestart>) -> Result<Begun, StepError> {
    check_runs(&ctx, &ctx.params().chain, ChainVerb::Restart).await?;
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let present = list(&link).await?;
    let at = present.into_iter().filter_map(|status| Some((status.node.node, status.started_at?)));
    Ok(Begun { at: at.collect() })
}

async fn restart_orderers(ctx: Context<ChainRestart>) -> Result<(), StepError> {
    restart_all(&ctx, NodeKind::Orderer).await
}

async fn restart_peers(ctx: Context<ChainRestart>) -> Result<(), StepError> {
    restart_all(&ctx, NodeKind::Peer).await
}

/// Every node of a kind, one after another; those first that are not well, because the others wait for them, and last the
/// one that leads.
async fn restart_all(ctx: &Context<ChainRestart>, kind: NodeKind) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let begun: Begun = ctx.output()?;
    let nodes: Vec<&PlannedNode> = link.plan.of_kind(kind).collect();
    let network = ctx.env().network.as_ref();
    let looks: Vec<_> = nodes.iter().map(|node| network.healthy(&link, node)).collect();
    let looks: Vec<bool> = side_by_side(looks).await.iter().map(Result::is_ok).collect();
    let channels = channels(ctx, &link).await?;
    let mut ranked = Vec::with_capacity(nodes.len());
    for (node, is_well) in nodes.into_iter().zip(looks) {
        let is_leader = is_well && leads(ctx.env(), &link, node, &channels).await;
        ranked.push(((is_well, is_leader), node));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let total = u64::try_from(ranked.len()).unwrap_or(u64::MAX);
    for (done, (_, node)) in (0_u64..).zip(ranked) {
        ctx.progress(done, total).await;
        if ctx.cancelled() {
            let code = Code::OperationInterrupted.as_text();
            return Err(StepError::stop(code, "the restart was called off between two nodes"));
        }
        restart(ctx, &link, &begun, node).await?;
    }
    ctx.progress(total, total).await;
    Ok(())
}

/// One node. What has lost its data is the reconciler's to show, and holds nobody else up.
async fn restart(
    ctx: &Context<ChainRestart>,
    link: &ChainLink,
    begun: &Begun,
    node: &PlannedNode,
) -> Result<(), StepError> {
    let present = look(ctx, link).await?;
    let status = status_of(link, node, &present).filter(|one| one.data_volume != DataVolume::Missing);
    let Some(status) = status else {
        ctx.note(format!("{} has lost its data: it is left", node.name)).await;
        return Ok(());
    };
    if !begun.is_renewed(status) {
        check_left(ctx, link, node).await?;
        stop(link, &status.node).await?;
        bring_up(ctx, link, node, &list(link).await?).await?;
    }
    await_back(ctx, link, node).await
}

/// What serves chaincode, one container after another; what has none is made again where that is possible.
async fn restart_chaincode(ctx: Context<ChainRestart>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let begun: Begun = ctx.output()?;
    for status in list(&link).await?.iter().filter(|status| status.kind == NodeKind::Chaincode.as_str()) {
        // One that never ran may lack its files: it is made again below.
        if begun.is_renewed(status) || needs_making(Some(status)) {
            continue;
        }
        stop(&link, &status.node).await?;
        if let Err(error) = link.agent.start(&status.node).await.map_err(agent_error) {
            // It is tried once more below, which tells why it cannot be brought back.
            given_up(error)?;
        }
    }
    start_servers(&ctx, &link, &list(&link).await?).await
}

/// Whatever was down when the restart was called off runs on.
async fn start_again(ctx: Context<ChainRestart>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    start_everything(&ctx, &link).await
}

//! The nodes of a chain that starts: each is started, or made anew around its data where it has no container that ever
//! ran. One that has lost its data is nobody's to cure here: the chain starts without it where it can, and shows it.

use agents::{AgentError, DataVolume, NodeSpec, NodeState, NodeStatus, SpaceSpec};
use domain::chain::Consensus;
use domain::node::NodeKind;
use domain::{Code, Error};
use workflow::{Context, Operation, StepError};

use crate::network::ChainLink;
use crate::operations::chain_create::spec_anew;
use crate::operations::{agent_error, selector, step_error};
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedNode};

/// What there is of a chain on its host, in networks that are there: whoever clears up on the host of a stopped chain
/// takes them away like its containers.
pub(crate) async fn look<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<Vec<NodeStatus>, StepError> {
    let space = SpaceSpec {
        installation: link.installation.clone(),
        chain: link.plan.chain.to_string(),
        operation: ctx.operation_id().to_owned(),
    };
    link.agent.ensure_space(&space).await.map_err(agent_error)?;
    list(link).await
}

/// What there is of a chain on its host.
pub(crate) async fn list(link: &ChainLink) -> Result<Vec<NodeStatus>, StepError> {
    link.agent.list_nodes(&selector(link)).await.map_err(agent_error)
}

/// What there is of a node among what there is of its chain.
pub(crate) fn status_of<'a>(
    link: &ChainLink,
    node: &PlannedNode,
    present: &'a [NodeStatus],
) -> Option<&'a NodeStatus> {
    let place = link.node_ref(node);
    present.iter().find(|status| status.node == place)
}

/// The nodes of a plan that can run, and those that have lost their data.
pub(super) fn sorted(link: &ChainLink, present: &[NodeStatus]) -> (Vec<PlannedNode>, Vec<PlannedNode>) {
    let is_whole = |node: &PlannedNode| {
        status_of(link, node, present).is_some_and(|status| status.data_volume != DataVolume::Missing)
    };
    link.plan.nodes.iter().cloned().partition(is_whole)
}

/// Refuses to go on where the orderers that are left cannot agree on anything.
pub(super) fn check_quorum(plan: &ChainPlan, lost: &[PlannedNode]) -> Result<(), StepError> {
    let all = plan.of_kind(NodeKind::Orderer).count();
    let gone: Vec<&PlannedNode> = lost.iter().filter(|node| node.kind == NodeKind::Orderer).collect();
    match gone.first() {
        Some(first) if all.saturating_sub(gone.len()) < quorum(plan.consensus, all) => {
            Err(step_error(Error::conflict(Code::NodeDataLost).with("node", &first.name)))
        }
        _ => Ok(()),
    }
}

/// Fewest orderers that agree: of Raft more than half, of BFT so many that any two such groups share an honest one
/// (SmartBFT: ⌈(n + f + 1) / 2⌉ of n, of which f = ⌊(n − 1) / 3⌋ may lie).
pub(crate) fn quorum(consensus: Consensus, orderers: usize) -> usize {
    match consensus {
        Consensus::Raft => orderers / 2 + 1,
        Consensus::Bft => (orderers + orderers.saturating_sub(1) / 3 + 1).div_ceil(2),
    }
}

/// Whether a container has to be made: one that is gone, and one that was never started, which may lack its files or a
/// network.
pub(crate) fn needs_making(status: Option<&NodeStatus>) -> bool {
    status.is_none_or(|status| matches!(status.state, NodeState::Missing | NodeState::Created))
}

/// Starts a node, or makes its container anew around its data, on the image that it had.
pub(crate) async fn bring_up<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
    present: &[NodeStatus],
) -> Result<(), StepError> {
    let place = link.node_ref(node);
    if !needs_making(status_of(link, node, present)) {
        match link.agent.start(&place).await {
            // It went after the host was asked.
            Err(AgentError::NotFound(_)) => {}
            other => return other.map_err(agent_error),
        }
    }
    let spec = spec_around_data(ctx.env(), link, node, present).await?;
    ctx.note(format!("{} has no container that ran: it is made anew", node.name)).await;
    link.agent.ensure_node(&spec).await.map(drop).map_err(agent_error)
}

/// What a node shall be that is made anew around its data. One of which nothing is left cannot be.
pub(in crate::operations) async fn spec_around_data(
    services: &Services,
    link: &ChainLink,
    node: &PlannedNode,
    present: &[NodeStatus],
) -> Result<NodeSpec, StepError> {
    let status = status_of(link, node, present);
    let status = status.ok_or_else(|| agent_error(AgentError::NotFound(node.name.to_string())))?;
    let spec = spec_anew(services, link, node, &status.operation, present).await.map_err(step_error)?;
    spec.ok_or_else(|| step_error(Error::unavailable(Code::ImageMissing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_orderers_agree() {
        for (consensus, orderers, fewest) in [
            (Consensus::Raft, 1, 1),
            (Consensus::Raft, 3, 2),
            (Consensus::Raft, 5, 3),
            (Consensus::Bft, 4, 3),
            (Consensus::Bft, 7, 5),
        ] {
            assert_eq!(quorum(consensus, orderers), fewest, "{consensus:?} of {orderers}");
        }
    }
}

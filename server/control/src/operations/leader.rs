//! Waiting until a channel has a leader. The orderer that knows of none is rarely the one to blame: a failure shows what
//! all of them printed last.

use domain::node::NodeKind;
use workflow::{Context, Operation, StepError};

use super::{EVIDENCE_LINES, node_lines, until};
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::PlannedNode;

/// Fewest lines of each orderer, however many there are.
const LINES_MIN: u32 = 10;

/// Waits until every orderer of a chain takes part in a channel and knows a leader.
pub(super) async fn await_leader<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    channel: &str,
) -> Result<(), StepError> {
    await_leader_among(ctx, link, &link.plan.nodes, channel).await
}

/// The same of the orderers among some nodes: one that has lost its data takes part in nothing.
pub(super) async fn await_leader_among<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    nodes: &[PlannedNode],
    channel: &str,
) -> Result<(), StepError> {
    for node in nodes.iter().filter(|node| node.kind == NodeKind::Orderer) {
        let ready = until(ctx, node.name.as_str(), || async {
            Ok(ctx.env().network.orderer_ready(link, node, channel).await?.then_some(()))
        });
        if let Err(error) = ready.await {
            return Err(with_logs_of_orderers(link, error).await);
        }
    }
    Ok(())
}

/// Adds the last lines of every orderer to an error, each behind its name.
async fn with_logs_of_orderers(link: &ChainLink, error: StepError) -> StepError {
    let orderers: Vec<&PlannedNode> = link.plan.of_kind(NodeKind::Orderer).collect();
    let count = u32::try_from(orderers.len()).unwrap_or(u32::MAX).max(1);
    let each = (EVIDENCE_LINES / count).max(LINES_MIN);
    let looks: Vec<_> = orderers.iter().map(|node| node_lines(link, node, each)).collect();
    let mut lines = Vec::new();
    for (node, printed) in orderers.iter().zip(futures::future::join_all(looks).await) {
        lines.extend(printed.into_iter().map(|line| format!("{}: {line}", node.name)));
    }
    if lines.is_empty() { error } else { error.with_evidence(lines) }
}

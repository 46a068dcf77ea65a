//! Waiting until the peers of a channel have all its blocks: until then one of them would answer a query from an older
//! state. A failure names the node that holds the chain up, and shows what it printed last.

use domain::node::NodeKind;
use fabric::error::ErrorKind;
use workflow::{Context, Operation, StepError};

use crate::network::ChainLink;
use crate::operations::{for_each_node, side_by_side, until, until_at, with_logs};
use crate::services::Services;
use crate::topology::PlannedNode;

/// Waits until every peer among some nodes has as many blocks of a channel as the one of them that has the most now.
/// Nothing is written while a chain starts.
pub(super) async fn await_level<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    nodes: &[PlannedNode],
    channel: &str,
) -> Result<(), StepError> {
    let looks: Vec<_> = nodes.iter().map(|node| height_of(ctx, link, node, channel)).collect();
    let mut heights = Vec::new();
    for (node, height) in nodes.iter().zip(side_by_side(looks).await) {
        heights.extend(height?.map(|height| (node, height)));
    }
    let top = heights.iter().map(|(_, height)| *height).max().unwrap_or(0);
    heights.retain(|(node, height)| node.kind != NodeKind::Orderer && *height < top);
    if heights.is_empty() {
        return Ok(());
    }
    let behind = heights.into_iter().map(|(node, _)| node.clone()).collect();
    for_each_node(ctx, behind, |peer| async move {
        let what = format!("{} with {top} blocks of {channel}", peer.name);
        let level = until(ctx, &what, || async {
            let height = ctx.env().network.height(link, &peer, channel).await?;
            Ok((height >= top).then_some(()))
        });
        match level.await {
            Ok(()) => Ok(()),
            Err(error) => Err(with_logs(link, &peer, error).await),
        }
    })
    .await
}

/// Blocks that a node has of a channel, as soon as it tells; none of a peer that is not in the channel.
async fn height_of<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
    channel: &str,
) -> Result<Option<u64>, StepError> {
    until_at(ctx, link, node, || async {
        match ctx.env().network.height(link, node, channel).await {
            Ok(height) => Ok(Some(Some(height))),
            Err(error) if error.kind() == ErrorKind::ChannelUnknown => Ok(Some(None)),
            Err(error) => Err(error),
        }
    })
    .await
}

//! One node of a running chain that goes down on purpose and comes back while the others go on: when it may go, and when
//! it is back so far that the next one may. Nothing is taken down or started here.

use std::time::Duration;

use domain::chain::ChainVerb;
use domain::name::ChainName;
use domain::node::NodeKind;
use domain::{Code, Error};
use fabric::error::ErrorKind;
use workflow::{Context, Operation, StepError};

use super::chain_start::quorum;
use super::leader::await_leader_among;
use super::{side_by_side, step_error, store_error, until, until_at, with_logs};
use crate::network::{ChainLink, height_in_time};
use crate::services::Services;
use crate::topology::PlannedNode;

/// Looks at the orderers before one is not let go: while they choose a leader anew, none of them knows one, and a single
/// look may fail by chance.
const LOOKS: u32 = 20;
/// Pause between two such looks.
const LOOK_PAUSE_MS: u64 = 500;
/// An orderer that does not tell within this time how it does is not well.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Refuses a chain that does not run any more: it may have been stopped between the request and its operation, and what
/// makes a node anew would start it.
pub(super) async fn check_runs<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    chain: &ChainName,
    verb: ChainVerb,
) -> Result<(), StepError> {
    let record = ctx.env().store.chain_read(chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    verb.check(record.state).map_err(step_error)
}

/// Refuses to let an orderer go where those that are left could not agree on anything. A sole orderer may go: whoever
/// asked was told that the chain waits for it. One that is not well, however often it is looked at, is no loss: where
/// nobody leads there is nothing to lose, and a restart may be the cure.
pub(super) async fn check_left<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
) -> Result<(), StepError> {
    let all = link.plan.of_kind(NodeKind::Orderer).count();
    if node.kind != NodeKind::Orderer || all < 2 {
        return Ok(());
    }
    let channels = channels(ctx, link).await?;
    let others: Vec<_> =
        link.plan.of_kind(NodeKind::Orderer).filter(|other| other.name != node.name).collect();
    let needed = quorum(link.plan.consensus, all);
    let (mut looked, mut was_well) = (0, false);
    loop {
        let looks: Vec<_> = others.iter().map(|other| is_well(ctx.env(), link, other, &channels)).collect();
        let looks = side_by_side(looks).await;
        let down = others.iter().zip(&looks).find(|(_, well)| !**well).map(|(other, _)| &other.name);
        let Some(down) = down.filter(|_| looks.iter().filter(|well| **well).count() < needed) else {
            return Ok(());
        };
        was_well = was_well || is_well(ctx.env(), link, node, &channels).await;
        looked += 1;
        if looked < LOOKS {
            ctx.sleep(LOOK_PAUSE_MS).await;
        } else if was_well {
            let refusal = Error::conflict(Code::OrderersTooFew).with("node", &node.name);
            return Err(step_error(refusal.with("down", down)));
        } else {
            return Ok(());
        }
    }
}

/// Whether an orderer says in time that it is well and knows a leader in every channel.
async fn is_well(services: &Services, link: &ChainLink, node: &PlannedNode, channels: &[String]) -> bool {
    let look = tokio::time::timeout(LOOK_MAX, says_well(services, link, node, channels));
    look.await.unwrap_or(false)
}

async fn says_well(services: &Services, link: &ChainLink, node: &PlannedNode, channels: &[String]) -> bool {
    let network = services.network.as_ref();
    if network.healthy(link, node).await.is_err() {
        return false;
    }
    for channel in channels {
        if !matches!(network.orderer_ready(link, node, channel).await, Ok(true)) {
            return false;
        }
    }
    true
}

/// Whether an orderer says in time that it leads a channel. Whoever leads had better go last: each time that a leader goes,
/// calls wait until there is another one, and who is chosen anew may be the next to go.
pub(super) async fn leads(
    services: &Services,
    link: &ChainLink,
    node: &PlannedNode,
    channels: &[String],
) -> bool {
    let look = async {
        for channel in channels {
            if matches!(services.network.orderer_leads(link, node, channel).await, Ok(true)) {
                return true;
            }
        }
        false
    };
    node.kind == NodeKind::Orderer && tokio::time::timeout(LOOK_MAX, look).await.unwrap_or(false)
}

/// The channels of a chain.
pub(super) async fn channels<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<Vec<String>, StepError> {
    let channels = ctx.env().store.channel_list(&link.plan.chain).await.map_err(store_error)?;
    Ok(channels.into_iter().map(|channel| channel.name.to_string()).collect())
}

/// Waits until a node is well again, an orderer knows a leader, and it has all blocks of its channels that any other node
/// has by now. What others write meanwhile it is not waited for.
pub(super) async fn await_back<P: Operation<Env = Services>>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
) -> Result<(), StepError> {
    let network = ctx.env().network.as_ref();
    until_at(ctx, link, node, || async { network.healthy(link, node).await.map(Some) }).await?;
    for channel in channels(ctx, link).await? {
        let channel = channel.as_str();
        await_leader_among(ctx, link, std::slice::from_ref(node), channel).await?;
        // Nobody is waited for who does not answer: that is no matter of this node.
        let others = link.plan.nodes.iter().filter(|other| other.name != node.name);
        let looks: Vec<_> = others.map(|other| height_in_time(network, link, other, channel)).collect();
        let top = side_by_side(looks).await.into_iter().filter_map(Result::ok).max().unwrap_or(0);
        let what = format!("{} with {top} blocks of {channel}", node.name);
        let level = until(ctx, &what, || async {
            match network.height(link, node, channel).await {
                Ok(height) => Ok((height >= top).then_some(())),
                // A peer need not be in every channel.
                Err(error) if error.kind() == ErrorKind::ChannelUnknown => Ok(Some(())),
                Err(error) => Err(error),
            }
        });
        if let Err(error) = level.await {
            return Err(with_logs(link, node, error).await);
        }
    }
    Ok(())
}

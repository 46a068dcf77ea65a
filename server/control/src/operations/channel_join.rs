//! `channel-join`: further peers of a channel's organizations join it. They fetch the blocks from the orderers.

use domain::name::{ChainName, ChannelName, NodeName};
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError};

use super::chain_create::GENESIS;
use super::channel_create::{genesis_document, join_all};
use super::{left_behind, link, step_error, store_error};
use crate::error::internal;
use crate::services::Services;
use crate::topology::PlannedNode;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelJoin {
    pub chain: ChainName,
    pub channel: ChannelName,
    pub peers: Vec<NodeName>,
}

impl Operation for ChannelJoin {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("channel-join", 1).step("join-peers", join_peers, list_joined).timeout_ms(300_000)
    }
}

async fn join_peers(ctx: Context<ChannelJoin>) -> Result<(), StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let link = link(services, &params.chain).await.map_err(step_error)?;
    let record = services.store.chain_read(&params.chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    // The chain's first channel keeps its block under a name of its own.
    let own = genesis_document(params.channel.as_str());
    let name = if record.spec.channel == params.channel { GENESIS } else { own.as_str() };
    let block = services.store.document_read(&params.chain, name).await.map_err(store_error)?;
    let block = block.ok_or_else(|| step_error(internal("join a channel", "the first block is gone")))?;
    let peers: Vec<PlannedNode> =
        params.peers.iter().filter_map(|name| link.plan.node(name)).cloned().collect();
    join_all(&ctx, &link, params.channel.as_str(), peers, &block).await?;
    services.changed("chain", &params.chain);
    Ok(())
}

/// A peer cannot leave a channel while it runs: an undo says what stays.
async fn list_joined(ctx: Context<ChannelJoin>) -> Result<(), StepError> {
    for peer in &ctx.params().peers {
        let channel = &ctx.params().channel;
        let kept = Error::conflict(Code::ChannelKept).with("channel", channel).with("node", peer);
        let text = format!("left behind: channel {channel} on {peer}, if it had joined already");
        left_behind(&ctx, kept, text).await;
    }
    Ok(())
}

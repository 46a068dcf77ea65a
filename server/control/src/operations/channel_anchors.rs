//! `channel-anchors`: an organization's anchor peers become others, by a config update that its admin signs. An undo
//! puts back those that were set before.

use domain::name::{ChainName, ChannelName, NodeName, OrganizationName};
use domain::{Code, Error};
use fabric::error::ErrorKind;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chain_create::node_error;
use super::{link, step_error, until_at, with_logs};
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::PlannedNode;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelAnchors {
    pub chain: ChainName,
    pub channel: ChannelName,
    pub organization: OrganizationName,
    /// Peers of that organization; the first one has to serve the channel.
    pub peers: Vec<NodeName>,
}

impl Operation for ChannelAnchors {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("channel-anchors", 1)
            .step("read-anchors", read_anchors, keep)
            .step("set-anchors", set_anchors, restore_anchors)
            .timeout_ms(180_000)
    }
}

/// What was set before.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AnchorsRead {
    before: Vec<(String, u16)>,
}

impl StepOutput for AnchorsRead {
    const STEP: &'static str = "read-anchors";
}

async fn read_anchors(ctx: Context<ChannelAnchors>) -> Result<AnchorsRead, StepError> {
    let (link, peer) = speaker(&ctx).await?;
    let channel = ctx.params().channel.as_str();
    let texts = match ctx.env().network.anchor_peers(&link, &peer, channel).await {
        Ok(texts) => texts,
        Err(error) => return Err(with_logs(&link, &peer, node_error(&peer, &error)).await),
    };
    let pair = |text: &String| {
        let (host, port) = text.rsplit_once(':')?;
        Some((host.to_owned(), port.parse().ok()?))
    };
    Ok(AnchorsRead { before: texts.iter().filter_map(pair).collect() })
}

/// The peer through which the organization speaks.
async fn speaker(ctx: &Context<ChannelAnchors>) -> Result<(ChainLink, PlannedNode), StepError> {
    let link = link(ctx.env(), &ctx.params().chain).await.map_err(step_error)?;
    let mut peers = ctx.params().peers.iter().filter_map(|name| link.plan.node(name));
    let peer = peers.next().cloned();
    let missing = || Error::invalid(Code::PeersMissing).with("name", &ctx.params().organization);
    Ok((link.clone(), peer.ok_or_else(|| step_error(missing()))?))
}

async fn set_anchors(ctx: Context<ChannelAnchors>) -> Result<(), StepError> {
    let (link, _) = speaker(&ctx).await?;
    let nodes = ctx.params().peers.iter().filter_map(|name| link.plan.node(name));
    let wanted: Vec<(String, u16)> =
        nodes.map(|node| (node.inner_name().to_owned(), node.inner_port())).collect();
    ensure(&ctx, &wanted).await
}

async fn restore_anchors(ctx: Context<ChannelAnchors>) -> Result<(), StepError> {
    let Some(read) = ctx.try_output::<AnchorsRead>()? else { return Ok(()) };
    ensure(&ctx, &read.before).await
}

/// Submits the update and waits until the peer has the new configuration; somebody else's update in between makes it
/// be worked out anew.
async fn ensure(ctx: &Context<ChannelAnchors>, wanted: &[(String, u16)]) -> Result<(), StepError> {
    let (link, peer) = speaker(ctx).await?;
    let channel = ctx.params().channel.as_str();
    let network = &ctx.env().network;
    let mut texts: Vec<String> = wanted.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    texts.sort();
    until_at(ctx, &link, &peer, || async {
        let mut now = network.anchor_peers(&link, &peer, channel).await?;
        now.sort();
        if now == texts {
            return Ok(Some(()));
        }
        match network.set_anchor_peers(&link, &peer, channel, wanted).await {
            // An update is with the orderers already, ours or somebody else's, and the peer has not seen it yet.
            Err(error) if matches!(error.kind(), ErrorKind::ConfigConflict | ErrorKind::ConfigUnchanged) => {
                Ok(None)
            }
            other => other.map(|()| None),
        }
    })
    .await?;
    ctx.env().changed("chain", &ctx.params().chain);
    Ok(())
}

//! Channels of a chain.

use domain::channel::{ChannelConfigView, ChannelSpec, ChannelView};
use domain::id::OperationId;
use domain::name::{ChainName, ChannelName, NodeName, OrganizationName};
use leptos::prelude::*;

use super::ApiError;

/// Every channel of a chain.
#[server(endpoint = "channel_list", input = leptos::server_fn::codec::Json)]
pub async fn channel_list(chain: ChainName) -> Result<Vec<ChannelView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.channel_list(&caller, &chain).await, &caller).await
}

/// A channel's configuration in force.
#[server(endpoint = "channel_config", input = leptos::server_fn::codec::Json)]
pub async fn channel_config(chain: ChainName, channel: ChannelName) -> Result<ChannelConfigView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.channel_config(&caller, &chain, &channel).await, &caller).await
}

/// Creates a channel; the same key creates it once.
#[server(endpoint = "channel_create", input = leptos::server_fn::codec::Json)]
pub async fn channel_create(spec: ChannelSpec, key: String) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.channel_create(&caller, spec, key).await, &caller).await
}

/// Lets peers join a channel.
#[server(endpoint = "channel_join", input = leptos::server_fn::codec::Json)]
pub async fn channel_join(
    chain: ChainName,
    channel: ChannelName,
    peers: Vec<NodeName>,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.channel_join(&caller, &chain, &channel, peers).await, &caller).await
}

/// Sets an organization's anchor peers.
#[server(endpoint = "channel_anchors", input = leptos::server_fn::codec::Json)]
pub async fn channel_anchors(
    chain: ChainName,
    channel: ChannelName,
    organization: OrganizationName,
    peers: Vec<NodeName>,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let started = plane.channel_anchors(&caller, &chain, &channel, organization, peers).await;
    super::request::answer(started, &caller).await
}

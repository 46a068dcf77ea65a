//! Channels of a chain.

use domain::channel::ChannelView;
use domain::name::ChainName;
use leptos::prelude::*;

use super::ApiError;

/// Every channel of a chain.
#[server(endpoint = "channel_list", input = leptos::server_fn::codec::Json)]
pub async fn channel_list(chain: ChainName) -> Result<Vec<ChannelView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.channel_list(&caller, &chain).await, &caller)
}

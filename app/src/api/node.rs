//! Nodes of a chain.

use domain::name::{ChainName, NodeName};
use leptos::prelude::*;

use super::ApiError;

/// The last lines that a node logged.
#[server(endpoint = "node_logs", input = leptos::server_fn::codec::Json)]
pub async fn node_logs(chain: ChainName, node: NodeName, tail: u32) -> Result<Vec<String>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.node_logs(&caller, &chain, &node, tail).await, &caller).await
}

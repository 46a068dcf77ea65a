//! Nodes of a chain.

use domain::chain::NodeResources;
use domain::id::OperationId;
use domain::name::{ChainName, NodeName};
use leptos::prelude::*;

use super::ApiError;

/// The last lines that a node logged.
#[server(endpoint = "node_logs", input = leptos::server_fn::codec::Json)]
pub async fn node_logs(chain: ChainName, node: NodeName, tail: u32) -> Result<Vec<String>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.node_logs(&caller, &chain, &node, tail).await, &caller).await
}

/// Gives a node other limits of CPU and memory; it is made anew around its data.
#[server(endpoint = "node_resize", input = leptos::server_fn::codec::Json)]
pub async fn node_resize(
    chain: ChainName,
    node: NodeName,
    resources: NodeResources,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.node_resize(&caller, &chain, &node, resources).await, &caller).await
}

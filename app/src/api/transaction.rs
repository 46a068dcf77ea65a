//! Calls of a chaincode, and what stands on the ledger.

use domain::name::{ChainName, ChannelName};
use domain::transaction::{BlockView, CallSpec, QueryView, SubmitView, TransactionView};
use leptos::prelude::*;

use super::ApiError;

/// Asks a peer; nothing is written.
#[server(endpoint = "transaction_query", input = leptos::server_fn::codec::Json)]
pub async fn transaction_query(call: CallSpec) -> Result<QueryView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.transaction_query(&caller, call).await, &caller).await
}

/// Endorses, orders and waits for the commit; the same key submits once.
#[server(endpoint = "transaction_submit", input = leptos::server_fn::codec::Json)]
pub async fn transaction_submit(call: CallSpec) -> Result<SubmitView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.transaction_submit(&caller, call).await, &caller).await
}

/// What the caller submitted on a chain, newest first; `before` is the time to go on from, in milliseconds.
#[server(endpoint = "transaction_history", input = leptos::server_fn::codec::Json)]
pub async fn transaction_history(chain: ChainName, before: Option<i64>) -> Result<Vec<SubmitView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.transaction_history(&caller, &chain, before).await, &caller).await
}

/// A transaction, read from a peer.
#[server(endpoint = "transaction_read", input = leptos::server_fn::codec::Json)]
pub async fn transaction_read(
    chain: ChainName,
    channel: ChannelName,
    id: String,
) -> Result<TransactionView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.transaction_read(&caller, &chain, &channel, &id).await, &caller).await
}

/// A block, read from a peer.
#[server(endpoint = "block_read", input = leptos::server_fn::codec::Json)]
pub async fn block_read(chain: ChainName, channel: ChannelName, number: u64) -> Result<BlockView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.block_read(&caller, &chain, &channel, number).await, &caller).await
}

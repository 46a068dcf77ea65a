//! The pool: applying for a chain, whose a chain is, and giving it back.

use domain::id::OperationId;
use domain::name::{ChainName, UserName};
use domain::pool::{Applied, ApplySpec, HolderView, PoolView, QuotaView};
use leptos::prelude::*;

use super::ApiError;

/// What is free, what the caller has and may have, and where they stand in the queue.
#[server(endpoint = "pool_read", input = leptos::server_fn::codec::Json)]
pub async fn pool_read() -> Result<PoolView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.pool_read(&caller).await, &caller).await
}

/// How much the caller may have, and how much of it they use.
#[server(endpoint = "quota_read", input = leptos::server_fn::codec::Json)]
pub async fn quota_read() -> Result<QuotaView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.quota_read(&caller).await, &caller).await
}

/// Gives the caller a chain, or a place in the queue; the same key leads to the same chain.
#[server(endpoint = "chain_apply", input = leptos::server_fn::codec::Json)]
pub async fn chain_apply(spec: ApplySpec) -> Result<Applied, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_apply(&caller, spec).await, &caller).await
}

/// Takes a wish of the caller out of the queue.
#[server(endpoint = "apply_cancel", input = leptos::server_fn::codec::Json)]
pub async fn apply_cancel(wish: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.apply_cancel(&caller, &wish).await, &caller).await
}

/// Whose a chain is, for how long, and what may be done about it.
#[server(endpoint = "chain_holder", input = leptos::server_fn::codec::Json)]
pub async fn chain_holder(name: ChainName) -> Result<HolderView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_holder(&caller, &name).await, &caller).await
}

/// Gives a chain back whose name was typed again: it is made anew, or deleted where it is not of the pool.
#[server(endpoint = "chain_release", input = leptos::server_fn::codec::Json)]
pub async fn chain_release(
    name: ChainName,
    typed: String,
    #[server(default)] delete: bool,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_release(&caller, &name, &typed, delete).await, &caller).await
}

/// Gives a chain back as it is.
#[server(endpoint = "chain_free", input = leptos::server_fn::codec::Json)]
pub async fn chain_free(name: ChainName) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_free(&caller, &name).await, &caller).await
}

/// Lets a chain be its owner's for some more hours.
#[server(endpoint = "chain_extend", input = leptos::server_fn::codec::Json)]
pub async fn chain_extend(name: ChainName, hours: u32) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_extend(&caller, &name, hours).await, &caller).await
}

/// Gives a chain to somebody; with the operation that takes it from whoever has it.
#[server(endpoint = "chain_owner_set", input = leptos::server_fn::codec::Json)]
pub async fn chain_owner_set(name: ChainName, user: UserName) -> Result<Option<OperationId>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_owner_set(&caller, &name, &user).await, &caller).await
}

/// Hides the notice of what was on the ledger before.
#[server(endpoint = "chain_inherited_dismiss", input = leptos::server_fn::codec::Json)]
pub async fn chain_inherited_dismiss(name: ChainName) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_inherited_dismiss(&caller, &name).await, &caller).await
}

//! Chains: list, plan, create, and what is done to them as a whole.

use domain::chain::{ChainPlanView, ChainSpec, ChainSummary, ChainView};
use domain::history::HealthChange;
use domain::id::OperationId;
use domain::list::{ListPage, ListQuery};
use domain::name::ChainName;
use leptos::prelude::*;

use super::ApiError;

/// The oldest chains in reach, as many as a page holds.
#[server(endpoint = "chain_list", input = leptos::server_fn::codec::Json)]
pub async fn chain_list() -> Result<Vec<ChainSummary>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_list(&caller).await, &caller).await
}

/// A page of the chains in reach.
#[server(endpoint = "chain_page", input = leptos::server_fn::codec::Json)]
pub async fn chain_page(query: ListQuery) -> Result<ListPage<ChainSummary>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_page(&caller, query).await, &caller).await
}

/// One chain with its nodes.
#[server(endpoint = "chain_read", input = leptos::server_fn::codec::Json)]
pub async fn chain_read(name: ChainName) -> Result<ChainView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_read(&caller, &name).await, &caller).await
}

/// How a chain did: all that is kept, or only the newest.
#[server(endpoint = "chain_history", input = leptos::server_fn::codec::Json)]
pub async fn chain_history(name: ChainName, whole: bool) -> Result<Vec<HealthChange>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_history(&caller, &name, whole).await, &caller).await
}

/// What the wizard begins with.
#[server(endpoint = "chain_offer", input = leptos::server_fn::codec::Json)]
pub async fn chain_offer() -> Result<domain::chain::ChainOffer, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_offer(&caller).await, &caller).await
}

/// The review before creation: nodes, ports, images, and the pre-flight.
#[server(endpoint = "chain_plan", input = leptos::server_fn::codec::Json)]
pub async fn chain_plan(spec: ChainSpec) -> Result<ChainPlanView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_plan(&caller, spec).await, &caller).await
}

/// Starts the creation; the same key starts it once.
#[server(endpoint = "chain_create", input = leptos::server_fn::codec::Json)]
pub async fn chain_create(spec: ChainSpec, key: String) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_create(&caller, spec, key).await, &caller).await
}

/// Raises a demo chain with the sample deployed, host included.
#[server(endpoint = "chain_demo", input = leptos::server_fn::codec::Json)]
pub async fn chain_demo(key: String) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_demo(&caller, key).await, &caller).await
}

/// Starts a stopped chain.
#[server(endpoint = "chain_start", input = leptos::server_fn::codec::Json)]
pub async fn chain_start(name: ChainName) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_start(&caller, &name).await, &caller).await
}

/// Stops a running chain; ledgers stay.
#[server(endpoint = "chain_stop", input = leptos::server_fn::codec::Json)]
pub async fn chain_stop(name: ChainName) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_stop(&caller, &name).await, &caller).await
}

/// Stops and starts a chain.
#[server(endpoint = "chain_restart", input = leptos::server_fn::codec::Json)]
pub async fn chain_restart(name: ChainName) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_restart(&caller, &name).await, &caller).await
}

/// Deletes a chain whose name was typed again; its folders of data may be kept where there are some.
#[server(endpoint = "chain_delete", input = leptos::server_fn::codec::Json)]
pub async fn chain_delete(
    name: ChainName,
    typed: String,
    #[server(default)] keep_data: bool,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_delete(&caller, &name, &typed, keep_data).await, &caller).await
}

/// The same of a chain that somebody owns.
#[server(endpoint = "chain_delete_claimed", input = leptos::server_fn::codec::Json)]
pub async fn chain_delete_claimed(
    name: ChainName,
    typed: String,
    #[server(default)] keep_data: bool,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_delete_claimed(&caller, &name, &typed, keep_data).await, &caller).await
}

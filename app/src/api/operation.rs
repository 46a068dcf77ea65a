//! Operations: durable work and what a person may do with it.

use domain::id::OperationId;
use domain::list::{ListPage, ListQuery};
use domain::operation::{OperationSummary, OperationView};
use leptos::prelude::*;

use super::ApiError;

/// A page of the operations in reach.
#[server(endpoint = "operation_page", input = leptos::server_fn::codec::Json)]
pub async fn operation_page(query: ListQuery) -> Result<ListPage<OperationSummary>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.operation_page(&caller, &query).await, &caller).await
}

/// The newest operations in reach.
#[server(endpoint = "operation_list", input = leptos::server_fn::codec::Json)]
pub async fn operation_list() -> Result<Vec<OperationSummary>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.operation_list(&caller).await, &caller).await
}

/// One operation with its steps and record.
#[server(endpoint = "operation_read", input = leptos::server_fn::codec::Json)]
pub async fn operation_read(id: OperationId) -> Result<OperationView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.operation_read(&caller, &id).await, &caller).await
}

/// Lets the current step end, then takes back what was done.
#[server(endpoint = "operation_cancel", input = leptos::server_fn::codec::Json)]
pub async fn operation_cancel(id: OperationId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.operation_cancel(&caller, &id).await, &caller).await
}

/// Goes on from the step that failed.
#[server(endpoint = "operation_resume", input = leptos::server_fn::codec::Json)]
pub async fn operation_resume(id: OperationId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.operation_resume(&caller, &id).await, &caller).await
}

/// Takes back what was done.
#[server(endpoint = "operation_undo", input = leptos::server_fn::codec::Json)]
pub async fn operation_undo(id: OperationId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.operation_undo(&caller, &id).await, &caller).await
}

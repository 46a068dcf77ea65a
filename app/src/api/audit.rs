//! Who did what.

use domain::audit::{self, AuditView};
use domain::list::ListQuery;
use leptos::prelude::*;

use super::ApiError;

/// The newest of the record without a search; `before` is the sequence to go on from.
#[server(endpoint = "audit_list", input = leptos::server_fn::codec::Json)]
pub async fn audit_list(before: Option<i64>) -> Result<Vec<AuditView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.audit_list(&caller, before).await, &caller).await
}

/// A page of what is looked for in the record, newest first.
#[server(endpoint = "audit_page", input = leptos::server_fn::codec::Json)]
pub async fn audit_page(query: ListQuery) -> Result<audit::AuditPage, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.audit_page(&caller, &query).await, &caller).await
}

/// For how many days records stay at hand; none: for ever.
#[server(endpoint = "audit_keep", input = leptos::server_fn::codec::Json)]
pub async fn audit_keep() -> Result<Option<u32>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.audit_keep(&caller).await, &caller).await
}

//! Who did what.

use domain::audit::AuditView;
use leptos::prelude::*;

use super::ApiError;

/// A page of the record, newest first; `before` is the sequence to go on from.
#[server(endpoint = "audit_list", input = leptos::server_fn::codec::Json)]
pub async fn audit_list(before: Option<i64>) -> Result<Vec<AuditView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.audit_list(&caller, before).await, &caller).await
}

//! Notices.

use domain::notice::NoticeView;
use leptos::prelude::*;

use super::ApiError;

/// What the caller was told, newest first.
#[server(endpoint = "notice_list", input = leptos::server_fn::codec::Json)]
pub async fn notice_list() -> Result<Vec<NoticeView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.notice_list(&caller).await, &caller).await
}

/// The caller has read everything up to a moment, unix milliseconds.
#[server(endpoint = "notice_read_all", input = leptos::server_fn::codec::Json)]
pub async fn notice_read_all(until_ms: i64) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.notice_read_all(&caller, until_ms).await, &caller).await
}

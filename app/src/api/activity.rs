//! What goes on around the caller.

use domain::activity::ActivityView;
use leptos::prelude::*;

use super::ApiError;

/// Two numbers for the frame of every page.
#[server(endpoint = "activity_read", input = leptos::server_fn::codec::Json)]
pub async fn activity_read() -> Result<ActivityView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.activity_read(&caller).await, &caller).await
}

//! Whether people without an account can ask for one.

use leptos::prelude::*;

use super::ApiError;

/// Whether they can; everybody may know.
#[server(endpoint = "registration_read", input = leptos::server_fn::codec::Json)]
pub async fn registration_read() -> Result<bool, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.registration_read(&caller).await, &caller).await
}

/// Switches it on or off.
#[server(endpoint = "registration_set", input = leptos::server_fn::codec::Json)]
pub async fn registration_set(open: bool) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.registration_set(&caller, open).await, &caller).await
}

//! The second factor of a sign-in. What is a form works without WebAssembly.

use domain::name::UserName;
use domain::permission::Role;
use domain::second_factor::SecondFactorView;
use leptos::prelude::*;

use super::ApiError;

/// The person's own, and what is being set up.
#[server(endpoint = "second_factor_read", input = leptos::server_fn::codec::Json)]
pub async fn second_factor_read() -> Result<SecondFactorView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.second_factor_read(&caller).await, &caller).await
}

/// Begins to set one up.
#[server(endpoint = "second_factor_begin")]
pub async fn second_factor_begin() -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.second_factor_begin(&caller).await, &caller).await
}

/// Confirms it by its first code.
#[server(endpoint = "second_factor_confirm")]
pub async fn second_factor_confirm(code: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.second_factor_confirm(&caller, &code).await, &caller).await
}

/// Takes it away.
#[server(endpoint = "second_factor_remove")]
pub async fn second_factor_remove() -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.second_factor_remove(&caller).await, &caller).await
}

/// Takes away that of somebody who has lost it.
#[server(endpoint = "user_reset_second_factor", input = leptos::server_fn::codec::Json)]
pub async fn user_reset_second_factor(user: UserName) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_reset_second_factor(&caller, &user).await, &caller).await
}

/// Sets the roles that need one.
#[server(endpoint = "second_factor_roles_save", input = leptos::server_fn::codec::Json)]
pub async fn second_factor_roles_save(roles: Vec<Role>) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.second_factor_roles_save(&caller, roles).await, &caller).await
}

//! People who may sign in.

use domain::user::{NewUser, UserView};
use leptos::prelude::*;

use super::ApiError;

/// Everybody, for admins.
#[server(endpoint = "user_list", input = leptos::server_fn::codec::Json)]
pub async fn user_list() -> Result<Vec<UserView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_list(&caller).await, &caller).await
}

/// Makes a person.
#[server(endpoint = "user_create", input = leptos::server_fn::codec::Json)]
pub async fn user_create(user: NewUser) -> Result<UserView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_create(&caller, user).await, &caller).await
}

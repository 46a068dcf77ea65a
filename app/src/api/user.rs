//! People who may sign in. The two forms of whoever has no account yet are URL-encoded: they work without WebAssembly.

use domain::id::UserId;
use domain::list::{ListPage, ListQuery};
use domain::user::{self, FirstSignIn, Invitation, NewUser, UserDetail, UserView};
#[cfg(feature = "ssr")]
use domain::user::{Email, Registration};
use leptos::prelude::*;

use super::ApiError;

/// A page of people, for admins.
#[server(endpoint = "user_page", input = leptos::server_fn::codec::Json)]
pub async fn user_page(query: ListQuery) -> Result<ListPage<UserView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_page(&caller, &query).await, &caller).await
}

/// One person.
#[server(endpoint = "user_read", input = leptos::server_fn::codec::Json)]
pub async fn user_read(id: UserId) -> Result<UserDetail, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_read(&caller, &id).await, &caller).await
}

/// Makes a person with a password that somebody has chosen.
#[server(endpoint = "user_create", input = leptos::server_fn::codec::Json)]
pub async fn user_create(user: NewUser) -> Result<UserView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_create(&caller, user).await, &caller).await
}

/// Makes a person and the link by which they choose a password.
#[server(endpoint = "user_invite", input = leptos::server_fn::codec::Json)]
pub async fn user_invite(invitation: Invitation) -> Result<FirstSignIn, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_invite(&caller, invitation).await, &caller).await
}

/// Makes a person and a password that they have to replace.
#[server(endpoint = "user_generate", input = leptos::server_fn::codec::Json)]
pub async fn user_generate(invitation: Invitation) -> Result<FirstSignIn, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_generate(&caller, invitation).await, &caller).await
}

/// Changes role, e-mail address and quota.
#[server(endpoint = "user_edit", input = leptos::server_fn::codec::Json)]
pub async fn user_edit(id: UserId, edit: user::UserEdit) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_edit(&caller, &id, edit).await, &caller).await
}

/// Lets somebody sign in.
#[server(endpoint = "user_enable", input = leptos::server_fn::codec::Json)]
pub async fn user_enable(id: UserId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_enable(&caller, &id).await, &caller).await
}

/// Keeps somebody out.
#[server(endpoint = "user_disable", input = leptos::server_fn::codec::Json)]
pub async fn user_disable(id: UserId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_disable(&caller, &id).await, &caller).await
}

/// Ends the wait of an account after wrong passwords.
#[server(endpoint = "user_unlock", input = leptos::server_fn::codec::Json)]
pub async fn user_unlock(id: UserId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_unlock(&caller, &id).await, &caller).await
}

/// Takes somebody's password away and gives the link by which they choose another one.
#[server(endpoint = "user_reset_password", input = leptos::server_fn::codec::Json)]
pub async fn user_reset_password(id: UserId) -> Result<FirstSignIn, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_reset_password(&caller, &id).await, &caller).await
}

/// Removes somebody.
#[server(endpoint = "user_delete", input = leptos::server_fn::codec::Json)]
pub async fn user_delete(id: UserId) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_delete(&caller, &id).await, &caller).await
}

/// Sets the password of whoever follows a one-time link, and leads to the sign-in.
#[server(endpoint = "user_welcome")]
pub async fn set_first_password(token: String, password: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.user_welcome(&caller, &token, password).await, &caller).await?;
    leptos_axum::redirect("/login");
    Ok(())
}

/// Asks for an account.
#[server(endpoint = "user_register")]
pub async fn ask_for_account(name: String, email: String, password: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let new = super::request::answer(registration(&name, &email, password), &caller).await?;
    super::request::answer(plane.user_register(&caller, new).await, &caller).await?;
    leptos_axum::redirect("/register?sent=true");
    Ok(())
}

#[cfg(feature = "ssr")]
fn registration(name: &str, email: &str, password: String) -> Result<Registration, domain::Error> {
    Ok(Registration { name: crate::session::user_name(name)?, email: Email::parse(email)?, password })
}

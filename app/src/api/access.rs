//! Access to a chain.

use domain::name::{ChainName, UserName};
use domain::permission::{AccessView, Grant};
use leptos::prelude::*;

use super::ApiError;

/// Everybody who was given access.
#[server(endpoint = "chain_access", input = leptos::server_fn::codec::Json)]
pub async fn chain_access(chain: ChainName) -> Result<Vec<AccessView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_access(&caller, &chain).await, &caller).await
}

/// Gives somebody a level.
#[server(endpoint = "chain_grant", input = leptos::server_fn::codec::Json)]
pub async fn chain_grant(chain: ChainName, user: UserName, level: Grant) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_grant(&caller, &chain, &user, level).await, &caller).await
}

/// Takes somebody's access away.
#[server(endpoint = "chain_revoke", input = leptos::server_fn::codec::Json)]
pub async fn chain_revoke(chain: ChainName, user: UserName) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chain_revoke(&caller, &chain, &user).await, &caller).await
}

//! One's own account: the profile, the look of the pages, and the password. What is a form works without WebAssembly.

use domain::profile::Profile;
use leptos::prelude::*;

use super::ApiError;

/// What the person says of themselves.
#[server(endpoint = "profile_read", input = leptos::server_fn::codec::Json)]
pub async fn profile_read() -> Result<Profile, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.profile_read(&caller).await, &caller).await
}

/// Saves it.
#[server(endpoint = "profile_save")]
pub async fn profile_save(
    display_name: String,
    organization: String,
    location: String,
    bio: String,
    time_zone: String,
    shortcuts: bool,
) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let profile = Profile { display_name, organization, location, bio, time_zone, shortcuts };
    let saved = super::request::answer(plane.profile_save(&caller, profile).await, &caller).await?;
    super::request::tell_zone(&saved.time_zone);
    Ok(())
}

/// Keeps the language and the theme that the person chose.
#[server(endpoint = "look_save", input = leptos::server_fn::codec::Json)]
pub async fn look_save(language: String, theme: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.look_save(&caller, Some(language), Some(theme)).await, &caller).await
}

/// Changes the person's own password; their other sessions end.
#[server(endpoint = "password_change")]
pub async fn password_change(old: String, new: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let changed = plane.password_change(&caller, old, new).await;
    super::request::proved(super::request::answer(changed, &caller).await?).await
}

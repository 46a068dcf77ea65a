//! Figures, rendered where they are counted: the browser gets markup and no code that draws.

use domain::stats::OverviewView;
use leptos::prelude::*;

use super::ApiError;

/// The overview for 7 or 30 days, in a language.
#[server(endpoint = "stats_read", input = leptos::server_fn::codec::Json)]
pub async fn stats_read(days: u32, lang: String) -> Result<OverviewView, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let figures = super::request::answer(plane.stats_read(&caller, days).await, &caller).await?;
    Ok(crate::chart::overview(&figures, &lang))
}

/// The panels of the screen on a wall, in a language.
#[server(endpoint = "wall_read", input = leptos::server_fn::codec::Json)]
pub async fn wall_read(lang: String) -> Result<Vec<String>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let figures = super::request::answer(plane.wall_read(&caller).await, &caller).await?;
    Ok(crate::chart::wall(&figures, &lang))
}

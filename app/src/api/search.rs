//! Finding a page by a word.

use domain::search::Hit;
use leptos::prelude::*;

use super::ApiError;

/// What in reach a text names.
#[server(endpoint = "search", input = leptos::server_fn::codec::Json)]
pub async fn search(text: String) -> Result<Vec<Hit>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.search(&caller, text).await, &caller).await
}

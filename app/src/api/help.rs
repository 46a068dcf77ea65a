//! The manual.

use leptos::prelude::*;

use super::ApiError;
use crate::help::Block;

/// One section in a language.
#[server(endpoint = "help_read", input = leptos::server_fn::codec::Json)]
pub async fn help_read(section: String, lang: String) -> Result<Vec<Block>, ApiError> {
    let (_, caller) = super::request::backstage()?;
    super::request::answer(crate::help::read(&caller, &section, &lang), &caller).await
}

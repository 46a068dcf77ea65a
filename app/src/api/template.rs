//! Templates: list, read, write, and take along.

use domain::name::TemplateName;
use domain::template::Template;
use leptos::prelude::*;

use super::ApiError;

/// Every template, by name.
#[server(endpoint = "template_list", input = leptos::server_fn::codec::Json)]
pub async fn template_list() -> Result<Vec<Template>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_list(&caller).await, &caller).await
}

/// One template.
#[server(endpoint = "template_read", input = leptos::server_fn::codec::Json)]
pub async fn template_read(name: TemplateName) -> Result<Template, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_read(&caller, &name).await, &caller).await
}

/// What a new template begins with, for whoever may make one.
#[server(endpoint = "template_draft", input = leptos::server_fn::codec::Json)]
pub async fn template_draft() -> Result<Template, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_draft(&caller), &caller).await
}

/// Adds a template.
#[server(endpoint = "template_create", input = leptos::server_fn::codec::Json)]
pub async fn template_create(template: Template) -> Result<Template, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_create(&caller, template).await, &caller).await
}

/// Changes a template.
#[server(endpoint = "template_edit", input = leptos::server_fn::codec::Json)]
pub async fn template_edit(template: Template) -> Result<Template, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_edit(&caller, template).await, &caller).await
}

/// Removes a template.
#[server(endpoint = "template_delete", input = leptos::server_fn::codec::Json)]
pub async fn template_delete(name: TemplateName) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_delete(&caller, &name).await, &caller).await
}

/// Adds a template that is given as YAML.
#[server(endpoint = "template_import", input = leptos::server_fn::codec::Json)]
pub async fn template_import(text: String) -> Result<Template, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.template_import(&caller, &text).await, &caller).await
}

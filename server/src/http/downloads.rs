//! Files to take away: connection profiles, and an organization's material for the official tools. Who may have them
//! is the façade's decision; here names become parameters and bytes become attachments.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use control::ControlPlane;
use control::caller::Caller;
use control::chain::exported_name;
use domain::Error;
use domain::name::{ChainName, TemplateName};
use serde::Deserialize;

use super::refusal;

/// `GET /chains/{name}/profile/{file}`, where the file is `org1.json` or `org1.yaml`.
pub async fn profile(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path((name, file)): Path<(String, String)>,
) -> Response {
    match made_profile(&plane, &caller, &name, &file).await {
        Ok((content, kind)) => attachment(&format!("{name}-{file}"), kind, content),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, &chain_page(&name)).await,
    }
}

async fn made_profile(
    plane: &ControlPlane,
    caller: &Caller,
    name: &str,
    file: &str,
) -> Result<(Vec<u8>, &'static str), Error> {
    caller.require_user()?;
    let (organization, kind) = file.rsplit_once('.').ok_or_else(Error::not_found)?;
    let (chain, organization) = (chain_name(name)?, exported_name(organization)?);
    match kind {
        "json" => {
            let profile = plane.connection_profile(caller, &chain, &organization).await?;
            let text = serde_json::to_vec_pretty(&profile).map_err(|_| Error::internal())?;
            Ok((text, "application/json"))
        }
        "yaml" => {
            let text = plane.connection_profile_yaml(caller, &chain, &organization).await?;
            Ok((text.into_bytes(), "application/yaml"))
        }
        _ => Err(Error::not_found()),
    }
}

/// `GET /chains/{name}/material/{file}`, where the file is `org1.tar`: the caller's own identity, no admin's.
pub async fn material(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path((name, file)): Path<(String, String)>,
) -> Response {
    let made = async {
        caller.require_user()?;
        let (chain, organization) = (chain_name(&name)?, organization_of(&file)?);
        plane.material_export(&caller, &chain, &organization).await
    };
    match made.await {
        Ok(content) => attachment(&format!("{name}-{file}"), "application/x-tar", content),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, &chain_page(&name)).await,
    }
}

/// What is asked again before an admin's keys are handed out.
#[derive(Deserialize)]
pub struct Confirmation {
    /// Empty is never the right one: the façade refuses it like any wrong one.
    #[serde(default)]
    password: String,
}

/// `POST /chains/{name}/material/{file}`: with the admin's keys.
pub async fn admin_material(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path((name, file)): Path<(String, String)>,
    Form(confirmation): Form<Confirmation>,
) -> Response {
    let made = async {
        caller.require_user()?;
        let (chain, organization) = (chain_name(&name)?, organization_of(&file)?);
        plane.admin_key_export(&caller, &chain, &organization, confirmation.password).await
    };
    match made.await {
        Ok(content) => attachment(&format!("{name}-admin-{file}"), "application/x-tar", content),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, &chain_page(&name)).await,
    }
}

/// `GET /templates/{name}/template.yaml`: what another portal reads.
pub async fn template(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    let made = async {
        caller.require_user()?;
        let name = TemplateName::parse(&name).map_err(|_| Error::not_found())?;
        plane.template_export(&caller, &name).await
    };
    match made.await {
        Ok(text) => attachment(&format!("{name}.yaml"), "application/yaml", text.into_bytes()),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, "/templates").await,
    }
}

/// The chain of an address; a name that cannot be one is nowhere.
pub(super) fn chain_name(text: &str) -> Result<ChainName, Error> {
    ChainName::parse(text).map_err(|_| Error::not_found())
}

/// Where the way back leads; a name that cannot be one leads to the list.
pub(super) fn chain_page(name: &str) -> String {
    ChainName::parse(name).map_or_else(|_| "/chains".to_owned(), |name| format!("/chains/{name}"))
}

fn organization_of(file: &str) -> Result<domain::name::OrganizationName, Error> {
    exported_name(file.strip_suffix(".tar").ok_or_else(Error::not_found)?)
}

/// A file that the browser saves and never caches. The name has been parsed: it holds no quotes.
pub(super) fn attachment(name: &str, kind: &'static str, content: Vec<u8>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    (headers, content).into_response()
}

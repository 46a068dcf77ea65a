//! The audit to take away, and how long it is kept at hand. Plain forms: they work without a script.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use control::ControlPlane;
use control::audit::{AuditExport, ExportFormat};
use control::caller::Caller;
use domain::audit::FILTERS;
use domain::list::ListQuery;
use domain::{Code, Error};
use futures::stream;
use serde::Deserialize;

use super::downloads::saved_as;
use super::refusal;

/// Where the way back leads.
const PAGE: &str = "/audit";

/// What is wanted: the filters of the page by their names, and beside them what they do not hold.
#[derive(Deserialize)]
pub struct Wanted {
    format: String,
    /// Empty where it was proved a moment ago.
    #[serde(default)]
    password: String,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

/// `POST /audit/export`
pub async fn export(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Wanted>, FormRejection>,
) -> Response {
    let made = async {
        caller.require_user()?;
        let Form(Wanted { format, password, mut others }) = form.map_err(|_| malformed())?;
        let format = ExportFormat::parse(&format).ok_or_else(malformed)?;
        others.retain(|key, value| FILTERS.contains(&key.as_str()) && !value.is_empty());
        let query = ListQuery { filters: others, ..ListQuery::default() };
        Ok::<_, Error>((format, plane.audit_export(&caller, &query, format, password).await?))
    };
    match made.await {
        Ok((format, export)) => {
            let name = format!("audit.{}", format.ending());
            (saved_as(&name, format.content_type()), streamed(export)).into_response()
        }
        Err(error) => refusal::page(&plane, &headers, &caller, &error, PAGE).await,
    }
}

/// Piece by piece, as fast as it is taken. A piece that fails ends the answer before its end, so that the browser keeps no
/// file that looks whole.
fn streamed(export: AuditExport) -> Body {
    Body::from_stream(stream::unfold(export, |mut export| async move {
        let piece = export.next().await?;
        let piece = piece.map(Bytes::from).map_err(|error| std::io::Error::other(error.to_string()));
        Some((piece, export))
    }))
}

/// The field of the form.
#[derive(Deserialize)]
pub struct Keep {
    /// Empty: for ever.
    days: String,
}

/// `POST /audit/keep`
pub async fn keep_set(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Keep>, FormRejection>,
) -> Response {
    let set = async {
        caller.require_user()?;
        let Form(Keep { days }) = form.map_err(|_| malformed())?;
        let days = days.trim();
        // What is no number is out of every range.
        let days = (!days.is_empty()).then(|| days.parse().unwrap_or_default());
        plane.audit_keep_set(&caller, days).await
    };
    match set.await {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, PAGE).await,
    }
}

/// A form with other fields than the page's.
fn malformed() -> Error {
    Error::invalid(Code::FieldMissing)
}

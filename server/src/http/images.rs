//! Image archives on their way to a host: the body is passed on as it comes. Its size is bounded by whoever takes it
//! in, not by the limit of ordinary requests.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use control::ControlPlane;
use control::caller::Caller;
use domain::id::HostId;
use futures::TryStreamExt;

/// `POST /hosts/{id}/images`: the archive is the body. The answer is JSON, of the images or of the refusal.
pub async fn upload(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let chunks = body.into_data_stream().map_err(std::io::Error::other);
    match plane.host_image_upload(&caller, &HostId::new(id), chunks).await {
        Ok(images) => Json(images).into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(error)).into_response()
        }
    }
}

//! Image archives on their way to a host: the body is passed on as it comes. Its size is bounded by whoever takes it
//! in, not by the limit of ordinary requests.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use control::ControlPlane;
use control::caller::Caller;
use domain::id::HostId;
use futures::TryStreamExt;

use super::refusal;

/// `POST /hosts/{id}/images`: the archive is the body. The answer is JSON, of the images or of the refusal.
pub async fn upload(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let chunks = body.into_data_stream().map_err(std::io::Error::other);
    let uploaded = plane.host_image_upload(&caller, &HostId::new(id), chunks).await;
    refusal::json(&plane, &caller, uploaded).await
}

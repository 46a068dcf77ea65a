//! Chaincode packages that somebody brings: the body is looked into and kept nowhere. Its size is bounded by whoever
//! takes it in.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use control::ControlPlane;
use control::caller::Caller;
use futures::TryStreamExt;

use super::downloads::chain_name;
use super::refusal;

/// `POST /chains/{name}/package`: the package is the body. The answer is JSON, of what it says about itself or of the
/// refusal.
pub async fn inspect(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Body,
) -> Response {
    let chunks = body.into_data_stream().map_err(std::io::Error::other);
    let inspected = async {
        caller.require_user()?;
        let chain = chain_name(&name)?;
        plane.chaincode_package(&caller, &chain, chunks).await
    };
    refusal::json(&plane, &caller, inspected.await).await
}

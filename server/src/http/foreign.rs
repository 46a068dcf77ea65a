//! What other sites have a browser ask. They may lead to a page, and to nothing else: changes are refused by the layer
//! against forged requests, files and streams here. The cookie alone is no protection, since another port of the same
//! machine is the same site for it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use control::ControlPlane;
use control::caller::Caller;
use domain::{Code, Error, ErrorKind};
use tower_http::csrf::ProtectionError;

use super::refusal::Asked;
use crate::routes::Route;

/// Refuses what another site may not read, and leaves a record of whatever is refused to another site.
pub async fn guarded(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let (path, asked) = (request.uri().path().to_owned(), Asked::of(&request));
    if !is_foreign_read(&request) {
        let response = next.run(request).await;
        if response.extensions().get::<ProtectionError>().is_none() {
            return response;
        }
    }
    plane.foreign_refused(&caller, &path).await;
    asked.failed(Error::new(ErrorKind::Forbidden, Code::ForeignRequest), Some(caller.request_id))
}

/// Whether another site has the browser read what is not a page, or a page without going there.
fn is_foreign_read(request: &Request) -> bool {
    let says = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_own = matches!(says("sec-fetch-site"), None | Some("same-origin" | "none"));
    if is_own || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return false;
    }
    let goes_there = (says("sec-fetch-mode"), says("sec-fetch-dest")) == (Some("navigate"), Some("document"));
    !goes_there || request.extensions().get::<MatchedPath>().is_some_and(|path| is_file(path.as_str()))
}

/// Whether a path of the router answers with a file or a stream.
fn is_file(path: &str) -> bool {
    Route::ALL.into_iter().any(|route| !route.is_post() && route.path() == path)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn refuse(request: Request, next: Next) -> Response {
        if is_foreign_read(&request) {
            StatusCode::FORBIDDEN.into_response()
        } else {
            next.run(request).await
        }
    }

    #[tokio::test]
    async fn another_site_leads_to_pages_and_reads_nothing() {
        let ok = || get(|| async { "read" }).post(|| async { "written" });
        let router = Router::new()
            .route("/chains/{name}", ok())
            .route("/events", ok())
            .route(Route::Material.path(), ok())
            .layer(from_fn(refuse));
        let ask = async |method: Method, path: &str, fetch: [&str; 3]| {
            let mut request = Request::builder().method(method).uri(path);
            for (name, value) in ["site", "mode", "dest"].into_iter().zip(fetch) {
                if !value.is_empty() {
                    request = request.header(format!("sec-fetch-{name}"), value);
                }
            }
            router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
        };
        let (page, stream, file) = ("/chains/demo", "/events", "/chains/demo/material/org1.tar");
        for path in [page, stream, file] {
            assert_eq!(ask(Method::GET, path, [""; 3]).await, 200, "no browser: {path}");
            for own in ["same-origin", "none"] {
                assert_eq!(ask(Method::GET, path, [own, "navigate", "document"]).await, 200, "{path}");
                assert_eq!(ask(Method::GET, path, [own, "cors", "empty"]).await, 200, "{path}");
            }
            for foreign in ["cross-site", "same-site"] {
                let led = ask(Method::GET, path, [foreign, "navigate", "document"]).await;
                assert_eq!(led, if path == page { 200 } else { 403 }, "{path}");
                for how in [["no-cors", "image"], ["cors", "empty"], ["navigate", "iframe"], ["", ""]] {
                    let read = ask(Method::GET, path, [foreign, how[0], how[1]]).await;
                    assert_eq!(read, 403, "{path} {how:?}");
                    assert_eq!(ask(Method::HEAD, path, [foreign, how[0], how[1]]).await, 403);
                }
                // What changes something has a layer of its own.
                assert_eq!(ask(Method::POST, path, [foreign, "cors", "empty"]).await, 200, "{path}");
            }
        }
    }
}

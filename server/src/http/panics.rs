//! A panic in a handler ends its request and nothing else: the answer is a status and the request's id, and the
//! connection with all that others ask on it lives on.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use control::caller::Caller;
use domain::Error;
use futures::FutureExt;

use super::refusal::Asked;

/// Answers for a handler that panicked; what it said is in the log already.
pub async fn caught(request: Request, next: Next) -> Response {
    let (path, asked) = (request.uri().path().to_owned(), Asked::of(&request));
    let request_id = request.extensions().get::<Caller>().map(|caller| caller.request_id.clone());
    // What a panic leaves half done lives in this request alone; what is shared is behind locks and in transactions.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(path, request_id, "a handler panicked");
            asked.failed(Error::internal(), request_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use app::api::ApiError;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::http::headers;

    async fn panics() -> String {
        char::from_digit(99, 10).unwrap().to_string()
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let router = Router::new()
            .route("/page", get(panics))
            .route("/api/call", get(panics))
            .route("/good", get(|| async { "good" }))
            .layer(from_fn(caught));
        let ask = async |path: &str, caller: Option<Caller>| {
            let mut request = Request::get(path).body(Body::empty()).unwrap();
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            let answer = router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let caller = || Some(Caller::anonymous("abc", "192.0.2.1"));
        assert_eq!(ask("/page", caller()).await, (500, "internal (abc)\n".to_owned()));
        assert_eq!(ask("/page", None).await, (500, "internal\n".to_owned()));
        let (status, body) = ask("/api/call", caller()).await;
        let error: ApiError = serde_json::from_str(&body).unwrap();
        assert_eq!((status, error.status(), error.request_id.as_deref()), (500, 500, Some("abc")));
        assert_eq!(ask("/good", None).await, (200, "good".to_owned()));
    }

    #[tokio::test]
    async fn a_browser_gets_a_page_in_its_language() {
        let router =
            Router::new().route("/page", get(panics)).layer(from_fn(caught)).layer(from_fn(headers::secure));
        for (language, tag, way_out) in
            [("zh-CN,zh;q=0.9", "zh-CN", "回到概览"), ("en-GB", "en", "To the overview")]
        {
            let mut request = Request::get("/page")
                .header("accept", "text/html,application/xhtml+xml;q=0.9")
                .header("accept-language", language)
                .body(Body::empty())
                .unwrap();
            request.extensions_mut().insert(Caller::anonymous("abc", "192.0.2.1"));
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), 500);
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("content-type"), "text/html; charset=utf-8");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("cache-control"), "no-store");
            assert!(header("content-security-policy").contains("default-src 'none'"));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let page = String::from_utf8(body.to_vec()).unwrap();
            assert!(page.contains(&format!("<html lang=\"{tag}\"")) && page.contains(way_out), "{page}");
            assert!(page.contains("<code>internal</code>") && page.contains("<code>abc</code>"), "{page}");
        }
    }
}

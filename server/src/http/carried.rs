//! What was asked for is carried through: whoever closes the connection before the answer neither leaves a change
//! without its record nor takes back a guess that counts.

use std::panic::resume_unwind;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use domain::{Code, Error};
use tokio_util::task::TaskTracker;

use super::refusal::Asked;

/// Runs what changes something in a task of its own: a connection that ends drops its requests, not the task. Whoever
/// ends the portal waits for these tasks.
pub async fn through(State(calls): State<TaskTracker>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let asked = Asked::of(&request);
    match calls.spawn(next.run(request)).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(response) => response,
        // Whoever catches panics further out answers for it.
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_cancelled)) => asked.failed(Error::unavailable(Code::Internal), None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_change_goes_on_when_nobody_waits_for_its_answer() {
        let [began, go, done] = [(); 3].map(|()| Arc::new(Notify::new()));
        let inside = [began.clone(), go.clone(), done.clone()];
        let change = move || {
            let [began, go, done] = inside.clone();
            async move {
                began.notify_one();
                go.notified().await;
                done.notify_one();
            }
        };
        let calls = TaskTracker::new();
        let layer = from_fn_with_state(calls.clone(), through);
        let router = Router::new().route("/change", post(change)).layer(layer);
        let request = Request::post("/change").body(Body::empty()).unwrap();
        let asked = tokio::spawn(router.oneshot(request));
        began.notified().await;
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(calls.len(), 1, "whoever ends the portal waits for it");
        go.notify_one();
        tokio::time::timeout(Duration::from_secs(30), done.notified()).await.unwrap();
        calls.close();
        tokio::time::timeout(Duration::from_secs(30), calls.wait()).await.unwrap();
    }
}

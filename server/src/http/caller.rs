//! Who asks: from the session to a `Caller` in the request, once per request. The rights of a person are read anew
//! each time, so that a change takes effect on the next request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use domain::id::UserId;
use tower_sessions::Session;

use super::session::USER;

/// The person behind a session; none for an unknown, ended or disabled one.
pub async fn user_of(plane: &ControlPlane, session: &Session) -> Result<Option<CallerUser>, domain::Error> {
    let Ok(id) = session.get::<String>(USER).await else { return Err(domain::Error::internal()) };
    match id {
        Some(id) => plane.session_user(&UserId::new(id)).await,
        None => Ok(None),
    }
}

/// Puts the caller and the façade into the request.
pub async fn identify(
    State(plane): State<Arc<ControlPlane>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let mut random = [0_u8; 8];
    if getrandom::fill(&mut random).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let request_id = hex::encode(random);
    let mut caller = Caller::anonymous(&request_id, &address.ip().to_string());
    match user_of(&plane, &session).await {
        Ok(user) => caller.user = user,
        // Without the store nobody can be known: closed, not open.
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(plane);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

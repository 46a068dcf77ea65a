//! Headers that every answer carries, and the check of the `Host` header.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Policy for answers that set none of their own: nothing may be loaded by them or frame them.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Adds the headers; pages set a content policy of their own, with their nonce.
pub async fn secure(request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with("/pkg/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    let cache = if is_asset { "no-cache" } else { "no-store" };
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(cache));
    response
}

/// Refuses names that are not this machine's: a foreign page cannot reach the portal by a name of its own.
pub async fn known_host(State(port): State<u16>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_known(host, port) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "This portal does not answer under that name.\n").into_response()
}

fn is_known(host: &str, port: u16) -> bool {
    let (name, given) = match host.rsplit_once(':') {
        Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, digits.parse().ok())
        }
        _ => (host, Some(80)),
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && given == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_with_the_port() {
        for good in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
            assert!(is_known(good, 3000), "{good}");
        }
        for bad in ["evil.example:3000", "localhost", "localhost:3001", "127.0.0.1.evil:3000", "", "[::1]"] {
            assert!(!is_known(bad, 3000), "{bad}");
        }
    }
}

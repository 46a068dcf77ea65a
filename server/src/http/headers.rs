//! Headers that every answer carries, and the check of the `Host` header.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::assets::is_lasting;
use super::caller::Client;
use crate::config::{Config, is_loopback_name};

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
    let lasts = is_lasting(request.uri().path());
    let mut response = next.run(request).await;
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    let cache = match is_asset {
        true if lasts && found => "public, max-age=31536000, immutable",
        true => "no-cache",
        false => "no-store",
    };
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(cache));
    response
}

/// Tells browsers to use TLS only, where the request came by TLS.
pub async fn strict_transport(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let secure = config.tls().is_some()
        || request.extensions().get::<Client>().is_some_and(|client| client.forwarded_https);
    let mut response = next.run(request).await;
    if secure {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// Refuses names that are not the portal's: a foreign page cannot reach it by a name of its own.
pub async fn known_host(State(config): State<Arc<Config>>, mut request: Request, next: Next) -> Response {
    // HTTP/2 carries the name in the address of the request, HTTP/1 in a header; each that is there must be known.
    let authority = request.uri().authority().map(|name| name.as_str().to_owned());
    let mut names: Vec<&str> = authority.iter().map(String::as_str).collect();
    names.extend(
        request.headers().get_all(header::HOST).iter().map(|value| value.to_str().unwrap_or_default()),
    );
    if names.is_empty() || !names.into_iter().all(|name| is_known(name, &config)) {
        let text = "This portal does not answer under that name.\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    if let Some(value) = authority.and_then(|name| HeaderValue::from_str(&name).ok()) {
        request.headers_mut().entry(header::HOST).or_insert(value);
    }
    next.run(request).await
}

fn is_known(host: &str, config: &Config) -> bool {
    let (name, given) = match host.rsplit_once(':') {
        Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => return false,
        },
        _ => (host, None),
    };
    let usual = |secure: bool| if secure { 443 } else { 80 };
    let public = config.public_url.as_ref().is_some_and(|url| {
        let usual = usual(url.scheme_str() == Some("https"));
        url.host().is_some_and(|own| own.eq_ignore_ascii_case(name))
            && given.unwrap_or(usual) == url.port_u16().unwrap_or(usual)
    });
    let port = given.unwrap_or(usual(config.tls().is_some()));
    public || (config.is_loopback() && is_loopback_name(name) && port == config.listen.port())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use clap::Parser;
    use tower::ServiceExt;

    use super::*;

    fn config(arguments: &[&str]) -> Arc<Config> {
        let all = std::iter::once("heddle").chain(arguments.iter().copied());
        Arc::new(Config::try_parse_from(all).unwrap())
    }

    #[test]
    fn only_this_machines_names_with_the_port() {
        let config = config(&[]);
        for good in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
            assert!(is_known(good, &config), "{good}");
        }
        for bad in [
            "evil.example:3000",
            "localhost",
            "localhost:3001",
            "127.0.0.1.evil:3000",
            "",
            "[::1]",
            "localhost:",
        ] {
            assert!(!is_known(bad, &config), "{bad}");
        }
    }

    #[test]
    fn the_public_name_and_no_other() {
        let open =
            config(&["--listen=0.0.0.0:3000", "--public-url=https://p.example", "--behind-proxy=10.0.0.1"]);
        for good in ["p.example", "P.example:443"] {
            assert!(is_known(good, &open), "{good}");
        }
        for bad in ["p.example:3000", "localhost:3000", "q.example", "p.example.q", "p.example:99999"] {
            assert!(!is_known(bad, &open), "{bad}");
        }
        let near = config(&["--public-url=https://p.example:8443"]);
        assert!(is_known("p.example:8443", &near) && is_known("localhost:3000", &near));
        assert!(!is_known("p.example", &near));
    }

    #[tokio::test]
    async fn foreign_names_are_misdirected_and_tls_is_demanded() {
        let tls = config(&["--tls-cert=c", "--tls-key=k", "--public-url=https://p.example"]);
        let router = Router::new()
            .route("/", get(|| async {}))
            .layer(from_fn_with_state(tls.clone(), strict_transport))
            .layer(from_fn_with_state(tls, known_host));
        let ask = |uri: &str, host: Option<&str>| {
            let mut request = Request::get(uri);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            router.clone().oneshot(request.body(Body::empty()).unwrap())
        };
        let good = ask("/", Some("p.example")).await.unwrap();
        assert_eq!(good.status(), StatusCode::OK);
        assert!(good.headers().contains_key(header::STRICT_TRANSPORT_SECURITY));
        assert_eq!(ask("https://p.example/", None).await.unwrap().status(), StatusCode::OK);
        for (uri, host) in [("/", Some("q.example")), ("/", None), ("https://p.example/", Some("q.example"))]
        {
            assert_eq!(
                ask(uri, host).await.unwrap().status(),
                StatusCode::MISDIRECTED_REQUEST,
                "{uri} {host:?}"
            );
        }
    }
}

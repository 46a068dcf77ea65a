//! One table of routes, and serving them until the portal is told to stop.

use std::sync::Arc;
use std::time::Duration;

use app::{App, shell};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use control::ControlPlane;
use leptos::prelude::LeptosOptions;
use leptos_axum::{LeptosRoutes, generate_route_list};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::compose::{Portal, StartError};
use crate::config::Config;
use crate::http::session::Sessions;
use crate::http::{assets, caller, downloads, events, headers, images, logs};
use crate::tls::{Certificate, LOOK};

/// Largest body of a request; arguments of a call are the largest input.
const BODY_MAX: usize = 4 * 1_024 * 1_024;
/// A session ends after this long without a request.
const IDLE_MINUTES: i64 = 30;
/// Browsers keep a cookie of such a name only with TLS, for the whole host and for no other.
const SECURE_COOKIE: &str = "__Host-heddle_sid";
/// Time for running steps after the signal to stop.
const DRAIN_MS: u64 = 7_000;
/// Time for open connections after the signal to stop; streams of events do not end by themselves.
const CLOSE: Duration = Duration::from_secs(1);

/// Everything that can be asked of the portal.
pub fn router(config: &Arc<Config>, portal: &Portal) -> Result<Router, StartError> {
    let csrf = CsrfLayer::new()
        .add_trusted_origin(config.origin())
        .map_err(|error| StartError::Origin(error.to_string()))?;
    let options = LeptosOptions::builder()
        .output_name("heddle")
        .site_root(config.site.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .site_addr(config.listen)
        .build();
    let shell_options = options.clone();
    let missing =
        Router::new().fallback(leptos_axum::file_and_error_handler(shell)).with_state(options.clone());
    let pages = Router::new()
        .leptos_routes(&options, generate_route_list(App), move || shell(shell_options.clone()))
        .fallback_service(assets::files(&config.site, missing))
        .with_state(options);
    // Cookies ignore ports: the name keeps two portals on one machine apart.
    let plain = format!("heddle_sid_{}", portal.store.installation());
    let secure = config.is_secure();
    let sessions = SessionManagerLayer::new(Sessions::new(portal.store.clone()))
        .with_name(if secure { SECURE_COOKIE.to_owned() } else { plain })
        .with_secure(secure)
        .with_path("/")
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(time::Duration::minutes(IDLE_MINUTES)));
    Ok(Router::new()
        .route("/events", get(events::stream))
        .route("/chains/{name}/nodes/{node}/logs", get(logs::stream))
        .route("/chains/{name}/nodes/{node}/log.txt", get(logs::file))
        .route("/chains/{name}/profile/{file}", get(downloads::profile))
        .route("/chains/{name}/material/{file}", get(downloads::material).post(downloads::admin_material))
        .merge(pages)
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        // Behind the limit of ordinary bodies: an archive has a larger one of its own.
        .route("/hosts/{id}/images", post(images::upload))
        .layer(from_fn_with_state(portal.plane.clone(), caller::identify))
        .layer(sessions)
        .layer(csrf)
        .nest_service("/pkg", assets::packaged(&config.site))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(portal.plane.clone()))
        .layer(from_fn(headers::secure))
        .layer(from_fn_with_state(config.clone(), headers::strict_transport))
        .layer(from_fn_with_state(config.clone(), headers::known_host))
        .layer(from_fn_with_state(config.clone(), caller::locate)))
}

/// Whether the store answers.
async fn ready(axum::extract::State(plane): axum::extract::State<Arc<ControlPlane>>) -> StatusCode {
    if plane.setup_open().await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Serves until SIGTERM or SIGINT, then hands running operations over.
pub async fn serve(config: &Arc<Config>, portal: Portal) -> Result<(), StartError> {
    let listen = |error| StartError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let router = router(config, &portal)?;
    let certificate = config.tls().map(Certificate::read).transpose()?;
    let tls = certificate.as_ref().map(Certificate::server).transpose()?.map(TlsAcceptor::from);
    // Ends with the portal: the task is stopped when this set is dropped.
    let mut watching = tokio::task::JoinSet::new();
    if let Some(certificate) = certificate {
        watching.spawn(certificate.watch(LOOK));
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Serve)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Serve)?;
    let reconcilers = portal.plane.run();
    announce(config, &portal.plane).await;
    let stop = CancellationToken::new();
    let mut server = tokio::spawn(crate::serve::serve(listener, tls, router, stop.clone()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut server => {
            return ended.map(|_| ()).map_err(std::io::Error::other).map_err(StartError::Serve);
        }
    }
    tracing::info!("stopping");
    drop(reconcilers);
    stop.cancel();
    portal.plane.drain(DRAIN_MS).await;
    if tokio::time::timeout(CLOSE, server).await.is_err() {
        tracing::info!("connections that are still open are closed");
    }
    Ok(())
}

/// Says where the portal is, and how the first admin is made.
async fn announce(config: &Config, plane: &ControlPlane) {
    tracing::info!("listening on {}, reached by {}", config.listen, config.origin());
    if plane.setup_open().await.unwrap_or(false) {
        tracing::info!(
            "no admin yet: open {}/setup with the one-time setup token {}",
            config.origin(),
            plane.setup_token()
        );
    }
}

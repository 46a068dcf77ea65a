//! One table of routes, and serving them until the portal is told to stop.

use std::future::IntoFuture;
use std::net::SocketAddr;
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
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::compose::{Portal, StartError};
use crate::config::Config;
use crate::http::session::Sessions;
use crate::http::{caller, downloads, events, headers, images, logs};

/// Largest body of a request; arguments of a call are the largest input.
const BODY_MAX: usize = 4 * 1_024 * 1_024;
/// A session ends after this long without a request.
const IDLE_MINUTES: i64 = 30;
/// Time for running steps after the signal to stop.
const DRAIN_MS: u64 = 7_000;
/// Time for open connections after the signal to stop; streams of events do not end by themselves.
const CLOSE: Duration = Duration::from_secs(1);

/// Everything that can be asked of the portal.
pub fn router(config: &Config, portal: &Portal) -> Router {
    let options = LeptosOptions::builder()
        .output_name("heddle")
        .site_root(config.site.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .site_addr(config.listen)
        .build();
    let shell_options = options.clone();
    let pages = Router::new()
        .leptos_routes(&options, generate_route_list(App), move || shell(shell_options.clone()))
        .fallback(leptos_axum::file_and_error_handler(shell))
        .with_state(options);
    // Cookies ignore ports: the name keeps two portals on one machine apart.
    let sessions = SessionManagerLayer::new(Sessions::new(portal.store.clone()))
        .with_name(format!("heddle_sid_{}", portal.store.installation()))
        .with_secure(false)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(time::Duration::minutes(IDLE_MINUTES)));
    Router::new()
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
        .layer(CsrfLayer::new())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(portal.plane.clone()))
        .layer(from_fn(headers::secure))
        .layer(from_fn_with_state(config.listen.port(), headers::known_host))
}

/// Whether the store answers.
async fn ready(axum::extract::State(plane): axum::extract::State<Arc<ControlPlane>>) -> StatusCode {
    if plane.setup_open().await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Serves until SIGTERM or SIGINT, then hands running operations over.
pub async fn serve(config: &Config, portal: Portal) -> Result<(), StartError> {
    let listen = |error| StartError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let router = router(config, &portal).into_make_service_with_connect_info::<SocketAddr>();
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Serve)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Serve)?;
    let reconcilers = portal.plane.run();
    announce(config, &portal.plane).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            // Whoever sends is gone with the server; either way it is time to stop.
            let _ended = stopped.await;
        })
        .into_future();
    let mut server = tokio::spawn(server);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut server => return ended.map_err(std::io::Error::other).flatten().map_err(StartError::Serve),
    }
    tracing::info!("stopping");
    drop(reconcilers);
    let _server_gone = stop.send(());
    portal.plane.drain(DRAIN_MS).await;
    if tokio::time::timeout(CLOSE, server).await.is_err() {
        tracing::info!("connections that are still open are closed");
    }
    Ok(())
}

/// Says where the portal is, and how the first admin is made.
async fn announce(config: &Config, plane: &ControlPlane) {
    tracing::info!("listening on http://{}", config.listen);
    if plane.setup_open().await.unwrap_or(false) {
        tracing::info!(
            "no admin yet: open http://{}/setup with the one-time setup token {}",
            config.listen,
            plane.setup_token()
        );
    }
}

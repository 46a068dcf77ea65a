//! One table of routes, and serving them until the portal is told to stop.

use std::sync::Arc;
use std::time::Duration;

use app::{App, shell};
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use control::ControlPlane;
use leptos::prelude::LeptosOptions;
use leptos_axum::{LeptosRoutes, generate_route_list};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::compose::{Portal, StartError};
use crate::config::Config;
use crate::http::session::{Longest, Sessions};
use crate::http::{
    apply, assets, audit, caller, carried, downloads, events, exports, foreign, forms, headers, images, logs,
    packages, panics,
};
use crate::routes::{Group, Route};
use crate::serve::Limits;
use crate::terminal::tell;
use crate::tls::{Certificate, LOOK};

/// Largest body of a request; arguments of a call are the largest input.
const BODY_MAX: usize = 4 * 1_024 * 1_024;
/// Browsers keep a cookie of such a name only with TLS, for the whole host and for no other.
const SECURE_COOKIE: &str = "__Host-heddle_sid";
/// Time for running steps after the signal to stop.
const DRAIN_MS: u64 = 7_000;
/// The same for what was asked for and changes something: together with what follows it stays well within ten seconds.
const CALLS: Duration = Duration::from_secs(7);
/// Time for open connections after the signal to stop; streams of events do not end by themselves.
const CLOSE: Duration = Duration::from_secs(1);

/// Everything that can be asked of the portal. What changes something runs among `calls`.
pub fn router(config: &Arc<Config>, portal: &Portal, calls: TaskTracker) -> Result<Router, StartError> {
    let csrf = CsrfLayer::new()
        .add_trusted_origin(config.origin())
        .map_err(|error| StartError::Origin(error.to_string()))?;
    let options = LeptosOptions::builder()
        .output_name("heddle")
        .site_root(config.site.to_string_lossy().into_owned())
        .site_pkg_dir(assets::package(&config.site))
        .site_addr(config.listen)
        .build();
    let shell_options = options.clone();
    let missing =
        Router::new().fallback(leptos_axum::file_and_error_handler(shell)).with_state(options.clone());
    #[cfg(feature = "bench")]
    let pages = crate::bench::pages();
    #[cfg(not(feature = "bench"))]
    let pages = Router::new();
    let pages = pages
        .leptos_routes(&options, generate_route_list(App), move || shell(shell_options.clone()))
        .method_not_allowed_fallback(back_to_page)
        .fallback_service(assets::files(&config.site, missing))
        .with_state(options);
    // Cookies ignore ports: the name keeps two portals on one machine apart.
    let plain = format!("heddle_sid_{}", portal.store.installation());
    let secure = config.is_secure();
    let idle = time::Duration::minutes(config.session_idle.into());
    let sessions = SessionManagerLayer::new(Sessions::new(portal.store.clone(), Longest::of(config)))
        .with_name(if secure { SECURE_COOKIE.to_owned() } else { plain })
        .with_secure(secure)
        .with_path("/")
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(idle));
    let table = |group| -> Router { of_group(group).with_state(portal.plane.clone()) };
    Ok(table(Group::Ordinary)
        .merge(pages)
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        // Behind the limit of ordinary bodies: an archive has a larger one of its own.
        .merge(table(Group::Archives))
        // Here it knows the request's id, further out it catches what happens on the way to a handler.
        .layer(from_fn(panics::caught))
        .layer(csrf)
        // Between those who refuse and those who know whom: what is refused is recorded.
        .layer(from_fn(foreign::guarded))
        .layer(from_fn_with_state(portal.plane.clone(), caller::identify))
        .layer(sessions)
        .layer(from_fn_with_state(calls, carried::through))
        .nest_service("/pkg", assets::packaged(&config.site))
        .merge(table(Group::Watchers))
        .layer(from_fn(panics::caught))
        .layer(from_fn_with_state(config.clone(), headers::known_host))
        .layer(from_fn_with_state(config.clone(), headers::strict_transport))
        .layer(from_fn_with_state(config.clone(), caller::locate))
        // Outside of everything: a refusal is an answer like any other.
        .layer(from_fn(headers::secure)))
}

/// A form that is sent before its page has come to life goes to the page's own address. What it holds is dropped unread,
/// and the page asks again; whatever else has no such method hears so.
async fn back_to_page(method: Method, uri: Uri) -> Response {
    if method == Method::POST && !uri.path().starts_with("/api/") {
        return Redirect::to(app::session::safe_next(uri.path())).into_response();
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// The routes of a group. There are no others: what is not in the table is not asked by the tests either.
fn of_group(group: Group) -> Router<Arc<ControlPlane>> {
    let routes = Route::ALL.into_iter().filter(|route| route.group() == group);
    routes.fold(Router::new(), |router, route| router.route(route.path(), handler(route)))
}

fn handler(route: Route) -> MethodRouter<Arc<ControlPlane>> {
    let method = if route.is_post() { MethodFilter::POST } else { MethodFilter::GET };
    match route {
        Route::Events => on(method, events::stream),
        Route::NodeLogs => on(method, logs::stream),
        Route::NodeLogFile => on(method, logs::file),
        Route::Profile => on(method, downloads::profile),
        Route::ChainsFile => on(method, exports::chains),
        Route::Material => on(method, downloads::material),
        Route::AdminMaterial => on(method, downloads::admin_material),
        Route::TemplateFile => on(method, downloads::template),
        Route::HostImages => on(method, images::upload),
        Route::Package => on(method, packages::inspect),
        Route::Users => on(method, forms::user_create),
        Route::HostRegistries => on(method, forms::registry_set),
        Route::HostApprovals => on(method, forms::image_approval),
        Route::Access => on(method, forms::chain_access),
        Route::AuditExport => on(method, audit::export),
        Route::AuditKeep => on(method, audit::keep_set),
        Route::Notices => on(method, forms::notices_read),
        Route::Apply => on(method, apply::apply),
        Route::Preferences => on(method, forms::preferences_set),
        Route::Health => on(method, || async { "ok\n" }),
        Route::Ready => on(method, ready),
    }
}

/// Whether the store answers.
async fn ready(axum::extract::State(plane): axum::extract::State<Arc<ControlPlane>>) -> StatusCode {
    if plane.setup_open().await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Serves until SIGTERM or SIGINT, then hands running operations over.
pub async fn serve(config: &Arc<Config>, portal: Portal) -> Result<(), StartError> {
    let listen = |error| StartError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let calls = TaskTracker::new();
    let router = router(config, &portal, calls.clone())?;
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
    let limits = Limits::behind(config.behind_proxy.clone());
    let mut server = tokio::spawn(crate::serve::serve(listener, tls, router, limits, stop.clone()));
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
    calls.close();
    // Side by side: whoever has asked for something hears what came of it, though its steps are handed over.
    let answered = tokio::time::timeout(CALLS, calls.wait());
    if let ((), Err(_)) = tokio::join!(portal.plane.drain(DRAIN_MS), answered) {
        tracing::info!("calls that are still open are cut off");
    }
    portal.plane.close().await;
    if tokio::time::timeout(CLOSE, server).await.is_err() {
        tracing::info!("connections that are still open are closed");
    }
    Ok(())
}

/// Says where the portal is, and how the first admin is made.
async fn announce(config: &Config, plane: &ControlPlane) {
    tell(&format!("listening on {}, reached by {}", config.listen, config.origin()));
    if plane.setup_open().await.unwrap_or(false) {
        let (origin, token) = (config.origin(), plane.setup_token());
        tell(&format!("no admin yet: open {origin}/setup with the one-time setup token {token}"));
    }
}

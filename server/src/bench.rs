//! What only `cargo xtask bench ssr` asks for, and only its build has.

use axum::Router;
use axum::routing::get;
use leptos::prelude::LeptosOptions;

/// The page that is measured, with everything before it that stands before other pages.
pub fn pages() -> Router<LeptosOptions> {
    Router::new().route("/bench/rows", get(leptos_axum::render_app_async(app::bench::document)))
}

//! Files of the site: scripts, WebAssembly, the style sheet, pictures.
//!
//! They are served beside the pages and never by the pages' own handler. That one applies to a file whatever headers
//! and status a page that is being rendered on the same thread has asked for, and the page then goes without them.

use std::convert::Infallible;
use std::path::Path;

use axum::extract::Request;
use axum::response::Response;
use tower::Service;
use tower_http::services::ServeDir;

/// Answers with a file of the site, as it was compressed when it was built, or asks `missing`.
pub fn files<S>(site: &Path, missing: S) -> ServeDir<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    folder(site).call_fallback_on_method_not_allowed(true).fallback(missing)
}

/// Scripts, WebAssembly and the style sheet. A first visit asks for a dozen of them: nobody is looked up for that.
pub fn packaged(site: &Path) -> ServeDir {
    folder(&site.join("pkg"))
}

fn folder(path: &Path) -> ServeDir {
    ServeDir::new(path)
        .append_index_html_on_directories(false)
        .redirect_to_trailing_slash(false)
        .precompressed_br()
        .precompressed_gzip()
}

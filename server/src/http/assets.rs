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

/// Where the packaged files are, below the site and in addresses: `pkg/` and a name that follows from their content.
pub fn package(site: &Path) -> String {
    let folders = std::fs::read_dir(site.join("pkg")).into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    names.map(|name| format!("pkg/{name}")).find(|path| is_lasting(path)).unwrap_or_else(|| "pkg".to_owned())
}

/// Whether a path below the site names content that never changes.
pub fn is_lasting(path: &str) -> bool {
    let name = path.trim_start_matches('/').strip_prefix("pkg/").and_then(|rest| rest.split('/').next());
    name.is_some_and(|name| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Scripts, WebAssembly and the style sheet. A first visit asks for a dozen of them: nobody is looked up for that.
pub fn packaged(site: &Path) -> ServeDir<ServeDir> {
    // A page that is put together without knowing the name asks without it.
    folder(&site.join("pkg")).fallback(folder(&site.join(package(site))))
}

fn folder(path: &Path) -> ServeDir {
    ServeDir::new(path)
        .append_index_html_on_directories(false)
        .redirect_to_trailing_slash(false)
        .precompressed_br()
        .precompressed_gzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packaged_files_are_found_by_the_name_of_their_folder() {
        let site = tempfile::tempdir().unwrap();
        assert_eq!(package(site.path()), "pkg");
        std::fs::create_dir_all(site.path().join("pkg/0123456789abcdef")).unwrap();
        assert_eq!(package(site.path()), "pkg/0123456789abcdef");
        assert!(is_lasting("/pkg/0123456789abcdef/heddle.js"));
        assert!(!is_lasting("/pkg/heddle.js") && !is_lasting("/chains/0123456789abcdef"));
    }
}

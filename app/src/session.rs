//! Who is signed in. `can` decides what a page offers, never what is allowed: the façade does that.

use domain::Error;
use domain::name::UserName;
use domain::permission::{Action, Noun};
use leptos::prelude::*;

use crate::api::session::{Entry, session_read};
use crate::fetched::Fetched;

/// The session of the page, read once per layout.
#[derive(Clone, Copy)]
pub struct Session(pub Fetched<Entry>);

/// Reads the session and makes it known to the pages below.
pub fn provide_session() -> Session {
    let session = Session(Fetched::first(session_read));
    provide_context(session);
    session
}

/// What a role may see a button for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me(pub domain::user::SessionView);

impl Me {
    /// Whether a page should offer it.
    pub fn can(&self, action: Action, noun: Noun) -> bool {
        self.0.can(action, noun)
    }
}

/// Reads a name under which somebody signs in; a refusal says which field is wrong.
pub fn user_name(text: &str) -> Result<UserName, Error> {
    UserName::parse(&text.trim().to_lowercase()).map_err(|error| error.on("name"))
}

/// The way on after signing in: only a path of this portal, never an address that a link could smuggle in.
pub fn safe_next(next: &str) -> &str {
    let own_path = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|b| b.is_ascii_graphic());
    if own_path { next } else { "/" }
}

/// An address that may stand in a link: `http`, `https` or a path; anything else becomes `#`.
pub fn safe_url(url: &str) -> &str {
    let lower = url.trim_start().to_ascii_lowercase();
    let path = url.starts_with('/') && safe_next(url) == url;
    if path || lower.starts_with("https://") || lower.starts_with("http://") { url } else { "#" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_lead_on() {
        assert_eq!(safe_next("/chains/demo?x=1"), "/chains/demo?x=1");
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/a\r\nb",
        ] {
            assert_eq!(safe_next(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn links_that_run_code_are_cut() {
        for bad in
            ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "//evil.example", "x:y"]
        {
            assert_eq!(safe_url(bad), "#", "{bad}");
        }
        for good in ["/hosts", "https://example.org", "http://example.org"] {
            assert_eq!(safe_url(good), good);
        }
    }
}

//! Whether somebody is at a page: pages read again by themselves whenever something changes, and what they ask so must
//! not keep a session alive that nobody uses. A page tells it by two cookies, so that all its requests carry it, the
//! stream of events too, and that the tabs of one browser speak for each other.

use leptos::prelude::*;

use crate::browser;
use crate::preferences::cookie;

/// There once the browser runs the portal's script: without it nothing is asked but what somebody asks.
const SCRIPT_COOKIE: &str = "heddle_script";
/// There while somebody is at a page of the portal.
const HERE_COOKIE: &str = "heddle_here";
/// For how long a touch counts, in seconds: what somebody asks for begins at once and may take a few questions.
const HERE_SECONDS: u32 = 30;
/// What the browser tells of somebody who does something. A pointer that merely lies on a page moves, too, and so does
/// the page below it.
const TOUCHES: [&str; 5] = ["keydown", "pointerdown", "click", "input", "wheel"];

/// Keeps the cookies, for the life of the page.
pub fn provide_presence() {
    Effect::new(|_| {
        let is_secure = browser::is_secure();
        browser::set_cookie(&line(SCRIPT_COOKIE, None, is_secure));
        for name in TOUCHES {
            let touched = move |_| browser::set_cookie(&line(HERE_COOKIE, Some(HERE_SECONDS), is_secure));
            let listener = window_event_listener_untyped(name, touched);
            on_cleanup(move || listener.remove());
        }
    });
}

/// A cookie as the browser takes it; over HTTPS it is sent over nothing else. Without seconds it stays until the browser
/// is closed.
fn line(name: &str, seconds: Option<u32>, is_secure: bool) -> String {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{name}=1; Path=/{age}; SameSite=Lax{secure}")
}

/// Whether a page asks by itself, as the lines of a request's cookies say.
pub fn is_unattended(cookies: &[&str]) -> bool {
    let has = |name: &str| cookies.iter().any(|line| cookie(line, name).is_some());
    has(SCRIPT_COOKIE) && !has(HERE_COOKIE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_of_a_page_over_https_is_sent_over_nothing_else() {
        assert_eq!(line("a", None, false), "a=1; Path=/; SameSite=Lax");
        assert_eq!(line("a", Some(30), true), "a=1; Path=/; Max-Age=30; SameSite=Lax; Secure");
    }

    #[test]
    fn only_a_script_with_nobody_before_it_asks_by_itself() {
        let cases: [(&[&str], bool); 6] = [
            (&["heddle_sid=x; heddle_script=1"], true),
            (&["heddle_sid=x; heddle_script=1; heddle_here=1"], false),
            // Over HTTP/2 cookies may come one by one.
            (&["heddle_sid=x", "heddle_script=1"], true),
            (&["heddle_here=1", "heddle_sid=x", "heddle_script=1"], false),
            (&["heddle_sid=x"], false),
            (&[], false),
        ];
        for (cookies, expect) in cases {
            assert_eq!(is_unattended(cookies), expect, "{cookies:?}");
        }
    }
}

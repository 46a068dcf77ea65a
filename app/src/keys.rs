//! Keys that work on every page. The module that every visit loads only listens; what a key opens comes with a part of
//! its own, which is asked for as soon as the key before it is pressed.
//!
//! Keys without a modifier do nothing while somebody types, and can be switched off (WCAG 2.1.4).

use leptos::__reexports::send_wrapper::SendWrapper;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

use crate::browser;
use crate::components::list::SEARCH;
use crate::palette::{Beside, Palette};
use crate::preferences;

/// Cookie by which keys without a modifier are switched off.
pub const SHORTCUTS_COOKIE: &str = "heddle_shortcuts";
/// Its value where they are.
pub const SHORTCUTS_OFF: &str = "off";
/// Time for the second key of a pair, in milliseconds.
const PAIR_MS: f64 = 1_500.0;
/// The second key after `g`, and the page it leads to.
const PAGES: [(&str, &str); 6] =
    [("o", "/"), ("c", "/chains"), ("h", "/hosts"), ("p", "/operations"), ("u", "/users"), ("a", "/audit")];

/// What a key opens over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    Palette,
    Keys,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Open(Opened),
    Search,
    /// The first key of a pair.
    Pair,
    Go(&'static str),
    Nothing,
}

/// A key as it was pressed.
struct Pressed<'a> {
    key: &'a str,
    /// Control, or the command key of a Mac.
    with_command: bool,
    /// Any other modifier but the one that makes capitals.
    with_other: bool,
    /// In a field, or in a question that stands over the page.
    is_taken: bool,
    after_pair: bool,
    are_on: bool,
}

impl Pressed<'_> {
    fn meant(&self) -> Meant {
        if self.with_command {
            let is_palette = self.key.eq_ignore_ascii_case("k") && !self.with_other;
            return if is_palette { Meant::Open(Opened::Palette) } else { Meant::Nothing };
        }
        if self.with_other || self.is_taken || !self.are_on {
            return Meant::Nothing;
        }
        let page = PAGES.iter().find(|(key, _)| self.after_pair && *key == self.key);
        match (self.key, page) {
            (_, Some((_, path))) => Meant::Go(path),
            ("/", None) => Meant::Search,
            ("?", None) => Meant::Open(Opened::Keys),
            ("g", None) => Meant::Pair,
            _ => Meant::Nothing,
        }
    }
}

/// Whether keys without a modifier do something here.
pub fn are_on() -> bool {
    preferences::kept(SHORTCUTS_COOKIE).as_deref() != Some(SHORTCUTS_OFF)
}

/// Listens for the keys of the page, and holds the place for what they open.
pub fn key_place() -> AnyView {
    let opened = RwSignal::new(None::<Opened>);
    // What has been opened once stays, closed.
    let is_there = Memo::new(move |before: Option<&bool>| before == Some(&true) || opened.get().is_some());
    let pair = StoredValue::new(None::<f64>);
    let navigate = use_navigate();
    let press = move |event: web_sys::KeyboardEvent| {
        let now = event.time_stamp();
        let key = event.key();
        if key == "Control" || key == "Meta" {
            leptos::task::spawn_local(crate::palette::preload());
            return;
        }
        let pressed = Pressed {
            key: &key,
            with_command: event.ctrl_key() || event.meta_key(),
            with_other: event.alt_key(),
            is_taken: is_taken(&event),
            after_pair: pair.get_value().is_some_and(|then| now - then < PAIR_MS),
            are_on: are_on(),
        };
        let meant = pressed.meant();
        pair.set_value((meant == Meant::Pair).then_some(now));
        match meant {
            Meant::Nothing | Meant::Pair => return,
            Meant::Open(what) => opened.set(Some(what)),
            Meant::Search if browser::has(SEARCH) => browser::focus(SEARCH),
            Meant::Search => opened.set(Some(Opened::Palette)),
            Meant::Go(path) => navigate(path, NavigateOptions::default()),
        }
        event.prevent_default();
    };
    Effect::new(move |_| {
        let press = press.clone();
        let listener = window_event_listener(leptos::ev::keydown, press);
        on_cleanup(move || listener.remove());
    });
    view! {
        {move || {
            is_there.get().then(|| {
                // Only a browser comes here, which has one thread.
                Suspend::new(SendWrapper::new(crate::palette::part(Beside::Palette(Palette { opened }))))
            })
        }}
    }
    .into_any()
}

/// Whether a key belongs to where it was pressed: to a field, or to what stands over the page.
fn is_taken(event: &web_sys::KeyboardEvent) -> bool {
    let at: Option<web_sys::HtmlElement> = event.target().and_then(|at| at.dyn_into().ok());
    let in_field = at.is_some_and(|at| {
        at.is_content_editable() || ["INPUT", "TEXTAREA", "SELECT"].contains(&at.tag_name().as_str())
    });
    in_field || event.is_composing() || browser::is_asking()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(key: &str) -> Pressed<'_> {
        Pressed {
            key,
            with_command: false,
            with_other: false,
            is_taken: false,
            after_pair: false,
            are_on: true,
        }
    }

    #[test]
    fn u9_keys_lead_to_pages_unless_somebody_types_or_has_switched_them_off() {
        assert_eq!(plain("/").meant(), Meant::Search);
        assert_eq!(plain("?").meant(), Meant::Open(Opened::Keys));
        assert_eq!(plain("g").meant(), Meant::Pair);
        assert_eq!(plain("c").meant(), Meant::Nothing);
        for (key, path) in PAGES {
            assert_eq!(Pressed { after_pair: true, ..plain(key) }.meant(), Meant::Go(path));
        }
        for key in ["/", "?", "g", "c"] {
            let quiet = [
                Pressed { is_taken: true, after_pair: true, ..plain(key) },
                Pressed { are_on: false, after_pair: true, ..plain(key) },
                Pressed { with_other: true, after_pair: true, ..plain(key) },
                Pressed { with_command: true, after_pair: true, ..plain(key) },
            ];
            assert!(quiet.iter().all(|pressed| pressed.meant() == Meant::Nothing), "{key}");
        }
    }

    #[test]
    fn u8_the_palette_opens_also_while_somebody_types() {
        for key in ["k", "K"] {
            let pressed = Pressed { with_command: true, is_taken: true, are_on: false, ..plain(key) };
            assert_eq!(pressed.meant(), Meant::Open(Opened::Palette));
        }
        assert_eq!(plain("k").meant(), Meant::Nothing);
    }
}

//! Language and theme: read from cookies before the first byte, changed without a reload, remembered in cookies.
//!
//! The server writes them as attributes of `<html>`; the browser reads them back from there, so that both start
//! from the same words. Neither is worth protecting: the cookies hold nothing else. Who is signed in has them kept by the
//! portal, too, and their time zone with them: they come as cookies with the sign-in.

use leptos::prelude::*;

use crate::browser;
use crate::text::Lang;

/// Cookie that holds the language.
pub const LANG_COOKIE: &str = "heddle_lang";
/// Cookie that holds the theme.
pub const THEME_COOKIE: &str = "heddle_theme";

/// Cookie that holds the time zone.
pub const ZONE_COOKIE: &str = "heddle_zone";

/// Colours of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    /// Every theme, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The word in the cookie and in `data-theme`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the word; anything unknown follows the system.
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text).unwrap_or(Self::System)
    }
}

/// What somebody chose to see.
#[derive(Clone, Copy)]
pub struct Preferences {
    pub lang: RwSignal<Lang>,
    pub theme: RwSignal<Theme>,
    /// IANA name; none: the browser's own.
    pub zone: RwSignal<Option<String>>,
}

impl Preferences {
    /// Takes over what the cookies say, as after a sign-in, which brings them. In the browser only.
    pub fn renew(self) {
        let cookies = browser::cookies();
        if let Some(lang) = cookie(&cookies, LANG_COOKIE).and_then(Lang::parse) {
            set_changed(self.lang, lang);
        }
        if let Some(theme) = cookie(&cookies, THEME_COOKIE).map(Theme::parse) {
            set_changed(self.theme, theme);
        }
        let zone = cookie(&cookies, ZONE_COOKIE).filter(|zone| domain::profile::is_zone(zone));
        set_changed(self.zone, zone.map(str::to_owned));
    }
}

fn set_changed<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|now| *now != value) {
        signal.set(value);
    }
}

/// Provides the preferences and keeps `<html>` and the cookies in step with them.
pub fn provide_preferences() -> Preferences {
    let (lang, theme) = initial();
    let preferences =
        Preferences { lang: RwSignal::new(lang), theme: RwSignal::new(theme), zone: RwSignal::new(None) };
    provide_context(preferences);
    Effect::new(move |before: Option<(Lang, Theme)>| {
        let now = (preferences.lang.get(), preferences.theme.get());
        if before.is_some_and(|before| before != now) {
            browser::set_root_attribute("lang", now.0.tag());
            browser::set_root_attribute("data-theme", now.1.as_str());
            browser::set_cookie(&cookie_line(LANG_COOKIE, now.0.tag()));
            browser::set_cookie(&cookie_line(THEME_COOKIE, now.1.as_str()));
        }
        now
    });
    preferences
}

/// How a choice is remembered for a year: the text of a `Set-Cookie` header, which a script may write as well.
pub fn cookie_line(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax")
}

/// What the request asks for: cookies first, then the browser's languages.
#[cfg(feature = "ssr")]
pub fn initial() -> (Lang, Theme) {
    use axum::http::header;
    let Some(parts) = use_context::<axum::http::request::Parts>() else {
        return (Lang::En, Theme::System);
    };
    let header =
        |name: header::HeaderName| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    asked(header(header::COOKIE), header(header::ACCEPT_LANGUAGE))
}

/// What a cookie of this browser holds.
#[cfg(feature = "ssr")]
pub fn kept(name: &str) -> Option<String> {
    let parts = use_context::<axum::http::request::Parts>()?;
    let lines = parts.headers.get_all(axum::http::header::COOKIE);
    lines.iter().filter_map(|line| line.to_str().ok()).find_map(|line| cookie(line, name)).map(str::to_owned)
}

/// What a cookie of this browser holds.
#[cfg(not(feature = "ssr"))]
pub fn kept(name: &str) -> Option<String> {
    cookie(&browser::cookies(), name).map(str::to_owned)
}

/// What the cookies say; else the first of the browser's languages that fits.
pub fn asked(cookies: &str, languages: &str) -> (Lang, Theme) {
    let lang =
        cookie(cookies, LANG_COOKIE).and_then(Lang::parse).unwrap_or_else(|| Lang::accepted(languages));
    (lang, cookie(cookies, THEME_COOKIE).map_or(Theme::System, Theme::parse))
}

/// What the server wrote into the page.
#[cfg(not(feature = "ssr"))]
pub fn initial() -> (Lang, Theme) {
    let lang = browser::root_attribute("lang").as_deref().and_then(Lang::parse).unwrap_or(Lang::En);
    (lang, Theme::parse(&browser::root_attribute("data-theme").unwrap_or_default()))
}

/// Finds a cookie in a `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, v)| v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let header = "x_heddle_lang=en; heddle_lang=zh-CN;heddle_theme=dark";
        assert_eq!(cookie(header, LANG_COOKIE), Some("zh-CN"));
        assert_eq!(cookie(header, THEME_COOKIE), Some("dark"));
        assert_eq!(cookie(header, "lang"), None);
    }

    #[test]
    fn cookies_come_before_the_browsers_languages() {
        assert_eq!(asked("", "zh"), (Lang::Zh, Theme::System));
        assert_eq!(asked("heddle_lang=en; heddle_theme=dark", "zh"), (Lang::En, Theme::Dark));
    }

    #[test]
    fn an_unknown_theme_follows_the_system() {
        assert_eq!(Theme::parse("neon"), Theme::System);
        for theme in Theme::ALL {
            assert_eq!(Theme::parse(theme.as_str()), theme);
        }
    }
}

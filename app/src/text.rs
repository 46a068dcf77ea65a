//! Every word on every page. One struct of texts per language: a text that one language lacks does not compile.
//!
//! Texts with values hold place-holders in braces; a test checks that both languages name the same ones.

use domain::Code;
use leptos::prelude::*;

use crate::api::{ApiError, Problem};
use crate::preferences::Preferences;

mod en;
mod table;
mod zh;

pub use table::Text;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    En,
    Zh,
}

impl Lang {
    /// Every language, in the order of the menu.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// Its tag in `lang` and in the cookie.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// Its name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "简体中文",
        }
    }

    /// Reads a tag: any kind of Chinese is Chinese, any kind of English is English.
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        match primary.as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The best of an `Accept-Language` header; English where nothing fits.
    pub fn accepted(header: &str) -> Self {
        let mut best = (Self::En, 0_u32);
        for part in header.split(',') {
            let mut pieces = part.split(';');
            let lang = pieces.next().and_then(Self::parse);
            let weight = pieces.find_map(|p| p.trim().strip_prefix("q=")).map_or(1_000, thousandths);
            if let Some(lang) = lang.filter(|_| weight > best.1) {
                best = (lang, weight);
            }
        }
        best.0
    }

    /// Its texts.
    pub fn text(self) -> &'static Text {
        match self {
            Self::En => &en::TEXT,
            Self::Zh => &zh::TEXT,
        }
    }

    /// The sentence of a code, with its remedy and place-holders.
    pub fn code(self, code: Code) -> &'static str {
        match self {
            Self::En => en::error::code(code),
            Self::Zh => zh::error::code(code),
        }
    }

    /// The words of an operation's name; an unknown one stays as it is.
    pub fn operation(self, name: &str) -> &str {
        match self {
            Self::En => en::operation::operation(name),
            Self::Zh => zh::operation::operation(name),
        }
        .unwrap_or(name)
    }

    /// The words of a step's name; an unknown one stays as it is.
    pub fn step(self, name: &str) -> &str {
        match self {
            Self::En => en::operation::step(name),
            Self::Zh => zh::operation::step(name),
        }
        .unwrap_or(name)
    }
}

/// `0.8` as 800; anything unreadable counts nothing.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole), Ok(rest)) => whole.saturating_mul(1_000).saturating_add(rest),
        _ => 0,
    }
}

/// The language of the page as a signal.
pub fn use_lang() -> Signal<Lang> {
    match use_context::<Preferences>() {
        Some(preferences) => preferences.lang.into(),
        None => Signal::stored(Lang::En),
    }
}

/// A text that follows the language: `{tr(|t| t.hosts)}`.
pub fn tr(
    pick: fn(&'static Text) -> &'static str,
) -> impl Fn() -> &'static str + Copy + Send + Sync + 'static {
    let lang = use_lang();
    move || pick(lang.get().text())
}

/// The same as a signal, for the properties of components.
pub fn words(pick: fn(&'static Text) -> &'static str) -> Signal<String> {
    let lang = use_lang();
    Signal::derive(move || pick(lang.get().text()).to_owned())
}

/// A sentence that is put together and follows the language.
pub fn say(
    make: impl Fn(&'static Text) -> String + Send + Sync + 'static,
) -> impl Fn() -> String + Send + Sync + 'static {
    let lang = use_lang();
    move || make(lang.get().text())
}

/// The same for sentences that need the language itself.
pub fn say_in(
    make: impl Fn(Lang) -> String + Send + Sync + 'static,
) -> impl Fn() -> String + Send + Sync + 'static {
    let lang = use_lang();
    move || make(lang.get())
}

/// Puts values into a text's place-holders.
pub fn fill<V: AsRef<str>>(template: &str, values: &[(&str, V)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value.as_ref());
    }
    text
}

/// The sentence of an error.
pub fn error_text(lang: Lang, error: &ApiError) -> String {
    match &error.problem {
        Problem::Refused(error) => refusal_text(lang, error),
        Problem::Lost => lang.text().lost.to_owned(),
        Problem::Malformed => lang.text().malformed.to_owned(),
    }
}

/// The sentence of a refusal. What an engine or Fabric said stands behind it, in their own words.
pub fn refusal_text(lang: Lang, error: &domain::Error) -> String {
    let values: Vec<(&str, &String)> = error.values.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let sentence = without_holes(&fill(lang.code(error.code), &values));
    let unsaid = |value: &&String| !value.is_empty() && !sentence.contains(value.as_str());
    let details: Vec<&str> = error.values.values().filter(unsaid).map(String::as_str).collect();
    if details.is_empty() { sentence } else { format!("{sentence} ({})", details.join(" · ")) }
}

/// Drops place-holders that got no value, so that no brace is ever shown.
fn without_holes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, after)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push('…');
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The sentence of a code that came as text; none for codes that this version does not know.
pub fn code_text(lang: Lang, code: &str) -> Option<String> {
    let code: Code = serde_json::from_value(serde_json::Value::String(code.to_owned())).ok()?;
    Some(without_holes(lang.code(code)))
}

#[cfg(test)]
mod tests;

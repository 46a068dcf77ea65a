//! Every word on every page. One struct of texts per language: a text that one language lacks does not compile.
//!
//! Texts with values hold place-holders in braces; a test checks that both languages name the same ones.

use std::collections::BTreeMap;

use domain::Code;
use domain::chain::ChainState;
use domain::node::NodeState;
use leptos::prelude::*;

use crate::api::{ApiError, Problem};
use crate::components::badge::{chain_state, node_state};
use crate::preferences::Preferences;

mod en;
mod table;
mod zh;

pub use table::{
    AccountText, AllowanceText, AuditText, ClusterText, CodeText, DeployingText, ExpiryText, HistoryText,
    HolderText, HostingText, KeyText, ListText, NodeText, NoticeText, PeopleText, PoolText, StatsText,
    TemplateText, Text,
};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    En,
    Zh,
}

/// What only some pages say stands in tables of its own, reached by calls: it is loaded with those pages, while whatever a
/// table holds itself is loaded with the first one.
impl Text {
    /// About the record of who did what.
    pub fn audit(&self) -> &'static AuditText {
        match self.lang {
            Lang::En => &en::audit::TEXT,
            Lang::Zh => &zh::audit::TEXT,
        }
    }

    /// About clusters, for whoever keeps hosts.
    pub fn cluster(&self) -> &'static ClusterText {
        match self.lang {
            Lang::En => &en::cluster::TEXT,
            Lang::Zh => &zh::cluster::TEXT,
        }
    }

    /// About one's own account.
    pub fn own(&self) -> &'static AccountText {
        match self.lang {
            Lang::En => &en::account::TEXT,
            Lang::Zh => &zh::account::TEXT,
        }
    }

    /// Around the sign-in.
    pub fn code(&self) -> &'static CodeText {
        match self.lang {
            Lang::En => &en::code::TEXT,
            Lang::Zh => &zh::code::TEXT,
        }
    }

    /// About how a host or a chain did.
    pub fn history(&self) -> &'static HistoryText {
        match self.lang {
            Lang::En => &en::history::TEXT,
            Lang::Zh => &zh::history::TEXT,
        }
    }

    /// About adding and keeping hosts, for whoever does.
    pub fn hosting(&self) -> &'static HostingText {
        match self.lang {
            Lang::En => &en::hosting::TEXT,
            Lang::Zh => &zh::hosting::TEXT,
        }
    }

    /// About deploying chaincode.
    pub fn deploying(&self) -> &'static DeployingText {
        match self.lang {
            Lang::En => &en::deploying::TEXT,
            Lang::Zh => &zh::deploying::TEXT,
        }
    }

    /// About the end of a session.
    pub fn expiry(&self) -> &'static ExpiryText {
        match self.lang {
            Lang::En => &en::expiry::TEXT,
            Lang::Zh => &zh::expiry::TEXT,
        }
    }

    /// Of the palette and the keys.
    pub fn keys(&self) -> &'static KeyText {
        match self.lang {
            Lang::En => &en::keys::TEXT,
            Lang::Zh => &zh::keys::TEXT,
        }
    }

    /// Around long lists.
    pub fn list(&self) -> &'static ListText {
        match self.lang {
            Lang::En => &en::list::TEXT,
            Lang::Zh => &zh::list::TEXT,
        }
    }

    /// About one node.
    pub fn node(&self) -> &'static NodeText {
        match self.lang {
            Lang::En => &en::node::TEXT,
            Lang::Zh => &zh::node::TEXT,
        }
    }

    /// About notices.
    pub fn notice(&self) -> &'static NoticeText {
        match self.lang {
            Lang::En => &en::notice::TEXT,
            Lang::Zh => &zh::notice::TEXT,
        }
    }

    /// About figures; for the server, which draws them.
    pub fn stats(&self) -> &'static StatsText {
        match self.lang {
            Lang::En => &en::stats::TEXT,
            Lang::Zh => &zh::stats::TEXT,
        }
    }

    /// About people, for whoever keeps them and for whoever is new.
    pub fn people(&self) -> &'static PeopleText {
        match self.lang {
            Lang::En => &en::people::TEXT,
            Lang::Zh => &zh::people::TEXT,
        }
    }

    /// About getting a chain from the pool.
    pub fn pool(&self) -> &'static PoolText {
        match self.lang {
            Lang::En => &en::pool::TEXT,
            Lang::Zh => &zh::pool::TEXT,
        }
    }

    /// About whose a chain is.
    pub fn holder(&self) -> &'static HolderText {
        match self.lang {
            Lang::En => &en::pool::HOLDER,
            Lang::Zh => &zh::pool::HOLDER,
        }
    }

    /// About what somebody may have, for pages of other things.
    pub fn allowance(&self) -> &'static AllowanceText {
        match self.lang {
            Lang::En => &en::pool::ALLOWANCE,
            Lang::Zh => &zh::pool::ALLOWANCE,
        }
    }

    /// About templates and pools.
    pub fn template(&self) -> &'static TemplateText {
        match self.lang {
            Lang::En => &en::template::TEXT,
            Lang::Zh => &zh::template::TEXT,
        }
    }
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

/// Puts values into a text's place-holders, each once: what a value holds is never taken for a place-holder. One that got
/// no value is shown as an ellipsis.
pub fn fill<V: AsRef<str>>(template: &str, values: &[(&str, V)]) -> String {
    filled(template, &|name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref()))
}

fn filled<'a>(template: &str, value_of: &dyn Fn(&str) -> Option<&'a str>) -> String {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                out.push_str(value_of(name).unwrap_or("…"));
                rest = behind;
            }
            // A brace of the text itself, as in an example of what to type.
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The sentence of an error.
pub fn error_text(lang: Lang, error: &ApiError) -> String {
    match &error.problem {
        Problem::Refused(error) => refusal_text(lang, error),
        Problem::Lost => lang.text().lost.to_owned(),
        Problem::Malformed => lang.text().malformed.to_owned(),
    }
}

/// The sentence of a refusal.
pub fn refusal_text(lang: Lang, error: &domain::Error) -> String {
    sentence(lang, error.code, &error.values)
}

/// The sentence of a code that came as text, with what it names; none for codes that this version does not know.
pub fn code_text(lang: Lang, code: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let code: Code = serde_json::from_value(serde_json::Value::String(code.to_owned())).ok()?;
    Some(sentence(lang, code, values))
}

/// The sentence of a code. Values that it does not name, such as what an engine or Fabric said, stand behind it.
fn sentence(lang: Lang, code: Code, values: &BTreeMap<String, String>) -> String {
    let worded = |value: &String| match code {
        Code::ChainState => chain_states(lang, value),
        Code::NodeNotRunning => state_of_node(lang, value),
        _ => value.clone(),
    };
    let values: Vec<(&str, String)> = values.iter().map(|(k, v)| (k.as_str(), worded(v))).collect();
    let sentence = fill(lang.code(code), &values);
    let unsaid = |value: &&str| !value.is_empty() && !sentence.contains(value);
    let details: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).filter(unsaid).collect();
    if details.is_empty() { sentence } else { format!("{sentence} ({})", details.join(" · ")) }
}

/// States of chains, as a list, in the language's own words.
fn chain_states(lang: Lang, words: &str) -> String {
    let word = |word: &str| {
        let state = ChainState::ALL.into_iter().find(|state| state.as_str() == word);
        state.map_or_else(|| word.to_owned(), |state| chain_state(state).1(lang.text()).to_owned())
    };
    let comma = match lang {
        Lang::En => ", ",
        Lang::Zh => "、",
    };
    words.split(", ").map(word).collect::<Vec<_>>().join(comma)
}

/// The state of a node in the language's own words; an unknown one stays as it is.
fn state_of_node(lang: Lang, word: &str) -> String {
    let state = NodeState::ALL.into_iter().find(|state| state.as_str() == word);
    state.map_or_else(|| word.to_owned(), |state| node_state(state).1(lang.text()).to_owned())
}

#[cfg(test)]
mod tests;

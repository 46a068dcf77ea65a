//! What the palette offers of itself: pages and actions within the rights of whoever looks, language and theme.

use domain::permission::{Action, Noun};

use crate::preferences::Theme;
use crate::text::{Lang, Text};

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Go(String),
    Speak(Lang),
    Look(Theme),
    /// Shows the keys.
    Keys,
}

/// One line of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is, in the language of the page.
    pub kind: &'static str,
    pub label: String,
    pub detail: String,
    pub deed: Deed,
}

impl Entry {
    /// Whether its words hold all that was typed, which is in lower case.
    pub fn fits(&self, wanted: &str) -> bool {
        let words = format!("{} {}", self.kind, self.label).to_lowercase();
        wanted.split_whitespace().all(|part| words.contains(part))
    }
}

/// The entries that need no search.
pub fn fixed(text: &'static Text, can: &dyn Fn(Action, Noun) -> bool) -> Vec<Entry> {
    type Page = (&'static str, &'static str, Option<(Action, Noun)>);
    let keys = text.keys();
    let pages: [Page; 8] = [
        ("/", text.overview, None),
        ("/chains", text.chains, Some((Action::List, Noun::Chain))),
        ("/hosts", text.hosts, Some((Action::List, Noun::Host))),
        ("/operations", text.operations, Some((Action::List, Noun::Operation))),
        ("/users", text.users, Some((Action::List, Noun::User))),
        ("/audit", text.audit, Some((Action::List, Noun::Audit))),
        ("/notices", text.notices, None),
        ("/account", text.account_page, None),
    ];
    let actions: [Page; 3] = [
        ("/apply", text.allowance().get_chain, None),
        ("/chains/new", text.create_chain, Some((Action::Create, Noun::Chain))),
        ("/hosts/new", text.add_host, Some((Action::Create, Noun::Host))),
    ];
    let entry =
        |kind, label: &str, deed| Entry { kind, label: label.to_owned(), detail: String::new(), deed };
    let may = |(_, _, right): &Page| right.is_none_or(|(action, noun)| can(action, noun));
    let go = |kind| move |(path, label, _): Page| entry(kind, label, Deed::Go(path.to_owned()));
    let languages = Lang::ALL.map(|lang| entry(text.language, lang.own_name(), Deed::Speak(lang)));
    let themes = Theme::ALL.map(|theme| {
        let word = match theme {
            Theme::System => text.theme_system,
            Theme::Light => text.theme_light,
            Theme::Dark => text.theme_dark,
        };
        entry(text.theme, word, Deed::Look(theme))
    });
    let pages = pages.into_iter().filter(may).map(go(keys.page));
    let actions = actions.into_iter().filter(may).map(go(keys.action));
    let help = [
        entry(keys.action, keys.keys, Deed::Keys),
        entry(keys.page, text.help, Deed::Go("/help".to_owned())),
    ];
    pages.chain(actions).chain(languages).chain(themes).chain(help).collect()
}

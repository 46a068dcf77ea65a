//! What keys open over the page: the palette, which leads anywhere by a few letters, and the list of the keys. Both come
//! in a part of their own with the first key that asks for one.

use domain::search::{Hit, HitKind};
use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::search::search;
use crate::browser;
use crate::components::load::with_session;
use crate::expiry;
use crate::keys::Opened;
use crate::preferences::Preferences;
use crate::session::Me;
use crate::text::{Lang, tr, use_lang};

mod entries;
mod shortcuts;

use entries::{Deed, Entry, fixed};

/// How long somebody pauses who has typed what they look for.
const TYPED: std::time::Duration = std::time::Duration::from_millis(150);
/// Most entries at once.
const ENTRIES_MAX: usize = 24;

/// What is open.
#[derive(Clone, Copy)]
pub struct Palette {
    pub opened: RwSignal<Option<Opened>>,
}

impl Palette {
    /// A dialog has closed; another one may be open by now.
    fn close(self, which: Opened) {
        if self.opened.get_untracked() == Some(which) {
            self.opened.set(None);
        }
    }
}

/// What stands beside every page and is loaded after it, in one part: for each further part the browser would have to load
/// more and smaller files of what parts share.
#[derive(Clone, Copy)]
pub enum Beside {
    Palette(Palette),
    /// The end of the session; the signal says that it has ended.
    Expiry(RwSignal<bool>),
}

#[lazy]
fn beside_part(which: Beside) -> AnyView {
    match which {
        Beside::Palette(palette) => view! {
            {with_session(move |me| dialog(palette, me))}
            {shortcuts::dialog(palette)}
        }
        .into_any(),
        Beside::Expiry(ended) => expiry::watched(ended),
    }
}

/// The part, once it is there.
pub async fn part(which: Beside) -> AnyView {
    beside_part(which).await
}

/// Has the browser fetch the part.
pub async fn preload() {
    #[cfg(feature = "hydrate")]
    __preload_beside_part().await;
}

/// Opens and closes a dialog with the signal, and the signal with the dialog.
fn follow(palette: Palette, which: Opened, node: NodeRef<html::Dialog>, open: impl Fn() + 'static) {
    Effect::new(move |_| {
        // Read first, so that this is asked again when the element is there.
        let is_there = node.get().is_some();
        match palette.opened.get() == Some(which) {
            true if is_there => {
                open();
                browser::show_dialog(node);
            }
            true => {}
            false => browser::close_dialog(node),
        }
    });
}

/// What is typed and found, and which entry is marked.
#[derive(Clone, Copy)]
struct Looked {
    typed: RwSignal<String>,
    hits: RwSignal<Vec<Hit>>,
    marked: RwSignal<usize>,
    pending: StoredValue<Option<TimeoutHandle>>,
}

impl Looked {
    fn type_in(self, text: String) {
        self.marked.set(0);
        self.typed.set(text.clone());
        if let Some(before) = self.pending.get_value() {
            before.clear();
        }
        if text.trim().is_empty() {
            self.hits.set(Vec::new());
            return;
        }
        let ask = move || {
            leptos::task::spawn_local(async move {
                let found = search(text.clone()).await.unwrap_or_default();
                // Another answer is awaited when something else is typed by now.
                if self.typed.try_with_untracked(|typed| *typed == text) == Some(true) {
                    self.hits.set(found);
                }
            });
        };
        self.pending.set_value(set_timeout_with_handle(ask, TYPED).ok());
    }
}

fn dialog(palette: Palette, me: Me) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    let looked = Looked {
        typed: RwSignal::new(String::new()),
        hits: RwSignal::new(Vec::new()),
        marked: RwSignal::new(0),
        pending: StoredValue::new(None),
    };
    follow(palette, Opened::Palette, node, move || looked.type_in(String::new()));
    let lang = use_lang();
    let entries = Memo::new(move |_| {
        let lang = lang.get();
        let text = lang.text();
        let wanted = looked.typed.read().trim().to_lowercase();
        let own = fixed(text, &|action, noun| me.can(action, noun));
        let fits = own.into_iter().filter(|entry| entry.fits(&wanted));
        fits.chain(looked.hits.get().into_iter().map(|hit| found(lang, hit)))
            .take(ENTRIES_MAX)
            .collect::<Vec<_>>()
    });
    let run = runner(palette);
    let press = keyboard(entries, looked, run);
    let option = move |at: usize| format!("palette-{at}");
    let active = move || {
        let (at, count) = (looked.marked.get(), entries.with(Vec::len));
        (at < count).then(|| option(at))
    };
    view! {
        <dialog
            class="dialog palette"
            node_ref=node
            aria-label=tr(|t| t.keys().palette)
            on:close=move |_| palette.close(Opened::Palette)
        >
            <input
                type="text"
                id="palette-text"
                role="combobox"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-autocomplete="list"
                aria-activedescendant=active
                aria-label=tr(|t| t.keys().palette)
                placeholder=tr(|t| t.keys().palette_hint)
                autocomplete="off"
                autofocus=true
                spellcheck="false"
                prop:value=move || looked.typed.get()
                on:input:target=move |event| looked.type_in(event.target().value())
                on:keydown=press
            />
            <ul id="palette-list" role="listbox" aria-label=tr(|t| t.keys().palette)>
                {move || listed(&entries.read(), looked, run)}
            </ul>
            <p class="muted small" role="status">
                {move || entries.read().is_empty().then(|| tr(|t| t.keys().nothing))}
            </p>
        </dialog>
    }
    .into_any()
}

/// What the arrows and the enter key do while somebody types.
fn keyboard(
    entries: Memo<Vec<Entry>>,
    looked: Looked,
    run: Callback<Deed>,
) -> impl Fn(web_sys::KeyboardEvent) {
    move |event: web_sys::KeyboardEvent| {
        let count = entries.with_untracked(Vec::len);
        let marked = looked.marked.get_untracked();
        let mark = |at: usize| {
            looked.marked.set(at);
            browser::show_in_sight(&format!("palette-{at}"));
        };
        match event.key().as_str() {
            // Among the letters of a word that is not finished they choose a letter.
            _ if event.is_composing() => return,
            "ArrowDown" => mark(step(marked, count, true)),
            "ArrowUp" => mark(step(marked, count, false)),
            "Enter" => {
                if let Some(entry) = entries.with_untracked(|all| all.get(marked).cloned()) {
                    run.run(entry.deed);
                }
            }
            _ => return,
        }
        event.prevent_default();
    }
}

fn listed(entries: &[Entry], looked: Looked, run: Callback<Deed>) -> impl IntoView + use<> {
    let option = |(at, entry): (usize, &Entry)| {
        let Entry { kind, label, detail, deed } = entry.clone();
        let is_marked = move || looked.marked.get() == at;
        view! {
            <li
                id=format!("palette-{at}")
                role="option"
                class="palette-entry"
                aria-selected=move || is_marked().to_string()
                on:click=move |_| run.run(deed.clone())
            >
                <span class="muted small palette-kind">{kind}</span>
                <span>{label}</span>
                <span class="muted small">{detail}</span>
            </li>
        }
    };
    entries.iter().enumerate().map(option).collect_view()
}

/// The next entry, or the one before; after the last one comes the first.
fn step(at: usize, count: usize, is_down: bool) -> usize {
    match (at, is_down) {
        (at, true) if at + 1 < count => at + 1,
        (_, true) => 0,
        (0, false) => count.saturating_sub(1),
        (at, false) => at - 1,
    }
}

/// Does what an entry stands for, and closes the palette.
fn runner(palette: Palette) -> Callback<Deed> {
    let (navigate, preferences) = (use_navigate(), use_context::<Preferences>());
    Callback::new(move |deed: Deed| {
        palette.opened.set(None);
        match (deed, preferences) {
            (Deed::Go(path), _) => navigate(&path, NavigateOptions::default()),
            (Deed::Keys, _) => palette.opened.set(Some(Opened::Keys)),
            (Deed::Speak(lang), Some(preferences)) => preferences.lang.set(lang),
            (Deed::Look(theme), Some(preferences)) => preferences.theme.set(theme),
            (Deed::Speak(_) | Deed::Look(_), None) => {}
        }
    })
}

/// A hit as an entry.
fn found(lang: Lang, hit: Hit) -> Entry {
    let text = lang.text();
    let kind = match hit.kind {
        HitKind::Chain => text.keys().chain,
        HitKind::Host => text.host,
        HitKind::Node => text.keys().node,
        HitKind::Operation => text.operation,
        HitKind::Transaction => text.transaction,
        HitKind::Block => text.block,
    };
    let label = match hit.kind {
        HitKind::Operation => lang.operation(&hit.label).to_owned(),
        _ => hit.label,
    };
    Entry { kind, label, detail: hit.detail, deed: Deed::Go(hit.href) }
}

#[cfg(test)]
mod tests {
    use domain::permission::{Action as Act, Noun};

    use super::*;
    use crate::preferences::Theme;

    #[test]
    fn arrows_go_round() {
        for (at, count, is_down, next) in [
            (0, 3, true, 1),
            (2, 3, true, 0),
            (0, 3, false, 2),
            (2, 3, false, 1),
            (0, 0, true, 0),
            (0, 0, false, 0),
        ] {
            assert_eq!(step(at, count, is_down), next, "{at} of {count}");
        }
    }

    #[test]
    fn u8_the_palette_offers_what_a_role_may_do_in_both_languages() {
        for lang in Lang::ALL {
            let all = fixed(lang.text(), &|_, _| true);
            let few = fixed(lang.text(), &|action, noun| (action, noun) == (Act::List, Noun::Chain));
            let leads = |entries: &[Entry], path: &str| {
                entries.iter().any(|entry| entry.deed == Deed::Go(path.to_owned()))
            };
            assert!(leads(&all, "/users") && leads(&all, "/hosts/new") && leads(&all, "/chains/new"));
            assert!(leads(&few, "/chains") && leads(&few, "/"));
            assert!(!leads(&few, "/users") && !leads(&few, "/hosts/new") && !leads(&few, "/chains/new"));
            for theme in Theme::ALL {
                assert!(few.iter().any(|entry| entry.deed == Deed::Look(theme)));
            }
        }
        let all = fixed(Lang::En.text(), &|_, _| true);
        let entry = &all[1];
        assert!(entry.fits("") && entry.fits("chai") && !entry.fits("zzz"), "{entry:?}");
    }
}

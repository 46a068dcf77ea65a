//! The list of the keys, with the switch for those without a modifier.

use leptos::html;
use leptos::prelude::*;

use super::{Palette, follow};
use crate::browser;
use crate::components::field::CheckField;
use crate::keys::{Opened, SHORTCUTS_COOKIE, SHORTCUTS_OFF, are_on};
use crate::preferences::cookie_line;
use crate::text::{Text, tr, words};

/// Keys, one after another or together, and what they do.
type Told = (&'static [&'static str], fn(&'static Text) -> &'static str);

/// The keys in the order in which they are told.
const KEYS: [Told; 9] = [
    (&["Ctrl", "K"], |t| t.keys().palette),
    (&["/"], |t| t.keys().to_search),
    (&["?"], |t| t.keys().keys),
    (&["g", "o"], |t| t.overview),
    (&["g", "c"], |t| t.chains),
    (&["g", "h"], |t| t.hosts),
    (&["g", "p"], |t| t.operations),
    (&["g", "u"], |t| t.users),
    (&["g", "a"], |t| t.audit),
];

/// The dialog.
pub fn dialog(palette: Palette) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    let single = RwSignal::new(are_on());
    follow(palette, Opened::Keys, node, move || single.set(are_on()));
    Effect::new(move |before: Option<bool>| {
        let now = single.get();
        if before.is_some_and(|before| before != now) {
            let word = if now { "on" } else { SHORTCUTS_OFF };
            browser::set_cookie(&cookie_line(SHORTCUTS_COOKIE, word));
        }
        now
    });
    let rows = KEYS
        .into_iter()
        .map(|(keys, label)| {
            let keys = keys.iter().map(|key| view! { <kbd>{*key}</kbd> " " }).collect_view();
            view! { <dt>{keys}</dt> <dd>{tr(label)}</dd> }
        })
        .collect_view();
    view! {
        <dialog
            class="dialog"
            node_ref=node
            aria-label=tr(|t| t.keys().keys)
            on:close=move |_| palette.close(Opened::Keys)
        >
            <h2>{tr(|t| t.keys().keys)}</h2>
            <dl class="facts">{rows}</dl>
            <CheckField id="single-keys" label=words(|t| t.keys().single) value=single/>
            <form method="dialog" class="row end">
                <button type="submit" class="button" autofocus=true>{tr(|t| t.close)}</button>
            </form>
        </dialog>
    }
    .into_any()
}

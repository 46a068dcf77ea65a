//! Menus: a button and a panel that the browser opens, closes and keeps on top by itself (`popover`); they work
//! before WebAssembly has arrived. What is chosen then goes to the server as a form, and the page comes anew.

use leptos::prelude::*;

use super::icon::{Icon, icon};
use crate::browser;
use crate::preferences::{Preferences, Theme};
use crate::text::{Lang, tr, words};

/// A menu. Its label names the button; `text` stands beside the icon.
#[component]
pub fn Menu(
    id: &'static str,
    #[prop(into)] label: Signal<String>,
    picture: Icon,
    #[prop(optional, into)] text: Option<String>,
    children: Children,
) -> impl IntoView {
    let shown = text.clone();
    // What is read out holds what is seen, so that speech control finds the button by it.
    let spoken = move || match &shown {
        Some(text) => format!("{} {text}", label.get()),
        None => label.get(),
    };
    view! {
        <button type="button" class="menu" popovertarget=id aria-label=spoken title=label>
            {icon(picture)}
            {text.map(|text| view! { <span>{text}</span> })}
        </button>
        <div id=id class="menu-panel" popover="auto">{children()}</div>
    }
}

/// Where a choice goes without a script.
const FORM: &str = "/preferences";
const LANGUAGES: &str = "menu-language";
const THEMES: &str = "menu-theme";

/// Takes a choice in place of the form that the browser would send.
fn taken(event: &leptos::ev::MouseEvent, menu: &str) {
    event.prevent_default();
    browser::hide_panel(menu);
}

/// Language and theme, side by side.
#[component]
pub fn PreferenceMenus() -> impl IntoView {
    let Some(preferences) = use_context::<Preferences>() else { return ().into_any() };
    let languages = Lang::ALL
        .into_iter()
        .map(|lang| {
            view! {
                <button
                    type="submit"
                    class="menu-item"
                    name="language"
                    value=lang.tag()
                    lang=lang.tag()
                    aria-pressed=move || (preferences.lang.get() == lang).to_string()
                    on:click=move |event| {
                        taken(&event, LANGUAGES);
                        preferences.lang.set(lang);
                    }
                >
                    {lang.own_name()}
                </button>
            }
        })
        .collect_view();
    let themes = Theme::ALL
        .into_iter()
        .map(|theme| {
            let word = match theme {
                Theme::System => tr(|t| t.theme_system),
                Theme::Light => tr(|t| t.theme_light),
                Theme::Dark => tr(|t| t.theme_dark),
            };
            view! {
                <button
                    type="submit"
                    class="menu-item"
                    name="theme"
                    value=theme.as_str()
                    aria-pressed=move || (preferences.theme.get() == theme).to_string()
                    on:click=move |event| {
                        taken(&event, THEMES);
                        preferences.theme.set(theme);
                    }
                >
                    {word}
                </button>
            }
        })
        .collect_view();
    view! {
        <Menu id=LANGUAGES label=words(|t| t.language) picture=Icon::Language>
            <form method="post" action=FORM>{languages}</form>
        </Menu>
        <Menu id=THEMES label=words(|t| t.theme) picture=Icon::Theme>
            <form method="post" action=FORM>{themes}</form>
        </Menu>
    }
    .into_any()
}

//! Menus for language and theme. Both are plain groups of buttons in a `<details>`, reachable by keyboard.

use leptos::prelude::*;

use super::icon::{Icon, icon};
use crate::preferences::{Preferences, Theme};
use crate::text::{Lang, tr};

/// Language and theme, side by side.
#[component]
pub fn PreferenceMenus() -> impl IntoView {
    let Some(preferences) = use_context::<Preferences>() else { return ().into_any() };
    let languages = Lang::ALL
        .into_iter()
        .map(|lang| {
            view! {
                <button
                    type="button"
                    class="menu-item"
                    lang=lang.tag()
                    aria-pressed=move || (preferences.lang.get() == lang).to_string()
                    on:click=move |_| preferences.lang.set(lang)
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
                    type="button"
                    class="menu-item"
                    aria-pressed=move || (preferences.theme.get() == theme).to_string()
                    on:click=move |_| preferences.theme.set(theme)
                >
                    {word}
                </button>
            }
        })
        .collect_view();
    view! {
        <details class="menu" name="menu">
            <summary aria-label=tr(|t| t.language) title=tr(|t| t.language)>{icon(Icon::Language)}</summary>
            <div class="menu-panel">{languages}</div>
        </details>
        <details class="menu" name="menu">
            <summary aria-label=tr(|t| t.theme) title=tr(|t| t.theme)>{icon(Icon::Theme)}</summary>
            <div class="menu-panel">{themes}</div>
        </details>
    }
    .into_any()
}

//! The page for an address that leads nowhere: says so, with status 404.

use leptos::prelude::*;

use crate::api::page_status;
use crate::components::menu::PreferenceMenus;
use crate::components::notice::problem_card;
use crate::text::tr;

/// 404.
#[component]
pub fn NotFound() -> impl IntoView {
    page_status(404);
    super::split::tell_ready();
    view! {
        <header class="top">
            <a class="brand" href="/">{tr(|t| t.brand)}</a>
            <div class="top-end"><PreferenceMenus/></div>
        </header>
        <main id="main" class="bare" tabindex="-1">{problem_card(super::not_found())}</main>
    }
}

//! The frame of a page: title, bread crumbs, actions, content.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::text::tr;

/// One crumb: words and address.
pub type Crumb = (Signal<String>, String);

/// A page. The last crumb is the page itself and stands as its heading.
#[component]
pub fn Page(
    #[prop(into)] title: Signal<String>,
    #[prop(optional)] crumbs: Vec<Crumb>,
    #[prop(optional, into)] actions: Option<AnyView>,
    /// The first page has nothing above it.
    #[prop(optional)]
    is_first: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <Title text=move || format!("{} · Heddle", title.get())/>
        {(!is_first).then(|| trail(crumbs, title))}
        <header class="page-head">
            <h1>{title}</h1>
            <div class="row">{actions}</div>
        </header>
        {children()}
    }
}

fn trail(crumbs: Vec<Crumb>, title: Signal<String>) -> AnyView {
    let items = crumbs
        .into_iter()
        .map(|(words, address)| view! { <li><a href=address>{words}</a></li> })
        .collect_view();
    view! {
        <nav class="crumbs" aria-label=tr(|t| t.crumbs)>
            <ol>
                <li><a href="/">{tr(|t| t.overview)}</a></li>
                {items}
                <li aria-current="page">{title}</li>
            </ol>
        </nav>
    }
    .into_any()
}

/// What a list shows while it holds nothing: what it is, and the one next step.
pub fn empty(
    title: fn(&'static crate::text::Text) -> &'static str,
    hint: fn(&'static crate::text::Text) -> &'static str,
    action: Option<AnyView>,
) -> AnyView {
    view! {
        <div class="empty">
            <p class="empty-title">{tr(title)}</p>
            <p class="muted">{tr(hint)}</p>
            {action}
        </div>
    }
    .into_any()
}

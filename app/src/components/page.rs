//! The frame of a page: title, bread crumbs, actions, content.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::browser;
use crate::help::section_of;
use crate::text::tr;

/// One crumb: words and address.
pub type Crumb = (Signal<String>, String);

/// The path of the page that was shown last: a page that is made anew, with other data or another query, is the same.
#[derive(Clone, Copy)]
pub struct Arrivals(StoredValue<Option<String>>);

impl Arrivals {
    /// Makes it known to the pages below.
    pub fn provide() {
        provide_context(Self(StoredValue::new(None)));
    }

    /// Notes the path of what is shown, and tells whether it came in the place of another page. The first one did not:
    /// there the browser itself decides what has the focus.
    fn is_next(self, path: &str) -> bool {
        let next = |last: &mut Option<String>| last.replace(path.to_owned()).is_some_and(|last| last != path);
        self.0.try_update_value(next).unwrap_or(false)
    }
}

/// The document's title. The server writes it into the head, as words and not as a signal: leptos_meta reads it after
/// the rendering, when the thread may hold the signals of another answer. In the browser it is set as it changes:
/// leptos_meta would keep the title of every rebuilt page for ever. With a title comes a page, whose heading takes the
/// focus: the link that led there is gone or stands elsewhere, and nobody would hear that the page is another one.
#[component]
pub fn Titled(#[prop(into)] text: Signal<String>) -> impl IntoView {
    Effect::new(move |_| browser::set_title(&titled(&text.read())));
    // The address bar follows later than the router.
    let (arrivals, path) = (use_context::<Arrivals>(), use_location().pathname);
    Effect::new(move |_| {
        if arrivals.is_some_and(|arrivals| arrivals.is_next(&path.read_untracked())) {
            browser::focus_heading();
        }
    });
    // Its words go to the head as soon as it is made; as a view it is nothing, as in the browser.
    #[cfg(feature = "ssr")]
    drop(view! { <leptos_meta::Title text=written(&titled(&text.read_untracked()))/> });
}

/// A title as it is written into a page: leptos_meta puts it there as it is, and one that somebody chose may hold markup.
#[cfg(feature = "ssr")]
fn written(title: &str) -> String {
    title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn titled(text: &str) -> String {
    format!("{text} · Heddle")
}

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
        <Titled text=title/>
        {(!is_first).then(|| trail(crumbs, title))}
        <header class="page-head">
            <h1>{title}</h1>
            <div class="row">{actions} {help()}</div>
        </header>
        {children()}
    }
}

/// The way to what the manual tells of this page; at the same place on each.
fn help() -> AnyView {
    let path = use_location().pathname;
    let address = format!("/help/{}", section_of(&path.read_untracked()));
    view! { <a class="help-link" href=address aria-label=tr(|t| t.help) title=tr(|t| t.help)>"?"</a> }
        .into_any()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_page_comes_next() {
        let owner = Owner::new();
        let arrivals = owner.with(|| Arrivals(StoredValue::new(None)));
        let next = ["/", "/", "/chains", "/chains", "/"].map(|path| arrivals.is_next(path));
        assert_eq!(next, [false, false, true, false, true]);
    }
}

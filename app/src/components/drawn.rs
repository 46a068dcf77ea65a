//! Markup that the server has made, put into the page as it is. This is the only place where that is done, and only for
//! what `chart` makes, which escapes whatever comes from outside.

use leptos::prelude::*;

/// A part of a page; it takes no room while there is nothing in it.
pub fn drawn(class: &'static str, html: Memo<String>) -> AnyView {
    view! {
        <div class=class hidden=move || html.with(String::is_empty) inner_html=move || html.get()></div>
    }
    .into_any()
}

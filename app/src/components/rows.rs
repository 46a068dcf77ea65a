//! Rows of a list that may be long. On the server they are made once, when they are written, and written at one go: a
//! part of a page that may hold something still to come is otherwise made anew for each look whether that has come, and
//! each of its elements is put together apart. In rows nothing is to come.

use leptos::prelude::*;
use leptos::tachys::html::attribute::any_attribute::AnyAttribute;
use leptos::tachys::hydration::Cursor;
use leptos::tachys::no_attrs;
use leptos::tachys::view::any_view::AnyViewState;
use leptos::tachys::view::{Position, PositionState};

/// The rows, made where they are shown.
pub struct Rows(Box<dyn FnOnce() -> AnyView + Send>);

impl Rows {
    /// How they are made. What they show must be there: nothing in them is waited for.
    pub fn new(make: impl FnOnce() -> AnyView + Send + 'static) -> Self {
        Self(Box::new(make))
    }
}

impl Render for Rows {
    type State = AnyViewState;

    fn build(self) -> Self::State {
        (self.0)().build()
    }

    fn rebuild(self, on_page: &mut Self::State) {
        (self.0)().rebuild(on_page);
    }
}

no_attrs!(Rows);

impl RenderHtml for Rows {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self::AsyncOutput {
        self
    }

    // There is no other one: whoever writes a page with parts to come gets these as one text.
    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra_attrs: Vec<AnyAttribute>,
    ) {
        (self.0)().to_html_with_buf(buf, position, escape, mark_branches, extra_attrs);
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Self::State {
        (self.0)().hydrate::<FROM_SERVER>(cursor, position)
    }

    fn into_owned(self) -> Self::Owned {
        self
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_they_would_be_without() {
        let items = || ["a<b", "c"].into_iter().map(|text| view! { <li>{text}</li> }).collect_view();
        let owner = Owner::new();
        owner.with(|| {
            let plain = view! { <ul>{items()}</ul> }.to_html();
            let rows = view! { <ul>{Rows::new(move || items().into_any())}</ul> };
            assert_eq!(rows.to_html(), plain);
            assert!(plain.contains("a&lt;b"), "{plain}");
        });
    }
}

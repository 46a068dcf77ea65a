//! A view that is made once and stays. The framework puts new elements in the place of every part of a view that depends
//! on signals whenever the view around it is made anew, and whoever types there would type into nothing: so a page with
//! a form is not made anew when its data are read again, but told of them.

use leptos::prelude::*;
use leptos::tachys::html::attribute::any_attribute::AnyAttribute;
use leptos::tachys::hydration::Cursor;
use leptos::tachys::no_attrs;
use leptos::tachys::ssr::StreamBuilder;
use leptos::tachys::view::any_view::AnyViewState;
use leptos::tachys::view::{Mountable, Position, PositionState};

/// Makes the view, where it is not on the page.
type Make = Box<dyn FnOnce() -> AnyView + Send>;
/// Tells the view that is on the page of new data. False: it is another one's, or gone.
type Renew = Box<dyn FnOnce() -> bool + Send>;

/// The view: made where it is not on the page yet, told where it is.
pub struct Kept {
    make: Make,
    renew: Renew,
}

impl Kept {
    /// How it is made, and how it is told.
    pub fn new(
        make: impl FnOnce() -> AnyView + Send + 'static,
        renew: impl FnOnce() -> bool + Send + 'static,
    ) -> Self {
        Self { make: Box::new(make), renew: Box::new(renew) }
    }
}

impl Render for Kept {
    type State = AnyViewState;

    fn build(self) -> Self::State {
        (self.make)().build()
    }

    fn rebuild(self, on_page: &mut Self::State) {
        if !(self.renew)() {
            let mut before = std::mem::replace(on_page, (self.make)().build());
            before.insert_before_this(on_page);
            before.unmount();
        }
    }
}

no_attrs!(Kept);

impl RenderHtml for Kept {
    type AsyncOutput = AnyView;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self::AsyncOutput {
        (self.make)().resolve().await
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra_attrs: Vec<AnyAttribute>,
    ) {
        (self.make)().to_html_with_buf(buf, position, escape, mark_branches, extra_attrs);
    }

    // What is still to come in the view is waited for.
    fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
        self,
        buf: &mut StreamBuilder,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra_attrs: Vec<AnyAttribute>,
    ) where
        Self: Sized,
    {
        let view = (self.make)();
        view.to_html_async_with_buf::<OUT_OF_ORDER>(buf, position, escape, mark_branches, extra_attrs);
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Self::State {
        (self.make)().hydrate::<FROM_SERVER>(cursor, position)
    }

    fn into_owned(self) -> Self::Owned {
        self
    }
}

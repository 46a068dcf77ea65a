//! The forms of the account: whoever leaves the page is asked once, however many of them hold something that is not saved.

use leptos::prelude::*;

use crate::api::ApiError;
use crate::components::unsaved::guard;

/// Names of the forms in which something was typed since they were sent.
#[derive(Clone, Copy)]
pub(super) struct Unsaved(RwSignal<Vec<&'static str>>);

impl Unsaved {
    /// None yet; to be made once for the page.
    pub(super) fn new() -> Self {
        let forms = RwSignal::new(Vec::<&'static str>::new());
        guard(Signal::derive(move || !forms.read().is_empty()));
        Self(forms)
    }

    /// A form with the answer to it. What is typed counts until it is sent, and again once it is refused.
    pub(super) fn form(
        self,
        name: &'static str,
        answer: Signal<Option<Result<(), ApiError>>>,
        form: AnyView,
    ) -> AnyView {
        let set = move |is_typed: bool| {
            // The page may be on its way out already.
            let _gone = self.0.try_update(|forms| {
                forms.retain(|other| *other != name);
                if is_typed {
                    forms.push(name);
                }
            });
        };
        // An answer that was there before the form is none to it.
        Effect::new(move |before: Option<()>| {
            if matches!(answer.get(), Some(Err(_))) && before.is_some() {
                set(true);
            }
        });
        on_cleanup(move || set(false));
        view! { <div on:input=move |_| set(true) on:submit=move |_| set(false)>{form}</div> }.into_any()
    }
}

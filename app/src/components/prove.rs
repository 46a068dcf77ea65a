//! Proving again who one is: when the portal answers that an action needs the password once more, a dialog asks for it,
//! and then what was asked for is asked again as it was. What is typed elsewhere on the page stays.

use leptos::html;
use leptos::prelude::*;

use super::field::TextField;
use super::notice::Notice;
use crate::api::ApiError;
use crate::api::session::session_prove;
use crate::browser;
use crate::text::{tr, words};

/// The dialog for an action. Stands once on the page that has the action, outside of what is drawn anew.
pub fn guard<I, O>(action: Action<I, Result<O, ApiError>>) -> AnyView
where
    I: Clone + Send + Sync + 'static,
    O: Clone + Send + Sync + 'static,
{
    // An action forgets what it was asked as soon as it is answered.
    let last = StoredValue::new(None::<I>);
    Effect::new(move |_| {
        if let Some(input) = action.input().get() {
            last.set_value(Some(input));
        }
    });
    let asked = RwSignal::new(0_u32);
    Effect::new(move |_| {
        let answer = action.value().get();
        if answer.and_then(Result::err).is_some_and(|error| error.asks_password()) {
            asked.update(|n| *n = n.wrapping_add(1));
        }
    });
    let again = Callback::new(move |()| {
        if let Some(input) = last.get_value() {
            action.dispatch(input);
        }
    });
    dialog(asked, again)
}

/// The dialog itself, which knows no type of action. It opens whenever the number changes, and is not on the page before.
fn dialog(asked: RwSignal<u32>, again: Callback<()>) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    let password = RwSignal::new(String::new());
    let prove = Action::new(|password: &String| session_prove(password.clone(), None));
    Effect::new(move |_| {
        if asked.get() != 0 && node.get().is_some() {
            browser::show_dialog(node);
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(())) = prove.value().get() {
            password.set(String::new());
            browser::close_dialog(node);
            again.run(());
        }
    });
    let refused = Signal::derive(move || prove.value().get().and_then(Result::err));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        prove.dispatch(password.get_untracked());
    };
    // However it is closed: what was typed goes, and another action of the page may ask in its turn.
    let forget = move |_| {
        asked.set(0);
        password.set(String::new());
        prove.clear();
    };
    view! {
        <Show when=move || asked.get() != 0>
            <dialog class="dialog" node_ref=node aria-label=tr(|t| t.password_again) on:close=forget>
                <form method="dialog" on:submit=submit>
                    <h2>{tr(|t| t.password_again)}</h2>
                    <TextField id="prove-password" label=words(|t| t.password) value=password kind="password"
                        autocomplete="current-password" required=true/>
                    <Notice error=refused/>
                    <div class="row end">
                        <button type="button" class="button" on:click=move |_| browser::close_dialog(node)>
                            {tr(|t| t.cancel)}
                        </button>
                        <button type="submit" class="button primary" disabled=move || prove.pending().get()>
                            {tr(|t| t.next)}
                        </button>
                    </div>
                </form>
            </dialog>
        </Show>
    }
    .into_any()
}

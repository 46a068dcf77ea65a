//! Where a one-time link leads: whoever opens it chooses a password. Works without WebAssembly.

use domain::user::{PASSWORD_MIN, PASSWORD_MIN_ADMIN};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::user::SetFirstPassword;
use crate::components::field::TextField;
use crate::components::notice::Notice;
use crate::components::page::Titled;
use crate::layout::Bare;
use crate::text::{fill, say, tr, words};

/// The page.
#[component]
pub fn Welcome() -> impl IntoView {
    let action = ServerAction::<SetFirstPassword>::new();
    let refused = Signal::derive(move || action.value().get().and_then(Result::err));
    let token = use_query_map().read_untracked().get("token").unwrap_or_default();
    view! {
        <Titled text=words(|t| t.people().welcome_title)/>
        <Bare>
            <section class="card sign">
                <h1>{tr(|t| t.people().welcome_title)}</h1>
                <p class="muted">{tr(|t| t.people().welcome_hint)}</p>
                <ActionForm action=action>
                    <input type="hidden" name="token" value=token/>
                    <TextField id="password" label=words(|t| t.people().new_password) hint=password_hint()
                        kind="password" autocomplete="new-password" required=true/>
                    <Notice error=refused/>
                    <button type="submit" class="button primary wide" disabled=move || action.pending().get()>
                        {tr(|t| t.people().welcome_button)}
                    </button>
                </ActionForm>
            </section>
        </Bare>
    }
}

/// How long a password has to be, for whoever it is.
pub fn password_hint() -> Signal<String> {
    let hint = say(|t| {
        let least = [("min", PASSWORD_MIN.to_string()), ("admin", PASSWORD_MIN_ADMIN.to_string())];
        fill(t.people().new_password_hint, &least)
    });
    Signal::derive(hint)
}

//! First run: makes the first admin, guarded by the one-time token from the server's output. Works without
//! WebAssembly; afterwards the address is not found.

use domain::user::PASSWORD_MIN_ADMIN;
use leptos::prelude::*;

use crate::api::session::{Entry, SetupAdmin, session_read};
use crate::components::field::TextField;
use crate::components::notice::Notice;
use crate::components::page::Titled;
use crate::fetched::Fetched;
use crate::layout::Bare;
use crate::pages::missing::NotFound;
use crate::text::{fill, say, tr, words};

/// The page.
#[component]
pub fn Setup() -> impl IntoView {
    let entry = Fetched::first(session_read);
    view! {
        <Transition fallback=|| ()>
            {move || Suspend::new(async move {
                match entry.wait().await {
                    Ok(Entry::Setup) => view! { <Form/> }.into_any(),
                    _ => view! { <NotFound/> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Form() -> impl IntoView {
    let action = ServerAction::<SetupAdmin>::new();
    let refused = Signal::derive(move || action.value().get().and_then(Result::err));
    let hint = say(|t| fill(t.password_hint, &[("min", PASSWORD_MIN_ADMIN.to_string())]));
    view! {
        <Titled text=words(|t| t.setup_title)/>
        <Bare>
            <section class="card sign">
                <h1>{tr(|t| t.setup_title)}</h1>
                <p class="muted">{tr(|t| t.setup_hint)}</p>
                <ActionForm action=action>
                    <TextField id="token" label=words(|t| t.setup_token) hint=words(|t| t.setup_token_hint)
                        autocomplete="off" required=true/>
                    <TextField id="name" label=words(|t| t.user_name) hint=words(|t| t.name_hint)
                        autocomplete="username" required=true/>
                    <TextField id="password" label=words(|t| t.password) hint=Signal::derive(hint)
                        kind="password" autocomplete="new-password" required=true/>
                    <Notice error=refused/>
                    <button type="submit" class="button primary wide" disabled=move || action.pending().get()>
                        {tr(|t| t.setup_button)}
                    </button>
                </ActionForm>
            </section>
        </Bare>
    }
}

//! Asking for an account, where an admin lets people do so; else the address is not found. Works without WebAssembly.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::welcome::password_hint;
use crate::api::registration::registration_read;
use crate::api::user::AskForAccount;
use crate::components::field::TextField;
use crate::components::notice::Notice;
use crate::components::page::Titled;
use crate::fetched::Fetched;
use crate::layout::Bare;
use crate::pages::missing::NotFound;
use crate::text::{tr, words};

/// The page.
#[component]
pub fn Register() -> impl IntoView {
    let open = Fetched::first(registration_read);
    view! {
        <Transition fallback=|| ()>
            {move || Suspend::new(async move {
                match open.wait().await {
                    Ok(true) => view! { <Form/> }.into_any(),
                    Ok(false) | Err(_) => view! { <NotFound/> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Form() -> impl IntoView {
    let action = ServerAction::<AskForAccount>::new();
    let refused = Signal::derive(move || action.value().get().and_then(Result::err));
    let query = use_query_map();
    let is_sent = Memo::new(move |_| query.read().get("sent").is_some());
    let form = move || {
        view! {
            <p class="muted">{tr(|t| t.people().register_hint)}</p>
            <ActionForm action=action>
                <TextField id="name" label=words(|t| t.user_name) hint=words(|t| t.name_hint)
                    autocomplete="username" required=true/>
                <TextField id="email" label=words(|t| t.people().email) kind="email" autocomplete="email"
                    hint=words(|t| t.people().email_hint) required=true/>
                <TextField id="password" label=words(|t| t.password) hint=password_hint() kind="password"
                    autocomplete="new-password" required=true/>
                <Notice error=refused/>
                <button type="submit" class="button primary wide" disabled=move || action.pending().get()>
                    {tr(|t| t.people().register_button)}
                </button>
            </ActionForm>
        }
    };
    view! {
        <Titled text=words(|t| t.code().register_title)/>
        <Bare>
            <section class="card sign">
                <h1>{tr(|t| t.code().register_title)}</h1>
                {move || if is_sent.get() { sent() } else { form().into_any() }}
            </section>
        </Bare>
    }
}

fn sent() -> AnyView {
    view! {
        <div role="status">
            <p><strong>{tr(|t| t.people().register_sent)}</strong></p>
            <p>{tr(|t| t.people().register_sent_hint)}</p>
            <p><a class="button" href="/login">{tr(|t| t.people().to_sign_in)}</a></p>
        </div>
    }
    .into_any()
}

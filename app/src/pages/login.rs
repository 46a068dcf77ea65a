//! Sign-in, and its second half for who has a second factor. Works without WebAssembly; leads back to where somebody
//! wanted to go.

use leptos::prelude::*;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;

use crate::api::session::{Entry, SignIn, SignInCode, session_read};
use crate::components::field::TextField;
use crate::components::notice::Notice;
use crate::components::page::Titled;
use crate::fetched::Fetched;
use crate::layout::Bare;
use crate::session::safe_next;
use crate::text::{tr, words};

/// The page.
#[component]
pub fn Login() -> impl IntoView {
    unless_signed_in(|registers| view! { <Form registers=registers/> }.into_any())
}

/// Where the second factor is asked for. Whoever has not typed their password before hears so when they send it.
#[component]
pub fn LoginCode() -> impl IntoView {
    unless_signed_in(|_| view! { <CodeForm/> }.into_any())
}

/// A form of the sign-in, made from whether people can ask for an account; whoever is signed in, or has a portal to set
/// up, is led on.
fn unless_signed_in(form: fn(bool) -> AnyView) -> AnyView {
    let entry = Fetched::first(session_read);
    view! {
        <Transition fallback=|| ()>
            {move || Suspend::new(async move {
                match entry.wait().await {
                    Ok(Entry::Setup) => view! { <Redirect path="/setup"/> }.into_any(),
                    Ok(Entry::SignedIn(_)) => view! { <Redirect path="/"/> }.into_any(),
                    Ok(Entry::Anonymous { registers }) => form(registers),
                    Err(_) => form(false),
                }
            })}
        </Transition>
    }
    .into_any()
}

/// Where somebody wants to go after the sign-in.
fn next() -> String {
    safe_next(&use_query_map().read_untracked().get("next").unwrap_or_default()).to_owned()
}

#[component]
fn CodeForm() -> impl IntoView {
    let action = ServerAction::<SignInCode>::new();
    let refused = Signal::derive(move || action.value().get().and_then(Result::err));
    view! {
        <Titled text=words(|t| t.code().title)/>
        <Bare>
            <section class="card sign">
                <h1>{tr(|t| t.code().title)}</h1>
                <ActionForm action=action>
                    <input type="hidden" name="next" value=next()/>
                    <TextField id="code" label=words(|t| t.code().code) hint=words(|t| t.code().hint)
                        autocomplete="one-time-code" required=true/>
                    <Notice error=refused/>
                    <button type="submit" class="button primary wide" disabled=move || action.pending().get()>
                        {tr(|t| t.sign_in)}
                    </button>
                </ActionForm>
                <p><a href="/login">{tr(|t| t.code().again)}</a></p>
            </section>
        </Bare>
    }
}

#[component]
fn Form(registers: bool) -> impl IntoView {
    let action = ServerAction::<SignIn>::new();
    let refused = Signal::derive(move || action.value().get().and_then(Result::err));
    let next = next();
    let sent_here = next != "/";
    view! {
        <Titled text=words(|t| t.sign_in)/>
        <Bare>
            <section class="card sign">
                <h1>{tr(|t| t.sign_in)}</h1>
                {sent_here.then(|| view! { <p class="muted">{tr(|t| t.sign_in_first)}</p> })}
                <ActionForm action=action>
                    <input type="hidden" name="next" value=next/>
                    <TextField id="name" label=words(|t| t.user_name) autocomplete="username" required=true/>
                    <TextField id="password" label=words(|t| t.password) kind="password"
                        autocomplete="current-password" required=true/>
                    <Notice error=refused/>
                    <button type="submit" class="button primary wide" disabled=move || action.pending().get()>
                        {tr(|t| t.sign_in)}
                    </button>
                </ActionForm>
                {registers.then(|| view! { <p><a href="/register">{tr(|t| t.code().register_title)}</a></p> })}
            </section>
        </Bare>
    }
}

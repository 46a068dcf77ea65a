//! Changing a host: what an admin decided about it, its credentials, and those of registries. Whatever is secret goes
//! in here and is never shown again.

use domain::host::{HostCredentials, HostSpec, HostView, RegistryCredentials};
use domain::id::HostId;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::cluster::SignIn;
use super::host_new::form::{Form, Place};
use super::host_new::{Connection, Limits, Needed, refused_for_permissions, show_on_field, wrong_on};
use super::{parameter, refusal};
use crate::api::ApiError;
use crate::api::host::{host_edit, host_registry_remove, host_registry_set, host_settings};
use crate::components::badge::Pick;
use crate::components::field::TextField;
use crate::components::load::load;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::components::prove;
use crate::components::unsaved::guarded;
use crate::fetched::Fetched;
use crate::text::{say, tr, words};

/// A changed host: its new specification and, if they are replaced, its credentials.
type Change = (HostSpec, Option<HostCredentials>);

/// The page.
#[component]
pub fn HostEdit() -> impl IntoView {
    let id = parameter("id");
    // Read once: a change that somebody else makes meanwhile must not clear what is typed.
    let host = Fetched::new(move || id.get(), |id| host_settings(HostId::new(id)));
    load(host, move |host, _| {
        let crumbs = vec![
            (words(|t| t.hosts), "/hosts".to_owned()),
            (Signal::stored(host.spec.name.to_string()), format!("/hosts/{}", host.id)),
        ];
        view! {
            <Page title=words(|t| t.hosting().edit_host) crumbs=crumbs>
                <Settings host=host.clone()/>
                <Registries host=host/>
            </Page>
        }
        .into_any()
    })
}

#[component]
fn Settings(host: HostView) -> impl IntoView {
    let form = Form::new(Some(&host.spec));
    let wrong = RwSignal::new(None::<domain::Error>);
    let id = StoredValue::new(host.id.clone());
    let edit = Action::new(move |change: &Change| {
        let (spec, credentials) = change.clone();
        host_edit(id.get_value(), spec, credentials)
    });
    let missing = refused_for_permissions(edit);
    go_back(edit);
    show_on_field(edit, wrong);
    let save = move || {
        let mut draft = form.draft();
        draft.has_credentials = true;
        match draft.parse() {
            Ok(change) => {
                wrong.set(None);
                edit.dispatch(change);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let dirty = guarded();
    let keep = move || {
        let hint: Pick = match form.place.get() {
            Place::Remote => |t| t.hosting().credentials_keep_hint,
            Place::Cluster if form.cluster.sign_in.get() != SignIn::Own => |t| t.cluster().keep_hint,
            Place::Local | Place::Cluster => return None,
        };
        Some(view! { <p class="field-hint">{tr(hint)}</p> })
    };
    view! {
        <form method="post" class="card form" on:input=move |_| dirty.set(true)
            on:submit=move |event| { event.prevent_default(); save(); }>
            <NeedsScript/>
            <TextField id="name" label=words(|t| t.name) value=form.name hint=words(|t| t.name_hint)
                error=wrong_on(wrong, "name")/>
            <Connection form=form wrong=wrong/>
            {keep}
            <Needed form=form wrong=wrong missing=missing/>
            <Limits form=form wrong=wrong/>
            <Notice error=refusal(edit)/>
            <div class="row end">
                <a class="button" href=format!("/hosts/{}", host.id)>{tr(|t| t.cancel)}</a>
                <button type="submit" class="button primary" disabled=move || edit.pending().get()>
                    {tr(|t| t.save)}
                </button>
            </div>
        </form>
        {prove::guard(edit)}
    }
}

fn go_back(edit: Action<Change, Result<HostView, ApiError>>) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(host)) = edit.value().get() {
            navigate(&format!("/hosts/{}", host.id), leptos_router::NavigateOptions::default());
        }
    });
}

#[component]
fn Registries(host: HostView) -> impl IntoView {
    // By this address the form works without WebAssembly, too.
    let address = format!("/hosts/{}/registries", host.id);
    let id = StoredValue::new(host.id);
    let known = RwSignal::new(host.registries);
    let (registry, user, password) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let wrong = RwSignal::new(None::<domain::Error>);
    let set = Action::new(move |credentials: &RegistryCredentials| {
        host_registry_set(id.get_value(), credentials.clone())
    });
    let remove = Action::new(move |registry: &String| host_registry_remove(id.get_value(), registry.clone()));
    show_on_field(set, wrong);
    Effect::new(move |_| {
        if let Some(Ok(host)) = set.value().get() {
            known.set(host.registries);
            for field in [registry, user, password] {
                field.set(String::new());
            }
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(host)) = remove.value().get() {
            known.set(host.registries);
        }
    });
    let store = move || {
        let credentials = RegistryCredentials {
            registry: registry.get_untracked().trim().to_owned(),
            user: user.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
        };
        let checked = credentials.check();
        wrong.set(checked.as_ref().err().cloned());
        if checked.is_ok() {
            set.dispatch(credentials);
        }
    };
    view! {
        <section class="card">
            <h2>{tr(|t| t.hosting().registries)}</h2>
            <p class="muted">{tr(|t| t.hosting().registries_hint)}</p>
            {move || registry_list(known.get(), remove)}
            <form method="post" action=address class="form"
                on:submit=move |event| { event.prevent_default(); store(); }>
                <div class="columns">
                    <TextField id="registry" label=words(|t| t.hosting().registry) value=registry
                        error=wrong_on(wrong, "registry")/>
                    <TextField id="user" label=words(|t| t.hosting().registry_user) value=user autocomplete="off"
                        error=wrong_on(wrong, "user")/>
                    <TextField id="password" label=words(|t| t.hosting().registry_password) value=password
                        kind="password" autocomplete="new-password" hint=words(|t| t.hosting().secret_hint)
                        error=wrong_on(wrong, "password")/>
                </div>
                <Notice error=refusal(set)/>
                <Notice error=refusal(remove)/>
                <div class="row end">
                    <button type="submit" class="button" disabled=move || set.pending().get()>
                        {tr(|t| t.hosting().registry_add)}
                    </button>
                </div>
            </form>
        </section>
        {prove::guard(set)}
    }
}

fn registry_list(known: Vec<String>, remove: Action<String, Result<HostView, ApiError>>) -> AnyView {
    if known.is_empty() {
        return view! { <p>{tr(|t| t.hosting().no_registries)}</p> }.into_any();
    }
    let rows = known
        .into_iter()
        .map(|registry| {
            let name = registry.clone();
            let label = registry.clone();
            let label = say(move |t| format!("{} {label}", t.remove));
            view! {
                <li class="row">
                    <code>{registry}</code>
                    <button type="button" class="button small" aria-label=label
                        disabled=move || remove.pending().get()
                        on:click=move |_| { remove.dispatch(name.clone()); }>
                        {tr(|t| t.remove)}
                    </button>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="plain">{rows}</ul> }.into_any()
}

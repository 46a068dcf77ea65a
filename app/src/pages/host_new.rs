//! Adding a host: the machine's own engine, filled in, a remote one with its certificates, or a cluster. "Test
//! connection" shows every stage; nothing is saved before it passes.

use domain::host::{Endpoint, HostCredentials, HostSpec, HostView, NodeLogLevel};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::refusal;
use crate::api::host::{host_add, host_local_offer, host_probe};
use crate::api::{ApiError, Problem};
use crate::components::field::{CheckField, LongField, SelectField, TextField};
use crate::components::load::load;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::components::unsaved::guarded;
use crate::fetched::Fetched;
use crate::text::{Lang, Text, refusal_text, tr, use_lang, words};

pub mod cluster;
mod cluster_fields;
pub mod form;
mod outcome;

use cluster_fields::{ClusterConnection, ClusterWishes};
use form::{Form, Place};
pub use outcome::{Outcome, Rights, lacks_permissions, refused_for_permissions};

/// Fields that are not folded away.
const OPEN: [&str; 13] = [
    "name",
    "path",
    "address",
    "port",
    "ca_pem",
    "certificate_pem",
    "key_pem",
    "server",
    "token",
    "pinned",
    "kubeconfig",
    "context",
    "credentials",
];

/// What is sent to test or to add.
pub type Wanted = (HostSpec, Option<HostCredentials>);

/// The page.
#[component]
pub fn HostNew() -> impl IntoView {
    let offers = Fetched::new(|| (), |()| host_local_offer());
    view! {
        <Page title=words(|t| t.add_host) crumbs=vec![(words(|t| t.hosts), "/hosts".to_owned())]>
            {load(offers, |offers, _| view! { <Fields offers=offers/> }.into_any())}
        </Page>
    }
}

#[component]
fn Fields(offers: Vec<HostSpec>) -> impl IntoView {
    let has_local = offers.iter().any(|offer| matches!(offer.endpoint, Endpoint::Local { .. }));
    let form = Form::offered(&offers);
    let wrong = RwSignal::new(None::<domain::Error>);
    let test = Action::new(|wanted: &Wanted| {
        let (spec, credentials) = wanted.clone();
        host_probe(spec, credentials)
    });
    let add = Action::new(|wanted: &Wanted| {
        let (spec, credentials) = wanted.clone();
        host_add(spec, credentials)
    });
    let send = move |action: Callback<Wanted>| match form.draft().parse() {
        Ok(wanted) => {
            wrong.set(None);
            action.run(wanted);
        }
        Err(error) => wrong.set(Some(error)),
    };
    let run_test = Callback::new(move |wanted: Wanted| {
        test.dispatch(wanted);
    });
    let run_add = Callback::new(move |wanted: Wanted| {
        add.dispatch(wanted);
    });
    let (tested, added) = (lacks_permissions(test), refused_for_permissions(add));
    let missing = Signal::derive(move || tested.get() || added.get());
    go_to_host(add);
    show_on_field(add, wrong);
    show_on_field(test, wrong);
    let is_unfolded = unfolded(wrong);
    let dirty = guarded();
    let busy = move || test.pending().get() || add.pending().get();
    view! {
        <form method="post" class="card form" on:input=move |_| dirty.set(true)
            on:submit=move |event| { event.prevent_default(); send(run_add); }>
            <NeedsScript/>
            <PlaceChoice form=form has_local=has_local/>
            <TextField id="name" label=words(|t| t.name) value=form.name hint=words(|t| t.name_hint)
                error=wrong_on(wrong, "name")/>
            <Connection form=form wrong=wrong/>
            <Needed form=form wrong=wrong missing=missing/>
            <details class="advanced" prop:open=move || is_unfolded.get()>
                <summary>{tr(|t| t.advanced)}</summary>
                <Limits form=form wrong=wrong/>
            </details>
            <Outcome test=test/>
            <Notice error=refusal(test)/>
            <Notice error=refusal(add)/>
            <div class="row end">
                <button type="button" class="button" disabled=busy on:click=move |_| send(run_test)>
                    {tr(|t| t.hosting().test_connection)}
                </button>
                <button type="submit" class="button primary" disabled=busy>{tr(|t| t.add_host)}</button>
            </div>
        </form>
    }
}

fn go_to_host(add: Action<Wanted, Result<HostView, ApiError>>) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(host)) = add.value().get() {
            navigate(&format!("/hosts/{}", host.id), leptos_router::NavigateOptions::default());
        }
    });
}

/// Puts a refusal that names a field under that field.
pub fn show_on_field<I: Send + Sync + 'static, O: Clone + Send + Sync + 'static>(
    action: Action<I, Result<O, ApiError>>,
    wrong: RwSignal<Option<domain::Error>>,
) {
    Effect::new(move |_| {
        if let Some(Err(ApiError { problem: Problem::Refused(error), .. })) = action.value().get()
            && error.field.is_some()
        {
            wrong.set(Some(error));
        }
    });
}

/// The sentence under a field, if the refusal is about it.
pub fn wrong_on(wrong: RwSignal<Option<domain::Error>>, field: &'static str) -> Signal<Option<String>> {
    let lang: Signal<Lang> = use_lang();
    Signal::derive(move || {
        let wrong = wrong.read();
        let error = wrong.as_ref().filter(|error| error.field.as_deref() == Some(field))?;
        Some(refusal_text(lang.get(), error))
    })
}

#[component]
fn PlaceChoice(form: Form, has_local: bool) -> impl IntoView {
    let choice = move |place: Place, id: &'static str, pick: fn(&'static Text) -> &'static str| {
        view! {
            <label class="check" for=id>
                <input type="radio" name="place" id=id
                    prop:checked=move || form.place.get() == place
                    checked=form.place.get_untracked() == place
                    disabled=place == Place::Local && !has_local
                    on:change=move |_| form.choose(place)/>
                <span>{tr(pick)}</span>
            </label>
        }
    };
    view! {
        <fieldset>
            <legend>{tr(|t| t.hosting().where_engine)}</legend>
            {choice(Place::Local, "place-local", |t| t.hosting().engine_local)}
            {(!has_local).then(|| view! { <p class="field-hint">{tr(|t| t.hosting().no_local_offer)}</p> })}
            {choice(Place::Remote, "place-remote", |t| t.hosting().engine_remote)}
            {choice(Place::Cluster, "place-cluster", |t| t.cluster().engine_cluster)}
        </fieldset>
    }
}

/// What is folded away opens when something in it is refused; who opened it may close it again.
fn unfolded(wrong: RwSignal<Option<domain::Error>>) -> RwSignal<bool> {
    let is_open = RwSignal::new(false);
    Effect::new(move |_| {
        let folded =
            |error: &domain::Error| error.field.as_ref().is_some_and(|field| !OPEN.contains(&field.as_str()));
        if wrong.read().as_ref().is_some_and(folded) {
            is_open.set(true);
        }
    });
    is_open
}

/// What the account of a cluster needs.
#[component]
pub fn Needed(form: Form, wrong: RwSignal<Option<domain::Error>>, missing: Signal<bool>) -> impl IntoView {
    let settings = Callback::new(move |()| match form.cluster.settings.draft().parse() {
        Ok(settings) => Some(settings),
        Err(error) => {
            wrong.set(Some(error));
            None
        }
    });
    view! {
        <Show when=move || form.place.get() == Place::Cluster>
            <Rights settings=settings missing=missing/>
        </Show>
    }
}

/// How the engine is reached.
#[component]
pub fn Connection(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    move || match form.place.get() {
        Place::Local => view! {
            <TextField id="path" label=words(|t| t.hosting().socket_path) value=form.path readonly=true/>
        }
        .into_any(),
        Place::Remote => view! {
            <TextField id="address" label=words(|t| t.address) value=form.address
                hint=words(|t| t.hosting().address_hint) error=wrong_on(wrong, "address")/>
            <TextField id="port" label=words(|t| t.hosting().port) value=form.port
                hint=words(|t| t.hosting().port_hint) error=wrong_on(wrong, "port")/>
            <LongField id="ca_pem" label=words(|t| t.hosting().ca_pem) value=form.ca_pem
                hint=words(|t| t.hosting().pem_hint) error=wrong_on(wrong, "ca_pem")/>
            <LongField id="certificate_pem" label=words(|t| t.hosting().certificate_pem)
                value=form.certificate_pem error=wrong_on(wrong, "certificate_pem")/>
            <LongField id="key_pem" label=words(|t| t.hosting().key_pem) value=form.key_pem
                hint=words(|t| t.hosting().secret_hint) error=wrong_on(wrong, "key_pem")/>
        }
        .into_any(),
        Place::Cluster => view! {
            <ClusterConnection cluster=form.cluster client_address=form.client_address wrong=wrong/>
        }
        .into_any(),
    }
}

/// What an admin decides about a host besides its address.
#[component]
pub fn Limits(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    let is_cluster = move || form.place.get() == Place::Cluster;
    let (of_engine, of_cluster) =
        (words(|t| t.hosting().port_first_hint), words(|t| t.cluster().port_first_hint));
    let port_hint = Signal::derive(move || if is_cluster() { of_cluster.get() } else { of_engine.get() });
    view! {
        <div class="columns">
            <TextField id="capacity" label=words(|t| t.capacity) value=form.capacity
                hint=words(|t| t.hosting().capacity_hint) error=wrong_on(wrong, "capacity")/>
            <Show when=move || !is_cluster()>
                <TextField id="bind_address" label=words(|t| t.hosting().bind_address) value=form.bind_address
                    hint=words(|t| t.hosting().bind_address_hint) error=wrong_on(wrong, "bind_address")/>
                <TextField id="client_address" label=words(|t| t.hosting().client_address) value=form.client_address
                    hint=words(|t| t.hosting().client_address_hint) error=wrong_on(wrong, "client_address")/>
            </Show>
            <TextField id="port_first" label=words(|t| t.hosting().port_first) value=form.port_first
                hint=port_hint error=wrong_on(wrong, "port_first")/>
            <TextField id="port_last" label=words(|t| t.hosting().port_last) value=form.port_last
                error=wrong_on(wrong, "port_last")/>
            <Show when=move || !is_cluster()>
                <TextField id="network_range" label=words(|t| t.hosting().network_range) value=form.network_range
                    hint=words(|t| t.hosting().network_range_hint) error=wrong_on(wrong, "network_range")/>
            </Show>
        </div>
        <Show when=is_cluster>
            <ClusterWishes settings=form.cluster.settings wrong=wrong/>
        </Show>
        {new_chains(form)}
        <ImageNames form=form wrong=wrong/>
    }
}

fn level(level: NodeLogLevel) -> fn(&'static Text) -> &'static str {
    match level {
        NodeLogLevel::Debug => |t| t.template().level_debug,
        NodeLogLevel::Info => |t| t.template().level_info,
        NodeLogLevel::Warning => |t| t.template().level_warning,
        NodeLogLevel::Error => |t| t.template().level_error,
    }
}

/// What a host says of new chains.
fn new_chains(form: Form) -> AnyView {
    let lang = use_lang();
    let levels = Signal::derive(move || {
        let word = |one: NodeLogLevel| (one.as_str().to_owned(), level(one)(lang.get().text()).to_owned());
        NodeLogLevel::ALL.into_iter().map(word).collect::<Vec<_>>()
    });
    view! {
        <CheckField id="schedulable" label=words(|t| t.template().schedulable) value=form.schedulable/>
        <SelectField id="log_level" label=words(|t| t.template().log_level) value=form.log_level options=levels
            hint=words(|t| t.template().log_level_hint)/>
    }
    .into_any()
}

/// Which images run nodes, and which users may run.
#[component]
fn ImageNames(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    view! {
        <LongField id="images_peer" label=words(|t| t.hosting().images_peer) value=form.images_peer
            hint=words(|t| t.hosting().images_hint) rows=2 error=wrong_on(wrong, "images_peer")/>
        <LongField id="images_orderer" label=words(|t| t.hosting().images_orderer) value=form.images_orderer rows=2
            error=wrong_on(wrong, "images_orderer")/>
        <LongField id="images_sample" label=words(|t| t.hosting().images_sample) value=form.images_sample rows=2
            error=wrong_on(wrong, "images_sample")/>
        <LongField id="image_rules" label=words(|t| t.hosting().image_rules) value=form.image_rules
            hint=words(|t| t.hosting().image_rules_hint) rows=2 error=wrong_on(wrong, "image_rules")/>
    }
}

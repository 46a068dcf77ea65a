//! Adding a host: the machine's own engine, filled in, or a remote one with its certificates. "Test connection"
//! shows every stage; nothing is saved before it passes.

use domain::host::{HostSpec, HostView, ProbeStage, ProbeView, TlsCredentials};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::refusal;
use crate::api::host::{host_add, host_local_offer, host_probe};
use crate::api::{ApiError, Problem};
use crate::components::field::{LongField, TextField};
use crate::components::load::load;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::fetched::Fetched;
use crate::text::{Lang, Text, refusal_text, say_in, tr, use_lang, words};

pub mod form;

use form::{Form, Place};

/// What is sent to test or to add.
pub type Wanted = (HostSpec, Option<TlsCredentials>);

/// The page.
#[component]
pub fn HostNew() -> impl IntoView {
    let offer = Fetched::new(|| (), |()| host_local_offer());
    view! {
        <Page title=words(|t| t.add_host) crumbs=vec![(words(|t| t.hosts), "/hosts".to_owned())]>
            {load(offer, |offer, _| view! { <Fields offer=offer/> }.into_any())}
        </Page>
    }
}

#[component]
fn Fields(offer: Option<HostSpec>) -> impl IntoView {
    let has_local = offer.is_some();
    let form = Form::new(offer.as_ref());
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
    go_to_host(add);
    show_on_field(add, wrong);
    show_on_field(test, wrong);
    let busy = move || test.pending().get() || add.pending().get();
    view! {
        <form method="post" class="card form" on:submit=move |event| { event.prevent_default(); send(run_add); }>
            <NeedsScript/>
            <PlaceChoice form=form has_local=has_local/>
            <TextField id="name" label=words(|t| t.name) value=form.name hint=words(|t| t.name_hint)
                error=wrong_on(wrong, "name")/>
            <Connection form=form wrong=wrong/>
            <details class="advanced">
                <summary>{tr(|t| t.advanced)}</summary>
                <Limits form=form wrong=wrong/>
            </details>
            <Outcome test=test/>
            <Notice error=refusal(test)/>
            <Notice error=refusal(add)/>
            <div class="row end">
                <button type="button" class="button" disabled=busy on:click=move |_| send(run_test)>
                    {tr(|t| t.test_connection)}
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
            <legend>{tr(|t| t.where_engine)}</legend>
            {choice(Place::Local, "place-local", |t| t.engine_local)}
            {(!has_local).then(|| view! { <p class="field-hint">{tr(|t| t.no_local_offer)}</p> })}
            {choice(Place::Remote, "place-remote", |t| t.engine_remote)}
        </fieldset>
    }
}

/// How the engine is reached.
#[component]
pub fn Connection(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    view! {
        <Show when=move || form.place.get() == Place::Local fallback=move || {
            view! {
                <TextField id="address" label=words(|t| t.address) value=form.address
                    hint=words(|t| t.address_hint) error=wrong_on(wrong, "address")/>
                <TextField id="port" label=words(|t| t.port) value=form.port hint=words(|t| t.port_hint)
                    error=wrong_on(wrong, "port")/>
                <LongField id="ca_pem" label=words(|t| t.ca_pem) value=form.ca_pem hint=words(|t| t.pem_hint)
                    error=wrong_on(wrong, "ca_pem")/>
                <LongField id="certificate_pem" label=words(|t| t.certificate_pem) value=form.certificate_pem
                    error=wrong_on(wrong, "certificate_pem")/>
                <LongField id="key_pem" label=words(|t| t.key_pem) value=form.key_pem
                    hint=words(|t| t.secret_hint) error=wrong_on(wrong, "key_pem")/>
            }
        }>
            <TextField id="path" label=words(|t| t.socket_path) value=form.path readonly=true/>
        </Show>
    }
}

/// What an admin decides about a host besides its address.
#[component]
pub fn Limits(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    view! {
        <div class="columns">
            <TextField id="capacity" label=words(|t| t.capacity) value=form.capacity
                hint=words(|t| t.capacity_hint) error=wrong_on(wrong, "capacity")/>
            <TextField id="bind_address" label=words(|t| t.bind_address) value=form.bind_address
                hint=words(|t| t.bind_address_hint) error=wrong_on(wrong, "bind_address")/>
            <TextField id="client_address" label=words(|t| t.client_address) value=form.client_address
                hint=words(|t| t.client_address_hint) error=wrong_on(wrong, "client_address")/>
            <TextField id="port_first" label=words(|t| t.port_first) value=form.port_first
                hint=words(|t| t.port_first_hint) error=wrong_on(wrong, "port_first")/>
            <TextField id="port_last" label=words(|t| t.port_last) value=form.port_last
                error=wrong_on(wrong, "port_last")/>
            <TextField id="network_range" label=words(|t| t.network_range) value=form.network_range
                hint=words(|t| t.network_range_hint) error=wrong_on(wrong, "network_range")/>
        </div>
        <LongField id="images_peer" label=words(|t| t.images_peer) value=form.images_peer
            hint=words(|t| t.images_hint) rows=2 error=wrong_on(wrong, "images_peer")/>
        <LongField id="images_orderer" label=words(|t| t.images_orderer) value=form.images_orderer rows=2
            error=wrong_on(wrong, "images_orderer")/>
        <LongField id="images_sample" label=words(|t| t.images_sample) value=form.images_sample rows=2
            error=wrong_on(wrong, "images_sample")/>
        <LongField id="image_rules" label=words(|t| t.image_rules) value=form.image_rules
            hint=words(|t| t.image_rules_hint) rows=2 error=wrong_on(wrong, "image_rules")/>
    }
}

/// The stages of a test, in order, with the one that failed and why.
#[component]
pub fn Outcome<I: Send + Sync + 'static>(test: Action<I, Result<ProbeView, ApiError>>) -> impl IntoView {
    view! {
        <div aria-live="polite">
            {move || match test.value().get() {
                Some(Ok(probe)) => stages(&probe),
                Some(Err(_)) | None => ().into_any(),
            }}
        </div>
    }
}

fn stages(probe: &ProbeView) -> AnyView {
    let failed = probe.failed.as_ref().map(|(stage, _)| *stage);
    let items = [
        ProbeStage::Address,
        ProbeStage::Tcp,
        ProbeStage::Tls,
        ProbeStage::Authentication,
        ProbeStage::ApiVersion,
        ProbeStage::Engine,
        ProbeStage::Permission,
        ProbeStage::Storage,
        ProbeStage::Capacity,
    ]
    .into_iter()
    .filter(|stage| probe.passed.contains(stage) || failed == Some(*stage))
    .map(|stage| {
        let class = if failed == Some(stage) { "stage stage-bad" } else { "stage stage-good" };
        let verdict = if failed == Some(stage) { tr(|t| t.verdict_fail) } else { tr(|t| t.verdict_pass) };
        view! { <li class=class>{tr(stage_name(stage))} ": " {verdict}</li> }
    })
    .collect_view();
    let reason = probe.failed.clone().map(|(_, error)| {
        let text = say_in(move |lang| refusal_text(lang, &error));
        view! { <p class="notice notice-bad">{text}</p> }
    });
    let fine = probe.failed.is_none().then(|| {
        let engine =
            probe.facts.as_ref().map(|f| format!("{} {} · {}", f.engine, f.version, f.operating_system));
        view! { <p class="notice notice-good">{tr(|t| t.connection_fine)} " " {engine}</p> }
    });
    view! {
        <ol class="stages">{items}</ol>
        {reason}
        {fine}
    }
    .into_any()
}

fn stage_name(stage: ProbeStage) -> fn(&'static Text) -> &'static str {
    match stage {
        ProbeStage::Address => |t| t.stage_address,
        ProbeStage::Tcp => |t| t.stage_tcp,
        ProbeStage::Tls => |t| t.stage_tls,
        ProbeStage::Authentication => |t| t.stage_authentication,
        ProbeStage::ApiVersion => |t| t.stage_api_version,
        ProbeStage::Engine => |t| t.stage_engine,
        ProbeStage::Permission => |t| t.stage_permission,
        ProbeStage::Storage => |t| t.stage_storage,
        ProbeStage::Capacity => |t| t.stage_capacity,
    }
}

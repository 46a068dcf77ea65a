//! One host: whether it answers, what its engine says, its images, and removing it.

use domain::host::HostView;
use domain::id::HostId;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::{Outcome, lacks_permissions};
use super::hosts::{capacity, endpoint};
use super::{parameter, refusal};
use crate::api::host::{
    host_capacity, host_history, host_image_approvals, host_images, host_read, host_remove, host_test,
};
use crate::components::badge::{badge, host_state};
use crate::components::copy::Copyable;
use crate::components::dialog::Confirm;
use crate::components::history;
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::prove;
use crate::components::time::Time;
use crate::events;
use crate::fetched::Fetched;
use crate::layout::section;
use crate::session::Me;
use crate::text::{refusal_text, say_in, tr, words};

mod cluster;
mod images;
mod pool;

/// What may be done with a host; made once, so that a refresh of the page loses nothing.
#[derive(Clone, Copy)]
struct Buttons {
    remove: Action<(), Result<(), crate::api::ApiError>>,
    test: Action<(), Result<domain::host::ProbeView, crate::api::ApiError>>,
    typed: RwSignal<String>,
}

/// The page.
#[component]
pub fn Host() -> impl IntoView {
    let id = parameter("id");
    let tick = events::ticks(move |m| m.touches("host", &id.read_untracked()));
    let host = Fetched::new(move || (id.get(), tick.get()), |(id, _)| host_read(HostId::new(id)));
    let images = Fetched::new(move || (id.get(), tick.get()), |(id, _)| host_images(HostId::new(id)));
    let room = Fetched::new(move || (id.get(), tick.get()), |(id, _)| host_capacity(HostId::new(id)));
    let whole = history::whole();
    let changes = Fetched::new(
        move || (id.get(), tick.get(), whole.get()),
        |(id, _, whole)| host_history(HostId::new(id), whole),
    );
    let buttons = Buttons {
        remove: Action::new(move |(): &()| host_remove(HostId::new(id.get_untracked()))),
        test: Action::new(move |(): &()| host_test(HostId::new(id.get_untracked()))),
        typed: RwSignal::new(String::new()),
    };
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(())) = buttons.remove.value().get() {
            navigate("/hosts", leptos_router::NavigateOptions::default());
        }
    });
    let pool = pool::Pool::new(id);
    let pooled = pool.read(id, tick);
    let pulls = images::Pulls::new(id);
    let upload = images::Upload::new(id);
    let approvals = images::Approvals::new(id);
    let approval = approvals.changes();
    let approved = Fetched::new(
        move || (id.get(), tick.get(), approval()),
        |(id, _, _)| host_image_approvals(HostId::new(id)),
    );
    let page = load(host, move |host, me| {
        let is_cluster = host.spec.endpoint.is_cluster();
        let name = host.spec.name.to_string();
        view! {
            <Page
                title=Signal::stored(host.spec.name.to_string())
                crumbs=vec![(words(|t| t.hosts), "/hosts".to_owned())]
                actions=actions(&host, &me, buttons)
            >
                <Notice error=refusal(buttons.remove)/>
                <Notice error=refusal(buttons.test)/>
                <Outcome test=buttons.test/>
                {cluster::rights(&host.spec, &me, lacks_permissions(buttons.test))}
                {facts(&host)}
                {section(|t| t.hosting().room, room, |room, _| capacity::card(&room))}
                {section(|t| t.history().of_host, changes, move |changes, _| {
                    history::of_host(changes, whole.get_untracked())
                })}
                {section(|t| t.template().pool, pooled, move |view, me| pool.view(&view, &me, &name))}
                {pulls.head(&me)}
                {section(|t| t.images, images, move |list, me| {
                    images::table(list, &me, pulls, is_cluster)
                })}
                {section(|t| t.hosting().approved_images, approved, move |list, me| approvals.list(list, &me))}
            </Page>
        }
        .into_any()
    });
    let forms = forms(id, upload, approvals);
    view! { {page} {pool.filling()} {forms} {prove::guard(buttons.remove)} {pool.proof()} }
}

/// What is typed about images, outside of what is drawn anew when the host changes: a file that is chosen stays chosen.
fn forms(id: Memo<String>, upload: images::Upload, approvals: images::Approvals) -> AnyView {
    // Which kind of host it is does not change, so it is read once.
    let is_cluster = Fetched::new(
        move || id.get(),
        |id| async move {
            let host = host_read(HostId::new(id)).await;
            // A refusal is told by the page itself.
            Ok(host.is_ok_and(|host| host.spec.endpoint.is_cluster()))
        },
    );
    load(is_cluster, move |is_cluster, me| {
        let upload = (!is_cluster).then(|| upload.form(&me));
        view! { {upload} {approvals.form(&me)} }.into_any()
    })
}

fn actions(host: &HostView, me: &Me, buttons: Buttons) -> AnyView {
    let occupied = host.chains != 0;
    let name = host.spec.name.to_string();
    let test = me.can(Act::Probe, Noun::Host).then(|| {
        view! {
            <button type="button" class="button" disabled=move || buttons.test.pending().get()
                on:click=move |_| { buttons.test.dispatch(()); }>
                {tr(|t| t.hosting().test_connection)}
            </button>
        }
    });
    let edit = me.can(Act::Edit, Noun::Host).then(
        || view! { <a class="button" href=format!("/hosts/{}/edit", host.id)>{tr(|t| t.hosting().edit_host)}</a> },
    );
    let create = me
        .can(Act::Create, Noun::Chain)
        .then(|| view! { <a class="button" href="/chains/new">{tr(|t| t.create_chain)}</a> });
    let gone = Callback::new(move |_: String| {
        buttons.remove.dispatch(());
    });
    let remove = me.can(Act::Delete, Noun::Host).then(|| {
        if occupied {
            view! { <span class="muted small">{tr(|t| t.hosting().host_in_use)}</span> }.into_any()
        } else {
            view! {
                <Confirm label=words(|t| t.hosting().remove_host)
                    impact=vec![words(|t| t.hosting().remove_host_impact)] name=name
                    typed=buttons.typed danger=true confirm=gone/>
            }
            .into_any()
        }
    });
    view! { {test} {edit} {create} {remove} }.into_any()
}

fn facts(host: &HostView) -> AnyView {
    let (spec, status) = (&host.spec, &host.status);
    let reason = status.reason.clone().map(|reason| {
        let text = say_in(move |lang| refusal_text(lang, &reason));
        view! { <p class="notice notice-bad">{text}</p> }
    });
    let rules = (!spec.image_rules.is_empty()).then(|| {
        view! {
            <dt>{tr(|t| t.hosting().image_rules)}</dt>
            <dd><code>{spec.image_rules.join(" ")}</code></dd>
        }
    });
    let registries = (!host.registries.is_empty()).then(|| {
        view! {
            <dt>{tr(|t| t.hosting().registries)}</dt>
            <dd><code>{host.registries.join(" ")}</code></dd>
        }
    });
    let kind = match &spec.cluster {
        Some(settings) => cluster::facts(settings),
        None => view! {
            <dt>{tr(|t| t.hosting().bind_address)}</dt>
            <dd>{spec.bind_address.clone()}</dd>
            <dt>{tr(|t| t.hosting().network_range)}</dt>
            <dd>{spec.network_range.to_string()}</dd>
        }
        .into_any(),
    };
    view! {
        <section class="card">
            {reason}
            <dl class="facts">
                <dt>{tr(|t| t.state)}</dt>
                <dd>{badge(host_state(status.state))}</dd>
                <dt>{tr(|t| t.last_seen)}</dt>
                <dd>{status.last_seen_ms.map(|ms| view! { <Time ms=ms/> })}</dd>
                <dt>{tr(|t| t.endpoint)}</dt>
                <dd><Copyable text=endpoint(&spec.endpoint)/></dd>
                <dt>{tr(|t| t.capacity)}</dt>
                <dd>{host.chains.to_string()} " / " {spec.capacity.to_string()}</dd>
                <dt>{tr(|t| t.template().log_level)}</dt>
                <dd>{spec.log_level.as_str()}</dd>
                <dt>{tr(|t| t.hosting().port_range)}</dt>
                <dd>{spec.port_first.to_string()} "–" {spec.port_last.to_string()}</dd>
                <dt>{tr(|t| t.hosting().client_address)}</dt>
                <dd>{spec.client_address.clone()}</dd>
                {kind}
                {rules}
                {registries}
                {engine(host)}
            </dl>
        </section>
    }
    .into_any()
}

/// What the engine said of itself when it last answered.
fn engine(host: &HostView) -> Option<AnyView> {
    let facts = host.status.facts.clone()?;
    // Data of a cluster's nodes lie on no disk that could be looked at.
    let disk = (!host.spec.endpoint.is_cluster()).then(|| {
        let free = match facts.disk_free_mib {
            Some(mib) => view! { {mib.to_string()} " MiB" }.into_any(),
            None => view! { {tr(|t| t.state_unknown)} }.into_any(),
        };
        view! { <dt>{tr(|t| t.hosting().disk_free)}</dt> <dd>{free}</dd> }
    });
    let warnings = (!facts.warnings.is_empty()).then(|| {
        let lines = facts.warnings.into_iter().map(|line| view! { <div>{line}</div> }).collect_view();
        view! {
            <dt>{tr(|t| t.hosting().engine_says)}</dt>
            <dd class="small">{lines}</dd>
        }
    });
    Some(
        view! {
            <dt>{tr(|t| t.engine)}</dt>
            <dd>{facts.engine} " " {facts.version}</dd>
            <dt>{tr(|t| t.api_version)}</dt>
            <dd>{facts.api_version}</dd>
            <dt>{tr(|t| t.hosting().operating_system)}</dt>
            <dd>{facts.operating_system} " (" {facts.architecture} ")"</dd>
            <dt>{tr(|t| t.hosting().cpus)}</dt>
            <dd>{facts.cpus.to_string()}</dd>
            <dt>{tr(|t| t.memory)}</dt>
            <dd>{facts.memory_mib.to_string()} " MiB"</dd>
            {disk}
            {warnings}
        }
        .into_any(),
    )
}

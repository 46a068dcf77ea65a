//! One host: what its engine says, its images, and removing it.

use domain::host::{HostView, ImageState, ImageView};
use domain::id::HostId;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::hosts::endpoint;
use super::{parameter, refusal};
use crate::api::host::{host_images, host_read, host_remove};
use crate::components::badge::{Tone, badge, host_state};
use crate::components::copy::Copyable;
use crate::components::dialog::Confirm;
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::layout::section;
use crate::session::Me;
use crate::text::{refusal_text, say_in, tr, words};

/// The page.
#[component]
pub fn Host() -> impl IntoView {
    let id = parameter("id");
    let tick = events::ticks(move |m| m.touches("host", &id.read_untracked()));
    let host = Resource::new(move || (id.get(), tick.get()), |(id, _)| host_read(HostId::new(id)));
    let images = Resource::new(move || (id.get(), tick.get()), |(id, _)| host_images(HostId::new(id)));
    let remove = Action::new(move |(): &()| host_remove(HostId::new(id.get_untracked())));
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(())) = remove.value().get() {
            navigate("/hosts", leptos_router::NavigateOptions::default());
        }
    });
    let typed = RwSignal::new(String::new());
    load(host, move |host, me| {
        view! {
            <Page
                title=Signal::stored(host.spec.name.to_string())
                crumbs=vec![(words(|t| t.hosts), "/hosts".to_owned())]
                actions=buttons(&host, &me, remove, typed)
            >
                <Notice error=refusal(remove)/>
                {facts(&host)}
                {section(|t| t.images, images, |images, _| image_table(images))}
            </Page>
        }
        .into_any()
    })
}

fn buttons(
    host: &HostView,
    me: &Me,
    remove: Action<(), Result<(), crate::api::ApiError>>,
    typed: RwSignal<String>,
) -> AnyView {
    let may_create = me.can(Act::Create, Noun::Chain);
    let may_remove = me.can(Act::Delete, Noun::Host);
    let occupied = host.chains != 0;
    let name = host.spec.name.to_string();
    let create =
        may_create.then(|| view! { <a class="button" href="/chains/new">{tr(|t| t.create_chain)}</a> });
    let gone = Callback::new(move |_: String| {
        remove.dispatch(());
    });
    let button = may_remove.then(|| {
        if occupied {
            view! { <span class="muted small">{tr(|t| t.host_in_use)}</span> }.into_any()
        } else {
            view! {
                <Confirm label=words(|t| t.remove_host) impact=vec![words(|t| t.remove_host_impact)] name=name
                    typed=typed danger=true confirm=gone/>
            }
            .into_any()
        }
    });
    view! { {create} {button} }.into_any()
}

fn facts(host: &HostView) -> AnyView {
    let (spec, status) = (&host.spec, &host.status);
    let reason = status.reason.clone().map(|reason| {
        let text = say_in(move |lang| refusal_text(lang, &reason));
        view! { <p class="notice notice-bad">{text}</p> }
    });
    let engine = status.facts.clone().map(|facts| {
        view! {
            <dt>{tr(|t| t.engine)}</dt>
            <dd>{facts.engine} " " {facts.version}</dd>
            <dt>{tr(|t| t.api_version)}</dt>
            <dd>{facts.api_version}</dd>
            <dt>{tr(|t| t.operating_system)}</dt>
            <dd>{facts.operating_system} " (" {facts.architecture} ")"</dd>
            <dt>{tr(|t| t.cpus)}</dt>
            <dd>{facts.cpus.to_string()}</dd>
            <dt>{tr(|t| t.memory)}</dt>
            <dd>{facts.memory_mib.to_string()} " MiB"</dd>
        }
    });
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
                <dt>{tr(|t| t.port_range)}</dt>
                <dd>{spec.port_first.to_string()} "–" {spec.port_last.to_string()}</dd>
                <dt>{tr(|t| t.bind_address)}</dt>
                <dd>{spec.bind_address.clone()}</dd>
                <dt>{tr(|t| t.client_address)}</dt>
                <dd>{spec.client_address.clone()}</dd>
                {engine}
            </dl>
        </section>
    }
    .into_any()
}

fn image_table(images: Vec<ImageView>) -> AnyView {
    if images.is_empty() {
        return empty(|t| t.no_images, |t| t.no_images_hint, None);
    }
    let rows = images
        .into_iter()
        .map(|image| {
            let state = match image.state {
                ImageState::Present { id, local_only } => view! {
                    {badge((Tone::Good, |t| t.image_present))} " "
                    {local_only.then(|| badge((Tone::Quiet, |t| t.image_local)))} " " <Copyable text=id/>
                }
                .into_any(),
                ImageState::Preparing { done, total } => view! {
                    {badge((Tone::Busy, |t| t.image_preparing))} " "
                    <progress max=total.max(1).to_string() value=done.to_string()></progress>
                }
                .into_any(),
                ImageState::Missing => badge((Tone::Warn, |t| t.image_missing)),
            };
            view! { <tr><th scope="row"><code>{image.reference}</code></th><td>{state}</td></tr> }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.images)>
            <table>
                <thead>
                    <tr><th scope="col">{tr(|t| t.image)}</th><th scope="col">{tr(|t| t.state)}</th></tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

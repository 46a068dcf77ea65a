//! All hosts.

use domain::host::{Endpoint, HostView};
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::host::host_list;
use crate::components::badge::{badge, host_state};
use crate::components::load::{load, with_session};
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::fetched::Fetched;
use crate::session::Me;
use crate::text::{refusal_text, say_in, tr, words};

/// The page.
#[component]
pub fn Hosts() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("host", ""));
    let hosts = Fetched::new(move || tick.get(), |_| host_list());
    view! {
        <Page title=words(|t| t.hosts) actions=with_session(|me| view! { {templates()} {add(&me)} }.into_any())>
            {load(hosts, |hosts, me| {
                if hosts.is_empty() {
                    empty(|t| t.no_hosts, |t| t.no_hosts_hint, add(&me))
                } else {
                    table(hosts)
                }
            })}
        </Page>
    }
}

/// What hosts are filled from.
fn templates() -> AnyView {
    view! { <a class="button" href="/templates">{tr(|t| t.template().templates)}</a> }.into_any()
}

fn add(me: &Me) -> Option<AnyView> {
    me.can(Act::Create, Noun::Host)
        .then(|| view! { <a class="button primary" href="/hosts/new">{tr(|t| t.add_host)}</a> }.into_any())
}

/// Where an engine listens, as one word.
pub fn endpoint(endpoint: &Endpoint) -> String {
    endpoint.canonical()
}

fn table(hosts: Vec<HostView>) -> AnyView {
    let rows = hosts
        .into_iter()
        .map(|host| {
            let (chains, capacity) = (host.chains, host.spec.capacity);
            let reason = host.status.reason.clone().map(|reason| {
                let text = say_in(move |lang| refusal_text(lang, &reason));
                view! { <div class="muted small">{text}</div> }
            });
            view! {
                <tr>
                    <th scope="row"><a href=format!("/hosts/{}", host.id)>{host.spec.name.to_string()}</a></th>
                    <td>{badge(host_state(host.status.state))} {reason}</td>
                    <td><code>{endpoint(&host.spec.endpoint)}</code></td>
                    <td>
                        <meter min="0" max=capacity.to_string() value=chains.to_string()></meter>
                        " " {chains.to_string()} " / " {capacity.to_string()}
                    </td>
                    <td>{host.status.facts.as_ref().map(|f| format!("{} {}", f.engine, f.version))}</td>
                    <td>{host.status.last_seen_ms.map(|ms| view! { <Time ms=ms/> })}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.hosts)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col">{tr(|t| t.endpoint)}</th>
                        <th scope="col">{tr(|t| t.chains)}</th>
                        <th scope="col">{tr(|t| t.engine)}</th>
                        <th scope="col">{tr(|t| t.last_seen)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

//! All hosts: searched, filtered, sorted and paged by the server.

use domain::host::{Endpoint, HostState, HostView};
use domain::list::ListPage;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::host::host_page;
use crate::components::badge::{badge, host_state};
use crate::components::list::{
    Facet, ListState, list_pager, list_tools, nothing_found, sort_header, use_list,
};
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
    let list = use_list(&["state", "kind"]);
    let tick = events::ticks(|m| m.touches("host", ""));
    let hosts = Fetched::new(move || (tick.get(), list.query.get()), |(_, query)| host_page(query));
    view! {
        <Page title=words(|t| t.hosts) actions=with_session(|me| view! { {templates()} {add(&me)} }.into_any())>
            {list_tools(list, facets())}
            {load(hosts, move |page, me| rows(list, page, &me))}
        </Page>
    }
}

/// What hosts are filled from.
fn templates() -> AnyView {
    view! { <a class="button" href="/templates">{tr(|t| t.template().templates)}</a> }.into_any()
}

fn facets() -> Vec<Facet> {
    let state = |word: &str, state| (word.to_owned(), words(host_state(state).1));
    let states = vec![
        state("active", HostState::Active),
        state("inactive", HostState::Inactive),
        state("unknown", HostState::Unknown),
    ];
    let kinds = vec![
        ("engine".to_owned(), words(|t| t.list().engine_kind)),
        ("cluster".to_owned(), words(|t| t.list().cluster_kind)),
    ];
    vec![
        Facet { key: "state", label: |t| t.state, options: states },
        Facet { key: "kind", label: |t| t.kind, options: kinds },
    ]
}

fn rows(list: ListState, page: ListPage<HostView>, me: &Me) -> AnyView {
    if !page.rows.is_empty() {
        return view! { {table(list, page.rows)} {list_pager(list, page.next)} }.into_any();
    }
    if untrack(|| list.is_narrowed()) {
        return nothing_found(list);
    }
    let action = add(me);
    match action.is_some() {
        true => empty(|t| t.no_hosts, |t| t.no_hosts_hint, action),
        false => empty(|t| t.no_hosts, |t| t.no_hosts_operator_hint, None),
    }
}

fn add(me: &Me) -> Option<AnyView> {
    me.can(Act::Create, Noun::Host)
        .then(|| view! { <a class="button primary" href="/hosts/new">{tr(|t| t.add_host)}</a> }.into_any())
}

/// Where an engine listens, as one word.
pub fn endpoint(endpoint: &Endpoint) -> String {
    endpoint.canonical()
}

fn table(list: ListState, hosts: Vec<HostView>) -> AnyView {
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
                        {sort_header(list, "name", |t| t.name)}
                        {sort_header(list, "state", |t| t.state)}
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

//! All hosts: searched, filtered, sorted and paged by the server, as a list and by how full they are.

use domain::host::capacity::HostCapacity;
use domain::host::{Endpoint, HostState, HostView};
use domain::list::ListPage;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

use crate::api::host::{host_capacity_page, host_page};
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

pub mod capacity;

/// A page of the list, in the view that the address names.
#[derive(Clone, Serialize, Deserialize)]
enum Shown {
    Hosts(ListPage<HostView>),
    Room(ListPage<HostCapacity>),
}

/// The page.
#[component]
pub fn Hosts() -> impl IntoView {
    let list = use_list(&["state", "kind"]);
    let tick = events::ticks(|m| m.touches("host", ""));
    let asked = use_query_map();
    let of_room = Memo::new(move |_| asked.read().get("view").is_some_and(|view| view == "capacity"));
    // How full hosts are is read from all their chains: once, and not whenever one of the hosts is looked at.
    let told = move || if of_room.get() { 0 } else { tick.get() };
    let hosts = Fetched::new(
        move || (told(), of_room.get(), list.query.get()),
        |(_, of_room, query)| async move {
            match of_room {
                true => host_capacity_page(query).await.map(Shown::Room),
                false => host_page(query).await.map(Shown::Hosts),
            }
        },
    );
    view! {
        <Page title=words(|t| t.hosts) actions=with_session(|me| view! { {templates()} {add(&me)} }.into_any())>
            {views(of_room)}
            {list_tools(list, facets())}
            {load(hosts, move |shown, me| match shown {
                Shown::Hosts(page) => rows(list, page, table, &me),
                Shown::Room(page) => rows(list, page, capacity::table, &me),
            })}
        </Page>
    }
}

/// The list, and how full its hosts are; links, so that they work without a script.
fn views(of_room: Memo<bool>) -> AnyView {
    let current = move |room: bool| move || (of_room.get() == room).then_some("page");
    view! {
        <nav class="tabs" aria-label=tr(|t| t.hosting().views)>
            <ul>
                <li><a href="/hosts" aria-current=current(false)>{tr(|t| t.hosting().list)}</a></li>
                <li><a href="/hosts?view=capacity" aria-current=current(true)>{tr(|t| t.hosting().room)}</a></li>
            </ul>
        </nav>
    }
    .into_any()
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

/// A page in one of the views; what stands in the place of an empty one is the same in both.
fn rows<T>(
    list: ListState,
    page: ListPage<T>,
    table: fn(ListState, ListPage<T>) -> AnyView,
    me: &Me,
) -> AnyView {
    if !page.rows.is_empty() {
        return table(list, page);
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

fn table(list: ListState, page: ListPage<HostView>) -> AnyView {
    let rows = page
        .rows
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
        {list_pager(list, page.next)}
    }
    .into_any()
}

//! All chains in reach: searched, filtered, sorted and paged by the server, and what is done to many of them.

use std::collections::BTreeSet;

use domain::chain::{ChainState, ChainSummary};
use domain::list::ListPage;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::chain::chain_page;
use crate::api::host::host_choices;
use crate::components::badge::{badge, chain_state, health};
use crate::components::list::columns::{Column, column_choice, use_columns};
use crate::components::list::selection::{Selection, page_box, row_box};
use crate::components::list::{
    Facet, ListState, list_pager, list_tools, nothing_found, sort_column, sort_header, use_list,
};
use crate::components::load::{load, load_part, with_session};
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::fetched::Fetched;
use crate::session::Me;
use crate::text::{tr, words};

mod bulk;

/// Columns that may be left out; the name stays.
const COLUMNS: &[Column] = &[
    ("c1", |t| t.state),
    ("c2", |t| t.health),
    ("c3", |t| t.host),
    ("c4", |t| t.version),
    ("c5", |t| t.organizations),
    ("c6", |t| t.peers),
    ("c7", |t| t.orderers),
    ("c8", |t| t.created),
    ("c9", |t| t.list().owner),
];

/// The page.
#[component]
pub fn Chains() -> impl IntoView {
    let list = use_list(&["state", "health", "host", "version", "owner"]);
    let tick = events::ticks(|m| m.touches("chain", ""));
    let chains = Fetched::new(move || (tick.get(), list.query.get()), |(_, query)| chain_page(query));
    let selection: Selection = RwSignal::new(BTreeSet::new());
    let columns = use_columns("heddle_columns_chains", COLUMNS);
    let export = list.export("/chains.csv");
    let create = with_session(|me| {
        view! { <a class="button" href="/apply">{tr(|t| t.allowance().get_chain)}</a> {create(&me)} }
            .into_any()
    });
    view! {
        <Page title=words(|t| t.chains) actions=create>
            {with_session(move |me| tools(list, &me))}
            <div class="row">
                {column_choice(columns)}
                <a class="button" href=export rel="external" download="">
                    {tr(|t| t.list().export)}
                </a>
            </div>
            {with_session(move |me| bulk::bulk_bar(selection, &me))}
            <div class="list-rows" data-hide=columns.hidden()>
                {load(chains, move |page, me| rows(list, selection, page, &me))}
            </div>
        </Page>
    }
}

fn create(me: &Me) -> Option<AnyView> {
    me.can(Act::Create, Noun::Chain).then(|| {
        view! { <a class="button primary" href="/chains/new">{tr(|t| t.create_chain)}</a> }.into_any()
    })
}

/// The search and the filters; whoever may see hosts filters by them.
fn tools(list: ListState, me: &Me) -> AnyView {
    if !me.can(Act::List, Noun::Host) {
        return list_tools(list, facets(Vec::new()));
    }
    load_part(Fetched::new(|| (), |()| host_choices()), move |hosts, _| {
        let hosts = hosts.into_iter().map(|(id, name)| (id.to_string(), Signal::stored(name)));
        list_tools(list, facets(hosts.collect()))
    })
}

fn facets(hosts: Vec<(String, Signal<String>)>) -> Vec<Facet> {
    let states = ChainState::ALL.map(|state| (state.as_str().to_owned(), words(chain_state(state).1)));
    let healths = [
        ("ok".to_owned(), words(|t| t.health_ok)),
        ("degraded".to_owned(), words(|t| t.health_degraded)),
        ("unreachable".to_owned(), words(|t| t.health_unreachable)),
        ("unknown".to_owned(), words(|t| t.health_unknown)),
    ];
    let version = |version: &str| (version.to_owned(), Signal::stored(format!("Fabric {version}")));
    let owners =
        [("me".to_owned(), words(|t| t.list().mine)), ("none".to_owned(), words(|t| t.list().nobody))];
    let mut facets = vec![
        Facet { key: "state", label: |t| t.state, options: states.into() },
        Facet { key: "health", label: |t| t.health, options: healths.into() },
        Facet { key: "version", label: |t| t.version, options: vec![version("2.5"), version("3.1")] },
        Facet { key: "owner", label: |t| t.list().owner, options: owners.into() },
    ];
    if !hosts.is_empty() {
        facets.push(Facet { key: "host", label: |t| t.host, options: hosts });
    }
    facets
}

fn rows(list: ListState, selection: Selection, page: ListPage<ChainSummary>, me: &Me) -> AnyView {
    if !page.rows.is_empty() {
        let many = me.can(Act::Start, Noun::Chain).then_some(selection);
        let table = chain_table(list, many, page.rows);
        return view! { {table} {list_pager(list, page.next)} }.into_any();
    }
    if untrack(|| list.is_narrowed()) {
        return nothing_found(list);
    }
    let action = create(me);
    if action.is_some() {
        empty(|t| t.no_chains, |t| t.no_chains_hint, action)
    } else {
        empty(|t| t.no_chains, |t| t.no_chains_user_hint, None)
    }
}

fn chain_table(list: ListState, many: Option<Selection>, chains: Vec<ChainSummary>) -> AnyView {
    let names: Vec<String> = chains.iter().map(|chain| chain.name.to_string()).collect();
    let rows = chains.into_iter().map(|chain| chain_row(many, chain)).collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.chains)>
            <table>
                <thead>
                    <tr>
                        {many.map(|selection| page_box(selection, names))}
                        {sort_header(list, "name", |t| t.name)}
                        {sort_column(list, "state", |t| t.state, "c1")}
                        <th scope="col" class="c2">{tr(|t| t.health)}</th>
                        <th scope="col" class="c3">{tr(|t| t.host)}</th>
                        <th scope="col" class="c4">{tr(|t| t.version)}</th>
                        <th scope="col" class="number c5">{tr(|t| t.organizations)}</th>
                        <th scope="col" class="number c6">{tr(|t| t.peers)}</th>
                        <th scope="col" class="number c7">{tr(|t| t.orderers)}</th>
                        <th scope="col" class="c9">{tr(|t| t.list().owner)}</th>
                        {sort_column(list, "created", |t| t.created, "c8")}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn chain_row(many: Option<Selection>, chain: ChainSummary) -> AnyView {
    let (name, owner) = (chain.name.to_string(), owner(&chain));
    view! {
        <tr>
            {many.map(|selection| row_box(selection, &name))}
            <th scope="row"><a href=format!("/chains/{name}")>{name.clone()}</a></th>
            <td class="c1">{badge(chain_state(chain.state))}</td>
            <td class="c2">{badge(health(&chain.health))}</td>
            <td class="c3">{chain.host_name}</td>
            <td class="c4">{chain.version.as_str()}</td>
            <td class="number c5">{chain.organizations.to_string()}</td>
            <td class="number c6">{chain.peers.to_string()}</td>
            <td class="number c7">{chain.orderers.to_string()}</td>
            <td class="c9">{owner}</td>
            <td class="c8"><Time ms=chain.created_ms/></td>
        </tr>
    }
    .into_any()
}

/// Whose a chain is, and until when; of one in the pool that it is free.
fn owner(chain: &ChainSummary) -> AnyView {
    if chain.owner.is_none() {
        return match chain.pool {
            Some(_) => view! { <span>{tr(|t| t.list().free_in_pool)}</span> }.into_any(),
            None => ().into_any(),
        };
    }
    let until = chain.expires_ms.map(|ms| {
        view! { <div class="muted small">{tr(|t| t.allowance().until)} " " <Time ms=ms/></div> }
    });
    view! { {chain.owner_name.clone()} {until} }.into_any()
}

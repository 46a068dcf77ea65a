//! How full hosts are: their places, and what is given to nodes beside what there is. What an engine does not tell is said
//! to be untold.

use domain::host::capacity::{Given, HostCapacity, HostUsage};
use domain::list::ListPage;
use leptos::prelude::*;

use crate::components::badge::{Tone, badge, host_state};
use crate::components::list::{ListState, list_pager, sort_header};
use crate::components::time::cores;
use crate::text::{fill, say, tr};

/// Hosts beside each other.
pub fn table(list: ListState, page: ListPage<HostCapacity>) -> AnyView {
    let rows = page.rows.iter().map(row).collect_view();
    view! {
        <p class="muted small">{tr(|t| t.hosting().room_hint)}</p>
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.hosting().room)>
            <table>
                <thead>
                    <tr>
                        {sort_header(list, "name", |t| t.name)}
                        {sort_header(list, "state", |t| t.state)}
                        <th scope="col">{tr(|t| t.hosting().places)}</th>
                        <th scope="col">{tr(|t| t.chains)}</th>
                        <th scope="col" class="number">{tr(|t| t.nodes)}</th>
                        <th scope="col">{tr(|t| t.cpu)}</th>
                        <th scope="col">{tr(|t| t.memory)}</th>
                        <th scope="col">{tr(|t| t.hosting().disk_free)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {list_pager(list, page.next)}
    }
    .into_any()
}

fn row(host: &HostCapacity) -> AnyView {
    view! {
        <tr>
            <th scope="row"><a href=format!("/hosts/{}", host.id)>{host.name.to_string()}</a></th>
            <td>{badge(host_state(host.state))}</td>
            <td>{places(host)}</td>
            <td>{chains(host)}</td>
            <td class="number">{host.nodes.to_string()}</td>
            <td>{given(host.cpu_milli, cores)}</td>
            <td>{given(host.memory_mib, mib)}</td>
            <td>{disk(host)}</td>
        </tr>
    }
    .into_any()
}

/// One host, with what its nodes use.
pub fn card(host: &HostCapacity) -> AnyView {
    view! {
        <dl class="facts">
            <dt>{tr(|t| t.hosting().places)}</dt>
            <dd>{places(host)}</dd>
            <dt>{tr(|t| t.chains)}</dt>
            <dd>{chains(host)}</dd>
            <dt>{tr(|t| t.nodes)}</dt>
            <dd>{host.nodes.to_string()}</dd>
            <dt>{tr(|t| t.cpu)}</dt>
            <dd>{given(host.cpu_milli, cores)}</dd>
            <dt>{tr(|t| t.memory)}</dt>
            <dd>{given(host.memory_mib, mib)}</dd>
            <dt>{tr(|t| t.hosting().disk_free)}</dt>
            <dd>{disk(host)}</dd>
            <dt>{tr(|t| t.hosting().in_use)}</dt>
            <dd>{used(host.used)}</dd>
        </dl>
        <p class="muted small">{tr(|t| t.hosting().room_hint)}</p>
    }
    .into_any()
}

fn places(host: &HostCapacity) -> AnyView {
    let (held, capacity) = (host.held.to_string(), host.capacity.to_string());
    let told = [("held", held.clone()), ("capacity", capacity.clone())];
    let closed = (!host.schedulable).then(|| {
        view! { <div class="muted small">{tr(|t| t.hosting().takes_none)}</div> }
    });
    view! {
        <meter min="0" max=capacity value=held aria-label=tr(|t| t.hosting().places)></meter>
        " " {say(move |t| fill(t.hosting().places_told, &told))}
        {closed}
    }
    .into_any()
}

fn chains(host: &HostCapacity) -> AnyView {
    let told = [
        ("free", host.free.to_string()),
        ("owned", host.owned.to_string()),
        ("others", host.others.to_string()),
    ];
    view! { {say(move |t| fill(t.hosting().chains_told, &told))} }.into_any()
}

/// What nodes may use of one resource.
fn given(given: Given, word: fn(u64) -> String) -> AnyView {
    let limits = word(given.limits);
    let Some(has) = given.has else {
        let told = [("given", limits)];
        return view! { {say(move |t| fill(t.hosting().given_alone, &told))} }.into_any();
    };
    let told = [("given", limits), ("has", word(has))];
    let more = (given.limits > has).then(|| badge((Tone::Warn, |t| t.hosting().given_more)));
    view! { {say(move |t| fill(t.hosting().given_of, &told))} " " {more} }.into_any()
}

fn disk(host: &HostCapacity) -> AnyView {
    match host.disk_free_mib {
        Some(free) => mib(free).into_any(),
        None => untold(),
    }
}

fn used(used: Option<HostUsage>) -> AnyView {
    match used {
        Some(HostUsage { running, measured: 0, .. }) if running > 0 => untold_of(running),
        Some(used) => {
            let told = [
                ("cpu", cores(used.cpu_milli)),
                ("memory", used.memory_mib.to_string()),
                ("measured", used.measured.to_string()),
                ("running", used.running.to_string()),
            ];
            view! { {say(move |t| fill(t.hosting().in_use_of, &told))} }.into_any()
        }
        None => untold(),
    }
}

fn untold() -> AnyView {
    view! { <span class="muted">{tr(|t| t.hosting().not_told)}</span> }.into_any()
}

/// Nodes run, and what none of them uses is known.
fn untold_of(running: u32) -> AnyView {
    let told = [("running", running.to_string())];
    view! { <span class="muted">{say(move |t| fill(t.hosting().not_measured, &told))}</span> }.into_any()
}

fn mib(count: u64) -> String {
    format!("{count} MiB")
}

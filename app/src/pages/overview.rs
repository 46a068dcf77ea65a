//! The first page after sign-in: what runs, what needs a look, and for an empty portal the one big button.

use domain::chain::ChainSummary;
use domain::id::OperationId;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use super::chains::chain_cards;
use super::follow;
use super::operations::operation_table;
use crate::api::ApiError;
use crate::api::chain::{chain_demo, chain_list};
use crate::api::host::host_list;
use crate::api::operation::operation_list;
use crate::browser::new_key;
use crate::components::load::{load, load_part};
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::events;
use crate::fetched::{Fetched, again};
use crate::layout::section;
use crate::session::Me;
use crate::text::{tr, words};

/// How many operations the overview lists.
const RECENT: usize = 6;

/// The page.
#[component]
pub fn Overview() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("chain", "") || m.touches("host", ""));
    let chains = Fetched::new(move || tick.get(), |_| chain_list());
    let operation_tick = events::ticks(|m| m.touches("operation", ""));
    let operations = Fetched::new(move || operation_tick.get(), |_| operation_list());
    // The action outlives the button, which goes away as soon as there is a chain.
    let demo = Action::new(|(): &()| {
        let key = new_key();
        again(move || chain_demo(key.clone()))
    });
    let refused = follow(demo);
    view! {
        <Page title=words(|t| t.overview) is_first=true>
            <Notice error=refused/>
            {load(chains, move |chains, me| body(chains, &me, demo))}
            {section(|t| t.recent_operations, operations, |all, _| {
                operation_table(all.into_iter().take(RECENT).collect())
            })}
        </Page>
    }
}

type Demonstration = Action<(), Result<OperationId, ApiError>>;

fn body(chains: Vec<ChainSummary>, me: &Me, demo: Demonstration) -> AnyView {
    let may_create = me.can(Act::Create, Noun::Chain);
    match (chains.is_empty(), may_create) {
        (true, true) if me.can(Act::Create, Noun::Host) => view! { <Demo action=demo/> }.into_any(),
        // Who may not add a host can do nothing before there is one.
        (true, true) => {
            load_part(Fetched::new(|| (), |()| host_list()), move |hosts, _| match hosts.is_empty() {
                true => empty(|t| t.no_hosts, |t| t.no_hosts_operator_hint, None),
                false => view! { <Demo action=demo/> }.into_any(),
            })
        }
        (true, false) => {
            let get = view! { <a class="button primary" href="/apply">{tr(|t| t.allowance().get_chain)}</a> };
            empty(|t| t.no_chains, |t| t.allowance().get_chain_hint, Some(get.into_any()))
        }
        (false, _) => chain_cards(chains),
    }
}

/// The big button: from nothing to a running chain with the sample deployed.
#[component]
fn Demo(action: Demonstration) -> impl IntoView {
    view! {
        <section class="card hero">
            <h2>{tr(|t| t.demo_title)}</h2>
            <p>{tr(|t| t.demo_hint)}</p>
            <div class="row">
                <button
                    type="button"
                    class="button primary big"
                    disabled=move || action.pending().get()
                    on:click=move |_| { action.dispatch(()); }
                >
                    {tr(|t| t.demo_button)}
                </button>
                <a class="button big" href="/chains/new">{tr(|t| t.create_chain)}</a>
            </div>
        </section>
    }
}

//! All chains in reach.

use domain::chain::ChainSummary;
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::chain::chain_list;
use crate::components::badge::{badge, chain_state, health};
use crate::components::load::{load, with_session};
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::fetched::Fetched;
use crate::text::{fill, say, tr, words};

/// The page.
#[component]
pub fn Chains() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("chain", ""));
    let chains = Fetched::new(move || tick.get(), |_| chain_list());
    let create = with_session(|me| {
        let create = me
            .can(Act::Create, Noun::Chain)
            .then(|| view! { <a class="button primary" href="/chains/new">{tr(|t| t.create_chain)}</a> });
        view! { <a class="button" href="/apply">{tr(|t| t.allowance().get_chain)}</a> {create} }.into_any()
    });
    view! {
        <Page title=words(|t| t.chains) actions=create>
            {load(chains, |chains, me| {
                if chains.is_empty() {
                    let create = me.can(Act::Create, Noun::Chain).then(|| {
                        view! { <a class="button primary" href="/chains/new">{tr(|t| t.create_chain)}</a> }.into_any()
                    });
                    empty(|t| t.no_chains, |t| t.no_chains_hint, create)
                } else {
                    chain_table(chains)
                }
            })}
        </Page>
    }
}

fn chain_table(chains: Vec<ChainSummary>) -> AnyView {
    let rows = chains
        .into_iter()
        .map(|chain| {
            view! {
                <tr>
                    <th scope="row"><a href=format!("/chains/{}", chain.name)>{chain.name.to_string()}</a></th>
                    <td>{badge(chain_state(chain.state))}</td>
                    <td>{badge(health(&chain.health))}</td>
                    <td>{chain.host_name.clone()}</td>
                    <td>{chain.version.as_str()}</td>
                    <td class="number">{chain.organizations.to_string()}</td>
                    <td class="number">{chain.peers.to_string()}</td>
                    <td class="number">{chain.orderers.to_string()}</td>
                    <td><Time ms=chain.created_ms/></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.chains)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col">{tr(|t| t.health)}</th>
                        <th scope="col">{tr(|t| t.host)}</th>
                        <th scope="col">{tr(|t| t.version)}</th>
                        <th scope="col" class="number">{tr(|t| t.organizations)}</th>
                        <th scope="col" class="number">{tr(|t| t.peers)}</th>
                        <th scope="col" class="number">{tr(|t| t.orderers)}</th>
                        <th scope="col">{tr(|t| t.created)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Chains as cards, for the overview.
pub fn chain_cards(chains: Vec<ChainSummary>) -> AnyView {
    let cards = chains
        .into_iter()
        .map(|chain| {
            let name = chain.name.to_string();
            let (organizations, peers, orderers) = (chain.organizations, chain.peers, chain.orderers);
            let size = say(move |t| {
                let numbers = [
                    ("organizations", organizations.to_string()),
                    ("peers", peers.to_string()),
                    ("orderers", orderers.to_string()),
                ];
                fill(t.chain_size, &numbers)
            });
            let operation = chain.operation.map(|id| {
                view! { <p><a href=format!("/operations/{id}")>{tr(|t| t.see_operation)}</a></p> }
            });
            let expires = chain.expires_ms.map(|ms| {
                view! { <p class="muted small">{tr(|t| t.allowance().until)} " " <Time ms=ms/></p> }
            });
            view! {
                <li class="card chain-card">
                    <h2><a href=format!("/chains/{name}")>{name.clone()}</a></h2>
                    <p class="row">{badge(chain_state(chain.state))} {badge(health(&chain.health))}</p>
                    <p class="muted small">{size}</p>
                    <p class="muted small">{chain.host_name.clone()} " · Fabric " {chain.version.as_str()}</p>
                    {expires}
                    {operation}
                </li>
            }
        })
        .collect_view();
    view! { <ul class="cards">{cards}</ul> }.into_any()
}

//! What the signed-in person submitted on a chain, newest first. The page's place in the history is in its address.

use domain::transaction::SubmitView;
use leptos::prelude::*;

use super::{before, chain_name, parameter};
use crate::api::transaction::transaction_history;
use crate::components::badge::{badge, transaction_state};
use crate::components::copy::middle_cut;
use crate::components::load::load;
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::fetched::Fetched;
use crate::layout::{chain_crumbs, chain_tabs};
use crate::text::{refusal_text, say_in, tr, words};

/// Rows of a page at least; one that has as many has a next.
const PAGE: usize = 100;

/// The page.
#[component]
pub fn Transactions() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let before = before();
    let history = Fetched::new(
        move || (name.get(), before.get(), tick.get()),
        |(name, before, _)| async move { transaction_history(chain_name(&name)?, before).await },
    );
    load(history, move |history, _| {
        let chain = name.get_untracked();
        view! {
            <Page title=words(|t| t.transactions) crumbs=chain_crumbs(&chain)>
                {chain_tabs(&chain)}
                {table(&chain, history)}
            </Page>
        }
        .into_any()
    })
}

/// Why a transaction does not count, for those who look longer.
fn why(one: &SubmitView) -> Option<AnyView> {
    let error = one.error.clone()?;
    let text = say_in(move |lang| refusal_text(lang, &error));
    Some(view! { <p class="muted small">{text}</p> }.into_any())
}

fn table(chain: &str, history: Vec<SubmitView>) -> AnyView {
    if history.is_empty() {
        let address = format!("/chains/{chain}/invoke");
        let call = view! { <a class="button primary" href=address>{tr(|t| t.invoke)}</a> };
        return empty(|t| t.no_transactions, |t| t.no_transactions_hint, Some(call.into_any()));
    }
    let older = (history.len() >= PAGE)
        .then(|| history.last().map(|last| last.created_ms))
        .flatten()
        .map(|ms| format!("/chains/{chain}/transactions?before={ms}"))
        .map(|address| view! { <a class="button" href=address>{tr(|t| t.older)}</a> });
    let newest = format!("/chains/{chain}/transactions");
    let rows = history
        .into_iter()
        .map(|one| {
            // What peers refused has no id and is on no ledger.
            let id = (!one.id.is_empty()).then(|| {
                let address = format!("/chains/{chain}/transactions/{}/{}", one.channel, one.id);
                view! { <a href=address title=one.id.clone()><code>{middle_cut(&one.id)}</code></a> }
            });
            let block = one.block.map(|number| {
                let address = format!("/chains/{chain}/blocks/{}/{number}", one.channel);
                view! { <a href=address>{number.to_string()}</a> }
            });
            view! {
                <tr>
                    <th scope="row">{id.map_or_else(|| "–".into_any(), IntoAny::into_any)}</th>
                    <td>{badge(transaction_state(one.state))} {why(&one)}</td>
                    <td>{one.channel.to_string()}</td>
                    <td>{one.chaincode.to_string()}</td>
                    <td><code>{one.function.clone()} "(" {one.arguments.join(", ")} ")"</code></td>
                    <td class="number">{block}</td>
                    <td>{one.submitted_by.clone()}</td>
                    <td><Time ms=one.created_ms/></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.transactions)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.transaction)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col">{tr(|t| t.channel)}</th>
                        <th scope="col">{tr(|t| t.chaincode)}</th>
                        <th scope="col">{tr(|t| t.call)}</th>
                        <th scope="col" class="number">{tr(|t| t.block)}</th>
                        <th scope="col">{tr(|t| t.who)}</th>
                        <th scope="col">{tr(|t| t.time)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <p class="row">
            <a class="button" href=newest>{tr(|t| t.newest)}</a>
            {older}
        </p>
    }
    .into_any()
}

//! One transaction as it stands in its block, read live from a peer.

use domain::transaction::TransactionView;
use leptos::prelude::*;

use super::{chain_name, channel_name, parameter};
use crate::api::transaction::transaction_read;
use crate::components::badge::{Tone, badge};
use crate::components::copy::{Copyable, middle_cut};
use crate::components::load::load;
use crate::components::page::Page;
use crate::fetched::Fetched;
use crate::layout::chain_crumbs;
use crate::text::{tr, words};

/// The page.
#[component]
pub fn Transaction() -> impl IntoView {
    let (chain, channel, id) = (parameter("name"), parameter("channel"), parameter("id"));
    let data = Fetched::new(
        move || (chain.get(), channel.get(), id.get()),
        |(chain, channel, id)| async move {
            transaction_read(chain_name(&chain)?, channel_name(&channel)?, id).await
        },
    );
    load(data, move |one, _| {
        let (chain, channel) = (chain.get_untracked(), channel.get_untracked());
        let mut crumbs = chain_crumbs(&chain);
        crumbs.push((words(|t| t.transactions), format!("/chains/{chain}/transactions")));
        view! {
            <Page title=Signal::stored(middle_cut(&one.id)) crumbs=crumbs>{body(&chain, &channel, &one)}</Page>
        }
        .into_any()
    })
}

fn body(chain: &str, channel: &str, one: &TransactionView) -> AnyView {
    view! {
        <section class="card">{facts(chain, channel, one)}</section>
        <section class="card">
            <h2>{tr(|t| t.read_write_set)}</h2>
            {reads(one)}
            {writes(one)}
        </section>
    }
    .into_any()
}

/// Valid or not, with Fabric's own word.
pub fn validation(one: &TransactionView) -> AnyView {
    let mark = if one.valid {
        badge((Tone::Good, |t| t.state_valid))
    } else {
        badge((Tone::Bad, |t| t.state_invalid))
    };
    view! { {mark} " " <code>{one.validation.clone()}</code> }.into_any()
}

/// Whether something that was recomputed here agrees with what stands on the ledger.
pub fn hash_mark(agrees: bool) -> AnyView {
    if agrees { badge((Tone::Good, |t| t.hash_verified)) } else { badge((Tone::Bad, |t| t.hash_differs)) }
}

fn facts(chain: &str, channel: &str, one: &TransactionView) -> AnyView {
    let endorsers = one.endorsers.iter().map(|e| view! { <div>{signer(e)}</div> }).collect_view();
    let arguments = one.arguments.iter().map(|a| view! { <li><code>{a.clone()}</code></li> }).collect_view();
    let event = one.event.clone().map(|(name, payload)| {
        view! { <dt>{tr(|t| t.event)}</dt> <dd><code>{name}</code> " " {payload}</dd> }
    });
    let response = one.response.clone().map(|(status, message)| {
        view! { <dt>{tr(|t| t.answer)}</dt> <dd><code>{status.to_string()}</code> " " {message}</dd> }
    });
    let block = format!("/chains/{chain}/blocks/{channel}/{}", one.block);
    view! {
        <dl class="facts">
            <dt>{tr(|t| t.transaction)}</dt>
            <dd><Copyable text=one.id.clone()/> " " {one.id_verified.map(hash_mark)}</dd>
            <dt>{tr(|t| t.channel)}</dt>
            <dd>{one.channel.clone()}</dd>
            <dt>{tr(|t| t.validation)}</dt>
            <dd>{validation(one)}</dd>
            <dt>{tr(|t| t.block)}</dt>
            <dd><a href=block>{one.block.to_string()}</a> " : " {one.index.to_string()}</dd>
            <dt>{tr(|t| t.kind)}</dt>
            <dd><code>{one.kind.clone()}</code></dd>
            <dt>{tr(|t| t.time)}</dt>
            <dd>{one.time.clone().unwrap_or_else(|| "–".to_owned())}</dd>
            <dt>{tr(|t| t.creator)}</dt>
            <dd>{signer(&one.creator)}</dd>
            <dt>{tr(|t| t.endorsers)}</dt>
            <dd>{endorsers}</dd>
            <dt>{tr(|t| t.chaincode)}</dt>
            <dd>{one.chaincode.clone().unwrap_or_else(|| "–".to_owned())}</dd>
            {response}
            <dt>{tr(|t| t.arguments)}</dt>
            <dd><ol class="inline">{arguments}</ol></dd>
            {event}
        </dl>
    }
    .into_any()
}

/// Who signed, with their organization; the first block of a channel is signed by nobody.
pub(super) fn signer((msp, name): &(String, String)) -> String {
    if name.is_empty() && msp.is_empty() { "–".to_owned() } else { format!("{name} ({msp})") }
}

fn reads(one: &TransactionView) -> AnyView {
    let rows = one
        .reads
        .iter()
        .map(|read| {
            let version = read.version.map(|(block, number)| format!("{block}:{number}"));
            view! {
                <tr>
                    <td>{read.namespace.clone()}</td>
                    <td><code>{read.key.clone()}</code></td>
                    <td>{version}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.reads)>
            <table>
                <caption>{tr(|t| t.reads)}</caption>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.namespace)}</th>
                        <th scope="col">{tr(|t| t.key)}</th>
                        <th scope="col">{tr(|t| t.version)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn writes(one: &TransactionView) -> AnyView {
    let rows = one
        .writes
        .iter()
        .map(|write| {
            let value = if write.deleted {
                view! { <em>{tr(|t| t.deleted)}</em> }.into_any()
            } else {
                view! { <code>{write.value.clone()}</code> }.into_any()
            };
            view! {
                <tr>
                    <td>{write.namespace.clone()}</td>
                    <td><code>{write.key.clone()}</code></td>
                    <td>{value}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.writes)>
            <table>
                <caption>{tr(|t| t.writes)}</caption>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.namespace)}</th>
                        <th scope="col">{tr(|t| t.key)}</th>
                        <th scope="col">{tr(|t| t.value)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

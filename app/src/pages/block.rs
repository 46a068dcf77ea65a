//! One block of a channel, read live from a peer.

use domain::transaction::{BlockView, TransactionView};
use leptos::prelude::*;

use super::transaction::signer;
use super::transaction::{hash_mark, validation};
use super::{chain_name, channel_name, not_found, parameter};
use crate::api::transaction::block_read;
use crate::components::copy::{Copyable, middle_cut};
use crate::components::load::load;
use crate::components::page::Page;
use crate::components::rows::Rows;
use crate::fetched::Fetched;
use crate::layout::chain_crumbs;
use crate::text::{fill, say, tr, words};

/// The page.
#[component]
pub fn Block() -> impl IntoView {
    let (chain, channel, number) = (parameter("name"), parameter("channel"), parameter("number"));
    let data = Fetched::new(
        move || (chain.get(), channel.get(), number.get()),
        |(chain, channel, number)| async move {
            let number = number.parse().map_err(|_| not_found())?;
            block_read(chain_name(&chain)?, channel_name(&channel)?, number).await
        },
    );
    load(data, move |block, _| {
        let (chain, channel) = (chain.get_untracked(), channel.get_untracked());
        let mut crumbs = chain_crumbs(&chain);
        crumbs.push((words(|t| t.channels), format!("/chains/{chain}/channels")));
        let number = block.number.to_string();
        let title = Signal::derive(say(move |t| fill(t.block_n, &[("n", number.clone())])));
        view! { <Page title=title crumbs=crumbs>{body(&chain, &channel, block)}</Page> }.into_any()
    })
}

/// A transaction of the block; `below` is where the pages of the channel's transactions are.
fn transaction_row(below: &str, one: &TransactionView) -> AnyView {
    let name = middle_cut(&one.id);
    // Configuration has no id of its own to look up.
    let id = if one.id.is_empty() {
        "–".into_any()
    } else {
        let address = format!("{below}/{}", one.id);
        view! { <a href=address><code>{name}</code></a> }.into_any()
    };
    view! {
        <tr>
            <th scope="row">{id}</th>
            <td><code>{one.kind.clone()}</code></td>
            <td>{validation(one)}</td>
            <td>{one.chaincode.clone()}</td>
            <td>{signer(&one.creator)}</td>
        </tr>
    }
    .into_any()
}

fn body(chain: &str, channel: &str, block: BlockView) -> AnyView {
    let (transactions, below) = (block.transactions, format!("/chains/{chain}/transactions/{channel}"));
    let rows = Rows::new(move || {
        transactions.iter().map(|one| transaction_row(&below, one)).collect_view().into_any()
    });
    let verified = hash_mark(block.data_hash_verified);
    let neighbour = |number: u64| format!("/chains/{chain}/blocks/{channel}/{number}");
    let previous = block.number.checked_sub(1).map(|number| {
        view! { <a class="button" href=neighbour(number)>{tr(|t| t.previous_block)}</a> }
    });
    let next = neighbour(block.number.saturating_add(1));
    view! {
        <p class="row">{previous} <a class="button" href=next>{tr(|t| t.next_block)}</a></p>
        <section class="card">
            <dl class="facts">
                <dt>{tr(|t| t.channel)}</dt>
                <dd>{channel.to_owned()}</dd>
                <dt>{tr(|t| t.hash)}</dt>
                <dd><Copyable text=block.hash.clone()/></dd>
                <dt>{tr(|t| t.previous_hash)}</dt>
                <dd>
                    <Copyable text=block.previous_hash.clone()/> " " {block.previous_hash_verified.map(hash_mark)}
                </dd>
                <dt>{tr(|t| t.data_hash)}</dt>
                <dd><Copyable text=block.data_hash.clone()/> " " {verified}</dd>
            </dl>
        </section>
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.transactions)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.transaction)}</th>
                        <th scope="col">{tr(|t| t.kind)}</th>
                        <th scope="col">{tr(|t| t.validation)}</th>
                        <th scope="col">{tr(|t| t.chaincode)}</th>
                        <th scope="col">{tr(|t| t.creator)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

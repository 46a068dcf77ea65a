//! Chains, operations and transactions as they stand on overviews: words and links, no drawing.

use domain::chain::{ChainSummary, Health};
use domain::operation::OperationSummary;
use domain::transaction::SubmitView;

use super::escape;
use crate::components::badge::{Pick, Tone, chain_state, health, operation_state, transaction_state};
use crate::components::reason::ailment_text;
use crate::components::time::iso;
use crate::session::safe_url;
use crate::text::{Lang, fill};

/// Reasons of a chain's health that stand on its card.
const REASONS: usize = 2;

fn badge(lang: Lang, (tone, pick): (Tone, Pick)) -> String {
    format!(
        "<span class=\"badge badge-{}\"><span class=\"badge-mark\" aria-hidden=\"true\"></span>{}</span>",
        tone.as_str(),
        escape(pick(lang.text()))
    )
}

/// A link to a page of the portal; an address that is none leads nowhere.
pub(super) fn link(address: &str, words: &str) -> String {
    ["<a href=\"", &escape(safe_url(address)), "\">", &escape(words), "</a>"].concat()
}

fn time(ms: i64) -> String {
    let iso = iso(ms);
    let plain = iso.replace('T', " ").replace('Z', " UTC");
    format!("<time datetime=\"{iso}\">{plain}</time>")
}

/// Chains as cards; what is wrong with one stands on it.
pub(super) fn chains(lang: Lang, chains: &[ChainSummary]) -> String {
    let cards: String = chains.iter().map(|chain| card(lang, chain)).collect();
    format!("<ul class=\"cards\">{cards}</ul>")
}

/// Chains by name, for a screen on which nothing can be pressed.
pub(super) fn names(lang: Lang, chains: &[ChainSummary]) -> String {
    let item = |chain: &ChainSummary| {
        format!(
            "<li><strong>{}</strong> {} {}</li>",
            escape(chain.name.as_str()),
            badge(lang, chain_state(chain.state)),
            badge(lang, health(&chain.health))
        )
    };
    let items: String = chains.iter().map(item).collect();
    format!("<ul class=\"wall-list\">{items}</ul>")
}

fn card(lang: Lang, chain: &ChainSummary) -> String {
    let t = lang.text();
    let size = fill(
        t.chain_size,
        &[
            ("organizations", chain.organizations.to_string()),
            ("peers", chain.peers.to_string()),
            ("orderers", chain.orderers.to_string()),
        ],
    );
    let is_unwell = matches!(chain.health.health, Health::Degraded | Health::Unreachable);
    let reasons: String = chain
        .health
        .ailments
        .iter()
        .filter(|_| is_unwell)
        .take(REASONS)
        .map(|ailment| {
            let node = ailment.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
            format!("<p class=\"small\">{}</p>", escape(&format!("{node}{}", ailment_text(lang, ailment))))
        })
        .collect();
    let operation = chain
        .operation
        .as_ref()
        .map(|id| format!("<p>{}</p>", link(&format!("/operations/{id}"), t.see_operation)));
    let expires = chain
        .expires_ms
        .map(|ms| format!("<p class=\"muted small\">{} {}</p>", escape(t.allowance().until), time(ms)));
    format!(
        "<li class=\"card chain-card\"><h3>{}</h3><p class=\"row\">{} {}</p><p class=\"muted small\">{}</p>\
         <p class=\"muted small\">{} · Fabric {}</p>{}{reasons}{}</li>",
        link(&format!("/chains/{}", chain.name), chain.name.as_str()),
        badge(lang, chain_state(chain.state)),
        badge(lang, health(&chain.health)),
        escape(&size),
        escape(&chain.host_name),
        chain.version.as_str(),
        expires.unwrap_or_default(),
        operation.unwrap_or_default(),
    )
}

/// A table in a frame that scrolls by itself; cells are markup.
fn framed(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head.iter().map(|text| format!("<th scope=\"col\">{}</th>", escape(text))).collect();
    let row = |row: &Vec<String>| {
        let cell = |(at, cell): (usize, &String)| match at {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        };
        let cells: String = row.iter().enumerate().map(cell).collect();
        format!("<tr>{cells}</tr>")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<section class=\"card\"><h2>{title}</h2><div class=\"table-frame\" tabindex=\"0\" role=\"region\" \
         aria-label=\"{title}\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>",
        title = escape(title)
    )
}

/// The newest operations.
pub(super) fn operations(lang: Lang, operations: &[OperationSummary]) -> String {
    let t = lang.text();
    if operations.is_empty() {
        return String::new();
    }
    let row = |one: &OperationSummary| {
        let first = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
        let subject = match one.subject.split_once('/').filter(|_| one.subject_is_there) {
            Some(("chain", id)) => link(&format!("/chains/{}", first(id)), &one.subject),
            Some(("host", id)) => link(&format!("/hosts/{}", first(id)), &one.subject),
            _ => escape(&one.subject),
        };
        vec![
            link(&format!("/operations/{}", one.id), lang.operation(&one.name)),
            subject,
            badge(lang, operation_state(one.state)),
            escape(&one.owner),
            time(one.created_ms),
        ]
    };
    let rows: Vec<Vec<String>> = operations.iter().map(row).collect();
    framed(t.recent_operations, &[t.operation, t.object, t.state, t.who, t.started], &rows)
}

/// What somebody submitted last.
pub(super) fn submitted(lang: Lang, views: &[SubmitView]) -> String {
    let t = lang.text();
    if views.is_empty() {
        return String::new();
    }
    let row = |one: &SubmitView| {
        let call = format!("{} · {}", one.chaincode, one.function);
        // What peers refused has no id and is on no ledger.
        let first = match one.id.is_empty() {
            true => escape(&call),
            false => link(&format!("/chains/{}/transactions/{}/{}", one.chain, one.channel, one.id), &call),
        };
        vec![
            first,
            link(&format!("/chains/{}", one.chain), one.chain.as_str()),
            badge(lang, transaction_state(one.state)),
            time(one.created_ms),
        ]
    };
    let rows: Vec<Vec<String>> = views.iter().map(row).collect();
    framed(t.stats().my_transactions, &[t.call, t.chains, t.state, t.time], &rows)
}

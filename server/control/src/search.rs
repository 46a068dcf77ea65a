//! Finding a page by a word: names of chains, hosts and nodes, ids of operations and transactions, numbers of blocks. Only
//! what the caller may read is found, and only a few of each kind: who looks for more asks a list.

use domain::host::HostView;
use domain::id::OperationId;
use domain::list::ListQuery;
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use domain::search::{Hit, HitKind, SEARCH_TEXT_MAX};
use domain::{Code, Error};
use workflow::Log;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::plan_of;
use crate::operation::log_error;
use crate::policy::{self, Resource};

/// Most hits of one kind.
const OF_A_KIND: u32 = 6;
/// Most chains among whose nodes one is looked for.
const CHAINS_OF_NODES: u32 = 20;
/// Letters of an operation's id and of a transaction's.
const OPERATION_ID: usize = 32;
const TRANSACTION_ID: usize = 64;

/// What was typed.
struct Asked<'a> {
    /// What a chain is called, or a part of it.
    first: &'a str,
    /// What is looked for on it.
    second: Option<&'a str>,
    block: Option<u64>,
}

impl<'a> Asked<'a> {
    fn of(text: &'a str) -> Self {
        let words: Vec<&str> = text.split([' ', '/', '#']).filter(|word| !word.is_empty()).collect();
        let block = words.iter().find_map(|word| word.parse().ok());
        let mut names = words.into_iter().filter(|word| word.parse::<u64>().is_err());
        Self { first: names.next().unwrap_or_default(), second: names.next(), block }
    }
}

impl ControlPlane {
    /// What the caller may see of what a text names, the surest first.
    pub async fn search(&self, caller: &Caller, text: String) -> Result<Vec<Hit>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Chain))?;
        let text = text.trim().to_lowercase();
        if text.chars().count() > SEARCH_TEXT_MAX {
            return Err(Error::invalid(Code::TextTooLong).with("max", SEARCH_TEXT_MAX).on("text"));
        }
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut hits = self.hits_by_id(caller, &text).await?;
        let asked = Asked::of(&text);
        hits.extend(self.chain_hits(caller, &asked).await?);
        hits.extend(self.host_hits(caller, &text).await?);
        hits.extend(self.node_hits(caller, &asked).await?);
        Ok(hits)
    }

    async fn hits_by_id(&self, caller: &Caller, text: &str) -> Result<Vec<Hit>, Error> {
        let is_id = |length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id(OPERATION_ID) {
            return Ok(self.operation_hit(caller, text).await?.into_iter().collect());
        }
        if !is_id(TRANSACTION_ID) {
            return Ok(Vec::new());
        }
        let found =
            self.services.store.transaction_places(text, OF_A_KIND).await.map_err(crate::error::store)?;
        let mut hits = Vec::new();
        for (chain, channel) in found {
            if self.chain_for(caller, Action::Read, Noun::Chain, &chain).await.is_ok() {
                hits.push(Hit {
                    kind: HitKind::Transaction,
                    label: text.to_owned(),
                    href: format!("/chains/{chain}/transactions/{channel}/{text}"),
                    detail: format!("{chain} · {channel}"),
                });
            }
        }
        Ok(hits)
    }

    async fn operation_hit(&self, caller: &Caller, id: &str) -> Result<Option<Hit>, Error> {
        let Some(stored) = self.services.store.load(id).await.map_err(log_error)? else { return Ok(None) };
        let record = stored.operation;
        if self.operation_allows(caller, Action::Read, &record).await.is_err() {
            return Ok(None);
        }
        let id = OperationId::new(record.id);
        Ok(Some(Hit {
            kind: HitKind::Operation,
            label: record.name,
            href: format!("/operations/{id}"),
            detail: record.subject.unwrap_or_default(),
        }))
    }

    /// Chains of the name, and the block of the number on their first channels.
    async fn chain_hits(&self, caller: &Caller, asked: &Asked<'_>) -> Result<Vec<Hit>, Error> {
        let mut hits = Vec::new();
        for name in self.chain_names(caller, asked.first, OF_A_KIND).await? {
            let Some(number) = asked.block else {
                let (label, href) = (name.to_string(), format!("/chains/{name}"));
                hits.push(Hit { kind: HitKind::Chain, label, href, detail: String::new() });
                continue;
            };
            let channels = self.services.store.channel_list(&name).await.map_err(crate::error::store)?;
            if let Some(channel) = channels.into_iter().next() {
                hits.push(Hit {
                    kind: HitKind::Block,
                    label: number.to_string(),
                    href: format!("/chains/{name}/blocks/{}/{number}", channel.name),
                    detail: format!("{name} · {}", channel.name),
                });
            }
        }
        Ok(hits)
    }

    async fn host_hits(&self, caller: &Caller, text: &str) -> Result<Vec<Hit>, Error> {
        if !policy::allows(caller, Action::List, Resource::any(Noun::Host)) {
            return Ok(Vec::new());
        }
        let query = ListQuery { text: text.to_owned(), rows: OF_A_KIND, ..ListQuery::default() };
        let hit = |host: HostView| Hit {
            kind: HitKind::Host,
            label: host.spec.name.to_string(),
            href: format!("/hosts/{}", host.id),
            detail: host.spec.endpoint.canonical(),
        };
        Ok(self.host_page(caller, query).await?.rows.into_iter().map(hit).collect())
    }

    /// Nodes of the second name on chains of the first; of a single name, on any chain.
    async fn node_hits(&self, caller: &Caller, asked: &Asked<'_>) -> Result<Vec<Hit>, Error> {
        let (chain, node) = match asked.second {
            Some(node) => (asked.first, node),
            None => ("", asked.first),
        };
        let mut hits = Vec::new();
        if node.is_empty() || asked.block.is_some() {
            return Ok(hits);
        }
        let most = usize::try_from(OF_A_KIND).unwrap_or(usize::MAX);
        for name in self.chain_names(caller, chain, CHAINS_OF_NODES).await? {
            // The list tells what exists; only this tells what may be seen of it.
            let Ok(record) = self.chain_for(caller, Action::List, Noun::Node, &name).await else { continue };
            let Some(plan) = plan_of(&record)? else { continue };
            let found = plan.nodes.iter().filter(|planned| planned.name.as_str().contains(node));
            hits.extend(found.map(|planned| Hit {
                kind: HitKind::Node,
                label: planned.name.to_string(),
                href: format!("/chains/{name}/nodes/{}", planned.name),
                detail: name.to_string(),
            }));
            if hits.len() >= most {
                hits.truncate(most);
                break;
            }
        }
        Ok(hits)
    }

    /// Names of chains in reach that hold a text.
    async fn chain_names(&self, caller: &Caller, text: &str, rows: u32) -> Result<Vec<ChainName>, Error> {
        let query = ListQuery { text: text.to_owned(), rows, ..ListQuery::default() };
        let page = self.chain_page(caller, query).await?;
        Ok(page.rows.into_iter().map(|chain| chain.name).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_told_apart() {
        let check = |text: &str, first: &str, second: Option<&str>, block| {
            let asked = Asked::of(text);
            assert_eq!((asked.first, asked.second, asked.block), (first, second, block), "{text}");
        };
        check("demo", "demo", None, None);
        check("demo/peer0-org1", "demo", Some("peer0-org1"), None);
        check("demo 12", "demo", None, Some(12));
        check("#12", "", None, Some(12));
        check("99999999999999999999", "99999999999999999999", None, None);
        check(" / ", "", None, None);
    }
}

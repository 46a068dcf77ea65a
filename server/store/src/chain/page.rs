//! Pages of the list of chains.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use domain::chain::ChainState;
use domain::id::{HostId, OperationId, UserId};
use domain::list::{ListPage, ListQuery};
use domain::name::{ChainName, TemplateName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ChainRecord;
use crate::database::{Query, decode};
use crate::listed::{AT_ONCE, Listed, Order, cursor, order};
use crate::tenure::Tenure;
use crate::{Store, StoreError};

/// A plan is as long as a chain has nodes, and no list shows it.
const COLUMNS: &str =
    "name, spec, state, health, owner, host, created_ms, operation, pool, claimed_ms, claim_key,
    expires_ms, warned_ms, inherited_ms";
/// The column of a record in which the word of its health stands.
const HEALTH: &str = "health_state";
/// The filter value for chains that nobody owns.
const NOBODY: &str = "none";
const ORDERS: [Order; 3] = [
    Order { key: "name", column: "name", is_number: false },
    Order { key: "created", column: "created_ms", is_number: true },
    Order { key: "state", column: "state", is_number: false },
];

#[derive(Deserialize)]
struct Row {
    name: ChainName,
    spec: String,
    state: ChainState,
    health: String,
    owner: Option<String>,
    #[serde(flatten)]
    tenure: Tenure,
    host: String,
    created_ms: i64,
    operation: Option<String>,
    pool: Option<TemplateName>,
}

impl TryFrom<Row> for ChainRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            spec: decode(&row.spec)?,
            plan: Arc::new(Value::Null),
            state: row.state,
            health: decode(&row.health)?,
            owner: row.owner.map(UserId::new),
            tenure: row.tenure,
            host: HostId::new(row.host),
            created_ms: row.created_ms,
            operation: row.operation.map(OperationId::new),
            pool: row.pool,
        })
    }
}

/// What of a chain stands in its small row and gives it its place in a list.
#[derive(Deserialize)]
struct Fact {
    name: ChainName,
    state: ChainState,
    created_ms: i64,
}

/// The cursor of a chain in a list of that order.
fn cursor_of(order: Order, name: &ChainName, state: ChainState, created_ms: i64) -> String {
    match order.key {
        "created" => cursor(created_ms, name),
        "state" => cursor(state.as_str(), name),
        _ => cursor(name, name),
    }
}

/// The conditions of the filters; `health` is the column in which the table has a chain's health.
fn filtered(query: &ListQuery, health: &str) -> Listed {
    let mut listed = Listed::default();
    for (key, column) in [("state", "state"), ("health", health), ("version", "version"), ("host", "host")] {
        listed.filter(query, key, column);
    }
    match query.filter("owner") {
        Some(NOBODY) => listed.only_if("owner = NONE"),
        _ => listed.filter(query, "owner", "owner"),
    }
    listed
}

/// How two chains stand to each other in a list.
fn in_order(one: &Row, other: &Row, order: Order, descending: bool) -> Ordering {
    let by = match order.key {
        "created" => one.created_ms.cmp(&other.created_ms),
        "state" => one.state.as_str().cmp(other.state.as_str()),
        _ => Ordering::Equal,
    };
    let by = by.then_with(|| one.name.as_str().cmp(other.name.as_str()));
    if descending { by.reverse() } else { by }
}

impl Store {
    /// A page of chains, without their plans. `reach`: only what that person owns or was granted. Filters: `state`,
    /// `health`, `version`, `host` (an id) and `owner` (an id, or `none`).
    pub async fn chain_page(
        &self,
        query: &ListQuery,
        reach: Option<&UserId>,
        limit: u32,
    ) -> Result<ListPage<ChainRecord>, StoreError> {
        let order = order(&ORDERS, query);
        let rows: Vec<Row> = match reach {
            None if !query.text.trim().is_empty() => return self.chains_named(query, order, limit).await,
            None => self.read(filtered(query, HEALTH).page(COLUMNS, "chain", order, query, limit)).await?,
            Some(user) => {
                let mut rows = Vec::new();
                for names in self.chains_of(user).await?.chunks(AT_ONCE) {
                    let mut listed = filtered(query, HEALTH);
                    listed.only("name IN $names", "names", names);
                    rows.extend(self.read::<Row>(listed.page(COLUMNS, "chain", order, query, limit)).await?);
                }
                // Of several beginnings the page is the beginning of all.
                rows.sort_by(|one, other| in_order(one, other, order, query.descending));
                rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1));
                rows
            }
        };
        let chains = rows.into_iter().map(ChainRecord::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(ListPage::cut(chains, limit, |chain| cursor_of(order, &chain.name, chain.state, chain.created_ms)))
    }

    /// A page of all chains whose names hold the text. No index finds a part of a name, so one row after another is looked
    /// at: these are the small ones beside the records. Of the records only those of the page are read.
    async fn chains_named(
        &self,
        query: &ListQuery,
        order: Order,
        limit: u32,
    ) -> Result<ListPage<ChainRecord>, StoreError> {
        let listed = filtered(query, "health");
        let facts = listed.page("name, state, created_ms", "chain_fact", order, query, limit);
        let facts: Vec<Fact> = self.read(facts).await?;
        let page =
            ListPage::cut(facts, limit, |fact| cursor_of(order, &fact.name, fact.state, fact.created_ms));
        let names: Vec<&str> = page.rows.iter().map(|fact| fact.name.as_str()).collect();
        let mut found = HashMap::new();
        for names in names.chunks(AT_ONCE) {
            let mut listed = Listed::default();
            listed.only("name IN $names", "names", names);
            let records = listed.page(COLUMNS, "chain", ORDERS[0], &ListQuery::default(), limit);
            found.extend(self.read::<Row>(records).await?.into_iter().map(|row| (row.name.clone(), row)));
        }
        // One that was removed in between is missing, and the place of the next page is the same.
        let rows = page.rows.iter().filter_map(|fact| found.remove(&fact.name));
        let rows = rows.map(ChainRecord::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(ListPage { rows, next: page.next })
    }

    /// The names of the chains that somebody owns or was granted, each once.
    async fn chains_of(&self, user: &UserId) -> Result<Vec<String>, StoreError> {
        #[derive(Deserialize)]
        struct Name {
            name: ChainName,
        }
        let owned =
            Query::new("SELECT name FROM chain WHERE owner = $user", json!({ "user": user.as_str() }));
        let owned: Vec<Name> = self.read(owned).await?;
        let granted = self.grants_of(user).await?;
        let mut names: Vec<String> = owned
            .into_iter()
            .map(|owned| owned.name.to_string())
            .chain(granted.into_iter().map(|(name, _)| name.to_string()))
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

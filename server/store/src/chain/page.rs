//! Pages of the list of chains.

use std::cmp::Ordering;
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

/// The conditions of the filters.
fn filtered(query: &ListQuery) -> Listed {
    let mut listed = Listed::default();
    for (key, column) in
        [("state", "state"), ("health", "health_state"), ("version", "version"), ("host", "host")]
    {
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
            None => self.read(filtered(query).page(COLUMNS, "chain", order, query, limit)).await?,
            Some(user) => {
                let mut rows = Vec::new();
                for names in self.chains_of(user).await?.chunks(AT_ONCE) {
                    let mut listed = filtered(query);
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
        Ok(ListPage::cut(chains, limit, |chain| match order.key {
            "created" => cursor(chain.created_ms, &chain.name),
            "state" => cursor(chain.state.as_str(), &chain.name),
            _ => cursor(&chain.name, &chain.name),
        }))
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

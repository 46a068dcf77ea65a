//! Figures. Chains are counted by small rows beside their records, which the database writes with each of them;
//! transactions by numbers of each day, which are written with every transaction.

use std::collections::BTreeMap;

use domain::id::{HostId, UserId};
use domain::name::ChainName;
use domain::permission::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Query;
use crate::listed::AT_ONCE;
use crate::{Store, StoreError};

/// Chains that have all of this in common.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Tally {
    pub state: String,
    pub health: String,
    pub consensus: String,
    pub version: String,
    pub host: HostId,
    pub count: u32,
}

/// What was counted on a day, which is counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct DayCount {
    pub day: i64,
    pub total: u32,
    pub failed: u32,
}

#[derive(Deserialize)]
struct Named {
    name: ChainName,
}

#[derive(Deserialize)]
struct Created {
    created_ms: i64,
}

#[derive(Deserialize)]
struct OfRole {
    role: Role,
    count: u32,
}

#[derive(Deserialize)]
struct Count {
    count: u32,
}

#[derive(Deserialize)]
struct First {
    day: i64,
}

/// Names of chains for a question; without any: of all chains.
fn names(within: Option<&[ChainName]>) -> Value {
    match within {
        Some(chains) => chains.iter().map(ChainName::as_str).collect(),
        None => Value::Null,
    }
}

/// A question about chains, of which only some may be meant.
fn about(
    head: &'static str,
    condition: &'static str,
    within: Option<&[ChainName]>,
    tail: &'static str,
) -> String {
    let within = within.map(|_| "name IN $names");
    let wanted: Vec<&str> =
        [within, Some(condition).filter(|text| !text.is_empty())].into_iter().flatten().collect();
    let filter = if wanted.is_empty() { String::new() } else { format!("WHERE {}", wanted.join(" AND ")) };
    format!("{head} FROM chain_fact {filter} {tail}")
}

impl Store {
    /// Chains by what they have in common; `within`: only of these.
    pub async fn chain_tally(&self, within: Option<&[ChainName]>) -> Result<Vec<Tally>, StoreError> {
        let head = "SELECT state, health, consensus, version, host, count() AS count";
        let text = about(head, "", within, "GROUP BY state, health, consensus, version, host");
        self.read(Query::new(text, json!({ "names": names(within) }))).await
    }

    /// Chains that are not as they shall be: failed ones, then running ones that are unwell; at most so many of each.
    pub async fn chains_unwell(
        &self,
        within: Option<&[ChainName]>,
        limit: u32,
    ) -> Result<Vec<ChainName>, StoreError> {
        let mut found = Vec::new();
        for condition in [
            "state = 'failed'",
            "health = 'unreachable' AND state = 'running'",
            "health = 'degraded' AND state = 'running'",
        ] {
            let tail = "ORDER BY created_ms DESC LIMIT $limit";
            let text = about("SELECT name, created_ms", condition, within, tail);
            let query = Query::new(text, json!({ "names": names(within), "limit": limit }));
            found.extend(self.read::<Named>(query).await?.into_iter().map(|row| row.name));
        }
        Ok(found)
    }

    /// The newest chains.
    pub async fn chains_newest(
        &self,
        within: Option<&[ChainName]>,
        limit: u32,
    ) -> Result<Vec<ChainName>, StoreError> {
        let text = about("SELECT name, created_ms", "", within, "ORDER BY created_ms DESC LIMIT $limit");
        let query = Query::new(text, json!({ "names": names(within), "limit": limit }));
        Ok(self.read::<Named>(query).await?.into_iter().map(|row| row.name).collect())
    }

    /// When chains were created that are there, from a moment on, unix milliseconds.
    pub async fn chains_created(
        &self,
        within: Option<&[ChainName]>,
        from_ms: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let text = about("SELECT created_ms", "created_ms >= $from_ms", within, "");
        let query = Query::new(text, json!({ "names": names(within), "from_ms": from_ms }));
        Ok(self.read::<Created>(query).await?.into_iter().map(|row| row.created_ms).collect())
    }

    /// Chains of an owner.
    pub async fn chains_owned(&self, owner: &UserId) -> Result<Vec<ChainName>, StoreError> {
        let text = "SELECT name FROM chain_fact WHERE owner = $owner";
        let rows: Vec<Named> = self.read(Query::new(text, json!({ "owner": owner.as_str() }))).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Transactions of the days from one on; of some chains together, or of all.
    pub async fn transactions_daily(
        &self,
        within: Option<&[ChainName]>,
        from: i64,
    ) -> Result<Vec<DayCount>, StoreError> {
        let Some(within) = within else {
            let text = "SELECT day, total, failed FROM daily WHERE chain = '' AND day >= $from ORDER BY day";
            return self.read(Query::new(text, json!({ "from": from }))).await;
        };
        let mut days = BTreeMap::<i64, DayCount>::new();
        for chains in within.chunks(AT_ONCE) {
            let text = "SELECT day, total, failed FROM daily WHERE chain IN $names AND day >= $from";
            let query = Query::new(text, json!({ "names": names(Some(chains)), "from": from }));
            for count in self.read::<DayCount>(query).await? {
                let sum = days.entry(count.day).or_insert(DayCount { total: 0, failed: 0, ..count });
                sum.total = sum.total.saturating_add(count.total);
                sum.failed = sum.failed.saturating_add(count.failed);
            }
        }
        Ok(days.into_values().collect())
    }

    /// The day on which the first transaction of all was counted.
    pub async fn transactions_since(&self) -> Result<Option<i64>, StoreError> {
        let text = "SELECT day FROM daily WHERE chain = '' ORDER BY day LIMIT 1";
        Ok(self.read_one::<First>(Query::new(text, json!({}))).await?.map(|row| row.day))
    }

    /// How many people there are of each role.
    pub async fn user_roles(&self) -> Result<Vec<(Role, u32)>, StoreError> {
        let text = "SELECT role, count() AS count FROM user GROUP BY role";
        let rows: Vec<OfRole> = self.read(Query::new(text, json!({}))).await?;
        Ok(rows.into_iter().map(|row| (row.role, row.count)).collect())
    }

    /// How many places of hosts are taken by chains.
    pub async fn claim_count(&self) -> Result<u32, StoreError> {
        let query = Query::new("SELECT count() FROM claim GROUP ALL", json!({}));
        Ok(self.read_one::<Count>(query).await?.map_or(0, |row| row.count))
    }
}

#[cfg(test)]
mod tests;

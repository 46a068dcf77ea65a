//! Who waits for a chain of the pool.

use domain::id::UserId;
use domain::pool::ApplySpec;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GUARD, PERSON, nobody};
use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRecord {
    pub user: UserId,
    pub wish: String,
    pub spec: ApplySpec,
    pub created_ms: i64,
}

#[derive(Deserialize)]
struct QueueRow {
    user: String,
    wish: String,
    spec: String,
    created_ms: i64,
}

impl TryFrom<QueueRow> for QueueRecord {
    type Error = StoreError;

    fn try_from(row: QueueRow) -> Result<Self, StoreError> {
        Ok(Self {
            user: UserId::new(row.user),
            wish: row.wish,
            spec: decode(&row.spec)?,
            created_ms: row.created_ms,
        })
    }
}

impl Store {
    /// Puts a wish into the queue; one that waits already keeps its place. `NotFound` if whoever wishes is not there any
    /// more.
    pub async fn pool_queue_put(&self, entry: &QueueRecord) -> Result<(), StoreError> {
        let text = format!(
            "{GUARD} {PERSON}
            LET $there = (SELECT VALUE wish FROM type::record('pool_queue', $entry));
            IF array::len($there) = 0 {{
                CREATE type::record('pool_queue', $entry) SET user = $user, wish = $wish, spec = $spec,
                    created_ms = $created_ms
            }}"
        );
        let bindings = json!({
            "entry": entry_key(&entry.user, &entry.wish),
            "user": entry.user.as_str(),
            "wish": entry.wish,
            "spec": encode(&entry.spec)?,
            "created_ms": entry.created_ms,
        });
        nobody(self.write(Query::new(text, bindings)).await)
    }

    /// Takes a wish out of the queue; false if it was not there.
    pub async fn pool_queue_leave(&self, user: &UserId, wish: &str) -> Result<bool, StoreError> {
        let text = "DELETE type::record('pool_queue', $entry) RETURN BEFORE";
        let query = Query::new(text, json!({ "entry": entry_key(user, wish) }));
        Ok(self.read_one::<Value>(query).await?.is_some())
    }

    /// Everybody who waits, oldest first.
    pub async fn pool_queue(&self, limit: u32) -> Result<Vec<QueueRecord>, StoreError> {
        let text = "SELECT user, wish, spec, created_ms FROM pool_queue ORDER BY created_ms, user, wish LIMIT $limit";
        let rows: Vec<QueueRow> = self.read(Query::new(text, json!({ "limit": limit }))).await?;
        rows.into_iter().map(QueueRecord::try_from).collect()
    }
}

/// Key of a wish in the queue.
pub(super) fn entry_key(user: &UserId, wish: &str) -> String {
    format!("{user}/{wish}")
}

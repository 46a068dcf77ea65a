//! Waits after failed sign-ins, per account and per address; kept here so that a restart forgets none.

use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// Failures so far and the time before which no further try is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct DelayRecord {
    pub failures: u32,
    pub until_ms: i64,
}

impl Store {
    /// The wait of a key.
    pub async fn delay_read(&self, key: &str) -> Result<Option<DelayRecord>, StoreError> {
        let query =
            Query::new("SELECT failures, until_ms FROM type::record('delay', $key)", json!({ "key": key }));
        self.read_one(query).await
    }

    /// Counts a failure: after `free` ones the wait begins with `first_ms` and doubles up to `longest_ms`.
    pub async fn delay_failed(
        &self,
        key: &str,
        now_ms: i64,
        free: u32,
        first_ms: i64,
        longest_ms: i64,
    ) -> Result<DelayRecord, StoreError> {
        let bindings = json!({ "key": key });
        let text =
            "UPSERT type::record('delay', $key) SET failures = (failures ?? 0) + 1, until_ms = until_ms ?? 0;
            SELECT failures, until_ms FROM type::record('delay', $key)";
        let counted: DelayRecord =
            self.read_one(Query::new(text, bindings)).await?.ok_or(StoreError::NotFound)?;
        if counted.failures <= free {
            return Ok(counted);
        }
        let doublings = (counted.failures - free - 1).min(20);
        let wait_ms = first_ms.saturating_mul(1_i64 << doublings).min(longest_ms);
        let until_ms = now_ms.saturating_add(wait_ms);
        let bindings = json!({ "key": key, "until_ms": until_ms });
        self.write(Query::new("UPDATE type::record('delay', $key) SET until_ms = $until_ms", bindings))
            .await?;
        Ok(DelayRecord { failures: counted.failures, until_ms })
    }

    /// Forgets the failures of a key.
    pub async fn delay_clear(&self, key: &str) -> Result<(), StoreError> {
        self.write(Query::new("DELETE type::record('delay', $key)", json!({ "key": key }))).await
    }
}

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

/// Doublings after which a wait grows no more; every cap is reached before.
const DOUBLINGS_MAX: u32 = 20;
const FAILED: &str = "LET $before = (SELECT VALUE failures FROM type::record('delay', $key))[0] ?? 0;
    LET $kept = (SELECT VALUE until_ms FROM type::record('delay', $key))[0] ?? 0;
    LET $over = $before - $free;
    LET $until = IF $over < 0 { $kept } ELSE {
        math::max([$kept, $now_ms + array::at($waits, math::min([$over, $doublings_max]))]) };
    UPSERT type::record('delay', $key) SET failures = $before + 1, until_ms = $until;
    SELECT failures, until_ms FROM type::record('delay', $key)";

impl Store {
    /// The wait of a key.
    pub async fn delay_read(&self, key: &str) -> Result<Option<DelayRecord>, StoreError> {
        let query =
            Query::new("SELECT failures, until_ms FROM type::record('delay', $key)", json!({ "key": key }));
        self.read_one(query).await
    }

    /// Counts a failure: after `free` ones the wait begins with `first_ms` and doubles up to `longest_ms`. Count and
    /// wait change together, so that no crash and no other failure at the same moment shortens a wait.
    pub async fn delay_failed(
        &self,
        key: &str,
        now_ms: i64,
        free: u32,
        first_ms: i64,
        longest_ms: i64,
    ) -> Result<DelayRecord, StoreError> {
        let waits: Vec<i64> =
            (0..=DOUBLINGS_MAX).map(|n| first_ms.saturating_mul(1_i64 << n).min(longest_ms)).collect();
        let bindings = json!({
            "key": key,
            "now_ms": now_ms,
            "free": free,
            "waits": waits,
            "doublings_max": DOUBLINGS_MAX,
        });
        self.read_one(Query::new(FAILED, bindings)).await?.ok_or(StoreError::NotFound)
    }

    /// Forgets the failures of a key.
    pub async fn delay_clear(&self, key: &str) -> Result<(), StoreError> {
        self.write(Query::new("DELETE type::record('delay', $key)", json!({ "key": key }))).await
    }
}

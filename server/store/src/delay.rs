//! Waits after failed sign-ins, per account and per address, and from where which account was used; kept here so that a
//! restart forgets none.

use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// Failures so far and the time before which no further try is looked at: with no wait, the time of the last failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct DelayRecord {
    pub failures: u32,
    pub until_ms: i64,
}

/// Failures are forgotten this long after the last one: who mistypes now and then is not slowed down for it.
const KEPT_MS: i64 = 15 * 60 * 1_000;
/// Doublings after which a wait grows no more; every cap is reached before.
const DOUBLINGS_MAX: u32 = 20;
/// A wait that would end later than any wait can is of a clock that was set back since: the failures count, it does not.
const FAILED: &str = "LET $found = (SELECT VALUE until_ms FROM type::record('delay', $key))[0] ?? 0;
    LET $kept = IF $found > $latest_ms { $now_ms } ELSE { $found };
    LET $before = IF $kept < $forgotten_ms { 0 } ELSE {
        (SELECT VALUE failures FROM type::record('delay', $key))[0] ?? 0 };
    LET $over = $before - $free;
    LET $wait = IF $over < 0 { 0 } ELSE { array::at($waits, math::min([$over, $doublings_max])) };
    LET $until = math::max([$kept, $now_ms + $wait]);
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
            "forgotten_ms": now_ms.saturating_sub(KEPT_MS),
            "latest_ms": now_ms.saturating_add(longest_ms),
            "free": free,
            "waits": waits,
            "doublings_max": DOUBLINGS_MAX,
        });
        self.read_one(Query::new(FAILED, bindings)).await?.ok_or(StoreError::NotFound)
    }

    /// Notes until when a key is somebody's own. It stands among the waits because it decides which of them counts, and is
    /// forgotten with them.
    pub async fn delay_own(&self, key: &str, until_ms: i64) -> Result<(), StoreError> {
        let text = "UPSERT type::record('delay', $key) SET failures = 0, until_ms = $until_ms";
        self.write(Query::new(text, json!({ "key": key, "until_ms": until_ms }))).await
    }

    /// Removes the failures that count no more, so that names that somebody made up do not pile up.
    pub async fn delay_purge(&self, now_ms: i64) -> Result<(), StoreError> {
        let bindings = json!({ "forgotten_ms": now_ms.saturating_sub(KEPT_MS) });
        self.write(Query::new("DELETE delay WHERE until_ms < $forgotten_ms", bindings)).await
    }

    /// Forgets the failures of a key.
    pub async fn delay_clear(&self, key: &str) -> Result<(), StoreError> {
        self.write(Query::new("DELETE type::record('delay', $key)", json!({ "key": key }))).await
    }
}

//! Which key seals the secrets, and putting another one in its place. The key itself is never here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::database::{Query, encode};
use crate::setting::record_key;
use crate::{AuditRecord, SealedSecret, Store, StoreError, TransactionRecord, audit, secret, transaction};

/// What is known of the key that seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Counts from 1, the key that was never replaced.
    pub version: u32,
    /// Digest by which the key is recognised, hexadecimal.
    pub digest: String,
}

/// Where it is noted, from the first replacement on.
const SETTING: &str = "key";

/// Whoever reads sees everything under the former key or everything under the new one.
const REPLACE: &str = "FOR $row IN $secrets { UPSERT type::record('secret', $row.key) CONTENT $row };
    FOR $row IN $transactions { UPDATE type::record('transaction', $row.key) SET view = $row.view };
    UPSERT type::record('setting', $setting) SET content = $content";

impl Store {
    /// The key that seals; none while it is the first one.
    pub async fn key_read(&self) -> Result<Option<KeyRecord>, StoreError> {
        let found = self.setting_read(SETTING).await?;
        let read = found.map(serde_json::from_value).transpose();
        read.map_err(|error| StoreError::Unreadable(error.to_string()))
    }

    /// Notes another key, replaces secrets and rows of the history by the same ones sealed with it, and appends to the
    /// audit that this was done: all of it or nothing. For a store that nobody else uses.
    pub async fn key_replace(
        &self,
        key: &KeyRecord,
        secrets: &[SealedSecret],
        transactions: &[TransactionRecord],
        record: &AuditRecord,
    ) -> Result<(), StoreError> {
        let secrets: Vec<Value> = secrets.iter().map(secret::row).collect();
        let transactions: Vec<Value> =
            transactions.iter().map(transaction::bindings).collect::<Result<_, _>>()?;
        let bindings = json!({
            "secrets": secrets,
            "transactions": transactions,
            "setting": record_key(SETTING),
            "content": encode(key)?,
            "rows": [audit::row(record)],
            "ends": [],
        });
        self.write(Query::new(format!("{REPLACE};\n{}", audit::APPEND), bindings)).await
    }
}

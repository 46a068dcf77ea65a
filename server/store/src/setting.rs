//! Settings: one JSON value per key.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

#[derive(Deserialize)]
struct Row {
    content: String,
}

impl Store {
    /// The value of a key, if it was ever set.
    pub async fn setting_read(&self, key: &str) -> Result<Option<Value>, StoreError> {
        let query = Query::new(
            "SELECT content FROM type::record('setting', $key)",
            json!({ "key": record_key(key) }),
        );
        self.read_one::<Row>(query).await?.map(|row| decode(&row.content)).transpose()
    }

    /// Sets a key.
    pub async fn setting_put(&self, key: &str, value: &Value) -> Result<(), StoreError> {
        let bindings = json!({ "key": record_key(key), "value": encode(value)? });
        self.write(Query::new("UPSERT type::record('setting', $key) SET content = $value", bindings)).await
    }
}

/// Where a key's record is, apart from those that the store keeps for itself.
pub(crate) fn record_key(key: &str) -> String {
    format!("s/{key}")
}

//! Sealed secrets. What is in them is known to nobody here.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Query;
use crate::{Store, StoreError};

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its place, such as `host/1f/tls`; bound into the ciphertext.
    pub key: String,
    pub sealed: Vec<u8>,
    pub key_version: u32,
    pub created_ms: i64,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    sealed: String,
    key_version: u32,
    created_ms: i64,
}

impl TryFrom<Row> for SealedSecret {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let sealed = hex::decode(&row.sealed).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok(Self { key: row.key, sealed, key_version: row.key_version, created_ms: row.created_ms })
    }
}

pub(crate) fn row(secret: &SealedSecret) -> Value {
    json!({
        "key": secret.key,
        "sealed": hex::encode(&secret.sealed),
        "key_version": secret.key_version,
        "created_ms": secret.created_ms,
    })
}

impl Store {
    /// Creates or replaces a secret.
    pub async fn secret_put(&self, secret: &SealedSecret) -> Result<(), StoreError> {
        self.secret_put_many(std::slice::from_ref(secret)).await
    }

    /// Creates or replaces several secrets: all of them or none.
    pub async fn secret_put_many(&self, secrets: &[SealedSecret]) -> Result<(), StoreError> {
        let rows: Vec<Value> = secrets.iter().map(row).collect();
        let text = "FOR $row IN $rows { UPSERT type::record('secret', $row.key) SET key = $row.key,
            sealed = $row.sealed, key_version = $row.key_version, created_ms = $row.created_ms }";
        self.write(Query::new(text, json!({ "rows": rows }))).await
    }

    /// The secret of a key.
    pub async fn secret_read(&self, key: &str) -> Result<Option<SealedSecret>, StoreError> {
        let query = Query::new("SELECT * OMIT id FROM type::record('secret', $key)", json!({ "key": key }));
        self.read_one::<Row>(query).await?.map(SealedSecret::try_from).transpose()
    }

    /// Every secret whose key begins so.
    pub async fn secret_list_prefix(&self, prefix: &str) -> Result<Vec<SealedSecret>, StoreError> {
        let text = "SELECT * OMIT id FROM secret WHERE key >= $prefix AND key < $after ORDER BY key";
        let rows: Vec<Row> = self.read(Query::new(text, prefix_bindings(prefix))).await?;
        rows.into_iter().map(SealedSecret::try_from).collect()
    }

    /// Removes a secret.
    pub async fn secret_delete(&self, key: &str) -> Result<(), StoreError> {
        self.write(Query::new("DELETE type::record('secret', $key)", json!({ "key": key }))).await
    }

    /// Removes every secret whose key begins so.
    pub async fn secret_delete_prefix(&self, prefix: &str) -> Result<(), StoreError> {
        let text = "DELETE secret WHERE key >= $prefix AND key < $after";
        self.write(Query::new(text, prefix_bindings(prefix))).await
    }
}

/// Keys are ASCII: everything with a prefix stands before the prefix followed by the last character of all.
fn prefix_bindings(prefix: &str) -> Value {
    json!({ "prefix": prefix, "after": format!("{prefix}\u{10ffff}") })
}

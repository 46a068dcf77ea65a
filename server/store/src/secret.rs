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

/// The whole content of a secret's record: what writes one need not name its fields.
pub(crate) fn row(secret: &SealedSecret) -> Value {
    json!({
        "key": secret.key,
        "sealed": hex::encode(&secret.sealed),
        "key_version": secret.key_version,
        "created_ms": secret.created_ms,
    })
}

/// Touches what the new secret goes with and puts it back as it was: so a parallel removal of both and this one
/// overtake each other, instead of passing by.
const CREATE: &str = "IF record::exists(type::record('secret', $row.key)) { THROW 'heddle:key' };
    LET $with_now = (UPDATE type::record('secret', $with) SET key_version += 1 RETURN AFTER);
    IF array::len($with_now) = 0 { THROW 'heddle:alone' };
    UPDATE type::record('secret', $with) SET key_version -= 1;
    CREATE type::record('secret', $row.key) CONTENT $row RETURN NONE";

impl Store {
    /// Creates or replaces a secret.
    pub async fn secret_put(&self, secret: &SealedSecret) -> Result<(), StoreError> {
        self.secret_put_many(std::slice::from_ref(secret)).await
    }

    /// Creates a secret that goes with another one, such as somebody's key with the authority that signed it.
    ///
    /// # Errors
    /// `Taken` if there is one, which stays as it is; `NotFound` once the other one is gone.
    pub async fn secret_create(&self, secret: &SealedSecret, with: &str) -> Result<(), StoreError> {
        match self.write(Query::new(CREATE, json!({ "row": row(secret), "with": with }))).await {
            Err(error) if error.thrown("key") || error.is_existing() => {
                Err(StoreError::Taken { what: "key" })
            }
            Err(error) if error.thrown("alone") => Err(StoreError::NotFound),
            written => written,
        }
    }

    /// Creates or replaces several secrets: all of them or none.
    pub async fn secret_put_many(&self, secrets: &[SealedSecret]) -> Result<(), StoreError> {
        let rows: Vec<Value> = secrets.iter().map(row).collect();
        let text = "FOR $row IN $rows { UPSERT type::record('secret', $row.key) CONTENT $row }";
        self.write(Query::new(text, json!({ "rows": rows }))).await
    }

    /// Makes these secrets the only ones whose keys begin so: all of it or nothing.
    pub async fn secret_replace_prefix(
        &self,
        prefix: &str,
        secrets: &[SealedSecret],
    ) -> Result<(), StoreError> {
        let rows: Vec<Value> = secrets.iter().map(row).collect();
        let text = "DELETE secret WHERE key >= $prefix AND key < $after;
            FOR $row IN $rows { UPSERT type::record('secret', $row.key) CONTENT $row }";
        let bindings = json!({ "prefix": prefix, "after": after(prefix), "rows": rows });
        self.write(Query::new(text, bindings)).await
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

    /// The keys that begin so.
    pub async fn secret_keys_prefix(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        #[derive(Deserialize)]
        struct Key {
            key: String,
        }
        let text = "SELECT key FROM secret WHERE key >= $prefix AND key < $after ORDER BY key";
        let rows: Vec<Key> = self.read(Query::new(text, prefix_bindings(prefix))).await?;
        Ok(rows.into_iter().map(|row| row.key).collect())
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

fn prefix_bindings(prefix: &str) -> Value {
    json!({ "prefix": prefix, "after": after(prefix) })
}

/// Keys are ASCII: everything with a prefix stands before the prefix followed by the last character of all.
pub(crate) fn after(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

#[cfg(test)]
mod tests;

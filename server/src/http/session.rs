//! Sessions of the browser over the portal's own store: ids are kept as hashes, and saving never brings an ended
//! session back.

use async_trait::async_trait;
use domain::id::UserId;
use sha2::{Digest, Sha256};
use store::{SessionRecord, Store, StoreError};
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

/// Key under which a session holds the signed-in user's id.
pub const USER: &str = "user";
/// Nothing extends a session beyond this.
const ABSOLUTE_MS: i64 = 12 * 60 * 60 * 1_000;

/// The store of sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Store,
}

impl Sessions {
    /// Sessions in the portal's database.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

fn hash(id: &Id) -> String {
    hex::encode(Sha256::digest(id.to_string()))
}

fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn backend(error: StoreError) -> Error {
    let cause: &dyn std::error::Error = &error;
    tracing::error!(error = cause, "sessions");
    Error::Backend("the session store does not answer".to_owned())
}

fn row(record: &Record) -> Result<SessionRecord> {
    let now_ms = millis(OffsetDateTime::now_utc());
    let data = serde_json::to_value(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
    Ok(SessionRecord {
        id_hash: hash(&record.id),
        user: record.data.get(USER).and_then(|value| value.as_str()).map(UserId::new),
        data,
        created_ms: now_ms,
        last_seen_ms: now_ms,
        expires_ms: millis(record.expiry_date),
        absolute_expires_ms: now_ms.saturating_add(ABSOLUTE_MS),
        address: String::new(),
        agent: String::new(),
    })
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            match self.store.session_create(&row(record)?).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Taken { .. }) => record.id = Id::default(),
                Err(error) => return Err(backend(error)),
            }
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.store.session_save(&row(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now_ms = millis(OffsetDateTime::now_utc());
        let Some(found) = self.store.session_read(&hash(id), now_ms).await.map_err(backend)? else {
            return Ok(None);
        };
        let data = serde_json::from_value(found.data).map_err(|error| Error::Decode(error.to_string()))?;
        let expires = OffsetDateTime::from_unix_timestamp(found.expires_ms / 1_000)
            .map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: expires }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.store.session_delete(&hash(id)).await.map_err(backend)
    }
}

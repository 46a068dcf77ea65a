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

use crate::config::Config;

/// Key under which a session holds the signed-in user's id.
pub const USER: &str = "user";
/// Key under which a session holds the last minute of its use.
pub const SEEN: &str = "seen";
/// What else a session holds of the sign-in: the role it was made with, the address and the browser.
const ROLE: &str = "role";
const ADDRESS: &str = "address";
const AGENT: &str = "agent";
const MINUTE_MS: i64 = 60 * 1_000;

/// How long a session lasts at most, in milliseconds. Nothing extends it; who may do everything signs in more often.
#[derive(Clone, Copy, Debug)]
pub struct Longest {
    admin_ms: i64,
    other_ms: i64,
}

impl Longest {
    /// As the options say.
    pub fn of(config: &Config) -> Self {
        let millis = |minutes: u16| i64::from(minutes) * MINUTE_MS;
        Self { admin_ms: millis(config.session_max_admin), other_ms: millis(config.session_max) }
    }
}

/// The store of sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Store,
    longest: Longest,
}

impl Sessions {
    /// Sessions in the portal's database.
    pub fn new(store: Store, longest: Longest) -> Self {
        Self { store, longest }
    }
}

/// Under which a session is kept.
pub(super) fn hash(id: &Id) -> String {
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

fn row(record: &Record, longest: Longest) -> Result<SessionRecord> {
    let now_ms = millis(OffsetDateTime::now_utc());
    let text = |key: &str| record.data.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    let data = serde_json::to_value(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
    let lasts_ms = if text(ROLE) == "admin" { longest.admin_ms } else { longest.other_ms };
    Ok(SessionRecord {
        id_hash: hash(&record.id),
        user: Some(text(USER)).filter(|id| !id.is_empty()).map(UserId::new),
        data,
        created_ms: now_ms,
        last_seen_ms: now_ms,
        expires_ms: millis(record.expiry_date),
        absolute_expires_ms: now_ms.saturating_add(lasts_ms),
        address: text(ADDRESS).to_owned(),
        agent: text(AGENT).to_owned(),
    })
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            match self.store.session_create(&row(record, self.longest)?).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Taken { .. }) => record.id = Id::default(),
                Err(error) => return Err(backend(error)),
            }
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.store.session_save(&row(record, self.longest)?).await.map_err(backend)
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[test]
    fn admins_sign_in_more_often() {
        let longest = |arguments: &[&str]| {
            let all = std::iter::once("heddle").chain(arguments.iter().copied());
            Longest::of(&Config::try_parse_from(all).unwrap())
        };
        let made = |role: &str, longest: Longest| {
            let data = HashMap::from([
                (USER.to_owned(), json!("u1")),
                (ROLE.to_owned(), json!(role)),
                (ADDRESS.to_owned(), json!("192.0.2.1")),
                (AGENT.to_owned(), json!("Browser/1")),
            ]);
            let record = Record { id: Id::default(), data, expiry_date: OffsetDateTime::now_utc() };
            row(&record, longest).unwrap()
        };
        let lasts = |made: SessionRecord| (made.absolute_expires_ms - made.created_ms) / MINUTE_MS;
        let both = |longest: Longest| (lasts(made("admin", longest)), lasts(made("user", longest)));
        assert_eq!(both(longest(&[])), (8 * 60, 12 * 60));
        assert_eq!(both(longest(&["--session-max=60", "--session-max-admin=15"])), (15, 60));
        let user = made("user", longest(&[]));
        assert_eq!((user.address.as_str(), user.agent.as_str()), ("192.0.2.1", "Browser/1"));
    }
}

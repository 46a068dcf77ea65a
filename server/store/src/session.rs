//! Sessions, by the hash of their id: who reads the database cannot sign in with it.

use domain::id::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// SHA-256 of the cookie's id, in hexadecimal.
    pub id_hash: String,
    pub user: Option<UserId>,
    pub data: Value,
    pub created_ms: i64,
    pub last_seen_ms: i64,
    pub expires_ms: i64,
    /// Nothing extends a session beyond this.
    pub absolute_expires_ms: i64,
    pub address: String,
    pub agent: String,
}

#[derive(Deserialize)]
struct Row {
    id_hash: String,
    user: Option<String>,
    data: String,
    created_ms: i64,
    last_seen_ms: i64,
    expires_ms: i64,
    absolute_expires_ms: i64,
    address: String,
    agent: String,
}

impl TryFrom<Row> for SessionRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id_hash: row.id_hash,
            user: row.user.map(UserId::new),
            data: decode(&row.data)?,
            created_ms: row.created_ms,
            last_seen_ms: row.last_seen_ms,
            expires_ms: row.expires_ms,
            absolute_expires_ms: row.absolute_expires_ms,
            address: row.address,
            agent: row.agent,
        })
    }
}

const CREATE: &str = "CREATE type::record('session', $id_hash) SET id_hash = $id_hash, user = $user ?? NONE,
    data = $data, created_ms = $created_ms, last_seen_ms = $last_seen_ms, expires_ms = $expires_ms,
    absolute_expires_ms = $absolute_expires_ms, address = $address, agent = $agent";
/// Changes a session that is there; one that was ended stays ended.
const SAVE: &str = "UPDATE type::record('session', $id_hash) SET user = $user ?? NONE, data = $data,
    last_seen_ms = $last_seen_ms, expires_ms = $expires_ms";

fn bindings(session: &SessionRecord) -> Result<Value, StoreError> {
    Ok(json!({
        "id_hash": session.id_hash,
        "user": session.user.as_ref().map(UserId::as_str),
        "data": encode(&session.data)?,
        "created_ms": session.created_ms,
        "last_seen_ms": session.last_seen_ms,
        "expires_ms": session.expires_ms,
        "absolute_expires_ms": session.absolute_expires_ms,
        "address": session.address,
        "agent": session.agent,
    }))
}

impl Store {
    /// Adds a session; `Taken` if the id exists.
    pub async fn session_create(&self, session: &SessionRecord) -> Result<(), StoreError> {
        match self.write(Query::new(CREATE, bindings(session)?)).await {
            Err(error) if error.is_existing() => Err(StoreError::Taken { what: "session" }),
            other => other,
        }
    }

    /// Saves a session if it still exists.
    pub async fn session_save(&self, session: &SessionRecord) -> Result<(), StoreError> {
        self.write(Query::new(SAVE, bindings(session)?)).await
    }

    /// A session that has not expired.
    pub async fn session_read(
        &self,
        id_hash: &str,
        now_ms: i64,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let found = self.inner.memory.session(id_hash, self.session_of(id_hash)).await?;
        Ok(found.filter(|session| session.expires_ms > now_ms && session.absolute_expires_ms > now_ms))
    }

    /// A session, even an expired one.
    async fn session_of(&self, id_hash: &str) -> Result<Option<SessionRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM type::record('session', $id_hash)";
        let query = Query::new(text, json!({ "id_hash": id_hash }));
        self.read_one::<Row>(query).await?.map(SessionRecord::try_from).transpose()
    }

    /// Every session of a person that has not expired, the last used first.
    pub async fn session_list(&self, user: &UserId, now_ms: i64) -> Result<Vec<SessionRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM session WHERE user = $user AND expires_ms > $now_ms
            AND absolute_expires_ms > $now_ms ORDER BY last_seen_ms DESC";
        let query = Query::new(text, json!({ "user": user.as_str(), "now_ms": now_ms }));
        self.read::<Row>(query).await?.into_iter().map(SessionRecord::try_from).collect()
    }

    /// Ends a session.
    pub async fn session_delete(&self, id_hash: &str) -> Result<(), StoreError> {
        self.write(Query::new("DELETE type::record('session', $id_hash)", json!({ "id_hash": id_hash })))
            .await
    }

    /// Ends every session of a person.
    pub async fn session_delete_of_user(&self, user: &UserId) -> Result<(), StoreError> {
        self.write(Query::new("DELETE session WHERE user = $user", json!({ "user": user.as_str() }))).await
    }

    /// Removes expired sessions.
    pub async fn session_purge(&self, now_ms: i64) -> Result<(), StoreError> {
        let text = "DELETE session WHERE expires_ms <= $now_ms OR absolute_expires_ms <= $now_ms";
        self.write(Query::new(text, json!({ "now_ms": now_ms }))).await
    }
}

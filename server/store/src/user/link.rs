//! One-time links. Only the SHA-256 of what stands in a link is kept: whoever reads the database cannot follow it. It needs
//! no signature, because nobody can make up 32 random bytes whose hash is there.

use domain::id::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::database::Query;
use crate::{Store, StoreError};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkPurpose {
    /// The first password of somebody who was invited.
    Invite,
    /// Another password instead of a lost one.
    Reset,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// SHA-256 of the token, in hexadecimal.
    pub hash: String,
    pub user: UserId,
    pub purpose: LinkPurpose,
    pub expires_ms: i64,
}

impl LinkRecord {
    /// What [`CREATE`] takes; its names are no person's.
    pub(super) fn bindings(&self) -> Value {
        json!({
            "link": self.hash,
            "link_user": self.user.as_str(),
            "purpose": self.purpose,
            "expires_ms": self.expires_ms,
        })
    }
}

#[derive(Deserialize)]
struct Row {
    user: String,
    purpose: LinkPurpose,
    expires_ms: i64,
}

/// Of a person's links one is good: the newest.
pub(super) const CREATE: &str = "DELETE user_link WHERE user = $link_user;
    CREATE type::record('user_link', $link) SET user = $link_user, purpose = $purpose, expires_ms = $expires_ms";
/// Two who follow a link at the same moment both write its record: one of them has to look again, and finds none.
const USE: &str = "LET $link = (SELECT user, expires_ms FROM type::record('user_link', $hash));
    IF array::len($link) = 0 { THROW 'heddle:unusable' };
    IF $link[0].expires_ms <= $now_ms { THROW 'heddle:unusable' };
    LET $owner = $link[0].user;
    LET $user = (SELECT state FROM user WHERE id_text = $owner);
    IF array::len($user) = 0 { THROW 'heddle:unusable' };
    IF $user[0].state NOT IN ['active', 'invited'] { THROW 'heddle:unusable' };
    DELETE type::record('user_link', $hash);
    UPDATE user SET password_hash = $password, password_until_ms = NONE, password_must_change = false,
        state = 'active' WHERE id_text = $owner;
    DELETE session WHERE user = $owner";

impl Store {
    /// A link that is good still.
    pub async fn link_read(&self, hash: &str, now_ms: i64) -> Result<Option<LinkRecord>, StoreError> {
        let text = "SELECT user, purpose, expires_ms FROM type::record('user_link', $hash)";
        let found: Option<Row> = self.read_one(Query::new(text, json!({ "hash": hash }))).await?;
        Ok(found.filter(|row| row.expires_ms > now_ms).map(|row| LinkRecord {
            hash: hash.to_owned(),
            user: UserId::new(row.user),
            purpose: row.purpose,
            expires_ms: row.expires_ms,
        }))
    }

    /// When the link of a person that is good still expires.
    pub async fn link_expiry(&self, user: &UserId, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let text = "SELECT user, purpose, expires_ms FROM user_link WHERE user = $user";
        let found: Option<Row> = self.read_one(Query::new(text, json!({ "user": user.as_str() }))).await?;
        Ok(found.map(|row| row.expires_ms).filter(|expires_ms| *expires_ms > now_ms))
    }

    /// Uses a link up: the password is set, the account is active, and whatever sessions there were end. False if the link
    /// is not good, also because somebody else was faster.
    pub async fn link_use(&self, hash: &str, now_ms: i64, password_hash: &str) -> Result<bool, StoreError> {
        let bindings = json!({ "hash": hash, "now_ms": now_ms, "password": password_hash });
        match self.write(Query::new(USE, bindings)).await {
            Ok(()) => Ok(true),
            Err(error) if error.thrown("unusable") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes links that have expired.
    pub async fn link_purge(&self, now_ms: i64) -> Result<(), StoreError> {
        let text = "DELETE user_link WHERE expires_ms <= $now_ms";
        self.write(Query::new(text, json!({ "now_ms": now_ms }))).await
    }
}

//! Mail that waits to be sent, and what became of it for a while. What stands in it is sealed: a link in it lets somebody
//! in. It goes with the mail's end. The record id is what the mail is about, so that the newest takes the place of the one
//! before.

use domain::id::UserId;
use domain::mail::{MailKind, MailState, MailView};
use domain::user::Email;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Query;
use crate::secret::{self, SealedSecret};
use crate::{Store, StoreError};

/// A mail. Times are unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRecord {
    /// What it is about, once: `USER/link`.
    pub slot: String,
    /// Key of the secret that stands in it; another one for each mail.
    pub secret: String,
    pub user: UserId,
    /// Who is told if it cannot be sent.
    pub sender: Option<UserId>,
    pub kind: MailKind,
    pub to: Email,
    pub state: MailState,
    /// Tries so far.
    pub tries: u32,
    /// Not tried before.
    pub due_ms: i64,
    /// Of no use afterwards; of one that ended, when it is forgotten.
    pub expires_ms: i64,
    /// When it was written, or ended.
    pub at_ms: i64,
    /// What stood against it at the last try.
    pub said: Option<String>,
}

/// A mail with what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    pub record: MailRecord,
    pub sealed: SealedSecret,
}

impl MailRecord {
    /// The mail as an admin sees it.
    pub fn view(&self) -> MailView {
        let (to, said) = (self.to.clone(), self.said.clone());
        MailView { kind: self.kind, state: self.state, to, at_ms: self.at_ms, said }
    }

    fn row(&self) -> Value {
        json!({
            "slot": self.slot,
            "secret": self.secret,
            "user": self.user.as_str(),
            "sender": self.sender.as_ref().map(UserId::as_str),
            "kind": self.kind.as_str(),
            "address": self.to.as_str(),
            "state": self.state.as_str(),
            "tries": self.tries,
            "due_ms": self.due_ms,
            "expires_ms": self.expires_ms,
            "at_ms": self.at_ms,
            "said": self.said,
        })
    }
}

impl NewMail {
    /// What [`PUT`] takes; its names are nobody else's.
    pub(crate) fn bindings(&self) -> Value {
        json!({ "mail": self.record.row(), "mail_secret": secret::row(&self.sealed) })
    }
}

#[derive(Deserialize)]
struct Row {
    slot: String,
    secret: String,
    user: String,
    sender: Option<String>,
    kind: MailKind,
    address: Email,
    state: MailState,
    tries: u32,
    due_ms: i64,
    expires_ms: i64,
    at_ms: i64,
    said: Option<String>,
}

impl From<Row> for MailRecord {
    fn from(row: Row) -> Self {
        Self {
            slot: row.slot,
            secret: row.secret,
            user: UserId::new(row.user),
            sender: row.sender.map(UserId::new),
            kind: row.kind,
            to: row.address,
            state: row.state,
            tries: row.tries,
            due_ms: row.due_ms,
            expires_ms: row.expires_ms,
            at_ms: row.at_ms,
            said: row.said,
        }
    }
}

/// Writes a mail in the place of the one before, of which nothing is left.
pub(crate) const PUT: &str = "LET $former = (SELECT VALUE secret FROM type::record('mail', $mail.slot));
    FOR $old IN $former { DELETE type::record('secret', $old) };
    UPSERT type::record('mail', $mail.slot) SET slot = $mail.slot, secret = $mail.secret, user = $mail.user,
        sender = $mail.sender ?? NONE, kind = $mail.kind, address = $mail.address, state = $mail.state,
        tries = $mail.tries, due_ms = $mail.due_ms, expires_ms = $mail.expires_ms, at_ms = $mail.at_ms,
        said = $mail.said ?? NONE;
    UPSERT type::record('secret', $mail_secret.key) CONTENT $mail_secret";
/// Removes whatever mail there is of the person `$id`.
pub(crate) const DELETE_OF_USER: &str = "LET $letters = (SELECT VALUE secret FROM mail WHERE user = $id);
    FOR $letter IN $letters { DELETE type::record('secret', $letter) };
    DELETE mail WHERE user = $id";
/// What came of a try. A newer mail of the same slot is another matter.
const SAVE: &str = "UPDATE type::record('mail', $mail.slot) SET state = $mail.state, tries = $mail.tries,
        due_ms = $mail.due_ms, expires_ms = $mail.expires_ms, at_ms = $mail.at_ms, said = $mail.said ?? NONE
        WHERE secret = $mail.secret;
    IF $mail.state != 'waiting' { DELETE type::record('secret', $mail.secret) }";
const DROP: &str = "DELETE type::record('mail', $mail.slot) WHERE secret = $mail.secret;
    DELETE type::record('secret', $mail.secret)";
const PURGE: &str = "LET $gone = (SELECT slot, secret FROM mail WHERE expires_ms <= $now_ms);
    FOR $row IN $gone {
        DELETE type::record('secret', $row.secret);
        DELETE type::record('mail', $row.slot)
    }";

impl Store {
    /// Writes a mail that waits, in the place of the one before of its slot.
    pub async fn mail_put(&self, mail: &NewMail) -> Result<(), StoreError> {
        self.write(Query::new(PUT, mail.bindings()).apart()).await
    }

    /// Mail that waits and is due, the longest due first.
    pub async fn mail_due(&self, now_ms: i64, limit: u32) -> Result<Vec<MailRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM mail WHERE state = 'waiting' AND due_ms <= $now_ms
            ORDER BY due_ms LIMIT $limit";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "now_ms": now_ms, "limit": limit }))).await?;
        Ok(rows.into_iter().map(MailRecord::from).collect())
    }

    /// The newest mail to somebody that is remembered.
    pub async fn mail_newest(&self, user: &UserId) -> Result<Option<MailRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM mail WHERE user = $user ORDER BY at_ms DESC LIMIT 1";
        let query = Query::new(text, json!({ "user": user.as_str() }));
        Ok(self.read_one::<Row>(query).await?.map(MailRecord::from))
    }

    /// Saves what came of a try; what stood in a mail that ended is gone. Where a newer one has taken its place nothing
    /// changes.
    pub async fn mail_save(&self, mail: &MailRecord) -> Result<(), StoreError> {
        self.write(Query::new(SAVE, json!({ "mail": mail.row() })).apart()).await
    }

    /// Removes a mail that nobody needs any more, unless a newer one has taken its place.
    pub async fn mail_drop(&self, mail: &MailRecord) -> Result<(), StoreError> {
        self.write(Query::new(DROP, json!({ "mail": mail.row() })).apart()).await
    }

    /// Removes mail that is of no use, or is remembered no longer.
    pub async fn mail_purge(&self, now_ms: i64) -> Result<(), StoreError> {
        self.write(Query::new(PURGE, json!({ "now_ms": now_ms })).apart()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(slot: &str, secret: &str, at_ms: i64) -> NewMail {
        let record = MailRecord {
            slot: slot.to_owned(),
            secret: secret.to_owned(),
            user: UserId::new("id-ann"),
            sender: Some(UserId::new("id-ben")),
            kind: MailKind::Reset,
            to: Email::parse("ann@example.org").unwrap(),
            state: MailState::Waiting,
            tries: 0,
            due_ms: at_ms,
            expires_ms: at_ms + 100,
            at_ms,
            said: None,
        };
        let (key, sealed) = (secret.to_owned(), vec![1, 2]);
        NewMail { record, sealed: SealedSecret { key, sealed, key_version: 1, created_ms: at_ms } }
    }

    async fn secrets(store: &Store) -> Vec<String> {
        store.secret_keys_prefix("mail/").await.unwrap()
    }

    #[tokio::test]
    async fn the_newest_mail_of_a_slot_takes_the_place_and_what_ended_holds_nothing() {
        let store = Store::open("mem://").await.unwrap();
        let (first, second) = (mail("id-ann/link", "mail/1", 5), mail("id-ann/link", "mail/2", 6));
        store.mail_put(&first).await.unwrap();
        assert!(store.mail_due(4, 9).await.unwrap().is_empty(), "it is not due yet");
        assert_eq!(store.mail_due(5, 9).await.unwrap(), std::slice::from_ref(&first.record));
        store.mail_put(&second).await.unwrap();
        assert_eq!(secrets(&store).await, ["mail/2"]);
        // What is said of the former one changes nothing.
        let late = MailRecord { state: MailState::Sent, ..first.record };
        store.mail_save(&late).await.unwrap();
        store.mail_drop(&late).await.unwrap();
        assert_eq!(store.mail_due(6, 9).await.unwrap(), std::slice::from_ref(&second.record));
        let again = MailRecord { tries: 1, due_ms: 50, said: Some("busy".to_owned()), ..second.record };
        store.mail_save(&again).await.unwrap();
        assert!(store.mail_due(49, 9).await.unwrap().is_empty());
        assert_eq!(store.mail_due(50, 9).await.unwrap(), std::slice::from_ref(&again));
        assert_eq!(secrets(&store).await, ["mail/2"]);
        let sent = MailRecord { state: MailState::Sent, said: None, at_ms: 51, ..again };
        store.mail_save(&sent).await.unwrap();
        assert_eq!(store.mail_newest(&sent.user).await.unwrap(), Some(sent.clone()));
        assert_eq!(secrets(&store).await, [""; 0]);
        store.mail_purge(sent.expires_ms - 1).await.unwrap();
        assert!(store.mail_newest(&sent.user).await.unwrap().is_some());
        store.mail_purge(sent.expires_ms).await.unwrap();
        assert_eq!(store.mail_newest(&sent.user).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_nobody_needs_any_more_leaves_nothing() {
        let store = Store::open("mem://").await.unwrap();
        let (dropped, expired) = (mail("id-ann/link", "mail/1", 5), mail("id-ann/ending/demo", "mail/2", 6));
        for one in [&dropped, &expired] {
            store.mail_put(one).await.unwrap();
        }
        assert_eq!(store.mail_newest(&expired.record.user).await.unwrap(), Some(expired.record.clone()));
        store.mail_drop(&dropped.record).await.unwrap();
        assert_eq!(secrets(&store).await, ["mail/2"]);
        store.mail_purge(expired.record.expires_ms).await.unwrap();
        assert_eq!(secrets(&store).await, [""; 0]);
        assert_eq!(store.mail_newest(&expired.record.user).await.unwrap(), None);
    }
}

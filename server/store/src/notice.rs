//! Notices. The record id is the key of what happened, so that nobody is told twice of the same.

use domain::id::{OperationId, UserId};
use domain::notice::{KEPT, NoticeKind, NoticeView};
use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// A notice for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRecord {
    /// What happened, once: the same key is the same notice.
    pub key: String,
    pub user: UserId,
    pub view: NoticeView,
}

#[derive(Deserialize)]
struct Row {
    at_ms: i64,
    kind: NoticeKind,
    subject: String,
    operation: Option<String>,
    name: String,
    is_read: bool,
}

impl From<Row> for NoticeView {
    fn from(row: Row) -> Self {
        Self {
            at_ms: row.at_ms,
            kind: row.kind,
            subject: row.subject,
            operation: row.operation.map(OperationId::new),
            name: row.name,
            is_read: row.is_read,
        }
    }
}

/// What is beyond the number that is kept goes with the one that comes.
const PUT: &str = "CREATE type::record('notice', $key) SET user = $user, at_ms = $at_ms, kind = $kind,
        subject = $subject, operation = $operation ?? NONE, name = $name, is_read = false;
    LET $old = (SELECT at_ms FROM notice WHERE user = $user ORDER BY at_ms DESC LIMIT 1 START $kept);
    IF array::len($old) > 0 { DELETE notice WHERE user = $user AND at_ms <= $old[0].at_ms }";

impl Store {
    /// Tells somebody of something; false if they were told of it before.
    pub async fn notice_put(&self, notice: &NoticeRecord) -> Result<bool, StoreError> {
        let view = &notice.view;
        let bindings = json!({
            "key": format!("{}/{}", notice.user, notice.key),
            "user": notice.user.as_str(),
            "at_ms": view.at_ms,
            "kind": view.kind.as_str(),
            "subject": view.subject,
            "operation": view.operation.as_ref().map(OperationId::as_str),
            "name": view.name,
            "kept": KEPT,
        });
        match self.write(Query::new(PUT, bindings).apart()).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_existing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What somebody was told, newest first: at most as many as are kept.
    pub async fn notice_list(&self, user: &UserId) -> Result<Vec<NoticeView>, StoreError> {
        let text = "SELECT at_ms, kind, subject, operation, name, is_read FROM notice WHERE user = $user
            ORDER BY at_ms DESC LIMIT $kept";
        let query = Query::new(text, json!({ "user": user.as_str(), "kept": KEPT }));
        let rows: Vec<Row> = self.read(query).await?;
        Ok(rows.into_iter().map(NoticeView::from).collect())
    }

    /// How many notices somebody has not read.
    pub async fn notice_unread(&self, user: &UserId) -> Result<u32, StoreError> {
        #[derive(Deserialize)]
        struct Count {
            count: u32,
        }
        let text = "SELECT count() FROM notice WHERE user = $user AND is_read = false GROUP ALL";
        let query = Query::new(text, json!({ "user": user.as_str() }));
        Ok(self.read_one::<Count>(query).await?.map_or(0, |row| row.count))
    }

    /// Notes that somebody has read what they were told until a moment, unix milliseconds.
    pub async fn notice_read_all(&self, user: &UserId, until_ms: i64) -> Result<(), StoreError> {
        let text = "UPDATE notice SET is_read = true
            WHERE user = $user AND is_read = false AND at_ms <= $until_ms";
        let bindings = json!({ "user": user.as_str(), "until_ms": until_ms });
        self.write(Query::new(text, bindings).apart()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(user: &str, key: &str, at_ms: i64) -> NoticeRecord {
        let view = NoticeView {
            at_ms,
            kind: NoticeKind::OperationDone,
            subject: "chain/demo".to_owned(),
            operation: Some(OperationId::new(key)),
            name: "chain-stop".to_owned(),
            is_read: false,
        };
        NoticeRecord { key: key.to_owned(), user: UserId::new(user), view }
    }

    #[tokio::test]
    async fn nobody_is_told_twice_and_what_was_read_stays_read() {
        let (store, ann) = (Store::open("mem://").await.unwrap(), UserId::new("ann"));
        assert!(store.notice_put(&notice("ann", "one", 1)).await.unwrap());
        assert!(store.notice_put(&notice("ben", "one", 1)).await.unwrap(), "another person is told, too");
        store.notice_read_all(&ann, 1).await.unwrap();
        assert!(!store.notice_put(&notice("ann", "one", 2)).await.unwrap());
        assert_eq!(store.notice_unread(&ann).await.unwrap(), 0);
        assert_eq!(store.notice_unread(&UserId::new("ben")).await.unwrap(), 1);
        let read = NoticeView { is_read: true, ..notice("ann", "one", 1).view };
        assert_eq!(store.notice_list(&ann).await.unwrap(), [read]);
        // What comes after the moment up to which somebody read is not read.
        store.notice_put(&notice("ann", "two", 5)).await.unwrap();
        store.notice_read_all(&ann, 4).await.unwrap();
        assert_eq!(store.notice_unread(&ann).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn the_oldest_notices_go_and_only_those_of_the_same_person() {
        let (store, ann) = (Store::open("mem://").await.unwrap(), UserId::new("ann"));
        store.notice_put(&notice("ben", "old", 0)).await.unwrap();
        for at_ms in 0..i64::from(KEPT) + 3 {
            store.notice_put(&notice("ann", &at_ms.to_string(), at_ms)).await.unwrap();
        }
        let kept = store.notice_list(&ann).await.unwrap();
        let times: Vec<i64> = kept.iter().map(|notice| notice.at_ms).collect();
        assert_eq!(times, (3..i64::from(KEPT) + 3).rev().collect::<Vec<_>>());
        assert_eq!(store.notice_unread(&ann).await.unwrap(), KEPT);
        assert_eq!(store.notice_list(&UserId::new("ben")).await.unwrap().len(), 1);
    }
}

//! How operations and transactions ended of which the audit says only that they began.

use domain::id::UserId;
use futures::future::join_all;
use store::{OperationEnd, TransactionRecord};
use workflow::LogError;

use super::{AuditLog, Entry};
use crate::ControlPlane;
use crate::transaction::{SUBMIT, called};

/// Ends that one round records.
const ROUND: u32 = 200;

impl AuditLog {
    /// Records an end, and waits without a limit: the store keeps it for the audit until then, and whoever asked again
    /// earlier would record it twice.
    async fn end(&self, entry: Entry, key: Option<String>) {
        if self.hand_over(entry, key).await.await.is_err() {
            tracing::error!("the audit appender is gone");
        }
    }
}

impl ControlPlane {
    /// Records how operations ended, each time that one came to rest: in the name of whoever started it, with its id as
    /// that of the request.
    pub(crate) async fn record_ends(&self) -> Result<(), LogError> {
        let store = &self.services.store;
        if store.operation_ends(ROUND).await?.is_empty() {
            return Ok(());
        }
        let _alone = self.audit.ends.lock().await;
        // What was sent by whoever did not wait for it is stored by then, and not found any more.
        self.audit.flush().await;
        let mut entries = Vec::new();
        for end in store.operation_ends(ROUND).await? {
            self.notify_end(&end).await;
            entries.extend(self.entry_of(end).await);
        }
        join_all(entries.into_iter().map(|(entry, key)| self.audit.end(entry, Some(key)))).await;
        Ok(())
    }

    /// Records what became of a transaction that nobody waited for to the end: in the name of whoever submitted it,
    /// with its id as that of the request. A portal may have ended before it recorded even that it was submitted.
    pub(crate) async fn record_settled(&self, record: &TransactionRecord) {
        let view = &record.view;
        let result = view.error.as_ref().map_or_else(|| "valid".to_owned(), |error| error.code.as_text());
        let entry = Entry {
            at_ms: self.services.clock.now_ms(),
            user: Some(record.user.clone()),
            who: view.submitted_by.clone(),
            what: format!("{SUBMIT}-end"),
            object: called(&view.chain, &view.chaincode),
            result,
            request_id: view.id.clone(),
            address: String::new(),
            changes: Vec::new(),
        };
        self.audit.end(entry, None).await;
    }

    /// The record of an end, with what the store keeps it under; none while it cannot be made.
    async fn entry_of(&self, end: OperationEnd) -> Option<(Entry, String)> {
        let OperationEnd { key, operation, at_ms, result } = end;
        // To former versions a start and a restart were one plan and two deeds.
        let restarts = operation.params["restart"] == true;
        let name = if restarts { "chain-restart" } else { operation.name.as_str() };
        let what = format!("{name}-end");
        let object = operation.subject.unwrap_or_else(|| format!("operation/{}", operation.id));
        let owner = UserId::new(operation.owner);
        let who = match self.services.store.user_read(&owner).await {
            Ok(user) => user.map_or(String::new(), |user| user.name.to_string()),
            Err(error) => {
                tracing::warn!(%error, "the owner of an operation cannot be read");
                return None;
            }
        };
        let (user, request_id, address) = (Some(owner), operation.id, String::new());
        let changes = Vec::new();
        Some((Entry { at_ms, user, who, what, object, result, request_id, address, changes }, key))
    }
}

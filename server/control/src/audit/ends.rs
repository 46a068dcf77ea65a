//! How operations ended, for the audit: what was recorded when one was started says only that it began.

use domain::id::UserId;
use futures::future::join_all;
use store::OperationEnd;
use tokio::sync::oneshot;
use workflow::LogError;

use super::{AuditLog, Entry, Message};
use crate::ControlPlane;

/// Ends that one round records.
const ROUND: u32 = 200;

impl AuditLog {
    /// Records an end, and waits without a limit: the store keeps it for the audit until then, and whoever asked again
    /// earlier would record it twice.
    async fn end(&self, entry: Entry, key: String) {
        let (stored, wait) = oneshot::channel();
        let sent = self.queue.send(Message::End(Box::new(entry), key, stored)).await;
        if sent.is_err() || wait.await.is_err() {
            tracing::error!("the audit appender is gone");
        }
    }
}

impl ControlPlane {
    /// Records how operations ended, each time that one came to rest: in the name of whoever started it, with its id as
    /// that of the request.
    pub(crate) async fn record_ends(&self) -> Result<(), LogError> {
        let store = &self.services.store;
        if store.operation_ends(1).await?.is_empty() {
            return Ok(());
        }
        let _alone = self.audit.ends.lock().await;
        // What was sent by whoever did not wait for it is stored by then, and not found any more.
        self.audit.flush().await;
        let mut entries = Vec::new();
        for end in store.operation_ends(ROUND).await? {
            entries.extend(self.entry_of(end).await);
        }
        join_all(entries.into_iter().map(|(entry, key)| self.audit.end(entry, key))).await;
        Ok(())
    }

    /// The record of an end, with what the store keeps it under; none while it cannot be made.
    async fn entry_of(&self, end: OperationEnd) -> Option<(Entry, String)> {
        let OperationEnd { key, operation, at_ms, result } = end;
        // A start and a restart are one plan and two deeds.
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
        Some((Entry { at_ms, user, who, what, object, result, request_id, address }, key))
    }
}

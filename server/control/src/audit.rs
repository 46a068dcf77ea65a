//! The audit: one appender per portal batches records into a commit and chains them, so that no request waits for
//! a hot record and no record can be changed unseen.

use std::sync::Arc;
use std::time::Duration;

use domain::Error;
use domain::audit::AuditView;
use domain::permission::{Action, Noun};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::{AuditRecord, Store};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::services::SharedClock;

/// Records that may wait for the appender; a full queue makes callers wait, it never drops.
const QUEUE: usize = 4_096;
/// Most records in one commit.
const BATCH: usize = 256;
/// Longest wait of a caller for its record.
const STORED_WAIT: Duration = Duration::from_secs(10);
/// The log of the server names every record of such a number.
const LOGGED_EVERY: i64 = 1_000;
/// Records on one page.
const PAGE: u32 = 50;

/// What happened, before it has a number and a hash.
#[derive(Clone, Debug)]
struct Entry {
    at_ms: i64,
    user: Option<domain::id::UserId>,
    who: String,
    what: String,
    object: String,
    result: String,
    request_id: String,
    address: String,
}

enum Message {
    /// The sender hears when the record is stored.
    Entry(Box<Entry>, oneshot::Sender<()>),
    Flush(oneshot::Sender<()>),
}

/// Handle on the appender.
#[derive(Clone)]
pub struct AuditLog {
    queue: mpsc::Sender<Message>,
    clock: SharedClock,
}

impl AuditLog {
    /// Starts the appender; it ends when the last handle is dropped.
    pub fn start(store: Store, key: Zeroizing<Vec<u8>>, clock: SharedClock) -> Self {
        let (queue, entries) = mpsc::channel(QUEUE);
        tokio::spawn(append(store, Arc::new(key), entries));
        Self { queue, clock }
    }

    /// Records the outcome of something that somebody signed in did or tried, and waits until the record is stored:
    /// what was answered is in the audit, whatever happens next. Records of many callers share a commit.
    pub async fn record<T>(&self, caller: &Caller, what: &str, object: &str, result: &Result<T, Error>) {
        let outcome = match result {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.code.as_text(),
        };
        let entry = Entry {
            at_ms: self.clock.now_ms(),
            user: caller.user.as_ref().map(|user| user.id.clone()),
            who: caller.user.as_ref().map_or(String::new(), |user| user.name.to_string()),
            what: what.to_owned(),
            object: object.to_owned(),
            result: outcome,
            request_id: caller.request_id.clone(),
            address: caller.address.clone(),
        };
        let (stored, wait) = oneshot::channel();
        if self.queue.send(Message::Entry(Box::new(entry), stored)).await.is_err() {
            tracing::error!(what, object, "the audit appender is gone");
        }
        if tokio::time::timeout(STORED_WAIT, wait).await.is_err() {
            tracing::error!(what, object, "the audit is behind; the answer goes out before its record");
        }
    }

    /// Waits until everything recorded so far is stored.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() && wait.await.is_err() {
            tracing::error!("the audit appender is gone");
        }
    }
}

async fn append(store: Store, key: Arc<Zeroizing<Vec<u8>>>, mut entries: mpsc::Receiver<Message>) {
    let (mut sequence, mut hash) = loop {
        match store.audit_last().await {
            Ok(last) => break last.unwrap_or((0, String::new())),
            Err(error) => {
                tracing::error!(%error, "the audit cannot be read; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    // What was cut off at the end shows when the log knows a later record than the data.
    tracing::info!(sequence, hash, "the audit goes on after this record");
    let mut messages = Vec::with_capacity(BATCH);
    while entries.recv_many(&mut messages, BATCH).await > 0 {
        let mut records = Vec::new();
        let mut waiting = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Flush(done) => waiting.push(done),
                Message::Entry(entry, stored) => {
                    waiting.push(stored);
                    sequence += 1;
                    let record = chained(*entry, sequence, &hash, &key);
                    hash.clone_from(&record.hash);
                    records.push(record);
                }
            }
        }
        let passed = records.iter().find(|record| record.view.sequence % LOGGED_EVERY == 0);
        if let Some(record) = passed {
            tracing::info!(
                sequence = record.view.sequence,
                hash = record.hash,
                "the audit has reached this record"
            );
        }
        save(&store, records).await;
        for done in waiting {
            // Whoever waited may have gone; that is their business.
            let _gone = done.send(());
        }
    }
}

/// Stores a batch; tries until it works, since a record must not be lost while the portal goes on.
async fn save(store: &Store, records: Vec<AuditRecord>) {
    if records.is_empty() {
        return;
    }
    let mut wait_ms = 50;
    while let Err(error) = store.audit_append(records.clone()).await {
        tracing::error!(%error, count = records.len(), "audit records cannot be stored; trying again");
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 2).min(5_000);
    }
}

fn chained(entry: Entry, sequence: i64, previous: &str, key: &[u8]) -> AuditRecord {
    let view = AuditView {
        sequence,
        at_ms: entry.at_ms,
        who: entry.who,
        what: entry.what,
        object: entry.object,
        result: entry.result,
        request_id: entry.request_id,
        address: entry.address,
    };
    let mut record = AuditRecord { view, user: entry.user, hash: String::new() };
    record.hash = link(key, previous, &record);
    record
}

/// `HMAC(key, previous ‖ every field with its length)`, in hexadecimal.
fn link(key: &[u8], previous: &str, record: &AuditRecord) -> String {
    // HMAC takes keys of every length; the error cannot occur.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else { return String::new() };
    let view = &record.view;
    let (sequence, at) = (view.sequence.to_string(), view.at_ms.to_string());
    for field in [
        previous,
        &sequence,
        &at,
        record.user.as_ref().map_or("", domain::id::UserId::as_str),
        &view.who,
        &view.what,
        &view.object,
        &view.result,
        &view.request_id,
        &view.address,
    ] {
        mac.update(field.len().to_string().as_bytes());
        mac.update(b":");
        mac.update(field.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

impl ControlPlane {
    /// The newest records before a sequence number; users see their own only.
    pub async fn audit_list(&self, caller: &Caller, before: Option<i64>) -> Result<Vec<AuditView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Audit))?;
        let user = caller.require_user()?;
        let everything = policy::authorize(caller, Action::Read, Resource::any(Noun::Audit)).is_ok();
        let only = if everything { None } else { Some(&user.id) };
        self.audit.flush().await;
        let records =
            self.services.store.audit_list(before, only, PAGE).await.map_err(crate::error::store)?;
        Ok(records.into_iter().map(|record| record.view).collect())
    }
}

mod verify;

pub use verify::{Verdict, verify};

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence: i64) -> AuditRecord {
        let view = AuditView {
            sequence,
            at_ms: 1,
            who: "ada".to_owned(),
            what: "chain-create".to_owned(),
            object: "chain/demo".to_owned(),
            result: "ok".to_owned(),
            request_id: "r".to_owned(),
            address: "127.0.0.1".to_owned(),
        };
        AuditRecord { view, user: None, hash: String::new() }
    }

    #[test]
    fn every_field_and_the_previous_record_count() {
        let base = link(b"key", "", &record(1));
        assert_eq!(base, link(b"key", "", &record(1)));
        assert_ne!(base, link(b"other", "", &record(1)));
        assert_ne!(base, link(b"key", "x", &record(1)));
        let owned = AuditRecord { user: Some(domain::id::UserId::new("u")), ..record(1) };
        assert_ne!(base, link(b"key", "", &owned));
        let mut moved = record(1);
        (moved.view.who, moved.view.what) = ("adac".to_owned(), "hain-create".to_owned());
        assert_ne!(base, link(b"key", "", &moved), "a letter that moves between fields is seen");
    }
}

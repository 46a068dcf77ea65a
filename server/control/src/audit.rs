//! The audit: one appender per portal batches records into a commit and chains them, so that no request waits for
//! a hot record and no record can be changed unseen.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::audit::{AuditView, FieldChange};
use domain::{Code, Error, ErrorKind};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::{AuditRecord, Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::services::SharedClock;

mod appender;
mod archive;
mod buckets;
mod csv;
mod ends;
mod export;
mod list;
mod verify;

use appender::append;
pub use archive::{Archive, ArchiveError};
pub(crate) use buckets::neighbourhood;
pub use export::{AuditExport, ExportFormat};
pub use verify::{Verdict, verify};

/// Records that may wait for the appender; a full queue makes callers wait, it never drops.
const QUEUE: usize = 4_096;
/// Longest wait for the appender to tell what it did not store, and to end.
const GIVE_UP_WAIT: Duration = Duration::from_secs(1);
/// Longest wait of a caller for its record.
const STORED_WAIT: Duration = Duration::from_secs(10);
/// Requests of which it is remembered that their refusal is recorded; they are over within moments.
const REFUSED_MAX: usize = 1_024;
/// Result of what was done.
const OK: &str = "ok";
/// Result of what is about to be done.
const BEGUN: &str = "begun";
/// Who did what was done beside the portal, which was stopped. No person is called so: the blank is in no name.
const COMMAND_LINE: &str = "command line";
/// Stands in the link of a record that tells changes, before them: links of former records have no such part.
const WITH_CHANGES: &str = "changes/1";
/// Changes that are kept of one record.
const CHANGES_MAX: usize = 50;
/// Characters that are kept of the name of an object.
const OBJECT_MAX: usize = 255;

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
    changes: Vec<FieldChange>,
}

enum Message {
    /// The sender hears when the record is stored. `end`: what the store keeps the end of an operation under until it is
    /// recorded.
    Entry {
        entry: Box<Entry>,
        end: Option<String>,
        stored: oneshot::Sender<()>,
    },
    Flush(oneshot::Sender<()>),
    /// Flush, and record what was counted so far.
    Close(oneshot::Sender<()>),
}

/// Handle on the appender.
#[derive(Clone)]
pub struct AuditLog {
    queue: mpsc::Sender<Message>,
    clock: SharedClock,
    key: Arc<Zeroizing<Vec<u8>>>,
    refused: Arc<Mutex<VecDeque<String>>>,
    /// Held while ends of operations are recorded.
    ends: Arc<tokio::sync::Mutex<()>>,
    /// Tells the appender that nobody waits any more.
    give_up: Arc<Notify>,
    /// Commits so far.
    commits: Arc<AtomicU64>,
}

impl AuditLog {
    /// Starts the appender; it ends when the last handle is dropped.
    pub fn start(store: Store, key: Zeroizing<Vec<u8>>, clock: SharedClock) -> Self {
        let (queue, entries) = mpsc::channel(QUEUE);
        let (commits, give_up) = (Arc::<AtomicU64>::default(), Arc::<Notify>::default());
        let appender = append(store, key.clone(), clock.clone(), entries, commits.clone());
        tokio::spawn(appender.until(give_up.clone()));
        Self {
            queue,
            clock,
            key: Arc::new(key),
            refused: Arc::default(),
            ends: Arc::default(),
            give_up,
            commits,
        }
    }

    /// Records the outcome of something that somebody did or tried, and waits until the record is stored: what was
    /// answered is in the audit, whatever happens next. Records of many callers share a commit. Refusals of nobody
    /// signed in are counted once they come in numbers.
    pub async fn record<T>(&self, caller: &Caller, what: &str, object: &str, result: &Result<T, Error>) {
        self.record_change(caller, what, object, Vec::new(), result).await;
    }

    /// The same with what is different afterwards, or would have been.
    pub async fn record_change<T>(
        &self,
        caller: &Caller,
        what: &str,
        object: &str,
        changes: Vec<FieldChange>,
        result: &Result<T, Error>,
    ) {
        let outcome = match result {
            Ok(_) => OK.to_owned(),
            Err(error) => error.code.as_text(),
        };
        if result.as_ref().is_err_and(|error| error.refusal.is_some()) {
            self.is_first_refusal(&caller.request_id);
        }
        self.note(caller, what, object, outcome, changes).await;
    }

    /// Records that somebody is about to change something, which they may: were the portal to end between the change
    /// and the record of what came of it, this one tells. Operations and transactions need none, since they leave a record
    /// when they end.
    pub(crate) async fn begin(&self, caller: &Caller, what: &str, object: &str) {
        self.begin_change(caller, what, object, Vec::new()).await;
    }

    /// The same with what is to be different.
    pub(crate) async fn begin_change(
        &self,
        caller: &Caller,
        what: &str,
        object: &str,
        changes: Vec<FieldChange>,
    ) {
        self.note(caller, what, object, BEGUN.to_owned(), changes).await;
    }

    async fn note(
        &self,
        caller: &Caller,
        what: &str,
        object: &str,
        result: String,
        changes: Vec<FieldChange>,
    ) {
        let entry = Entry {
            at_ms: self.clock.now_ms(),
            user: caller.user.as_ref().map(|user| user.id.clone()),
            who: caller.user.as_ref().map_or(String::new(), |user| user.name.to_string()),
            what: what.to_owned(),
            // Names in addresses are whatever somebody asked for: the record keeps as much as tells what it was.
            object: object.chars().take(OBJECT_MAX).collect(),
            result,
            request_id: caller.request_id.clone(),
            address: caller.address.clone(),
            changes: changes.into_iter().take(CHANGES_MAX).collect(),
        };
        let stored = self.hand_over(entry, None).await;
        match tokio::time::timeout(STORED_WAIT, stored).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!(what, object, "the audit appender is gone"),
            Err(_) => {
                tracing::error!(what, object, "the audit is behind; the answer goes out before its record");
            }
        }
    }

    /// Gives an entry to the appender. What comes back tells when it is stored; it breaks when the appender is gone.
    async fn hand_over(&self, entry: Entry, end: Option<String>) -> oneshot::Receiver<()> {
        let (stored, wait) = oneshot::channel();
        // What is not sent is dropped, and with it what would tell.
        let _sent = self.queue.send(Message::Entry { entry: Box::new(entry), end, stored }).await.is_ok();
        wait
    }

    /// Records what the policy refused to somebody signed in, once for a request: many a page asks for several things
    /// that the same person may not have, and many a use case leaves a record of its own.
    async fn refused(&self, caller: &Caller, error: &Error) {
        let Some(refusal) = error.refusal.as_deref().filter(|_| caller.user.is_some()) else { return };
        if self.is_first_refusal(&caller.request_id) {
            self.record(caller, &refusal.what(), &refusal.object(), &Err::<(), _>(error.clone())).await;
        }
    }

    /// Whether no refusal of this request is recorded yet; from now on one is.
    fn is_first_refusal(&self, request_id: &str) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.iter().any(|known| known == request_id) {
            return false;
        }
        if refused.len() >= REFUSED_MAX {
            refused.pop_front();
        }
        refused.push_back(request_id.to_owned());
        true
    }

    /// Waits until everything recorded so far is stored.
    pub async fn flush(&self) {
        self.wait(Message::Flush).await;
    }

    /// The same with what was counted: nothing more is to come. It waits until a moment at most; what is not stored by
    /// then the log of the server tells, and nothing is stored any more.
    pub async fn close(&self, until: Instant) -> bool {
        if tokio::time::timeout_at(until, self.wait(Message::Close)).await.is_ok() {
            return true;
        }
        self.give_up.notify_one();
        if tokio::time::timeout(GIVE_UP_WAIT, self.queue.closed()).await.is_err() {
            tracing::error!("the audit appender does not tell what it did not store");
        }
        false
    }

    async fn wait(&self, message: fn(oneshot::Sender<()>) -> Message) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(message(done)).await.is_ok() && wait.await.is_err() {
            tracing::error!("the audit appender is gone");
        }
    }
}

/// The next record of a portal that is stopped, of something that is done on the command line of its machine; to be stored
/// with what is done.
pub(crate) async fn by_command_line(
    store: &Store,
    key: &[u8],
    at_ms: i64,
    what: &str,
    object: &str,
) -> Result<AuditRecord, StoreError> {
    let (sequence, hash) = store.audit_last().await?.unwrap_or_default();
    let entry = Entry {
        at_ms,
        user: None,
        who: COMMAND_LINE.to_owned(),
        what: what.to_owned(),
        object: object.to_owned(),
        result: OK.to_owned(),
        request_id: String::new(),
        address: String::new(),
        changes: Vec::new(),
    };
    Ok(chained(entry, sequence + 1, &hash, key))
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
        changes: entry.changes,
    };
    let mut record = AuditRecord { view, user: entry.user, hash: String::new() };
    record.hash = link(key, previous, &record);
    record
}

/// `HMAC(key, previous ‖ every field with its length)`, in hexadecimal. Changes come behind all others, and only where
/// there are some: what was recorded before there were any keeps its link.
fn link(key: &[u8], previous: &str, record: &AuditRecord) -> String {
    let view = &record.view;
    let (sequence, at) = (view.sequence.to_string(), view.at_ms.to_string());
    let mut fields = vec![
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
    ];
    if !view.changes.is_empty() {
        fields.push(WITH_CHANGES);
    }
    for change in &view.changes {
        fields.extend([change.field(), change.before(), change.after()]);
    }
    keyed(key, fields)
}

/// `HMAC(key, every part with its length)`, in hexadecimal.
fn keyed<'a>(key: &[u8], parts: impl IntoIterator<Item = &'a str>) -> String {
    // HMAC takes keys of every length; the error cannot occur.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else { return String::new() };
    for part in parts {
        mac.update(part.len().to_string().as_bytes());
        mac.update(b":");
        mac.update(part.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

impl ControlPlane {
    /// Leaves a record of what the policy refused to somebody signed in, unless the use case left one. Every way in
    /// calls it with the error that it answers.
    pub async fn refused(&self, caller: &Caller, error: &Error) {
        self.audit.refused(caller, error).await;
    }

    /// In how many commits the records of this portal were stored so far: callers at the same moment share one.
    pub fn audit_commits(&self) -> u64 {
        self.audit.commits.load(Ordering::Relaxed)
    }

    /// Leaves a record of what another site had the browser of somebody signed in ask: it was refused before any use case
    /// heard of it.
    pub async fn foreign_refused(&self, caller: &Caller, path: &str) {
        if caller.user.is_some() {
            let refused = Err::<(), _>(Error::new(ErrorKind::Forbidden, Code::ForeignRequest));
            self.audit.record(caller, "foreign-request", path, &refused).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn record(sequence: i64) -> AuditRecord {
        let view = AuditView {
            sequence,
            at_ms: 1,
            who: "ada".to_owned(),
            what: "chain-create".to_owned(),
            object: "chain/demo".to_owned(),
            result: "ok".to_owned(),
            request_id: "r".to_owned(),
            address: "127.0.0.1".to_owned(),
            changes: Vec::new(),
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

    #[test]
    fn changes_count_and_what_was_recorded_without_any_keeps_its_link() {
        // Made by the portal of before there were changes.
        let former = "b384028199ef73bbd07eb4cb341983e24eed1152f4cf8d7af2fe7c4935090a4e";
        assert_eq!(link(b"key", "", &record(1)), former);
        let with = |changes: &[(&str, u16, u16)]| {
            let told = changes.iter().filter_map(|(field, was, is)| FieldChange::between(field, was, is));
            let mut record = record(1);
            record.view.changes = told.collect();
            link(b"key", "", &record)
        };
        let one = with(&[("capacity", 3, 5)]);
        assert_eq!(one, with(&[("capacity", 3, 5)]));
        for other in [
            with(&[]),
            with(&[("capacity", 3, 6)]),
            with(&[("capacity", 2, 5)]),
            with(&[("ports", 3, 5)]),
            with(&[("capacity", 3, 5), ("ports", 1, 2)]),
        ] {
            assert_ne!(one, other);
        }
    }
}

//! The one who appends: it gathers what waits into a batch, links its records, and has the batch stored. It never drops a
//! record while the portal goes on; only when the portal ends without the store does it leave some to the server's log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::{AuditRecord, Store};
use tokio::sync::{Notify, mpsc, oneshot};
use zeroize::Zeroizing;

use super::buckets::Buckets;
use super::{Entry, Message, OK, chained};
use crate::services::SharedClock;

/// Most records in one commit.
const BATCH: usize = 256;
/// The log of the server names every record of such a number.
const LOGGED_EVERY: i64 = 1_000;
/// Pause between two looks at what was counted.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// The end of the chain of records, to which the next one is linked.
struct Head {
    sequence: i64,
    hash: String,
    key: Zeroizing<Vec<u8>>,
}

impl Head {
    fn add(&mut self, entry: Entry) -> AuditRecord {
        self.sequence += 1;
        let record = chained(entry, self.sequence, &self.hash, &self.key);
        self.hash.clone_from(&record.hash);
        record
    }
}

/// What appends, and what it holds.
pub(super) struct Appender {
    store: Store,
    key: Zeroizing<Vec<u8>>,
    clock: SharedClock,
    messages: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
    buckets: Buckets,
    /// The batch that is being stored.
    held: Vec<AuditRecord>,
}

/// An appender of what comes in; nothing is done yet.
pub(super) fn append(
    store: Store,
    key: Zeroizing<Vec<u8>>,
    clock: SharedClock,
    messages: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
) -> Appender {
    Appender { store, key, clock, messages, commits, buckets: Buckets::default(), held: Vec::new() }
}

impl Appender {
    /// Appends until nobody can send any more, or until nobody waits any more: then it tells what it has not stored.
    pub(super) async fn until(mut self, give_up: Arc<Notify>) {
        let is_given_up = tokio::select! {
            () = self.run() => false,
            () = give_up.notified() => true,
        };
        if is_given_up {
            self.leave();
        }
    }

    async fn run(&mut self) {
        let (sequence, hash) = last(&self.store).await;
        // What was cut off at the end shows when the log knows a later record than the data.
        tracing::info!(sequence, hash, "the audit goes on after this record");
        let mut head = Head { sequence, hash, key: self.key.clone() };
        let mut look = tokio::time::interval(COUNTED_EVERY);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let goes_on = tokio::select! {
                count = self.messages.recv_many(&mut batch, BATCH) => count > 0,
                _ = look.tick() => true,
            };
            let Sorted { mut entries, ends, waiting, closes } = sorted(&mut batch, &mut self.buckets);
            let counted = if closes || !goes_on {
                self.buckets.close_all()
            } else {
                self.buckets.close(self.clock.now_ms())
            };
            entries.extend(counted);
            if !entries.is_empty() {
                self.held = entries.into_iter().map(|entry| head.add(entry)).collect();
                save(&self.store, &self.held, &ends).await;
                self.held.clear();
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
            for done in waiting {
                // Whoever waited may have gone; that is their business.
                let _gone = done.send(());
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Tells the log what is not known to be stored: it is the only place that is left.
    fn leave(&mut self) {
        for AuditRecord { view, .. } in self.held.drain(..) {
            let (who, what, object, result) = (view.who, view.what, view.object, view.result);
            let at_ms = view.at_ms;
            tracing::error!(at_ms, who, what, object, result, "it is not known whether the audit has this");
        }
        let mut lost = Vec::new();
        while let Ok(message) = self.messages.try_recv() {
            if let Message::Entry { entry, .. } = message {
                lost.push(*entry);
            }
        }
        lost.extend(self.buckets.close_all());
        for Entry { at_ms, who, what, object, result, .. } in lost {
            tracing::error!(at_ms, who, what, object, result, "the audit does not have this");
        }
    }
}

/// What came in at once, by what is done with it.
#[derive(Default)]
struct Sorted {
    entries: Vec<Entry>,
    ends: Vec<String>,
    waiting: Vec<oneshot::Sender<()>>,
    closes: bool,
}

fn sorted(batch: &mut Vec<Message>, buckets: &mut Buckets) -> Sorted {
    let mut sorted = Sorted::default();
    for message in batch.drain(..) {
        match message {
            Message::Flush(done) => sorted.waiting.push(done),
            Message::Close(done) => {
                sorted.closes = true;
                sorted.waiting.push(done);
            }
            Message::Entry { entry, end, stored } => {
                sorted.waiting.push(stored);
                sorted.ends.extend(end);
                let of_nobody = entry.user.is_none() && entry.result != OK;
                sorted.entries.extend(if of_nobody { buckets.take(*entry) } else { Some(*entry) });
            }
        }
    }
    sorted
}

/// Number and hash of the last record; waits until they can be read.
async fn last(store: &Store) -> (i64, String) {
    loop {
        match store.audit_last().await {
            Ok(last) => return last.unwrap_or((0, String::new())),
            Err(error) => {
                tracing::error!(%error, "the audit cannot be read; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Stores a batch; tries until it works, since a record must not be lost while the portal goes on.
async fn save(store: &Store, records: &[AuditRecord], ends: &[String]) {
    let passed = records.iter().find(|record| record.view.sequence % LOGGED_EVERY == 0);
    if let Some(AuditRecord { view, hash, .. }) = passed {
        tracing::info!(sequence = view.sequence, hash, "the audit has reached this record");
    }
    let mut wait_ms = 50;
    while let Err(error) = store.audit_append_ends(records.to_vec(), ends).await {
        // The batch may be there and only its answer lost: then it is refused for ever, by its own records.
        if is_stored(store, records).await {
            return;
        }
        tracing::error!(%error, count = records.len(), "audit records cannot be stored; trying again");
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 2).min(5_000);
    }
}

/// Whether a batch is the end of what is stored. Batches are stored whole, and nobody else appends.
async fn is_stored(store: &Store, records: &[AuditRecord]) -> bool {
    let Some(AuditRecord { view, hash, .. }) = records.last() else { return true };
    store.audit_last().await.is_ok_and(|last| last.as_ref() == Some(&(view.sequence, hash.clone())))
}

#[cfg(test)]
mod tests {
    use domain::id::UserId;
    use tokio::time::Instant;
    use workflow::SystemClock;

    use super::*;
    use crate::audit::AuditLog;
    use crate::audit::tests::record;

    #[tokio::test]
    async fn a_batch_whose_answer_was_lost_is_not_stored_again() {
        let store = Store::open("mem://").await.unwrap();
        let batch: Vec<AuditRecord> = (1..=2)
            .map(|sequence| AuditRecord { hash: format!("h{sequence}"), ..record(sequence) })
            .collect();
        assert!(!is_stored(&store, &batch).await);
        store.audit_append(batch.clone()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), save(&store, &batch, &[])).await.unwrap();
        assert_eq!(store.audit_after(0, 10).await.unwrap(), batch);
        let foreign = [AuditRecord { hash: "other".to_owned(), ..record(2) }];
        assert!(!is_stored(&store, &foreign).await, "another record of the same number is not it");
    }

    fn entry(what: &str) -> Entry {
        Entry {
            at_ms: 1,
            user: Some(UserId::new("u")),
            who: "ada".to_owned(),
            what: what.to_owned(),
            object: "chain/demo".to_owned(),
            result: OK.to_owned(),
            request_id: "r".to_owned(),
            address: String::new(),
            changes: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_portal_that_ends_waits_for_what_can_be_stored_and_not_for_ever() {
        let store = Store::open("mem://").await.unwrap();
        let key = Zeroizing::new(b"key".to_vec());
        let log = AuditLog::start(store.clone(), key, Arc::new(SystemClock));
        let first = log.hand_over(entry("one"), None).await;
        assert!(log.close(Instant::now() + Duration::from_secs(60)).await);
        assert_eq!(first.await, Ok(()));
        // Somebody else's record has the next number: what comes now is refused again and again.
        let foreign = AuditRecord { hash: "other".to_owned(), ..record(2) };
        store.audit_append(vec![foreign.clone()]).await.unwrap();
        let second = log.hand_over(entry("two"), None).await;
        assert!(!log.close(Instant::now()).await);
        assert!(second.await.is_err(), "nobody is told that it is stored");
        assert!(log.hand_over(entry("three"), None).await.await.is_err(), "and nothing is stored any more");
        let stored = store.audit_after(0, 10).await.unwrap();
        assert_eq!((stored.len(), stored.last()), (2, Some(&foreign)));
    }
}

//! What every request asks for anew: whose a session is, people, chains, and grants on them. It is kept in memory until
//! something is written. Nobody else writes to the database while this process has it open, and every write of this
//! process ends what is kept before whoever wrote hears of it: a right that was taken away is gone with that answer. Of a
//! database that others write to as well nothing is kept.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::id::UserId;
use domain::name::ChainName;
use domain::permission::Grant;

use crate::{ChainRecord, SessionRecord, StoreError, UserRecord};

/// Rows of one kind that are kept; beyond it all are dropped and read again when needed.
const ROWS_MAX: usize = 4_096;

/// The rows that are kept.
#[derive(Default)]
pub(crate) struct Memory {
    /// How many writes have ended: what was read before the last one may be old.
    writes: AtomicU64,
    /// Others may write to the database, too.
    is_shared: bool,
    sessions: Kept<String, SessionRecord>,
    people: Kept<UserId, UserRecord>,
    chains: Kept<ChainName, ChainRecord>,
    grants: Kept<(ChainName, UserId), Grant>,
}

/// Rows of one kind.
struct Kept<K, V>(Mutex<Rows<K, V>>);

struct Rows<K, V> {
    /// The number of writes before all of them were read.
    as_of: u64,
    rows: HashMap<K, V>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Rows { as_of: 0, rows: HashMap::new() }))
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn find(&self, as_of: u64, key: &K) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_of == as_of { kept.rows.get(key).cloned() } else { None }
    }

    fn keep(&self, as_of: u64, key: K, row: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A write has ended since this was read, and somebody has looked behind it already.
        if kept.as_of > as_of {
            return;
        }
        if kept.as_of < as_of || kept.rows.len() >= ROWS_MAX {
            kept.rows.clear();
            kept.as_of = as_of;
        }
        kept.rows.insert(key, row);
    }
}

/// A write under way. However it ends, what was read until then is old.
pub(crate) struct Writing<'a>(&'a Memory);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.writes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Memory {
    /// Nothing yet.
    pub(crate) fn new(is_shared: bool) -> Self {
        Self { is_shared, ..Self::default() }
    }

    /// Begins a write of whatever is kept here; it must be dropped after the write, and before anybody hears of it.
    pub(crate) fn writing(&self) -> Writing<'_> {
        Writing(self)
    }

    /// A session by the hash of its id.
    pub(crate) async fn session(
        &self,
        id_hash: &str,
        read: impl Future<Output = Result<Option<SessionRecord>, StoreError>>,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.or_read(&self.sessions, id_hash.to_owned(), read).await
    }

    /// A person.
    pub(crate) async fn person(
        &self,
        id: &UserId,
        read: impl Future<Output = Result<Option<UserRecord>, StoreError>>,
    ) -> Result<Option<UserRecord>, StoreError> {
        self.or_read(&self.people, id.clone(), read).await
    }

    /// A chain.
    pub(crate) async fn chain(
        &self,
        name: &ChainName,
        read: impl Future<Output = Result<Option<ChainRecord>, StoreError>>,
    ) -> Result<Option<ChainRecord>, StoreError> {
        self.or_read(&self.chains, name.clone(), read).await
    }

    /// What a person holds on a chain.
    pub(crate) async fn grant(
        &self,
        chain: &ChainName,
        user: &UserId,
        read: impl Future<Output = Result<Option<Grant>, StoreError>>,
    ) -> Result<Option<Grant>, StoreError> {
        self.or_read(&self.grants, (chain.clone(), user.clone()), read).await
    }

    /// The row that is kept under a key, else the one that is read. What is not there is asked for again each time.
    async fn or_read<K: Eq + Hash, V: Clone>(
        &self,
        kept: &Kept<K, V>,
        key: K,
        read: impl Future<Output = Result<Option<V>, StoreError>>,
    ) -> Result<Option<V>, StoreError> {
        if self.is_shared {
            return read.await;
        }
        // Before the look: what is written meanwhile may be missing in what is read, which is then kept in vain.
        let as_of = self.writes.load(Ordering::SeqCst);
        if let Some(row) = kept.find(as_of, &key) {
            return Ok(Some(row));
        }
        let found = read.await?;
        if let Some(row) = &found {
            kept.keep(as_of, key, row.clone());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A read that must not take place.
    async fn unasked() -> Result<Option<Grant>, StoreError> {
        panic!("it is in memory");
    }

    #[tokio::test]
    async fn what_was_read_is_kept_until_a_write_ends() {
        let (memory, chain, user) =
            (Memory::default(), ChainName::parse("demo").unwrap(), UserId::new("ann"));
        let found = |level| async move { Ok(level) };
        let first = memory.grant(&chain, &user, found(Some(Grant::Use))).await.unwrap();
        assert_eq!(first, Some(Grant::Use));
        assert_eq!(memory.grant(&chain, &user, unasked()).await.unwrap(), Some(Grant::Use));
        let writing = memory.writing();
        assert_eq!(memory.grant(&chain, &user, unasked()).await.unwrap(), Some(Grant::Use));
        drop(writing);
        assert_eq!(memory.grant(&chain, &user, found(None)).await.unwrap(), None);
        // What is not there is not kept: somebody may be about to make it.
        assert_eq!(memory.grant(&chain, &user, found(Some(Grant::Read))).await.unwrap(), Some(Grant::Read));
    }

    #[tokio::test]
    async fn of_what_others_write_to_nothing_is_kept() {
        let (memory, chain, user) =
            (Memory::new(true), ChainName::parse("demo").unwrap(), UserId::new("ann"));
        for level in [Some(Grant::Use), None] {
            assert_eq!(memory.grant(&chain, &user, async { Ok(level) }).await.unwrap(), level);
        }
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_ended_is_not_kept_behind_it() {
        let (memory, chain, user) =
            (Memory::default(), ChainName::parse("demo").unwrap(), UserId::new("ann"));
        // The write ends while the answer is on its way.
        let slow = async {
            drop(memory.writing());
            Ok(Some(Grant::Use))
        };
        assert_eq!(memory.grant(&chain, &user, slow).await.unwrap(), Some(Grant::Use));
        let other = UserId::new("ben");
        let looked = memory.grant(&chain, &other, async { Ok(Some(Grant::Read)) }).await.unwrap();
        assert_eq!(looked, Some(Grant::Read));
        assert_eq!(memory.grant(&chain, &user, async { Ok(None) }).await.unwrap(), None);
        // Nor does an answer that comes even later put away what was read since.
        memory.grants.keep(0, (chain.clone(), user.clone()), Grant::Owner);
        assert_eq!(memory.grant(&chain, &user, async { Ok(None) }).await.unwrap(), None);
        assert_eq!(memory.grant(&chain, &other, unasked()).await.unwrap(), Some(Grant::Read));
    }
}

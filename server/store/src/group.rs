//! Writes of many callers in one commit: a commit costs nearly the same for one row as for many, and whoever waits for
//! the commit before theirs may as well go together.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::StoreError;

/// Something to be written, and who waits for it.
type Waiting<T> = (T, oneshot::Sender<()>);

/// What waits for the next commit.
pub(crate) struct Group<T> {
    waiting: Mutex<Vec<Waiting<T>>>,
    /// Held by whoever commits for everybody that waits.
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> Group<T> {
    /// Adds to the next commit, and returns whether it was written. If it was not, or nobody knows, the caller writes
    /// it alone and hears why that cannot be: one bad row must not be told to all.
    pub(crate) async fn join<F>(&self, one: T, commit: impl Fn(Vec<T>) -> F) -> bool
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let (written, mut heard) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((one, written));
        {
            // Whoever's row went along with others' is done: their turn would only make them write for who came later.
            let _turn = tokio::select! {
                biased;
                told = &mut heard => return told.is_ok(),
                turn = self.turn.lock() => turn,
            };
            let all = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let (rows, told): (Vec<T>, Vec<_>) = all.into_iter().unzip();
            if !rows.is_empty() && commit(rows).await.is_ok() {
                // Whoever waited may be gone by now.
                for one in told {
                    let _gone = one.send(());
                }
            }
        }
        heard.await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_is_written_does_not_write_for_who_came_later() {
        let (group, begun, go) =
            (Arc::new(Group::default()), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let join = |n: u32| {
            let (group, begun, go) = (group.clone(), begun.clone(), go.clone());
            tokio::spawn(async move {
                let commit = |_: Vec<u32>| {
                    let (begun, go) = (begun.clone(), go.clone());
                    async move {
                        begun.fetch_add(1, Ordering::SeqCst);
                        go.notified().await;
                        Ok(())
                    }
                };
                group.join(n, commit).await
            })
        };
        let commits = async |count: usize| {
            while begun.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        };
        let waiting = async |count: usize| {
            while group.waiting.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        };
        let first = join(0);
        commits(1).await;
        let together = [1, 2, 3].map(join);
        waiting(3).await;
        go.notify_one();
        commits(2).await;
        let later = join(9);
        waiting(1).await;
        go.notify_one();
        // The commit of the later row has not ended.
        for one in [first].into_iter().chain(together) {
            assert!(one.await.unwrap());
        }
        go.notify_one();
        assert!(later.await.unwrap());
    }

    #[tokio::test]
    async fn who_waits_for_a_commit_shares_the_next_one() {
        let (group, commits, go) =
            (Arc::new(Group::default()), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let join = |n: u32| {
            let (group, commits, go) = (group.clone(), commits.clone(), go.clone());
            tokio::spawn(async move {
                let commit = |rows: Vec<u32>| {
                    let (commits, go) = (commits.clone(), go.clone());
                    async move {
                        commits.fetch_add(1, Ordering::SeqCst);
                        go.notified().await;
                        // The row 7 spoils the commit that it is in.
                        if rows.contains(&7) { Err(StoreError::NotFound) } else { Ok(()) }
                    }
                };
                group.join(n, commit).await
            })
        };
        let first = join(0);
        while commits.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let later: Vec<_> = (1..=20).filter(|n| *n != 7).map(join).collect();
        while group.waiting.lock().unwrap().len() < later.len() {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        assert!(first.await.unwrap());
        go.notify_one();
        for one in later {
            assert!(one.await.unwrap());
        }
        assert_eq!(commits.load(Ordering::SeqCst), 2);
        go.notify_one();
        assert!(!join(7).await.unwrap());
        // Nobody is left waiting by whoever went away in the middle of a commit.
        let gone = join(30);
        while commits.load(Ordering::SeqCst) < 4 {
            tokio::task::yield_now().await;
        }
        let other = join(31);
        while group.waiting.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        gone.abort();
        go.notify_one();
        assert!(other.await.unwrap());
    }
}

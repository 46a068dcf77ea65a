//! Idempotency keys and subject locks.

use std::sync::Arc;

use futures::future::join_all;

use super::{Broken, NOW, claimed, created, failed, loaded, must, on, operation, same, settle};
use crate::log::{Created, Log, LogError, NewOperation};
use crate::record::{OperationState, Wanted};

fn with_key(mut new: NewOperation, owner: &str, key: &str) -> NewOperation {
    new.operation.owner = owner.to_owned();
    new.operation.idempotency_key = Some(key.to_owned());
    new
}

/// The operation that was in the way.
fn busy(created: &Created) -> Option<&str> {
    match created {
        Created::Busy { by } => Some(by),
        _ => None,
    }
}

pub(super) async fn keys(log: Arc<dyn Log>) -> Result<(), Broken> {
    let first = created(&*log, with_key(on(1, "chain:demo"), "alice", "k")).await?;
    // The key counts before the lock.
    match log.create(with_key(on(2, "chain:demo"), "alice", "k")).await.map_err(failed)? {
        Created::Existing(operation) => same(&operation.id, &first, "the operation of the key")?,
        other => return Err(format!("the same key gave {other:?}")),
    }
    created(&*log, with_key(operation(3), "bob", "k")).await?;
    created(&*log, with_key(operation(4), "alice", "other")).await?;
    settle(&*log, &first, OperationState::Done).await?;
    let again = log.create(with_key(operation(5), "alice", "k")).await.map_err(failed)?;
    must(matches!(again, Created::Existing(_)), "the key of an ended operation made a new one")?;
    // A refused operation leaves no key behind.
    created(&*log, on(6, "chain:two")).await?;
    let refused = log.create(with_key(on(7, "chain:two"), "alice", "late")).await.map_err(failed)?;
    must(busy(&refused).is_some(), "a locked subject was given twice")?;
    created(&*log, with_key(on(8, "chain:three"), "alice", "late")).await.map(drop)
}

pub(super) async fn parallel_keys(log: Arc<dyn Log>) -> Result<(), Broken> {
    let tasks = (1..=50).map(|number| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.create(with_key(on(number, "chain:demo"), "alice", "k")).await })
    });
    let mut fresh = 0;
    let mut ids = Vec::new();
    for ended in join_all(tasks).await {
        match ended.map_err(|error| error.to_string())?.map_err(failed)? {
            Created::Fresh(_) => fresh += 1,
            Created::Existing(operation) => ids.push(operation.id),
            Created::Busy { by } => return Err(format!("one key was refused as busy by {by}")),
        }
    }
    same(&(fresh, ids.len()), &(1, 49), "created and existing")?;
    ids.dedup();
    same(&ids.len(), &1, "operations of one key")
}

pub(super) async fn locks(log: Arc<dyn Log>) -> Result<(), Broken> {
    let mut number = 1;
    for end in [OperationState::Done, OperationState::Undone] {
        let holder = created(&*log, on(number, "chain:demo")).await?;
        let second = log.create(on(number + 1, "chain:demo")).await.map_err(failed)?;
        same(&busy(&second), &Some(holder.as_str()), "the holder of a pending operation's subject")?;
        must(
            log.load(&on(number + 1, "").operation.id).await.map_err(failed)?.is_none(),
            "a refused operation was stored",
        )?;
        created(&*log, on(number + 2, &format!("chain:other-{number}"))).await?;
        settle(&*log, &holder, end).await?;
        number += 10;
    }
    let holder = created(&*log, on(number, "chain:demo")).await?;
    settle(&*log, &holder, OperationState::Failed).await?;
    let next = log.create(on(number + 1, "chain:demo")).await.map_err(failed)?;
    same(&busy(&next), &Some(holder.as_str()), "the holder of a failed operation's subject")?;
    // Undone at last, it lets go.
    log.reopen(&holder, Wanted::Undo, NOW, Vec::new()).await.map_err(failed)?;
    settle(&*log, &holder, OperationState::Undone).await?;
    created(&*log, on(number + 2, "chain:demo")).await.map(drop)
}

pub(super) async fn parallel_subjects(log: Arc<dyn Log>) -> Result<(), Broken> {
    let tasks = (1..=50).map(|number| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.create(on(number, "chain:demo")).await })
    });
    let mut fresh = 0;
    for ended in join_all(tasks).await {
        match ended.map_err(|error| error.to_string())?.map_err(failed)? {
            Created::Fresh(_) => fresh += 1,
            other => must(busy(&other).is_some(), &format!("a locked subject gave {other:?}"))?,
        }
    }
    same(&fresh, &1, "operations on one subject")
}

pub(super) async fn supersedes(log: Arc<dyn Log>) -> Result<(), Broken> {
    let old = created(&*log, on(1, "chain:demo")).await?;
    let superseding = |number, old: &str| {
        let mut new = on(number, "chain:demo");
        new.supersede = Some(old.to_owned());
        new
    };
    let early = log.create(superseding(2, &old)).await.map_err(failed)?;
    same(&busy(&early), &Some(old.as_str()), "superseding an operation that is not failed")?;
    settle(&*log, &old, OperationState::Failed).await?;
    let wrong = log.create(superseding(3, "another")).await.map_err(failed)?;
    same(&busy(&wrong), &Some(old.as_str()), "superseding another operation than the holder")?;
    let new = created(&*log, superseding(4, &old)).await?;
    let superseded = loaded(&*log, &old).await?.operation;
    same(&superseded.superseded_by, &Some(new.clone()), "the mark of the superseded operation")?;
    same(&superseded.state, &OperationState::Failed, "the state of the superseded operation")?;
    let reopened = log.reopen(&old, Wanted::Undo, NOW, Vec::new()).await;
    must(
        matches!(reopened, Err(LogError::NotAllowed { .. })),
        &format!("reopening a superseded operation gave {reopened:?}"),
    )?;
    let third = log.create(on(5, "chain:demo")).await.map_err(failed)?;
    same(&busy(&third), &Some(new.as_str()), "the holder after superseding")?;
    claimed(&*log, &new, "one", NOW).await.map(drop)
}

/// Whoever wants to go on with a failed operation and whoever wants to take its place cannot both succeed.
pub(super) async fn supersede_or_reopen(log: Arc<dyn Log>) -> Result<(), Broken> {
    for round in 0..40_u32 {
        let subject = format!("chain:round-{round}");
        let old = created(&*log, on(2 * round, &subject)).await?;
        settle(&*log, &old, OperationState::Failed).await?;
        let mut new = on(2 * round + 1, &subject);
        new.supersede = Some(old.clone());
        let creating = tokio::spawn({
            let log = Arc::clone(&log);
            async move { log.create(new).await }
        });
        let reopening = tokio::spawn({
            let (log, old) = (Arc::clone(&log), old.clone());
            async move { log.reopen(&old, Wanted::Undo, NOW, Vec::new()).await }
        });
        let superseded = match creating.await.map_err(|error| error.to_string())?.map_err(failed)? {
            Created::Fresh(_) => true,
            other => {
                same(&busy(&other), &Some(old.as_str()), "the holder that was reopened")?;
                false
            }
        };
        let reopened = reopening.await.map_err(|error| error.to_string())?;
        let state = loaded(&*log, &old).await?.operation;
        same(
            &(superseded, state.superseded_by.is_some()),
            &(reopened.is_err(), superseded),
            "round's winner",
        )?;
        if superseded {
            same(&state.state, &OperationState::Failed, "the state of the superseded operation")?;
        }
    }
    Ok(())
}

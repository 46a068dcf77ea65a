//! Leases, epochs, cancel requests and reopening.

use std::sync::Arc;

use futures::future::join_all;

use super::rows::to_state;
use super::{Broken, LEASE, NOW, claimed, created, event, failed, loaded, must, operation, same, settle};
use crate::log::{Change, Log, LogError};
use crate::record::{OperationState, StepState, Wanted};

fn held<T: std::fmt::Debug>(result: Result<T, LogError>, what: &str) -> Result<(), Broken> {
    must(matches!(result, Err(LogError::Held { .. })), &format!("{what} gave {result:?}"))
}

fn fenced<T: std::fmt::Debug>(result: Result<T, LogError>, what: &str) -> Result<(), Broken> {
    must(matches!(result, Err(LogError::Fenced { .. })), &format!("{what} gave {result:?}"))
}

pub(super) async fn leases(log: Arc<dyn Log>) -> Result<(), Broken> {
    let id = created(&*log, operation(1)).await?;
    let first = log.claim(&id, "one", NOW, LEASE).await.map_err(failed)?;
    same(&first.operation.epoch, &1, "the first epoch")?;
    same(&first.operation.replica.as_deref(), &Some("one"), "the replica")?;
    same(&first.operation.lease_until_ms, &(NOW + LEASE), "the lease")?;
    same(&first, &loaded(&*log, &id).await?, "what the claim returned")?;
    held(log.claim(&id, "two", NOW + LEASE - 1, LEASE).await, "a claim under a valid lease")?;
    let own = claimed(&*log, &id, "one", NOW + 1).await?;
    same(&own.epoch, &2, "the epoch after the replica's restart")?;
    let renewed = log.renew(&own, NOW + 500, LEASE).await.map_err(failed)?;
    same(&renewed.lease_until_ms, &(NOW + 500 + LEASE), "the renewed lease")?;
    held(log.claim(&id, "two", NOW + LEASE + 1, LEASE).await, "a claim under a renewed lease")?;
    let other = claimed(&*log, &id, "two", NOW + 500 + LEASE).await?;
    same(&other.epoch, &3, "the epoch after a lapsed lease")?;
    log.release(&other, NOW + 600).await.map_err(failed)?;
    let released = loaded(&*log, &id).await?.operation;
    same(&(released.replica, released.lease_until_ms), &(None, 0), "a released operation")?;
    same(&claimed(&*log, &id, "three", NOW + 601).await?.epoch, &4, "the epoch after a release")?;
    for (number, end) in [(2, OperationState::Done), (3, OperationState::Undone), (4, OperationState::Failed)]
    {
        let id = created(&*log, operation(number)).await?;
        settle(&*log, &id, end).await?;
        held(log.claim(&id, "one", NOW + 100 * LEASE, LEASE).await, "a claim of a settled operation")?;
    }
    Ok(())
}

pub(super) async fn parallel(log: Arc<dyn Log>) -> Result<(), Broken> {
    let id = created(&*log, operation(1)).await?;
    let tasks = (0..16).map(|number| {
        let (log, id) = (Arc::clone(&log), id.clone());
        tokio::spawn(async move { log.claim(&id, &format!("replica-{number}"), NOW, LEASE).await })
    });
    let mut won = 0;
    for ended in join_all(tasks).await {
        match ended.map_err(|error| error.to_string())? {
            Ok(_) => won += 1,
            lost => held(lost, "a lost claim")?,
        }
    }
    same(&won, &1, "claims won")?;
    same(&loaded(&*log, &id).await?.operation.epoch, &1, "the epoch")
}

pub(super) async fn claimable(log: Arc<dyn Log>) -> Result<(), Broken> {
    for number in 1..=6 {
        created(&*log, operation(number)).await?;
    }
    let id = |number| operation(number).operation.id;
    claimed(&*log, &id(1), "one", NOW).await?;
    claimed(&*log, &id(2), "two", NOW).await?;
    settle(&*log, &id(3), OperationState::Done).await?;
    settle(&*log, &id(4), OperationState::Failed).await?;
    let undoing = claimed(&*log, &id(5), "two", NOW - LEASE).await?;
    log.save(&undoing, to_state(OperationState::Undoing)).await.map_err(failed)?;
    let cases = [
        ("one", NOW, 10, vec![1, 5, 6]),
        ("one", NOW, 2, vec![1, 5]),
        ("two", NOW, 10, vec![2, 5, 6]),
        ("three", NOW, 10, vec![5, 6]),
        ("three", NOW - 1, 10, vec![6]),
        ("three", NOW + LEASE, 10, vec![1, 2, 5, 6]),
    ];
    for (replica, now_ms, limit, expected) in cases {
        let got = log.claimable(replica, now_ms, limit).await.map_err(failed)?;
        let got: Vec<_> = got.into_iter().map(|operation| operation.id).collect();
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        same(&got, &expected, &format!("claimable by {replica} at {now_ms}"))?;
    }
    Ok(())
}

pub(super) async fn fencing(log: Arc<dyn Log>) -> Result<(), Broken> {
    let id = created(&*log, operation(1)).await?;
    let old = claimed(&*log, &id, "one", NOW).await?;
    // A lapsed lease alone does not fence: nobody else works on it.
    log.save(&old, to_state(OperationState::Running)).await.map_err(failed)?;
    let new = claimed(&*log, &id, "two", NOW + LEASE).await?;
    let before = loaded(&*log, &id).await?;
    let last = log.last_sequence().await.map_err(failed)?;
    let mut step = before.steps[0].clone();
    step.state = StepState::Done;
    let mut change = to_state(OperationState::Done);
    change.steps = vec![step];
    change.events = vec![event(&before.operation, OperationState::Done)];
    fenced(log.save(&old, change.clone()).await, "a write under an old epoch")?;
    fenced(log.renew(&old, NOW, LEASE).await, "a renewal under an old epoch")?;
    fenced(log.release(&old, NOW).await, "a release under an old epoch")?;
    same(&loaded(&*log, &id).await?, &before, "the operation after refused writes")?;
    same(&log.last_sequence().await.map_err(failed)?, &last, "the events after refused writes")?;
    log.release(&new, NOW).await.map_err(failed)?;
    fenced(log.save(&new, change.clone()).await, "a write after the release")?;
    let third = claimed(&*log, &id, "three", NOW).await?;
    log.save(&third, change.clone()).await.map_err(failed)?;
    fenced(log.save(&third, change).await, "a write after the end")?;
    fenced(log.save(&third, Change::default()).await, "an empty write after the end")
}

pub(super) async fn cancel(log: Arc<dyn Log>) -> Result<(), Broken> {
    let id = created(&*log, operation(1)).await?;
    let fence = claimed(&*log, &id, "one", NOW).await?;
    must(!log.renew(&fence, NOW, LEASE).await.map_err(failed)?.cancel_requested, "cancelled by nobody")?;
    for _twice in 0..2 {
        let marked = log.request_cancel(&id, NOW + 7).await.map_err(failed)?;
        must(marked.cancel_requested, "the cancel request was not marked")?;
        same(&marked.state, &OperationState::Pending, "the state of a marked operation")?;
    }
    must(log.renew(&fence, NOW, LEASE).await.map_err(failed)?.cancel_requested, "not seen by the holder")?;
    // The holder's writes do not lose the mark.
    log.save(&fence, to_state(OperationState::Running)).await.map_err(failed)?;
    must(loaded(&*log, &id).await?.operation.cancel_requested, "the mark was lost by a write")?;
    let other = created(&*log, operation(2)).await?;
    let undoing = claimed(&*log, &other, "one", NOW).await?;
    log.save(&undoing, to_state(OperationState::Undoing)).await.map_err(failed)?;
    let unchanged = log.request_cancel(&other, NOW).await.map_err(failed)?;
    must(!unchanged.cancel_requested, "an operation that is being undone was marked")?;
    for (number, end) in [(3, OperationState::Done), (4, OperationState::Undone), (5, OperationState::Failed)]
    {
        let id = created(&*log, operation(number)).await?;
        settle(&*log, &id, end).await?;
        let refused = log.request_cancel(&id, NOW).await;
        must(
            matches!(refused, Err(LogError::NotAllowed { state, .. }) if state == end),
            &format!("cancelling a {end} operation gave {refused:?}"),
        )?;
    }
    Ok(())
}

pub(super) async fn reopen(log: Arc<dyn Log>) -> Result<(), Broken> {
    let id = created(&*log, operation(1)).await?;
    let refused = log.reopen(&id, Wanted::Run, NOW, Vec::new()).await;
    must(
        matches!(refused, Err(LogError::NotAllowed { state: OperationState::Pending, .. })),
        &format!("reopening a pending operation gave {refused:?}"),
    )?;
    log.request_cancel(&id, NOW).await.map_err(failed)?;
    let old = settle(&*log, &id, OperationState::Failed).await?;
    let events = vec![event(&operation(1).operation, OperationState::Pending)];
    let saved = log.reopen(&id, Wanted::Undo, NOW + 9, events).await.map_err(failed)?;
    same(&saved.len(), &1, "events of the reopening")?;
    let now = loaded(&*log, &id).await?.operation;
    same(&now.state, &OperationState::Pending, "the state")?;
    same(&now.wanted, &Wanted::Undo, "the direction")?;
    same(&(now.error, now.replica, now.cancel_requested), &(None, None, false), "what is cleared")?;
    must(now.epoch > old.epoch, "the epoch did not rise")?;
    let twice = log.reopen(&id, Wanted::Run, NOW, Vec::new()).await;
    must(matches!(twice, Err(LogError::NotAllowed { .. })), "reopened twice")?;
    fenced(log.save(&old, Change::default()).await, "a write from before the reopening")?;
    claimed(&*log, &id, "two", NOW).await.map(drop)
}

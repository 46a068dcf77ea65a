//! What is stored comes back.

use std::sync::Arc;

use serde_json::json;

use super::{Broken, NOW, claimed, created, event, failed, loaded, must, on, operation, same, settle};
use crate::log::{Change, Created, Fence, ListFilter, Log, LogError, Reach, StateChange, Stored};
use crate::record::{FailureRecord, OperationState, StepState, Wanted};

/// A change to a state, with an error if it is `failed`.
pub(super) fn to_state(state: OperationState) -> Change {
    let error = (state == OperationState::Failed).then(|| FailureRecord {
        code: "node.dead".to_owned(),
        message: "The node ended.".to_owned(),
        values: [("node".to_owned(), "peer0".to_owned())].into(),
        evidence: vec!["line 1".to_owned(), "line 2 {\"a\":1}".to_owned()],
        step: Some("first".to_owned()),
        attempts: 2,
    });
    let wanted = if state == OperationState::Undone { Wanted::Undo } else { Wanted::Run };
    Change { now_ms: NOW + 5, state: Some(StateChange { state, wanted, error }), ..Change::default() }
}

pub(super) async fn round_trip(log: Arc<dyn Log>) -> Result<(), Broken> {
    let mut new = on(1, "chain:demo");
    new.operation.idempotency_key = Some("key".to_owned());
    let expected = Stored { operation: new.operation.clone(), steps: new.steps.clone() };
    let Created::Fresh(events) = log.create(new.clone()).await.map_err(failed)? else {
        return Err("the first operation was refused".to_owned());
    };
    same(&events.len(), &1, "events of the creation")?;
    same(&events[0].body, &new.events[0].body, "the event of the creation")?;
    same(&loaded(&*log, &expected.operation.id).await?, &expected, "the new operation")
}

pub(super) async fn lists(log: Arc<dyn Log>) -> Result<(), Broken> {
    for number in 1..=5 {
        let mut new = operation(number);
        if number == 2 {
            new.operation.owner = "bob".to_owned();
        }
        if number == 3 {
            new.operation.subject = Some("chain:demo".to_owned());
        }
        created(&*log, new).await?;
    }
    settle(&*log, &operation(4).operation.id, OperationState::Failed).await?;
    let owner = |owner: &str| ListFilter { owner: Some(owner.to_owned()), ..ListFilter::default() };
    let before = Some(operation(4).operation.id);
    let reach = |subjects: &[&str]| {
        let subjects = subjects.iter().map(|subject| (*subject).to_owned()).collect();
        ListFilter { reach: Some(Reach { owner: "bob".to_owned(), subjects }), ..ListFilter::default() }
    };
    let cases = [
        (ListFilter::default(), vec![5, 4, 3, 2, 1]),
        (owner("bob"), vec![2]),
        (owner("alice"), vec![5, 4, 3, 1]),
        (reach(&[]), vec![2]),
        (reach(&["chain:other", "chain:demo"]), vec![3, 2]),
        (ListFilter { subject: Some("chain:demo".to_owned()), ..ListFilter::default() }, vec![3]),
        (ListFilter { open_only: true, ..ListFilter::default() }, vec![5, 3, 2, 1]),
        (ListFilter { before, ..owner("alice") }, vec![3, 1]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(|number| operation(number).operation.id).collect();
        for limit in [2, 50] {
            let filter = ListFilter { limit, ..filter.clone() };
            let got = log.list(&filter).await.map_err(failed)?;
            let got: Vec<_> = got.into_iter().map(|operation| operation.id).collect();
            let bound = usize::try_from(limit).unwrap_or(usize::MAX).min(expected.len());
            same(&got, &expected[..bound].to_vec(), &format!("{filter:?}"))?;
        }
    }
    Ok(())
}

pub(super) async fn changes(log: Arc<dyn Log>) -> Result<(), Broken> {
    let id = created(&*log, operation(1)).await?;
    let other = created(&*log, operation(2)).await?;
    let fence = claimed(&*log, &id, "one", NOW).await?;
    let mut stored = loaded(&*log, &id).await?;
    let step = &mut stored.steps[1];
    step.state = StepState::Done;
    step.attempt = 3;
    step.interrupted = 1;
    (step.started_ms, step.ended_ms, step.retry_at_ms) = (Some(NOW + 1), Some(NOW + 2), Some(NOW + 3));
    step.output = Some(json!({ "ports": [31_000, 31_100], "empty": {}, "none": null }));
    (step.done, step.total) = (7, 10);
    let events = vec![event(&stored.operation, OperationState::Failed); 2];
    let change = Change { steps: vec![step.clone()], events, ..to_state(OperationState::Failed) };
    step.error = change.state.clone().and_then(|state| state.error);
    let change = Change { steps: vec![step.clone()], ..change };
    let saved = log.save(&fence, change.clone()).await.map_err(failed)?;
    same(&saved.len(), &2, "events of the change")?;
    let now = loaded(&*log, &id).await?;
    same(&now.steps, &stored.steps, "the steps")?;
    same(&now.operation.state, &OperationState::Failed, "the state")?;
    same(&now.operation.error, &change.state.and_then(|state| state.error), "the error")?;
    same(&now.operation.updated_ms, &(NOW + 5), "the time of the change")?;
    same(&now.operation.replica, &None, "the replica of a failed operation")?;
    same(&now.operation.lease_until_ms, &0, "the lease of a failed operation")?;
    let untouched = Stored { operation: operation(2).operation, steps: operation(2).steps };
    same(&loaded(&*log, &other).await?, &untouched, "another operation")
}

pub(super) async fn unknown(log: Arc<dyn Log>) -> Result<(), Broken> {
    let fence = Fence { operation: "missing".to_owned(), epoch: 1 };
    must(log.load("missing").await.map_err(failed)?.is_none(), "an unknown operation was loaded")?;
    let errors = [
        log.claim("missing", "one", NOW, 1).await.err(),
        log.renew(&fence, NOW, 1).await.err(),
        log.release(&fence, NOW).await.err(),
        log.save(&fence, Change::default()).await.err(),
        log.request_cancel("missing", NOW).await.err(),
        log.reopen("missing", Wanted::Run, NOW, Vec::new()).await.err(),
    ];
    for (index, error) in errors.iter().enumerate() {
        must(
            matches!(error, Some(LogError::NotFound { .. })),
            &format!("call {index} on an unknown operation gave {error:?}"),
        )?;
    }
    Ok(())
}

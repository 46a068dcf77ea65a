//! The engine from outside: states, retries, failures, cancel, leases, hand-over, idempotency, events.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "engine/bench.rs"]
mod bench;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, Job, finished, notes, states, step_states};
use workflow::{
    Clock, EventBody, Log, LogError, ManualClock, MemoryLog, OperationState, PlanError, Settings, Start,
    StartError, StepError, StepState, Wanted, Workflow, codes,
};

#[tokio::test]
async fn steps_run_in_order_and_hand_on_their_outputs() {
    let bench = Bench::new();
    let id = bench.start("plain").await;
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Done);
    assert_eq!(step_states(&stored), [StepState::Done; 3]);
    assert_eq!(stored.steps[0].output, Some(serde_json::json!({ "number": 7 })));
    assert_eq!(bench.calls(), ["one 1", "two 1 got 7", "three 1"]);
    assert_eq!((stored.steps[1].done, stored.steps[1].total), (2, 2));
    assert_eq!(stored.operation.epoch, 1);
    assert_eq!(stored.operation.replica, None);
}

#[tokio::test]
async fn a_report_that_nobody_polls_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let id = bench.start("side by side").await;
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Done);
    let events = bench.log.events_of(&id, 0, 100).await.unwrap();
    assert_eq!(notes(&events), ["begin one", "begin two", "first", "second", "begin three"]);
}

#[tokio::test]
async fn events_tell_the_whole_story_in_order_and_only_after_they_are_stored() {
    let bench = Bench::new();
    let mut live = bench.workflow.subscribe();
    let id = bench.start("plain").await;
    finished(&bench.workflow, &id).await;
    let stored = bench.log.events_of(&id, 0, 100).await.unwrap();
    assert_eq!(states(&stored), ["pending", "running", "done"]);
    assert_eq!(notes(&stored), ["begin one", "begin two", "begin three"]);
    for expected in &stored {
        let event = tokio::time::timeout(Duration::from_secs(5), live.recv()).await.unwrap().unwrap();
        assert_eq!(&event, expected);
    }
}

#[tokio::test]
async fn a_retry_waits_longer_each_time_and_then_gives_up() {
    let bench = Bench::new();
    let named: BTreeMap<_, _> = [("node".to_owned(), "peer0".to_owned())].into();
    let slow = StepError::retry("node.slow", "The node is not ready.").with_values(named.clone());
    bench.always("two", slow);
    let id = bench.start("plain").await;
    let stored = bench.finished_by_moving_time(&id).await;
    assert_eq!(stored.operation.state, OperationState::Failed);
    let failure = stored.operation.error.unwrap();
    assert_eq!((failure.code.as_str(), failure.step.as_deref()), ("node.slow", Some("two")));
    assert_eq!((failure.attempts, failure.values), (3, named));
    assert_eq!(bench.calls().iter().filter(|call| call.starts_with("two")).count(), 3);
    let events = bench.log.events_of(&id, 0, 100).await.unwrap();
    assert_eq!(states(&events), ["pending", "running", "waiting", "running", "waiting", "running", "failed"]);
    let waits: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Step { retry_at_ms: Some(due_ms), .. } => Some(due_ms - event.at_ms),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [500, 1_000]);
}

#[tokio::test]
async fn a_stop_keeps_the_subject_until_resumed() {
    let bench = Bench::new();
    bench.once("two", StepError::stop("image.missing", "There is no image.").with_evidence(vec!["x".into()]));
    let id = bench.start_on("chain:demo").await.unwrap();
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Failed);
    assert_eq!(step_states(&stored), [StepState::Done, StepState::Failed, StepState::Pending]);
    assert_eq!(stored.operation.error.unwrap().evidence, ["x"]);
    let busy = bench.start_on("chain:demo").await;
    assert!(matches!(busy, Err(StartError::Busy { by }) if by == id));
    bench.workflow.resume(&id).await.unwrap();
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Done);
    assert_eq!((stored.steps[1].attempt, stored.steps[1].error.is_none()), (1, true));
    assert_eq!(bench.calls().iter().filter(|call| call.starts_with("one")).count(), 1);
    bench.start_on("chain:demo").await.unwrap();
}

#[tokio::test]
async fn undo_goes_backward_from_the_failed_step() {
    let bench = Bench::new();
    bench.once("two", StepError::stop("image.missing", "There is no image."));
    let id = bench.start_on("chain:demo").await.unwrap();
    finished(&bench.workflow, &id).await;
    bench.workflow.undo(&id).await.unwrap();
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Undone);
    assert_eq!(step_states(&stored), [StepState::Undone, StepState::Undone, StepState::Skipped]);
    assert_eq!(bench.undone(), ["two", "one"]);
    bench.start_on("chain:demo").await.unwrap();
}

#[tokio::test]
async fn a_failed_undo_fails_the_operation_and_can_be_taken_up_both_ways() {
    for forward in [false, true] {
        let bench = Bench::new();
        bench.once("three", StepError::stop("a.b", "No."));
        bench.once("undo two", StepError::stop("host.gone", "The host is gone."));
        let id = bench.start("plain").await;
        finished(&bench.workflow, &id).await;
        bench.workflow.undo(&id).await.unwrap();
        let stored = finished(&bench.workflow, &id).await;
        assert_eq!((stored.operation.state, stored.operation.wanted), (OperationState::Failed, Wanted::Undo));
        assert_eq!(step_states(&stored), [StepState::Done, StepState::Failed, StepState::Undone]);
        assert_eq!(stored.operation.error.unwrap().code, "host.gone");
        let end = if forward {
            bench.workflow.resume(&id).await.unwrap();
            OperationState::Done
        } else {
            bench.workflow.undo(&id).await.unwrap();
            OperationState::Undone
        };
        assert_eq!(finished(&bench.workflow, &id).await.operation.state, end);
    }
}

#[tokio::test]
async fn a_superseding_operation_takes_the_subject_over() {
    let bench = Bench::new();
    bench.once("one", StepError::stop("a.b", "No."));
    let failed = bench.start_on("chain:demo").await.unwrap();
    finished(&bench.workflow, &failed).await;
    let start = Start::new("alice", Job::named("plain")).on("chain:demo").superseding(&failed);
    let started = bench.workflow.start(start).await.unwrap();
    assert_eq!(finished(&bench.workflow, &started.id).await.operation.state, OperationState::Done);
    let refused = bench.workflow.resume(&failed).await;
    assert!(matches!(refused, Err(LogError::NotAllowed { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_panic_stops_the_operation_and_not_the_engine() {
    let bench = Bench::new();
    let id = bench.start("panic").await;
    let stored = finished(&bench.workflow, &id).await;
    let failure = stored.operation.error.unwrap();
    assert_eq!(failure.code, codes::PANICKED);
    assert!(failure.message.contains("planted"), "{}", failure.message);
    let id = bench.start("plain").await;
    assert_eq!(finished(&bench.workflow, &id).await.operation.state, OperationState::Done);
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_dropped_and_tried_again() {
    let bench = Bench::new();
    let id = bench.start("hang once").await;
    bench.reached("two 1").await;
    bench.clock.advance(20_000);
    let stored = bench.finished_by_moving_time(&id).await;
    assert_eq!(stored.operation.state, OperationState::Done);
    let events = bench.log.events_of(&id, 0, 100).await.unwrap();
    let codes_seen: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Step { state: StepState::Waiting, error: Some(error), .. } => Some(error.code.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(codes_seen, [codes::TIMED_OUT]);
}

#[tokio::test]
async fn cancel_lets_the_step_end_and_undoes() {
    let bench = Bench::new();
    let id = bench.start("until cancelled").await;
    bench.reached("two 1").await;
    bench.workflow.cancel(&id).await.unwrap();
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Undone);
    assert_eq!(bench.undone(), ["two", "one"]);
    assert_eq!(stored.steps[2].state, StepState::Skipped);
    let again = bench.workflow.cancel(&id).await;
    assert!(matches!(again, Err(LogError::NotAllowed { state: OperationState::Undone, .. })), "{again:?}");
}

#[tokio::test]
async fn cancel_ends_a_wait_for_a_retry() {
    let bench = Bench::new();
    bench.always("two", StepError::retry("node.slow", "The node is not ready."));
    let id = bench.start("plain").await;
    bench.in_state(&id, OperationState::Waiting).await;
    bench.workflow.cancel(&id).await.unwrap();
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Undone);
}

#[tokio::test]
async fn one_key_is_one_operation_among_fifty() {
    let bench = Arc::new(Bench::new());
    let starts = (0..50).map(|_| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let start = Start::new("alice", Job::named("plain")).on("chain:demo").with_key("k");
            bench.workflow.start(start).await.unwrap()
        })
    });
    let started: Vec<_> = futures::future::join_all(starts).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(started.iter().filter(|started| !started.already).count(), 1);
    assert!(started.iter().all(|other| other.id == started[0].id));
    finished(&bench.workflow, &started[0].id).await;
    assert_eq!(bench.calls().len(), 3);
}

#[tokio::test]
async fn only_so_many_run_at_once_and_the_others_follow() {
    let bench = Bench::with(Settings { concurrency: 2, ..Bench::settings("one") });
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bench.start("gate").await);
    }
    bench.reached_times("two 1", 2).await;
    // Nothing may bring a third one in while both are at the gate.
    assert_eq!(bench.workflow.recover().await.unwrap(), 0);
    assert_eq!(bench.log.claimable("other", bench.clock.now_ms(), 10).await.unwrap().len(), 3);
    bench.open_gate();
    for id in ids {
        assert_eq!(finished(&bench.workflow, &id).await.operation.state, OperationState::Done);
    }
}

#[tokio::test]
async fn an_unknown_version_fails_the_operation_and_not_the_program() {
    let bench = Bench::new();
    let id = bench.store_under_version(9).await;
    bench.workflow.recover().await.unwrap();
    let stored = finished(&bench.workflow, &id).await;
    assert_eq!(stored.operation.state, OperationState::Failed);
    assert_eq!(stored.operation.error.unwrap().code, codes::VERSION_UNKNOWN);
}

#[tokio::test]
async fn a_drain_hands_over_and_another_replica_goes_on_at_once() {
    let bench = Bench::new();
    let between = bench.start("gate").await;
    let within = bench.start("hang once").await;
    bench.reached_times("two 1", 2).await;
    let drain = bench.workflow.drain(8_000);
    let moved = async {
        // The first one ends its step in time, the second one is dropped at the deadline.
        bench.open_gate();
        bench.released(&between).await;
        bench.clock.advance(8_000);
    };
    let (drained, ()) = tokio::join!(drain, moved);
    assert_eq!(drained.left, 0);
    let states = step_states(&bench.workflow.load(&between).await.unwrap());
    assert_eq!(states, [StepState::Done, StepState::Done, StepState::Pending]);
    let states = step_states(&bench.workflow.load(&within).await.unwrap());
    assert_eq!(states, [StepState::Done, StepState::Waiting, StepState::Pending]);
    let other = bench.another("two");
    assert_eq!(other.recover().await.unwrap(), 2);
    for id in [between, within] {
        assert_eq!(finished(&other, &id).await.operation.state, OperationState::Done);
    }
}

#[tokio::test]
async fn a_dead_replica_is_replaced_after_its_lease_and_its_writes_are_refused() {
    let bench = Bench::new();
    let id = bench.start("hang once").await;
    bench.reached("two 1").await;
    let Bench { workflow, clock, log, .. } = &bench;
    let epoch = workflow.load(&id).await.unwrap().operation.epoch;
    let other = bench.another("two");
    assert_eq!(other.recover().await.unwrap(), 0, "taken under a valid lease");
    // The log stops answering the first replica's renewals, as if it were cut off.
    bench.cut_off();
    clock.advance(31_000);
    assert_eq!(other.recover().await.unwrap(), 1);
    let stored = finished(&other, &id).await;
    assert_eq!(stored.operation.state, OperationState::Done);
    assert!(stored.operation.epoch > epoch);
    assert_eq!(stored.steps[1].interrupted, 1);
    bench.reconnect();
    bench.idle().await;
    assert_eq!(log.load(&id).await.unwrap().unwrap(), stored, "the old replica still wrote");
}

#[tokio::test]
async fn a_restarted_replica_takes_its_own_back_without_waiting() {
    let bench = Bench::new();
    let id = bench.start("hang once").await;
    bench.reached("two 1").await;
    let again = bench.restarted().await;
    assert_eq!(again.recover().await.unwrap(), 1);
    assert_eq!(finished(&again, &id).await.operation.state, OperationState::Done);
}

#[tokio::test]
async fn a_store_that_is_away_for_a_while_only_delays() {
    let bench = Bench::new();
    let id = bench.start("gate").await;
    bench.reached("two 1").await;
    bench.cut_off();
    bench.open_gate();
    bench.refused_writes(3).await;
    bench.reconnect();
    assert_eq!(bench.finished_by_moving_time(&id).await.operation.state, OperationState::Done);
    assert_eq!(bench.calls().len(), 3, "{:?}", bench.calls());
}

#[tokio::test]
async fn plans_with_wrong_wiring_are_refused() {
    let new = || {
        let clock = Arc::new(ManualClock::new(0));
        Workflow::new(Arc::new(MemoryLog::new()), Arc::default(), clock, Settings::new("one"))
    };
    let twice = new().register::<Job>().unwrap().register::<Job>().err();
    assert_eq!(twice, Some(PlanError::Twice { plan: "job", version: 1 }));
    let output = new().register::<bench::WrongOutput>().err();
    assert_eq!(output, Some(PlanError::Output { plan: "wrong-output", step: "two", output: "one" }));
    let unregistered = new().start(Start::new("alice", Job::named("plain"))).await;
    assert!(matches!(unregistered, Err(StartError::Unregistered { name: "job", version: 1 })));
}

//! What hosts leave behind, and which of them are the same.

use agents::simulated::{Fault, Verb, When};
use workflow::testkit::JumpClock;

use super::*;

#[tokio::test]
async fn a_host_that_is_refused_or_removed_leaves_nothing() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let store = &bed.plane.services.store;
    let refused = bed.remote("local", "engine-a").await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::HostNameTaken, Some("name")));
    assert!(store.secret_list_prefix("host/").await.unwrap().is_empty(), "no secret without its host");
    bed.local.add_image("heddle.local/mine:1");
    bed.plane.host_image_approve(&admin(), &host.id, "heddle.local/mine:1").await.unwrap();
    assert_eq!(bed.plane.services.approved(&host.id).await.unwrap().len(), 1);
    bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap();
    bed.plane.host_remove(&admin(), &host.id).await.unwrap();
    assert!(store.secret_list_prefix("host/").await.unwrap().is_empty());
    assert!(bed.plane.services.approved(&host.id).await.unwrap().is_empty());
    let late = bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap_err();
    assert_eq!(late.code, Code::NotFound);
}

#[tokio::test]
async fn an_engine_is_one_host_under_whatever_address() {
    let bed = Bed::new().await;
    let far = bed.remote("far", "engine-a").await.unwrap();
    let again = bed.remote("other", "engine-a.example").await.unwrap_err();
    assert_eq!((again.code, again.field.as_deref()), (Code::HostEngineTaken, Some("address")));
    assert_eq!(again.values["name"], "far");
    let other = bed.remote("other", "engine-b").await.unwrap();
    let mut spec = other.spec.clone();
    spec.endpoint = Endpoint::Tcp { address: "engine-a.example".to_owned(), port: 2376 };
    let moved = bed.plane.host_edit(&admin(), &other.id, spec, None).await.unwrap_err();
    assert_eq!((moved.code, moved.field.as_deref()), (Code::HostEngineTaken, Some("address")));
    // A host may move to another address of its own engine.
    let mut spec = far.spec.clone();
    spec.endpoint = Endpoint::Tcp { address: "engine-a.example".to_owned(), port: 2376 };
    bed.plane.host_edit(&admin(), &far.id, spec, None).await.unwrap();
    // The engine that a host has left is free, and the one it came to is taken at once.
    let mut spec = other.spec.clone();
    spec.endpoint = Endpoint::Tcp { address: "engine-c".to_owned(), port: 2376 };
    bed.plane.host_edit(&admin(), &other.id, spec, None).await.unwrap();
    bed.remote("third", "engine-b.example").await.unwrap();
    let again = bed.remote("fourth", "engine-c.example").await.unwrap_err();
    assert_eq!(again.code, Code::HostEngineTaken);
}

#[tokio::test]
async fn a_stored_local_host_is_not_used_when_the_local_engine_is_not_allowed_any_more() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let before = bed.local.calls().len();
    for allowed in [None, Some("/run/other.sock".to_owned())] {
        let services = &bed.plane.services;
        let restarted = Services::new(
            services.store.clone(),
            Vault::new([7; KEY_LEN], 1),
            Arc::new(NoWait),
            Arc::new(NativeNetwork::default()),
            services.connector.clone(),
            allowed,
        );
        let key = Zeroizing::new(vec![1; 32]);
        let plane = ControlPlane::new(Arc::new(restarted), Settings::new("again"), key).unwrap();
        let Err(refused) = plane.services.agent(&host.id).await else { panic!("an agent was made") };
        assert_eq!((refused.code, refused.status()), (Code::HostLocalRefused, 503));
        let view = plane.host_test(&admin(), &host.id).await.unwrap();
        let (stage, error) = view.failed.unwrap();
        assert_eq!((stage, error.code), (ProbeStage::Address, Code::HostLocalRefused));
        plane.reconcile_hosts().await;
        let status = plane.host_read(&admin(), &host.id).await.unwrap().status;
        assert_eq!(status.reason.map(|why| why.code), Some(Code::HostLocalRefused));
    }
    assert_eq!(bed.local.calls().len(), before, "the engine was not spoken with");
}

#[tokio::test]
async fn what_was_seen_of_a_host_before_it_was_changed_does_not_count() {
    let bed = Bed::with_clock(Arc::new(NoWait)).await;
    let host = bed.host().await;
    let looked_at = bed.plane.host_record(&host.id).await.unwrap();
    let spec = HostSpec { capacity: 3, ..host.spec.clone() };
    bed.plane.host_edit(&admin(), &host.id, spec, None).await.unwrap();
    let state = async || bed.plane.host_read(&admin(), &host.id).await.unwrap().status.state;
    bed.local.cut_off();
    bed.plane.reconcile_host(&looked_at).await;
    assert_eq!(state().await, HostState::Active);
    let as_it_is = bed.plane.host_record(&host.id).await.unwrap();
    bed.plane.reconcile_host(&as_it_is).await;
    assert_eq!(state().await, HostState::Inactive);
}

#[tokio::test]
async fn one_answer_of_three_tries_is_enough() {
    let bed = Bed::with_clock(Arc::new(NoWait)).await;
    let host = bed.host().await;
    let probes = || bed.local.calls().iter().filter(|(verb, _)| *verb == Verb::Probe).count();
    for nth in [1, 2] {
        bed.local.fail_verb(Verb::Probe, nth, Fault::unreachable(When::Before));
    }
    let before = probes();
    bed.plane.reconcile_hosts().await;
    assert_eq!(probes() - before, 3);
    let status = bed.plane.host_read(&admin(), &host.id).await.unwrap().status;
    assert_eq!((status.state, status.reason), (HostState::Active, None));
}

#[tokio::test]
async fn when_a_host_was_last_seen_goes_on_while_it_answers_and_stands_while_it_does_not() {
    let clock = Arc::new(JumpClock::new(1_700_000_000_000));
    let bed = Bed::with_clock(clock.clone()).await;
    let host = bed.host().await;
    let seen = async || {
        bed.plane.reconcile_hosts().await;
        let status = bed.plane.host_read(&admin(), &host.id).await.unwrap().status;
        (status.state, status.last_seen_ms.unwrap() - 1_700_000_000_000)
    };
    assert_eq!(seen().await, (HostState::Active, 0));
    // What only grew older is stored now and then.
    clock.advance(20_000);
    assert_eq!(seen().await, (HostState::Active, 0));
    clock.advance(20_000);
    assert_eq!(seen().await, (HostState::Active, 40_000));
    bed.local.cut_off();
    clock.advance(60_000);
    assert_eq!(seen().await, (HostState::Inactive, 40_000));
    bed.local.heal();
    clock.advance(60_000);
    // The tries while it was away took six seconds.
    assert_eq!(seen().await, (HostState::Active, 166_000));
}

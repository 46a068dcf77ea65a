//! How hosts and chains did: each change once, the newest of them, and nothing of what is gone.

use domain::chain::{Ailment, ChainState, Health, HealthView};
use domain::history::{HealthChange, HostChange, KEPT, REASONS_MAX};
use domain::host::{HostState, HostStatus};
use domain::id::HostId;
use domain::{Code, Error};

use super::{chain, host, on_both, spec};
use crate::{ChainRecord, Store, Tenure};

fn record(name: &str) -> ChainRecord {
    ChainRecord {
        name: chain(name),
        spec: spec(),
        plan: serde_json::Value::Null.into(),
        state: ChainState::Running,
        health: HealthView::default(),
        owner: None,
        tenure: Tenure::default(),
        pool: None,
        host: HostId::new("h"),
        created_ms: 1,
        operation: None,
    }
}

async fn look(store: &Store, name: &str, health: Health, ailments: &[Ailment], at_ms: i64) {
    let view = HealthView { health, ailments: ailments.to_vec(), checked_ms: Some(at_ms), since_ms: None };
    store.chain_health_save(&chain(name), &view).await.unwrap();
}

#[tokio::test]
async fn each_change_of_a_host_is_kept_once_with_its_reason_until_the_host_is_gone() {
    on_both(async |store| {
        let (here, there) = (host("a", "here", "/s"), host("ab", "there", "/t"));
        let silent = |why: &str| Error::unavailable(Code::HostTcp).with("why", why);
        for host in [&here, &there] {
            store.host_create(host, None).await.unwrap();
            for (at_ms, state, reason) in [
                (1, HostState::Unknown, None),
                (2, HostState::Active, None),
                (3, HostState::Active, Some(silent("lacks something"))),
                (4, HostState::Inactive, Some(silent("first"))),
                (5, HostState::Inactive, Some(silent("second"))),
                (4, HostState::Active, None),
            ] {
                let status = HostStatus { state, reason, ..HostStatus::default() };
                store.host_status_save(&host.id, &host.spec, &status, at_ms).await.unwrap();
            }
        }
        let change =
            |at_ms, from, to, reasons: Vec<Ailment>| HostChange { at_ms, from, to, reasons, further: 0 };
        let why = Ailment { node: None, why: silent("first"), reason: None };
        let kept = [
            // The clock was set back meanwhile: the order stays.
            change(4, HostState::Inactive, HostState::Active, Vec::new()),
            change(4, HostState::Active, HostState::Inactive, vec![why]),
            change(2, HostState::Unknown, HostState::Active, Vec::new()),
        ];
        assert_eq!(store.host_history(&here.id, KEPT).await.unwrap(), kept);
        assert_eq!(store.host_history(&here.id, 1).await.unwrap(), kept[..1]);
        // What was seen of a host as it is no more is no change.
        let other = host("a", "here", "/other").spec;
        assert!(store.host_status_save(&here.id, &other, &HostStatus::default(), 6).await.is_err());
        assert_eq!(store.host_history(&here.id, KEPT).await.unwrap().len(), 3);
        store.host_remove(&here.id).await.unwrap();
        assert!(store.host_history(&here.id, KEPT).await.unwrap().is_empty());
        assert_eq!(store.host_history(&there.id, KEPT).await.unwrap(), kept);
    })
    .await;
}

#[tokio::test]
async fn a_chain_keeps_its_newest_changes_and_the_next_owner_hears_nothing_of_them() {
    let store = Store::open("mem://").await.unwrap();
    for name in ["one", "two"] {
        store.chain_create(&record(name)).await.unwrap();
    }
    let down = |count: usize| -> Vec<Ailment> {
        let ailment = |number| Ailment::of(format!("peer{number}"), Error::unavailable(Code::NodeSilent));
        (0..count).map(ailment).collect()
    };
    let history = async |name: &str| store.chain_history(&chain(name), KEPT + 1).await.unwrap();
    look(&store, "two", Health::Ok, &[], 1).await;
    look(&store, "two", Health::Ok, &[], 2).await;
    look(&store, "two", Health::Degraded, &down(REASONS_MAX + 3), 3).await;
    look(&store, "two", Health::Degraded, &down(1), 4).await;
    let change = |at_ms, from, to, reasons, further| HealthChange { at_ms, from, to, reasons, further };
    let kept = [
        change(3, Health::Ok, Health::Degraded, down(REASONS_MAX), 3),
        change(1, Health::Unknown, Health::Ok, Vec::new(), 0),
    ];
    assert_eq!(history("two").await, kept);
    // A chain that does not run is not looked at: a late look writes nothing.
    store.chain_state_save(&chain("two"), &[ChainState::Running], ChainState::Stopped).await.unwrap();
    look(&store, "two", Health::Ok, &[], 5).await;
    assert_eq!(history("two").await, kept);
    for turn in 0..i64::from(KEPT) + 3 {
        let health = if turn % 2 == 0 { Health::Ok } else { Health::Unreachable };
        look(&store, "one", health, &[], turn).await;
    }
    let times: Vec<i64> = history("one").await.iter().map(|change| change.at_ms).collect();
    assert_eq!(times, (3..i64::from(KEPT) + 3).rev().collect::<Vec<_>>());
    store.pool_take_back(&chain("two"), "operation", 6).await.unwrap();
    assert!(history("two").await.is_empty());
    store.chain_delete(&chain("one")).await.unwrap();
    assert!(history("one").await.is_empty());
}

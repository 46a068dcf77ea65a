//! What the store promises, on the memory and on the disk engine.

use std::sync::Arc;
use std::time::Duration;

use domain::chain::{ChainState, HealthView};
use domain::host::{HostSpec, HostStatus};
use domain::id::{HostId, UserId};
use domain::name::{ChainName, HostName, UserName};
use domain::permission::{Grant, Role};
use serde_json::json;

mod audit;
mod history;
mod pages;
mod people;
mod pool;
mod tenure;
mod uniqueness;

use crate::{
    AuditRecord, AuditScope, HostRecord, SealedSecret, SessionRecord, Store, StoreError, UserRecord,
};

/// Runs a check on both engines.
async fn on_both<F: AsyncFn(Store)>(check: F) {
    check(Store::open("mem://").await.unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    check(Store::open(&url).await.unwrap()).await;
}

fn user(name: &str) -> UserRecord {
    let (id, name) = (UserId::new(format!("id-{name}")), UserName::parse(name).unwrap());
    UserRecord::new(id, name, Role::Admin, "$argon2id$".to_owned(), 1)
}

fn host(id: &str, name: &str, path: &str) -> HostRecord {
    HostRecord {
        id: HostId::new(id),
        spec: HostSpec::local(HostName::parse(name).unwrap(), path),
        status: HostStatus::default(),
        created_ms: 1,
    }
}

fn chain(name: &str) -> ChainName {
    ChainName::parse(name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_first_users_one_wins() {
    on_both(async |store| {
        let tries = (0..8).map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.user_create_first(&user(&format!("u{n}"))).await.is_ok() })
        });
        let mut won = 0;
        for handle in tries.collect::<Vec<_>>() {
            won += i32::from(handle.await.unwrap());
        }
        assert_eq!((won, store.user_count().await.unwrap()), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_taken_once_by_eight_writers() {
    on_both(async |store| {
        for round in 0..25 {
            let tries = (0..8).map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.user_create(&user(&format!("r{round}"))).await })
            });
            let mut won = 0;
            for handle in tries.collect::<Vec<_>>() {
                match handle.await.unwrap() {
                    Ok(()) => won += 1,
                    Err(StoreError::Taken { what }) => assert_eq!(what, "name"),
                    Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
                }
            }
            assert_eq!(won, 1, "round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_claims_fill_the_lowest_blocks_up_to_the_capacity() {
    on_both(async |store| {
        let here = host("h", "here", "/s");
        store.host_create(&here, None).await.unwrap();
        let blocks: Vec<u16> = here.spec.blocks().collect();
        let tries = (0..11).map(|n| {
            let (store, spec) = (store.clone(), here.spec.clone());
            tokio::spawn(async move {
                store.claim_block(&HostId::new("h"), &chain(&format!("c{n}")), &spec, &[]).await
            })
        });
        let (mut claimed, mut refused) = (Vec::new(), 0);
        for handle in tries.collect::<Vec<_>>() {
            match handle.await.unwrap() {
                Ok(block) => claimed.push(block),
                Err(StoreError::HostFull) => refused += 1,
                Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
            }
        }
        claimed.sort_unstable();
        assert_eq!((claimed, refused), (blocks, 1));
        let third = store.host_claims(&here.id).await.unwrap()[2].chain.clone();
        store.release_block(&here.id, &chain(&third)).await.unwrap();
        assert_eq!(store.claim_block(&here.id, &chain("again"), &here.spec, &[]).await.unwrap(), 31_200);
        assert_eq!(store.claim_block(&here.id, &chain("again"), &here.spec, &[]).await.unwrap(), 31_200);
        assert!(matches!(store.host_remove(&here.id).await, Err(StoreError::Conflict { .. })));
    })
    .await;
}

#[tokio::test]
async fn blocks_with_foreign_ports_are_skipped() {
    on_both(async |store| {
        let mut here = host("h", "here", "/s");
        (here.spec.port_first, here.spec.port_last) = (31_000, 31_199);
        store.host_create(&here, None).await.unwrap();
        let claimed = store.claim_block(&here.id, &chain("a"), &here.spec, &[31_000]).await.unwrap();
        assert_eq!(claimed, 31_100);
        let none = store.claim_block(&here.id, &chain("b"), &here.spec, &[31_000]).await;
        assert!(matches!(none, Err(StoreError::NoBlock)));
    })
    .await;
}

#[tokio::test]
async fn hosts_are_unique_by_name_and_by_endpoint() {
    on_both(async |store| {
        store.host_create(&host("a", "one", "/s1"), None).await.unwrap();
        let taken = |result| match result {
            Err(StoreError::Taken { what }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(taken(store.host_create(&host("b", "one", "/s2"), None).await), "name");
        assert_eq!(taken(store.host_create(&host("c", "two", "/s1"), None).await), "endpoint");
        assert_eq!(store.host_list().await.unwrap().len(), 1, "nothing of a refused host is left");
        store.host_remove(&HostId::new("a")).await.unwrap();
        store.host_create(&host("d", "one", "/s1"), None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_ended_session_does_not_come_back() {
    on_both(async |store| {
        let session = SessionRecord {
            id_hash: "ab".to_owned(),
            user: Some(UserId::new("u")),
            data: json!({ "user": "u" }),
            created_ms: 1,
            last_seen_ms: 1,
            expires_ms: 100,
            absolute_expires_ms: 200,
            address: "127.0.0.1".to_owned(),
            agent: "test".to_owned(),
        };
        store.session_create(&session).await.unwrap();
        assert!(matches!(store.session_create(&session).await, Err(StoreError::Taken { .. })));
        assert_eq!(store.session_read("ab", 50).await.unwrap(), Some(session.clone()));
        assert_eq!(store.session_read("ab", 100).await.unwrap(), None);
        store.session_delete("ab").await.unwrap();
        store.session_save(&session).await.unwrap();
        assert_eq!(store.session_read("ab", 50).await.unwrap(), None);
        // Use puts off the end that comes with idleness, and not the other one.
        let used = SessionRecord { expires_ms: 900, absolute_expires_ms: 900, ..session.clone() };
        store.session_create(&session).await.unwrap();
        store.session_save(&used).await.unwrap();
        assert!(store.session_read("ab", 199).await.unwrap().is_some());
        assert_eq!(store.session_read("ab", 200).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn secrets_go_by_prefix() {
    on_both(async |store| {
        let secret = |key: &str| SealedSecret {
            key: key.to_owned(),
            sealed: vec![0, 255, 7],
            key_version: 1,
            created_ms: 1,
        };
        store
            .secret_put_many(&[secret("chain/a/x"), secret("chain/a/y"), secret("chain/ab/x")])
            .await
            .unwrap();
        assert_eq!(store.secret_read("chain/a/x").await.unwrap(), Some(secret("chain/a/x")));
        assert_eq!(store.secret_list_prefix("chain/a/").await.unwrap().len(), 2);
        store.secret_delete_prefix("chain/a/").await.unwrap();
        assert_eq!(store.secret_list_prefix("chain/").await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_chains_state_moves_only_from_where_it_may() {
    on_both(async |store| {
        let record = crate::ChainRecord {
            name: chain("demo"),
            spec: spec(),
            plan: serde_json::Value::Null.into(),
            state: ChainState::Creating,
            health: HealthView::default(),
            owner: None,
            tenure: crate::Tenure::default(),
            host: HostId::new("h"),
            created_ms: 1,
            operation: None,
            pool: None,
        };
        store.chain_create(&record).await.unwrap();
        assert!(matches!(store.chain_create(&record).await, Err(StoreError::Taken { .. })));
        assert_eq!(store.chain_read(&chain("demo")).await.unwrap(), Some(record));
        let name = chain("demo");
        store.chain_state_save(&name, &[ChainState::Creating], ChainState::Running).await.unwrap();
        let refused = store.chain_state_save(&name, &[ChainState::Stopped], ChainState::Starting).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })));
        store.document_put(&name, "genesis", &[1, 2, 3]).await.unwrap();
        assert_eq!(store.document_read(&name, "genesis").await.unwrap(), Some(vec![1, 2, 3]));
        let state = async || store.chain_read(&name).await.unwrap().map(|chain| chain.state);
        assert_eq!([state().await, state().await], [Some(ChainState::Running); 2]);
        store.chain_delete(&name).await.unwrap();
        assert_eq!(state().await, None);
        assert_eq!(store.document_read(&name, "genesis").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_every_request_asks_for_is_read_anew_after_each_write() {
    on_both(async |store| {
        let (ann, demo) = (UserId::new("id-ann"), chain("demo"));
        store.user_create(&user("ann")).await.unwrap();
        let signed_in = async || store.user_read(&ann).await.unwrap().unwrap().last_sign_in_ms;
        assert_eq!([signed_in().await, signed_in().await], [None; 2]);
        store.user_signed_in(&ann, 5).await.unwrap();
        assert_eq!(signed_in().await, Some(5));
        let held = async || store.grant_read(&demo, &ann).await.unwrap();
        for level in [Grant::Use, Grant::Manage] {
            store.grant_put(&demo, &ann, level).await.unwrap();
            assert_eq!([held().await, held().await], [Some(level); 2]);
        }
        // Nobody waits for the answer: the write goes on, and what was read before it does not stay.
        {
            let mut revoked = std::pin::pin!(store.grant_delete(&demo, &ann));
            tokio::select! {
                biased;
                _ = &mut revoked => {}
                () = std::future::ready(()) => {}
            }
        }
        let gone = async {
            while held().await.is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    })
    .await;
}

fn spec() -> domain::chain::ChainSpec {
    serde_json::from_value(json!({
        "name": "demo", "host": "h", "version": "2.5", "consensus": "raft", "orderers": 1,
        "organizations": [{ "name": "org1", "peers": 1 }], "channel": "mychannel", "batch_timeout_ms": 200,
        "resources": { "cpu_milli": 1000, "memory_mib": 512 }
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_of_parallel_waits_stands() {
    on_both(async |store| {
        for round in 0..10 {
            let key = format!("k{round}");
            let tries = (0..8).map(|_| {
                let (store, key) = (store.clone(), key.clone());
                tokio::spawn(
                    async move { store.delay_failed(&key, 1_000, 0, 1_000, 1_000_000).await.unwrap() },
                )
            });
            for handle in tries.collect::<Vec<_>>() {
                handle.await.unwrap();
            }
            let stored = store.delay_read(&key).await.unwrap().unwrap();
            assert_eq!((stored.failures, stored.until_ms), (8, 129_000), "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn delays_double_and_stay_below_their_cap() {
    on_both(async |store| {
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(store.delay_failed("k", 1_000, 3, 1_000, 8_000).await.unwrap().until_ms);
        }
        assert_eq!(waits, [1_000, 1_000, 1_000, 2_000, 3_000, 5_000, 9_000, 9_000, 9_000]);
        store.delay_clear("k").await.unwrap();
        assert_eq!(store.delay_read("k").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn failures_are_forgotten_after_a_quarter_of_an_hour() {
    on_both(async |store| {
        let failed = async |now_ms| {
            let delay = store.delay_failed("k", now_ms, 3, 1_000, 8_000).await.unwrap();
            (delay.failures, delay.until_ms - now_ms)
        };
        for n in 1..=3 {
            assert_eq!(failed(1_000).await, (n, 0));
        }
        assert_eq!(failed(60_000).await, (4, 1_000));
        let later = 61_000 + 15 * 60_000;
        store.delay_purge(later).await.unwrap();
        assert_eq!(failed(later).await, (5, 2_000), "a quarter of an hour is not over");
        let later = later + 2_000 + 15 * 60_000 + 1;
        assert_eq!(failed(later).await, (1, 0));
        store.delay_purge(later + 15 * 60_000 + 1).await.unwrap();
        assert_eq!(store.delay_read("k").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_number_of_the_audit_is_given_once() {
    on_both(async |store| {
        let record = |sequence: i64| AuditRecord {
            view: domain::audit::AuditView {
                sequence,
                at_ms: 1,
                who: "ada".to_owned(),
                what: "x".to_owned(),
                object: "y".to_owned(),
                result: "ok".to_owned(),
                request_id: String::new(),
                address: String::new(),
                changes: Vec::new(),
            },
            user: Some(UserId::new("u")),
            hash: format!("h{sequence}"),
        };
        store.audit_append(vec![record(1), record(2)]).await.unwrap();
        assert!(store.audit_append(vec![record(3), record(2)]).await.is_err());
        assert_eq!(
            store.audit_last().await.unwrap(),
            Some((2, "h2".to_owned())),
            "all of a batch or nothing"
        );
        let listed = async |before, scope| store.audit_list(before, scope, 10).await.unwrap().len();
        let (owner, other) = (UserId::new("u"), UserId::new("other"));
        assert_eq!(listed(Some(2), AuditScope::Own(&owner)).await, 1);
        assert_eq!(listed(None, AuditScope::Own(&other)).await, 0);
        assert_eq!(listed(None, AuditScope::OwnAndChains(&other)).await, 0);
        let mut on_chain = record(3);
        on_chain.view.object = "chain/demo/channel/mychannel".to_owned();
        let mut beside = record(4);
        beside.view.object = "chains".to_owned();
        store.audit_append(vec![on_chain, beside]).await.unwrap();
        assert_eq!(listed(None, AuditScope::OwnAndChains(&other)).await, 1);
        assert_eq!(listed(None, AuditScope::Own(&other)).await, 0);
        assert_eq!(listed(None, AuditScope::Everything).await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workflows_log_on_memory() {
    let fresh = || async {
        let log: Arc<dyn workflow::Log> = Arc::new(Store::open("mem://").await.unwrap());
        log
    };
    workflow::testkit::log_suite::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workflows_log_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    let fresh = || async {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let url = format!("surrealkv://{}", folder.path().join(number.to_string()).display());
        let log: Arc<dyn workflow::Log> = Arc::new(Store::open(&url).await.unwrap());
        log
    };
    workflow::testkit::log_suite::run(fresh).await.unwrap();
}

#[tokio::test]
async fn an_installation_keeps_its_id_and_a_second_opener_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    let store = Store::open(&url).await.unwrap();
    let id = store.installation().to_owned();
    assert_eq!(id.len(), 8);
    assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{id}");
    assert!(matches!(Store::open(&url).await, Err(StoreError::Locked)));
    drop(store);
    let again = Store::open(&url).await.unwrap();
    assert_eq!(again.installation(), id);
}

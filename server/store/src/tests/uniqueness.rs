//! Whatever exists once exists once, also when eight writers want it at the same moment, on both engines.

use std::collections::BTreeSet;

use domain::chain::{ChainState, HealthView};
use domain::id::{HostId, UserId};
use domain::name::ChainName;
use domain::transaction::TransactionState;
use serde_json::json;
use workflow::{Created, Log, NewOperation, OperationRecord, OperationState, Wanted};

use super::{chain, host, on_both, spec, user};
use crate::{ChainRecord, Store, StoreError, TransactionRecord};

/// Writers at the same moment.
const WRITERS: u32 = 8;

fn rounds() -> u32 {
    if std::env::var_os("HEDDLE_TEST_FULL").is_some() { 10_000 } else { 20 }
}

/// Lets all writers try the same in every round; exactly one may succeed, the others learn that it is taken.
async fn one_wins<F, Fut>(store: &Store, attempt: F)
where
    F: Fn(Store, u32, u32) -> Fut,
    Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    for round in 0..rounds() {
        let tries: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(attempt(store.clone(), round, writer))).collect();
        let mut won = 0;
        for handle in tries {
            match handle.await.unwrap() {
                Ok(()) => won += 1,
                Err(StoreError::Taken { .. }) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_users() {
    on_both(async |store| {
        one_wins(&store, |store, round, writer| async move {
            let mut record = user(&format!("u{round}"));
            record.id = UserId::new(format!("{round}-{writer}"));
            store.user_create(&record).await
        })
        .await;
        assert_eq!(store.user_count().await.unwrap(), u64::from(rounds()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_chains() {
    on_both(async |store| {
        one_wins(&store, |store, round, writer| async move {
            let record = ChainRecord {
                name: chain(&format!("c{round}")),
                spec: spec(),
                plan: serde_json::Value::Null.into(),
                state: ChainState::Creating,
                health: HealthView::default(),
                owner: None,
                tenure: crate::Tenure::default(),
                host: HostId::new(format!("h{writer}")),
                created_ms: i64::from(writer),
                operation: None,
                pool: None,
            };
            store.chain_create(&record).await
        })
        .await;
        assert_eq!(store.chain_list().await.unwrap().len(), usize::try_from(rounds()).unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_of_hosts() {
    on_both(async |store| {
        one_wins(&store, |store, round, writer| async move {
            let id = format!("h{round}-{writer}");
            store.host_create(&host(&id, &id, &format!("/run/{round}.sock")), None).await
        })
        .await;
        assert_eq!(store.host_list().await.unwrap().len(), usize::try_from(rounds()).unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_ports() {
    on_both(async |store| {
        for round in 0..rounds() {
            let id = HostId::new(format!("h{round}"));
            let name = format!("host-{round}");
            let here = host(id.as_str(), &name, &format!("/run/{round}.sock"));
            store.host_create(&here, None).await.unwrap();
            let blocks: Vec<u16> = (0..8).map(|n| 31_000 + 100 * n).collect();
            let tries: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (store, id, spec) = (store.clone(), id.clone(), here.spec.clone());
                    tokio::spawn(async move {
                        store.claim_block(&id, &chain(&format!("c{writer}")), &spec, &[]).await
                    })
                })
                .collect();
            let mut claimed = BTreeSet::new();
            for handle in tries {
                claimed.insert(handle.await.unwrap().unwrap());
            }
            assert_eq!(claimed.into_iter().collect::<Vec<_>>(), blocks, "round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_chains_move_to() {
    on_both(async |store| {
        let id = HostId::new("h");
        let mut here = host("h", "here", "/run/engine.sock");
        here.spec.port_last = 50_000;
        store.host_create(&here, None).await.unwrap();
        for writer in 0..WRITERS {
            store.claim_block(&id, &chain(&format!("c{writer}")), &here.spec, &[]).await.unwrap();
        }
        for round in 0..rounds().min(100) {
            let goal = 32_000 + 100 * u16::try_from(round).unwrap();
            let claims = store.host_claims(&id).await.unwrap();
            let tries: Vec<_> = claims
                .iter()
                .map(|claim| {
                    let (store, id, from) = (store.clone(), id.clone(), claim.block);
                    let name = chain(&claim.chain);
                    tokio::spawn(async move { store.claim_move(&id, &name, from, goal, &json!({})).await })
                })
                .collect();
            let mut won = 0;
            for handle in tries {
                match handle.await.unwrap() {
                    Ok(()) => won += 1,
                    Err(StoreError::Taken { .. }) => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            }
            assert_eq!(won, 1, "round {round}");
            assert_eq!(store.host_claims(&id).await.unwrap().len(), 8, "round {round}");
        }
        let wrong = store.claim_move(&id, &chain("c0"), 1, 40_000, &json!({})).await;
        assert!(matches!(wrong, Err(StoreError::NotFound)), "{wrong:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_operations() {
    on_both(async |store| {
        for round in 0..rounds() {
            let tries: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let store = store.clone();
                    tokio::spawn(async move { store.create(operation(round, writer)).await.unwrap() })
                })
                .collect();
            let (mut fresh, mut ids) = (0, BTreeSet::new());
            for (writer, handle) in (0..).zip(tries) {
                match handle.await.unwrap() {
                    Created::Fresh(_) => {
                        fresh += 1;
                        ids.insert(operation(round, writer).operation.id);
                    }
                    Created::Existing(found) => {
                        ids.insert(found.id);
                    }
                    Created::Busy { by } => panic!("held by {by}"),
                }
            }
            assert_eq!((fresh, ids.len()), (1, 1), "round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_transactions() {
    on_both(async |store| {
        for round in 0..rounds() {
            let tries: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (store, record) = (store.clone(), transaction(round, writer));
                    tokio::spawn(async move { store.transaction_create(&record).await.unwrap() })
                })
                .collect();
            let (mut fresh, mut earlier) = (0, BTreeSet::new());
            for handle in tries {
                match handle.await.unwrap() {
                    None => fresh += 1,
                    Some(found) => drop(earlier.insert(found.view.id)),
                }
            }
            assert_eq!((fresh, earlier.len()), (1, 1), "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_became_of_a_transaction_is_written_once() {
    on_both(async |store| {
        let pending = transaction(1, 1);
        assert!(matches!(store.transaction_save(&pending).await, Err(StoreError::NotFound)));
        store.transaction_create(&pending).await.unwrap();
        store.transaction_save(&pending).await.unwrap();
        let mut settled = pending.clone();
        (settled.view.state, settled.view.block) = (TransactionState::Valid, Some(7));
        store.transaction_save(&settled).await.unwrap();
        // Whoever gave up waiting does not undo what somebody else found out.
        assert!(matches!(store.transaction_save(&pending).await, Err(StoreError::NotFound)));
        let kept = store.transaction_by_key(&settled.user, &settled.idempotency_key).await.unwrap();
        assert_eq!(kept, Some(settled));
    })
    .await;
}

#[tokio::test]
async fn what_is_pending_is_told_chain_by_chain() {
    on_both(async |store| {
        for round in 1..=3 {
            let mut record = transaction(round, 1);
            record.view.created_ms = round.into();
            if round == 3 {
                record.view.chain = ChainName::parse("other").unwrap();
            }
            store.transaction_create(&record).await.unwrap();
        }
        let demo = ChainName::parse("demo").unwrap();
        let mut chains = store.transaction_pending_chains(10).await.unwrap();
        chains.sort();
        assert_eq!(chains, [demo.clone(), ChainName::parse("other").unwrap()]);
        assert_eq!(store.transaction_pending_chains(3).await.unwrap(), std::slice::from_ref(&demo));
        let ids = async |before_ms, limit| {
            let rows = store.transaction_pending(&demo, before_ms, limit).await.unwrap();
            rows.into_iter().map(|row| row.view.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(10, 9).await, ["tx-1-1", "tx-2-1"]);
        assert_eq!(
            (ids(2, 9).await, ids(10, 1).await),
            (vec!["tx-1-1".to_owned()], vec!["tx-1-1".to_owned()])
        );
    })
    .await;
}

fn transaction(round: u32, writer: u32) -> TransactionRecord {
    let view = json!({
        "id": format!("tx-{round}-{writer}"), "chain": "demo", "channel": "mychannel", "chaincode": "example02",
        "function": "move", "arguments": ["a", "b", "1"], "state": "pending", "created_ms": 1,
    });
    TransactionRecord {
        view: serde_json::from_value(view).unwrap(),
        user: UserId::new("ada"),
        idempotency_key: format!("key-{round}"),
        asked: Some(format!("sealed-{writer}")),
    }
}

fn operation(round: u32, writer: u32) -> NewOperation {
    let operation = OperationRecord {
        id: format!("{round:016x}{writer:016x}"),
        name: "test".to_owned(),
        version: 1,
        owner: "ada".to_owned(),
        subject: None,
        idempotency_key: Some(format!("key-{round}")),
        params: serde_json::Value::Null,
        state: OperationState::Pending,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: 1,
        updated_ms: 1,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    NewOperation { operation, steps: Vec::new(), events: Vec::new(), supersede: None }
}

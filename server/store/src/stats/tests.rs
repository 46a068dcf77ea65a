//! What is counted is what is there, however many write at once and whatever is tried again.

use domain::chain::{ChainState, Health, HealthView};
use domain::id::{HostId, UserId};
use domain::name::ChainName;
use domain::stats::day_of;
use serde_json::json;

use super::*;
use crate::{ChainRecord, Tenure, TransactionRecord};

const DAY_MS: i64 = 86_400_000;

fn name(text: &str) -> ChainName {
    ChainName::parse(text).unwrap()
}

fn chain(text: &str, owner: Option<&str>, created_ms: i64) -> ChainRecord {
    let spec = json!({
        "name": text, "host": "h1", "version": "3.1", "consensus": "raft", "orderers": 1,
        "organizations": [{ "name": "org1", "peers": 1 }], "channel": "mychannel", "batch_timeout_ms": 2_000,
        "resources": domain::chain::NodeResources::DEFAULT,
    });
    ChainRecord {
        name: name(text),
        spec: serde_json::from_value(spec).unwrap(),
        plan: Value::Null.into(),
        state: ChainState::Creating,
        health: HealthView::default(),
        owner: owner.map(UserId::new),
        host: HostId::new("h1"),
        created_ms,
        operation: None,
        pool: None,
        tenure: Tenure::default(),
    }
}

fn transaction(chain: &str, key: &str, state: &str, created_ms: i64) -> TransactionRecord {
    let view = json!({
        "id": format!("tx-{key}"), "chain": chain, "channel": "mychannel", "chaincode": "example02",
        "function": "move", "arguments": [], "state": state, "created_ms": created_ms,
    });
    TransactionRecord {
        view: serde_json::from_value(view).unwrap(),
        user: UserId::new("ada"),
        idempotency_key: key.to_owned(),
        asked: None,
    }
}

async fn told(store: &Store, within: Option<&[ChainName]>) -> Vec<(i64, u32, u32)> {
    let days = store.transactions_daily(within, 0).await.unwrap();
    days.into_iter().map(|count| (count.day, count.total, count.failed)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_at_once_are_counted_once_each() {
    let store = Store::open("mem://").await.unwrap();
    let writers = (0..16).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let chain = if writer % 2 == 0 { "even" } else { "odd" };
            for number in 0..4 {
                let (key, at_ms) = (format!("{writer}-{number}"), 5 * DAY_MS + number);
                let made = transaction(chain, &key, "pending", at_ms);
                assert_eq!(store.transaction_create(&made).await.unwrap(), None);
                let state = if number == 0 { "invalid" } else { "valid" };
                store.transaction_save(&transaction(chain, &key, state, at_ms)).await.unwrap();
                // Whoever tries again what has been written writes nothing.
                store.transaction_create(&made).await.unwrap();
                let again = store.transaction_save(&transaction(chain, &key, "invalid", at_ms)).await;
                assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(told(&store, None).await, [(5, 64, 16)]);
    assert_eq!(told(&store, Some(&[name("even")])).await, [(5, 32, 8)]);
    assert_eq!(told(&store, Some(&[name("even"), name("odd")])).await, [(5, 64, 16)]);
    assert_eq!(told(&store, Some(&[name("other")])).await, []);
}

#[tokio::test]
async fn what_was_counted_is_there_after_the_store_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    let store = Store::open(&url).await.unwrap();
    let made = transaction("demo", "one", "pending", DAY_MS);
    store.transaction_create(&made).await.unwrap();
    store.transaction_create(&transaction("demo", "two", "refused", 3 * DAY_MS)).await.unwrap();
    store.close().await.unwrap();
    let store = Store::open(&url).await.unwrap();
    // Whoever heard nothing before the end tries again.
    store.transaction_create(&made).await.unwrap();
    store.transaction_save(&transaction("demo", "one", "valid", DAY_MS)).await.unwrap();
    assert_eq!(told(&store, None).await, [(1, 1, 0), (3, 1, 1)]);
    assert_eq!(store.transactions_since().await.unwrap(), Some(1));
    assert_eq!(store.transactions_daily(None, 2).await.unwrap().len(), 1);
    let last = store.transactions_of(&UserId::new("ada"), 1).await.unwrap();
    assert_eq!(last.first().map(|record| record.view.created_ms), Some(3 * DAY_MS));
}

#[tokio::test]
async fn a_chain_is_counted_as_it_is_now() {
    let store = Store::open("mem://").await.unwrap();
    for (text, owner, at_ms) in
        [("one", Some("ann"), DAY_MS), ("two", None, 2 * DAY_MS), ("three", None, 2 * DAY_MS + 1)]
    {
        store.chain_create(&chain(text, owner, at_ms)).await.unwrap();
    }
    let tally = async |within: Option<&[ChainName]>| {
        let mut rows: Vec<_> = store.chain_tally(within).await.unwrap();
        rows.sort_by(|one, other| one.state.cmp(&other.state));
        rows.into_iter().map(|row| format!("{} {} {}", row.state, row.health, row.count)).collect::<Vec<_>>()
    };
    assert_eq!(tally(None).await, ["creating unknown 3"]);
    for text in ["one", "two"] {
        store.chain_state_save(&name(text), &[ChainState::Creating], ChainState::Running).await.unwrap();
    }
    let degraded = HealthView { health: Health::Degraded, ..HealthView::default() };
    store.chain_health_save(&name("two"), &degraded).await.unwrap();
    assert_eq!(tally(Some(&[name("one")])).await, ["running unknown 1"]);
    assert_eq!(store.chains_unwell(None, 5).await.unwrap(), [name("two")]);
    assert_eq!(store.chains_unwell(Some(&[name("one")]), 5).await.unwrap(), []);
    assert_eq!(store.chains_newest(None, 2).await.unwrap(), [name("three"), name("two")]);
    assert_eq!(store.chains_owned(&UserId::new("ann")).await.unwrap(), [name("one")]);
    let mut days: Vec<i64> =
        store.chains_created(None, 2 * DAY_MS).await.unwrap().into_iter().map(day_of).collect();
    days.sort_unstable();
    assert_eq!(days, [2, 2]);
    // What is gone is not counted any more, and a chain of the same name begins at nothing.
    store.transaction_create(&transaction("two", "t", "valid", DAY_MS)).await.unwrap();
    store.chain_delete(&name("two")).await.unwrap();
    assert_eq!(tally(None).await, ["creating unknown 1", "running unknown 1"]);
    assert_eq!(told(&store, Some(&[name("two")])).await, []);
    assert_eq!(told(&store, None).await, [(1, 1, 0)], "what was done was done");
}

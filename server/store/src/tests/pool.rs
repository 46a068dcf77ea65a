//! The pool: a chain leaves it once, and a host that takes no chains gives no ports.

use domain::chain::{ChainState, HealthView};
use domain::host::{HostSpec, HostStatus};
use domain::id::{HostId, UserId};
use domain::name::{HostName, TemplateName};

use super::{chain, on_both, spec};
use crate::{ChainRecord, HostRecord, Store, StoreError};

fn template() -> TemplateName {
    TemplateName::parse("small").unwrap()
}

fn record(name: &str) -> ChainRecord {
    ChainRecord {
        name: chain(name),
        spec: spec(),
        plan: serde_json::Value::Null.into(),
        state: ChainState::Running,
        health: HealthView::default(),
        owner: None,
        tenure: crate::Tenure::default(),
        host: HostId::new("h"),
        created_ms: 1,
        operation: None,
        pool: Some(template()),
    }
}

async fn state(store: &Store, name: &str) -> ChainState {
    store.chain_read(&chain(name)).await.unwrap().unwrap().state
}

#[tokio::test]
async fn only_what_is_free_is_retired() {
    on_both(async |store| {
        let ann = Some(UserId::new("ann"));
        let outside = ChainRecord { pool: None, ..record("outside") };
        let busy = ChainRecord { state: ChainState::Starting, ..record("busy") };
        let owned = ChainRecord { owner: ann, ..record("owned") };
        for made in [&outside, &busy, &owned, &record("free")] {
            store.chain_create(made).await.unwrap();
        }
        for name in ["outside", "busy", "owned"] {
            let before = state(&store, name).await;
            let refused = store.chain_pool_retire(&chain(name)).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{name}: {refused:?}");
            assert_eq!(state(&store, name).await, before);
        }
        store.chain_pool_retire(&chain("free")).await.unwrap();
        assert_eq!(state(&store, "free").await, ChainState::Deleting);
        // Another try of the same removal.
        store.chain_pool_retire(&chain("free")).await.unwrap();
        let gone = store.chain_pool_retire(&chain("gone")).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn a_chain_enters_the_pool_and_leaves_it() {
    on_both(async |store| {
        store.chain_create(&ChainRecord { pool: None, ..record("one") }).await.unwrap();
        let elsewhere = ChainRecord { host: HostId::new("other"), ..record("two") };
        store.chain_create(&elsewhere).await.unwrap();
        let pools = async || -> Vec<_> {
            let chains = store.chains_on(&HostId::new("h")).await.unwrap();
            chains.into_iter().map(|chain| chain.pool).collect()
        };
        assert_eq!(pools().await, [None]);
        store.chain_pool_enter(&chain("one"), &template()).await.unwrap();
        assert_eq!(pools().await, [Some(template())]);
        store.chain_pool_leave(&chain("one")).await.unwrap();
        assert_eq!(pools().await, [None]);
        store.chain_pool_enter(&chain("gone"), &template()).await.unwrap();
        assert_eq!(store.chain_read(&chain("gone")).await.unwrap(), None);
        let owned = ChainRecord { owner: Some(UserId::new("ann")), ..record("owned") };
        store.chain_create(&owned).await.unwrap();
        let refused = store.chain_pool_leave(&chain("owned")).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_host_that_takes_no_chains_gives_no_ports_and_takes_none_back() {
    on_both(async |store| {
        let id = HostId::new("h");
        let open = HostSpec::local(HostName::parse("here").unwrap(), "/s");
        let host =
            HostRecord { id: id.clone(), spec: open.clone(), status: HostStatus::default(), created_ms: 1 };
        store.host_create(&host, None).await.unwrap();
        let block = store.claim_block(&id, &chain("one"), &open, &[]).await.unwrap();
        let closed = HostSpec { schedulable: false, ..open };
        store.host_update(&id, &closed, None, |_| Ok::<(), ()>(())).await.unwrap().unwrap();
        store.host_autofill_save(&id, Some(&template())).await.unwrap();
        let closed = HostSpec { autofill: Some(template()), ..closed };
        assert_eq!(store.host_read(&id).await.unwrap().unwrap().spec, closed);
        // A form that was opened before changes nothing of it.
        let older = HostSpec { autofill: None, ..closed.clone() };
        store.host_update(&id, &older, None, |_| Ok::<(), ()>(())).await.unwrap().unwrap();
        assert_eq!(store.host_read(&id).await.unwrap().unwrap().spec, closed);
        let gone = store.host_autofill_save(&HostId::new("gone"), None).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        // What a chain holds it keeps, also where its creation is resumed now.
        assert_eq!(store.claim_block(&id, &chain("one"), &closed, &[]).await.unwrap(), block);
        let refused = store.claim_block(&id, &chain("two"), &closed, &[]).await;
        assert!(matches!(refused, Err(StoreError::HostClosed)), "{refused:?}");
    })
    .await;
}

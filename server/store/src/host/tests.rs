use domain::host::{Endpoint, HostSpec, HostStatus};
use domain::name::{ChainName, HostName};

use super::*;

async fn on_both<F: AsyncFn(Store)>(check: F) {
    check(Store::open("mem://").await.unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    check(Store::open(&url).await.unwrap()).await;
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

async fn update(store: &Store, id: &str, spec: &HostSpec) -> Result<(), StoreError> {
    store
        .host_update(&HostId::new(id), spec, None, |_| Ok::<(), ()>(()))
        .await
        .map(|checked| checked.unwrap())
}

#[tokio::test]
async fn a_changed_host_keeps_names_and_endpoints_unique() {
    on_both(async |store| {
        let (one, two) = (host("a", "one", "/s1"), host("b", "two", "/s2"));
        store.host_create(&one).await.unwrap();
        store.host_create(&two).await.unwrap();
        let mut spec = two.spec.clone();
        spec.name = one.spec.name.clone();
        let taken = update(&store, "b", &spec).await;
        assert!(matches!(taken, Err(StoreError::Taken { what: "name" })), "{taken:?}");
        let mut spec = two.spec.clone();
        spec.endpoint = one.spec.endpoint.clone();
        let taken = update(&store, "b", &spec).await;
        assert!(matches!(taken, Err(StoreError::Taken { what: "endpoint" })), "{taken:?}");
        assert_eq!(store.host_read(&two.id).await.unwrap().unwrap().spec, two.spec);
        // What a host gives up is free for another one.
        let mut moved = one.spec.clone();
        moved.name = HostName::parse("moved").unwrap();
        moved.endpoint = Endpoint::Local { path: "/s3".to_owned() };
        update(&store, "a", &moved).await.unwrap();
        assert_eq!(store.host_read(&one.id).await.unwrap().unwrap().spec, moved);
        store.host_create(&host("c", "one", "/s1")).await.unwrap();
        assert!(matches!(update(&store, "gone", &moved).await, Err(StoreError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_the_check_changes_nothing() {
    on_both(async |store| {
        let here = host("a", "here", "/s");
        store.host_create(&here).await.unwrap();
        store.claim_block(&here.id, &chain("c"), 10, &[100, 200], &[]).await.unwrap();
        let changed = HostSpec { capacity: 7, ..here.spec.clone() };
        let secret =
            SealedSecret { key: "host/a/tls".into(), sealed: vec![1], key_version: 1, created_ms: 1 };
        let refused =
            store.host_update(&here.id, &changed, Some(&secret), |held| Err::<(), usize>(held.len())).await;
        assert_eq!(refused.unwrap(), Err(1));
        assert_eq!(store.host_read(&here.id).await.unwrap().unwrap().spec, here.spec);
        assert_eq!(store.secret_read("host/a/tls").await.unwrap(), None);
        let allowed = store.host_update(&here.id, &changed, Some(&secret), |_| Ok::<(), ()>(())).await;
        assert_eq!(allowed.unwrap(), Ok(()));
        assert_eq!(store.secret_read("host/a/tls").await.unwrap(), Some(secret));
    })
    .await;
}

/// While chains are claimed, the capacity is set to what is held at that moment: no claim may slip between the look
/// and the write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_claim_slips_between_the_check_and_the_change() {
    on_both(async |store| {
        let here = host("a", "here", "/s");
        store.host_create(&here).await.unwrap();
        let blocks: Vec<u16> = here.spec.blocks().collect();
        let claims = (0..8).map(|n| {
            let (store, blocks, id) = (store.clone(), blocks.clone(), here.id.clone());
            tokio::spawn(async move { store.claim_block(&id, &chain(&format!("c{n}")), 10, &blocks, &[]).await })
        });
        let claims: Vec<_> = claims.collect();
        let seen = std::sync::Mutex::new(0);
        let changed = HostSpec { capacity: 9, ..here.spec.clone() };
        let look = |held: &[ClaimRecord]| {
            *seen.lock().unwrap() = held.len();
            Ok::<(), ()>(())
        };
        store.host_update(&here.id, &changed, None, look).await.unwrap().unwrap();
        for claim in claims {
            claim.await.unwrap().unwrap();
        }
        assert_eq!(store.host_claims(&here.id).await.unwrap().len(), 8);
        assert_eq!(store.host_read(&here.id).await.unwrap().unwrap().spec, changed);
        // Against a claim of the past the same write is refused.
        let stale = json!({ "id": "a", "name": "name here", "endpoint": "endpoint unix:///s", "spec": "{}", "claims": 0, "secrets": [] });
        let refused = store.write(Query::new(UPDATE, stale)).await.unwrap_err();
        assert!(refused.thrown("stale"), "{refused}");
    })
    .await;
}

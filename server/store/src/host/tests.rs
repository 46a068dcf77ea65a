use domain::host::cluster::{ClusterExposure, ClusterSettings, ClusterStorage};
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
        store.host_create(&one, None).await.unwrap();
        store.host_create(&two, None).await.unwrap();
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
        store.host_create(&host("c", "one", "/s1"), None).await.unwrap();
        assert!(matches!(update(&store, "gone", &moved).await, Err(StoreError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn clusters_are_kept_as_they_are_and_each_is_there_once() {
    on_both(async |store| {
        let at = |server: &str| Endpoint::Cluster { server: server.to_owned() };
        let cluster = |id: &str, name: &str, endpoint: Endpoint| HostRecord {
            spec: HostSpec::cluster(HostName::parse(name).unwrap(), endpoint),
            ..host(id, name, "")
        };
        let mut far = cluster("a", "far", at("https://api.example:6443"));
        far.spec.cluster = Some(ClusterSettings {
            storage: ClusterStorage::Nfs { server: "nfs.example".to_owned(), path: "/exports".to_owned() },
            exposure: ClusterExposure::LoadBalancer {
                annotations: [("a".to_owned(), "b".to_owned())].into(),
            },
            node_selector: [("disk".to_owned(), "fast".to_owned())].into(),
            ..ClusterSettings::default()
        });
        let own = cluster("b", "own", Endpoint::InCluster);
        for record in [&far, &own] {
            store.host_create(record, None).await.unwrap();
            assert_eq!(store.host_read(&record.id).await.unwrap().as_ref(), Some(record));
        }
        for again in [at("https://API.example:6443/"), Endpoint::InCluster] {
            let taken = store.host_create(&cluster("c", "again", again), None).await;
            assert!(matches!(taken, Err(StoreError::Taken { what: "endpoint" })), "{taken:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_the_check_changes_nothing() {
    on_both(async |store| {
        let here = host("a", "here", "/s");
        store.host_create(&here, None).await.unwrap();
        store.claim_block(&here.id, &chain("c"), &here.spec, &[]).await.unwrap();
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
        store.host_create(&here, None).await.unwrap();
        let claims = (0..8).map(|n| {
            let (store, id) = (store.clone(), here.id.clone());
            tokio::spawn(async move {
                loop {
                    let seen = store.host_read(&id).await.unwrap().unwrap().spec;
                    match store.claim_block(&id, &chain(&format!("c{n}")), &seen, &[]).await {
                        // The change came in between: the operation looks again, too.
                        Err(StoreError::Conflict { .. }) => {}
                        other => return other,
                    }
                }
            })
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

/// Probing ports takes seconds; what an admin decides meanwhile counts, not what was read before.
#[tokio::test]
async fn a_claim_counts_on_the_host_as_it_is() {
    on_both(async |store| {
        let read = host("a", "here", "/s");
        store.host_create(&read, None).await.unwrap();
        store.claim_block(&read.id, &chain("one"), &read.spec, &[]).await.unwrap();
        let claim = async |seen: &HostSpec| store.claim_block(&read.id, &chain("two"), seen, &[]).await;
        let small = HostSpec { capacity: 1, ..read.spec.clone() };
        update(&store, "a", &small).await.unwrap();
        let late = claim(&read.spec).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert!(matches!(claim(&small).await, Err(StoreError::HostFull)));
        let moved = HostSpec { port_first: 40_000, port_last: 40_999, ..read.spec.clone() };
        update(&store, "a", &moved).await.unwrap();
        let late = claim(&read.spec).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        let late = store.claim_move(&read.id, &chain("one"), 31_000, 31_100, &json!({})).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        // What is no matter of room is no reason to look again.
        let ruled = HostSpec { image_rules: vec!["registry.example".to_owned()], ..moved.clone() };
        update(&store, "a", &ruled).await.unwrap();
        assert_eq!(claim(&moved).await.unwrap(), 40_000);
        store.claim_move(&read.id, &chain("one"), 31_000, 40_100, &json!({})).await.unwrap();
    })
    .await;
}

/// The same, when the change falls between the last look and the transaction.
#[tokio::test]
async fn a_claim_of_another_host_than_the_stored_one_is_refused_in_its_transaction() {
    on_both(async |store| {
        let here = host("a", "here", "/s");
        store.host_create(&here, None).await.unwrap();
        let block = store.claim_block(&here.id, &chain("one"), &here.spec, &[]).await.unwrap();
        let claim = json!({ "key": "a/two", "host": "a", "chain": "two", "capacity": 10, "blocks": [31_100], "skip": [], "spec": "{}" });
        let refused = store.write(Query::new(crate::claim::CLAIM, claim)).await.unwrap_err();
        assert!(refused.thrown("changed"), "{refused}");
        let step = json!({ "key": "a/one", "host": "a", "chain": "one", "from": block, "to": 31_100, "plan": "{}", "spec": "{}" });
        let refused = store.write(Query::new(crate::claim::MOVE, step)).await.unwrap_err();
        assert!(refused.thrown("changed"), "{refused}");
        let held = store.host_claims(&here.id).await.unwrap();
        assert_eq!(held, [ClaimRecord { block, chain: "one".to_owned() }]);
    })
    .await;
}

fn sealed(key: &str) -> SealedSecret {
    SealedSecret { key: key.to_owned(), sealed: vec![1], key_version: 1, created_ms: 1 }
}

#[tokio::test]
async fn what_is_kept_below_a_host_comes_and_goes_with_it() {
    on_both(async |store| {
        let here = host("a", "here", "/s");
        store.host_create(&here, Some(&sealed("host/a/tls"))).await.unwrap();
        store.host_create(&host("ab", "there", "/t"), Some(&sealed("host/ab/tls"))).await.unwrap();
        store.host_secret_put(&here.id, &sealed("host/a/registry/r.example")).await.unwrap();
        for key in ["host/a/approved-images", "host/ab/approved-images"] {
            store.setting_put(key, &json!([])).await.unwrap();
        }
        let refused = store.host_create(&host("b", "here", "/u"), Some(&sealed("host/b/tls"))).await;
        assert!(matches!(refused, Err(StoreError::Taken { what: "name" })), "{refused:?}");
        let keys = async || {
            let secrets = store.secret_list_prefix("host/").await.unwrap();
            secrets.into_iter().map(|secret| secret.key).collect::<Vec<_>>()
        };
        assert_eq!(keys().await, ["host/a/registry/r.example", "host/a/tls", "host/ab/tls"]);
        store.host_remove(&here.id).await.unwrap();
        assert_eq!(keys().await, ["host/ab/tls"]);
        assert_eq!(store.setting_read("host/a/approved-images").await.unwrap(), None);
        assert_eq!(store.setting_read("host/ab/approved-images").await.unwrap(), Some(json!([])));
        let late = store.host_secret_put(&here.id, &sealed("host/a/registry/r.example")).await;
        assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
        assert_eq!(keys().await, ["host/ab/tls"]);
    })
    .await;
}

fn seen(last_seen_ms: i64) -> HostStatus {
    HostStatus { last_seen_ms: Some(last_seen_ms), ..HostStatus::default() }
}

#[tokio::test]
async fn what_was_seen_of_a_host_before_it_was_changed_is_not_stored() {
    on_both(async |store| {
        let here = host("a", "here", "/s");
        store.host_create(&here, None).await.unwrap();
        let found = async || store.host_read(&here.id).await.unwrap().unwrap();
        store.host_status_save(&here.id, &here.spec, &seen(1), 1).await.unwrap();
        assert_eq!(found().await.status, seen(1));
        let moved = HostSpec { endpoint: Endpoint::Local { path: "/t".to_owned() }, ..here.spec.clone() };
        update(&store, "a", &moved).await.unwrap();
        let late = store.host_status_save(&here.id, &here.spec, &seen(2), 2).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        store.host_status_save(&here.id, &moved, &seen(3), 3).await.unwrap();
        let now = found().await;
        assert_eq!((now.spec, now.status), (moved.clone(), seen(3)));
        // The same, when the change falls between the last look and the transaction.
        let late = json!({ "id": "a", "status": "{}", "spec": encode(&here.spec).unwrap() });
        let refused = store.write(Query::new(SAVE_STATUS, late)).await.unwrap_err();
        assert!(refused.thrown("changed"), "{refused}");
        assert_eq!(found().await.status, seen(3));
        store.host_remove(&here.id).await.unwrap();
        let gone = store.host_status_save(&here.id, &moved, &seen(4), 4).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    })
    .await;
}

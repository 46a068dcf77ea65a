//! What is found by a word, and by whom.

use control::operations::chain_create::ChainCreate;
use domain::Code;
use domain::id::UserId;
use domain::permission::{Grant, Role};
use domain::search::HitKind;
use store::Store;

use crate::bed::Bed;
use crate::{caller, plane};

#[tokio::test]
async fn u8_only_what_is_in_reach_is_found() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let plane = plane(bed.services.clone());
    let demo = bed.chain_spec().name;
    bed.services.store.grant_put(&demo, &UserId::new("ben"), Grant::Read).await.unwrap();
    let (uma, ben) = (caller("uma", Role::User), caller("ben", Role::User));
    let otto = caller("otto", Role::Operator);
    let found = async |who, text: &str| {
        let hits = plane.search(who, text.to_owned()).await.unwrap();
        hits.into_iter().map(|hit| (hit.kind, hit.href)).collect::<Vec<_>>()
    };
    let chain = (HitKind::Chain, "/chains/demo".to_owned());
    let peer = (HitKind::Node, "/chains/demo/nodes/peer0-org1".to_owned());
    for who in [&ben, &otto] {
        assert!(found(who, " DEM ").await.contains(&chain));
        assert!(found(who, "demo/peer0-org1").await.contains(&peer));
        assert!(found(who, "peer0").await.contains(&peer));
        let block = found(who, "demo 3").await;
        assert!(block.iter().all(|(kind, _)| *kind == HitKind::Block), "{block:?}");
    }
    for text in ["demo", "peer0", "demo/peer0-org1", "demo 3", bed.host.as_str()] {
        assert!(found(&uma, text).await.is_empty(), "{text}");
    }
    // Hosts are for those who may list them.
    let host = bed.services.store.host_read(&bed.host).await.unwrap().unwrap();
    let (name, page) = (host.spec.name.as_str(), (HitKind::Host, format!("/hosts/{}", host.id)));
    assert!(found(&otto, name).await.contains(&page));
    assert!(!found(&ben, name).await.contains(&page));
}

#[tokio::test]
async fn an_operation_is_found_by_its_id_by_whoever_may_read_it() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let plane = plane(bed.services.clone());
    let otto = caller("otto", Role::Operator);
    let id = plane.chain_stop(&otto, &bed.chain_spec().name).await.unwrap();
    let hits = plane.search(&otto, id.to_string()).await.unwrap();
    assert!(hits.iter().any(|hit| hit.kind == HitKind::Operation && hit.href == format!("/operations/{id}")));
    assert!(plane.search(&caller("uma", Role::User), id.to_string()).await.unwrap().is_empty());
    assert!(plane.search(&otto, "f".repeat(32)).await.unwrap().is_empty());
    let long = plane.search(&otto, "a".repeat(129)).await.unwrap_err();
    assert_eq!(long.code, Code::TextTooLong);
    assert!(plane.search(&otto, "  ".to_owned()).await.unwrap().is_empty());
}

//! How hosts and chains did, as the reconcilers saw it: each change is told once, to whoever may know of it.

use control::network::simulated::Ailment;
use domain::Code;
use domain::chain::Health;
use domain::host::HostState;
use domain::id::{HostId, UserId};
use domain::name::ChainName;
use domain::permission::{Grant, Role};

use crate::reconcile::{node, running};
use crate::{caller, plane};

#[tokio::test]
async fn each_change_of_a_chain_and_its_host_is_told_with_its_reason() {
    let bed = running().await;
    let plane = plane(bed.services.clone());
    let (ann, name) = (caller("ann", Role::Operator), bed.chain_spec().name);
    let looks = async || {
        // Twice: what stays as it is changes nothing.
        for _ in 0..2 {
            plane.reconcile().await;
            bed.services.clock.sleep(20_000).await;
        }
    };
    let peer = node(&bed, "peer0-org1");
    looks().await;
    bed.network.ail(&peer, Some(Ailment::Sick));
    looks().await;
    bed.network.ail(&peer, None);
    looks().await;
    bed.agent.cut_off();
    looks().await;
    bed.agent.heal();
    looks().await;
    let told = plane.chain_history(&ann, &name, false).await.unwrap();
    let states: Vec<_> = told.iter().map(|change| (change.from, change.to)).collect();
    let expected = [
        (Health::Unreachable, Health::Ok),
        (Health::Ok, Health::Unreachable),
        (Health::Degraded, Health::Ok),
        (Health::Ok, Health::Degraded),
        (Health::Unknown, Health::Ok),
    ];
    assert_eq!(states, expected);
    assert!(told.is_sorted_by(|newer, older| newer.at_ms > older.at_ms), "{told:?}");
    let reasons = |at: usize| {
        let of = told[at].reasons.iter().map(|one| (one.node.clone(), one.why.code));
        of.collect::<Vec<_>>()
    };
    assert_eq!(reasons(3), [(Some("peer0-org1".to_owned()), Code::NodeUnwell)]);
    assert_eq!((reasons(1), reasons(0)), (vec![(None, Code::HostUnreachable)], Vec::new()));
    let told = plane.host_history(&ann, &bed.host, false).await.unwrap();
    let states: Vec<_> = told.iter().map(|change| (change.from, change.to, change.reasons.len())).collect();
    let expected = [
        (HostState::Inactive, HostState::Active, 0),
        (HostState::Active, HostState::Inactive, 1),
        (HostState::Unknown, HostState::Active, 0),
    ];
    assert_eq!(states, expected);
    assert_eq!(told[1].reasons[0].why.code, Code::HostTcp);
}

#[tokio::test]
async fn a_history_is_told_to_whoever_may_see_what_it_is_of() {
    let bed = running().await;
    let (plane, name) = (plane(bed.services.clone()), bed.chain_spec().name);
    plane.reconcile().await;
    let of_chain = async |name: &ChainName, role| {
        let told = plane.chain_history(&caller("uma", role), name, true).await;
        told.map(|told| told.len()).map_err(|error| error.code)
    };
    let of_host = async |id: &HostId, role| {
        let told = plane.host_history(&caller("uma", role), id, true).await;
        told.map(|told| told.len()).map_err(|error| error.code)
    };
    let none = (ChainName::parse("none").unwrap(), HostId::new("none"));
    for role in [Role::Operator, Role::Admin] {
        assert_eq!((of_chain(&name, role).await, of_host(&bed.host, role).await), (Ok(1), Ok(1)));
        let missing = (of_chain(&none.0, role).await, of_host(&none.1, role).await);
        assert_eq!(missing, (Err(Code::NotFound), Err(Code::NotFound)));
    }
    assert_eq!(of_host(&bed.host, Role::User).await, Err(Code::NotAllowed));
    assert_eq!(of_chain(&name, Role::User).await, Err(Code::NotFound));
    bed.services.store.grant_put(&name, &UserId::new("uma"), Grant::Read).await.unwrap();
    assert_eq!(of_chain(&name, Role::User).await, Ok(1));
}

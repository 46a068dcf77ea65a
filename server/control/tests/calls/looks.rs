//! Nodes that hang, a host that says nothing, and peers that are behind: none of them holds up a page or a call, what
//! they do not tell is shown as not known, and what one lacks is read from another one.

use std::time::Duration;

use agents::simulated::{Delay, Verb};
use control::network::simulated::Ailment;
use domain::node::{NodeKind, NodeState};

use super::*;

/// Liberal: every look ends within seconds, while what hangs hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever has written is led to another peer in another way than whoever only asks.
#[tokio::test]
async fn nodes_that_hang_hold_up_no_page_and_no_call() {
    // One organization with two peers.
    let (bed, plane) = deployed_on(1).await;
    let (ann, otto) = (caller("ann", Role::Operator), caller("otto", Role::Operator));
    let (demo, own) = (ChainName::parse("demo").unwrap(), ChannelName::parse("mychannel").unwrap());
    plane.transaction_submit(&ann, call("init", &["a", "100", "b", "200"], "init")).await.unwrap();
    for name in ["orderer0", "peer0-org1"] {
        bed.network.ail(&peer(&bed, name), Some(Ailment::Hung));
    }
    let looks = async {
        tokio::join!(
            plane.chain_read(&ann, &demo),
            plane.channel_list(&ann, &demo),
            plane.transaction_query(&ann, call("query", &["a"], "query")),
            plane.transaction_query(&otto, call("query", &["b"], "query")),
            plane.block_read(&ann, &demo, &own, 0),
        )
    };
    let (chain, channels, hers, his, block) = tokio::time::timeout(PATIENCE, looks).await.unwrap();
    let nodes = chain.unwrap().nodes.into_iter().filter(|node| node.kind != NodeKind::Chaincode);
    let mut told: Vec<_> = nodes.map(|node| (node.name.to_string(), node.heights.len())).collect();
    told.sort();
    let wanted = [("orderer0", 0), ("peer0-org1", 0), ("peer1-org1", 1)];
    assert_eq!(told, wanted.map(|(name, heights)| (name.to_owned(), heights)));
    let channel = channels.unwrap().remove(0);
    let joined: Vec<_> = channel.peers.iter().map(|peer| (peer.node.as_str(), peer.joined)).collect();
    assert_eq!(joined, [("peer0-org1", None), ("peer1-org1", Some(true))]);
    assert!(channel.height.is_some());
    assert_eq!((hers.unwrap().text.as_str(), his.unwrap().text.as_str()), ("100", "200"));
    assert_eq!(block.unwrap().number, 0);
}

#[tokio::test]
async fn the_only_peer_of_an_organization_that_hangs_is_told_of_while_somebody_waits() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    bed.network.ail(&peer(&bed, "peer0-org1"), Some(Ailment::Hung));
    let calls = async {
        tokio::join!(
            plane.transaction_query(&ann, call("query", &["a"], "query")),
            plane.transaction_submit(&ann, call("init", &["a", "1", "b", "2"], "init")),
        )
    };
    let (asked, submitted) = tokio::time::timeout(PATIENCE, calls).await.unwrap();
    assert_eq!([asked.unwrap_err().code, submitted.unwrap_err().code], [Code::NodeUnavailable; 2]);
}

#[tokio::test]
async fn a_peer_that_is_well_again_is_called_once_more() {
    // One organization with two peers.
    let ((bed, plane), ann) = (deployed_on(1).await, caller("ann", Role::Operator));
    plane.transaction_submit(&ann, call("init", &["a", "100", "b", "200"], "init")).await.unwrap();
    let parted = || bed.network.ail(&peer(&bed, "peer0-org1"), Some(Ailment::Parted));
    parted();
    let answer = plane.transaction_query(&ann, call("query", &["a"], "query")).await.unwrap();
    assert_eq!(answer.text, "100");
    parted();
    let done = plane.transaction_submit(&ann, call("move", &["a", "b", "10"], "move")).await.unwrap();
    assert_eq!(done.state, TransactionState::Valid);
}

#[tokio::test]
async fn a_host_that_says_nothing_holds_up_no_page_and_no_export() {
    let (bed, _plane) = deployed().await;
    let silent: Delay = Arc::new(|verb| {
        Box::pin(async move {
            if verb == Verb::ListNodes {
                std::future::pending::<()>().await;
            }
        })
    });
    let plane = facade(bed.services_with(silent));
    let (ann, demo) = (caller("ann", Role::Operator), ChainName::parse("demo").unwrap());
    let orderers = control::chain::exported_name(control::chain::ORDERING).unwrap();
    let looks =
        async { tokio::join!(plane.chain_read(&ann, &demo), plane.material_export(&ann, &demo, &orderers)) };
    let (chain, material) = tokio::time::timeout(PATIENCE, looks).await.unwrap();
    let nodes = chain.unwrap().nodes;
    assert!(!nodes.is_empty() && nodes.iter().all(|node| node.state == NodeState::Unknown), "{nodes:?}");
    assert!(paths(&material.unwrap()).contains(&"README.txt".to_owned()));
}

#[tokio::test]
async fn what_a_peer_that_is_behind_lacks_is_read_from_another_one() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let (demo, own) = (ChainName::parse("demo").unwrap(), ChannelName::parse("mychannel").unwrap());
    // The first one that is asked, of the other organization than she writes through.
    bed.network.ail(&peer(&bed, "peer0-org1"), Some(Ailment::Behind));
    let org2 = OrganizationName::parse("org2").unwrap();
    let spec = CallSpec { organization: org2, ..call("init", &["a", "1", "b", "2"], "init") };
    let done = plane.transaction_submit(&ann, spec).await.unwrap();
    let number = done.block.unwrap();
    assert_eq!(done.state, TransactionState::Valid);
    let read = plane.transaction_read(&ann, &demo, &own, &done.id).await.unwrap();
    assert_eq!((&read.id, read.block, read.valid), (&done.id, number, true));
    let block = plane.block_read(&ann, &demo, &own, number).await.unwrap();
    assert_eq!((block.number, block.previous_hash_verified), (number, Some(true)));
    let beyond = plane.block_read(&ann, &demo, &own, number + 1).await.unwrap_err();
    let unknown = plane.transaction_read(&ann, &demo, &own, &"0".repeat(64)).await.unwrap_err();
    assert_eq!([beyond.status(), unknown.status()], [404; 2]);
    // One that hangs is not waited for.
    bed.network.ail(&peer(&bed, "peer0-org2"), Some(Ailment::Hung));
    let read = plane.transaction_read(&ann, &demo, &own, &done.id);
    let hidden = tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap_err();
    assert_eq!(hidden.status(), 404);
}

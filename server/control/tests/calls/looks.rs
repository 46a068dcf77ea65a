//! Nodes that hang and a host that says nothing: none of them holds up a page or a call, and what they do not tell is
//! shown as not known.

use std::time::Duration;

use agents::NodeRef;
use agents::simulated::{Delay, Verb};
use control::network::simulated::Ailment;
use domain::node::{NodeKind, NodeState};

use super::*;

/// Liberal: every look ends within seconds, while what hangs hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

fn peer(bed: &Bed, name: &str) -> NodeRef {
    NodeRef::new(&bed.services.installation, "demo", name)
}

fn facade(services: Arc<control::services::Services>) -> ControlPlane {
    ControlPlane::new(services, Settings::new("looks"), Zeroizing::new(vec![1; 32])).unwrap()
}

/// Whoever has written is led to another peer in another way than whoever only asks.
#[tokio::test]
async fn nodes_that_hang_hold_up_no_page_and_no_call() {
    // One organization with two peers.
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 1).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    let plane = facade(bed.services.clone());
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

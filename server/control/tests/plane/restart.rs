//! Restarts beside calls: node after node, orderers first, and none that its chain cannot do without.

use std::sync::Arc;
use std::time::Duration;

use agents::simulated::{Delay, Verb};
use agents::{Agent, NodeState, Selector};
use control::operations::chain_create::ChainCreate;
use domain::chain::ChainState;
use domain::operation::OperationState;
use store::Store;
use tokio::sync::Semaphore;

use crate::bed::Bed;
use crate::deploy::{ada, failure, settled};
use crate::plane;
use crate::reconcile::server;

/// A running chain of three orderers and of two organizations with a peer each.
async fn three_orderers() -> Bed {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let mut spec = bed.chain_spec();
    spec.orderers = 3;
    bed.run(ChainCreate { spec }).await;
    bed
}

/// What was stopped and started since a call, in order.
fn moved(bed: &Bed, since: usize) -> Vec<(Verb, String)> {
    let calls = bed.agent.calls().into_iter().skip(since);
    calls.filter(|(verb, _)| matches!(verb, Verb::Stop | Verb::Start)).collect()
}

#[tokio::test]
async fn each_node_is_back_before_the_next_one_goes() {
    // One that is down goes first: the others wait for it. Whoever leads goes last of the orderers.
    for (down, leader, order) in [
        (None, None, ["orderer0", "orderer1", "orderer2", "peer0-org1", "peer0-org2"]),
        (Some("orderer2"), None, ["orderer2", "orderer0", "orderer1", "peer0-org1", "peer0-org2"]),
        (None, Some("orderer0"), ["orderer1", "orderer2", "orderer0", "peer0-org1", "peer0-org2"]),
        (
            Some("orderer2"),
            Some("orderer0"),
            ["orderer2", "orderer1", "orderer0", "peer0-org1", "peer0-org2"],
        ),
    ] {
        let bed = three_orderers().await;
        let plane = plane(bed.services.clone());
        if let Some(down) = down {
            bed.agent.kill(&bed.node(down), 137).unwrap();
        }
        if let Some(leader) = leader {
            bed.network.lead(&bed.node(leader));
        }
        let since = bed.agent.calls().len();
        let id = plane.chain_restart(&ada(), &bed.chain_spec().name).await.unwrap();
        let view = settled(&plane, &id).await;
        assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
        bed.check_chain(ChainState::Running).await.unwrap();
        let pair = |node: &str| [Verb::Stop, Verb::Start].map(|verb| (verb, bed.node(node).to_string()));
        let wanted: Vec<_> = order.into_iter().flat_map(pair).collect();
        assert_eq!(moved(&bed, since), wanted);
    }
}

#[tokio::test]
async fn an_orderer_that_its_chain_needs_is_not_restarted() {
    let bed = three_orderers().await;
    let plane = plane(bed.services.clone());
    bed.agent.lose_data(&bed.node("orderer1"));
    let since = bed.agent.calls().len();
    let id = plane.chain_restart(&ada(), &bed.chain_spec().name).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!(failure(&view), ("restart-orderers", "orderers-too-few", None));
    let values = &view.failure.as_ref().unwrap().values;
    assert_eq!((values["node"].as_str(), values["down"].as_str()), ("orderer0", "orderer1"));
    assert!(moved(&bed, since).is_empty(), "{:?}", moved(&bed, since));
    let said = view.events.iter().any(|event| event.text.contains("orderer1 has lost its data: it is left"));
    assert!(said, "{view:?}");
    plane.operation_undo(&ada(), &id).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Undone);
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
    assert_eq!(record.state, ChainState::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaincode_that_a_restart_has_ended_is_started_by_nobody_else() {
    let bed = Bed::deployed_on(&Store::open("mem://").await.unwrap(), 0).await;
    // An orderer and two peers come back, and what serves chaincode waits.
    let gate = Arc::new(Semaphore::new(3));
    let at_gate = gate.clone();
    let delay: Delay = Arc::new(move |verb| {
        let gate = (verb == Verb::Start).then(|| at_gate.clone());
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
        })
    });
    let (slow, quick) = (plane(bed.services_with(delay)), plane(bed.services.clone()));
    let id = slow.chain_restart(&ada(), &bed.chain_spec().name).await.unwrap();
    let selector = Selector { installation: bed.services.installation.clone(), chain: None };
    let server = server(&bed, 1);
    let state = async || {
        let nodes = bed.agent.list_nodes(&selector).await.unwrap();
        nodes.into_iter().find(|status| status.node == server).unwrap().state
    };
    let ends = async {
        while state().await != NodeState::Stopped {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ends).await.unwrap();
    quick.reconcile().await;
    assert_eq!(state().await, NodeState::Stopped);
    gate.add_permits(16);
    assert_eq!(settled(&slow, &id).await.summary.state, OperationState::Done);
    assert_eq!(state().await, NodeState::Running);
    bed.check_chain(ChainState::Running).await.unwrap();
}

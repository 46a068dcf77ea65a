//! Restarts beside calls: node after node, orderers first, and none that its chain cannot do without.

use agents::simulated::Verb;
use control::operations::chain_create::ChainCreate;
use domain::chain::ChainState;
use domain::operation::OperationState;
use store::Store;

use crate::bed::Bed;
use crate::deploy::{ada, failure, settled};
use crate::plane;

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
    // One that is down goes first: the others wait for it.
    for (down, order) in [
        (None, ["orderer0", "orderer1", "orderer2", "peer0-org1", "peer0-org2"]),
        (Some("orderer2"), ["orderer2", "orderer0", "orderer1", "peer0-org1", "peer0-org2"]),
    ] {
        let bed = three_orderers().await;
        let plane = plane(bed.services.clone());
        if let Some(down) = down {
            bed.agent.kill(&bed.node(down), 137).unwrap();
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

//! Starts of chains of which not all is there any more: what can be made again is, what is lost is shown, and neither
//! holds up what is well.

use std::collections::BTreeMap;

use agents::simulated::{Fault, Verb, When};
use agents::{Agent, NodeState};
use control::ControlPlane;
use control::operations::chain_create::ChainCreate;
use control::operations::chain_start::ChainStart;
use control::operations::chain_stop::ChainStop;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::operations::chaincode_steps::ChaincodeInstall;
use domain::chain::{ChainState, Health};
use domain::name::OrganizationName;
use domain::operation::{OperationState, OperationView};
use domain::transaction::CallSpec;
use store::Store;

use crate::bed::Bed;
use crate::deploy::{ada, failure, settled};
use crate::plane;
use crate::reconcile::{health, node, running, server, state};

fn call(bed: &Bed, function: &str, arguments: &[&str]) -> CallSpec {
    let deployed = bed.deploy_spec();
    CallSpec {
        chain: deployed.chain,
        channel: deployed.channel,
        chaincode: deployed.name,
        organization: OrganizationName::parse("org1").unwrap(),
        function: function.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        transient: BTreeMap::new(),
        endorsers: Vec::new(),
        is_init: false,
        idempotency_key: format!("key-of-{function}"),
    }
}

/// A stopped chain with the sample on it, in which `a` has 100.
async fn stopped() -> Bed {
    let bed = running().await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    let plane = plane(bed.services.clone());
    plane.transaction_submit(&ada(), call(&bed, "init", &["a", "100", "b", "200"])).await.unwrap();
    bed.run(ChainStop { chain: bed.chain_spec().name }).await;
    bed
}

/// Starts the chain over the façade, and waits for what comes of it.
async fn started(plane: &ControlPlane, bed: &Bed) -> OperationView {
    let id = plane.chain_start(&ada(), &bed.chain_spec().name).await.unwrap();
    settled(plane, &id).await
}

async fn check_answers(plane: &ControlPlane, bed: &Bed) {
    let answer = plane.transaction_query(&ada(), call(bed, "query", &["a"])).await.unwrap();
    assert_eq!(answer.text, "100");
}

fn tells(view: &OperationView, text: &str) -> bool {
    view.events.iter().any(|event| event.text.contains(text))
}

#[tokio::test]
async fn a_chaincode_container_that_was_removed_while_the_chain_stood_still_is_made_again() {
    for keeps_files in [true, false] {
        let bed = stopped().await;
        let (plane, server) = (plane(bed.services.clone()), server(&bed, 1));
        bed.agent.remove_node(&server, keeps_files).await.unwrap();
        let view = started(&plane, &bed).await;
        assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
        assert_eq!(state(&bed.agent, &server).await, NodeState::Running);
        bed.check_chain(ChainState::Running).await.unwrap();
        assert_eq!(bed.check_chaincode().await, Ok(1));
        check_answers(&plane, &bed).await;
    }
}

#[tokio::test]
async fn a_host_that_was_cleared_up_while_the_chain_stood_still_gets_all_of_it_back() {
    let bed = stopped().await;
    let plane = plane(bed.services.clone());
    bed.agent.prune();
    let left = bed.agent.objects(&bed.services.installation);
    assert!(left.iter().all(|name| name.starts_with("data ") || name.starts_with("config ")), "{left:?}");
    let view = started(&plane, &bed).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    bed.check_chain(ChainState::Running).await.unwrap();
    assert_eq!(bed.check_chaincode().await, Ok(1));
    check_answers(&plane, &bed).await;
}

#[tokio::test]
async fn a_container_that_was_never_started_is_made_and_not_just_started() {
    for is_server in [true, false] {
        let bed = stopped().await;
        let plane = plane(bed.services.clone());
        let gone = if is_server { server(&bed, 1) } else { node(&bed, "peer0-org1") };
        bed.agent.remove_node(&gone, true).await.unwrap();
        // Its container is made, and the host goes away before it is started.
        bed.agent.fail_verb(Verb::EnsureNode, 1, Fault::unreachable(When::Midway));
        let view = started(&plane, &bed).await;
        assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
        bed.check_chain(ChainState::Running).await.unwrap();
        let calls = bed.agent.calls();
        let of = |verb: Verb| calls.iter().filter(|call| **call == (verb, gone.to_string())).count();
        // Once when it was new, and twice now.
        assert_eq!((of(Verb::EnsureNode), of(Verb::Start)), (3, 0), "{gone}");
        check_answers(&plane, &bed).await;
    }
}

#[tokio::test]
async fn a_restart_that_an_earlier_version_had_marked_goes_on() {
    let bed = running().await;
    let name = bed.chain_spec().name;
    let (from, to) = ([ChainState::Running], ChainState::Starting);
    bed.services.store.chain_state_save(&name, &from, to).await.unwrap();
    bed.run(ChainStart { chain: name, restart: true }).await;
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_lost_its_data_does_not_hold_its_chain_up() {
    let bed = stopped().await;
    let (plane, lost) = (plane(bed.services.clone()), node(&bed, "peer0-org2"));
    bed.agent.lose_data(&lost);
    let view = started(&plane, &bed).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    assert!(tells(&view, "peer0-org2 has lost its data"), "{view:?}");
    check_answers(&plane, &bed).await;
    plane.reconcile().await;
    assert_eq!(state(&bed.agent, &lost).await, NodeState::Missing);
    assert_eq!(health(&bed).await, (Health::Degraded, vec!["peer0-org2: node-data-lost".to_owned()]));
}

#[tokio::test]
async fn orderers_that_lost_their_data_hold_it_up_when_too_few_are_left() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let mut spec = bed.chain_spec();
    spec.orderers = 3;
    bed.run(ChainCreate { spec }).await;
    let (plane, name) = (plane(bed.services.clone()), bed.chain_spec().name);
    bed.run(ChainStop { chain: name.clone() }).await;
    bed.agent.lose_data(&node(&bed, "orderer1"));
    let view = started(&plane, &bed).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    for runs in ["orderer0", "orderer2", "peer0-org1", "peer0-org2"] {
        assert_eq!(state(&bed.agent, &node(&bed, runs)).await, NodeState::Running, "{runs}");
    }
    bed.run(ChainStop { chain: name }).await;
    bed.agent.lose_data(&node(&bed, "orderer2"));
    let view = started(&plane, &bed).await;
    assert_eq!(failure(&view), ("start-nodes", "node-data-lost", None));
    assert_eq!(view.failure.as_ref().unwrap().values["node"], "orderer1");
    assert_eq!(state(&bed.agent, &node(&bed, "peer0-org1")).await, NodeState::Stopped);
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    assert_eq!(settled(&plane, &view.summary.id).await.summary.state, OperationState::Undone);
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
    assert_eq!(record.state, ChainState::Stopped);
}

#[tokio::test]
async fn what_serves_no_definition_that_is_known_is_noted_and_left() {
    let bed = running().await;
    let (plane, name) = (plane(bed.services.clone()), bed.chain_spec().name);
    let peers = ["peer0-org1", "peer0-org2"].map(crate::deploy::node).to_vec();
    bed.run(ChaincodeInstall { spec: bed.deploy_spec(), peers, starter: None }).await;
    let begun = server(&bed, 1);
    // What is on its way has containers that come back.
    bed.run(ChainStop { chain: name.clone() }).await;
    bed.agent.remove_node(&begun, true).await.unwrap();
    let view = started(&plane, &bed).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    assert_eq!(state(&bed.agent, &begun).await, NodeState::Running);
    // Of what nobody knows any more there is nothing to make it from.
    bed.run(ChainStop { chain: name.clone() }).await;
    bed.services.store.document_delete(&name, "drafts").await.unwrap();
    bed.agent.remove_node(&begun, true).await.unwrap();
    let view = started(&plane, &bed).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    assert!(tells(&view, &format!("{} serves no definition", begun.node)), "{view:?}");
    assert_eq!(state(&bed.agent, &begun).await, NodeState::Missing);
}

#[tokio::test]
async fn a_chaincode_that_nothing_brings_back_holds_nothing_else_up() {
    let bed = stopped().await;
    let (plane, server) = (plane(bed.services.clone()), server(&bed, 1));
    bed.agent.prune();
    bed.agent.lose_image(&bed.deploy_spec().image);
    let view = started(&plane, &bed).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    assert!(tells(&view, &format!("{} cannot be brought back", server.node)), "{view:?}");
    plane.reconcile().await;
    let (now, ailments) = health(&bed).await;
    assert_eq!(now, Health::Degraded);
    assert!(ailments.iter().any(|one| one.contains("image-missing")), "{ailments:?}");
}

//! What organizations agree on: when their approvals are enough, what an undo says of them, and that a deployment over
//! what was begun leaves it as it was.

use std::sync::Arc;

use agents::{Agent, Selector};
use control::operations::chain_create::ChainCreate;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::operations::chaincode_steps::{ChaincodeApprove, ChaincodeInstall};
use domain::chain::OrganizationSpec;
use domain::chaincode::DeploySpec;
use domain::name::OrganizationName;
use domain::node::NodeKind;
use domain::operation::{KeptView, OperationState};
use store::Store;
use workflow::testkit::JumpClock;
use workflow::{MemoryLog, Settings, Start, Workflow};

use crate::bed::Bed;
use crate::deploy::{ada, board, deployed, failure, node, running, second_channel, settled};
use crate::plane;

fn approval(bed: &Bed, organization: &str) -> ChaincodeApprove {
    let organization = OrganizationName::parse(organization).unwrap();
    ChaincodeApprove { spec: bed.deploy_spec(), organization, starter: None }
}

/// Who has approved, in the order of the board.
async fn approvals(bed: &Bed) -> Vec<bool> {
    let plane = plane(bed.services.clone());
    let one = board(bed, &plane, &bed.chain_spec().channel).await.remove(0);
    one.readiness.into_iter().map(|row| row.approved).collect()
}

#[tokio::test]
async fn a_majority_commits_and_who_agrees_later_serves_later() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let mut chain = bed.chain_spec();
    let third = OrganizationName::parse("org3").unwrap();
    chain.organizations.push(OrganizationSpec { name: third, peers: 1 });
    bed.run(ChainCreate { spec: chain }).await;
    let (plane, spec) = (plane(bed.services.clone()), bed.deploy_spec());
    let peers = ["peer0-org1", "peer0-org2", "peer0-org3"].map(node).to_vec();
    bed.run(ChaincodeInstall { spec: spec.clone(), peers, starter: None }).await;
    bed.run(approval(&bed, "org1")).await;
    let early = plane.chaincode_commit(&ada(), spec.clone()).await.unwrap();
    let view = settled(&plane, &early).await;
    assert_eq!((failure(&view).0, failure(&view).1), ("commit-definition", "not-approved"));
    plane.operation_undo(&ada(), &early).await.unwrap();
    settled(&plane, &early).await;

    bed.run(approval(&bed, "org3")).await;
    let commit = plane.chaincode_commit(&ada(), spec).await.unwrap();
    let view = settled(&plane, &commit).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    assert_eq!(approvals(&bed).await, [true, false, true]);
    let told = |text: &str| view.events.iter().any(|event| event.text == text);
    assert!(told("org2 has not approved: its peers do not serve it yet"), "{view:?}");
    bed.run(approval(&bed, "org2")).await;
    assert_eq!(approvals(&bed).await, [true; 3]);
}

#[tokio::test]
async fn an_undo_says_which_approvals_stay() {
    let bed = running(0).await;
    let plane = plane(bed.services.clone());
    let silent = bed.node("peer0-org2");
    bed.agent.kill(&silent, 137).unwrap();
    let spec = DeploySpec { peers: vec![node("peer0-org1")], ..bed.deploy_spec() };
    let view = deployed(&plane, spec, "half").await;
    assert_eq!(failure(&view).0, "approve-definition");
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    let view = settled(&plane, &view.summary.id).await;
    assert_eq!(view.summary.state, OperationState::Undone, "{view:?}");
    let what = "left behind: approval of definition example02 1, sequence 1, by";
    let wanted = [
        format!("{what} Org1MSP (Fabric cannot withdraw an approval)"),
        // Whoever does not answer may have approved.
        format!("perhaps {what} Org2MSP ("),
    ];
    for text in wanted {
        assert!(view.events.iter().any(|event| event.text.starts_with(&text)), "{text}: {view:?}");
    }
    let is_kept = |code: &str, organization: &str| {
        let is_it = |one: &KeptView| one.code == code && one.values["organization"] == organization;
        view.left_behind.iter().any(is_it)
    };
    assert!(is_kept("approval-kept", "Org1MSP") && is_kept("approval-perhaps-kept", "Org2MSP"), "{view:?}");
    assert!(is_kept("package-kept", "Org1MSP") && !is_kept("approval-kept", "Org2MSP"), "{view:?}");
    let approval = view.left_behind.iter().find(|one| one.code == "approval-kept").unwrap();
    assert_eq!(
        ["name", "version", "sequence"].map(|of| approval.values[of].as_str()),
        ["example02", "1", "1"]
    );
}

/// Past the façade: the peer may have been in the channel when it was asked there.
#[tokio::test]
async fn a_chosen_peer_that_is_not_in_the_channel_by_then_fails_the_installation() {
    let bed = running(1).await;
    let channel = second_channel(&bed).await;
    let peers = vec![node("peer0-org1"), node("peer1-org1")];
    let spec = DeploySpec { channel, peers, ..bed.deploy_spec() };
    let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(JumpClock::new(1_700_000_000_000)));
    let workflow = Workflow::new(log, bed.services.clone(), clock, Settings::new("late"));
    let workflow = workflow.register::<ChaincodeDeploy>().unwrap();
    let started = workflow.start(Start::new("ada", ChaincodeDeploy { spec, starter: None })).await.unwrap();
    let ended = workflow.settled(&started.id).await.unwrap().operation;
    assert_eq!(ended.state, workflow::OperationState::Failed);
    assert_eq!(ended.error.unwrap().code, "peers-not-joined");
}

#[tokio::test]
async fn an_undo_leaves_no_containers_where_only_an_approval_was_begun() {
    let bed = running(0).await;
    let plane = plane(bed.services.clone());
    bed.run(approval(&bed, "org1")).await;
    let silent = bed.node("peer0-org2");
    bed.agent.kill(&silent, 137).unwrap();
    let spec = DeploySpec { peers: vec![node("peer0-org1")], ..bed.deploy_spec() };
    let view = deployed(&plane, spec, "whole").await;
    assert_eq!(failure(&view).0, "approve-definition");
    let serving = async || {
        let chain =
            Selector { installation: bed.services.installation.clone(), chain: Some("demo".to_owned()) };
        let nodes = bed.agent.list_nodes(&chain).await.unwrap();
        nodes.into_iter().filter(|node| node.kind == NodeKind::Chaincode.as_str()).count()
    };
    assert_eq!(serving().await, 2);
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    let view = settled(&plane, &view.summary.id).await;
    assert_eq!((view.summary.state, serving().await), (OperationState::Undone, 0), "{view:?}");
    // What was begun before is there as it was.
    assert_eq!(approvals(&bed).await, [true, false]);
}

//! Deployments that do not go well, peers that come later, and peers that are chosen: over the façade, on a host and a
//! network in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agents::simulated::{Delay, Flaw, Verb};
use agents::{Agent, NodeStatus, Selector};
use control::ControlPlane;
use control::caller::Caller;
use control::network::{Call, DefinitionSpec, Network};
use control::operations::chain_create::ChainCreate;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::operations::channel_create::ChannelCreate;
use control::operations::channel_join::ChannelJoin;
use control::operations::link_of;
use domain::Code;
use domain::chaincode::{ChaincodeView, DeploySpec};
use domain::channel::{ChannelMember, ChannelSpec};
use domain::id::{OperationId, UserId};
use domain::name::{ChannelName, NodeName, OrganizationName};
use domain::operation::{OperationState, OperationView, StepState};
use domain::permission::{Grant, Role};
use store::Store;
use workflow::{Log, NewOperation, OperationRecord, StepRecord, Wanted};

use crate::bed::{Bed, person};
use crate::{caller, plane};

pub(crate) fn ada() -> Caller {
    caller("ada", Role::Admin)
}

pub(crate) fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// A running chain: of two organizations for an even seed, of one with two peers for an odd one.
pub(crate) async fn running(seed: u64) -> Bed {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), seed).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed
}

/// Waits until nothing more happens by itself.
pub(crate) async fn settled(plane: &ControlPlane, id: &OperationId) -> OperationView {
    let looks = async {
        loop {
            let view = plane.operation_read(&ada(), id).await.unwrap();
            if view.summary.state.is_at_rest() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looks).await.unwrap()
}

pub(crate) async fn deployed(plane: &ControlPlane, spec: DeploySpec, key: &str) -> OperationView {
    let id = plane.chaincode_deploy(&ada(), spec, format!("key-of-{key}")).await.unwrap();
    settled(plane, &id).await
}

/// Step and code of a failure, and the last line of its evidence.
pub(crate) fn failure(view: &OperationView) -> (&str, &str, Option<&str>) {
    assert_eq!(view.summary.state, OperationState::Failed, "{view:?}");
    let failure = view.failure.as_ref().unwrap();
    (&failure.step, &failure.code, failure.evidence.last().map(String::as_str))
}

pub(crate) async fn board(bed: &Bed, plane: &ControlPlane, channel: &ChannelName) -> Vec<ChaincodeView> {
    let all = plane.chaincode_list(&ada(), &bed.chain_spec().name).await.unwrap();
    all.into_iter().filter(|one| one.channel == *channel).collect()
}

#[tokio::test]
async fn an_image_that_crashes_is_found_out_before_anybody_approves() {
    let bed = running(0).await;
    let (plane, spec) = (plane(bed.services.clone()), bed.deploy_spec());
    bed.agent.spoil_image(&spec.image, Some(Flaw::Crashes));
    let view = deployed(&plane, spec.clone(), "crash").await;
    assert_eq!(failure(&view), ("await-chaincode", "node-not-healthy", Some("it ends at once")));
    let approval = view.steps.iter().find(|step| step.name == "approve-definition").unwrap();
    assert_eq!(approval.state, StepState::Pending);
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    assert_eq!(settled(&plane, &view.summary.id).await.summary.state, OperationState::Undone);
    assert_eq!(bed.check_chaincode().await, Ok(0));
    bed.agent.spoil_image(&spec.image, None);
    assert_eq!(deployed(&plane, spec, "repaired").await.summary.state, OperationState::Done);
    assert_eq!(bed.check_chaincode().await, Ok(1));
}

/// Puts a deployment into the log as the first version of its plan did.
async fn begun_before(bed: &Bed) -> OperationId {
    let id = OperationId::new("0".repeat(32));
    let params = ChaincodeDeploy { spec: bed.deploy_spec(), starter: None };
    let operation = OperationRecord {
        id: id.to_string(),
        name: "chaincode-deploy".to_owned(),
        version: 1,
        owner: "ada".to_owned(),
        subject: Some("chain/demo".to_owned()),
        idempotency_key: None,
        params: serde_json::to_value(params).unwrap(),
        state: workflow::OperationState::Pending,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: 0,
        updated_ms: 0,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    let names = ["resolve-image", "make-packages", "start-chaincode", "install-packages"];
    let names = names.into_iter().chain(["approve-definition", "commit-definition", "await-definition"]);
    let steps = (0..).zip(names).map(|(index, name)| StepRecord {
        operation: id.to_string(),
        index,
        name: name.to_owned(),
        state: workflow::StepState::Pending,
        attempt: 0,
        interrupted: 0,
        started_ms: None,
        ended_ms: None,
        retry_at_ms: None,
        output: None,
        error: None,
        done: 0,
        total: 0,
    });
    let new = NewOperation { operation, steps: steps.collect(), events: Vec::new(), supersede: None };
    bed.services.store.create(new).await.unwrap();
    id
}

#[tokio::test]
async fn a_deployment_of_the_first_version_is_resumed_and_undone() {
    for resumes in [true, false] {
        let bed = running(0).await;
        let (plane, image) = (plane(bed.services.clone()), bed.deploy_spec().image);
        bed.agent.spoil_image(&image, Some(Flaw::Crashes));
        let id = begun_before(&bed).await;
        let driver = plane.run();
        let failed = settled(&plane, &id).await;
        drop(driver);
        assert_eq!(failure(&failed), ("start-chaincode", "node-not-healthy", Some("it ends at once")));
        bed.agent.spoil_image(&image, None);
        for server in servers(&bed).await {
            bed.agent.remove_node(&server.node, false).await.unwrap();
        }
        let wanted = if resumes {
            plane.operation_resume(&ada(), &id).await.unwrap();
            OperationState::Done
        } else {
            plane.operation_undo(&ada(), &id).await.unwrap();
            OperationState::Undone
        };
        let view = settled(&plane, &id).await;
        assert_eq!(view.summary.state, wanted, "{view:?}");
        assert_eq!(bed.check_chaincode().await, Ok(i64::from(resumes)));
    }
}

#[tokio::test]
async fn a_container_that_somebody_removed_meanwhile_is_made_again() {
    let bed = running(0).await;
    let (plane, spec) = (plane(bed.services.clone()), bed.deploy_spec());
    bed.agent.spoil_image(&spec.image, Some(Flaw::Crashes));
    let view = deployed(&plane, spec.clone(), "removed").await;
    assert_eq!(failure(&view).0, "await-chaincode");
    for server in servers(&bed).await {
        bed.agent.remove_node(&server.node, false).await.unwrap();
    }
    bed.agent.spoil_image(&spec.image, None);
    plane.operation_resume(&ada(), &view.summary.id).await.unwrap();
    let view = settled(&plane, &view.summary.id).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    assert_eq!(bed.check_chaincode().await, Ok(1));
}

#[tokio::test]
async fn a_container_that_runs_and_does_not_answer_fails_the_deployment_with_its_lines() {
    let bed = running(0).await;
    let (plane, spec) = (plane(bed.services.clone()), bed.deploy_spec());
    bed.agent.spoil_image(&spec.image, Some(Flaw::Deaf));
    let view = deployed(&plane, spec.clone(), "deaf").await;
    assert_eq!(failure(&view), ("await-definition", "chaincode-unreachable", Some("boot 1")));
    // What is committed is committed, and is not hidden.
    assert_eq!(bed.check_chaincode().await, Ok(1));
    bed.agent.spoil_image(&spec.image, None);
    plane.operation_resume(&ada(), &view.summary.id).await.unwrap();
    let view = settled(&plane, &view.summary.id).await;
    assert_eq!(view.summary.state, OperationState::Done);
    assert!(view.events.iter().any(|event| event.text.ends_with("answers peer0-org1")), "{view:?}");
}

#[tokio::test]
async fn one_that_wants_to_be_initialised_first_answers_too() {
    let bed = running(0).await;
    let spec = DeploySpec { init_required: true, ..bed.deploy_spec() };
    let view = deployed(&plane(bed.services.clone()), spec, "init").await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
}

#[tokio::test]
async fn a_peer_that_is_down_is_shown_with_its_last_lines() {
    let bed = running(1).await;
    let peer = bed.node("peer1-org1");
    bed.agent.kill(&peer, 137).unwrap();
    let view = deployed(&plane(bed.services.clone()), bed.deploy_spec(), "down").await;
    assert_eq!(failure(&view), ("install-packages", "node-unavailable", Some("boot 1")));
}

#[tokio::test]
async fn a_sequence_that_somebody_else_used_meanwhile_is_a_conflict() {
    let bed = Arc::new(running(0).await);
    let (done, inside) = (Arc::new(AtomicBool::new(false)), bed.clone());
    let delay: Delay = Arc::new(move |verb| {
        let (bed, acts) = (inside.clone(), verb == Verb::EnsureNode && !done.swap(true, Ordering::Relaxed));
        Box::pin(async move {
            if acts {
                commit_past_the_portal(&bed).await;
            }
        })
    });
    let view = deployed(&plane(bed.services_with(delay)), bed.deploy_spec(), "conflict").await;
    assert_eq!(failure(&view).1, "sequence-conflict");
}

/// Somebody with a tool of their own approves and commits a definition.
async fn commit_past_the_portal(bed: &Bed) {
    let link = link_of(&bed.services, bed.plan().await.unwrap()).await.unwrap();
    let definition = DefinitionSpec {
        name: "example02".to_owned(),
        version: "theirs".to_owned(),
        sequence: 1,
        policy: None,
        init_required: false,
    };
    let msp_ids: Vec<String> = link.plan.members().map(|(_, member)| member.msp_id.clone()).collect();
    for name in ["peer0-org1", "peer0-org2"] {
        let peer = link.plan.node(&node(name)).unwrap();
        bed.network.approve(&link, peer, "mychannel", &definition, "theirs:1").await.unwrap();
    }
    let peer = link.plan.node(&node("peer0-org1")).unwrap();
    bed.network.commit(&link, peer, "mychannel", &definition, &msp_ids).await.unwrap();
}

/// A second channel, of the first of two peers.
pub(crate) async fn second_channel(bed: &Bed) -> ChannelName {
    let second = ChannelName::parse("second").unwrap();
    let organization = OrganizationName::parse("org1").unwrap();
    let members = vec![ChannelMember { organization, peers: vec![node("peer0-org1")] }];
    let spec = ChannelSpec { chain: bed.chain_spec().name, name: second.clone(), members };
    bed.run(ChannelCreate { spec }).await;
    second
}

async fn servers(bed: &Bed) -> Vec<NodeStatus> {
    let selector = Selector { installation: bed.services.installation.clone(), chain: None };
    let nodes = bed.agent.list_nodes(&selector).await.unwrap();
    nodes.into_iter().filter(|node| node.kind == "chaincode").collect()
}

#[tokio::test]
async fn a_peer_that_joins_later_gets_the_package_that_is_in_force() {
    let bed = running(1).await;
    let (plane, chain) = (plane(bed.services.clone()), bed.chain_spec().name);
    let second = second_channel(&bed).await;
    let spec = DeploySpec { channel: second.clone(), ..bed.deploy_spec() };
    bed.run(ChaincodeDeploy { spec: spec.clone(), starter: None }).await;
    let (before, ran) = (board(&bed, &plane, &second).await.remove(0), servers(&bed).await);
    // A peer that is not in the channel is not missing there.
    assert_eq!((before.readiness[0].installed.len(), before.readiness[0].missing.len()), (1, 0));
    let peers = vec![node("peer1-org1")];
    bed.run(ChannelJoin { chain, channel: second.clone(), peers: peers.clone() }).await;
    assert_eq!(board(&bed, &plane, &second).await[0].readiness[0].missing, ["peer1-org1"]);

    let id = plane.chaincode_install(&ada(), spec.clone(), peers).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Done);
    let organization = OrganizationName::parse("org1").unwrap();
    let id = plane.chaincode_approve(&ada(), spec, organization).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Done);
    let after = board(&bed, &plane, &second).await;
    // One definition, as it was, and no other one begun.
    assert_eq!((after.len(), after[0].sequence, after[0].committed), (1, 1, true));
    assert_eq!(after[0].readiness[0].installed, ["peer0-org1", "peer1-org1"]);
    assert_eq!(servers(&bed).await, ran, "what serves it runs on");

    let link = link_of(&bed.services, bed.plan().await.unwrap()).await.unwrap();
    let late = link.plan.node(&node("peer1-org1")).unwrap();
    let call = Call {
        channel: "second".to_owned(),
        chaincode: "example02".to_owned(),
        arguments: ["init", "a", "1", "b", "2"].map(|word| word.as_bytes().to_vec()).to_vec(),
        ..Call::default()
    };
    bed.network.evaluate(&link, late, &link.trust.admins["Org1MSP"], &call).await.unwrap();
}

#[tokio::test]
async fn a_package_goes_to_the_chosen_peers_only() {
    let bed = running(1).await;
    let (plane, own) = (plane(bed.services.clone()), bed.chain_spec().channel);
    let chosen = |name: &str| DeploySpec { peers: vec![node(name)], ..bed.deploy_spec() };
    for unknown in ["orderer0", "peer7-org1"] {
        let refused = plane.chaincode_deploy(&ada(), chosen(unknown), "key-of-unknown".to_owned()).await;
        let error = refused.unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (Code::NotFound, Some("peers")), "{unknown}");
    }
    let view = deployed(&plane, chosen("peer1-org1"), "chosen").await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    let row = board(&bed, &plane, &own).await.remove(0).readiness.remove(0);
    assert_eq!((row.installed, row.missing), (vec!["peer1-org1".to_owned()], vec!["peer0-org1".to_owned()]));

    let channel = second_channel(&bed).await;
    let both = vec![node("peer0-org1"), node("peer1-org1")];
    let elsewhere = DeploySpec { channel, peers: both.clone(), ..bed.deploy_spec() };
    let told = |error: domain::Error| {
        assert_eq!((error.code, error.field.as_deref()), (Code::PeersNotJoined, Some("peers")));
        (error.values["names"].clone(), error.values["channel"].clone())
    };
    let outside = ("peer1-org1".to_owned(), "second".to_owned());
    let refused = plane.chaincode_deploy(&ada(), elsewhere.clone(), "key-of-elsewhere".to_owned()).await;
    assert_eq!(told(refused.unwrap_err()), outside);
    let plain = DeploySpec { peers: Vec::new(), ..elsewhere };
    assert_eq!(told(plane.chaincode_install(&ada(), plain, both).await.unwrap_err()), outside);
}

/// An image outside of the host's rules that only a registry has.
const OFFERED: &str = "registry.example/team/cc:1";

/// A user who may manage the chain.
async fn uma(bed: &Bed) -> Caller {
    bed.services.store.grant_put(&bed.chain_spec().name, &UserId::new("uma"), Grant::Manage).await.unwrap();
    caller("uma", Role::User)
}

#[tokio::test]
async fn what_staff_deploy_is_approved_as_the_content_that_was_pulled() {
    let bed = running(0).await;
    let (plane, uma) = (plane(bed.services.clone()), uma(&bed).await);
    person(&bed.services.store, "ada", Role::Admin).await;
    bed.agent.offer_image(OFFERED);
    let spec = DeploySpec { image: OFFERED.to_owned(), ..bed.deploy_spec() };
    let refused = plane.chaincode_deploy(&uma, spec.clone(), "key-of-uma".to_owned()).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::ImageOutsideRules, Some("image")));
    // A deployment that is refused approves nothing, though its image is there.
    bed.agent.add_image("heddle.local/mine:1");
    let unknown = vec![node("peer7-org1")];
    let astray = DeploySpec { image: "heddle.local/mine:1".to_owned(), peers: unknown, ..spec.clone() };
    let refused = plane.chaincode_deploy(&ada(), astray, "key-of-astray".to_owned()).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("peers"));
    assert!(plane.host_image_approvals(&ada(), &bed.host).await.unwrap().is_empty());

    let view = deployed(&plane, spec.clone(), "first").await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
    let approved = plane.host_image_approvals(&ada(), &bed.host).await.unwrap();
    assert_eq!((approved.len(), approved[0].by.as_str()), (1, "ada"));
    assert_eq!(approved[0].reference, OFFERED);
    let next = DeploySpec { version: "2".to_owned(), ..spec };
    let id = plane.chaincode_deploy(&uma, next, "key-of-next".to_owned()).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Done);
}

#[tokio::test]
async fn who_is_no_longer_staff_approves_nothing_by_what_they_started() {
    let bed = running(0).await;
    let plane = plane(bed.services.clone());
    bed.agent.offer_image(OFFERED);
    // An operator when they asked, a user by the time the image is there.
    person(&bed.services.store, "otto", Role::User).await;
    let otto = caller("otto", Role::Operator);
    let spec = DeploySpec { image: OFFERED.to_owned(), ..bed.deploy_spec() };
    let id = plane.chaincode_deploy(&otto, spec, "key-of-demoted".to_owned()).await.unwrap();
    refused_for_its_image(&plane, &id).await;
    // Whoever takes it up again lends nobody a role.
    plane.operation_resume(&otto, &id).await.unwrap();
    refused_for_its_image(&plane, &id).await;
    assert!(plane.host_image_approvals(&ada(), &bed.host).await.unwrap().is_empty());
}

/// Waits until a deployment has failed for its image.
async fn refused_for_its_image(plane: &ControlPlane, id: &OperationId) {
    let view = settled(plane, id).await;
    assert_eq!((failure(&view).0, failure(&view).1), ("resolve-image", "image-outside-rules"), "{view:?}");
}

#[tokio::test]
async fn content_that_nobody_approved_does_not_run_under_an_approved_name() {
    let bed = running(0).await;
    let uma = uma(&bed).await;
    bed.agent.add_image("heddle.local/mine:1");
    let agent = bed.agent.clone();
    // The name moves between the wish and its execution.
    let delay: Delay = Arc::new(move |verb| {
        if verb == Verb::EnsureImage {
            agent.move_tag("heddle.local/mine:1", "heddle.local/another:1");
        }
        Box::pin(std::future::ready(()))
    });
    let plane = plane(bed.services_with(delay));
    plane.host_image_approve(&ada(), &bed.host, "heddle.local/mine:1").await.unwrap();
    let spec = DeploySpec { image: "heddle.local/mine:1".to_owned(), ..bed.deploy_spec() };
    let id = plane.chaincode_deploy(&uma, spec, "key-of-moved".to_owned()).await.unwrap();
    let view = settled(&plane, &id).await;
    let (step, code, _) = failure(&view);
    assert_eq!((step, code), ("resolve-image", "image-outside-rules"));
    assert_eq!(bed.check_chaincode().await, Ok(0));
    assert_eq!(plane.host_image_approvals(&ada(), &bed.host).await.unwrap().len(), 1);
}

/// The packages that an operation made, one of each organization.
fn packages(view: &OperationView) -> Vec<String> {
    let lines = view.events.iter().filter_map(|event| event.text.split_once("MSP: "));
    lines.map(|(_, id)| id.to_owned()).collect()
}

#[tokio::test]
async fn packages_are_named_after_the_label_that_was_brought() {
    let bed = running(0).await;
    let plane = plane(bed.services.clone());
    let labelled = |version: &str| {
        let label = Some("basic_1.0".to_owned());
        DeploySpec { label, version: version.to_owned(), ..bed.deploy_spec() }
    };
    let link = link_of(&bed.services, bed.plan().await.unwrap()).await.unwrap();
    let (peer, mut known) = (link.plan.node(&node("peer0-org1")).unwrap(), BTreeSet::new());
    // A first deployment and an upgrade.
    for version in ["1", "2"] {
        let view = deployed(&plane, labelled(version), &format!("label-{version}")).await;
        assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
        let ids = packages(&view);
        assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("basic_1.0:")), "{ids:?}");
        // What a peer holds and what its server calls itself is the same.
        let installed = bed.network.installed(&link, peer).await.unwrap();
        assert!(ids.iter().any(|id| installed.contains(id)), "{ids:?}: {installed:?}");
        for id in ids {
            assert!(bed.agent.runs_with(&bed.services.installation, "demo", "CHAINCODE_ID", &id), "{id}");
            assert!(known.insert(id), "the label is the same, its content is not");
        }
    }
    let silent = bed.node("peer0-org2");
    bed.agent.kill(&silent, 137).unwrap();
    let half = DeploySpec { peers: vec![node("peer0-org1")], ..labelled("3") };
    let view = deployed(&plane, half, "label-3").await;
    assert_eq!(failure(&view).0, "approve-definition");
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    let view = settled(&plane, &view.summary.id).await;
    assert_eq!(view.summary.state, OperationState::Undone, "{view:?}");
    assert_eq!(packages(&view).len(), 2, "{view:?}");
    for id in packages(&view) {
        let left = format!("left behind: package {id} on peers of ");
        assert!(id.starts_with("basic_1.0:") && known.insert(id), "{view:?}");
        assert!(view.events.iter().any(|event| event.text.starts_with(&left)), "{left}: {view:?}");
    }
}

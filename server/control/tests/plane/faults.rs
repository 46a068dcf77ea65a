//! A host whose answers get lost: verbs fail before, in the middle of and after what they do, at random by seed. An
//! operation gets through all the same, or is undone without a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agents::simulated::{Delay, Fault, Flaw, Verb, When};
use agents::{Agent, NodeRef};
use control::ControlPlane;
use control::network::simulated::Ailment;
use control::operations::chain_create::ChainCreate;
use control::operations::chain_stop::ChainStop;
use control::operations::chaincode_deploy::{ChaincodeDeploy, server_name};
use control::operations::channel_anchors::ChannelAnchors;
use control::services::Services;
use domain::Code;
use domain::chain::ChainState;
use domain::id::OperationId;
use domain::name::OrganizationName;
use domain::operation::StepView;
use store::Store;
use tokio::sync::Semaphore;
use workflow::testkit::JumpClock;
use workflow::{MemoryLog, Operation, OperationState, Settings, Start, Workflow};

use crate::bed::Bed;
use crate::deploy::{ada, deployed, failure, node, settled};
use crate::plane;

/// Calls of a thousand that fail.
const PER_MILLE: u64 = 120;

fn seeds() -> u64 {
    if std::env::var_os("HEDDLE_TEST_FULL").is_some() { 200 } else { 8 }
}

/// Runs an operation on an ailing host; when it fails, it is resumed there, or undone once the host is well again.
async fn ailing<P: Operation<Env = Services>>(
    bed: &Bed,
    params: P,
    seed: u64,
    resume: bool,
) -> OperationState {
    let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(JumpClock::new(1_700_000_000_000)));
    let settings = Settings { attempts_max: 2, ..Settings::new("ailing") };
    let workflow = Workflow::new(log, bed.services.clone(), clock, settings).register::<P>().unwrap();
    bed.agent.fail_randomly(seed, PER_MILLE);
    let started = workflow.start(Start::new("ada", params).on("chain/demo")).await.unwrap();
    for _ in 0..200 {
        let state = workflow.settled(&started.id).await.unwrap().operation.state;
        if state != OperationState::Failed {
            bed.agent.heal();
            return state;
        }
        if resume {
            workflow.resume(&started.id).await.unwrap();
        } else {
            bed.agent.heal();
            workflow.undo(&started.id).await.unwrap();
        }
    }
    panic!("seed {seed}: it fails again and again");
}

#[tokio::test]
async fn where_no_leader_is_found_the_last_lines_of_every_orderer_say_why() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let mut spec = bed.chain_spec();
    spec.orderers = 3;
    let lost = bed.node("orderer1");
    bed.network.ail(&lost, Some(Ailment::Leaderless));
    let plane = plane(bed.services.clone());
    let id = plane.chain_create(&ada(), spec, "key-of-creation".to_owned()).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!((failure(&view).0, failure(&view).1), ("join-channel", "node-not-healthy"));
    let evidence = view.failure.unwrap().evidence;
    for orderer in ["orderer0", "orderer1", "orderer2"] {
        assert!(evidence.contains(&format!("{orderer}: boot 1")), "{orderer}: {evidence:?}");
    }
}

#[tokio::test]
async fn nodes_join_while_another_one_is_not_well() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let place = |node| NodeRef::new(&bed.services.installation, "demo", node);
    bed.network.ail(&place("peer0-org1"), Some(Ailment::Sick));
    let plane = plane(bed.services.clone());
    let id = plane.chain_create(&ada(), bed.chain_spec(), "key-of-creation".to_owned()).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!(failure(&view), ("join-channel", "node-unavailable", Some("boot 1")));
    let joined = |node| !bed.agent.disk_names(&place(node), "ledger/").is_empty();
    assert_eq!(["orderer0", "peer0-org1", "peer0-org2"].map(joined), [true, false, true]);
    bed.network.ail(&place("peer0-org1"), None);
    plane.operation_resume(&ada(), &id).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, domain::operation::OperationState::Done);
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_creation_is_resumed_after_nodes_were_lost() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let nodes = ["orderer0", "peer0-org1", "peer0-org2"].map(|name| bed.node(name));
    let [_, peer, _] = &nodes;
    bed.network.ail(peer, Some(Ailment::Sick));
    let plane = plane(bed.services.clone());
    let id = plane.chain_create(&ada(), bed.chain_spec(), "key-of-creation".to_owned()).await.unwrap();
    assert_eq!(failure(&settled(&plane, &id).await).0, "join-channel");
    bed.network.ail(peer, None);
    bed.agent.remove_node(peer, true).await.unwrap();
    // One node alone, then all of them with their networks.
    bed.network.ail(&nodes[2], Some(Ailment::Sick));
    plane.operation_resume(&ada(), &id).await.unwrap();
    assert_eq!(failure(&settled(&plane, &id).await).0, "join-channel");
    assert!(bed.agent.boots(peer) > 1, "it was brought back");
    bed.network.ail(&nodes[2], None);
    for node in &nodes {
        bed.agent.remove_node(node, true).await.unwrap();
    }
    bed.agent.prune();
    plane.operation_resume(&ada(), &id).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!(view.summary.state, domain::operation::OperationState::Done, "{view:?}");
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_creation_that_is_resumed_does_not_begin_without_the_data_of_a_node() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let peer = bed.node("peer0-org1");
    bed.network.ail(&peer, Some(Ailment::Sick));
    let plane = plane(bed.services.clone());
    let id = plane.chain_create(&ada(), bed.chain_spec(), "key-of-creation".to_owned()).await.unwrap();
    assert_eq!(failure(&settled(&plane, &id).await).0, "join-channel");
    bed.network.ail(&peer, None);
    bed.agent.lose_data(&peer);
    plane.operation_resume(&ada(), &id).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!((failure(&view).0, failure(&view).1), ("join-channel", "node-data-lost"));
}

/// A running chain of two organizations, and the peer of the second one.
async fn two_organizations() -> (Bed, NodeRef) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let peer = bed.node("peer0-org2");
    (bed, peer)
}

/// The update of an organization's anchor peers: the whole of it is one block.
fn anchors(bed: &Bed, organization: &str) -> ChannelAnchors {
    let spec = bed.chain_spec();
    ChannelAnchors {
        chain: spec.name,
        channel: spec.channel,
        organization: OrganizationName::parse(organization).unwrap(),
        peers: vec![node(&format!("peer0-{organization}"))],
    }
}

#[tokio::test]
async fn an_image_that_crashes_after_a_while_is_found_out_before_the_commit() {
    let (bed, _) = two_organizations().await;
    let spec = bed.deploy_spec();
    let server = server_name(&spec, 1, &OrganizationName::parse("org1").unwrap());
    let server = NodeRef::new(&bed.services.installation, "demo", &server);
    let (agent, image, looks) = (bed.agent.clone(), spec.image.clone(), AtomicU32::new(0));
    let delay: Delay = Arc::new(move |verb| {
        // The first look whether the containers are there, and three until half of the time is over, come before.
        if verb == Verb::ListNodes && looks.fetch_add(1, Ordering::Relaxed) == 4 {
            agent.spoil_image(&image, Some(Flaw::Crashes));
            agent.kill(&server, 137).unwrap();
        }
        Box::pin(std::future::ready(()))
    });
    let plane = plane(bed.services_with(delay));
    let view = deployed(&plane, spec, "late").await;
    assert_eq!(failure(&view), ("commit-definition", "node-not-healthy", Some("it ends at once")));
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    let view = settled(&plane, &view.summary.id).await;
    assert_eq!(view.summary.state, domain::operation::OperationState::Undone, "{view:?}");
    assert_eq!(bed.check_chaincode().await, Ok(0), "nothing was committed");
}

#[tokio::test]
async fn a_peer_that_does_not_catch_up_is_named_with_its_last_lines() {
    let (bed, behind) = two_organizations().await;
    bed.network.ail(&behind, Some(Ailment::Behind));
    bed.run(anchors(&bed, "org1")).await;
    let plane = plane(bed.services.clone());
    bed.run(ChainStop { chain: bed.chain_spec().name }).await;
    let id = plane.chain_start(&ada(), &bed.chain_spec().name).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!(failure(&view), ("catch-up", "node-not-healthy", Some("boot 2")));
    let message = &view.failure.as_ref().unwrap().message;
    assert!(message.contains("peer0-org2 with 2 blocks of mychannel"), "{message}");
    bed.network.ail(&behind, None);
    plane.operation_resume(&ada(), &id).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, domain::operation::OperationState::Done);
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_ends_before_it_has_caught_up_is_named_with_its_last_lines() {
    let (bed, ended) = two_organizations().await;
    // It starts and says that it is well; when the chain is looked at next, it is to tell its blocks, and has ended.
    let (agent, peer) = (bed.agent.clone(), ended.clone());
    let delay: Delay = Arc::new(move |verb| {
        if verb == Verb::ListNodes && agent.boots(&peer) > 1 {
            agent.kill(&peer, 137).unwrap();
        }
        Box::pin(std::future::ready(()))
    });
    let plane = plane(bed.services_with(delay));
    bed.run(ChainStop { chain: bed.chain_spec().name }).await;
    let id = plane.chain_start(&ada(), &bed.chain_spec().name).await.unwrap();
    let view = settled(&plane, &id).await;
    assert_eq!(failure(&view), ("catch-up", "node-unavailable", Some("boot 2")));
    assert!(view.failure.as_ref().unwrap().message.contains("peer0-org2"), "{view:?}");
}

#[tokio::test]
async fn anchor_peers_that_cannot_be_read_or_set_come_with_the_peers_last_lines() {
    for (step, code, is_down) in
        [("read-anchors", "node-unavailable", true), ("set-anchors", "node-not-healthy", false)]
    {
        let (bed, peer) = two_organizations().await;
        if is_down {
            bed.agent.kill(&peer, 137).unwrap();
        } else {
            bed.network.ail(&peer, Some(Ailment::Behind));
        }
        let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(JumpClock::new(1_700_000_000_000)));
        let settings = Settings { attempts_max: 1, ..Settings::new("anchors") };
        let workflow = Workflow::new(log, bed.services.clone(), clock, settings);
        let workflow = workflow.register::<ChannelAnchors>().unwrap();
        let started = workflow.start(Start::new("ada", anchors(&bed, "org2"))).await.unwrap();
        let failed = workflow.settled(&started.id).await.unwrap().operation.error.unwrap();
        assert_eq!((failed.step.as_deref(), failed.code.as_str()), (Some(step), code));
        assert!(failed.message.contains("peer0-org2"), "{failed:?}");
        assert_eq!(failed.evidence, ["boot 1"]);
    }
}

#[tokio::test]
async fn a_creation_gets_through_or_leaves_nothing() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 1..=seeds() {
        for resume in [true, false] {
            let bed = Bed::new(&store, seed).await;
            let state = ailing(&bed, ChainCreate { spec: bed.chain_spec() }, seed, resume).await;
            match state {
                OperationState::Done => bed.check_chain(ChainState::Running).await.unwrap(),
                _ => assert_eq!(bed.leftovers().await, Vec::<String>::new(), "seed {seed}"),
            }
            assert!(state == OperationState::Done || !resume, "seed {seed}: {state}");
        }
    }
}

#[tokio::test]
async fn a_deployment_gets_through_or_leaves_what_is_committed() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 1..=seeds() {
        for resume in [true, false] {
            let bed = Bed::new(&store, seed).await;
            bed.run(ChainCreate { spec: bed.chain_spec() }).await;
            let deploy = ChaincodeDeploy { spec: bed.deploy_spec(), starter: None };
            let state = ailing(&bed, deploy, seed, resume).await;
            bed.check_chain(ChainState::Running).await.unwrap();
            let sequence = bed.check_chaincode().await.unwrap();
            assert!(sequence == 1 || (state == OperationState::Undone && !resume), "seed {seed}: {state}");
        }
    }
}

/// The first step of an operation that says what stands in its way.
async fn troubled(plane: &ControlPlane, id: &OperationId) -> StepView {
    let looks = async {
        loop {
            let view = plane.operation_read(&ada(), id).await.unwrap();
            if let Some(step) = view.steps.into_iter().find(|step| step.trouble.is_some()) {
                return step;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looks).await.unwrap()
}

#[tokio::test]
async fn a_step_that_is_tried_again_says_what_it_waits_for() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.agent.fail_verb(Verb::EnsureSpace, 1, Fault::unreachable(When::Before));
    let (gate, calls) = (Arc::new(Semaphore::new(0)), AtomicU32::new(0));
    let held = gate.clone();
    let delay: Delay = Arc::new(move |verb| {
        let is_again = verb == Verb::EnsureSpace && calls.fetch_add(1, Ordering::Relaxed) > 0;
        let held = held.clone();
        Box::pin(async move {
            if is_again {
                held.acquire().await.unwrap().forget();
            }
        })
    });
    let plane = plane(bed.services_with(delay));
    let id = plane.chain_create(&ada(), bed.chain_spec(), "key-of-creation".to_owned()).await.unwrap();
    let step = troubled(&plane, &id).await;
    assert_eq!(step.name, "start-nodes");
    assert_eq!(step.trouble.unwrap().code, Code::HostUnreachable.as_text());
    gate.add_permits(100);
    let view = settled(&plane, &id).await;
    assert_eq!(view.summary.state, domain::operation::OperationState::Done);
    assert!(view.steps.iter().all(|step| step.trouble.is_none()), "{view:?}");
}

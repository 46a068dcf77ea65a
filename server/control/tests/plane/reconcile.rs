//! The reconcilers on a simulated host: what shall run is brought back, what must not be is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agents::simulated::{Delay, Fault, Flaw, SimulatedAgent, Verb, When};
use agents::{Agent, NodeRef, NodeState, Selector};
use control::ControlPlane;
use control::network::simulated::Ailment;
use control::operations::chain_create::ChainCreate;
use control::operations::chain_start::ChainStart;
use control::operations::chain_stop::ChainStop;
use control::operations::chaincode_deploy::{ChaincodeDeploy, Starter, server_name};
use control::operations::demo_create::DemoCreate;
use control::services::Services;
use control::topology::ImagesPinned;
use domain::Code;
use domain::chain::{Ailment as Ailed, ChainSpec, ChainState, Consensus, FabricVersion, Health};
use domain::chaincode::DeploySpec;
use domain::host::HostSpec;
use domain::id::UserId;
use domain::name::{HostName, OrganizationName, UserName};
use domain::node::ReasonKind;
use domain::permission::Role;
use store::Store;
use tokio::sync::{Notify, Semaphore};
use workflow::testkit::JumpClock;
use workflow::{MemoryLog, OperationState, Settings, Start, Workflow};

use crate::bed::{Bed, person};
use crate::{caller, plane};

pub async fn running() -> Bed {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed
}

pub fn node(bed: &Bed, name: &str) -> NodeRef {
    bed.node(name)
}

pub async fn state(agent: &SimulatedAgent, node: &NodeRef) -> NodeState {
    let selector = Selector { installation: node.installation.clone(), chain: None };
    let nodes = agent.list_nodes(&selector).await.unwrap();
    nodes.into_iter().find(|found| found.node == *node).map_or(NodeState::Missing, |found| found.state)
}

pub async fn health(bed: &Bed) -> (Health, Vec<String>) {
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
    let told = |one: &Ailed| format!("{}: {}", one.node.as_deref().unwrap_or("chain"), one.why);
    (record.health.health, record.health.ailments.iter().map(told).collect())
}

#[tokio::test]
async fn a_killed_node_is_brought_back_within_seconds() {
    let bed = running().await;
    let driver = plane(bed.services.clone()).run();
    let peer = node(&bed, "peer0-org1");
    let at = Instant::now();
    bed.agent.kill(&peer, 137).unwrap();
    while state(&bed.agent, &peer).await != NodeState::Running {
        assert!(at.elapsed() < Duration::from_secs(10), "it is not back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(driver);
}

#[tokio::test]
async fn a_node_whose_container_was_removed_comes_back_on_its_data() {
    let bed = running().await;
    let peer = node(&bed, "peer0-org1");
    bed.agent.remove_node(&peer, true).await.unwrap();
    plane(bed.services.clone()).reconcile().await;
    assert_eq!(state(&bed.agent, &peer).await, NodeState::Running);
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_node_that_lost_its_data_is_shown_and_left_alone() {
    let bed = running().await;
    let plane = plane(bed.services.clone());
    let orderer = node(&bed, "orderer0");
    bed.agent.lose_data(&orderer);
    for _ in 0..3 {
        plane.reconcile().await;
        assert_eq!(state(&bed.agent, &orderer).await, NodeState::Missing);
    }
    assert_eq!(health(&bed).await, (Health::Degraded, vec!["orderer0: node-data-lost".to_owned()]));
}

#[tokio::test]
async fn a_node_that_lost_its_data_comes_with_the_procedure() {
    let bed = running().await;
    bed.agent.lose_data(&node(&bed, "peer0-org2"));
    let ann = caller("ann", Role::Operator);
    let view = plane(bed.services.clone()).chain_read(&ann, &bed.chain_spec().name).await.unwrap();
    let told: Vec<_> =
        view.nodes.iter().filter_map(|node| Some((&node.name, node.problem.as_ref()?))).collect();
    let [(name, problem)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((name.as_str(), problem.code), ("peer0-org2", Code::NodeDataLost));
    assert_eq!(problem.values["node"], "peer0-org2");
}

#[tokio::test]
async fn a_sole_orderer_comes_back_on_its_own_image_whatever_the_name_stands_for_now() {
    let bed = running().await;
    let (orderer, name) = (node(&bed, "orderer0"), bed.chain_spec().name);
    let image = async || {
        let selector = Selector { installation: orderer.installation.clone(), chain: None };
        let nodes = bed.agent.list_nodes(&selector).await.unwrap();
        nodes.into_iter().find(|found| found.node == orderer).and_then(|found| found.image_id)
    };
    let before = image().await;
    assert!(before.is_some());
    let plan = bed.plan().await.unwrap();
    for reference in &plan.nodes[0].images {
        bed.agent.move_tag(reference, "heddle.local/another:1");
    }
    bed.agent.remove_node(&orderer, true).await.unwrap();
    plane(bed.services.clone()).reconcile().await;
    assert_eq!((state(&bed.agent, &orderer).await, image().await), (NodeState::Running, before.clone()));
    // The same when the container is found missing at a start.
    bed.run(ChainStop { chain: name.clone() }).await;
    bed.agent.remove_node(&orderer, true).await.unwrap();
    bed.run(ChainStart { chain: name, restart: false }).await;
    assert_eq!((state(&bed.agent, &orderer).await, image().await), (NodeState::Running, before));
    bed.check_chain(ChainState::Running).await.unwrap();
}

/// A chain whose images came from a registry, on a host that has lost them, and with them the container of a peer.
pub async fn robbed() -> (Bed, NodeRef, ImagesPinned) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let images = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock").images;
    let references =
        || images.peer.iter().chain(&images.orderer).map(|name| name.replace("{version}", "2.5.0"));
    for reference in references() {
        bed.agent.lose_image(&reference);
        bed.agent.offer_image(&reference);
    }
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (peer, pinned) = (node(&bed, "peer0-org1"), bed.plan().await.unwrap().images.unwrap());
    bed.agent.remove_node(&peer, true).await.unwrap();
    references().for_each(|reference| bed.agent.lose_image(&reference));
    assert_eq!(bed.agent.image(&pinned.peer).await.unwrap(), None);
    (bed, peer, pinned)
}

/// How often an image was pulled so far, or was to be.
fn pulls(bed: &Bed) -> usize {
    bed.agent.calls().iter().filter(|(verb, _)| *verb == Verb::EnsureImage).count()
}

/// Rounds, one after the other, until a node runs.
async fn rounds_until_it_runs(plane: &ControlPlane, bed: &Bed, node: &NodeRef) {
    let rounds = async {
        while state(&bed.agent, node).await != NodeState::Running {
            plane.reconcile().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), rounds).await.unwrap();
}

#[tokio::test]
async fn an_image_that_was_pulled_comes_back_by_its_digest_to_a_host_that_has_lost_it() {
    let (bed, peer, pinned) = robbed().await;
    let digest = pinned.peer_digest.clone().unwrap();
    assert!(digest.contains("@sha256:") && pinned.orderer_digest.is_some(), "{pinned:?}");
    rounds_until_it_runs(&plane(bed.services.clone()), &bed, &peer).await;
    assert_eq!(bed.agent.image(&digest).await.unwrap().map(|image| image.id), Some(pinned.peer));
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_pull_that_takes_its_time_holds_up_no_round() {
    let (bed, peer, _) = robbed().await;
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (at, on) = (begun.clone(), end.clone());
    let delay: Delay = Arc::new(move |verb| {
        let (at, on) = (at.clone(), on.clone());
        Box::pin(async move {
            if verb == Verb::EnsureImage {
                at.notify_one();
                let _ended = on.acquire().await.unwrap();
            }
        })
    });
    let (plane, before) = (plane(bed.services_with(delay)), pulls(&bed));
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, plane.reconcile()).await.unwrap();
    tokio::time::timeout(limit, begun.notified()).await.unwrap();
    // Whoever else needs help gets it, and nobody pulls the same once more.
    let orderer = node(&bed, "orderer0");
    bed.agent.kill(&orderer, 137).unwrap();
    tokio::time::timeout(limit, plane.reconcile()).await.unwrap();
    assert_eq!(state(&bed.agent, &orderer).await, NodeState::Running);
    assert_eq!(state(&bed.agent, &peer).await, NodeState::Missing);
    assert_eq!(health(&bed).await.0, Health::Degraded);
    end.add_permits(1);
    rounds_until_it_runs(&plane, &bed, &peer).await;
    assert_eq!(pulls(&bed) - before, 1, "one pull for one image");
}

#[tokio::test]
async fn a_pull_that_fails_is_told_and_tried_again() {
    let (bed, peer, _) = robbed().await;
    let plane = plane(bed.services.clone());
    bed.agent.fail_verb(Verb::EnsureImage, 1, Fault::broken(When::Before));
    let told = async {
        while !health(&bed).await.1.contains(&"peer0-org1: host-refused why=simulated".to_owned()) {
            assert_eq!(state(&bed.agent, &peer).await, NodeState::Missing);
            plane.reconcile().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    // Not at once: registries count who asks.
    let before = pulls(&bed);
    for _ in 0..3 {
        plane.reconcile().await;
    }
    assert_eq!((pulls(&bed), state(&bed.agent, &peer).await), (before, NodeState::Missing));
    bed.services.clock.sleep(60_000).await;
    rounds_until_it_runs(&plane, &bed, &peer).await;
}

#[tokio::test]
async fn a_chaincode_that_was_pulled_comes_back_by_its_digest_to_a_host_that_has_lost_it() {
    let (bed, image) = (running().await, "registry.example/team/cc:1");
    bed.agent.offer_image(image);
    person(&bed.services.store, "otto", Role::Operator).await;
    let starter = Some(Starter { id: Some(UserId::new("otto")), name: UserName::parse("otto").unwrap() });
    let spec = DeploySpec { image: image.to_owned(), ..bed.deploy_spec() };
    bed.run(ChaincodeDeploy { spec, starter }).await;
    let (plane, server, chain) = (plane(bed.services.clone()), server(&bed, 1), bed.chain_spec().name);
    let record = bed.services.store.chaincode_list(&chain).await.unwrap().remove(0);
    let (id, digest) = (record.image_id, record.image_digest.unwrap());
    assert!(digest.starts_with("registry.example/team/cc@sha256:"), "{digest}");
    let shown = plane.chaincode_list(&caller("ann", Role::Operator), &chain).await.unwrap().remove(0);
    assert_eq!(shown.image_digest.as_ref(), Some(&digest));
    let lose = async |name: &str| {
        bed.agent.lose_image(name);
        assert_eq!(bed.agent.image(&id).await.unwrap(), None);
    };
    // While the chain runs.
    bed.agent.remove_node(&server, true).await.unwrap();
    lose(image).await;
    rounds_until_it_runs(&plane, &bed, &server).await;
    // And when it is found missing at a start, which asks no registry.
    bed.run(ChainStop { chain: chain.clone() }).await;
    bed.agent.prune();
    lose(&digest).await;
    let before = pulls(&bed);
    bed.run(ChainStart { chain, restart: false }).await;
    assert_eq!((pulls(&bed), state(&bed.agent, &server).await), (before, NodeState::Missing));
    rounds_until_it_runs(&plane, &bed, &server).await;
    assert_eq!(bed.agent.image(&digest).await.unwrap().map(|image| image.id), Some(id.clone()));
    assert_eq!(bed.check_chaincode().await, Ok(1));
}

/// A chain of this consensus on the newer line of Fabric.
async fn newer(consensus: Consensus, orderers: u16) -> Bed {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let images = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock").images;
    for image in images.peer.iter().chain(&images.orderer) {
        bed.agent.add_image(&image.replace("{version}", FabricVersion::V3_1.image_tag()));
    }
    let spec = ChainSpec { version: FabricVersion::V3_1, consensus, orderers, ..bed.chain_spec() };
    bed.run(ChainCreate { spec }).await;
    bed
}

#[tokio::test]
async fn peers_of_a_bft_chain_compare_what_several_orderers_deliver() {
    for (consensus, orderers, compares) in [(Consensus::Bft, 4, true), (Consensus::Raft, 3, false)] {
        let bed = newer(consensus, orderers).await;
        let (installation, policy) = (&bed.services.installation, "CORE_PEER_DELIVERYCLIENT_POLICY");
        assert_eq!(bed.agent.runs_with(installation, "demo", policy, "cluster"), compares, "{consensus:?}");
    }
}

#[tokio::test]
async fn a_node_that_runs_but_is_not_well_is_told_and_since_when() {
    let bed = running().await;
    let plane = plane(bed.services.clone());
    let view = async || {
        plane.reconcile().await;
        // Time goes on between two looks.
        bed.services.clock.sleep(20_000).await;
        bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap().health
    };
    let well = view().await;
    assert_eq!((well.health, well.ailments.len(), well.since_ms), (Health::Ok, 0, well.checked_ms));
    bed.network.ail(&node(&bed, "peer0-org1"), Some(Ailment::Sick));
    bed.network.ail(&node(&bed, "orderer0"), Some(Ailment::Hung));
    let first = view().await;
    assert_eq!((first.health, first.ailments.len()), (Health::Degraded, 2));
    let told = first.ailments.iter().map(|one| (one.node.as_deref(), one.why.code)).collect::<Vec<_>>();
    assert_eq!(told, [(Some("orderer0"), Code::NodeSilent), (Some("peer0-org1"), Code::NodeUnwell)]);
    assert!(!first.ailments[1].why.values["why"].is_empty(), "what the node said is told");
    bed.network.ail(&node(&bed, "orderer0"), None);
    let second = view().await;
    assert_eq!((second.health, second.ailments.len()), (Health::Degraded, 1));
    assert!(second.since_ms == first.since_ms && second.checked_ms > first.checked_ms, "{second:?}");
    bed.network.ail(&node(&bed, "peer0-org1"), None);
    let again = view().await;
    assert_eq!((again.health, again.since_ms), (Health::Ok, again.checked_ms));
}

#[tokio::test]
async fn an_orderer_without_a_leader_is_not_well() {
    let bed = newer(Consensus::Raft, 3).await;
    let plane = plane(bed.services.clone());
    plane.reconcile().await;
    assert_eq!(health(&bed).await, (Health::Ok, Vec::new()));
    for lost in ["orderer0", "orderer2"] {
        bed.agent.lose_data(&node(&bed, lost));
    }
    plane.reconcile().await;
    let ailments =
        ["orderer0: node-data-lost", "orderer2: node-data-lost", "orderer1: no-leader channel=mychannel"];
    assert_eq!(health(&bed).await, (Health::Degraded, ailments.map(str::to_owned).to_vec()));
    bed.agent.cut_off();
    plane.reconcile().await;
    let silent = vec!["chain: host-unreachable".to_owned()];
    assert_eq!(health(&bed).await, (Health::Unreachable, silent));
}

#[tokio::test]
async fn one_node_that_cannot_start_does_not_hold_the_others_up() {
    let bed = running().await;
    for name in ["orderer0", "peer0-org1"] {
        bed.agent.kill(&node(&bed, name), 1).unwrap();
    }
    bed.agent.fail_verb(Verb::Start, 1, Fault::broken(When::Before));
    plane(bed.services.clone()).reconcile().await;
    assert_eq!(state(&bed.agent, &node(&bed, "peer0-org1")).await, NodeState::Running);
    assert_eq!(health(&bed).await.0, Health::Degraded);
}

/// The container that serves a sequence of the sample for the first organization.
pub fn server(bed: &Bed, sequence: i64) -> NodeRef {
    let organization = OrganizationName::parse("org1").unwrap();
    node(bed, &server_name(&bed.deploy_spec(), sequence, &organization))
}

#[tokio::test]
async fn a_removed_chaincode_container_is_made_again_from_what_is_kept() {
    let bed = running().await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    let (plane, server) = (plane(bed.services.clone()), server(&bed, 1));
    bed.agent.remove_node(&server, false).await.unwrap();
    bed.agent.fail_verb(Verb::EnsureNode, 1, Fault::broken(When::Before));
    plane.reconcile().await;
    let (state_now, ailments) = health(&bed).await;
    let missing = format!("{}: node-not-running state=missing", server.node);
    assert_eq!((state_now, &ailments[0]), (Health::Degraded, &missing));
    assert_eq!(ailments.len(), 2, "{ailments:?}");
    plane.reconcile().await;
    assert_eq!(state(&bed.agent, &server).await, NodeState::Running);
    plane.reconcile().await;
    assert_eq!(health(&bed).await, (Health::Ok, Vec::new()));
    assert_eq!(bed.check_chaincode().await, Ok(1));
}

#[tokio::test]
async fn a_chaincode_that_crashes_again_and_again_is_shown() {
    let bed = running().await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    let (plane, server) = (plane(bed.services.clone()), server(&bed, 1));
    bed.agent.spoil_image(&bed.deploy_spec().image, Some(Flaw::Crashes));
    bed.agent.kill(&server, 1).unwrap();
    for word in ["stopped", "restarting"] {
        plane.reconcile().await;
        let wanted = (Health::Degraded, vec![format!("{}: node-not-running state={word}", server.node)]);
        assert_eq!(health(&bed).await, wanted);
    }
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
    assert_eq!(record.health.ailments[0].reason, Some(ReasonKind::EndsAgain), "what the host says is told");
}

#[tokio::test]
async fn what_an_upgrade_removes_meanwhile_does_not_come_back() {
    let bed = Arc::new(running().await);
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    bed.agent.remove_node(&server(&bed, 1), false).await.unwrap();
    let (done, inside) = (AtomicBool::new(false), bed.clone());
    let delay: Delay = Arc::new(move |verb| {
        let (bed, acts) = (inside.clone(), verb == Verb::EnsureNode && !done.swap(true, Ordering::Relaxed));
        Box::pin(async move {
            if acts {
                let spec = DeploySpec { version: "2".to_owned(), ..bed.deploy_spec() };
                bed.run(ChaincodeDeploy { spec, starter: None }).await;
            }
        })
    });
    plane(bed.services_with(delay)).reconcile().await;
    assert_eq!(bed.check_chaincode().await, Ok(2));
}

/// Stops the chain, as its operation does, at the first call of a verb; or begins to delete it.
fn stop_at(bed: &Bed, verb: Verb, to: ChainState) -> Arc<Services> {
    let (store, agent) = (bed.services.store.clone(), bed.agent.clone());
    let (name, installation) = (bed.chain_spec().name, bed.services.installation.clone());
    let done = Arc::new(AtomicBool::new(false));
    let delay: Delay = Arc::new(move |called| {
        let (store, agent, name) = (store.clone(), agent.clone(), name.clone());
        let stops = called == verb && !done.swap(true, Ordering::Relaxed);
        let selector = Selector { installation: installation.clone(), chain: None };
        Box::pin(async move {
            if stops {
                store.chain_state_save(&name, &[ChainState::Running], to).await.unwrap();
                for node in agent.list_nodes(&selector).await.unwrap() {
                    if to == ChainState::Deleting {
                        agent.remove_node(&node.node, false).await.unwrap();
                    } else {
                        agent.stop(&node.node, Duration::ZERO).await.unwrap();
                    }
                }
            }
        })
    });
    bed.services_with(delay)
}

#[tokio::test]
async fn a_chain_that_is_deleted_meanwhile_leaves_no_node() {
    for verb in [Verb::ListNodes, Verb::Start, Verb::EnsureNode] {
        let bed = running().await;
        let peer = node(&bed, "peer0-org1");
        if verb == Verb::EnsureNode {
            bed.agent.remove_node(&peer, true).await.unwrap();
        } else {
            bed.agent.kill(&peer, 137).unwrap();
        }
        plane(stop_at(&bed, verb, ChainState::Deleting)).reconcile().await;
        // Only the space is left, which the deletion removes last.
        assert_eq!(bed.agent.objects(&bed.services.installation), ["space demo"], "at {verb:?}");
    }
}

#[tokio::test]
async fn a_chain_that_is_stopped_meanwhile_stays_stopped() {
    // A start may also be told as failed and have been done.
    for (verb, is_told_failed) in [(Verb::ListNodes, false), (Verb::Start, false), (Verb::Start, true)] {
        let bed = running().await;
        bed.agent.kill(&node(&bed, "peer0-org1"), 137).unwrap();
        if is_told_failed {
            bed.agent.fail_verb(verb, 1, Fault::unreachable(When::After));
        }
        plane(stop_at(&bed, verb, ChainState::Stopped)).reconcile().await;
        let selector = Selector { installation: bed.services.installation.clone(), chain: None };
        for found in bed.agent.list_nodes(&selector).await.unwrap() {
            assert_eq!(found.state, NodeState::Stopped, "{} after a stop at {verb:?}", found.node);
        }
    }
}

#[tokio::test]
async fn what_an_undo_takes_away_is_not_brought_back() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at, on) = (begun.clone(), go.clone());
    let delay: Delay = Arc::new(move |verb| {
        let (at, on) = (at.clone(), on.clone());
        Box::pin(async move {
            if verb == Verb::RemoveSpace {
                at.notify_one();
                on.notified().await;
            }
        })
    });
    let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(JumpClock::new(1_700_000_000_000)));
    let workflow = Workflow::new(log, bed.services_with(delay), clock, Settings::new("undo"));
    let workflow = workflow.register::<DemoCreate>().unwrap();
    // The chain is open already when its sample cannot be started.
    bed.agent.spoil_image(&bed.deploy_spec().image, Some(Flaw::Crashes));
    let demo = DemoCreate { spec: bed.chain_spec(), deploy: bed.deploy_spec() };
    let started = workflow.start(Start::new("ada", demo)).await.unwrap();
    let failed = workflow.settled(&started.id).await.unwrap().operation;
    assert_eq!(failed.state, OperationState::Failed);
    workflow.undo(&started.id).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), begun.notified()).await.unwrap();
    let peer = node(&bed, "peer0-org1");
    bed.agent.kill(&peer, 137).unwrap();
    plane(bed.services.clone()).reconcile().await;
    assert_eq!(state(&bed.agent, &peer).await, NodeState::Stopped);
    go.notify_one();
    let undone = workflow.settled(&started.id).await.unwrap().operation;
    assert_eq!((undone.state, bed.leftovers().await), (OperationState::Undone, Vec::new()));
}

//! The reconcilers on a simulated host: what shall run is brought back, what must not be is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agents::simulated::{Delay, SimulatedAgent, Verb};
use agents::{Agent, NodeRef, NodeState, Selector};
use control::operations::chain_create::ChainCreate;
use control::services::Services;
use domain::chain::{ChainState, Health};
use store::Store;

use crate::bed::Bed;
use crate::plane;

async fn running() -> Bed {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed
}

fn node(bed: &Bed, name: &str) -> NodeRef {
    NodeRef::new(&bed.services.installation, "demo", name)
}

async fn state(agent: &SimulatedAgent, node: &NodeRef) -> NodeState {
    let selector = Selector { installation: node.installation.clone(), chain: None };
    let nodes = agent.list_nodes(&selector).await.unwrap();
    nodes.into_iter().find(|found| found.node == *node).map_or(NodeState::Missing, |found| found.state)
}

async fn health(bed: &Bed) -> (Health, Vec<String>) {
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
    (record.health.health, record.health.reasons)
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
    assert_eq!(health(&bed).await, (Health::Degraded, vec!["orderer0: data lost".to_owned()]));
}

#[tokio::test]
async fn one_node_that_cannot_start_does_not_hold_the_others_up() {
    let bed = running().await;
    for name in ["orderer0", "peer0-org1"] {
        bed.agent.kill(&node(&bed, name), 1).unwrap();
    }
    bed.agent.fail_verb(Verb::Start, 1, agents::simulated::Fault::broken(agents::simulated::When::Before));
    plane(bed.services.clone()).reconcile().await;
    assert_eq!(state(&bed.agent, &node(&bed, "peer0-org1")).await, NodeState::Running);
    assert_eq!(health(&bed).await.0, Health::Degraded);
}

/// Stops the chain, as its operation does, at the first call of a verb.
fn stop_at(bed: &Bed, verb: Verb) -> Arc<Services> {
    let (store, agent) = (bed.services.store.clone(), bed.agent.clone());
    let (name, installation) = (bed.chain_spec().name, bed.services.installation.clone());
    let done = Arc::new(AtomicBool::new(false));
    let delay: Delay = Arc::new(move |called| {
        let (store, agent, name) = (store.clone(), agent.clone(), name.clone());
        let stops = called == verb && !done.swap(true, Ordering::Relaxed);
        let selector = Selector { installation: installation.clone(), chain: None };
        Box::pin(async move {
            if stops {
                store.chain_state_save(&name, &[ChainState::Running], ChainState::Stopped).await.unwrap();
                for node in agent.list_nodes(&selector).await.unwrap() {
                    agent.stop(&node.node, Duration::ZERO).await.unwrap();
                }
            }
        })
    });
    bed.services_with(delay)
}

#[tokio::test]
async fn a_chain_that_is_stopped_meanwhile_stays_stopped() {
    for verb in [Verb::ListNodes, Verb::Start] {
        let bed = running().await;
        bed.agent.kill(&node(&bed, "peer0-org1"), 137).unwrap();
        plane(stop_at(&bed, verb)).reconcile().await;
        let selector = Selector { installation: bed.services.installation.clone(), chain: None };
        for found in bed.agent.list_nodes(&selector).await.unwrap() {
            assert_eq!(found.state, NodeState::Stopped, "{} after a stop at {verb:?}", found.node);
        }
    }
}

//! Reconcilers that look at a chain all the while an operation works on it: what the operation takes away they do not
//! bring back, what it stops stays stopped, and nothing of either is left over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agents::Agent;
use agents::simulated::Flaw;
use control::operations::chain_create::ChainCreate;
use control::operations::chain_delete::ChainDelete;
use control::operations::chain_restart::ChainRestart;
use control::operations::chain_start::ChainStart;
use control::operations::chain_stop::ChainStop;
use control::operations::demo_create::DemoCreate;
use control::operations::node_resize::NodeResize;
use control::services::Services;
use domain::chain::{ChainState, NodeResources};
use store::Store;
use workflow::testkit::JumpClock;
use workflow::{MemoryLog, Operation, OperationState, Settings, Start, Workflow};

use crate::bed::Bed;
use crate::plane;
use crate::reconcile::{node, server};

/// Every seed has its own delays, and so other places at which rounds and steps meet.
fn seeds() -> u64 {
    if std::env::var_os("HEDDLE_TEST_FULL").is_some() { 200 } else { 6 }
}

/// Runs an operation to its end, or undoes it if it fails, with one round of the reconcilers after the other beside it.
async fn beside<P: Operation<Env = Services>>(bed: &Bed, params: P) -> OperationState {
    let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(JumpClock::new(1_700_000_000_000)));
    let workflow = Workflow::new(log, bed.services.clone(), clock, Settings::new("beside"));
    let workflow = workflow.register::<P>().unwrap();
    let (plane, is_over) = (plane(bed.services.clone()), AtomicBool::new(false));
    let work = async {
        let started = workflow.start(Start::new("ada", params)).await.unwrap();
        let mut state = workflow.settled(&started.id).await.unwrap().operation.state;
        if state == OperationState::Failed {
            workflow.undo(&started.id).await.unwrap();
            state = workflow.settled(&started.id).await.unwrap().operation.state;
        }
        is_over.store(true, Ordering::Release);
        state
    };
    let rounds = async {
        while !is_over.load(Ordering::Acquire) {
            plane.reconcile().await;
            tokio::task::yield_now().await;
        }
        // And one that begins with everything as it is now.
        plane.reconcile().await;
    };
    tokio::join!(work, rounds).0
}

/// A chain with the sample on it, of which a peer has ended and a chaincode container is gone.
async fn ailing(store: &Store, seed: u64) -> Bed {
    let bed = Bed::deployed_on(store, seed).await;
    bed.agent.kill(&node(&bed, "peer0-org1"), 137).unwrap();
    bed.agent.remove_node(&server(&bed, 1), false).await.unwrap();
    bed
}

#[tokio::test]
async fn a_creation_is_whole_beside_the_reconcilers() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 0..seeds() {
        let bed = Bed::new(&store, seed).await;
        assert_eq!(beside(&bed, ChainCreate { spec: bed.chain_spec() }).await, OperationState::Done);
        bed.check_chain(ChainState::Running).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[tokio::test]
async fn a_creation_that_is_undone_beside_the_reconcilers_leaves_nothing() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 0..seeds() {
        let bed = Bed::new(&store, seed).await;
        // The chain runs when its sample cannot be started.
        bed.agent.spoil_image(&bed.deploy_spec().image, Some(Flaw::Crashes));
        let demo = DemoCreate { spec: bed.chain_spec(), deploy: bed.deploy_spec() };
        assert_eq!(beside(&bed, demo).await, OperationState::Undone);
        assert_eq!(bed.leftovers().await, Vec::<String>::new(), "seed {seed}");
    }
}

#[tokio::test]
async fn what_is_stopped_beside_the_reconcilers_stays_stopped_until_it_is_started() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 0..seeds() {
        let bed = ailing(&store, seed).await;
        let chain = bed.chain_spec().name;
        assert_eq!(beside(&bed, ChainStop { chain: chain.clone() }).await, OperationState::Done);
        bed.check_chain(ChainState::Stopped).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let start = ChainStart { chain, restart: false };
        assert_eq!(beside(&bed, start).await, OperationState::Done);
        bed.check_chain(ChainState::Running).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert_eq!(bed.check_chaincode().await, Ok(1), "seed {seed}");
    }
}

#[tokio::test]
async fn what_is_deleted_beside_the_reconcilers_does_not_come_back() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 0..seeds() {
        let bed = ailing(&store, seed).await;
        let delete = ChainDelete { spec: bed.chain_spec(), keep_data: false, only_free: false };
        assert_eq!(beside(&bed, delete).await, OperationState::Done);
        assert_eq!(bed.leftovers().await, Vec::<String>::new(), "seed {seed}");
    }
}

/// A peer of a chain that shall be larger.
fn larger(bed: &Bed) -> NodeResize {
    let resources = NodeResources { cpu_milli: 1_250, memory_mib: 768 };
    NodeResize { chain: bed.chain_spec().name, node: crate::deploy::node("peer0-org1"), resources }
}

#[tokio::test]
async fn what_goes_for_a_moment_beside_the_reconcilers_comes_back_as_it_shall_be() {
    let store = Store::open("mem://").await.unwrap();
    for seed in 0..seeds() {
        let bed = ailing(&store, seed).await;
        let restart = ChainRestart { chain: bed.chain_spec().name };
        assert_eq!(beside(&bed, restart).await, OperationState::Done, "seed {seed}");
        bed.check_chain(ChainState::Running).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        for planned in bed.plan().await.unwrap().nodes {
            assert!(bed.agent.boots(&node(&bed, planned.name.as_str())) > 1, "seed {seed}: {}", planned.name);
        }
        assert_eq!(beside(&bed, larger(&bed)).await, OperationState::Done, "seed {seed}");
        bed.check_chain(ChainState::Running).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let stats = bed.agent.stats(&node(&bed, "peer0-org1")).await.unwrap();
        assert_eq!(stats.memory_limit >> 20, 768, "seed {seed}");
        assert_eq!(bed.check_chaincode().await, Ok(1), "seed {seed}");
    }
}

#[tokio::test]
async fn a_chain_that_was_stopped_since_somebody_asked_stays_stopped() {
    let bed = Bed::deployed_on(&Store::open("mem://").await.unwrap(), 0).await;
    let chain = bed.chain_spec().name;
    bed.run(ChainStop { chain: chain.clone() }).await;
    assert_eq!(beside(&bed, ChainRestart { chain }).await, OperationState::Undone);
    bed.check_chain(ChainState::Stopped).await.unwrap();
    let of_chain = bed.plan().await.unwrap();
    assert_eq!(beside(&bed, larger(&bed)).await, OperationState::Undone);
    bed.check_chain(ChainState::Stopped).await.unwrap();
    assert_eq!(bed.plan().await.unwrap(), of_chain);
}

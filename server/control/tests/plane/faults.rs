//! A host whose answers get lost: verbs fail before, in the middle of and after what they do, at random by seed. An
//! operation gets through all the same, or is undone without a trace.

use std::sync::Arc;

use agents::NodeRef;
use control::network::simulated::Ailment;
use control::operations::chain_create::ChainCreate;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::services::Services;
use domain::chain::ChainState;
use store::Store;
use workflow::testkit::JumpClock;
use workflow::{MemoryLog, Operation, OperationState, Settings, Start, Workflow};

use crate::bed::Bed;
use crate::deploy::{ada, failure, settled};
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
    let lost = NodeRef::new(&bed.services.installation, "demo", "orderer1");
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

//! Clocks that are set right while an operation waits: back by an hour, and forward by a day.

use std::sync::Arc;

use control::network::simulated::Ailment;
use control::operations::chain_create::ChainCreate;
use domain::chain::ChainState;
use store::Store;
use workflow::testkit::JumpClock;
use workflow::{Clock, MemoryLog, OperationState, Settings, Start, Workflow};

use crate::bed::Bed;

const BEGIN_MS: i64 = 1_700_000_000_000;
const HOUR_MS: u64 = 3_600_000;

/// Creates the chain, and changes the clock as soon as something is waited for. The time that passed since, and how it
/// ended.
async fn created(bed: &Bed, change: impl FnOnce(&JumpClock)) -> (i64, OperationState) {
    let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(JumpClock::new(BEGIN_MS)));
    let workflow = Workflow::new(log, bed.services.clone(), clock.clone(), Settings::new("clock"));
    let workflow = workflow.register::<ChainCreate>().unwrap();
    let params = ChainCreate { spec: bed.chain_spec() };
    let started = workflow.start(Start::new("ada", params)).await.unwrap();
    while clock.now_ms() == BEGIN_MS {
        tokio::task::yield_now().await;
    }
    change(&clock);
    let since_ms = clock.now_ms();
    let state = workflow.settled(&started.id).await.unwrap().operation.state;
    (clock.now_ms() - since_ms, state)
}

#[tokio::test]
async fn a_wait_ends_in_its_time_though_the_clock_is_set_back() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let sick = bed.node("peer0-org1");
    bed.network.ail(&sick, Some(Ailment::Sick));
    let (passed_ms, state) = created(&bed, |clock| clock.set_back(HOUR_MS)).await;
    assert_eq!(state, OperationState::Failed);
    // Six tries of one and a half minutes each, and the pauses between them.
    assert!(passed_ms < 15 * 60_000, "{passed_ms} ms");
}

#[tokio::test]
async fn a_wait_that_a_leap_of_the_clock_ends_is_begun_again() {
    // The second and third look at a node come too early.
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 2).await;
    let (_, state) = created(&bed, |clock| clock.advance(24 * HOUR_MS)).await;
    assert_eq!(state, OperationState::Done);
    bed.check_chain(ChainState::Running).await.unwrap();
}

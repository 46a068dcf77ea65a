//! Every operation in the workflow's test kit: run twice, failed, undone, undone twice, crashed at every step and
//! resumed, on a host and a network in memory. After each case nothing is left over and nothing is stuck.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "operations/bed.rs"]
mod bed;

use async_trait::async_trait;
use bed::Bed;
use control::operations::chain_create::ChainCreate;
use domain::chain::ChainState;
use workflow::testkit::{self, Expect, Options, Trial, World};

#[tokio::test]
async fn timing() {
    let at = std::time::Instant::now();
    for seed in 0..10 {
        let _bed = Bed::new(seed).await;
    }
    eprintln!("bed {:?}", at.elapsed() / 10);
    let at = std::time::Instant::now();
    for seed in 0..10 {
        let bed = Bed::new(seed).await;
        bed.run(ChainCreate { spec: bed.chain_spec() }).await;
        bed.check_chain(ChainState::Running).await.unwrap();
    }
    eprintln!("bed and create {:?}", at.elapsed() / 10);
}

//! Ports that somebody takes between the claim and the start of the nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agents::simulated::{Delay, Verb};
use control::operations::chain_create::ChainCreate;
use domain::chain::ChainState;
use store::Store;

use crate::bed::{Bed, same};

/// A portal on whose host the given ports are taken one after the other, each when the next node is made.
async fn with_takers(ports: Vec<u16>) -> Bed {
    let mut bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (agent, made) = (bed.agent.clone(), Arc::new(AtomicU32::new(0)));
    let delay: Delay = Arc::new(move |verb| {
        let count = if verb == Verb::EnsureNode { made.fetch_add(1, Ordering::Relaxed) } else { u32::MAX };
        if let Some(port) = usize::try_from(count).ok().and_then(|count| ports.get(count)) {
            agent.take_port(*port);
        }
        Box::pin(std::future::ready(()))
    });
    bed.services = bed.services_with(delay);
    bed
}

#[tokio::test]
async fn a_chain_moves_to_the_next_block_and_leaves_nothing_behind() {
    // The orderer's port, and one in the block that comes next.
    let bed = with_takers(vec![31_010, 31_123]).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed.check_chain(ChainState::Running).await.unwrap();
    let plan = bed.plan().await.unwrap();
    same("block", plan.port_block, 31_200).unwrap();
    same("orderer's endpoint", plan.endpoints(&[])["orderer"].as_str(), "127.0.0.1:31210").unwrap();
}

#[tokio::test]
async fn a_block_of_another_chain_is_passed_by() {
    let bed = with_takers(vec![31_010]).await;
    let store = &bed.services.store;
    let other = domain::name::ChainName::parse("other").unwrap();
    let spec = store.host_read(&bed.host).await.unwrap().unwrap().spec;
    store.claim_block(&bed.host, &other, &spec, &[31_000]).await.unwrap();
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    assert_eq!(bed.plan().await.unwrap().port_block, 31_200);
}

#[tokio::test]
async fn a_block_in_which_a_process_answers_is_passed_by_on_the_move_too() {
    let bed = with_takers(vec![31_010]).await;
    // No container holds this port, so only asking at it tells.
    bed.agent.listen(31_150);
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed.check_chain(ChainState::Running).await.unwrap();
    assert_eq!(bed.plan().await.unwrap().port_block, 31_200);
}

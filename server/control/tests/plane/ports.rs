//! Blocks of ports: those of ten chains, and ports that somebody takes between the claim and the start of the nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agents::simulated::{Delay, Verb};
use control::ControlPlane;
use control::operations::chain_create::ChainCreate;
use domain::Code;
use domain::chain::{ChainSpec, ChainState};
use domain::name::ChainName;
use domain::operation::OperationState;
use store::Store;

use crate::bed::{Bed, same};
use crate::deploy::{ada, settled};
use crate::plane;

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
    let other = ChainName::parse("other").unwrap();
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

/// A small chain of this name on the bed's host.
fn small(bed: &Bed, name: &str) -> ChainSpec {
    let mut spec = ChainSpec { name: ChainName::parse(name).unwrap(), ..bed.chain_spec() };
    spec.organizations.truncate(1);
    spec
}

/// Creates a chain; the code of what stood against it, at once or when the block was claimed.
async fn created(plane: &ControlPlane, spec: ChainSpec) -> Result<(), String> {
    let key = format!("key-of-{}", spec.name);
    let id = plane.chain_create(&ada(), spec, key).await.map_err(|error| error.code.as_text())?;
    let view = settled(plane, &id).await;
    match view.failure {
        Some(failure) => Err(failure.code),
        None => {
            assert_eq!(view.summary.state, OperationState::Done, "{:?}", view.summary);
            Ok(())
        }
    }
}

/// The first port of a chain's block.
async fn block(bed: &Bed, name: &str) -> u64 {
    let record = bed.services.store.chain_read(&ChainName::parse(name).unwrap()).await.unwrap().unwrap();
    record.plan["port_block"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_chains_fill_a_host_and_the_next_one_takes_the_block_that_is_given_back() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    for number in 0..10_u64 {
        let name = format!("chain{number}");
        assert_eq!(created(&plane, small(&bed, &name)).await, Ok(()), "{name}");
        assert_eq!(block(&bed, &name).await, 31_000 + 100 * number, "{name}");
    }
    let full = Err(Code::HostFull.as_text());
    assert_eq!(created(&plane, small(&bed, "eleventh")).await, full);

    let third = ChainName::parse("chain2").unwrap();
    let id = plane.chain_delete(&ada(), &third, third.as_str(), false).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Done);
    // Whoever asks at the same moment as others: one of them gets it.
    let names: Vec<String> = (0..5).map(|number| format!("late{number}")).collect();
    let late = names.iter().map(|name| created(&plane, small(&bed, name)));
    let outcomes = futures::future::join_all(late).await;
    let taken: Vec<&String> =
        names.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(name, _)| name).collect();
    assert_eq!(taken.len(), 1, "{outcomes:?}");
    assert_eq!(block(&bed, taken[0]).await, 31_200);
    assert!(
        outcomes.iter().filter(|outcome| outcome.is_err()).all(|outcome| *outcome == full),
        "{outcomes:?}"
    );
}

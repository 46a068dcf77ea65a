//! What a drain of a machine does to the orderers of a chain: it evicts pods, and the budget keeps the quorum.

use std::time::{Duration, Instant};

use agents::{Agent, NodeSpec, NodeState};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::EvictParams;

use crate::bed::{Bed, PATIENCE, on_cluster};

/// What a cluster answers when a budget does not allow an eviction now.
const NOT_NOW: u16 = 429;

#[tokio::test(flavor = "multi_thread")]
async fn of_three_orderers_only_one_is_evicted_at_a_time() {
    on_cluster(async |bed| keeps_its_quorum(&bed).await).await;
}

async fn keeps_its_quorum(bed: &Bed) {
    bed.agent.ensure_space(&bed.space("drain")).await.unwrap();
    let orderer = |n: u8| NodeSpec { kind: "orderer".into(), ..bed.spec("drain", &format!("orderer{n}")) };
    let specs: Vec<NodeSpec> = (0..3).map(orderer).collect();
    for spec in &specs {
        bed.agent.ensure_node(spec).await.unwrap();
        bed.wait(&spec.node_ref(), |status| status.state == NodeState::Running).await;
    }
    let first = bed.pods(&specs[0].node_ref()).await.remove(0);
    let second = bed.pods(&specs[1].node_ref()).await.remove(0);
    let pods: Api<Pod> = Api::namespaced(bed.hands.clone(), &bed.namespace(&bed.installation, "drain"));
    // Until the cluster has counted the pods of the budget it allows nothing.
    let deadline = Instant::now() + PATIENCE;
    while let Err(refused) = evict(&pods, &first).await {
        assert_eq!(refused, NOT_NOW);
        assert!(Instant::now() < deadline, "the budget allows no eviction");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(evict(&pods, &second).await, Err(NOT_NOW), "two of three would be away");
    // A node without data is a Deployment's, whose pods have a new name each time.
    while bed.pods(&specs[0].node_ref()).await.iter().all(|name| *name == first) {
        assert!(Instant::now() < deadline, "the evicted orderer does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for spec in &specs {
        bed.wait(&spec.node_ref(), |status| status.state == NodeState::Running).await;
    }
}

/// Evicts a pod; the code of a refusal.
async fn evict(pods: &Api<Pod>, name: &str) -> Result<(), u16> {
    match pods.evict(name, &EvictParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(error) => panic!("{name} is not evicted: {error}"),
    }
}

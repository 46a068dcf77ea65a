//! What a drain of a machine does to the nodes of a chain: it evicts pods, and the budget keeps the quorum; what keeps
//! its data on the machine waits for it, and says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::{Agent, NodeSpec, NodeState, NodeStatus};
use domain::node::ReasonKind;
use k8s_openapi::api::core::v1::{Node as KubeNode, Pod};
use kube::Api;
use kube::api::{EvictParams, ListParams};

use crate::bed::{Bed, PATIENCE, on_cluster, skipped};

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

/// A machine is closed and all pods of the test on it are evicted, as `kubectl drain` does. Pods of other tests stay: they
/// are not asked to go, and whoever needs a machine meanwhile gets another one.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_drained_machine_ran_goes_on_elsewhere_or_names_the_machine() {
    on_cluster(async |bed| {
        let machines: Api<KubeNode> = Api::all(bed.hands.clone());
        if machines.list(&ListParams::default()).await.unwrap().items.len() < 2 {
            skipped("a drain needs a cluster of two machines: cargo xtask cluster up 2");
            return;
        }
        bed.agent.ensure_space(&bed.space("drained")).await.unwrap();
        let keeping = bed.keeping("drained", "peer0");
        bed.agent.ensure_node(&keeping).await.unwrap();
        let is_running = |status: &NodeStatus| status.state == NodeState::Running;
        let home = bed.wait(&keeping.node_ref(), is_running).await.machine.unwrap().name;
        let outcome = tokio::spawn(is_drained(Arc::clone(&bed), keeping, home.clone())).await;
        // Other tests need the machine, whatever came of this one.
        machines.uncordon(&home).await.unwrap();
        outcome.unwrap();
    })
    .await;
}

async fn is_drained(bed: Arc<Bed>, keeping: NodeSpec, home: String) {
    let free: Vec<NodeSpec> = (1..=2).map(|n| bed.spec("drained", &format!("peer{n}"))).collect();
    for spec in &free {
        bed.agent.ensure_node(spec).await.unwrap();
        bed.wait(&spec.node_ref(), |status| status.state == NodeState::Running).await;
    }
    let machines: Api<KubeNode> = Api::all(bed.hands.clone());
    machines.cordon(&home).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(bed.hands.clone(), &bed.namespace(&bed.installation, "drained"));
    let on_machine = ListParams::default().fields(&format!("spec.nodeName={home}"));
    for pod in pods.list(&on_machine).await.unwrap() {
        assert_eq!(evict(&pods, &pod.metadata.name.unwrap()).await, Ok(()));
    }

    let on = |status: &NodeStatus| status.machine.as_ref().map(|machine| machine.name.clone());
    let is_elsewhere = |status: &NodeStatus| {
        status.state == NodeState::Running && on(status).is_some_and(|machine| machine != home)
    };
    for spec in &free {
        bed.wait(&spec.node_ref(), is_elsewhere).await;
    }
    // Data in a folder of the machine stay there; where a class makes volumes that all machines reach, the node moves.
    let names_it = |status: &NodeStatus| {
        let closed = status.reason.as_ref().filter(|reason| reason.kind == ReasonKind::MachineClosed);
        closed.and_then(|reason| reason.said.as_deref()).is_some_and(|said| said.starts_with(&home))
    };
    let node = keeping.node_ref();
    let seen = bed.wait(&node, |status| is_elsewhere(status) || names_it(status)).await;
    if is_elsewhere(&seen) {
        return;
    }
    assert_ne!(seen.state, NodeState::Running, "{seen:?}");
    machines.uncordon(&home).await.unwrap();
    let back = bed.wait(&node, |status| status.state == NodeState::Running).await;
    assert_eq!((on(&back), &back.reason), (Some(home.clone()), &None), "{back:?}");
    assert_eq!(back.data_volume, seen.data_volume);
}

/// Evicts a pod; the code of a refusal.
async fn evict(pods: &Api<Pod>, name: &str) -> Result<(), u16> {
    match pods.evict(name, &EvictParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(error) => panic!("{name} is not evicted: {error}"),
    }
}

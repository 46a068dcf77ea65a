//! What is free on a cluster's machines: what they have for pods, less what the pods that are on them keep for
//! themselves. A scheduler counts so too: what pods really use does not matter to it.
//!
//! Nothing is decided here; a scheduler also looks at what is preferred, and machines may come and go.

use std::collections::BTreeMap;

use domain::host::cluster::{ClusterSettings, ClusterStorage};
use k8s_openapi::api::core::v1::{Container, Node as KubeNode, Pod, PodSpec, ResourceRequirements};
use kube::Api;
use kube::api::ListParams;

use super::cluster::Cluster;
use super::{machines, manifest, request};
use crate::{AgentError, NodeSpec, Room, Share};

/// Pods in one page of the list, and most pages that are read.
const PAGE: u32 = 500;
const PAGES_MAX: u32 = 200;
/// A list whose pages went stale meanwhile is begun again so often.
const LIST_TRIES: u32 = 3;
/// Pods that have ended keep nothing.
const ALIVE: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// What something keeps, or what is free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amount {
    cpu_milli: u64,
    memory_bytes: u64,
    pods: u64,
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            pods: self.pods.saturating_add(other.pods),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_sub(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            pods: self.pods.saturating_sub(other.pods),
        }
    }

    fn holds(self, other: Self) -> bool {
        self.cpu_milli >= other.cpu_milli
            && self.memory_bytes >= other.memory_bytes
            && self.pods >= other.pods
    }
}

/// Looks which of some nodes find a machine at this moment.
pub(super) async fn look(cluster: &Cluster, specs: &[NodeSpec]) -> Result<Room, AgentError> {
    let machines: Api<KubeNode> = cluster.everywhere();
    let machines = request::list(&machines, None).await?;
    let kept = kept(cluster).await?;
    let wanted: Vec<Amount> = specs.iter().map(wanted).collect();
    Ok(room(free(&machines, &kept, &cluster.options().settings), &wanted))
}

/// What is kept on each machine, by its name.
async fn kept(cluster: &Cluster) -> Result<BTreeMap<String, Amount>, AgentError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match counted(cluster).await {
            // The pages belong to one moment, which the server has forgotten.
            Err(AgentError::Engine { status: 410, .. }) if tries < LIST_TRIES => {}
            ended => return ended,
        }
    }
}

/// The list is counted page by page: a large cluster has many pods.
async fn counted(cluster: &Cluster) -> Result<BTreeMap<String, Amount>, AgentError> {
    let api: Api<Pod> = cluster.everywhere();
    let mut kept = BTreeMap::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let params = ListParams {
            field_selector: Some(ALIVE.to_owned()),
            limit: Some(PAGE),
            continue_token: token.take(),
            ..ListParams::default()
        };
        let page = request::within("list of pods", api.list(&params)).await?;
        page.items.iter().for_each(|pod| count(pod, &mut kept));
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(kept);
        }
    }
    Err(AgentError::Refused("list of pods: there are too many".to_owned()))
}

fn count(pod: &Pod, kept: &mut BTreeMap<String, Amount>) {
    let Some(spec) = &pod.spec else { return };
    // One that waits for a machine keeps nothing yet.
    let Some(machine) = spec.node_name.clone().filter(|machine| !machine.is_empty()) else { return };
    let cpu_milli = whole(kept_by(spec, "cpu"));
    let memory_bytes = whole(kept_by(spec, "memory").div_ceil(1_000));
    let all = kept.entry(machine).or_default();
    *all = all.plus(Amount { cpu_milli, memory_bytes, pods: 1 });
}

/// What a pod keeps of one resource, in thousandths of its unit: its containers together, or what it begins with where
/// that is more.
fn kept_by(spec: &PodSpec, what: &str) -> u128 {
    let of = |container: &Container| asked(container.resources.as_ref(), what).unwrap_or(0);
    let goes_on = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let first = spec.init_containers.as_deref().unwrap_or_default();
    let beside = first.iter().filter(goes_on).map(of).fold(0, u128::saturating_add);
    let together = spec.containers.iter().map(of).fold(beside, u128::saturating_add);
    let passing = first.iter().filter(|container| !goes_on(container)).map(of).max().unwrap_or(0);
    let of_containers = together.max(passing.saturating_add(beside));
    let over = spec.overhead.as_ref().and_then(|all| all.get(what)).and_then(machines::thousandths);
    asked(spec.resources.as_ref(), what).unwrap_or(of_containers).saturating_add(over.unwrap_or(0))
}

fn asked(resources: Option<&ResourceRequirements>, what: &str) -> Option<u128> {
    resources?.requests.as_ref()?.get(what).and_then(machines::thousandths)
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What a node's pod keeps.
fn wanted(spec: &NodeSpec) -> Amount {
    let (cpu_milli, memory_mib) = manifest::kept_free(spec.limits);
    Amount { cpu_milli: u64::from(cpu_milli), memory_bytes: u64::from(memory_mib) * MIB, pods: 1 }
}

/// What is free on each machine that would run nodes.
fn free(machines: &[KubeNode], kept: &BTreeMap<String, Amount>, settings: &ClusterSettings) -> Vec<Amount> {
    let has_data = |machine: &KubeNode| match &settings.storage {
        // The data of every node is on this one.
        ClusterStorage::NodeLocal { kube_node, .. } => machines::name(machine) == kube_node,
        ClusterStorage::Class { .. } | ClusterStorage::Nfs { .. } => true,
    };
    let fitting = machines
        .iter()
        .filter(|machine| has_data(machine) && machines::hindrance(machine, settings).is_none());
    let free = fitting.map(|machine| {
        let (cpu_milli, memory_bytes) = machines::allocatable(&[machine]);
        let pods = machines::pods(machine).unwrap_or(u64::MAX);
        let kept = kept.get(machines::name(machine)).copied().unwrap_or_default();
        Amount { cpu_milli, memory_bytes, pods }.minus(kept)
    });
    free.collect()
}

/// Places nodes one after another, each on the first machine that holds it.
fn room(mut free: Vec<Amount>, wanted: &[Amount]) -> Room {
    let share = |of: fn(&Amount) -> u64| Share {
        wanted: wanted.iter().map(of).fold(0, u64::saturating_add),
        of_one: wanted.iter().map(of).max().unwrap_or(0),
        free: free.iter().map(of).fold(0, u64::saturating_add),
        largest: free.iter().map(of).max().unwrap_or(0),
    };
    let (cpu_milli, memory_bytes) = (share(|one| one.cpu_milli), share(|one| one.memory_bytes));
    let mut placed = 0;
    for one in wanted {
        if let Some(machine) = free.iter_mut().find(|machine| machine.holds(*one)) {
            *machine = machine.minus(*one);
            placed += 1;
        }
    }
    Room { nodes: wanted.len(), placed, cpu_milli, memory_bytes }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Limits;
    use crate::node::tests::peer;

    fn machine(name: &str, cpu: &str, memory: &str, spec: Value) -> KubeNode {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec,
            "status": {
                "allocatable": {"cpu": cpu, "memory": memory, "pods": "3"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }))
        .unwrap()
    }

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}),
        )
        .unwrap()
    }

    fn container(cpu: &str, memory: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}})
    }

    #[test]
    fn pods_keep_what_they_ask_for_on_their_machine() {
        let mut kept = BTreeMap::new();
        count(
            &pod(json!({"nodeName": "one", "containers": [container("250m", "1Mi"), {"name": "d"}]})),
            &mut kept,
        );
        let mut goes_on = container("100m", "1Mi");
        goes_on["restartPolicy"] = json!("Always");
        let begins = json!({
            "nodeName": "one", "containers": [container("10m", "1Mi")],
            "initContainers": [goes_on, container("1", "0")], "overhead": {"cpu": "5m"},
        });
        count(&pod(begins), &mut kept);
        count(&pod(json!({"containers": [container("9", "9Gi")]})), &mut kept);
        let whole = json!({
            "nodeName": "two", "containers": [container("9", "9Gi")], "resources": {"requests": {"cpu": "2"}},
        });
        count(&pod(whole), &mut kept);
        let one = Amount { cpu_milli: 250 + 1_105, memory_bytes: 3 * MIB, pods: 2 };
        let two = Amount { cpu_milli: 2_000, memory_bytes: 9 << 30, pods: 1 };
        assert_eq!(kept, BTreeMap::from([("one".to_owned(), one), ("two".to_owned(), two)]));
    }

    #[test]
    fn only_machines_that_would_run_nodes_have_room() {
        let machines = [
            machine("one", "2", "4Gi", json!({})),
            machine("two", "2", "4Gi", json!({"unschedulable": true})),
            machine("three", "1", "2Gi", json!({})),
        ];
        let used = Amount { cpu_milli: 500, memory_bytes: 1 << 30, pods: 1 };
        let kept = BTreeMap::from([("one".to_owned(), used)]);
        let one = Amount { cpu_milli: 1_500, memory_bytes: 3 << 30, pods: 2 };
        let three = Amount { cpu_milli: 1_000, memory_bytes: 2 << 30, pods: 3 };
        let mut settings = ClusterSettings::default();
        assert_eq!(free(&machines, &kept, &settings), [one, three]);
        settings.storage =
            ClusterStorage::NodeLocal { kube_node: "three".to_owned(), path: "/data".to_owned() };
        assert_eq!(free(&machines, &kept, &settings), [three]);
    }

    #[test]
    fn nodes_are_placed_one_after_another() {
        let amount =
            |cpu_milli: u64, mib: u64, pods: u64| Amount { cpu_milli, memory_bytes: mib * MIB, pods };
        let of_node = amount(100, 512, 1);
        let check = |free: &[Amount], nodes: usize, placed: usize| {
            let found = room(free.to_vec(), &vec![of_node; nodes]);
            assert_eq!((found.nodes, found.placed), (nodes, placed), "{free:?}");
            found
        };
        let found = check(&[amount(250, 4_096, 9), amount(100, 600, 9)], 3, 3);
        assert_eq!(found.cpu_milli, Share { wanted: 300, of_one: 100, free: 350, largest: 250 });
        assert_eq!(found.memory_bytes.largest, 4_096 * MIB);
        // Scattered: together there is enough, and no machine takes the last one.
        check(&[amount(150, 4_096, 9), amount(150, 4_096, 9)], 3, 2);
        check(&[amount(1_000, 4_096, 1)], 3, 1);
        check(&[amount(99, 4_096, 9)], 1, 0);
        check(&[], 2, 0);
    }

    #[test]
    fn a_node_keeps_a_part_of_its_limits() {
        let limits = Limits { memory_mib: 257, cpu_milli: 1_001, pids: 1 };
        let kept = wanted(&NodeSpec { limits, ..peer() });
        assert_eq!(kept, Amount { cpu_milli: 101, memory_bytes: 129 * MIB, pods: 1 });
    }
}

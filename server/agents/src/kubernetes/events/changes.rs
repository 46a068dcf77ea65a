//! What watches show, read as what happened to nodes. Pure: the same sights in the same order give the same changes.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::kubernetes::{names, pods};
use crate::{NodeChange, NodeRef};

/// One thing that happened.
type Happened = Vec<(NodeRef, NodeChange)>;

/// What was seen of all nodes so far.
#[derive(Debug, Default)]
pub(super) struct Changes {
    nodes: HashMap<NodeRef, Seen>,
}

/// What was seen of one node: identities of what runs it, and its pods.
#[derive(Debug, Default)]
struct Seen {
    controllers: BTreeSet<String>,
    pods: HashMap<String, Runs>,
}

/// The runs of one pod that were told, by the identity of the process's container.
#[derive(Debug, Default)]
struct Runs {
    started: Option<String>,
    ended: Option<String>,
    /// Whether the process that runs now was seen to be well.
    is_ready: bool,
}

impl Changes {
    /// How many nodes are known, and how many pods of them.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.nodes.len(), self.nodes.values().map(|seen| seen.pods.len()).sum())
    }

    /// Something that runs a node is there.
    pub(super) fn controller(&mut self, metadata: &ObjectMeta) -> Happened {
        let (Some(node), Some(uid)) = (node_of(metadata), metadata.uid.clone()) else { return Vec::new() };
        let seen = self.nodes.entry(node.clone()).or_default();
        let is_new = seen.controllers.insert(uid);
        if is_new { vec![(node, NodeChange::Created)] } else { Vec::new() }
    }

    /// Something that ran a node is gone. The node is removed when its pod has gone too.
    pub(super) fn controller_gone(&mut self, metadata: &ObjectMeta) -> Happened {
        let Some(node) = node_of(metadata) else { return Vec::new() };
        if let (Some(seen), Some(uid)) = (self.nodes.get_mut(&node), &metadata.uid) {
            seen.controllers.remove(uid);
        }
        self.removed(node)
    }

    /// A pod is as it is now.
    pub(super) fn pod(&mut self, pod: &Pod) -> Happened {
        let Some(node) = node_of(&pod.metadata) else { return Vec::new() };
        let seen = self.nodes.entry(node.clone()).or_default();
        let runs = seen.pods.entry(pods::uid(pod)).or_default();
        named(&node, runs.see(pod))
    }

    /// A pod is gone, and this is how it was seen last.
    pub(super) fn pod_gone(&mut self, pod: &Pod) -> Happened {
        let Some(node) = node_of(&pod.metadata) else { return Vec::new() };
        let Some(seen) = self.nodes.get_mut(&node) else { return Vec::new() };
        let mut happened = Vec::new();
        if let Some(mut runs) = seen.pods.remove(&pods::uid(pod)) {
            happened = runs.see(pod);
            if runs.started != runs.ended {
                happened.push(NodeChange::Ended(None));
            }
        }
        let mut happened = named(&node, happened);
        happened.extend(self.removed(node));
        happened
    }

    /// Tells that a node was removed, once nothing is left that runs it.
    fn removed(&mut self, node: NodeRef) -> Happened {
        let is_gone =
            self.nodes.get(&node).is_some_and(|seen| seen.controllers.is_empty() && seen.pods.is_empty());
        if !is_gone {
            return Vec::new();
        }
        self.nodes.remove(&node);
        vec![(node, NodeChange::Removed)]
    }
}

impl Runs {
    /// What is new about a pod's process.
    fn see(&mut self, pod: &Pod) -> Vec<NodeChange> {
        let mut happened = Vec::new();
        let Some(container) = pods::container(pod) else { return happened };
        if let Some(before) = container.last_state.as_ref().and_then(|state| state.terminated.as_ref()) {
            self.end(before, &mut happened);
        }
        let Some(state) = &container.state else { return happened };
        if let Some(end) = &state.terminated {
            self.end(end, &mut happened);
        }
        if state.running.is_some()
            && container.container_id.is_some()
            && self.started != container.container_id
        {
            if self.started != self.ended {
                happened.push(NodeChange::Ended(None));
                self.ended.clone_from(&self.started);
            }
            self.started.clone_from(&container.container_id);
            self.is_ready = container.ready;
            happened.push(NodeChange::Started);
        } else if state.running.is_some() && self.is_ready != container.ready {
            self.is_ready = container.ready;
            happened.push(NodeChange::Readiness);
        }
        happened
    }

    fn end(&mut self, end: &ContainerStateTerminated, happened: &mut Vec<NodeChange>) {
        if end.container_id.is_none() || self.ended == end.container_id {
            return;
        }
        if self.started != end.container_id {
            // It ended before anybody saw it run.
            happened.push(NodeChange::Started);
        }
        if end.reason.as_deref() == Some("OOMKilled") {
            happened.push(NodeChange::OutOfMemory);
        }
        happened.push(NodeChange::Ended(Some(i64::from(end.exit_code))));
        self.started.clone_from(&end.container_id);
        self.ended.clone_from(&end.container_id);
    }
}

fn node_of(metadata: &ObjectMeta) -> Option<NodeRef> {
    metadata.labels.as_ref().and_then(names::node_of)
}

fn named(node: &NodeRef, changes: Vec<NodeChange>) -> Happened {
    changes.into_iter().map(|change| (node.clone(), change)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kubernetes::pods::tests::{in_state, pod};

    fn what(happened: Happened) -> Vec<NodeChange> {
        assert!(happened.iter().all(|(node, _)| *node == NodeRef::new("abc", "demo", "peer0")));
        happened.into_iter().map(|(_, change)| change).collect()
    }

    fn controller(uid: &str) -> ObjectMeta {
        ObjectMeta { uid: Some(uid.into()), ..pod("a", json!({})).metadata }
    }

    fn running(id: &str, restarts: i32, last: Value) -> Pod {
        pod("a", in_state(id, restarts, json!({"running": {}}), last))
    }

    fn ended(id: &str, code: i32, reason: &str) -> Value {
        json!({"terminated": {"exitCode": code, "reason": reason, "containerID": id}})
    }

    #[test]
    fn a_life_is_told_once_and_in_order() {
        let mut changes = Changes::default();
        assert_eq!(what(changes.controller(&controller("s"))), [NodeChange::Created]);
        assert!(what(changes.controller(&controller("s"))).is_empty());
        assert!(what(changes.pod(&pod("a", json!({"phase": "Pending"})))).is_empty());
        assert_eq!(what(changes.pod(&running("c1", 0, json!({})))), [NodeChange::Started]);
        assert!(what(changes.pod(&running("c1", 0, json!({})))).is_empty());
        let over = pod("a", in_state("c1", 0, ended("c1", 0, "Completed"), json!({})));
        assert_eq!(what(changes.pod(&over)), [NodeChange::Ended(Some(0))]);
        assert!(what(changes.pod_gone(&over)).is_empty());
        assert_eq!(what(changes.controller_gone(&controller("s"))), [NodeChange::Removed]);
        assert!(what(changes.controller_gone(&controller("s"))).is_empty());
    }

    #[test]
    fn a_node_that_begins_and_ceases_to_be_well_is_told() {
        let in_turn = |is_ready: bool| {
            let mut status = in_state("c1", 0, json!({"running": {}}), json!({}));
            status["containerStatuses"][0]["ready"] = json!(is_ready);
            pod("a", status)
        };
        let mut changes = Changes::default();
        assert_eq!(what(changes.pod(&in_turn(false))), [NodeChange::Started]);
        assert!(what(changes.pod(&in_turn(false))).is_empty());
        assert_eq!(what(changes.pod(&in_turn(true))), [NodeChange::Readiness]);
        assert_eq!(what(changes.pod(&in_turn(false))), [NodeChange::Readiness]);
        // One that has ended is not asked any more.
        let over = pod("a", in_state("c1", 0, ended("c1", 1, "Error"), json!({})));
        assert_eq!(what(changes.pod(&over)), [NodeChange::Ended(Some(1))]);
        assert_eq!(what(changes.pod(&running("c2", 1, json!({})))), [NodeChange::Started]);
    }

    #[test]
    fn ends_that_nobody_saw_are_told_from_what_is_remembered() {
        let mut changes = Changes::default();
        changes.controller(&controller("s"));
        changes.pod(&running("c1", 0, json!({})));
        let again = changes.pod(&running("c2", 1, ended("c1", 137, "OOMKilled")));
        let expect = [NodeChange::OutOfMemory, NodeChange::Ended(Some(137)), NodeChange::Started];
        assert_eq!(what(again), expect);
        let waits = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let crashed = changes.pod(&pod("a", in_state("c3", 2, waits, ended("c3", 2, "Error"))));
        assert_eq!(what(crashed), [NodeChange::Started, NodeChange::Ended(Some(2))]);
    }

    #[test]
    fn a_node_is_removed_when_its_last_pod_is_gone() {
        let mut changes = Changes::default();
        changes.controller(&controller("s"));
        changes.pod(&running("c1", 0, json!({})));
        assert!(what(changes.controller_gone(&controller("s"))).is_empty());
        assert_eq!(changes.counts(), (1, 1));
        let gone = changes.pod_gone(&running("c1", 0, json!({})));
        assert_eq!(what(gone), [NodeChange::Ended(None), NodeChange::Removed]);
        assert_eq!(changes.counts(), (0, 0));
    }

    #[test]
    fn a_pod_that_comes_back_is_another_run_of_the_same_node() {
        let mut changes = Changes::default();
        changes.controller(&controller("s"));
        changes.pod(&running("c1", 0, json!({})));
        let over = pod("a", in_state("c1", 0, ended("c1", 137, "Error"), json!({})));
        assert_eq!(what(changes.pod_gone(&over)), [NodeChange::Ended(Some(137))]);
        let next = pod("b", in_state("c2", 0, json!({"running": {}}), json!({})));
        assert_eq!(what(changes.pod(&next)), [NodeChange::Started]);
    }

    #[test]
    fn what_is_no_node_of_ours_changes_nothing() {
        let mut changes = Changes::default();
        let mut foreign = running("c1", 0, json!({}));
        foreign.metadata.labels = None;
        assert!(changes.pod(&foreign).is_empty());
        assert!(changes.pod_gone(&foreign).is_empty());
        assert!(changes.controller(&foreign.metadata).is_empty());
    }
}

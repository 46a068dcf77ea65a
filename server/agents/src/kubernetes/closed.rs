//! Nodes that wait because somebody closed a machine for new pods, as is done before it is switched off. The scheduler
//! only counts machines; which one it is about stands on the machines and on the claim of the node's data.

use domain::node::{NodeReason, ReasonKind};
use k8s_openapi::api::core::v1::{Node as KubeNode, PersistentVolumeClaim};
use kube::Api;

use super::cluster::Cluster;
use super::{machines, request};
use crate::{NodeRef, NodeStatus};

/// On a claim whose volume was made where its first pod was put: on which machine.
const HOME: &str = "volume.kubernetes.io/selected-node";
/// How the scheduler counts machines that are closed.
const COUNTED: &str = "unschedulable";

/// The machine that a claim's volume was made for, when it was made for one.
pub(super) fn home(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.metadata.annotations.as_ref()?.get(HOME).map(String::as_str)
}

/// Names the closed machines to the nodes that no machine takes; `home` is the machine of a node's data. A failed look is
/// no failed list.
pub(super) async fn name(
    cluster: &Cluster,
    all: &mut [NodeStatus],
    home: impl Fn(&NodeRef) -> Option<String> + Send,
) {
    let waits = |status: &&mut NodeStatus| {
        status.reason.as_ref().is_some_and(|reason| reason.kind == ReasonKind::NoMachine)
    };
    let waiting: Vec<&mut NodeStatus> = all.iter_mut().filter(waits).collect();
    if waiting.is_empty() {
        return;
    }
    let api: Api<KubeNode> = cluster.everywhere();
    let Ok(found) = request::list(&api, None).await else { return };
    let closed: Vec<&str> =
        found.iter().filter(|machine| machines::is_closed(machine)).map(machines::name).collect();
    for status in waiting {
        let home = home(&status.node);
        if let Some(why) =
            status.reason.as_ref().and_then(|reason| reason_of(reason, home.as_deref(), &closed))
        {
            status.reason = Some(why);
        }
    }
}

/// What is said of a node that no machine takes when some are closed; `None` when it is not because of them.
fn reason_of(reason: &NodeReason, home: Option<&str>, closed: &[&str]) -> Option<NodeReason> {
    let said = reason.said.as_deref().unwrap_or_default();
    let names = match home {
        Some(home) if closed.contains(&home) => home.to_owned(),
        // Its data are elsewhere, so an open machine would not help.
        Some(_) => return None,
        None if !closed.is_empty() && said.contains(COUNTED) => closed.join(", "),
        None => return None,
    };
    let message = if said.is_empty() { names } else { format!("{names}: {said}") };
    Some(NodeReason::told(ReasonKind::MachineClosed, &message))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_closed_machine_is_named_when_it_is_what_the_node_waits_for() {
        let counted = "0/2 nodes are available: 1 node(s) were unschedulable";
        let check = |said: &str, home: Option<&str>, closed: &[&str], expect: Option<&str>| {
            let reason = NodeReason::told(ReasonKind::NoMachine, said);
            let expect = expect.map(|said| NodeReason::told(ReasonKind::MachineClosed, said));
            assert_eq!(reason_of(&reason, home, closed), expect, "{said} {home:?} {closed:?}");
        };
        check(counted, Some("b"), &["b"], Some(&format!("b: {counted}")));
        check("", Some("b"), &["a", "b"], Some("b"));
        check(counted, None, &["a", "b"], Some(&format!("a, b: {counted}")));
        // Another machine is closed, the machines have no room, or none is closed any more.
        check(counted, Some("b"), &["a"], None);
        check("0/2 nodes are available: 2 Insufficient cpu", None, &["a"], None);
        check(counted, None, &[], None);
    }

    #[test]
    fn a_claim_tells_where_its_volume_was_made() {
        let claim = |annotations: Value| -> PersistentVolumeClaim {
            serde_json::from_value(json!({"metadata": {"name": "a", "annotations": annotations}})).unwrap()
        };
        assert_eq!(home(&claim(json!({HOME: "kube-node-2"}))), Some("kube-node-2"));
        assert_eq!(home(&claim(json!(null))), None);
    }
}

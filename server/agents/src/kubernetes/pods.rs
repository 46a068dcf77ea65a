//! The pods of a node: there is one, or none, or for a moment the next one beside the last.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::node::Machine;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use kube::Api;
use kube::runtime::watcher::{self, Config, Event, watcher};

pub(super) use self::lean::Lean;
use super::cluster::{Cluster, selector_of};
use super::{failure, manifest, request};
use crate::{AgentError, NodeRef};

mod lean;

/// A watch is asked for anew after so many seconds, so that a dead connection does not look like a quiet one.
pub(super) const WATCH_SECONDS: u32 = 60;
/// Between two tries of a watch that fails.
const PAUSE: Duration = Duration::from_millis(500);
/// A watch that failed so often in a row is given up.
const FAILURES_MAX: u32 = 10;
/// Names of our containers; a pod of ours has one of them.
const OURS: [&str; 3] = [manifest::CONTAINER, manifest::PROBE, manifest::FOLDER];

/// All pods of a node.
pub(super) async fn of_node(cluster: &Cluster, node: &NodeRef) -> Result<Vec<Pod>, AgentError> {
    let api: Api<Pod> = cluster.within(&cluster.namespace_of(node));
    request::list(&api, Some(&selector_of(node)?)).await
}

/// The one that counts: what lives before what is over, what stays before what goes, the youngest.
pub(super) fn current<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Option<&'a Pod> {
    pods.into_iter().max_by_key(|pod| {
        let stays = pod.metadata.deletion_timestamp.is_none();
        (!is_over(pod), stays, pod.metadata.creation_timestamp.clone())
    })
}

/// True for a pod that was moved away or has ended, and will never run again.
pub(super) fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// What is known of the container that we put into a pod. A cluster may put others before it and after it.
pub(super) fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let all = pod.status.as_ref()?.container_statuses.as_ref()?;
    OURS.iter().find_map(|name| all.iter().find(|found| found.name == *name))
}

/// True when a pod's process runs at this moment.
pub(super) fn is_running(pod: &Pod) -> bool {
    let state = container(pod).and_then(|container| container.state.as_ref());
    !is_over(pod) && state.is_some_and(|state| state.running.is_some())
}

/// True when a pod's machine does not answer. Its process was last seen to run, and no word comes any more: the cluster
/// then only takes back that the pod is ready, and leaves standing what the machine said of its containers. A pod that
/// waits for somebody else's word as well looks the same and is well.
pub(super) fn is_out_of_sight(pod: &Pod) -> bool {
    let gates = pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_ref());
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let is = |name: &str, wanted: &str| {
        conditions.is_some_and(|all| all.iter().any(|one| one.type_ == name && one.status == wanted))
    };
    let is_gated = gates.is_some_and(|gates| !gates.is_empty());
    is_running(pod) && !is_gated && is("Ready", "False") && is("ContainersReady", "True")
}

/// True when a pod's process runs and its probes do not say that it is well.
pub(super) fn is_unwell(pod: &Pod) -> bool {
    is_running(pod) && container(pod).is_some_and(|container| !container.ready)
}

/// The machine that a pod was given to.
pub(super) fn machine(pod: &Pod) -> Option<Machine> {
    let name = pod.spec.as_ref()?.node_name.clone()?;
    Some(Machine { name, address: pod.status.as_ref().and_then(|status| status.host_ip.clone()) })
}

/// How a pod's last process ended, when one did.
pub(super) fn last_end(pod: &Pod) -> Option<&ContainerStateTerminated> {
    let container = container(pod)?;
    let now = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or_else(|| container.last_state.as_ref()?.terminated.as_ref())
}

/// A pod's identity; a name may be used again.
pub(super) fn uid(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}

/// Looks at a node's pods now and whenever they change, until a look comes to a result; `None` when none did in time.
/// A look is given all pods, and the one that has just gone as it was last seen.
pub(super) async fn until<T: Send>(
    cluster: &Cluster,
    node: &NodeRef,
    limit: Duration,
    mut look: impl FnMut(&BTreeMap<String, Pod>, Option<&Pod>) -> Option<T> + Send,
) -> Result<Option<T>, AgentError> {
    let selected = Config::default().labels(&selector_of(node)?).timeout(WATCH_SECONDS);
    let api: Api<Pod> = cluster.within(&cluster.namespace_of(node));
    let looking = async {
        let mut events = Box::pin(watcher(api, selected));
        let mut pods = BTreeMap::new();
        let mut failures = 0;
        while let Some(event) = events.next().await {
            let mut gone = None;
            match event {
                Ok(Event::Init) => {
                    pods.clear();
                    continue;
                }
                Ok(Event::InitApply(pod)) => {
                    pods.insert(uid(&pod), pod);
                    continue;
                }
                Ok(Event::InitDone) => {}
                Ok(Event::Apply(pod)) => {
                    pods.insert(uid(&pod), pod);
                }
                Ok(Event::Delete(pod)) => {
                    pods.remove(&uid(&pod));
                    gone = Some(pod);
                }
                Err(error) => {
                    failures += 1;
                    if failures >= FAILURES_MAX {
                        return Err(watch_failure(error, &format!("pods of {node}")));
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            failures = 0;
            if let Some(result) = look(&pods, gone.as_ref()) {
                return Ok(Some(result));
            }
        }
        Ok(None)
    };
    tokio::time::timeout(limit, looking).await.unwrap_or(Ok(None))
}

/// The error of a watch in our words.
pub(super) fn watch_failure(error: watcher::Error, what: &str) -> AgentError {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => failure::agent(error, what),
        watcher::Error::WatchError(status) => {
            AgentError::Engine { status: status.code, message: format!("{what}: {}", status.message) }
        }
        watcher::Error::NoResourceVersion => {
            AgentError::Engine { status: 0, message: format!("{what}: the server cannot be watched") }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use k8s_openapi::api::core::v1::PodStatus;
    use serde_json::{Value, json};

    use super::*;

    /// A pod of `peer0` in this state.
    pub(in super::super) fn pod(uid: &str, status: Value) -> Pod {
        let labels = json!({
            "heddle.installation": "abc", "heddle.chain": "demo", "heddle.node": "peer0", "heddle.kind": "peer",
        });
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "peer0-0", "uid": uid, "labels": labels, "creationTimestamp": "2026-11-30T10:00:00Z"},
            "status": status,
        }))
        .unwrap()
    }

    /// The status of a pod whose container is in this state.
    pub(in super::super) fn in_state(id: &str, restarts: i32, state: Value, last: Value) -> Value {
        json!({"phase": "Running", "hostIP": "10.9.0.2", "containerStatuses": [{
            "name": "node", "image": "heddle.local/n:1", "imageID": "sha256:aa", "ready": true,
            "containerID": id, "restartCount": restarts, "state": state, "lastState": last,
        }]})
    }

    #[test]
    fn our_container_is_found_among_those_that_a_cluster_puts_beside_it() {
        let mut status = in_state("c1", 2, json!({"terminated": {"exitCode": 3}}), json!({}));
        let beside = |name: &str| {
            json!({
                "name": name, "image": "mesh:1", "imageID": "sha256:bb", "ready": true, "restartCount": 0,
                "state": {"running": {}},
            })
        };
        let ours = status["containerStatuses"][0].clone();
        status["containerStatuses"] = json!([beside("mesh-proxy"), ours, beside("vault-agent")]);
        let with = pod("a", status.clone());
        assert_eq!(container(&with).map(|found| found.restart_count), Some(2));
        assert!(!is_running(&with));
        assert_eq!(last_end(&with).map(|end| end.exit_code), Some(3));
        status["containerStatuses"] = json!([beside("mesh-proxy"), beside("probe")]);
        let probe = pod("a", status.clone());
        assert_eq!(container(&probe).map(|found| found.name.as_str()), Some("probe"));
        status["containerStatuses"] = json!([beside("mesh-proxy")]);
        assert!(container(&pod("a", status)).is_none());
    }

    /// A pod that runs, with these of its conditions.
    pub(in super::super) fn ready(is_ready: &str, are_containers: &str) -> Pod {
        let mut status = in_state("c1", 0, json!({"running": {}}), json!({}));
        status["conditions"] = json!([
            {"type": "Ready", "status": is_ready}, {"type": "ContainersReady", "status": are_containers},
        ]);
        pod("a", status)
    }

    #[test]
    fn a_pod_is_out_of_sight_when_only_the_cluster_says_that_it_is_not_ready() {
        assert!(is_out_of_sight(&ready("False", "True")));
        // The machine itself says that the node is not well, or all is well.
        assert!(!is_out_of_sight(&ready("False", "False")) && !is_out_of_sight(&ready("True", "True")));
        assert!(!is_out_of_sight(&pod("a", in_state("c1", 0, json!({"running": {}}), json!({})))));
        let mut gated = ready("False", "True");
        gated.spec = serde_json::from_value(json!({
            "containers": [], "readinessGates": [{"conditionType": "balancer.example/registered"}],
        }))
        .unwrap();
        assert!(!is_out_of_sight(&gated));
    }

    #[test]
    fn the_machine_of_a_pod_is_told_with_its_address() {
        let mut placed = pod("a", in_state("c1", 0, json!({"running": {}}), json!({})));
        assert_eq!(machine(&placed), None);
        placed.spec = serde_json::from_value(json!({"containers": [], "nodeName": "worker-1"})).unwrap();
        let expect = Machine { name: "worker-1".into(), address: Some("10.9.0.2".into()) };
        assert_eq!(machine(&placed), Some(expect));
    }

    #[test]
    fn a_pod_that_runs_and_is_not_ready_is_unwell() {
        let mut status = in_state("c1", 0, json!({"running": {}}), json!({}));
        assert!(!is_unwell(&pod("a", status.clone())));
        status["containerStatuses"][0]["ready"] = json!(false);
        assert!(is_unwell(&pod("a", status.clone())));
        status["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        assert!(!is_unwell(&pod("a", status)));
    }

    #[test]
    fn what_lives_counts_more_than_what_is_over() {
        let over = Pod {
            status: Some(PodStatus { phase: Some("Failed".into()), ..PodStatus::default() }),
            ..pod("a", json!({}))
        };
        let running = pod("b", in_state("c1", 0, json!({"running": {}}), json!({})));
        let mut going = running.clone();
        going.metadata.uid = Some("c".into());
        going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
        for order in [[&over, &running, &going], [&going, &over, &running], [&running, &going, &over]] {
            assert_eq!(current(order).map(uid).as_deref(), Some("b"));
        }
        assert_eq!(current([&over, &going]).map(uid).as_deref(), Some("c"));
        assert!(current([]).is_none());
        assert!(is_running(&running) && !is_running(&over));
    }

    #[test]
    fn the_last_end_is_told_while_the_process_waits_and_while_it_runs_again() {
        let ended = json!({"terminated": {"exitCode": 3, "containerID": "c1"}});
        let check = |state: Value, last: Value, code| {
            let pod = pod("a", in_state("c2", 1, state, last));
            assert_eq!(last_end(&pod).map(|end| end.exit_code), code);
        };
        check(ended.clone(), json!({}), Some(3));
        check(json!({"waiting": {"reason": "CrashLoopBackOff"}}), ended.clone(), Some(3));
        check(json!({"running": {}}), ended, Some(3));
        check(json!({"running": {}}), json!({}), None);
    }
}

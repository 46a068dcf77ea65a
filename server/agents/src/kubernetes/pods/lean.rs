//! A pod of which only what its state is told from is read. Most of a pod's text is what it should be and who wrote which
//! field: decoded it is ten times as much memory as the rest, and a list or a watch of a thousand pods looks at none of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition, PodReadinessGate, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

/// A pod without what nobody here looks at; it is asked for like a whole one.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Read")]
pub(in super::super) struct Lean(pub(in super::super) Pod);

impl Resource for Lean {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        Pod::kind(&())
    }

    fn group(_: &()) -> Cow<'_, str> {
        Pod::group(&())
    }

    fn version(_: &()) -> Cow<'_, str> {
        Pod::version(&())
    }

    fn plural(_: &()) -> Cow<'_, str> {
        Pod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.0.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0.metadata
    }
}

/// What is read: who the pod is, how it is, and of what it should be only the gates that decide whether it is ready and
/// the machine that it is on. Whatever is not named here is skipped without being kept.
#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    metadata: ReadMetadata,
    spec: Option<ReadSpec>,
    status: Option<ReadStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReadMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    /// From where a watch goes on.
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadSpec {
    node_name: Option<String>,
    readiness_gates: Option<Vec<PodReadinessGate>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadStatus {
    phase: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    #[serde(rename = "hostIP")]
    host_ip: Option<String>,
    conditions: Option<Vec<PodCondition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
}

impl From<Read> for Lean {
    fn from(read: Read) -> Self {
        let metadata = ObjectMeta {
            name: read.metadata.name,
            namespace: read.metadata.namespace,
            uid: read.metadata.uid,
            resource_version: read.metadata.resource_version,
            labels: read.metadata.labels,
            creation_timestamp: read.metadata.creation_timestamp,
            deletion_timestamp: read.metadata.deletion_timestamp,
            ..ObjectMeta::default()
        };
        let spec = read.spec.map(|spec| PodSpec {
            node_name: spec.node_name,
            readiness_gates: spec.readiness_gates,
            ..PodSpec::default()
        });
        let status = read.status.map(|status| PodStatus {
            phase: status.phase,
            reason: status.reason,
            message: status.message,
            host_ip: status.host_ip,
            conditions: status.conditions,
            container_statuses: status.container_statuses,
            ..PodStatus::default()
        });
        Self(Pod { metadata, spec, status })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::in_state;
    use super::super::{is_out_of_sight, machine};
    use super::*;
    use crate::kubernetes::reasons;

    fn both(value: &Value) -> (Pod, Pod) {
        let lean: Lean = serde_json::from_value(value.clone()).unwrap();
        (serde_json::from_value(value.clone()).unwrap(), lean.0)
    }

    /// A whole pod in this state, as a cluster tells it.
    fn told(gates: &Value, status: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "peer0-0", "namespace": "heddle-demo", "uid": "u1", "resourceVersion": "7",
                "labels": {"heddle.node": "peer0"}, "annotations": {"a": "b"}, "generation": 2,
                "creationTimestamp": "2026-11-30T10:00:00Z", "deletionTimestamp": "2026-11-30T11:00:00Z",
            },
            "spec": {
                "containers": [{"name": "node", "image": "heddle.local/n:1"}], "nodeName": "kube-node-1",
                "readinessGates": gates,
            },
            "status": status,
        })
    }

    #[test]
    fn a_lean_pod_says_the_same_about_its_state() {
        let mut out_of_sight = in_state("c1", 2, json!({"running": {}}), json!({}));
        out_of_sight["conditions"] =
            json!([{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]);
        let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"});
        let gate = json!([{"conditionType": "balancer.example/registered"}]);
        for gates in [json!(null), gate] {
            for status in [&out_of_sight, &evicted, &json!({}), &json!(null)] {
                let (whole, lean) = both(&told(&gates, status));
                assert_eq!(is_out_of_sight(&lean), is_out_of_sight(&whole), "{gates} {status}");
                assert_eq!(reasons::of_pod(&lean), reasons::of_pod(&whole), "{gates} {status}");
                assert_eq!((lean.status.clone(), machine(&lean)), (whole.status.clone(), machine(&whole)));
                let (lean, whole) = (lean.metadata, whole.metadata);
                assert_eq!((lean.name, lean.namespace, lean.uid), (whole.name, whole.namespace, whole.uid));
                assert_eq!((lean.labels, lean.resource_version), (whole.labels, whole.resource_version));
                assert_eq!(lean.creation_timestamp, whole.creation_timestamp);
                assert_eq!(lean.deletion_timestamp, whole.deletion_timestamp);
                assert!(lean.annotations.is_none());
            }
        }
    }

    #[test]
    fn what_nobody_looks_at_is_not_even_decoded() {
        let mut pod = told(&json!(null), &json!({}));
        pod["metadata"]["managedFields"] = json!("no list");
        pod["spec"]["containers"] = json!("nor this");
        assert!(serde_json::from_value::<Pod>(pod.clone()).is_err());
        let lean: Lean = serde_json::from_value(pod).unwrap();
        assert_eq!(lean.meta().name.as_deref(), Some("peer0-0"));
    }

    #[test]
    fn it_is_asked_for_like_a_whole_one() {
        assert_eq!(Lean::url_path(&(), Some("a")), Pod::url_path(&(), Some("a")));
    }
}

//! What a node uses, from the cluster's metrics. A cluster without them says nothing about use, and that is said.

use std::collections::BTreeMap;

use hyper::Request;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize;

use super::cluster::Cluster;
use super::machines::thousandths;
use super::{manifest, pods, request, status};
use crate::{AgentError, NodeRef, NodeStats};

/// A pod's measures, `metrics.k8s.io/v1beta1`: what is read of them.
#[derive(Debug, Deserialize)]
struct PodMetrics {
    containers: Vec<ContainerMetrics>,
}

#[derive(Debug, Deserialize)]
struct ContainerMetrics {
    name: String,
    usage: BTreeMap<String, Quantity>,
}

/// Reads what a node uses; zero for one that does not run.
///
/// # Errors
/// [`AgentError::Refused`] on a cluster that measures nothing.
pub(super) async fn read(cluster: &Cluster, node: &NodeRef) -> Result<NodeStats, AgentError> {
    status::require(cluster, node).await?;
    let found = pods::of_node(cluster, node).await?;
    let Some(pod) = pods::current(&found).filter(|pod| pods::is_running(pod)) else {
        return Ok(NodeStats { cpu_milli: 0, memory_bytes: 0, memory_limit: 0 });
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods/{name}", cluster.namespace_of(node));
    let asked = Request::get(path)
        .body(Vec::new())
        .map_err(|error| AgentError::Refused(format!("usage of {node}: {error}")))?;
    let answer = async {
        match cluster.client.kube.request::<PodMetrics>(asked).await {
            Ok(metrics) => Ok(Measured::Use(metrics)),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let names_pod = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
                Ok(if names_pod { Measured::NotYet } else { Measured::Never })
            }
            Err(kube::Error::Api(status)) if status.code == 503 => Ok(Measured::Never),
            Err(error) => Err(error),
        }
    };
    match request::within(&format!("usage of {node}"), answer).await? {
        Measured::Use(metrics) => Ok(stats(&metrics, pod)),
        Measured::NotYet => Err(AgentError::NotFound(format!("a first measure of {node}"))),
        Measured::Never => Err(AgentError::Refused("the cluster has no metrics".to_owned())),
    }
}

/// What the cluster says about a pod's use.
enum Measured {
    Use(PodMetrics),
    /// It measures, but has not yet measured this one.
    NotYet,
    /// It has nothing that measures.
    Never,
}

fn stats(metrics: &PodMetrics, pod: &Pod) -> NodeStats {
    // What a cluster puts beside a node is none of the node's use.
    let measured = || metrics.containers.iter().filter(|container| container.name == manifest::CONTAINER);
    let sum =
        |of: &str| -> u128 { measured().filter_map(|container| thousandths(container.usage.get(of)?)).sum() };
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let limits = containers
        .iter()
        .filter(|container| container.name == manifest::CONTAINER)
        .filter_map(|container| thousandths(container.resources.as_ref()?.limits.as_ref()?.get("memory")?));
    let bytes = |thousandths: u128| u64::try_from(thousandths / 1000).unwrap_or(u64::MAX);
    NodeStats {
        cpu_milli: u32::try_from(sum("cpu")).unwrap_or(u32::MAX),
        memory_bytes: bytes(sum("memory")),
        memory_limit: bytes(limits.sum()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn use_of_the_node_alone_is_set_beside_its_limit() {
        let metrics: PodMetrics = serde_json::from_value(json!({
            "kind": "PodMetrics", "metadata": {"name": "peer0-0"}, "timestamp": "2026-11-30T10:00:00Z", "window": "15s",
            "containers": [
                {"name": "mesh-proxy", "usage": {"cpu": "1", "memory": "50Mi"}},
                {"name": "node", "usage": {"cpu": "156340112n", "memory": "20Mi"}},
            ],
        }))
        .unwrap();
        let pod: Pod = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "peer0-0"},
            "spec": {"containers": [
                {"name": "mesh-proxy", "resources": {"limits": {"memory": "1Gi"}}},
                {"name": "node", "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}}},
            ]},
        }))
        .unwrap();
        let expect = NodeStats { cpu_milli: 157, memory_bytes: 20 << 20, memory_limit: 64 << 20 };
        assert_eq!(stats(&metrics, &pod), expect);
    }
}

//! Ports of the cluster's machines: those that Services hold, and those at which somebody answers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use domain::host::cluster::ClusterExposure;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use tokio::net::TcpStream;

use super::cluster::Cluster;
use super::request;
use crate::AgentError;
use crate::address::{self, Allowed};

/// A port that has not answered by then is taken for free: firewalls drop what nobody listens on.
const ANSWER_MAX: Duration = Duration::from_millis(700);
/// A name that does not resolve by then leads nowhere.
const RESOLVE_MAX: Duration = Duration::from_secs(2);
/// So many ports are asked side by side.
const AT_ONCE: usize = 64;

/// Whether nodes take ports of the machines; where they do not, nobody can be in their way there.
fn are_taken(exposure: &ClusterExposure) -> bool {
    match exposure {
        ClusterExposure::NodePort => true,
        ClusterExposure::LoadBalancer { .. } | ClusterExposure::ClusterIp => false,
    }
}

/// All ports of the machines that Services of the cluster hold, ours and others'; none where nodes take no such ports.
pub(super) async fn used(cluster: &Cluster) -> Result<BTreeSet<u16>, AgentError> {
    if !are_taken(&cluster.options().settings.exposure) {
        return Ok(BTreeSet::new());
    }
    let api: Api<Service> = cluster.everywhere();
    Ok(held(&request::list(&api, None).await?))
}

fn held(services: &[Service]) -> BTreeSet<u16> {
    let specs = services.iter().filter_map(|service| service.spec.as_ref());
    let ports = specs.flat_map(|spec| {
        let published = spec.ports.iter().flatten().filter_map(|port| port.node_port);
        published.chain(spec.health_check_node_port)
    });
    ports.filter_map(|port| u16::try_from(port).ok()).filter(|port| *port > 0).collect()
}

/// Those of some ports of the machines on which a connection is taken, at the address that users have; none where nodes
/// take no such ports.
pub(super) async fn answering(cluster: &Cluster, ports: &[u16]) -> BTreeSet<u16> {
    let options = cluster.options();
    if !are_taken(&options.settings.exposure) {
        return BTreeSet::new();
    }
    let allowed = Allowed { loopback: options.allow_loopback, networks: options.allowed_networks.clone() };
    let Some(any) = ports.first() else { return BTreeSet::new() };
    let resolved =
        tokio::time::timeout(RESOLVE_MAX, address::resolve(&options.client_address, *any, &allowed)).await;
    let Ok(Ok(addresses)) = resolved else { return BTreeSet::new() };
    let Some(at) = addresses.first().map(SocketAddr::ip) else { return BTreeSet::new() };
    let asked = ports.iter().copied().map(|port| async move {
        let dialled = TcpStream::connect(SocketAddr::new(at, port));
        let answered = tokio::time::timeout(ANSWER_MAX, dialled).await.is_ok_and(|dialled| dialled.is_ok());
        answered.then_some(port)
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

#[cfg(test)]
mod tests {
    use domain::host::cluster::{ClusterAuthority, ClusterCredentials, ClusterLogin, ClusterSettings};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;
    use crate::kubernetes::client::Client;
    use crate::kubernetes::{KubernetesEndpoint, KubernetesOptions};

    /// A cluster on this machine whose API server does not listen.
    fn exposing(exposure: ClusterExposure, closed: SocketAddr) -> Cluster {
        let credentials = ClusterCredentials {
            authority: ClusterAuthority::Pinned { sha256: "0".repeat(64) },
            server_name: None,
            login: ClusterLogin::Token { token: "abc".to_owned() },
        };
        let endpoint = KubernetesEndpoint::Remote { server: format!("https://{closed}"), credentials };
        let options = KubernetesOptions {
            settings: ClusterSettings { exposure, ..ClusterSettings::default() },
            client_address: "127.0.0.1".to_owned(),
            registries: Vec::new(),
            allow_loopback: true,
            allowed_networks: Vec::new(),
            portal_namespace: None,
        };
        let client = Client::new(endpoint, options).unwrap_or_else(|failure| panic!("{failure}"));
        Cluster { client, installation: "test".to_owned() }
    }

    #[tokio::test]
    async fn ports_of_machines_are_asked_for_only_where_nodes_take_some() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let at_machines = exposing(ClusterExposure::NodePort, closed);
        assert!(used(&at_machines).await.is_err(), "the cluster is asked");
        assert_eq!(answering(&at_machines, &[port]).await, [port].into());
        let balanced = ClusterExposure::LoadBalancer { annotations: Default::default() };
        for exposure in [balanced, ClusterExposure::ClusterIp] {
            let elsewhere = exposing(exposure, closed);
            assert_eq!(used(&elsewhere).await, Ok(BTreeSet::new()));
            assert_eq!(answering(&elsewhere, &[port]).await, BTreeSet::new());
        }
    }

    #[test]
    fn ports_of_all_services_are_held() {
        let service = |spec: Value| -> Service {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec,
            }))
            .unwrap()
        };
        let services = [
            service(json!({"ports": [{"port": 7051, "nodePort": 31000}, {"port": 9443, "nodePort": 31001}]})),
            service(json!({"ports": [{"port": 80}], "healthCheckNodePort": 32000})),
            service(json!({})),
        ];
        assert_eq!(held(&services), [31_000, 31_001, 32_000].into());
    }
}

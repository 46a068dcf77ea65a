//! Ports of the cluster's machines: those that Services hold, and those at which somebody answers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

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

/// All ports of the machines that Services of the cluster hold, ours and others'.
pub(super) async fn used(cluster: &Cluster) -> Result<BTreeSet<u16>, AgentError> {
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

/// Those of some ports of the machines on which a connection is taken, at the address that users have.
pub(super) async fn answering(cluster: &Cluster, ports: &[u16]) -> BTreeSet<u16> {
    let options = cluster.options();
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
    use serde_json::{Value, json};

    use super::*;

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

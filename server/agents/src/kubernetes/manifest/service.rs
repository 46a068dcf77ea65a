//! By what a node is reached: names inside the chain, and ports for users.
//!
//! Only ports that are published under a fixed number get an address outside. Everything else of a node is reached by
//! the chain's nodes, or by the portal through the API server.

use std::collections::{BTreeMap, BTreeSet};

use domain::host::cluster::ClusterExposure;
use k8s_openapi::api::core::v1::{ContainerPort, PodSpec, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{INTERNAL, PUBLIC, Placed, kept, kept_map, names};
use crate::{NodeSpec, PortSpec, Publish};

/// Most ports of one node that users reach. Openings of a namespace name them, so their number has an end.
pub(super) const PUBLISHED_MAX: usize = 8;
/// Names of published ports begin so.
const PUBLISHED: &str = "public-";
const TCP: &str = "TCP";

/// The Services of a node. A name without a port cannot be one, so a node without ports has none.
pub(super) fn services(of: &Placed<'_>) -> Vec<Service> {
    if of.spec.ports.is_empty() {
        return Vec::new();
    }
    let aliases = of.spec.aliases.iter().filter(|alias| !alias.contains('.'));
    let mut further: BTreeSet<&str> = aliases.map(String::as_str).collect();
    further.remove(of.spec.node.as_str());
    let names = std::iter::once(of.spec.node.as_str()).chain(further);
    names.map(|name| internal(of, name)).chain(public(of)).collect()
}

/// A name by which the chain's nodes reach it, also while it is not well: nodes find each other before that.
fn internal(of: &Placed<'_>, name: &str) -> Service {
    let port = |port: &PortSpec| service_port(port.container, port.container, None);
    Service {
        metadata: of.meta(name.to_owned(), INTERNAL),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(of.selector()),
            ports: Some(of.spec.ports.iter().map(port).collect()),
            publish_not_ready_addresses: Some(true),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The way in for users; none where the exposure gives none, or nothing is published.
fn public(of: &Placed<'_>) -> Option<Service> {
    let fixed: Vec<(u16, u16)> = published(of.spec).map(|(port, fixed)| (port.container, fixed)).collect();
    let (kind, annotations, ports): (_, BTreeMap<_, _>, Vec<_>) = match &of.options.settings.exposure {
        ClusterExposure::NodePort => {
            let ports = fixed.iter().map(|(own, fixed)| service_port(*own, *own, Some(*fixed)));
            ("NodePort", BTreeMap::new(), ports.collect())
        }
        ClusterExposure::LoadBalancer { annotations } => {
            let ports = fixed.iter().map(|(own, fixed)| service_port(*fixed, *own, None));
            ("LoadBalancer", annotations.clone(), ports.collect())
        }
        ClusterExposure::ClusterIp => return None,
    };
    (!fixed.is_empty()).then(|| Service {
        metadata: ObjectMeta {
            annotations: kept_map(annotations),
            ..of.meta(names::public(&of.spec.node), PUBLIC)
        },
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: Some(of.selector()),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

fn service_port(port: u16, target: u16, at_machines: Option<u16>) -> ServicePort {
    ServicePort {
        name: Some(format!("tcp-{port}")),
        port: i32::from(port),
        target_port: Some(IntOrString::Int(i32::from(target))),
        node_port: at_machines.map(i32::from),
        protocol: Some(TCP.to_owned()),
        ..ServicePort::default()
    }
}

/// The ports as the pod tells of them; those that users reach have names, by which the namespace opens them.
pub(super) fn container_ports(spec: &NodeSpec) -> Option<Vec<ContainerPort>> {
    let named: BTreeMap<u16, String> =
        published(spec).zip(published_names()).map(|((port, _), name)| (port.container, name)).collect();
    let port = |port: &PortSpec| ContainerPort {
        name: named.get(&port.container).cloned(),
        container_port: i32::from(port.container),
        protocol: Some(TCP.to_owned()),
        ..ContainerPort::default()
    };
    kept(spec.ports.iter().map(port).collect())
}

/// The names that published ports can have.
pub(super) fn published_names() -> impl Iterator<Item = String> {
    (0..PUBLISHED_MAX).map(|nth| format!("{PUBLISHED}{nth}"))
}

/// The ports of a pod that have such a name: its template tells them also while no pod is there.
pub(crate) fn published_of(pod: &PodSpec) -> BTreeSet<u16> {
    let ports = pod.containers.iter().filter_map(|container| container.ports.as_ref()).flatten();
    let named = ports.filter(|port| port.name.as_ref().is_some_and(|name| name.starts_with(PUBLISHED)));
    named.filter_map(|port| u16::try_from(port.container_port).ok()).collect()
}

fn published(spec: &NodeSpec) -> impl Iterator<Item = (&PortSpec, u16)> {
    spec.ports.iter().filter_map(|port| match port.publish {
        Publish::Fixed(fixed) => Some((port, fixed)),
        Publish::Assigned | Publish::Internal => None,
    })
}

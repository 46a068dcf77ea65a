//! Who may speak with whom in a chain's namespace, as the networks of an engine decide it.
//!
//! First nothing may; then each policy opens one thing, and none of them knows a node: a pod's label tells which
//! networks it is in, and the names of its ports which of them users reach. Where a cluster's network does not enforce
//! policies nothing is kept apart; mutual TLS is what protects nodes there. Port-forwarding needs no opening.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{PORTAL, SPACE, carrying, service, shared};
use crate::labels::{CHAIN_NETWORK, CHAINCODE_NETWORK, NETWORK, PURPOSE};
use crate::{NodeNetwork, SpaceSpec};

/// In the chain's network and in the one of its chaincode.
const BOTH_NETWORKS: &str = "chain-and-chaincode";
/// The label by which every cluster tells the name of a namespace; nobody else can carry it.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Where name servers listen.
const DNS_PORT: i32 = 53;
const INGRESS: &str = "Ingress";
const EGRESS: &str = "Egress";

/// The label of a pod that is in these networks.
pub(super) fn network(of: NodeNetwork) -> &'static str {
    match of {
        NodeNetwork::Chain => CHAIN_NETWORK,
        NodeNetwork::ChainAndChaincode => BOTH_NETWORKS,
        NodeNetwork::ChaincodeOnly => CHAINCODE_NETWORK,
    }
}

/// The policies of a chain's namespace; `portal_namespace` is the portal's own one, where it runs in the cluster.
pub(super) fn policies(
    space: &SpaceSpec,
    namespace: &str,
    portal_namespace: Option<&str>,
) -> Vec<NetworkPolicy> {
    let mut named = vec![
        ("deny", nothing()),
        ("names", names()),
        ("chain", chain()),
        ("chaincode", chaincode()),
        ("published", published()),
    ];
    named.extend(portal_namespace.map(|name| ("portal", portal(name))));
    let policy = |(name, spec): (&str, NetworkPolicySpec)| NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(shared(space, SPACE)),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
    };
    named.into_iter().map(policy).collect()
}

/// No pod may reach or be reached, unless another policy says so.
fn nothing() -> NetworkPolicySpec {
    about(LabelSelector::default(), &[INGRESS, EGRESS])
}

/// Every pod may ask the cluster's name servers, and only those: a name server elsewhere would be a way out.
fn names() -> NetworkPolicySpec {
    let port = |protocol: &str| NetworkPolicyPort {
        port: Some(IntOrString::Int(DNS_PORT)),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    };
    let anywhere_inside = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    };
    NetworkPolicySpec {
        egress: Some(vec![NetworkPolicyEgressRule {
            to: Some(vec![anywhere_inside]),
            ports: Some(vec![port("UDP"), port("TCP")]),
        }]),
        ..about(LabelSelector::default(), &[EGRESS])
    }
}

/// Nodes of the chain reach each other, and whatever is outside: other hosts have nodes too.
fn chain() -> NetworkPolicySpec {
    let members = in_networks(&[CHAIN_NETWORK, BOTH_NETWORKS]);
    NetworkPolicySpec {
        ingress: Some(vec![from(NetworkPolicyPeer {
            pod_selector: Some(members.clone()),
            ..NetworkPolicyPeer::default()
        })]),
        egress: Some(vec![NetworkPolicyEgressRule::default()]),
        ..about(members, &[INGRESS, EGRESS])
    }
}

/// Peers reach chaincode; chaincode reaches nobody.
fn chaincode() -> NetworkPolicySpec {
    NetworkPolicySpec {
        ingress: Some(vec![from(NetworkPolicyPeer {
            pod_selector: Some(in_networks(&[BOTH_NETWORKS])),
            ..NetworkPolicyPeer::default()
        })]),
        ..about(in_networks(&[CHAINCODE_NETWORK]), &[INGRESS])
    }
}

/// Everybody reaches the ports that are published.
fn published() -> NetworkPolicySpec {
    let port = |name: String| NetworkPolicyPort {
        port: Some(IntOrString::String(name)),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    };
    NetworkPolicySpec {
        ingress: Some(vec![NetworkPolicyIngressRule {
            ports: Some(service::published_names().map(port).collect()),
            ..NetworkPolicyIngressRule::default()
        }]),
        ..about(in_networks(&[CHAIN_NETWORK, BOTH_NETWORKS]), &[INGRESS])
    }
}

/// The portal reaches every node where it runs in the cluster itself: the pods of its own namespace that say they are
/// the portal. Anybody may put the same label on a pod elsewhere.
fn portal(namespace: &str) -> NetworkPolicySpec {
    let label = |key: &str, value: &str| carrying(BTreeMap::from([(key.to_owned(), value.to_owned())]));
    NetworkPolicySpec {
        ingress: Some(vec![from(NetworkPolicyPeer {
            namespace_selector: Some(label(NAMESPACE_NAME, namespace)),
            pod_selector: Some(label(PURPOSE, PORTAL)),
            ..NetworkPolicyPeer::default()
        })]),
        ..about(LabelSelector::default(), &[INGRESS])
    }
}

/// A policy about these pods that opens nothing yet.
fn about(pods: LabelSelector, directions: &[&str]) -> NetworkPolicySpec {
    NetworkPolicySpec {
        pod_selector: Some(pods),
        policy_types: Some(directions.iter().map(|direction| (*direction).to_owned()).collect()),
        ..NetworkPolicySpec::default()
    }
}

fn from(peer: NetworkPolicyPeer) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: Some(vec![peer]), ..NetworkPolicyIngressRule::default() }
}

fn in_networks(networks: &[&str]) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: NETWORK.to_owned(),
            operator: "In".to_owned(),
            values: Some(networks.iter().map(|network| (*network).to_owned()).collect()),
        }]),
        ..LabelSelector::default()
    }
}

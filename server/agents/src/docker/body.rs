//! What we send to an engine, built from a specification alone.
//!
//! Every container of every node passes through [`container`]: there is no second place where a host
//! configuration is made. Nothing here may give a node more of the host than its volumes, its networks and its
//! published ports. Bodies hold only what API 1.41 already knows; the newest one reads them the same.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Ipam, IpamConfig, Mount,
    MountType, MountVolumeOptions, NetworkCreateRequest, NetworkingConfig, PortBinding, RestartPolicy,
    RestartPolicyNameEnum, VolumeCreateRequest,
};
use domain::host::Subnet;

use super::names;
use crate::{NodeNetwork, NodeSpec, ObjectLabels, Publish, SpaceSpec, labels};

/// A container's log is cut into so many files …
const LOG_FILES: &str = "3";
/// … of this size.
const LOG_FILE_SIZE: &str = "10m";
/// What a node gets as `/tmp` when it may write nowhere else.
const TMP_OPTIONS: &str = "rw,nosuid,nodev,noexec,size=64m,mode=1777";
/// Seconds that the engine gives a node to end when nobody says otherwise.
const STOP_SECONDS: i64 = 10;
/// A name server that nobody has (RFC 5737). Old engines forward the questions of nodes without a way out from
/// the host itself unless a server is set, and questions can carry data out.
const NO_NAME_SERVER: &str = "192.0.2.1";
const MIB: i64 = 1024 * 1024;

/// The body that makes a node's container.
pub(crate) fn container(spec: &NodeSpec, bind: IpAddr) -> ContainerCreateBody {
    let kept = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    ContainerCreateBody {
        hostname: Some(spec.node.clone()),
        user: spec.user.clone(),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        cmd: kept(&spec.command),
        entrypoint: kept(&spec.entrypoint),
        image: Some(spec.image.clone()),
        working_dir: spec.working_dir.clone(),
        labels: Some(container_labels(spec)),
        exposed_ports: Some(spec.ports.iter().map(|port| tcp(port.container)).collect()),
        stop_timeout: Some(STOP_SECONDS),
        host_config: Some(host_config(spec, bind)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(first_network(spec), endpoint(spec))])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn container_labels(spec: &NodeSpec) -> HashMap<String, String> {
    let fingerprint = spec.fingerprint();
    let keeps_data = if spec.data_path.is_some() { "true" } else { "false" };
    labels::of(
        &spec.labels(),
        &[(names::KIND, &spec.kind), (names::FINGERPRINT, &fingerprint), (names::KEEPS_DATA, keeps_data)],
    )
}

/// The one place that says what a node gets of the host.
fn host_config(spec: &NodeSpec, bind: IpAddr) -> HostConfig {
    let memory = i64::from(spec.limits.memory_mib) * MIB;
    let chaincode_only = spec.network == NodeNetwork::ChaincodeOnly;
    HostConfig {
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(spec.read_only_root),
        tmpfs: spec.read_only_root.then(|| HashMap::from([("/tmp".to_owned(), TMP_OPTIONS.to_owned())])),
        mounts: Some(mounts(spec)),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(spec.limits.cpu_milli) * 1_000_000),
        pids_limit: Some(i64::from(spec.limits.pids)),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), LOG_FILE_SIZE.to_owned()),
                ("max-file".to_owned(), LOG_FILES.to_owned()),
            ])),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        network_mode: Some(first_network(spec)),
        ipc_mode: Some("private".to_owned()),
        publish_all_ports: Some(false),
        port_bindings: Some(port_bindings(spec, bind)),
        dns: chaincode_only.then(|| vec![NO_NAME_SERVER.to_owned()]),
        ..HostConfig::default()
    }
}

fn port_bindings(spec: &NodeSpec, bind: IpAddr) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings = HashMap::new();
    for port in &spec.ports {
        let host_port = match port.publish {
            Publish::Fixed(fixed) => fixed.to_string(),
            Publish::Assigned => String::new(),
            Publish::Internal => continue,
        };
        let binding = PortBinding { host_ip: Some(bind.to_string()), host_port: Some(host_port) };
        bindings.insert(tcp(port.container), Some(vec![binding]));
    }
    bindings
}

fn mounts(spec: &NodeSpec) -> Vec<Mount> {
    let node = spec.node_ref();
    // An image may hold files where ours go; they must not be copied into our volume, where they would stay.
    let mount = |purpose: &str, target: &str, no_copy: bool| Mount {
        target: Some(target.to_owned()),
        source: Some(names::volume(&node, purpose)),
        typ: Some(MountType::VOLUME),
        read_only: Some(false),
        volume_options: Some(MountVolumeOptions { no_copy: Some(no_copy), ..MountVolumeOptions::default() }),
        ..Mount::default()
    };
    let mut mounts = vec![mount(names::CONFIG, &spec.config_path, true)];
    if let Some(path) = &spec.data_path {
        mounts.push(mount(names::DATA, path, false));
    }
    mounts
}

/// The network that the container is made in; a further one is connected before the start.
pub(crate) fn first_network(spec: &NodeSpec) -> String {
    let purpose = match spec.network {
        NodeNetwork::Chain | NodeNetwork::ChainAndChaincode => names::CHAIN_NETWORK,
        NodeNetwork::ChaincodeOnly => names::CHAINCODE_NETWORK,
    };
    names::network(&spec.installation, &spec.chain, purpose)
}

/// The network that is connected after the container is made.
pub(crate) fn second_network(spec: &NodeSpec) -> Option<String> {
    (spec.network == NodeNetwork::ChainAndChaincode)
        .then(|| names::network(&spec.installation, &spec.chain, names::CHAINCODE_NETWORK))
}

/// How a node is known in a network.
pub(crate) fn endpoint(spec: &NodeSpec) -> EndpointSettings {
    let mut aliases = vec![spec.node.clone()];
    aliases.extend(spec.aliases.iter().filter(|alias| **alias != spec.node).cloned());
    EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() }
}

/// The body that makes one of a node's volumes.
pub(crate) fn volume(spec: &NodeSpec, purpose: &str) -> VolumeCreateRequest {
    let keeps_data = if spec.data_path.is_some() { "true" } else { "false" };
    let more =
        [(names::KIND, spec.kind.as_str()), (names::PURPOSE, purpose), (names::KEEPS_DATA, keeps_data)];
    VolumeCreateRequest {
        name: Some(names::volume(&spec.node_ref(), purpose)),
        driver: Some("local".to_owned()),
        labels: Some(labels::of(&spec.labels(), &more)),
        ..VolumeCreateRequest::default()
    }
}

/// The body that makes one of a chain's networks.
///
/// The one for chaincode has no way out, and its bridge has no address on the host, so that nothing that the
/// host listens on can be reached from inside. Addresses are given, not left to the engine: what it has by itself ends
/// after some thirty networks.
pub(crate) fn network(space: &SpaceSpec, purpose: &str, subnet: Subnet) -> NetworkCreateRequest {
    let of = ObjectLabels {
        installation: space.installation.clone(),
        chain: space.chain.clone(),
        node: String::new(),
        operation: space.operation.clone(),
    };
    let internal = purpose == names::CHAINCODE_NETWORK;
    let options = HashMap::from([("com.docker.network.bridge.inhibit_ipv4".to_owned(), "true".to_owned())]);
    NetworkCreateRequest {
        name: names::network(&space.installation, &space.chain, purpose),
        driver: Some("bridge".to_owned()),
        internal: Some(internal),
        attachable: Some(false),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            driver: Some("default".to_owned()),
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.to_string()),
                // Given, because engines do not tell the one that they choose.
                gateway: Some(subnet.gateway().to_string()),
                ..IpamConfig::default()
            }]),
            ..Ipam::default()
        }),
        options: internal.then_some(options),
        labels: Some(labels::of(&of, &[(names::PURPOSE, purpose)])),
        ..NetworkCreateRequest::default()
    }
}

/// A port in the engine's words.
pub(crate) fn tcp(port: u16) -> String {
    format!("{port}/tcp")
}

/// Reads a port in the engine's words.
pub(crate) fn parse_tcp(text: &str) -> Option<u16> {
    text.strip_suffix("/tcp").and_then(|port| port.parse().ok())
}

#[cfg(test)]
mod tests;

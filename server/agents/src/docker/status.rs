//! What an engine shows of our nodes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as State, PortMap, Volume,
};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptions, ListVolumesOptions};
use domain::node::{NodeReason, ReasonKind};
use futures::{StreamExt, TryStreamExt};

use super::client::Client;
use super::failure::within;
use super::{REQUEST_MAX, body, names};
use crate::{AgentError, DataVolume, NodeRef, NodeState, NodeStatus, Selector};

/// So many containers are looked at side by side.
const LOOKS_AT_ONCE: usize = 8;

/// Finds a node's container and proves that it is ours.
pub(crate) async fn find(
    client: &Client,
    node: &NodeRef,
) -> Result<Option<ContainerInspectResponse>, AgentError> {
    node.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    let name = names::container(node);
    let Some(found) = inspect(client, &name).await? else { return Ok(None) };
    if names::belongs_to_node(labels(&found), node) {
        Ok(Some(found))
    } else {
        Err(AgentError::Conflict(format!("container {name} exists and is not ours")))
    }
}

/// Like [`find`], for verbs that need the container.
pub(crate) async fn require(client: &Client, node: &NodeRef) -> Result<ContainerInspectResponse, AgentError> {
    find(client, node).await?.ok_or_else(|| AgentError::NotFound(format!("node {node}")))
}

async fn inspect(client: &Client, name: &str) -> Result<Option<ContainerInspectResponse>, AgentError> {
    let docker = client.docker().await?;
    let options = None::<InspectContainerOptions>;
    match within("container", REQUEST_MAX, docker.inspect_container(name, options)).await {
        Ok(found) => Ok(Some(found)),
        Err(AgentError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds one of a node's volumes and proves that it is ours.
pub(crate) async fn volume(
    client: &Client,
    node: &NodeRef,
    purpose: &str,
) -> Result<Option<Volume>, AgentError> {
    let name = names::volume(node, purpose);
    let docker = client.docker().await?;
    match within("volume", REQUEST_MAX, docker.inspect_volume(&name)).await {
        Ok(found) if names::belongs_to_node(&found.labels, node) => Ok(Some(found)),
        Ok(_) => Err(AgentError::Conflict(format!("volume {name} exists and is not ours"))),
        Err(AgentError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The state of one node.
pub(crate) async fn of_node(client: &Client, node: &NodeRef) -> Result<NodeStatus, AgentError> {
    let found = require(client, node).await?;
    let data = volume(client, node, names::DATA).await?.is_some();
    Ok(of_container(client, node.clone(), &found, data))
}

/// The address under which the portal reaches a port of a node. Asked for each connection: it costs one look.
pub(crate) async fn address(client: &Client, node: &NodeRef, port: u16) -> Result<SocketAddr, AgentError> {
    let found = require(client, node).await?;
    let ports = found.network_settings.as_ref().and_then(|settings| settings.ports.as_ref());
    let at = ports.and_then(|ports| reachable(client, ports).get(&port).copied());
    at.ok_or_else(|| AgentError::NotFound(format!("port {port} of {node} is not published")))
}

/// Lists the nodes of an installation: those with a container, and those of which only volumes are left.
pub(crate) async fn list(client: &Client, selector: &Selector) -> Result<Vec<NodeStatus>, AgentError> {
    let filter = names::filter(&selector.installation, selector.chain.as_deref());
    let filter = filter.ok_or_else(|| AgentError::Refused("the selector holds no legal names".to_owned()))?;
    let docker = client.docker().await?;
    let options = ListContainersOptions { all: true, filters: Some(filter.clone()), ..Default::default() };
    let containers = within("containers", REQUEST_MAX, docker.list_containers(Some(options))).await?;
    let options = Some(ListVolumesOptions { filters: Some(filter) });
    let volumes = within("volumes", REQUEST_MAX, docker.list_volumes(options)).await?;
    let volumes = LeftVolumes::sort(volumes.volumes.unwrap_or_default());

    let ids: Vec<String> = containers.into_iter().filter_map(|container| container.id).collect();
    let looks = ids.into_iter().map(|id| async move { inspect(client, &id).await });
    // A container may go between the list and the look: then it is not there.
    let found: Vec<_> = futures::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).try_collect().await?;
    let mut all = BTreeMap::new();
    for container in found.into_iter().flatten() {
        if let Some(node) = names::node_of(labels(&container)) {
            let data = volumes.data.contains_key(&node);
            all.insert(node.clone(), of_container(client, node, &container, data));
        }
    }
    for (node, labels) in volumes.data.iter().chain(&volumes.config) {
        if !all.contains_key(node) {
            all.insert(node.clone(), left_over(node, labels, volumes.data.contains_key(node)));
        }
    }
    Ok(all.into_values().collect())
}

type Labels = HashMap<String, String>;

/// Our volumes by what they are for.
struct LeftVolumes {
    data: BTreeMap<NodeRef, Labels>,
    config: BTreeMap<NodeRef, Labels>,
}

impl LeftVolumes {
    fn sort(volumes: Vec<Volume>) -> Self {
        let mut sorted = Self { data: BTreeMap::new(), config: BTreeMap::new() };
        for volume in volumes {
            let Some(node) = names::node_of(&volume.labels) else { continue };
            match volume.labels.get(names::PURPOSE).map(String::as_str) {
                Some(names::DATA) => sorted.data.insert(node, volume.labels),
                Some(names::CONFIG) => sorted.config.insert(node, volume.labels),
                _ => None,
            };
        }
        sorted
    }
}

/// A node without a container.
fn left_over(node: &NodeRef, labels: &Labels, has_data: bool) -> NodeStatus {
    NodeStatus {
        node: node.clone(),
        kind: labels.get(names::KIND).cloned().unwrap_or_default(),
        operation: labels.get(names::OPERATION).cloned().unwrap_or_default(),
        state: NodeState::Missing,
        started_at: None,
        exit_code: None,
        reason: None,
        machine: None,
        data_volume: data_volume(labels, has_data),
        ports: BTreeMap::new(),
        reached: BTreeMap::new(),
        image_id: None,
        restarts: 0,
        fingerprint: None,
    }
}

fn data_volume(labels: &Labels, has_data: bool) -> DataVolume {
    let keeps = labels.get(names::KEEPS_DATA).is_some_and(|keeps| keeps == "true");
    match (keeps, has_data) {
        (_, true) => DataVolume::Present,
        (true, false) => DataVolume::Missing,
        (false, false) => DataVolume::None,
    }
}

/// The labels of a container.
pub(crate) fn labels(container: &ContainerInspectResponse) -> &Labels {
    static NONE: std::sync::LazyLock<Labels> = std::sync::LazyLock::new(HashMap::new);
    container.config.as_ref().and_then(|config| config.labels.as_ref()).unwrap_or(&NONE)
}

/// True when a container's process runs or is about to be started again by the engine.
pub(crate) fn is_running(container: &ContainerInspectResponse) -> bool {
    let state = container.state.as_ref().and_then(|state| state.status);
    matches!(state, Some(State::RUNNING | State::RESTARTING))
}

fn of_container(
    client: &Client,
    node: NodeRef,
    found: &ContainerInspectResponse,
    has_data: bool,
) -> NodeStatus {
    let labels = labels(found);
    let container_state = found.state.clone().unwrap_or_default();
    let state = node_state(&container_state);
    let ports = found.network_settings.as_ref().and_then(|settings| settings.ports.as_ref());
    NodeStatus {
        node,
        kind: labels.get(names::KIND).cloned().unwrap_or_default(),
        operation: labels.get(names::OPERATION).cloned().unwrap_or_default(),
        state,
        // The engine says the year 1 for what never was.
        started_at: container_state.started_at.clone().filter(|at| !at.starts_with("0001-")),
        exit_code: container_state
            .exit_code
            .filter(|_| state == NodeState::Stopped || state == NodeState::Restarting),
        reason: reason(&container_state),
        machine: None,
        data_volume: data_volume(labels, has_data),
        ports: ports.map(|ports| reachable(client, ports)).unwrap_or_default(),
        reached: BTreeMap::new(),
        image_id: found.image.clone(),
        restarts: found.restart_count.and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
        fingerprint: labels.get(names::FINGERPRINT).cloned(),
    }
}

fn node_state(state: &ContainerState) -> NodeState {
    match state.status {
        Some(State::RUNNING) => NodeState::Running,
        Some(State::RESTARTING) => NodeState::Restarting,
        Some(State::CREATED) => NodeState::Created,
        _ => NodeState::Stopped,
    }
}

fn reason(state: &ContainerState) -> Option<NodeReason> {
    if state.oom_killed == Some(true) {
        return Some(NodeReason::new(ReasonKind::OutOfMemory));
    }
    if state.status == Some(State::PAUSED) {
        return Some(NodeReason::new(ReasonKind::Paused));
    }
    if let Some(error) = state.error.as_deref().filter(|error| !error.trim().is_empty()) {
        return Some(NodeReason::told(ReasonKind::CannotStart, error));
    }
    (state.status == Some(State::RESTARTING)).then(|| NodeReason::new(ReasonKind::EndsAgain))
}

/// The published ports, at the addresses under which the portal reaches them.
fn reachable(client: &Client, ports: &PortMap) -> BTreeMap<u16, SocketAddr> {
    let mut reachable = BTreeMap::new();
    for (port, bindings) in ports {
        let Some(own) = body::parse_tcp(port) else { continue };
        for binding in bindings.iter().flatten() {
            let at = binding.host_ip.as_deref().and_then(|ip| ip.parse().ok());
            let host_port = binding.host_port.as_deref().and_then(|port| port.parse().ok());
            if let (Some(ip), Some(host_port)) = (at, host_port) {
                reachable.insert(own, SocketAddr::new(client.transport.reach(ip), host_port));
            }
        }
    }
    reachable
}

/// All ports of the host that containers hold, or would hold if they were started.
pub(crate) async fn used_ports(client: &Client) -> Result<BTreeSet<u16>, AgentError> {
    let docker = client.docker().await?;
    let options = ListContainersOptions { all: true, ..Default::default() };
    let containers = within("containers", REQUEST_MAX, docker.list_containers(Some(options))).await?;
    let mut used = BTreeSet::new();
    let mut stopped = Vec::new();
    for container in containers {
        let ports: Vec<_> = container.ports.unwrap_or_default();
        used.extend(ports.iter().filter_map(|port| port.public_port));
        // The list shows ports only of what runs.
        if ports.iter().all(|port| port.public_port.is_none()) {
            stopped.extend(container.id);
        }
    }
    let looks = stopped.into_iter().map(|id| async move { inspect(client, &id).await });
    let found: Vec<_> = futures::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).try_collect().await?;
    for container in found.into_iter().flatten() {
        let bindings = container.host_config.and_then(|host| host.port_bindings).unwrap_or_default();
        let ports = bindings.into_values().flatten().flatten().filter_map(|binding| binding.host_port);
        used.extend(ports.filter_map(|port| port.parse::<u16>().ok()).filter(|port| *port > 0));
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_of_a_process_is_sorted_by_kind() {
        let check = |state: ContainerState, expect: Option<NodeReason>| assert_eq!(reason(&state), expect);
        let with = |status: State, error: &str| ContainerState {
            status: Some(status),
            error: Some(error.to_owned()),
            ..ContainerState::default()
        };
        let killed = ContainerState { oom_killed: Some(true), ..with(State::RESTARTING, "x") };
        check(killed, Some(NodeReason::new(ReasonKind::OutOfMemory)));
        check(with(State::PAUSED, ""), Some(NodeReason::new(ReasonKind::Paused)));
        check(with(State::RESTARTING, ""), Some(NodeReason::new(ReasonKind::EndsAgain)));
        let failed = NodeReason::told(ReasonKind::CannotStart, "no such file");
        check(with(State::EXITED, "no such file"), Some(failed));
        check(with(State::RUNNING, " "), None);
    }
}

//! The state of a simulated host: what is on it and how the verbs change it.
//!
//! It behaves like an engine where the portal can see a difference: names and labels, ports that collide, data
//! that outlives a node, files that tell that there was data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use domain::node::{Machine, NodeReason, ReasonKind};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::broadcast;

use super::disk::Data;
use super::fault::{Fault, Faults, Flaw, Verb, When};
use crate::{
    AgentError, DataVolume, ImageFacts, LogLine, LogSource, MissingWhy, NodeChange, NodeEvent, NodeRef,
    NodeSpec, NodeState, NodeStatus, ProbeFailure, Publish, Rehearsal, Removed, Selector,
};

/// Ports that the host chooses begin here, as on Linux.
const ASSIGNED_FIRST: u16 = 32768;
/// Lines that are kept of one node.
const LINES_MAX: usize = 1_000;
/// How often the host has started again what ends at once, by the time that somebody looks.
const RESTARTS_OF_A_CRASH: u32 = 5;
/// The simulated clock begins here, 2030-01-01.
const EPOCH: i64 = 1_893_456_000;

/// Everything that is on a simulated host.
pub(crate) struct World {
    pub(crate) id: String,
    pub(crate) reachable: bool,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) memory_largest_bytes: Option<u64>,
    pub(crate) disk_free_bytes: Option<u64>,
    pub(crate) permissions: Option<usize>,
    pub(crate) storage: Option<String>,
    pub(crate) rehearsal: Rehearsal,
    pub(crate) clock_skew_s: i64,
    /// Ports on which somebody who is no container listens.
    pub(crate) listeners: BTreeSet<u16>,
    pub(crate) faults: Faults,
    /// What every test of the connection ends with.
    pub(crate) probe_failure: Option<ProbeFailure>,
    pub(crate) calls: Vec<(Verb, String)>,
    pub(crate) images: BTreeMap<String, ImageFacts>,
    /// What is wrong with what an image runs, by the image's id.
    pub(crate) flaws: BTreeMap<String, Flaw>,
    /// Images that a registry would give.
    pub(crate) offered: BTreeMap<String, ImageFacts>,
    pub(crate) spaces: BTreeSet<(String, String)>,
    pub(crate) nodes: BTreeMap<NodeRef, Container>,
    pub(crate) data: BTreeMap<NodeRef, Data>,
    pub(crate) config: BTreeMap<NodeRef, Config>,
    /// Folders of former chains.
    pub(crate) kept: BTreeSet<String>,
    /// Where clients reach ports of nodes, where that is not the host's address.
    pub(crate) reached: BTreeMap<NodeRef, BTreeMap<u16, (String, u16)>>,
    /// The machines that nodes run on, where the host is said to have several.
    pub(crate) machines: BTreeMap<NodeRef, Machine>,
    /// Ports that somebody else holds.
    pub(crate) foreign_ports: BTreeSet<u16>,
    pub(crate) events: broadcast::Sender<NodeEvent>,
    ticks: i64,
    assigned_next: u16,
}

/// A node's process and what the host knows of it.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) spec: NodeSpec,
    pub(crate) state: NodeState,
    pub(crate) started_at: Option<String>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) ports: BTreeMap<u16, u16>,
    pub(crate) lines: Vec<LogLine>,
    pub(crate) restarts: u32,
}

/// A node's files: only what is written on them, whose they are and whether there was data beside them.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) kind: String,
    pub(crate) operation: String,
    pub(crate) keeps_data: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            id: "simulated".to_owned(),
            reachable: true,
            memory_bytes: Some(64 << 30),
            memory_largest_bytes: Some(64 << 30),
            disk_free_bytes: None,
            permissions: None,
            storage: None,
            rehearsal: Rehearsal::default(),
            clock_skew_s: 0,
            listeners: BTreeSet::new(),
            faults: Faults::default(),
            probe_failure: None,
            calls: Vec::new(),
            images: BTreeMap::new(),
            flaws: BTreeMap::new(),
            offered: BTreeMap::new(),
            spaces: BTreeSet::new(),
            nodes: BTreeMap::new(),
            data: BTreeMap::new(),
            config: BTreeMap::new(),
            kept: BTreeSet::new(),
            reached: BTreeMap::new(),
            machines: BTreeMap::new(),
            foreign_ports: BTreeSet::new(),
            events: broadcast::channel(1024).0,
            ticks: 0,
            assigned_next: ASSIGNED_FIRST,
        }
    }

    /// Makes another host equal to this one.
    pub(crate) fn copy_to(&self, other: &mut Self) {
        other.images = self.images.clone();
        other.flaws = self.flaws.clone();
        other.offered = self.offered.clone();
        other.spaces = self.spaces.clone();
        other.nodes = self.nodes.clone();
        other.data = self.data.clone();
        other.config = self.config.clone();
        other.kept = self.kept.clone();
        other.reached = self.reached.clone();
        other.machines = self.machines.clone();
        other.foreign_ports = self.foreign_ports.clone();
        other.ticks = self.ticks;
        other.assigned_next = self.assigned_next;
    }

    /// Runs one verb with the failures that are planned for it.
    pub(crate) fn act<T>(
        &mut self,
        verb: Verb,
        target: String,
        effect: impl FnOnce(&mut Self, bool) -> Result<T, AgentError>,
    ) -> Result<T, AgentError> {
        self.calls.push((verb, target));
        if !self.reachable {
            return Err(AgentError::Unreachable("the simulated host is down".to_owned()));
        }
        match self.faults.next(verb) {
            None => effect(self, false),
            Some(Fault { when: When::Before, error }) => Err(error),
            Some(Fault { when: When::Midway, error }) => {
                let has_parts = matches!(verb, Verb::EnsureNode | Verb::RemoveNode | Verb::RemoveSpace);
                let part_failed = has_parts.then(|| effect(self, true).err()).flatten();
                Err(part_failed.unwrap_or(error))
            }
            Some(Fault { when: When::After, error }) => {
                effect(self, false)?;
                Err(error)
            }
        }
    }

    fn now(&mut self) -> String {
        self.ticks += 1;
        let at =
            OffsetDateTime::from_unix_timestamp(EPOCH + self.ticks).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        at.format(&Rfc3339).unwrap_or_default()
    }

    pub(crate) fn tell(&self, node: &NodeRef, change: NodeChange) {
        // Nobody watching is no error.
        let _receivers =
            self.events.send(NodeEvent::Changed { node: node.clone(), change }).unwrap_or_default();
    }

    pub(crate) fn ensure_node(&mut self, spec: &NodeSpec, only_part: bool) -> Result<NodeStatus, AgentError> {
        spec.check().map_err(|error| AgentError::Refused(error.to_string()))?;
        let node = spec.node_ref();
        let missing =
            || AgentError::ImageMissing { reference: spec.image.clone(), why: MissingWhy::NotOnHost };
        let image = self.image(&spec.image).ok_or_else(missing)?;
        if spec.refuse_image_volumes && !image.volumes.is_empty() {
            return Err(AgentError::Refused(format!("image {} declares volumes", spec.image)));
        }
        if !self.spaces.contains(&(spec.installation.clone(), spec.chain.clone())) {
            return Err(AgentError::NotFound(format!("space of chain {}", spec.chain)));
        }
        let had_data = self.config.get(&node).is_some_and(|config| config.keeps_data);
        if spec.data_path.is_some() && had_data && !self.data.contains_key(&node) && !spec.allow_new_data {
            return Err(AgentError::DataLost(node.to_string()));
        }
        let same = self.nodes.get(&node).is_some_and(|found| found.spec.fingerprint() == spec.fingerprint());
        if !same {
            // What is replaced gets new files; what comes back finds its own.
            if self.remove_container(&node) {
                self.config.remove(&node);
            }
            let container = Container {
                spec: spec.clone(),
                state: NodeState::Created,
                started_at: None,
                exit_code: None,
                ports: BTreeMap::new(),
                lines: Vec::new(),
                restarts: 0,
            };
            self.nodes.insert(node.clone(), container);
            self.tell(&node, NodeChange::Created);
        }
        if spec.data_path.is_some() {
            self.data.entry(node.clone()).or_default();
        }
        self.config.entry(node.clone()).or_insert_with(|| Config {
            kind: spec.kind.clone(),
            operation: spec.operation.clone(),
            keeps_data: spec.data_path.is_some(),
        });
        if !only_part {
            self.start(&node)?;
        }
        self.status(&node).ok_or_else(|| AgentError::NotFound(node.to_string()))
    }

    pub(crate) fn start(&mut self, node: &NodeRef) -> Result<(), AgentError> {
        let container = self.nodes.get(node).ok_or_else(|| AgentError::NotFound(node.to_string()))?;
        if matches!(container.state, NodeState::Running | NodeState::Restarting) {
            return Ok(());
        }
        if container.spec.data_path.is_some() && !self.data.contains_key(node) {
            return Err(AgentError::DataLost(node.to_string()));
        }
        let ports = self.claim_ports(node)?;
        let boots = self.data.get_mut(node).map(|data| {
            data.boots += 1;
            data.boots
        });
        let now = self.now();
        let crashes = self.flaw(node) == Some(Flaw::Crashes);
        if let Some(container) = self.nodes.get_mut(node) {
            container.state = if crashes { NodeState::Restarting } else { NodeState::Running };
            container.ports = ports;
            container.exit_code = crashes.then_some(1);
            container.restarts = if crashes { RESTARTS_OF_A_CRASH } else { 0 };
            container.started_at = Some(now.clone());
            let text = format!("boot {}", boots.unwrap_or(1));
            let said = std::iter::once(text).chain(crashes.then(|| "it ends at once".to_owned()));
            let line = |text| LogLine { source: LogSource::Out, time: Some(now.clone()), text };
            container.lines.extend(said.map(line));
            let excess = container.lines.len().saturating_sub(LINES_MAX);
            container.lines.drain(..excess);
        }
        self.tell(node, NodeChange::Started);
        Ok(())
    }

    /// What is wrong with what a node runs.
    pub(crate) fn flaw(&self, node: &NodeRef) -> Option<Flaw> {
        let image = self.image(&self.nodes.get(node)?.spec.image)?;
        self.flaws.get(&image.id).copied()
    }

    fn claim_ports(&mut self, node: &NodeRef) -> Result<BTreeMap<u16, u16>, AgentError> {
        let mut used = self.held_ports();
        let specs = self.nodes.get(node).map(|container| container.spec.ports.clone()).unwrap_or_default();
        let mut claimed = BTreeMap::new();
        for port in specs {
            let host = match port.publish {
                Publish::Fixed(fixed) => fixed,
                Publish::Internal => continue,
                Publish::Assigned => {
                    while used.contains(&self.assigned_next) {
                        self.assigned_next = self.assigned_next.checked_add(1).unwrap_or(ASSIGNED_FIRST);
                    }
                    self.assigned_next
                }
            };
            if !used.insert(host) {
                return Err(AgentError::PortTaken(host));
            }
            claimed.insert(port.container, host);
        }
        Ok(claimed)
    }

    /// Ports that are held at this moment.
    fn held_ports(&self) -> BTreeSet<u16> {
        let held = self.nodes.values().flat_map(|container| container.ports.values().copied());
        held.chain(self.foreign_ports.iter().copied()).collect()
    }

    /// Those of some ports on which somebody takes connections: nodes, other containers, other processes.
    pub(crate) fn answering_ports(&self, ports: &[u16]) -> BTreeSet<u16> {
        let held = self.held_ports();
        ports.iter().copied().filter(|port| held.contains(port) || self.listeners.contains(port)).collect()
    }

    /// Ports that are held, or would be if all were started.
    pub(crate) fn used_ports(&self) -> BTreeSet<u16> {
        let mut used = self.held_ports();
        for container in self.nodes.values() {
            used.extend(container.spec.ports.iter().filter_map(|port| match port.publish {
                Publish::Fixed(fixed) => Some(fixed),
                Publish::Assigned | Publish::Internal => None,
            }));
        }
        used
    }

    pub(crate) fn end(&mut self, node: &NodeRef, exit_code: i64) -> Result<(), AgentError> {
        let container = self.nodes.get_mut(node).ok_or_else(|| AgentError::NotFound(node.to_string()))?;
        if matches!(container.state, NodeState::Running | NodeState::Restarting) {
            container.state = NodeState::Stopped;
            container.exit_code = Some(exit_code);
            container.ports.clear();
            self.tell(node, NodeChange::Ended(Some(exit_code)));
        }
        Ok(())
    }

    fn remove_container(&mut self, node: &NodeRef) -> bool {
        let removed = self.nodes.remove(node).is_some();
        if removed {
            self.tell(node, NodeChange::Removed);
        }
        removed
    }

    pub(crate) fn remove_node(&mut self, node: &NodeRef, keep_data: bool, only_part: bool) -> Removed {
        let mut removed = Removed::default();
        if self.remove_container(node) {
            removed.nodes.push(node.to_string());
        }
        if !keep_data && !only_part {
            removed.volumes.extend(self.data.remove(node).map(|_| format!("{node} data")));
            removed.volumes.extend(self.config.remove(node).map(|_| format!("{node} config")));
        }
        removed
    }

    /// Removes the containers that do not run, and the networks of chains that then have none.
    pub(crate) fn prune(&mut self) {
        let runs = [NodeState::Running, NodeState::Restarting];
        let ended = self.nodes.iter().filter(|(_, container)| !runs.contains(&container.state));
        let ended: Vec<NodeRef> = ended.map(|(node, _)| node.clone()).collect();
        for node in &ended {
            self.remove_container(node);
        }
        let nodes = &self.nodes;
        self.spaces.retain(|(installation, chain)| {
            nodes.keys().any(|node| node.installation == *installation && node.chain == *chain)
        });
    }

    pub(crate) fn remove_space(&mut self, installation: &str, chain: &str, only_part: bool) -> Removed {
        let of_chain = |node: &&NodeRef| node.installation == installation && node.chain == chain;
        let all = self.nodes.keys().chain(self.data.keys()).chain(self.config.keys());
        let nodes: BTreeSet<NodeRef> = all.filter(of_chain).cloned().collect();
        let mut removed = Removed::default();
        for node in nodes {
            let of_node = self.remove_node(&node, false, only_part);
            removed.nodes.extend(of_node.nodes);
            removed.volumes.extend(of_node.volumes);
        }
        if !only_part && self.spaces.remove(&(installation.to_owned(), chain.to_owned())) {
            removed.networks.push(chain.to_owned());
        }
        removed
    }

    pub(crate) fn list(&self, selector: &Selector) -> Vec<NodeStatus> {
        let wanted = |node: &&NodeRef| {
            node.installation == selector.installation
                && selector.chain.as_ref().is_none_or(|chain| *chain == node.chain)
        };
        let all = self.nodes.keys().chain(self.data.keys()).chain(self.config.keys());
        let nodes: BTreeSet<&NodeRef> = all.filter(wanted).collect();
        nodes.into_iter().filter_map(|node| self.status(node)).collect()
    }

    /// The status of a node of which anything is left.
    pub(crate) fn status(&self, node: &NodeRef) -> Option<NodeStatus> {
        let container = self.nodes.get(node);
        let config = self.config.get(node);
        let data = self.data.contains_key(node);
        if container.is_none() && config.is_none() && !data {
            return None;
        }
        let keeps_data = container.map_or_else(
            || config.is_some_and(|config| config.keeps_data),
            |container| container.spec.data_path.is_some(),
        );
        let (kind, operation) = match (container, config) {
            (Some(container), _) => (container.spec.kind.clone(), container.spec.operation.clone()),
            (None, Some(config)) => (config.kind.clone(), config.operation.clone()),
            (None, None) => (String::new(), String::new()),
        };
        let reachable =
            |(own, host): (&u16, &u16)| (*own, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), *host));
        Some(NodeStatus {
            node: node.clone(),
            kind,
            operation,
            state: container.map_or(NodeState::Missing, |c| c.state),
            started_at: container.and_then(|c| c.started_at.clone()),
            exit_code: container.and_then(|c| c.exit_code),
            reason: container
                .filter(|c| c.state == NodeState::Restarting)
                .map(|_| NodeReason::new(ReasonKind::EndsAgain)),
            machine: container.and_then(|_| self.machines.get(node).cloned()),
            data_volume: match (keeps_data, data) {
                (_, true) => DataVolume::Present,
                (true, false) => DataVolume::Missing,
                (false, false) => DataVolume::None,
            },
            ports: container.map(|c| c.ports.iter().map(reachable).collect()).unwrap_or_default(),
            reached: self.reached.get(node).cloned().unwrap_or_default(),
            image_id: container.and_then(|c| self.image(&c.spec.image)).map(|image| image.id.clone()),
            restarts: container.map_or(0, |c| c.restarts),
            fingerprint: container.map(|c| c.spec.fingerprint()),
        })
    }

    /// Names of the chains of an installation of which anything is there.
    pub(crate) fn chains(&self, installation: &str) -> BTreeSet<String> {
        let spaces = self.spaces.iter().filter(|(owner, _)| owner == installation);
        let nodes = self.nodes.keys().chain(self.data.keys()).chain(self.config.keys());
        let ours = nodes.filter(|node| node.installation == installation);
        spaces.map(|(_, chain)| chain.clone()).chain(ours.map(|node| node.chain.clone())).collect()
    }

    /// Names of all objects that carry an installation's label.
    pub(crate) fn objects(&self, installation: &str) -> Vec<String> {
        let ours = |node: &&NodeRef| node.installation == installation;
        let named = |kind: &'static str| move |node: &NodeRef| format!("{kind} {node}");
        let spaces = self.spaces.iter().filter(|(owner, _)| owner == installation);
        let mut all: Vec<String> = spaces.map(|(_, chain)| format!("space {chain}")).collect();
        all.extend(self.nodes.keys().filter(ours).map(named("node")));
        all.extend(self.data.keys().filter(ours).map(named("data")));
        all.extend(self.config.keys().filter(ours).map(named("config")));
        all
    }
}

//! A host in memory, for tests of what stands above the agents.
//!
//! It passes the same conformance suite as the real ones, is the same for the same calls, fails where it is told
//! to, and shows afterwards what is left on it. Several agents may share one host, like two portals one engine.

mod disk;
mod fault;
mod images;
mod world;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use domain::node::Machine;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sha2::{Digest, Sha256};
use tokio::sync::broadcast::error::RecvError;

pub use self::fault::{Fault, Flaw, Verb, When};
use self::world::World;
use crate::node::{check_installation, check_name};
use crate::{
    Agent, AgentError, BoxedStream, CheckedArchive, EngineFacts, ImageFacts, ImageProgress, LogLine,
    LogOptions, NodeChange, NodeEvent, NodeRef, NodeSpec, NodeState, NodeStats, NodeStatus, ProbeFailure,
    ProbeStage, PullCredentials, Rehearsal, Remedy, Removed, Selector, SpaceSpec,
};

/// Waits before a verb acts; tests pass one that follows their own clock.
pub type Delay = Arc<dyn Fn(Verb) -> BoxFuture<'static, ()> + Send + Sync>;

/// An agent for a host in memory; clones share the host.
#[derive(Clone)]
pub struct SimulatedAgent {
    world: Arc<Mutex<World>>,
    delay: Option<Delay>,
}

impl Default for SimulatedAgent {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedAgent {
    /// An empty host that does nothing wrong.
    pub fn new() -> Self {
        Self { world: Arc::new(Mutex::new(World::new())), delay: None }
    }

    /// An empty host with an identity of its own.
    pub fn named(id: &str) -> Self {
        let agent = Self::new();
        agent.world().id = id.to_owned();
        agent
    }

    /// A node begins or ceases to say that it is well: who watches is told.
    pub fn turn(&self, node: &NodeRef) {
        self.world().tell(node, NodeChange::Readiness);
    }

    /// Somebody who is no container listens on a port of the host.
    pub fn listen(&self, port: u16) {
        self.world().listeners.insert(port);
    }

    /// Says where clients reach a port of a node, as a host does whose own address is not the way.
    pub fn reach_at(&self, node: &NodeRef, own: u16, host: &str, port: u16) {
        let mut world = self.world();
        world.reached.entry(node.clone()).or_default().insert(own, (host.to_owned(), port));
    }

    /// Says which machine a node runs on, as a host does that is made of several.
    pub fn run_on(&self, node: &NodeRef, machine: Machine) {
        self.world().machines.insert(node.clone(), machine);
    }

    /// Moves the host's clock against the portal's, by seconds.
    pub fn skew_clock(&self, seconds: i64) {
        self.world().clock_skew_s = seconds;
    }

    /// What the host says of its memory and free disk space, in bytes; `None`: nothing.
    pub fn set_resources(&self, memory: Option<u64>, disk_free: Option<u64>) {
        let mut world = self.world();
        (world.memory_bytes, world.disk_free_bytes) = (memory, disk_free);
        world.memory_largest_bytes = memory;
    }

    /// What the host says of its largest machine's memory, in bytes, as a host of several does.
    pub fn set_largest(&self, memory: Option<u64>) {
        self.world().memory_largest_bytes = memory;
    }

    /// What the host says of permissions and of where data lies, as a cluster does.
    pub fn set_told(&self, permissions: Option<usize>, storage: Option<&str>) {
        let mut world = self.world();
        (world.permissions, world.storage) = (permissions, storage.map(str::to_owned));
    }

    /// How the host takes nodes that are only tried.
    pub fn set_rehearsal(&self, rehearsal: Rehearsal) {
        self.world().rehearsal = rehearsal;
    }

    /// The same host, with a wait before each verb.
    pub fn with_delay(&self, delay: Delay) -> Self {
        Self { world: Arc::clone(&self.world), delay: Some(delay) }
    }

    /// How many watch the host's nodes.
    pub fn watchers(&self) -> usize {
        self.world().events.receiver_count()
    }

    /// Puts an image on the host, as if it had been built there.
    pub fn add_image(&self, reference: &str) {
        self.world().images.insert(reference.to_owned(), simulated_image(reference, true));
    }

    /// Puts an image on the host that declares volumes.
    pub fn add_image_with_volumes(&self, reference: &str, volumes: &[&str]) {
        let volumes = volumes.iter().map(|path| (*path).to_owned()).collect();
        let image = ImageFacts { volumes, ..simulated_image(reference, true) };
        self.world().images.insert(reference.to_owned(), image);
    }

    /// Spoils what an image runs, from the next start of a node on; `None` repairs it.
    pub fn spoil_image(&self, reference: &str, flaw: Option<Flaw>) {
        let mut world = self.world();
        let Some(id) = world.images.get(reference).map(|image| image.id.clone()) else { return };
        match flaw {
            Some(flaw) => world.flaws.insert(id, flaw),
            None => world.flaws.remove(&id),
        };
    }

    /// Lets a name stand for another content, as a pull of a tag that was moved does; the old content stays, by its id.
    pub fn move_tag(&self, reference: &str, content: &str) {
        let moved = ImageFacts { reference: reference.to_owned(), ..simulated_image(content, true) };
        let mut world = self.world();
        if let Some(before) = world.images.insert(reference.to_owned(), moved) {
            world.images.insert(before.id.clone(), before);
        }
    }

    /// Removes an image from the host, under all its names, as somebody who clears up there would.
    pub fn lose_image(&self, reference: &str) {
        let mut world = self.world();
        if let Some(id) = world.image(reference).map(|image| image.id.clone()) {
            world.images.retain(|_, image| image.id != id);
        }
    }

    /// Makes an image pullable.
    pub fn offer_image(&self, reference: &str) {
        self.world().offered.insert(reference.to_owned(), simulated_image(reference, false));
    }

    /// The n-th call from now on fails; 1 is the next one.
    pub fn fail_call(&self, nth: u64, fault: Fault) {
        self.world().faults.fail_call(nth, fault);
    }

    /// The n-th call of a verb from now on fails; 1 is the next one.
    pub fn fail_verb(&self, verb: Verb, nth: u64, fault: Fault) {
        self.world().faults.fail_verb(verb, nth, fault);
    }

    /// Every test of the connection fails like this, until `heal`; all other verbs go on.
    pub fn fail_probes(&self, failure: ProbeFailure) {
        self.world().probe_failure = Some(failure);
    }

    /// So many of a thousand calls fail, always the same ones for the same seed.
    pub fn fail_randomly(&self, seed: u64, per_mille: u64) {
        self.world().faults.fail_randomly(seed, per_mille);
    }

    /// Forgets all planned failures.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.probe_failure = None;
        world.reachable = true;
    }

    /// Takes the host off the network, until `heal`.
    pub fn cut_off(&self) {
        self.world().reachable = false;
    }

    /// Ends a node's process, as somebody on the host would.
    pub fn kill(&self, node: &NodeRef, exit_code: i64) -> Result<(), AgentError> {
        self.world().end(node, exit_code)
    }

    /// Destroys a node's process and data, as a broken disk would.
    pub fn lose_data(&self, node: &NodeRef) {
        let mut world = self.world();
        world.remove_node(node, true, false);
        world.data.remove(node);
    }

    /// Clears up as people do on an engine: what does not run loses its container, and a chain without containers its
    /// networks. Data and files stay.
    pub fn prune(&self) {
        self.world().prune();
    }

    /// Somebody else takes a port of the host.
    pub fn take_port(&self, port: u16) {
        self.world().foreign_ports.insert(port);
    }

    /// Every call so far and what it was about.
    pub fn calls(&self) -> Vec<(Verb, String)> {
        self.world().calls.clone()
    }

    /// Folders that were kept when their chains were removed; they belong to nobody's chain any more.
    pub fn kept(&self) -> Vec<String> {
        self.world().kept.iter().cloned().collect()
    }

    /// Names of everything that carries an installation's label; empty when nothing is left over.
    pub fn objects(&self, installation: &str) -> Vec<String> {
        self.world().objects(installation)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn act<T>(
        &self,
        verb: Verb,
        target: impl ToString,
        effect: impl FnOnce(&mut World, bool) -> Result<T, AgentError>,
    ) -> Result<T, AgentError> {
        let target = target.to_string();
        if let Some(delay) = &self.delay {
            delay(verb).await;
        }
        self.world().act(verb, target, effect)
    }
}

fn simulated_image(reference: &str, local_only: bool) -> ImageFacts {
    let hash = hex::encode(Sha256::digest(reference.as_bytes()));
    let (repository, _) = crate::split_reference(reference);
    ImageFacts {
        reference: reference.to_owned(),
        id: format!("sha256:{hash}"),
        digest: (!local_only).then(|| format!("{repository}@sha256:{hash}")),
        local_only,
        architecture: "amd64".to_owned(),
        created: None,
        size_bytes: Some(1),
        volumes: Vec::new(),
    }
}

fn refuse(error: crate::InvalidSpec) -> AgentError {
    AgentError::Refused(error.to_string())
}

#[async_trait]
impl Agent for SimulatedAgent {
    async fn probe(&self) -> Result<EngineFacts, ProbeFailure> {
        let answer = self.act(Verb::Probe, "host", |_, _| Ok(())).await;
        answer.map_err(|error| ProbeFailure::at(ProbeStage::Tcp, Remedy::StartEngine, error.to_string()))?;
        let world = self.world();
        if let Some(failure) = &world.probe_failure {
            return Err(failure.clone());
        }
        let skew = Duration::from_secs(world.clock_skew_s.unsigned_abs());
        let now = SystemTime::now();
        let clock = if world.clock_skew_s < 0 { now - skew } else { now + skew };
        Ok(EngineFacts {
            id: world.id.clone(),
            name: "simulated".to_owned(),
            version: "1".to_owned(),
            api_version: "1.41".to_owned(),
            api_version_max: "1.41".to_owned(),
            operating_system: "memory".to_owned(),
            architecture: "amd64".to_owned(),
            cpus: Some(8),
            memory_bytes: world.memory_bytes,
            memory_largest_bytes: world.memory_largest_bytes,
            disk_free_bytes: world.disk_free_bytes,
            permissions: world.permissions,
            storage: world.storage.clone(),
            containers_running: None,
            clock: Some(clock),
            asked_at: now,
            warnings: Vec::new(),
        })
    }

    async fn ensure_image(
        &self,
        reference: &str,
        _credentials: Option<&PullCredentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> Result<ImageFacts, AgentError> {
        let present = self.world().images.contains_key(reference);
        let image = self.act(Verb::EnsureImage, reference, |world, _| world.ensure_image(reference)).await?;
        if !present {
            let status = "simulated".to_owned();
            progress(ImageProgress { layer: None, status, current: Some(1), total: Some(1) });
        }
        Ok(image)
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, AgentError> {
        let named = |found: &ImageFacts| ImageFacts { reference: reference.to_owned(), ..found.clone() };
        self.act(Verb::Image, reference, |world, _| Ok(world.image(reference).map(named))).await
    }

    async fn ask_registry(
        &self,
        reference: &str,
        _credentials: Option<&PullCredentials>,
    ) -> Result<(), AgentError> {
        self.act(Verb::AskRegistry, reference, |world, _| world.ask_registry(reference)).await
    }

    async fn load_image(&self, archive: &CheckedArchive) -> Result<Vec<ImageFacts>, AgentError> {
        self.act(Verb::LoadImage, "archive", |world, _| world.load_image(archive)).await
    }

    async fn rehearse(&self, nodes: &[NodeSpec]) -> Result<Rehearsal, AgentError> {
        let chain = nodes.first().map(|spec| spec.chain.clone()).unwrap_or_default();
        self.act(Verb::Rehearse, chain, |world, _| Ok(world.rehearsal.clone())).await
    }

    async fn ensure_space(&self, space: &SpaceSpec) -> Result<(), AgentError> {
        self.act(Verb::EnsureSpace, &space.chain, |world, _| {
            space.check().map_err(refuse)?;
            world.spaces.insert((space.installation.clone(), space.chain.clone()));
            Ok(())
        })
        .await
    }

    async fn remove_space(&self, installation: &str, chain: &str) -> Result<Removed, AgentError> {
        self.act(Verb::RemoveSpace, chain, |world, only_part| {
            check_installation(installation).map_err(refuse)?;
            check_name("chain", chain).map_err(refuse)?;
            Ok(world.remove_space(installation, chain, only_part))
        })
        .await
    }

    async fn release_space(
        &self,
        installation: &str,
        chain: &str,
        mark: &str,
    ) -> Result<Removed, AgentError> {
        self.act(Verb::RemoveSpace, chain, |world, only_part| {
            check_installation(installation).map_err(refuse)?;
            check_name("chain", chain).map_err(refuse)?;
            Ok(world.release_space(installation, chain, mark, only_part))
        })
        .await
    }

    fn kept_place(&self, installation: &str, chain: &str, mark: &str) -> Option<String> {
        Some(disk::kept_place(installation, chain, mark))
    }

    async fn remove_home(&self, installation: &str) -> Result<Removed, AgentError> {
        self.act(Verb::RemoveHome, installation, |_, _| Ok(Removed::default())).await
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<NodeStatus, AgentError> {
        self.act(Verb::EnsureNode, spec.node_ref(), |world, only_part| world.ensure_node(spec, only_part))
            .await
    }

    async fn remove_node(&self, node: &NodeRef, keep_data: bool) -> Result<Removed, AgentError> {
        self.act(Verb::RemoveNode, node, |world, only_part| Ok(world.remove_node(node, keep_data, only_part)))
            .await
    }

    async fn start(&self, node: &NodeRef) -> Result<(), AgentError> {
        self.act(Verb::Start, node, |world, _| world.start(node)).await
    }

    async fn stop(&self, node: &NodeRef, _grace: Duration) -> Result<(), AgentError> {
        self.act(Verb::Stop, node, |world, _| world.end(node, 0)).await
    }

    async fn restart(&self, node: &NodeRef, _grace: Duration) -> Result<(), AgentError> {
        self.act(Verb::Restart, node, |world, _| {
            world.end(node, 0)?;
            world.start(node)
        })
        .await
    }

    async fn list_nodes(&self, selector: &Selector) -> Result<Vec<NodeStatus>, AgentError> {
        self.act(Verb::ListNodes, &selector.installation, |world, _| Ok(world.list(selector))).await
    }

    async fn list_spaces(&self, installation: &str) -> Result<BTreeSet<String>, AgentError> {
        self.act(Verb::ListNodes, installation, |world, _| Ok(world.chains(installation))).await
    }

    fn watch_nodes(&self, installation: &str) -> BoxStream<'static, NodeEvent> {
        let events = self.world().events.subscribe();
        let installation = installation.to_owned();
        let changes = futures::stream::unfold(events, move |mut events| {
            let installation = installation.clone();
            async move {
                loop {
                    match events.recv().await {
                        Ok(NodeEvent::Changed { node, .. }) if node.installation != installation => {}
                        Ok(event) => return Some((event, events)),
                        Err(RecvError::Lagged(_)) => return Some((NodeEvent::Resync, events)),
                        Err(RecvError::Closed) => return None,
                    }
                }
            }
        });
        futures::stream::iter([NodeEvent::Resync]).chain(changes).boxed()
    }

    async fn logs(
        &self,
        node: &NodeRef,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine, AgentError>>, AgentError> {
        let lines = self.act(Verb::Logs, node, |world, _| {
            let container = world.nodes.get(node).ok_or_else(|| AgentError::NotFound(node.to_string()))?;
            // Only a host that is made of several machines has the lines of a process before apart.
            let is_apart = options.previous && world.machines.contains_key(node);
            Ok(if is_apart { before_last_boot(&container.lines) } else { container.lines.clone() })
        });
        let lines = lines.await?;
        let wanted = options.tail.map_or(lines.len(), |tail| usize::try_from(tail).unwrap_or(usize::MAX));
        let skipped = lines.len().saturating_sub(wanted);
        Ok(futures::stream::iter(lines.into_iter().skip(skipped).map(Ok)).boxed())
    }

    async fn stats(&self, node: &NodeRef) -> Result<NodeStats, AgentError> {
        self.act(Verb::Stats, node, |world, _| {
            let container = world.nodes.get(node).ok_or_else(|| AgentError::NotFound(node.to_string()))?;
            if container.state != NodeState::Running {
                return Ok(NodeStats { cpu_milli: 0, memory_bytes: 0, memory_limit: 0 });
            }
            let memory_limit = u64::from(container.spec.limits.memory_mib) << 20;
            Ok(NodeStats { cpu_milli: 1, memory_bytes: memory_limit / 16, memory_limit })
        })
        .await
    }

    /// Nothing listens on a simulated node.
    async fn connect(&self, node: &NodeRef, container_port: u16) -> Result<BoxedStream, AgentError> {
        self.act(Verb::Connect, node, |_, _| {
            Err(AgentError::NotFound(format!("port {container_port} of simulated node {node}")))
        })
        .await
    }

    async fn used_ports(&self) -> Result<BTreeSet<u16>, AgentError> {
        self.act(Verb::UsedPorts, "host", |world, _| Ok(world.used_ports())).await
    }

    async fn answering_ports(&self, ports: &[u16]) -> Result<BTreeSet<u16>, AgentError> {
        self.act(Verb::AnsweringPorts, "host", |world, _| Ok(world.answering_ports(ports))).await
    }
}

/// The lines of the process before the last one; each begins with a line that counts it.
fn before_last_boot(lines: &[LogLine]) -> Vec<LogLine> {
    let mut processes: Vec<Vec<LogLine>> = Vec::new();
    for line in lines {
        match processes.last_mut() {
            Some(process) if !line.text.starts_with("boot ") => process.push(line.clone()),
            _ => processes.push(vec![line.clone()]),
        }
    }
    processes.into_iter().rev().nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests;

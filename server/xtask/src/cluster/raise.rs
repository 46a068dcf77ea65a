//! Raising a cluster: the order in which its parts start, and the conditions that are waited for.
//!
//! Control plane and nodes start side by side. A part that does not come up fails the whole, with the end of its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::configuration::{self, Arguments, SERVICE_DNS, node_name};
use super::programs::Programs;
use super::space::{self, Space};
use super::state::{Record, Slot, State};
use crate::private;
use crate::process::{LONG, SHORT, last_lines, output, stopping, until};
use crate::report::say;

const START: Duration = Duration::from_secs(120);
/// The name of the control plane's space.
pub const PLANE: &str = "control-plane";

/// What raising needs to know.
pub struct Raise<'a> {
    pub record: &'a Record,
    pub programs: &'a Programs,
    pub archives: &'a [PathBuf],
    /// What is applied as soon as the cluster answers.
    pub manifests: PathBuf,
}

impl Raise<'_> {
    /// Raises control plane and nodes, and waits until pods can run.
    pub fn all(&self, nodes: usize) -> Result<()> {
        let plane = Space::open(self.record, PLANE)?;
        space::join_machine(&self.record.slot, &plane)?;
        let plane = &plane;
        thread::scope(|scope| {
            let mut parts = vec![scope.spawn(|| self.control_plane(plane))];
            parts.extend((1..=nodes).map(|number| scope.spawn(move || self.node(plane, number))));
            joined(parts)
        })?;
        self.wait_for_pods(nodes)
    }

    /// Raises nodes beside those that run.
    pub fn more(&self, from: usize, nodes: usize) -> Result<()> {
        let plane = Space::find(&State::read(&self.record.slot), PLANE)?;
        for number in from + 1..=nodes {
            self.node(&plane, number)?;
        }
        self.wait_for_pods(nodes)
    }

    fn control_plane(&self, plane: &Space) -> Result<()> {
        let slot = &self.record.slot;
        self.start(plane, configuration::database(slot))?;
        self.start(plane, configuration::api_server(slot))?;
        self.wait("the API server", slot.log(PLANE, "kube-apiserver"), || answers(slot, self.programs))?;
        say("the API server answers");
        for arguments in
            [configuration::manager(slot), configuration::scheduler(slot), configuration::provisioner(slot)]
        {
            self.start(plane, arguments)?;
        }
        // The namespaces into which they go appear a moment after the server itself.
        let log = slot.log(PLANE, "kube-apiserver");
        let apply =
            || output(self.kubectl().args(["apply", "--filename"]).arg(&self.manifests), SHORT).is_ok();
        self.wait("what every cluster has", log, apply)
    }

    fn node(&self, plane: &Space, number: usize) -> Result<()> {
        let slot = &self.record.slot;
        let name = node_name(number);
        let node = Space::open(self.record, &name)?;
        space::join_node(slot, plane, &node, number)?;
        space::make_groups(slot, &name)?;
        write_files(slot, number)?;
        self.start(&node, configuration::engine(slot, &name))?;
        let log = slot.log(&name, "containerd");
        self.wait("a node's container engine", log, || {
            output(engine(slot, &name).arg("version"), SHORT).is_ok()
        })?;
        for archive in self.archives {
            import(slot, &name, archive)?;
        }
        say(format!("{name} has its images"));
        // A kubelet that finds nobody waits for seconds before it asks again.
        self.wait("the API server", slot.log(PLANE, "kube-apiserver"), || answers(slot, self.programs))?;
        self.start(&node, configuration::kubelet(slot, number))?;
        self.start(&node, configuration::proxy(slot, &name))
    }

    fn wait_for_pods(&self, nodes: usize) -> Result<()> {
        let slot = &self.record.slot;
        for number in 1..=nodes {
            let name = node_name(number);
            let log = slot.log(&name, "kubelet");
            let words = ["wait", "--for=condition=Ready", "--timeout=2s", &format!("node/{name}")];
            self.wait(&name, log, || output(self.kubectl().args(words), SHORT).is_ok())?;
        }
        say("all nodes are ready");
        let log = slot.log(PLANE, "kube-controller-manager");
        let words = ["get", "--namespace=default", "serviceaccount/default"];
        self.wait("the default service account", log, || output(self.kubectl().args(words), SHORT).is_ok())?;
        let node = Space::find(&State::read(slot), &node_name(1))?;
        let log = slot.log(&node.name, "kubelet");
        let words = ["nslookup", "-type=a", "kubernetes.default.svc.cluster.local", SERVICE_DNS];
        self.wait("the cluster's DNS", log, || output(node.in_network("busybox").args(words), SHORT).is_ok())
    }

    fn start(&self, space: &Space, arguments: Arguments) -> Result<()> {
        space.start(self.record, self.programs, arguments)
    }

    fn kubectl(&self) -> Command {
        kubectl(&self.record.slot, self.programs)
    }

    /// Waits for a condition, but not for a cluster of which something has ended already.
    fn wait(&self, what: &str, log: PathBuf, mut condition: impl FnMut() -> bool) -> Result<()> {
        let mut met = false;
        until(START, || {
            met = condition();
            met || !self.record.is_intact()
        });
        if met {
            return Ok(());
        }
        if stopping() {
            bail!("stopped on request");
        }
        let written = fs::read_to_string(&log).unwrap_or_default();
        bail!("{what} does not come up, log in {}:\n{}", log.display(), last_lines(&written, 15))
    }
}

/// The first failure of several threads.
fn joined(parts: Vec<ScopedJoinHandle<'_, Result<()>>>) -> Result<()> {
    let results: Vec<Result<()>> =
        parts.into_iter().map(|part| part.join().map_err(|_| anyhow!("a thread failed")).flatten()).collect();
    results.into_iter().collect()
}

/// The client, as admin.
pub fn kubectl(slot: &Slot, programs: &Programs) -> Command {
    let mut command = Command::new(programs.path("kubectl"));
    command.arg("--kubeconfig").arg(slot.kubeconfig()).arg("--request-timeout=10s");
    // What it learns about a cluster it would otherwise keep beside the user's own clusters.
    command.arg("--cache-dir").arg(slot.runtime.join("client"));
    command
}

/// True when the API server is ready.
pub fn answers(slot: &Slot, programs: &Programs) -> bool {
    output(kubectl(slot, programs).args(["get", "--raw", "/readyz"]), SHORT).is_ok()
}

/// The client of a node's container engine, in the kubelet's part of it.
fn engine(slot: &Slot, node: &str) -> Command {
    let mut command = Command::new("ctr");
    command.args(["--address", &configuration::engine_socket(slot, node), "--namespace", "k8s.io"]);
    command
}

/// Imports a docker-archive under the names that it carries.
pub fn import(slot: &Slot, node: &str, archive: &Path) -> Result<()> {
    let mut command = engine(slot, node);
    output(command.args(["images", "import"]).arg(archive), LONG)
        .map(drop)
        .with_context(|| format!("{} cannot be imported", archive.display()))
}

fn write_files(slot: &Slot, number: usize) -> Result<()> {
    let name = node_name(number);
    let (network, volumes) =
        (slot.folder.join(&name).join("network"), slot.folder.join("volumes").join(&name));
    for folder in [&network, &volumes] {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let json = |path: PathBuf, value: Value| private::write(&path, &format!("{value:#}\n"));
    json(network.join("10-testbed.conflist"), configuration::network_file(number))?;
    json(slot.runtime.join(format!("{name}-kubelet.json")), configuration::kubelet_file(slot, &name))?;
    json(slot.runtime.join(format!("{name}-proxy.json")), configuration::proxy_file(slot, &name))?;
    // Names outside the cluster are nobody's business.
    private::write(&slot.runtime.join("resolv.conf"), "")?;
    private::write(
        &slot.runtime.join(format!("{name}-engine.toml")),
        &configuration::engine_file(slot, &name),
    )
}

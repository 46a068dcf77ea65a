//! The project's own Kubernetes cluster for tests: every component is a process of this machine.
//!
//! Control plane and nodes each run in namespaces of their own, so that they take nothing from the machine that it could
//! miss: when the first process of each is ended, nothing is left of it. This machine gets one interface, by which it
//! reaches the API server and the nodes, with the ports that services publish there. Nothing outlives a cluster but the
//! programs and images in the cache folder. Several clones can test at once: each takes the first free of a few slots.

mod archives;
mod certificates;
mod configuration;
mod leftovers;
mod programs;
mod raise;
mod space;
mod state;

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::archives::Archives;
use self::configuration::node_name;
use self::programs::Programs;
use self::raise::{PLANE, Raise};
use self::space::Space;
use self::state::{NODES_MAX, Record, SLOTS, Slot, State};
use crate::outliving::started_with;
use crate::paths::Paths;
use crate::report::say;
use crate::{engine, machine, private};

/// Programs and the packages that have them. Only what is missing is installed: where somebody has a container engine from
/// elsewhere, Debian's would take its place.
const NEEDED: [(&[&str], &str); 6] = [
    (&["containerd", "ctr"], "containerd"),
    (&["runc"], "runc"),
    (&["iptables"], "iptables"),
    (&["busybox"], "busybox-static"),
    (&["ip"], "iproute2"),
    (&["unshare", "nsenter", "setsid"], "util-linux"),
];

/// Where Debian puts the programs that give pods their network.
const NETWORK_PROGRAMS: &str = "/usr/lib/cni";

/// Folders of the machine that every node has for itself.
const HIDDEN: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// A running test cluster.
#[derive(Debug)]
pub struct Cluster {
    slot: Slot,
}

impl Cluster {
    /// The file by which its admin reaches it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.slot.kubeconfig()
    }

    /// The variables by which tests find the cluster; the client `kubectl` is in the path.
    pub fn variables(&self) -> Result<Vec<(&'static str, String)>> {
        let kubeconfig = self.slot.kubeconfig().display().to_string();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.slot.runtime.join("bin")).chain(env::split_paths(&path));
        let path = env::join_paths(folders).context("PATH cannot be extended")?;
        Ok(vec![
            ("HEDDLE_TEST_KUBERNETES", kubeconfig.clone()),
            ("KUBECONFIG", kubeconfig),
            ("PATH", path.to_string_lossy().into_owned()),
        ])
    }

    /// A command with the variables set: in this machine's network, or in the one of the test engine, which then
    /// reaches the cluster as well.
    pub fn command(&self, paths: &Paths, program: &str, with_engine: bool) -> Result<Command> {
        let mut command = if with_engine {
            let engine =
                engine::find(paths).context("the test engine does not run: cargo xtask engine up")?;
            let plane = Space::find(&State::read(&self.slot), PLANE)?;
            // Two at once would both find no link and both make one. It is over in a moment.
            let _joining = lock(paths, "joining")?;
            space::join_network_of(&self.slot, &plane, engine.holder())?;
            engine.inside(program)
        } else {
            Command::new(program)
        };
        command.envs(self.variables()?);
        Ok(command)
    }

    /// Puts the images of a docker-archive on every node that there is, under the names that it carries.
    pub fn load(&self, archive: &Path) -> Result<()> {
        let nodes = State::read(&self.slot).nodes;
        (1..=nodes).try_for_each(|number| raise::import(&self.slot, &node_name(number), archive))
    }
}

/// True when nothing has to be built from source before a cluster can start.
pub fn is_built(paths: &Paths) -> Result<bool> {
    programs::are_built(paths)
}

/// Starts the cluster of this clone, or finds it running, with at least so many nodes.
pub fn up(paths: &Paths, nodes: usize) -> Result<Cluster> {
    if !(1..=NODES_MAX).contains(&nodes) {
        bail!("a test cluster has 1 to {NODES_MAX} nodes");
    }
    prepare(paths)?;
    let programs = programs::ensure(paths)?;
    let archives = archives::ensure(paths, &programs)?;
    let _lock = lock(paths, "lock")?;
    if let Some(cluster) = find(paths) {
        let slot = &cluster.slot;
        if State::read(slot).is_whole() && raise::answers(slot, &programs) {
            return complete(paths, cluster, &programs, &archives, nodes);
        }
        say("the test cluster no longer answers and is started anew");
        leftovers::end(slot)?;
    }
    let slot = free_slot(paths)?;
    match start(paths, &slot, &programs, &archives, nodes) {
        Ok(()) => Ok(Cluster { slot }),
        Err(error) => {
            // Works also when somebody has asked us to stop, and leaves it to the caller to see that.
            leftovers::end(&slot).with_context(|| format!("after a failed start: {error:#}"))?;
            Err(error)
        }
    }
}

/// The running cluster of this clone.
pub fn find(paths: &Paths) -> Option<Cluster> {
    let mut own = slots_of(paths).into_iter();
    own.find(|slot| !State::read(slot).alive().is_empty()).map(|slot| Cluster { slot })
}

/// Ends the cluster of this clone, however far it came, and fails when anything of it is left.
pub fn down(paths: &Paths) -> Result<()> {
    let _lock = lock(paths, "lock")?;
    slots_of(paths).iter().try_for_each(leftovers::end)
}

/// The slots that this clone took, whether or not anything runs in them.
fn slots_of(paths: &Paths) -> Vec<Slot> {
    let root = paths.root.display().to_string();
    let mut slots = Slot::all(paths);
    slots.retain(|slot| State::read(slot).root == root);
    slots
}

fn prepare(paths: &Paths) -> Result<()> {
    if !machine::is_root() {
        bail!("the tests start a cluster of their own, which needs root");
    }
    // Nodes see the programs and their data where this machine has them.
    if let Some(folder) = HIDDEN.iter().find(|folder| paths.cache.starts_with(folder)) {
        bail!("{} lies below {folder}, which nodes do not see: set XDG_CACHE_HOME", paths.cache.display());
    }
    for (programs, package) in NEEDED {
        machine::ensure_programs(programs, &[package], "the test cluster")?;
    }
    if !Path::new(NETWORK_PROGRAMS).join("bridge").is_file() {
        machine::install(&["containernetworking-plugins"])?;
    }
    Ok(())
}

/// Waits until nobody else holds the lock of this name.
fn lock(paths: &Paths, name: &str) -> Result<File> {
    let folder = paths.cache.join("cluster");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let file = File::create(folder.join(name)).context("the lock of the test clusters cannot be made")?;
    file.lock().context("the test clusters cannot be locked")?;
    Ok(file)
}

/// A slot in which nothing runs and whose addresses nobody else uses, cleared of what a killed run left in it.
fn free_slot(paths: &Paths) -> Result<Slot> {
    for slot in Slot::all(paths) {
        if !State::read(&slot).alive().is_empty() || !started_with(&slot.marker()).is_empty() {
            continue;
        }
        leftovers::end(&slot)?;
        if !leftovers::is_routed(&slot.address(0)) {
            return Ok(slot);
        }
    }
    bail!("{SLOTS} test clusters are running already: end one with `cargo xtask cluster down`")
}

fn start(paths: &Paths, slot: &Slot, programs: &Programs, archives: &Archives, nodes: usize) -> Result<()> {
    fs::create_dir_all(&slot.folder).with_context(|| format!("{} cannot be made", slot.folder.display()))?;
    // From here on the slot is known as ours, and `down` clears it.
    let record = Record::begin(slot.clone(), &paths.root, nodes)?;
    let logs = slot.folder.join("log");
    if logs.exists() {
        fs::remove_dir_all(&logs).context("old logs cannot be removed")?;
    }
    fs::create_dir(&logs).context("the folder for logs cannot be made")?;
    private::folder(&slot.runtime)?;
    symlink(programs.bin(), slot.runtime.join("bin")).context("the programs cannot be named")?;
    certificates::write(slot)?;
    raise(paths, &record, programs, archives).all(nodes)?;
    record.change(|state| {
        state.ready = true;
        state.images = archives.name();
    })
}

/// Adds what a running cluster does not have: further nodes, and images that have been built since.
fn complete(
    paths: &Paths,
    cluster: Cluster,
    programs: &Programs,
    archives: &Archives,
    nodes: usize,
) -> Result<Cluster> {
    let state = State::read(&cluster.slot);
    if state.images != archives.name() {
        archives.files.iter().try_for_each(|archive| cluster.load(archive))?;
    }
    let record = Record::resume(cluster.slot.clone());
    if state.nodes < nodes {
        // Not ready until they are: a run that is killed here leaves a cluster that the next one starts anew.
        record.change(|state| (state.ready, state.nodes) = (false, nodes))?;
        raise(paths, &record, programs, archives).more(state.nodes, nodes)?;
    }
    record.change(|state| (state.ready, state.images) = (true, archives.name()))?;
    Ok(cluster)
}

fn raise<'a>(paths: &Paths, record: &'a Record, programs: &'a Programs, archives: &'a Archives) -> Raise<'a> {
    let manifests: PathBuf = programs::module(paths).join("cluster.yaml");
    Raise { record, programs, archives: &archives.files, manifests }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_finds_its_own_cluster_only() {
        let folder = tempfile::tempdir().unwrap();
        let clone = |name: &str| Paths {
            root: folder.path().join(name),
            cache: folder.path().to_owned(),
            target: folder.path().to_owned(),
        };
        let (one, two) = (clone("one"), clone("two"));
        let slot = Slot::new(&one, 1);
        fs::create_dir_all(&slot.folder).unwrap();
        let record = Record::begin(slot.clone(), &one.root, 1).unwrap();
        assert!(find(&one).is_none(), "nothing runs yet");
        assert_eq!(slots_of(&one).len(), 1, "but there may be something to clear");
        record.add("holder", std::process::id()).unwrap();
        assert_eq!(find(&one).unwrap().slot.folder, slot.folder);
        assert!(find(&two).is_none() && slots_of(&two).is_empty());
    }

    #[test]
    fn tests_are_told_where_the_cluster_is() {
        let folder = PathBuf::from("/cache");
        let paths = Paths { root: folder.clone(), cache: folder.clone(), target: folder };
        let cluster = Cluster { slot: Slot::new(&paths, 0) };
        let variables = cluster.variables().unwrap();
        let kubeconfig = cluster.slot.kubeconfig().display().to_string();
        assert!(variables.contains(&("HEDDLE_TEST_KUBERNETES", kubeconfig)));
        let bin = cluster.slot.runtime.join("bin").display().to_string();
        assert!(variables.iter().any(|(name, value)| *name == "PATH" && value.starts_with(&bin)));
    }

    #[test]
    fn a_cluster_has_few_nodes() {
        let folder = PathBuf::from("/nonexistent");
        let paths = Paths { root: folder.clone(), cache: folder.clone(), target: folder };
        for nodes in [0, NODES_MAX + 1] {
            assert!(up(&paths, nodes).is_err(), "{nodes}");
        }
    }
}

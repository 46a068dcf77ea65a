//! Namespaces that stand for machines: the control plane's and one for each node, joined by a bridge.
//!
//! A space has network, mounts, processes, host name and shared memory of its own. Its first process holds it; when that
//! one is ended, so is everything inside, and mounts, interfaces and routes go with it. Of what is outside, only an
//! interface and groups of processes are ever added: see `leftovers`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::configuration::{Arguments, CONTROL_PLANE, JOINED, MACHINE, node_host, pods_of};
use super::programs::Programs;
use super::state::{NODES_MAX, Record, Slot, State};
use crate::outliving::{GROUPS, children, has_ended};
use crate::process::{SHORT, last_lines, output, until};

const OPEN: Duration = Duration::from_secs(20);

/// The bridge has an address of its own: it would otherwise change whenever a node comes.
const BRIDGE_ADDRESS: &str = "02:00:c6:13:00:0a";

/// Runs as the first process of a space; told its name, its folder, and the file to make when all is prepared. The
/// kernel settings are the whole machine's: a kubelet that finds what it wants changes none, so it is shown files.
const FIRST_PROCESS: &str = r#"
set -e
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /run/lock /run/settings /var/lib/kubelet /var/lib/cni
mount --bind "$2/kubelet" /var/lib/kubelet
mount --bind "$2/log" /var/log
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  name=${setting%=*}
  file=/run/settings/${name##*/}
  echo "${setting#*=}" > "$file"
  mount --bind "$file" "/proc/sys/$name"
done
hostname "$1"
ip link set lo up
: > "$3"
set +e
while :; do sleep 86400 & wait $!; done
"#;

/// A space, by its first process as this machine counts.
#[derive(Clone, Debug)]
pub struct Space {
    pub name: String,
    first: u32,
}

impl Space {
    /// Opens a space and waits until it is prepared.
    pub fn open(record: &Record, name: &str) -> Result<Self> {
        let (data, ready) =
            (record.slot.folder.join(name), record.slot.runtime.join(format!("{name}.ready")));
        for folder in ["kubelet", "log"] {
            fs::create_dir_all(data.join(folder))
                .with_context(|| format!("{} cannot be made", data.display()))?;
        }
        let mut command = Command::new("setsid");
        command.args(["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]);
        command.args(["--mount-proc", "--propagation", "private", "sh", "-c", FIRST_PROCESS]);
        command.arg(record.slot.marker()).arg(name).arg(&data).arg(&ready);
        let log = record.slot.log(name, "holder");
        let holder = start(command, &log)?;
        record.add(&holder_name(name), holder)?;
        if !until(OPEN, || ready.is_file() || has_ended(holder)) || !ready.is_file() {
            let written = fs::read_to_string(&log).unwrap_or_default();
            bail!("the space of {name} cannot be opened: {}", last_lines(&written, 10));
        }
        Self::of_holder(name, holder)
    }

    /// The space of this name, if it is open.
    pub fn find(state: &State, name: &str) -> Result<Self> {
        let holder = state.process(&holder_name(name)).with_context(|| format!("{name} does not run"))?;
        Self::of_holder(name, holder)
    }

    fn of_holder(name: &str, holder: u32) -> Result<Self> {
        let first = children(holder).first().copied();
        let first = first.with_context(|| format!("the space of {name} has ended"))?;
        Ok(Self { name: name.to_owned(), first })
    }

    /// A command for which the space is the machine.
    fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.first.to_string(),
            "--net",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--",
        ]);
        command.arg(program);
        command
    }

    /// A command that sees the space's network and this machine's files.
    pub fn in_network(&self, program: impl AsRef<OsStr>) -> Command {
        in_network_of(self.first, program)
    }

    /// Starts one of the cluster's programs, which outlives this one.
    pub fn start(&self, record: &Record, programs: &Programs, arguments: Arguments) -> Result<()> {
        let (name, words) = arguments;
        // What is not ours is Debian's.
        let own = programs.path(name);
        let mut command = self.inside(if own.exists() { own.as_os_str() } else { OsStr::new(name) });
        command.args(words);
        let mut outliving = Command::new("setsid");
        outliving.arg(command.get_program()).args(command.get_args());
        let pid = start(outliving, &record.slot.log(&self.name, name))?;
        record.add(&format!("{} {name}", self.name), pid)
    }
}

fn holder_name(space: &str) -> String {
    format!("{space} holder")
}

/// Starts a program that outlives this one, with its output in a log. While this one runs, a thread collects its end.
fn start(mut command: Command, log: &Path) -> Result<u32> {
    let text = crate::process::shown(&command);
    let file = File::options().create(true).append(true).open(log);
    let file = file.with_context(|| format!("{} cannot be written", log.display()))?;
    let second = file.try_clone().context("a log cannot be shared")?;
    let child = command.stdin(Stdio::null()).stdout(file).stderr(second).spawn();
    let mut child = child.with_context(|| format!("`{text}` cannot be started"))?;
    let pid = child.id();
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

fn in_network_of(pid: u32, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{pid}/ns/net")).arg("--").arg(program);
    command
}

/// Gives the control plane's space its bridge, and this machine an interface to it.
pub fn join_machine(slot: &Slot, plane: &Space) -> Result<()> {
    let (link, own, address) = (slot.link(), slot.address(MACHINE), slot.address(CONTROL_PLANE));
    ip(plane.in_network("ip"), &format!("link add lan address {BRIDGE_ADDRESS} type bridge"))?;
    ip(plane.in_network("ip"), &format!("address add {address}/24 dev lan"))?;
    ip(plane.in_network("ip"), "link set lan up")?;
    for number in 1..=NODES_MAX {
        let (pods, node) = (pods_of(number), slot.address(node_host(number)));
        ip(plane.in_network("ip"), &format!("route add {pods} via {node}"))?;
    }
    ip(Command::new("ip"), &format!("link add {link} type veth peer name machine netns {}", plane.first))?;
    ip(plane.in_network("ip"), "link set machine master lan up")?;
    ip(Command::new("ip"), &format!("address add {own}/24 dev {link}"))?;
    ip(Command::new("ip"), &format!("link set {link} up"))
}

/// Gives a node its interface, and routes to the pods of all others. What leads nowhere else ends at the control plane.
pub fn join_node(slot: &Slot, plane: &Space, node: &Space, number: usize) -> Result<()> {
    let (address, gateway) = (slot.address(node_host(number)), slot.address(CONTROL_PLANE));
    let link = format!("node{number}");
    ip(plane.in_network("ip"), &format!("link add {link} type veth peer name eth0 netns {}", node.first))?;
    ip(plane.in_network("ip"), &format!("link set {link} master lan up"))?;
    ip(node.in_network("ip"), &format!("address add {address}/24 dev eth0"))?;
    ip(node.in_network("ip"), "link set eth0 up")?;
    ip(node.in_network("ip"), &format!("route add default via {gateway}"))?;
    for other in (1..=NODES_MAX).filter(|other| *other != number) {
        let (pods, via) = (pods_of(other), slot.address(node_host(other)));
        ip(node.in_network("ip"), &format!("route add {pods} via {via}"))?;
    }
    Ok(())
}

/// Gives the network of another process an interface to the cluster, unless it has one.
pub fn join_network_of(slot: &Slot, plane: &Space, pid: u32) -> Result<()> {
    let link = slot.link();
    if ip(in_network_of(pid, "ip"), &format!("link show {link}")).is_ok() {
        return Ok(());
    }
    ip(plane.in_network("ip"), &format!("link add joined type veth peer name {link} netns {pid}"))?;
    ip(plane.in_network("ip"), "link set joined master lan up")?;
    ip(in_network_of(pid, "ip"), &format!("address add {}/24 dev {link}", slot.address(JOINED)))?;
    ip(in_network_of(pid, "ip"), &format!("link set {link} up"))
}

fn ip(mut command: Command, words: &str) -> Result<()> {
    output(command.args(words.split(' ')), SHORT).map(drop)
}

/// Makes the groups in which a node's pods are counted.
pub fn make_groups(slot: &Slot, node: &str) -> Result<()> {
    let root = Path::new(GROUPS);
    let make = |tree: &Path| {
        let folder = tree.join(slot.group()).join(node);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))
    };
    if let Ok(kinds) = fs::read_to_string(root.join("cgroup.controllers")) {
        make(root)?;
        // One tree of the newer kind, where a group hands on what it may limit. What cannot be handed on the kubelet names.
        for group in [root.to_owned(), root.join(slot.group())] {
            for kind in kinds.split_whitespace() {
                let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{kind}"));
            }
        }
        return Ok(());
    }
    for entry in fs::read_dir(root).with_context(|| format!("{} cannot be read", root.display()))? {
        let entry = entry?;
        // Beside the trees there may be symbolic links to them, and the tree of the newer kind without resources.
        if entry.file_name() == "unified" || !entry.file_type()?.is_dir() {
            continue;
        }
        make(&entry.path())?;
        // A new group has no processors and no memory, and takes in no process before it has.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let Ok(all) = fs::read_to_string(entry.path().join(file)) else { continue };
            let upper = entry.path().join(slot.group());
            for group in [upper.clone(), upper.join(node)] {
                fs::write(group.join(file), &all).with_context(|| format!("{file} cannot be set"))?;
            }
        }
    }
    Ok(())
}

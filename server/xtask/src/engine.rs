//! The project's own container engine for tests.
//!
//! It runs in network, mount and process namespaces of its own: it cannot disturb an engine that the user has
//! (two engines in one network namespace rewrite each other's packet filter), and when its first process ends,
//! nothing is left of it: no process, no mount, no interface. Ports that it publishes exist only inside, so tests
//! run inside as well (`inside`). Images stay in the cache folder from run to run; containers, volumes and networks
//! do not. Several clones can test at once: each takes the first free of a few slots.

mod certificates;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::engine_api::Engine;
use crate::machine;
use crate::outliving::{alive, began, children, has_ended, remove_groups, waited};
use crate::paths::Paths;
use crate::private;
use crate::process::{last_lines, signal, until};
use crate::report::say;

const SLOTS: usize = 4;
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(40);
const KILL: Duration = Duration::from_secs(10);
const TLS_ADDRESS: &str = "127.0.0.1:2376";

/// Runs as the first process of the namespaces: gives them a loopback interface and a default route that leads
/// nowhere, starts the engine, hands a request to stop on to it, and collects orphans until it has ended.
const FIRST_PROCESS: &str = r#"
ip link set lo up
ip link add out type veth peer name nowhere && ip link set nowhere up && ip addr add 198.18.0.1/24 dev out && ip link set out up && ip route add default via 198.18.0.254
dockerd "$@" &
engine=$!
trap 'kill -TERM $engine' TERM INT HUP
while kill -0 $engine 2>/dev/null; do wait $engine; done
"#;

/// A running test engine.
#[derive(Debug)]
pub struct TestEngine {
    slot: Slot,
    /// The process that holds the namespaces, as this machine counts.
    pid: u32,
    /// Set where this very program started the engine and therefore has to collect its end.
    child: Option<Child>,
}

#[derive(Debug)]
struct Slot {
    number: usize,
    /// In the cache folder: state, log and the engine's data.
    folder: PathBuf,
    /// Private and short-lived: socket, keys, process ids.
    runtime: PathBuf,
}

impl TestEngine {
    pub fn api(&self) -> Engine {
        Engine::at(self.slot.runtime.join("docker.sock"))
    }

    /// The variables by which tests find the engine.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.slot.runtime.join(name).display().to_string();
        vec![
            ("HEDDLE_TEST_DOCKER", self.api().address()),
            ("HEDDLE_TEST_DOCKER_TLS_ADDRESS", TLS_ADDRESS.to_owned()),
            ("HEDDLE_TEST_DOCKER_TLS_CA", file("ca.pem")),
            ("HEDDLE_TEST_DOCKER_TLS_CERT", file("client.pem")),
            ("HEDDLE_TEST_DOCKER_TLS_KEY", file("client.key")),
        ]
    }

    /// The process that holds the engine's network.
    pub fn holder(&self) -> u32 {
        self.pid
    }

    /// A command that sees the engine's network as its own, with the variables set.
    pub fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.pid)).arg("--").arg(program);
        command.envs(self.variables());
        command
    }
}

/// Starts the engine of this clone, or finds it running.
pub fn up(paths: &Paths) -> Result<TestEngine> {
    prepare()?;
    let lock = lock(paths)?;
    if let Some(running) = find(paths) {
        if running.api().answers() {
            return Ok(running);
        }
        say("the test engine no longer answers and is started anew");
        stop(running)?;
    }
    let slot = free_slot(paths)?;
    let engine = start(paths, slot)?;
    drop(lock);
    engine.api().remove_everything_but_images()?;
    Ok(engine)
}

/// The running engine of this clone.
pub fn find(paths: &Paths) -> Option<TestEngine> {
    let root = paths.root.display().to_string();
    (0..SLOTS).map(|number| Slot::new(paths, number)).find_map(|slot| {
        let state = slot.state();
        let pid = alive(&state)?;
        (state["root"].as_str() == Some(root.as_str())).then_some(TestEngine { slot, pid, child: None })
    })
}

/// Ends the engine of this clone, if there is one.
pub fn down(paths: &Paths) -> Result<()> {
    match find(paths) {
        Some(engine) => stop(engine),
        None => Ok(()),
    }
}

impl Slot {
    fn new(paths: &Paths, number: usize) -> Self {
        let folder = paths.cache.join("engine").join(number.to_string());
        // Short, because the address of a socket has at most 107 bytes; per cache folder, because two users, or one
        // user with two cache folders, must not meet in the folder for temporary files.
        let key = crate::fingerprint::sha256(folder.as_os_str().as_encoded_bytes());
        let runtime = PathBuf::from(format!("/tmp/heddle-engine-{}", &key[..12]));
        Self { number, folder, runtime }
    }

    fn state(&self) -> Value {
        let text = fs::read_to_string(self.folder.join("state.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Under this name the kernel counts what the engine's containers use.
    fn cgroup(&self) -> String {
        format!("heddle-engine-{}", self.number)
    }
}

fn prepare() -> Result<()> {
    if !machine::is_root() {
        bail!("the tests start a container engine of their own, which needs root");
    }
    let programs = ["dockerd", "iptables", "ip", "unshare", "nsenter", "setsid"];
    let packages = ["docker.io", "iptables", "iproute2", "util-linux", "ca-certificates"];
    machine::ensure_programs(&programs, &packages, "the test engine")
}

fn lock(paths: &Paths) -> Result<File> {
    let folder = paths.cache.join("engine");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let file = File::create(folder.join("lock")).context("the lock of the test engines cannot be made")?;
    file.lock().context("the test engines cannot be locked")?;
    Ok(file)
}

fn free_slot(paths: &Paths) -> Result<Slot> {
    let free = (0..SLOTS).map(|number| Slot::new(paths, number)).find(|slot| alive(&slot.state()).is_none());
    free.with_context(|| {
        format!("{SLOTS} test engines are running already: end one with `cargo xtask engine down`")
    })
}

fn start(paths: &Paths, slot: Slot) -> Result<TestEngine> {
    clear(&slot)?;
    fs::create_dir_all(&slot.folder).with_context(|| format!("{} cannot be made", slot.folder.display()))?;
    private::folder(&slot.runtime)?;
    certificates::write(&slot.runtime)?;
    let log = slot.folder.join("log");
    let file = File::create(&log).context("the engine's log cannot be written")?;
    let second = file.try_clone().context("the engine's log cannot be shared")?;
    let mut command = command(&slot);
    let child = command.stdin(Stdio::null()).stdout(file).stderr(second).spawn();
    let mut child = child.context("the test engine cannot be started")?;
    let pid = child.id();
    let state = json!({ "pid": pid, "began": began(pid), "root": paths.root.display().to_string() });
    fs::write(slot.folder.join("state.json"), state.to_string())
        .context("the engine's state cannot be written")?;
    let api = Engine::at(slot.runtime.join("docker.sock"));
    // A child that ended answers no more; waiting for its socket any longer would only hide the reason.
    until(START, || api.answers() || !matches!(child.try_wait(), Ok(None)));
    let engine = TestEngine { slot, pid, child: Some(child) };
    if !api.answers() {
        stop(engine)?;
        let written = fs::read_to_string(&log).unwrap_or_default();
        bail!("the test engine does not answer, log in {}:\n{}", log.display(), last_lines(&written, 15));
    }
    Ok(engine)
}

fn command(slot: &Slot) -> Command {
    let runtime = |name: &str| slot.runtime.join(name).display().to_string();
    let mut command = Command::new("setsid");
    command.args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["--propagation", "private", "sh", "-c", FIRST_PROCESS, "engine"]);
    command.args(["--data-root", &slot.folder.join("data").display().to_string()]);
    command.args(["--exec-root", &runtime("exec"), "--pidfile", &runtime("pid")]);
    command.args(["--host", &format!("unix://{}", runtime("docker.sock"))]);
    command.args(["--host", &format!("tcp://{TLS_ADDRESS}"), "--tlsverify"]);
    command.args(["--tlscacert", &runtime("ca.pem")]);
    command.args(["--tlscert", &runtime("server.pem"), "--tlskey", &runtime("server.key")]);
    command.args([
        "--exec-opt",
        "native.cgroupdriver=cgroupfs",
        "--cgroup-parent",
        &format!("/{}", slot.cgroup()),
    ]);
    // The group of the socket would otherwise be everybody who may use the machine's engine.
    command.args(["--group", "root", "--shutdown-timeout", "10"]);
    command
}

/// Ends the engine in an orderly way, or by force, and removes what it leaves outside its namespaces.
fn stop(mut engine: TestEngine) -> Result<()> {
    let gone = || has_ended(engine.pid);
    // An engine that still answers removes its containers in order, and with them their cgroups.
    if engine.api().answers() {
        engine.api().remove_everything_but_images()?;
    }
    for first in children(engine.pid) {
        signal("TERM", &first.to_string());
    }
    if !waited(STOP, gone) {
        // The kernel ends every process of a process namespace together with its first one.
        for first in children(engine.pid) {
            signal("KILL", &first.to_string());
        }
        signal("KILL", &engine.pid.to_string());
        if !waited(KILL, gone) {
            bail!("the test engine (process {}) cannot be ended", engine.pid);
        }
    }
    if let Some(child) = &mut engine.child {
        child.wait().context("the test engine's end cannot be collected")?;
    }
    clear(&engine.slot)
}

impl TestEngine {
    /// Ends this engine; its images stay.
    pub fn end(self) -> Result<()> {
        stop(self)
    }
}

/// Removes what a stopped engine leaves: its private folder, its state and empty cgroups.
fn clear(slot: &Slot) -> Result<()> {
    for leftover in
        [&slot.runtime, &slot.folder.join("data").join("containerd").join("daemon").join("tmpmounts")]
    {
        if leftover.exists() {
            fs::remove_dir_all(leftover)
                .with_context(|| format!("{} cannot be removed", leftover.display()))?;
        }
    }
    let state = slot.folder.join("state.json");
    if state.exists() {
        fs::remove_file(&state).context("the engine's old state cannot be removed")?;
    }
    remove_groups(&slot.cgroup());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_short_addresses() {
        let deep = PathBuf::from(format!("/{}", "deep/".repeat(40)));
        let paths = Paths { root: deep.clone(), cache: deep.clone(), target: deep };
        assert!(Slot::new(&paths, 3).runtime.join("docker.sock").as_os_str().len() < 100);
    }
}

//! The container engine that a portal started with `cargo xtask run` offers as its local host.
//!
//! One that answers is used as it is. Only when there is none is anything installed or started, announced first and,
//! on a terminal, asked for.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::engine_api::Engine;
use crate::machine::{self, agreed};
use crate::paths::Paths;
use crate::process::{SHORT, last_lines, output, until};
use crate::report::say;

const USUAL_SOCKET: &str = "/var/run/docker.sock";
const START: Duration = Duration::from_secs(60);
const PACKAGES: [&str; 4] = ["docker.io", "iptables", "iproute2", "ca-certificates"];

/// Finds an engine, or gets one. None when the person does not want one, or none can be had: a portal without a
/// local engine still works with remote hosts.
pub fn ensure(paths: &Paths) -> Result<Option<Engine>> {
    if let Some(engine) = find()? {
        say(format!("container engine: {}", engine.address()));
        return Ok(Some(engine));
    }
    let installed = machine::program("dockerd").is_some();
    if !machine::is_root() || (!installed && !machine::has_apt()) {
        say(advice(&UnixStream::connect(USUAL_SOCKET)));
        return Ok(None);
    }
    let how = if has_systemd() { "as a service that is enabled" } else { "as a process of its own" };
    let what = if installed { "Docker is installed but does not run" } else { "Docker is not installed" };
    let install =
        if installed { String::new() } else { format!("installs {} with apt-get and ", PACKAGES.join(", ")) };
    say(format!(
        "{what}. Going on {install}starts the engine {how}: it adds a bridge and packet filter rules"
    ));
    if !agreed("Go ahead?")? {
        say("the portal starts without a local engine");
        return Ok(None);
    }
    let engine = if installed { Ok(()) } else { machine::install(&PACKAGES) }.and_then(|()| start(paths));
    Ok(or_without(engine))
}

/// What helps where no engine answers, by what came of opening the usual socket.
fn advice(opened: &std::io::Result<UnixStream>) -> String {
    match opened {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => format!(
            "the container engine is there, but this user may not open {USUAL_SOCKET}: join its group, usually with \
             `sudo usermod -aG docker $USER`, log in anew and start this program again, or start it as root. Whoever \
             may open the socket is root on this machine. A remote host can be added without it"
        ),
        _ => "no container engine answers: start Docker (or install it first) and this program again, or add a \
              remote host"
            .to_owned(),
    }
}

/// An engine that cannot be had is no reason to have no portal.
fn or_without(engine: Result<Engine>) -> Option<Engine> {
    engine
        .inspect_err(|error| {
            say(format!("there is no local engine: {error:#}"));
            say("the portal starts without one; repair it and start again, or add a remote host");
        })
        .ok()
}

/// An engine that answers: the one that DOCKER_HOST names, or the usual one of the machine.
fn find() -> Result<Option<Engine>> {
    let mut candidates = Vec::new();
    if let Some(address) = env::var("DOCKER_HOST").ok().filter(|address| !address.is_empty()) {
        match Engine::from_address(&address) {
            Ok(engine) => candidates.push(engine),
            Err(_) => say(format!(
                "DOCKER_HOST={address} is no local engine: add it as a remote host in the portal"
            )),
        }
    }
    candidates.push(Engine::at(USUAL_SOCKET));
    Ok(candidates.into_iter().find(Engine::answers))
}

/// The sign by which systemd itself tells programs that it runs the machine.
fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn start(paths: &Paths) -> Result<Engine> {
    let engine = Engine::at(USUAL_SOCKET);
    let log = paths.cache.join("dockerd.log");
    if has_systemd() {
        say("starting the service docker");
        output(Command::new("systemctl").args(["enable", "--now", "docker"]), SHORT)?;
    } else if !engine.answers() {
        say(format!("starting dockerd, log in {}", log.display()));
        fs::create_dir_all(&paths.cache).context("the cache folder cannot be made")?;
        let file = File::create(&log).context("the engine's log cannot be written")?;
        let second = file.try_clone().context("the engine's log cannot be shared")?;
        // In a session of its own: it has to outlive this program, like the nodes that run on it.
        let mut command = Command::new("setsid");
        command.args(["--fork", "dockerd", "--host", &engine.address()]);
        let status = command.stdin(Stdio::null()).stdout(file).stderr(second).status();
        status.context("setsid cannot be started")?;
    }
    if until(START, || engine.answers()) {
        return Ok(engine);
    }
    let written = fs::read_to_string(&log).unwrap_or_default();
    bail!("the container engine does not answer on {}:\n{}", engine.address(), last_lines(&written, 15));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_cannot_be_had_does_not_stop_the_portal() {
        assert!(or_without(Err(anyhow::anyhow!("apt-get failed"))).is_none());
        assert!(or_without(Ok(Engine::at("/nonexistent"))).is_some());
    }

    #[test]
    fn a_closed_socket_is_told_from_an_engine_that_is_not_there() {
        let told = |kind: ErrorKind| advice(&Err(kind.into()));
        assert!(told(ErrorKind::PermissionDenied).contains("usermod -aG docker"));
        for kind in [ErrorKind::NotFound, ErrorKind::ConnectionRefused] {
            assert!(told(kind).contains("start Docker"), "{kind}");
        }
    }
}

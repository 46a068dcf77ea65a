//! Transactions a second: through the portal, as its page submits them, against Fabric's own gateway client
//! (`end2end/bench/gateway`) with the same identity at the same peer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::figures::{self, Samples};
use super::network;
use super::portal::{self, Build, Portal};
use crate::engine_api::Engine;
use crate::images::{self, Source};
use crate::machine;
use crate::nodes;
use crate::paths::Paths;
use crate::process::{self, LONG};
use crate::report::say;

/// Transactions in flight, and how many are submitted with so many: seconds of work each.
const LOADS: [(usize, usize); 3] = [(1, 20), (16, 320), (64, 960)];
const RATIO: f64 = 0.9;
const SCRIPT: Duration = Duration::from_secs(180);

/// Measures, and fails when the portal commits less than nine tenths of what the client commits.
pub fn run(paths: &Paths, build: Build, engine: &str, rounds: usize) -> Result<()> {
    images::ensure(paths, &Engine::from_address(engine)?, Source::Built)?;
    let go = machine::ensure_go(&paths.cache)?;
    let program = portal::build(paths, build, &[])?;
    let mut portal = Portal::start(paths, &program, Some(engine))?;
    portal.sign_in()?;
    let host = portal.add_host()?;
    portal.finish(&network::create(&portal, &host)?)?;
    let outcome = measured(paths, &go, &portal, rounds);
    network::delete(&portal)?;
    outcome
}

fn measured(paths: &Paths, go: &Path, portal: &Portal, rounds: usize) -> Result<()> {
    portal.finish(&network::deploy(portal)?)?;
    // The first call finds the other peers.
    network::submit(portal, "init", &["first", "1", "second", "2"])?;
    let client = Client::new(paths, go, portal)?;
    let mut worst = f64::INFINITY;
    for (in_flight, count) in LOADS {
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        let our_round = |round| {
            ours.push(submit_all(portal, &format!("p{in_flight}r{round}"), in_flight, count)?);
            Ok(())
        };
        figures::in_turn(rounds, our_round, |round| {
            theirs.push(client.submit_all(&format!("c{in_flight}r{round}"), in_flight, count)?);
            Ok(())
        })?;
        say(format!("{in_flight} in flight, portal          {}", ours.shown("/s")));
        say(format!("{in_flight} in flight, gateway client  {}", theirs.shown("/s")));
        worst = worst.min(ours.median() / theirs.median());
        say(format!("{in_flight} in flight, ratio           {:.3}", ours.median() / theirs.median()));
    }
    figures::demand("smallest throughput relative to the gateway client", worst, RATIO)
}

/// Transactions a second through the portal.
fn submit_all(portal: &Portal, prefix: &str, in_flight: usize, count: usize) -> Result<f64> {
    let next = AtomicUsize::new(0);
    let begin = Instant::now();
    thread::scope(|scope| {
        let worker = || -> Result<()> {
            let mut connection = portal.connect()?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                let (a, b) = (format!("{prefix}a{number}"), format!("{prefix}b{number}"));
                let call = network::call("init", &[&a, "100", &b, "200"]);
                let view = portal::call(&mut connection, "transaction_submit", &call)?;
                if view["state"] != "valid" {
                    bail!("a transaction is not valid: {view}");
                }
            }
        };
        let workers: Vec<_> = (0..in_flight).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    Ok(figures::per_second(count, begin.elapsed()))
}

/// The other side: built once, with what the portal exports for its user.
struct Client {
    program: PathBuf,
    material: PathBuf,
    peer: String,
    name: String,
}

impl Client {
    fn new(paths: &Paths, go: &Path, portal: &Portal) -> Result<Self> {
        let material = portal.folder.join("material");
        fs::create_dir_all(&material).context("a folder for the material cannot be made")?;
        let program = portal.folder.join("gateway");
        let module = paths.root.join("end2end/bench/gateway");
        process::run(nodes::in_module(go, &module).args(["build", "-o"]).arg(&program).arg("."), LONG)?;
        let get = |path: &str| -> Result<Vec<u8>> {
            let answer = portal.connect()?.get(path)?;
            if answer.status != 200 {
                bail!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
            }
            Ok(answer.body)
        };
        let tar = get("/chains/bench/material/org1.tar")?;
        tar::Archive::new(tar.as_slice()).unpack(&material).context("the material cannot be unpacked")?;
        let profile: Value = serde_json::from_slice(&get("/chains/bench/profile/org1.json")?)?;
        let name = "peer0.org1.bench".to_owned();
        let url = profile["peers"][&name]["url"].as_str().context("the profile does not name the peer")?;
        let peer = url.trim_start_matches("grpcs://").to_owned();
        Ok(Self { program, material, peer, name })
    }

    /// Transactions a second through the client.
    fn submit_all(&self, prefix: &str, in_flight: usize, count: usize) -> Result<f64> {
        let organization = self.material.join("peerOrganizations/org1.bench");
        let mut command = Command::new(&self.program);
        command
            .args(["-peer", &self.peer, "-server", &self.name, "-msp-id", "Org1MSP", "-tls"])
            .arg(organization.join("tlsca/tlsca.org1.bench-cert.pem"))
            .arg("-msp")
            .arg(organization.join("users/bench@org1.bench/msp"))
            .args(["-channel", "bench", "-chaincode", "example02", "-prefix", prefix])
            .args(["-in-flight", &in_flight.to_string(), "-count", &count.to_string()]);
        let said = process::output(&mut command, SCRIPT)?;
        let word = said.trim().strip_prefix("committed ").context("the client says no number")?;
        word.parse().with_context(|| format!("the client says {said:?}"))
    }
}

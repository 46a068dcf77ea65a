//! Raising a network on a cluster: the portal against `cluster.sh`, which applies manifests of the same kinds with the
//! cluster's own client and calls Fabric's official tools. What each side made is removed between two rounds, and that
//! is in nobody's time.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::{Judged, Steps, Times, our_round, seconds};
use crate::bench::figures;
use crate::bench::ground::Ground;
use crate::bench::portal::{self, Build, Portal};
use crate::nodes;
use crate::paths::Paths;
use crate::process;
use crate::report::say;

/// The most that the portal may need for each second of the official tools.
const RATIO: f64 = 1.1;
/// First of the script's node ports, behind those of the portal's chains.
const PORT: &str = "32100";

/// Measures, and fails when the portal is slower than promised.
pub fn run(paths: &Paths, build: Build, rounds: usize) -> Result<()> {
    // First what takes long: a cluster of the bench stands no longer than it must.
    let program = portal::build(paths, build, &[])?;
    let tools = nodes::ensure(paths)?.folder;
    let ground = Ground::find(paths)?;
    let script = Script::new(paths, &ground, tools);
    let mut portal = Portal::start(paths, &program, None)?;
    portal.sign_in()?;
    let host = ground.add_to(&portal)?;
    let (mut ours, mut theirs, mut steps) = (Times::default(), Times::default(), Steps::default());
    let our_round = |_| our_round(&portal, &host, Judged::Create, &mut ours, &mut steps);
    figures::in_turn(rounds, our_round, |_| script.round(&mut theirs))?;
    for (name, seconds) in &steps.all {
        say(format!("  {name:<24}{}", seconds.shown("s")));
    }
    say("one ordering node, two organizations with one peer each, a volume and a node port for each of them");
    say(format!("create, portal                     {}", ours.create.shown("s")));
    say(format!("create, kubectl and official tools {}", theirs.create.shown("s")));
    let ratio = ours.create.median() / theirs.create.median();
    figures::at_most("time relative to kubectl and the official tools", ratio, RATIO)
}

/// The cluster's client and the official tools.
struct Script<'a> {
    ground: &'a Ground<'a>,
    program: PathBuf,
    tools: PathBuf,
    folder: PathBuf,
    namespace: String,
}

impl<'a> Script<'a> {
    fn new(paths: &Paths, ground: &'a Ground<'a>, tools: PathBuf) -> Self {
        let namespace = format!("bench-{}", std::process::id());
        Self {
            ground,
            program: paths.root.join("end2end/bench/network/cluster.sh"),
            tools,
            folder: std::env::temp_dir().join(format!("heddle-{namespace}")),
            namespace,
        }
    }

    fn round(&self, times: &mut Times) -> Result<()> {
        let said = self.perform("up");
        self.perform("down")?;
        times.create.push(seconds(&said?)?);
        Ok(())
    }

    fn perform(&self, verb: &str) -> Result<String> {
        let mut command = self.ground.command("bash");
        command.arg(&self.program).args([&self.tools, &self.folder]).args([&self.namespace, PORT, verb]);
        process::output(&mut command, super::SCRIPT)
    }
}

impl Drop for Script<'_> {
    fn drop(&mut self) {
        // What the client learned about the cluster; nobody misses it, and nobody minds it.
        let _ = fs::remove_dir_all(self.folder.with_file_name(format!("heddle-{}-client", self.namespace)));
    }
}

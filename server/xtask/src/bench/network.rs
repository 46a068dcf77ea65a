//! Raising a network and deploying on it: the portal against a script of Fabric's official tools, which stands in
//! `end2end/bench/network`. Both use the same images, the same shape and the same settings, on one engine, in turn.

pub mod kubernetes;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::figures::{self, Samples};
use super::portal::{self, Build, Portal};
use crate::engine_api::Engine;
use crate::images::{self, Source};
use crate::nodes;
use crate::paths::Paths;
use crate::process;
use crate::report::say;

const CREATE_S: f64 = 10.0;
const SCRIPT: Duration = Duration::from_secs(180);
const CHAIN: &str = "bench";

/// What is judged; both are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// From the request until every node has joined the channel and a leader is elected.
    Create,
    /// From the request until the chaincode has answered its first query.
    Deploy,
}

/// Seconds of one side.
#[derive(Default)]
struct Times {
    create: Samples,
    deploy: Samples,
}

/// Measures, and fails when the portal is slower.
pub fn run(paths: &Paths, build: Build, engine: &str, rounds: usize, judged: Judged) -> Result<()> {
    images::ensure(paths, &Engine::from_address(engine)?, Source::Built)?;
    let script = Script::new(paths, engine)?;
    let program = portal::build(paths, build, &[])?;
    let mut portal = Portal::start(paths, &program, Some(engine))?;
    portal.sign_in()?;
    let host = portal.add_host()?;
    let (mut ours, mut theirs) = (Times::default(), Times::default());
    let mut steps = Steps::default();
    let our_round = |_| our_round(&portal, &host, judged, &mut ours, &mut steps);
    figures::in_turn(rounds, our_round, |_| script.round(judged, &mut theirs))?;
    for (name, seconds) in &steps.all {
        say(format!("  {name:<24}{}", seconds.shown("s")));
    }
    say("one ordering node, two organizations with one peer each, batch timeout 200 ms, LevelDB");
    let (what, ours, theirs) = match judged {
        Judged::Create => ("create", ours.create, theirs.create),
        Judged::Deploy => ("deploy", ours.deploy, theirs.deploy),
    };
    say(format!("{what}, portal          {}", ours.shown("s")));
    say(format!("{what}, official tools  {}", theirs.shown("s")));
    figures::at_most("time relative to the official tools", ours.median() / theirs.median(), 1.0)?;
    figures::at_most("seconds", ours.median(), CREATE_S)
}

/// Seconds of each step of an operation.
#[derive(Default)]
struct Steps {
    all: Vec<(String, Samples)>,
}

impl Steps {
    fn add(&mut self, steps: Vec<(String, f64)>) {
        for (name, seconds) in steps {
            match self.all.iter_mut().find(|(known, _)| *known == name) {
                Some((_, samples)) => samples.push(seconds),
                None => {
                    let mut samples = Samples::default();
                    samples.push(seconds);
                    self.all.push((name, samples));
                }
            }
        }
    }
}

fn our_round(
    portal: &Portal,
    host: &Value,
    judged: Judged,
    times: &mut Times,
    steps: &mut Steps,
) -> Result<()> {
    let begin = Instant::now();
    let operation = create(portal, host)?;
    portal.finish(&operation)?;
    times.create.push(begin.elapsed().as_secs_f64());
    if judged == Judged::Create {
        steps.add(portal.steps(&operation)?);
    } else {
        let begin = Instant::now();
        let operation = deploy(portal)?;
        portal.finish(&operation)?;
        let finished = Instant::now();
        submit(portal, "init", &["a", "100", "b", "200"])?;
        let answer = portal.call("transaction_query", &call("query", &["a"]))?;
        times.deploy.push(begin.elapsed().as_secs_f64());
        if answer["call"]["text"].as_str().or(answer["text"].as_str()) != Some("100") {
            bail!("the query answers {answer}");
        }
        steps.add(portal.steps(&operation)?);
        steps.add(vec![("first submit and query".to_owned(), finished.elapsed().as_secs_f64())]);
    }
    delete(portal)
}

/// Starts the creation of the chain that the script raises as well.
pub fn create(portal: &Portal, host: &Value) -> Result<Value> {
    let spec = json!({
        "name": CHAIN,
        "host": host,
        "version": "2.5",
        "consensus": "raft",
        "orderers": 1,
        "organizations": [{ "name": "org1", "peers": 1 }, { "name": "org2", "peers": 1 }],
        "channel": "bench",
        "batch_timeout_ms": 200,
        "resources": { "cpu_milli": 2000, "memory_mib": 1024 },
    });
    portal.call("chain_create", &json!({ "spec": spec, "key": key()? }))
}

/// Starts the deployment of the sample.
pub fn deploy(portal: &Portal) -> Result<Value> {
    let spec = portal.call("chaincode_sample", &json!({ "chain": CHAIN }))?;
    portal.call("chaincode_deploy", &json!({ "spec": spec, "key": key()? }))
}

/// Removes the chain with everything on the engine.
pub fn delete(portal: &Portal) -> Result<()> {
    let operation = portal.call_proved("chain_delete", &json!({ "name": CHAIN, "typed": CHAIN }))?;
    portal.finish(&operation)
}

/// Submits and demands that the transaction is valid.
pub fn submit(portal: &Portal, function: &str, arguments: &[&str]) -> Result<()> {
    let view = portal.call("transaction_submit", &call(function, arguments))?;
    match view["state"].as_str() {
        Some("valid") => Ok(()),
        _ => bail!("a transaction is not valid: {view}"),
    }
}

/// The arguments of a server function that calls the sample.
pub fn call(function: &str, arguments: &[&str]) -> Value {
    json!({ "call": {
        "chain": CHAIN,
        "channel": "bench",
        "chaincode": "example02",
        "organization": "org1",
        "function": function,
        "arguments": arguments,
        "idempotency_key": key().unwrap_or_default(),
    }})
}

/// A key that was never used before.
fn key() -> Result<String> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(format!("bench-{}-{}", now.as_nanos(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// The official tools.
struct Script {
    program: PathBuf,
    tools: PathBuf,
    folder: PathBuf,
    name: String,
    engine: String,
}

impl Script {
    fn new(paths: &Paths, engine: &str) -> Result<Self> {
        let name = format!("heddle-bench-{}", std::process::id());
        Ok(Self {
            program: paths.root.join("end2end/bench/network/network.sh"),
            tools: nodes::ensure(paths)?.folder,
            folder: std::env::temp_dir().join(&name),
            name,
            engine: engine.to_owned(),
        })
    }

    fn round(&self, judged: Judged, times: &mut Times) -> Result<()> {
        let port = free_ports()?;
        let result = self.timed(port, judged, times);
        self.perform(port, "down")?;
        result
    }

    fn timed(&self, port: u16, judged: Judged, times: &mut Times) -> Result<()> {
        times.create.push(seconds(&self.perform(port, "up")?)?);
        if judged == Judged::Deploy {
            times.deploy.push(seconds(&self.perform(port, "deploy")?)?);
        }
        Ok(())
    }

    fn perform(&self, port: u16, verb: &str) -> Result<String> {
        let mut command = Command::new("bash");
        command.arg(&self.program).args([&self.tools, &self.folder]).args([
            &self.name,
            &port.to_string(),
            verb,
        ]);
        process::output(command.env("DOCKER_HOST", &self.engine), SCRIPT)
    }
}

/// Reads `create 3.212`.
fn seconds(said: &str) -> Result<f64> {
    let word =
        said.lines().last().and_then(|line| line.split(' ').nth(1)).context("the script says no time")?;
    word.parse().with_context(|| format!("the script says {said:?}"))
}

/// The first of four ports that were free a moment ago.
fn free_ports() -> Result<u16> {
    (20_000..30_000_u16)
        .step_by(4)
        .find(|first| (0..4).all(|offset| TcpListener::bind(("127.0.0.1", first + offset)).is_ok()))
        .context("no four free ports")
}

/// Where a bench finds its engine when nothing else is said.
pub const DEFAULT_ENGINE: &str = "unix:///var/run/docker.sock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_script_says() {
        assert!((seconds("create 3.212\n").unwrap() - 3.212).abs() < 1e-9);
        assert!(seconds("").is_err());
        assert!(seconds("create soon").is_err());
    }

    #[test]
    fn steps_of_several_rounds_are_kept_by_name() {
        let mut steps = Steps::default();
        steps.add(vec![("one".into(), 1.0), ("two".into(), 2.0)]);
        steps.add(vec![("one".into(), 3.0)]);
        assert_eq!(steps.all.len(), 2);
        assert!((steps.all[0].1.median() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn keys_differ() {
        assert_ne!(key().unwrap(), key().unwrap());
    }
}

//! The test kit on a toy operation whose side effects live in a shared map: a sound one passes, and each planted bug is
//! caught.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use workflow::testkit::{self, Expect, Options, Trial, World};
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

/// The outside world: named things, and how often each was made.
#[derive(Default)]
struct Shelf {
    things: Mutex<BTreeMap<String, u32>>,
}

impl Shelf {
    fn ensure(&self, name: &str) {
        self.things.lock().unwrap().entry(name.to_owned()).or_insert(1);
    }

    fn add(&self, name: &str) {
        *self.things.lock().unwrap().entry(name.to_owned()).or_insert(0) += 1;
    }

    fn remove(&self, name: &str) -> bool {
        self.things.lock().unwrap().remove(name).is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Bug {
    None,
    /// A step makes another thing each time it runs.
    StepAdds,
    /// An undo removes nothing.
    UndoForgets,
    /// An undo fails when there is nothing to undo.
    UndoInsists,
    /// An undo takes for granted that its step had finished.
    UndoNeedsOutput,
    /// A step gives its thing a name of chance, and finds it only by its output.
    NameByChance,
    /// An error of the attempt is kept by the world: a later attempt trips over it.
    StepTripsOverItself,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Toy {
    bug: Bug,
}

#[derive(Serialize, Deserialize)]
struct Ports {
    first: u32,
}

impl StepOutput for Ports {
    const STEP: &'static str = "reserve-ports";
}

#[derive(Serialize, Deserialize)]
struct Node {
    name: String,
}

impl StepOutput for Node {
    const STEP: &'static str = "start-node";
}

impl Operation for Toy {
    type Env = Shelf;

    fn plan() -> Plan<Self> {
        Plan::named("toy", 1)
            .step("reserve-ports", reserve_ports, release_ports)
            .step("look", look, keep)
            .step("start-node", start_node, remove_node)
            .step("join", join, leave)
    }
}

async fn reserve_ports(context: Context<Toy>) -> Result<Ports, StepError> {
    context.note("reserving").await;
    if context.params().bug == Bug::StepTripsOverItself && !context.env().things.lock().unwrap().is_empty() {
        return Err(StepError::stop("ports.taken", "Somebody has the ports."));
    }
    context.env().ensure("ports");
    tokio::task::yield_now().await;
    context.progress(1, 1).await;
    Ok(Ports { first: 31_000 })
}

async fn release_ports(context: Context<Toy>) -> Result<(), StepError> {
    let removed = context.env().remove("ports");
    tokio::task::yield_now().await;
    if context.params().bug == Bug::UndoInsists && !removed {
        return Err(StepError::stop("ports.missing", "There are no ports to release."));
    }
    Ok(())
}

async fn look(context: Context<Toy>) -> Result<(), StepError> {
    context.sleep(1_000).await;
    Ok(())
}

async fn start_node(context: Context<Toy>) -> Result<Node, StepError> {
    let ports: Ports = context.output()?;
    let name = match context.params().bug {
        Bug::NameByChance => format!("node-{}-{}", ports.first, context.env().things.lock().unwrap().len()),
        _ => format!("node-{}", ports.first),
    };
    context.note(format!("starting {name}")).await;
    match context.params().bug {
        Bug::StepAdds => context.env().add(&name),
        _ => context.env().ensure(&name),
    }
    tokio::task::yield_now().await;
    Ok(Node { name })
}

async fn remove_node(context: Context<Toy>) -> Result<(), StepError> {
    tokio::task::yield_now().await;
    let name = match context.params().bug {
        Bug::UndoForgets => return Ok(()),
        Bug::UndoNeedsOutput => context.output::<Node>()?.name,
        Bug::NameByChance => match context.try_output::<Node>()? {
            Some(node) => node.name,
            None => return Ok(()),
        },
        _ => format!("node-{}", context.output::<Ports>()?.first),
    };
    context.env().remove(&name);
    Ok(())
}

async fn join(context: Context<Toy>) -> Result<(), StepError> {
    let node: Node = context.output()?;
    context.env().ensure(&format!("{} joined", node.name));
    Ok(())
}

async fn leave(context: Context<Toy>) -> Result<(), StepError> {
    if let Some(node) = context.try_output::<Node>()? {
        context.env().remove(&format!("{} joined", node.name));
    }
    Ok(())
}

struct ToyTrial {
    bug: Bug,
}

#[async_trait]
impl Trial for ToyTrial {
    type Operation = Toy;

    async fn world(&self, _seed: u64) -> World<Toy> {
        World { params: Toy { bug: self.bug }, env: Arc::default() }
    }

    async fn check(&self, world: &World<Toy>, expect: Expect) -> Result<(), String> {
        let things = world.env.things.lock().unwrap().clone();
        let wanted: BTreeMap<String, u32> = match expect {
            Expect::Clean => BTreeMap::new(),
            Expect::Complete => {
                ["ports", "node-31000", "node-31000 joined"].map(|name| (name.to_owned(), 1)).into()
            }
        };
        if things == wanted { Ok(()) } else { Err(format!("there is {things:?}")) }
    }
}

async fn play(bug: Bug, seeds: u64) -> testkit::Report {
    testkit::run(
        &ToyTrial { bug },
        Options { seeds, write_seeds: seeds, case_timeout_ms: 20_000, ..Options::default() },
    )
    .await
}

/// All cases on one thread, with the seeds of the gate.
#[tokio::test]
async fn a_sound_operation_passes() {
    let report = play(Bug::None, 100).await;
    let (cases, crashes) = (report.cases, report.crashes);
    report.into_result().unwrap();
    // 4 steps × 2 directions × (before, after) and two dozen writes of the log, each with 100 seeds.
    assert!(crashes > 5_000, "only {crashes} crashes in {cases} cases");
}

/// The same where runs, steps and the kit really move at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sound_operation_passes_on_several_threads() {
    play(Bug::None, 10).await.into_result().unwrap();
}

/// Each planted bug shows in the kind of case that is there for it.
#[tokio::test]
async fn planted_bugs_are_caught() {
    let caught_by = [
        (Bug::StepAdds, "each step twice"),
        (Bug::StepAdds, "crash in a step"),
        (Bug::UndoForgets, "error, undo"),
        (Bug::UndoInsists, "each step and undo twice"),
        (Bug::UndoInsists, "error, undo twice"),
        (Bug::UndoNeedsOutput, "error, undo"),
        (Bug::UndoNeedsOutput, "crash in a step, cancel"),
        (Bug::NameByChance, "each step twice"),
        (Bug::NameByChance, "crash in a step, cancel"),
        (Bug::StepTripsOverItself, "each step twice"),
    ];
    for (bug, case) in caught_by {
        let report = play(bug, 2).await;
        let cases: Vec<_> = report.findings.iter().map(|finding| finding.case.as_str()).collect();
        assert!(
            cases.iter().any(|name| name.starts_with(case)),
            "{bug:?} was not caught by {case:?}: {cases:#?}"
        );
    }
}

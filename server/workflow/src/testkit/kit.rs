//! The cases that an operation goes through, and how one case is played.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use async_trait::async_trait;

use crate::log::{ListFilter, Log};
use crate::memory::MemoryLog;
use crate::plan::Operation;
use crate::record::{OperationRecord, OperationState, Wanted};
use crate::settings::Settings;
use crate::testkit::JumpClock;
use crate::testkit::faults::{Crash, CrashLog, Fault, Harm, Injector, Moment};
use crate::workflow::{Start, Workflow};

/// What the kit's operations lock.
const SUBJECT: &str = "testkit:subject";
/// When the worlds begin, unix milliseconds.
const BEGIN_MS: i64 = 1_700_000_000_000;
/// Problems after which the kit stops looking for more of the same kind.
const FINDINGS_PER_KIND_MAX: usize = 3;

/// What a world must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The operation is done: all that it makes is there, once.
    Complete,
    /// The operation is undone: nothing of it is left, or only what the product names as left behind.
    Clean,
}

/// One fresh world: the services, with nothing done yet, and what to do in it.
pub struct World<P: Operation> {
    /// The operation's parameters.
    pub params: P,
    /// The services.
    pub env: Arc<P::Env>,
}

/// An operation as the kit tries it.
#[async_trait]
pub trait Trial: Send + Sync {
    /// The operation.
    type Operation: Operation;

    /// Makes a fresh world; the seed may steer delays and faults of simulated services.
    async fn world(&self, seed: u64) -> World<Self::Operation>;

    /// Tells what is wrong with a world, if anything.
    async fn check(&self, world: &World<Self::Operation>, expect: Expect) -> Result<(), String>;

    /// The log to run on; one that belongs to the world, or a new one in memory.
    fn log(&self, _world: &World<Self::Operation>) -> Arc<dyn Log> {
        Arc::new(MemoryLog::new())
    }
}

/// How much to try.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Every crash in a step or an undo is tried with this many seeds.
    pub seeds: u64,
    /// One such crash, drawn by the seed, is tried with each of this many further seeds.
    pub samples: u64,
    /// Every crash at a write of the log is tried with this many seeds.
    pub write_seeds: u64,
    /// Only every so manieth write of the log; 1 for each.
    pub write_stride: u32,
    /// Longest real time for one case; then it counts as stuck.
    pub case_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { seeds: 3, samples: 0, write_seeds: 3, write_stride: 1, case_timeout_ms: 30_000 }
    }
}

/// A case that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The case, with all that is needed to see what happened.
    pub case: String,
    /// What was wrong.
    pub problem: String,
}

/// What the kit found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Cases played.
    pub cases: u32,
    /// Cases in which the engine really crashed.
    pub crashes: u32,
    /// Problems; at most three for each kind of case.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The number of cases, or the problems as one text.
    ///
    /// # Errors
    /// When there are problems.
    pub fn into_result(self) -> Result<u32, String> {
        if self.findings.is_empty() {
            return Ok(self.cases);
        }
        let lines = self.findings.iter().map(|finding| format!("{}: {}", finding.case, finding.problem));
        Err(lines.collect::<Vec<_>>().join("\n"))
    }
}

/// What to do with an operation that failed or lost its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Resume it if it failed.
    Resume,
    /// Undo it if it failed.
    Undo,
    /// Cancel it after a crash, before anybody has taken it up again.
    Cancel,
}

/// One case.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    seed: u64,
    faults: Vec<Fault>,
    twice: bool,
    /// Crash at this write of the log; whether the write still gets through.
    write: Option<(u32, bool)>,
    then: Then,
    /// Afterwards start it again in the same world: a clean one must allow that.
    again: bool,
}

impl Case {
    fn new(name: &'static str, then: Then, faults: Vec<Fault>) -> Self {
        Self { name, seed: 0, faults, twice: false, write: None, then, again: false }
    }
}

/// Plays every case with an operation.
pub async fn run<T: Trial>(trial: &T, options: Options) -> Report {
    let mut report = Report::default();
    let steps: Vec<_> = T::Operation::plan().step_names().into_iter().map(str::to_owned).collect();
    for case in error_cases(&steps) {
        play_one(trial, &options, case, &mut report).await;
    }
    for seed in 0..options.seeds {
        for case in crash_cases(&steps, seed) {
            play_one(trial, &options, case, &mut report).await;
        }
    }
    for seed in options.seeds..options.seeds.saturating_add(options.samples) {
        if let Some(case) = drawn(crash_cases(&steps, seed), seed) {
            play_one(trial, &options, case, &mut report).await;
        }
    }
    for seed in 0..options.write_seeds {
        for then in [Then::Resume, Then::Undo, Then::Cancel] {
            crash_at_each_write(trial, &options, &steps, (seed, then), &mut report).await;
        }
    }
    report
}

fn fault(step: &str, wanted: Wanted, moment: Moment, harm: Harm) -> Fault {
    Fault { step: step.to_owned(), wanted, moment, harm }
}

/// A stop after the last step, so that there is everything to undo.
fn full_undo(steps: &[String]) -> Vec<Fault> {
    steps.last().map(|last| fault(last, Wanted::Run, Moment::After, Harm::Stop)).into_iter().collect()
}

/// Twice, and errors at every step and every undo.
fn error_cases(steps: &[String]) -> Vec<Case> {
    let mut cases = vec![Case::new("plain run", Then::Resume, Vec::new())];
    cases.push(Case { twice: true, ..Case::new("each step twice", Then::Resume, Vec::new()) });
    cases.push(Case { twice: true, ..Case::new("each step and undo twice", Then::Undo, full_undo(steps)) });
    for step in steps {
        for moment in [Moment::Before, Moment::After] {
            let at = |wanted, harm| fault(step, wanted, moment, harm);
            let stop = vec![at(Wanted::Run, Harm::Stop)];
            cases.push(Case::new("error, resume", Then::Resume, stop.clone()));
            let undo = Case::new("error, undo, start again", Then::Undo, stop.clone());
            cases.push(Case { again: true, ..undo });
            cases.push(Case { twice: true, ..Case::new("error, undo twice", Then::Undo, stop) });
            cases.push(Case::new("retry", Then::Resume, vec![at(Wanted::Run, Harm::Retry)]));
            for (name, harm) in [("error in undo", Harm::Stop), ("retry in undo", Harm::Retry)] {
                let mut faults = full_undo(steps);
                faults.push(at(Wanted::Undo, harm));
                cases.push(Case::new(name, Then::Undo, faults));
            }
        }
    }
    cases
}

/// Crashes before, after and within every step and every undo.
fn crash_cases(steps: &[String], seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, step) in (0..).zip(steps) {
        let poll = Moment::Poll(u32::try_from(mixed(seed, index) % 8).unwrap_or(0) + 1);
        for moment in [Moment::Before, Moment::After, poll] {
            let crash = vec![fault(step, Wanted::Run, moment, Harm::Crash)];
            cases.push(Case { seed, ..Case::new("crash in a step", Then::Resume, crash.clone()) });
            cases.push(Case { seed, ..Case::new("crash in a step, cancel", Then::Cancel, crash) });
            let mut faults = full_undo(steps);
            faults.push(fault(step, Wanted::Undo, moment, Harm::Crash));
            cases.push(Case { seed, ..Case::new("crash in an undo", Then::Undo, faults) });
        }
    }
    cases
}

/// One of some cases, always the same for the same seed.
fn drawn(mut cases: Vec<Case>, seed: u64) -> Option<Case> {
    let count = u64::try_from(cases.len()).ok().filter(|count| *count > 0)?;
    let index = usize::try_from(mixed(seed, count) % count).ok()?;
    Some(cases.swap_remove(index))
}

/// Spreads seeds (SplitMix64's finishing steps).
fn mixed(seed: u64, index: u64) -> u64 {
    let mut x = (seed << 16 | index).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Crashes at write 1, 2, 3 … of the log (or only at some of them) until a run gets by with fewer writes.
async fn crash_at_each_write<T: Trial>(
    trial: &T,
    options: &Options,
    steps: &[String],
    (seed, then): (u64, Then),
    report: &mut Report,
) {
    let faults = if then == Then::Undo { full_undo(steps) } else { Vec::new() };
    let stride = options.write_stride.max(1);
    // Each seed begins at another of the writes that a stride passes over.
    let first = 1 + u32::try_from(seed % u64::from(stride)).unwrap_or(0);
    for number in (0..).map(|turn: u32| first.saturating_add(turn.saturating_mul(stride))) {
        let mut crashed = false;
        for through in [false, true] {
            let case = Case::new("crash at a write of the log", then, faults.clone());
            let case = Case { seed, write: Some((number, through)), ..case };
            crashed |= play_one(trial, options, case, report).await;
        }
        if !crashed {
            return;
        }
    }
}

/// Plays a case into the report; whether the engine crashed.
async fn play_one<T: Trial>(trial: &T, options: &Options, case: Case, report: &mut Report) -> bool {
    let kind = format!("{} (", case.name);
    let alike = report.findings.iter().filter(|finding| finding.case.starts_with(&kind));
    if alike.count() >= FINDINGS_PER_KIND_MAX {
        return false;
    }
    let crash = Crash::new();
    let Case { name, seed, faults, twice, write, then, .. } = &case;
    let name = format!("{name} (seed {seed}, then {then:?}, twice {twice}, write {write:?}, {faults:?})");
    let limit = Duration::from_millis(options.case_timeout_ms);
    let played = tokio::time::timeout(limit, play(trial, case, crash.clone())).await;
    report.cases += 1;
    report.crashes += u32::from(crash.happened());
    let result =
        played.unwrap_or_else(|_| Err("stuck: neither done nor undone nor failed in time".to_owned()));
    if let Err(problem) = result {
        report.findings.push(Finding { case: name, problem });
    }
    crash.happened()
}

async fn play<T: Trial>(trial: &T, case: Case, crash: Crash) -> Result<(), String> {
    let world = trial.world(case.seed).await;
    let log = trial.log(&world);
    let clock = Arc::new(JumpClock::new(BEGIN_MS));
    let injector = Arc::new(Injector::new(case.faults.clone(), case.twice, crash.clone()));
    let crash_log =
        CrashLog { inner: Arc::clone(&log), crash: crash.clone(), at: case.write, writes: AtomicU32::new(0) };
    let first = engine::<T>(Arc::new(crash_log), &world, &clock, "first")?;
    first.interpose(injector.clone());
    let ended = tokio::select! {
        ended = from_start::<T>(&first, &world, case.then) => Some(ended?),
        () = crash.wait() => None,
    };
    first.halt().await;
    let (state, cancelled) = match ended {
        Some(state) => {
            if let Some(fault) = injector.missed().first() {
                return Err(format!("the engine never came to {fault:?}"));
            }
            (Some(state), false)
        }
        None => after_crash::<T>(&case, &world, &log, &clock).await?,
    };
    verdict(trial, &world, &case, state, cancelled).await?;
    nothing_open(&*log).await?;
    if case.again { play_again(trial, &world, log, &clock).await } else { Ok(()) }
}

/// Goes on with another engine: the state in which the operation ends, if it was stored at all, and whether it was still
/// open to a cancel request.
async fn after_crash<T: Trial>(
    case: &Case,
    world: &World<T::Operation>,
    log: &Arc<dyn Log>,
    clock: &Arc<JumpClock>,
) -> Result<(Option<OperationState>, bool), String> {
    // Half of the seeds restart at once under the old name, the others elsewhere after the lease.
    let same = case.seed % 2 == 1;
    clock.advance(if same { 0 } else { 60_000 });
    let second = engine::<T>(Arc::clone(log), world, clock, if same { "first" } else { "second" })?;
    let Some(operation) = newest(&**log).await? else { return Ok((None, false)) };
    let cancelled = case.then == Then::Cancel && second.cancel(&operation.id).await.is_ok();
    second.recover().await.map_err(|error| format!("recover: {error}"))?;
    let state = to_the_end(&second, &operation.id, case.then).await?;
    second.halt().await;
    Ok((Some(state), cancelled))
}

/// Runs the operation once more, undisturbed.
async fn play_again<T: Trial>(
    trial: &T,
    world: &World<T::Operation>,
    log: Arc<dyn Log>,
    clock: &Arc<JumpClock>,
) -> Result<(), String> {
    let workflow = engine::<T>(log, world, clock, "again")?;
    let start = Start::new("testkit", world.params.clone()).on(SUBJECT);
    let started = workflow.start(start).await.map_err(|error| format!("start again: {error}"))?;
    let state = to_the_end(&workflow, &started.id, Then::Resume).await?;
    workflow.halt().await;
    if state != OperationState::Done {
        return Err(format!("started again, it ended as {state}"));
    }
    trial
        .check(world, Expect::Complete)
        .await
        .map_err(|problem| format!("started again, not complete: {problem}"))
}

/// Compares the end of a case with what had to come out.
async fn verdict<T: Trial>(
    trial: &T,
    world: &World<T::Operation>,
    case: &Case,
    state: Option<OperationState>,
    cancelled: bool,
) -> Result<(), String> {
    let done = (Some(OperationState::Done), Expect::Complete);
    let undone = (Some(OperationState::Undone), Expect::Clean);
    let (wanted, expect) = match (state, case.then) {
        // It crashed before anything was stored: nothing may have happened.
        (None, _) => (None, Expect::Clean),
        // The crash came in place of the error that would have led to the undo.
        (Some(OperationState::Done), Then::Undo) if case.write.is_some() => done,
        (_, Then::Resume) => done,
        (_, Then::Undo) => undone,
        (_, Then::Cancel) => {
            if cancelled {
                undone
            } else {
                done
            }
        }
    };
    if state != wanted {
        return Err(format!("ended as {state:?} instead of {wanted:?}"));
    }
    trial.check(world, expect).await.map_err(|problem| format!("not {expect:?}: {problem}"))
}

fn engine<T: Trial>(
    log: Arc<dyn Log>,
    world: &World<T::Operation>,
    clock: &Arc<JumpClock>,
    replica: &str,
) -> Result<Workflow<<T::Operation as Operation>::Env>, String> {
    let clock = Arc::clone(clock);
    let workflow = Workflow::new(log, Arc::clone(&world.env), clock, Settings::new(replica));
    workflow.register::<T::Operation>().map_err(|error| error.to_string())
}

async fn from_start<T: Trial>(
    workflow: &Workflow<<T::Operation as Operation>::Env>,
    world: &World<T::Operation>,
    then: Then,
) -> Result<OperationState, String> {
    let start = Start::new("testkit", world.params.clone()).on(SUBJECT).with_key("testkit");
    let started = workflow.start(start).await.map_err(|error| format!("start: {error}"))?;
    to_the_end(workflow, &started.id, then).await
}

/// Waits for an operation, and does with a failed one what the case says: once for each injected error at most.
async fn to_the_end<E: Send + Sync + 'static>(
    workflow: &Workflow<E>,
    id: &str,
    then: Then,
) -> Result<OperationState, String> {
    let mut last = None;
    for _round in 0..4 {
        let operation = workflow.settled(id).await.map_err(|error| format!("wait: {error}"))?.operation;
        if operation.state != OperationState::Failed {
            return Ok(operation.state);
        }
        last = operation.error;
        match then {
            Then::Resume => workflow.resume(id).await,
            Then::Undo | Then::Cancel => workflow.undo(id).await,
        }
        .map_err(|error| format!("{then:?}: {error}"))?;
    }
    Err(format!("fails again and again: {last:?}"))
}

async fn newest(log: &dyn Log) -> Result<Option<OperationRecord>, String> {
    let filter = ListFilter { subject: Some(SUBJECT.to_owned()), limit: 1, ..ListFilter::default() };
    log.list(&filter).await.map(|found| found.into_iter().next()).map_err(|error| format!("list: {error}"))
}

async fn nothing_open(log: &dyn Log) -> Result<(), String> {
    let filter = ListFilter { open_only: true, limit: 1, ..ListFilter::default() };
    match log.list(&filter).await.map_err(|error| format!("list: {error}"))?.first() {
        Some(operation) => Err(format!("operation {} is left {}", operation.name, operation.state)),
        None => Ok(()),
    }
}

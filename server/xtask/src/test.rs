//! `cargo xtask test`: every check of the project, on an engine and a cluster of its own, in stages with a budget each.
//!
//! A stage that fails does not stop the others, so that one run tells everything; those that need what it should
//! have made are reported as not run. Engine and cluster are always taken down, but for what somebody had running when
//! one stage was asked for. At the end stand the closing lines of the test runners, as they wrote them, and their sum.

mod cluster;
mod programs;
mod stages;
mod summary;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cluster::Cluster;
use crate::engine::{self, TestEngine};
use crate::nodes::Binaries;
use crate::paths::Paths;
use crate::process;
use crate::report::{header, say, seconds};
use crate::sources;
use crate::test::summary::Summary;

/// What stages hand to later ones.
pub struct Bench {
    paths: Paths,
    /// Also what does not fit the ordinary time.
    full: bool,
    /// When the command began.
    begin: Instant,
    engine: Option<TestEngine>,
    /// What somebody had running already when the command began.
    found: Found,
    /// Absent also where its stage was skipped: tests on it say then that they are.
    cluster: Option<Cluster>,
    /// Why the stage that runs does nothing, once it has decided so.
    skipped: Option<String>,
    binaries: Option<Binaries>,
    portal_built: bool,
    summary: Summary,
}

/// What is not ours to take down.
#[derive(Clone, Copy, Default)]
struct Found {
    engine: bool,
    cluster: bool,
}

impl Found {
    fn now(paths: &Paths) -> Self {
        Self { engine: engine::find(paths).is_some(), cluster: crate::cluster::find(paths).is_some() }
    }
}

/// One stage: its name, how long it should take at most with warm caches, and what it does.
struct Stage {
    name: &'static str,
    budget: Duration,
    /// Stages that have to have run before, in order.
    needs: &'static [&'static str],
    /// Stages whose work it takes where there is any, and does without otherwise.
    uses: &'static [&'static str],
    perform: fn(&mut Bench) -> Result<()>,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// In the order in which they run. The budgets add up to less than an hour.
const STAGES: [Stage; 10] = [
    Stage { name: "tidy", budget: minutes(1), needs: &[], uses: &[], perform: stages::tidy },
    Stage { name: "format", budget: minutes(1), needs: &[], uses: &[], perform: stages::format },
    Stage { name: "clippy", budget: minutes(3), needs: &[], uses: &[], perform: stages::clippy },
    Stage { name: "tools", budget: minutes(1), needs: &[], uses: &[], perform: stages::tools },
    Stage { name: "engine", budget: minutes(1), needs: &[], uses: &[], perform: stages::engine },
    Stage { name: "images", budget: minutes(1), needs: &["engine"], uses: &[], perform: stages::images },
    Stage {
        name: cluster::STAGE,
        budget: minutes(1),
        needs: &["engine", "images"],
        uses: &[],
        perform: cluster::perform,
    },
    Stage {
        name: "unit",
        budget: minutes(21),
        needs: &["engine", "images"],
        uses: &[cluster::STAGE],
        perform: stages::unit,
    },
    Stage { name: "build", budget: minutes(6), needs: &[], uses: &[], perform: stages::build },
    Stage {
        name: "browser",
        budget: minutes(17),
        needs: &["engine", "images", "build"],
        uses: &[cluster::STAGE],
        perform: stages::browser,
    },
];

/// What the stages behind one should take at most, with warm caches.
fn budget_behind(name: &str) -> Duration {
    let behind = STAGES.iter().skip_while(|stage| stage.name != name).skip(1);
    behind.map(|stage| stage.budget).sum()
}

/// How a stage ended.
enum Verdict {
    Done,
    /// It did nothing, for a reason that is no failure.
    Skipped(String),
    Failed(String),
}

struct Outcome {
    name: &'static str,
    time: Duration,
    /// How long it should have taken at most.
    budget: Duration,
    verdict: Verdict,
}

impl Outcome {
    fn has_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

/// Runs all stages, or one with those it needs.
pub fn run(paths: &Paths, full: bool, only: Option<&str>) -> Result<ExitCode> {
    let begin = Instant::now();
    let chosen = chosen(only)?;
    say(format!("stages: {}; everything built goes to {}", chosen.join(", "), paths.target.display()));
    let paths = paths.clone();
    let _claim = sources::claim(&paths)?;
    // Whoever raised an engine or a cluster by hand works with it, and one stage shall not take it from them. Everything
    // is tested on fresh ones.
    let found = only.map(|_| Found::now(&paths)).unwrap_or_default();
    let mut bench = Bench {
        paths,
        full,
        begin,
        engine: None,
        found,
        cluster: None,
        skipped: None,
        binaries: None,
        portal_built: false,
        summary: Summary::default(),
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for stage in STAGES.iter().filter(|stage| chosen.contains(&stage.name)) {
        if process::stopping() {
            break;
        }
        let failed = |need: &&&str| outcomes.iter().any(|done| done.name == **need && done.has_failed());
        let missing = stage.needs.iter().find(failed).map(|need| format!("not run: {need} failed"));
        outcomes.push(perform(stage, &mut bench, missing));
    }
    let stopped = process::stopping();
    // From here on programs must be able to run although somebody asked us to stop.
    process::clean_up_now();
    outcomes.extend(take_down(&mut bench));
    Ok(close(&bench.summary, &outcomes, stopped))
}

fn chosen(only: Option<&str>) -> Result<Vec<&'static str>> {
    let Some(only) = only else { return Ok(STAGES.iter().map(|stage| stage.name).collect()) };
    let Some(stage) = STAGES.iter().find(|stage| stage.name == only) else {
        let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("there is no stage {only}: use one of {}", names.join(", "));
    };
    let wanted = |other: &&Stage| {
        other.name == stage.name || stage.needs.contains(&other.name) || stage.uses.contains(&other.name)
    };
    Ok(STAGES.iter().filter(wanted).map(|stage| stage.name).collect())
}

fn perform(stage: &Stage, bench: &mut Bench, missing: Option<String>) -> Outcome {
    let begin = Instant::now();
    header(&format!("{} (budget {})", stage.name, seconds(stage.budget)));
    let problem = missing.or_else(|| (stage.perform)(bench).err().map(|error| format!("{error:#}")));
    let verdict = match (problem, bench.skipped.take()) {
        (Some(problem), _) => Verdict::Failed(problem),
        (None, Some(reason)) => Verdict::Skipped(reason),
        (None, None) => Verdict::Done,
    };
    let time = begin.elapsed();
    match &verdict {
        Verdict::Failed(problem) => say(format!("{} FAILED after {}: {problem}", stage.name, seconds(time))),
        Verdict::Skipped(reason) => say(format!("{} skipped: {reason}", stage.name)),
        Verdict::Done => say(format!("{} done in {}", stage.name, seconds(time))),
    }
    Outcome { name: stage.name, time, budget: stage.budget, verdict }
}

/// Ends the cluster and the engine, whether or not this run saw them start, but for those that were there before. Only
/// what goes wrong is worth a line.
fn take_down(bench: &mut Bench) -> Vec<Outcome> {
    let paths = bench.paths.clone();
    // First the cluster: it has an interface in the engine's network.
    bench.cluster = None;
    let down = || ended("cluster down", || crate::cluster::down(&paths));
    let cluster = if bench.found.cluster { None } else { down() };
    let engine = bench.engine.take();
    let down = || ended("engine down", || engine.map_or_else(|| engine::down(&paths), TestEngine::end));
    let engine = if bench.found.engine { None } else { down() };
    cluster.into_iter().chain(engine).collect()
}

fn ended(name: &'static str, end: impl FnOnce() -> Result<()>) -> Option<Outcome> {
    let begin = Instant::now();
    let problem = end().err()?;
    let verdict = Verdict::Failed(format!("{problem:#}"));
    Some(Outcome { name, time: begin.elapsed(), budget: minutes(1), verdict })
}

/// Prints the table of stages, the runners' closing lines and the sum.
fn close(summary: &Summary, outcomes: &[Outcome], stopped: bool) -> ExitCode {
    header("result");
    for outcome in outcomes {
        println!("{}", row(outcome));
    }
    if stopped {
        println!("stopped on request");
    }
    println!();
    for line in &summary.lines {
        println!("{line}");
    }
    for reason in &summary.skipped {
        println!("skipped: {reason}");
    }
    println!("{} passed, {} failed", summary.passed, summary.failed);
    let good = !stopped && summary.failed == 0 && !outcomes.iter().any(Outcome::has_failed);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line of the closing table. A stage that took too long is no failure, but nobody shall have to look for it.
fn row(outcome: &Outcome) -> String {
    let verdict = match &outcome.verdict {
        Verdict::Done => "ok".to_owned(),
        Verdict::Skipped(reason) => format!("skipped: {reason}"),
        Verdict::Failed(problem) => problem.lines().next().unwrap_or("failed").to_owned(),
    };
    let over = outcome.time.checked_sub(outcome.budget).filter(|over| !over.is_zero());
    let over = over.map(|over| format!(", {} over its budget of {}", seconds(over), seconds(outcome.budget)));
    let (time, over) = (seconds(outcome.time), over.unwrap_or_default());
    format!("{:<12} {time:>8}  {verdict}{over}", outcome.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_need_only_earlier_ones() {
        for (index, stage) in STAGES.iter().enumerate() {
            for need in stage.needs.iter().chain(stage.uses) {
                assert!(
                    STAGES[..index].iter().any(|earlier| earlier.name == *need),
                    "{} needs {need}",
                    stage.name
                );
            }
        }
    }

    #[test]
    fn budgets_fit_a_warm_run() {
        assert!(STAGES.iter().map(|stage| stage.budget).sum::<Duration>() <= minutes(55));
        assert_eq!(budget_behind("build"), minutes(17));
        assert_eq!(budget_behind("browser"), Duration::ZERO);
    }

    #[test]
    fn one_stage_brings_what_it_needs() {
        assert_eq!(chosen(Some("unit")).unwrap(), ["engine", "images", "cluster", "unit"]);
        assert_eq!(chosen(Some("images")).unwrap(), ["engine", "images"]);
        assert!(chosen(Some("unknown")).is_err());
        assert_eq!(chosen(None).unwrap().len(), STAGES.len());
    }

    #[test]
    fn the_table_names_what_took_too_long() {
        let shown = |time: u64, problem: Option<&str>| {
            let verdict = problem.map_or(Verdict::Done, |problem| Verdict::Failed(problem.to_owned()));
            row(&Outcome { name: "unit", time: Duration::from_secs(time), budget: minutes(1), verdict })
        };
        for within in [shown(3, None), shown(60, None), shown(3, Some("broken\nfurther"))] {
            assert!(!within.contains("budget"), "{within}");
        }
        let over =
            format!(", {} over its budget of {}", seconds(Duration::from_secs(15)), seconds(minutes(1)));
        assert!(shown(75, None).ends_with(&format!("ok{over}")), "{}", shown(75, None));
        assert!(shown(75, Some("broken\nfurther")).ends_with(&format!("broken{over}")));
    }

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome { name: "unit", time: Duration::ZERO, budget: minutes(1), verdict }
    }

    #[test]
    fn the_table_says_what_was_skipped_and_why() {
        let shown = row(&outcome(Verdict::Skipped("no room".to_owned())));
        assert!(shown.starts_with("unit ") && shown.ends_with("skipped: no room"), "{shown}");
    }

    #[test]
    fn any_failure_fails_the_whole() {
        let summary = |failed| Summary { passed: 1, failed, ..Summary::default() };
        let check = |summary, outcomes: &[Outcome], stopped, expect| {
            assert_eq!(format!("{:?}", close(&summary, outcomes, stopped)), format!("{expect:?}"));
        };
        let skipped = || outcome(Verdict::Skipped("no room".to_owned()));
        let failed = || outcome(Verdict::Failed("broken".to_owned()));
        check(summary(0), &[outcome(Verdict::Done), skipped()], false, ExitCode::SUCCESS);
        check(summary(1), &[outcome(Verdict::Done)], false, ExitCode::FAILURE);
        check(summary(0), &[skipped(), failed()], false, ExitCode::FAILURE);
        check(summary(0), &[outcome(Verdict::Done)], true, ExitCode::FAILURE);
    }
}

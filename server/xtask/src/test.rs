//! `cargo xtask test`: every check of the project, on an engine of its own, in stages with a budget each.
//!
//! A stage that fails does not stop the others, so that one run tells everything; those that need what it should
//! have made are reported as not run. The engine is always taken down. At the end stand the closing lines of the
//! test runners, as they wrote them, and their sum.

mod stages;
mod summary;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

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
    engine: Option<TestEngine>,
    binaries: Option<Binaries>,
    portal_built: bool,
    summary: Summary,
}

/// One stage: its name, how long it should take at most with warm caches, and what it does.
struct Stage {
    name: &'static str,
    budget: Duration,
    /// Stages that have to have run before, in order.
    needs: &'static [&'static str],
    perform: fn(&mut Bench) -> Result<()>,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// In the order in which they run. The budgets add up to less than 45 minutes.
const STAGES: [Stage; 9] = [
    Stage { name: "tidy", budget: minutes(1), needs: &[], perform: stages::tidy },
    Stage { name: "format", budget: minutes(1), needs: &[], perform: stages::format },
    Stage { name: "clippy", budget: minutes(3), needs: &[], perform: stages::clippy },
    Stage { name: "tools", budget: minutes(1), needs: &[], perform: stages::tools },
    Stage { name: "engine", budget: minutes(1), needs: &[], perform: stages::engine },
    Stage { name: "images", budget: minutes(1), needs: &["engine"], perform: stages::images },
    Stage { name: "unit", budget: minutes(19), needs: &["engine", "images"], perform: stages::unit },
    Stage { name: "build", budget: minutes(8), needs: &[], perform: stages::build },
    Stage {
        name: "browser",
        budget: minutes(9),
        needs: &["engine", "images", "build"],
        perform: stages::browser,
    },
];

struct Outcome {
    name: &'static str,
    time: Duration,
    /// How long it should have taken at most.
    budget: Duration,
    /// None for success.
    problem: Option<String>,
}

/// Runs all stages, or one with those it needs.
pub fn run(paths: &Paths, full: bool, only: Option<&str>) -> Result<ExitCode> {
    let chosen = chosen(only)?;
    say(format!("stages: {}; everything built goes to {}", chosen.join(", "), paths.target.display()));
    let paths = paths.clone();
    let _claim = sources::claim(&paths)?;
    let mut bench =
        Bench { paths, full, engine: None, binaries: None, portal_built: false, summary: Summary::default() };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for stage in STAGES.iter().filter(|stage| chosen.contains(&stage.name)) {
        if process::stopping() {
            break;
        }
        let failed = |need: &&&str| outcomes.iter().any(|done| done.name == **need && done.problem.is_some());
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
    Ok(stage.needs.iter().copied().chain([stage.name]).collect())
}

fn perform(stage: &Stage, bench: &mut Bench, missing: Option<String>) -> Outcome {
    let begin = Instant::now();
    header(&format!("{} (budget {})", stage.name, seconds(stage.budget)));
    let problem = missing.or_else(|| (stage.perform)(bench).err().map(|error| format!("{error:#}")));
    let time = begin.elapsed();
    match &problem {
        Some(problem) => say(format!("{} FAILED after {}: {problem}", stage.name, seconds(time))),
        None => say(format!("{} done in {}", stage.name, seconds(time))),
    }
    Outcome { name: stage.name, time, budget: stage.budget, problem }
}

fn take_down(bench: &mut Bench) -> Option<Outcome> {
    let begin = Instant::now();
    let ended = match bench.engine.take() {
        Some(engine) => engine.end(),
        None => engine::down(&bench.paths),
    };
    let problem = ended.err()?;
    let (time, problem) = (begin.elapsed(), Some(format!("{problem:#}")));
    Some(Outcome { name: "engine down", time, budget: minutes(1), problem })
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
    let good = !stopped && summary.failed == 0 && outcomes.iter().all(|outcome| outcome.problem.is_none());
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line of the closing table. A stage that took too long is no failure, but nobody shall have to look for it.
fn row(outcome: &Outcome) -> String {
    let verdict = outcome.problem.as_ref().map_or("ok", |problem| problem.lines().next().unwrap_or("failed"));
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
            for need in stage.needs {
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
        assert!(STAGES.iter().map(|stage| stage.budget).sum::<Duration>() <= minutes(45));
    }

    #[test]
    fn one_stage_brings_what_it_needs() {
        assert_eq!(chosen(Some("unit")).unwrap(), ["engine", "images", "unit"]);
        assert!(chosen(Some("unknown")).is_err());
        assert_eq!(chosen(None).unwrap().len(), STAGES.len());
    }

    #[test]
    fn the_table_names_what_took_too_long() {
        let shown = |time: u64, problem: Option<&str>| {
            let (time, problem) = (Duration::from_secs(time), problem.map(str::to_owned));
            row(&Outcome { name: "unit", time, budget: minutes(1), problem })
        };
        for within in [shown(3, None), shown(60, None), shown(3, Some("broken\nfurther"))] {
            assert!(!within.contains("budget"), "{within}");
        }
        let over =
            format!(", {} over its budget of {}", seconds(Duration::from_secs(15)), seconds(minutes(1)));
        assert!(shown(75, None).ends_with(&format!("ok{over}")), "{}", shown(75, None));
        assert!(shown(75, Some("broken\nfurther")).ends_with(&format!("broken{over}")));
    }

    #[test]
    fn any_problem_fails_the_whole() {
        let outcome = |problem: Option<&str>| Outcome {
            name: "unit",
            time: Duration::ZERO,
            budget: minutes(1),
            problem: problem.map(str::to_owned),
        };
        let summary = |failed| Summary { passed: 1, failed, ..Summary::default() };
        let check = |summary, outcomes: &[Outcome], stopped, expect| {
            assert_eq!(format!("{:?}", close(&summary, outcomes, stopped)), format!("{expect:?}"));
        };
        check(summary(0), &[outcome(None)], false, ExitCode::SUCCESS);
        check(summary(1), &[outcome(None)], false, ExitCode::FAILURE);
        check(summary(0), &[outcome(Some("broken"))], false, ExitCode::FAILURE);
        check(summary(0), &[outcome(None)], true, ExitCode::FAILURE);
    }
}

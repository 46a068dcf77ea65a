//! The stage that brings up the cluster, and the decision whether there is room for it.
//!
//! Raising takes a minute, building Kubernetes first takes long. A run that begins with empty caches has hardly any time
//! left when it comes here, and its limit holds for everybody: then tests on a cluster are left to a later run, and the
//! result says so.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, budget_behind, minutes};
use crate::report::{say, seconds};

pub const STAGE: &str = "cluster";

/// The longest that the whole command may take, from empty caches on two cores.
const WHOLE: Duration = minutes(80);
/// Building the cluster's programs from nothing on two cores: about twelve minutes of work, of which linking and the
/// largest packages are done by one core alone.
const BUILDING: Duration = minutes(8);
/// What the stages behind this one need above their budgets where they have to compile everything first: tests and
/// programs, natively, and the pages for browsers. Without empty caches it is not used up.
const COMPILING: Duration = minutes(12);

/// Brings up the cluster, or leaves it out.
pub fn perform(bench: &mut Bench) -> Result<()> {
    let room = Room {
        everything: bench.full,
        built: crate::cluster::is_built(&bench.paths)?,
        elapsed: bench.begin.elapsed(),
        behind: budget_behind(STAGE),
    };
    if let Some(reason) = room.lacks() {
        bench.skipped = Some(reason);
        return Ok(());
    }
    // A machine that is drained needs another one beside it.
    let machines = if bench.full { 2 } else { 1 };
    let cluster = crate::cluster::up(&bench.paths, machines)?;
    say(format!("the test cluster is described by {}", cluster.kubeconfig().display()));
    bench.cluster = Some(cluster);
    Ok(())
}

/// What decides whether a cluster is brought up.
struct Room {
    /// Also what does not fit the ordinary time.
    everything: bool,
    /// The cluster's programs are in the cache folder.
    built: bool,
    /// Since the command began.
    elapsed: Duration,
    /// The budgets of the stages behind this one.
    behind: Duration,
}

impl Room {
    /// Why the cluster is left out; none when it is brought up.
    fn lacks(&self) -> Option<String> {
        let needed = BUILDING + COMPILING + self.behind;
        if self.everything || self.built || self.elapsed + needed <= WHOLE {
            return None;
        }
        Some(format!(
            "Kubernetes is not built yet, and after {} a run of at most {} has no room for it: \
             `cargo xtask cluster up` builds it, and so does --full",
            seconds(self.elapsed),
            seconds(WHOLE)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(elapsed: Duration) -> Room {
        Room { everything: false, built: false, elapsed, behind: budget_behind(STAGE) }
    }

    #[test]
    fn a_cluster_is_built_only_while_there_is_time() {
        let last = WHOLE - BUILDING - COMPILING - budget_behind(STAGE);
        assert!(room(Duration::ZERO).lacks().is_none());
        assert!(room(last).lacks().is_none());
        let reason = room(last + Duration::from_secs(1)).lacks().unwrap();
        assert!(reason.contains("not built yet") && reason.contains("--full"), "{reason}");
        assert!(!reason.contains('\n') && !reason.contains("  "), "{reason}");
    }

    #[test]
    fn a_run_with_warm_caches_builds_it() {
        let before: Duration = super::super::STAGES
            .iter()
            .take_while(|stage| stage.name != STAGE)
            .map(|stage| stage.budget)
            .sum();
        assert!(room(before).lacks().is_none(), "{before:?}");
    }

    #[test]
    fn what_is_built_and_what_is_asked_for_is_always_raised() {
        assert!(Room { built: true, ..room(WHOLE) }.lacks().is_none());
        assert!(Room { everything: true, ..room(WHOLE) }.lacks().is_none());
        assert!(room(WHOLE).lacks().is_some());
    }
}

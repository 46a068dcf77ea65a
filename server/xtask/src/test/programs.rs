//! The Rust tests: those that need a cluster all the time beside all others.
//!
//! On a cluster tests mostly wait: for pods to come and go, and for one another, because it has room for few chains.
//! Whoever waits takes no processor from the others, so both together take hardly longer than the others alone. Each
//! side runs its test programs one after another, as cargo does.

use std::process::{Command, ExitStatus};
use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::Bench;
use super::stages::{cargo, inside};
use crate::process::{BUILD, SHORT, gather, output, tee};
use crate::report::header;

/// With these words everything is built; what runs later must ask for exactly the same, or it would be built once more.
pub const WORDS: [&str; 3] = ["test", "--locked", "--no-fail-fast"];
/// Test programs that do nothing without a cluster. Those that need it for a part only stay with the others: they take
/// node ports below those that these use.
const ON_CLUSTER: [&str; 2] = ["kubernetes", "kubernetes_cluster"];

/// How a test runner ended, and what it wrote.
pub type Run = (ExitStatus, String);

/// Runs all tests, which must have been built.
pub fn run(bench: &Bench, variables: &[(&'static str, String)]) -> Result<Vec<Run>> {
    let command = |words: &[String]| -> Result<Command> {
        let mut command = inside(bench, "cargo")?;
        command.args(WORDS).arg("--offline").args(words).current_dir(&bench.paths.root);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Ok(command)
    };
    if bench.cluster.is_none() {
        return Ok(vec![tee(&mut command(&[])?, BUILD)?]);
    }
    let mut metadata = cargo(&bench.paths);
    metadata.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]);
    let metadata: Value =
        serde_json::from_str(&output(&mut metadata, SHORT)?).context("`cargo metadata` gave no JSON")?;
    let (on_cluster, others) = split(&targets(&metadata));
    let (mut aside, mut rest) = (command(&on_cluster)?, command(&others)?);
    // These are compiled when they run and cannot be chosen together with programs.
    let mut documented = command(&["--doc".to_owned()])?;
    thread::scope(|scope| {
        let aside = scope.spawn(move || gather(&mut aside, BUILD));
        let rest: Result<Vec<Run>> =
            [&mut rest, &mut documented].into_iter().map(|command| tee(command, BUILD)).collect();
        // Waited for in any case, and shown also where the others could not be run to their end.
        let aside = aside.join().map_err(|_| anyhow!("the thread of the tests on the cluster failed"))??;
        // Not before, so that the lines of two runners are not mixed.
        header("unit, on the cluster");
        print!("{}", aside.1);
        let mut runs = rest?;
        runs.push(aside);
        Ok(runs)
    })
}

/// Names of all test programs of the product.
fn targets(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let all = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let is_test = |target: &&Value| {
        let mut kinds = target["kind"].as_array().into_iter().flatten();
        kinds.any(|kind| kind == "test")
    };
    all.filter(is_test).filter_map(|target| target["name"].as_str()).map(str::to_owned).collect()
}

/// Words that choose what runs on the cluster, and everything else but the examples in documentation.
fn split(targets: &[String]) -> (Vec<String>, Vec<String>) {
    let mut on_cluster = Vec::new();
    let mut others = vec!["--lib".to_owned(), "--bins".to_owned()];
    for name in targets {
        let side = if ON_CLUSTER.contains(&name.as_str()) { &mut on_cluster } else { &mut others };
        side.extend(["--test".to_owned(), name.clone()]);
    }
    (on_cluster, others)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_test_program_runs_on_one_of_the_sides() {
        let metadata = json!({ "packages": [
            { "targets": [
                { "name": "agents", "kind": ["lib"] },
                { "name": "kubernetes_cluster", "kind": ["test"] },
                { "name": "docker_engine", "kind": ["test"] },
            ] },
            { "targets": [{ "name": "kubernetes", "kind": ["test"] }, { "name": "plane", "kind": ["test"] }] },
        ] });
        let (on_cluster, others) = split(&targets(&metadata));
        assert_eq!(on_cluster, ["--test", "kubernetes_cluster", "--test", "kubernetes"]);
        assert_eq!(others, ["--lib", "--bins", "--test", "docker_engine", "--test", "plane"]);
    }

    #[test]
    fn the_tests_on_a_cluster_are_where_they_are_looked_for() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (folder, name) in ["control", "agents"].into_iter().zip(ON_CLUSTER) {
            assert!(root.join(folder).join("tests").join(format!("{name}.rs")).is_file(), "{name}");
        }
    }
}

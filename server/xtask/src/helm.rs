//! Helm, built from Go modules into the cache folder, for the test that installs the portal's chart.
//!
//! The libraries of the same modules test the chart itself, without a cluster: see end2end/testbed/helm.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::fingerprint::Fingerprint;
use crate::machine;
use crate::made;
use crate::nodes::in_module;
use crate::paths::Paths;
use crate::process::{LONG, logged};
use crate::report::say;

/// The release that the module in end2end/testbed/helm holds.
const VERSION: &str = "3.19.5";
/// The minor release of Kubernetes 1 whose libraries it is built with.
const KUBERNETES: &str = "34";

const HELM: &str = "helm.sh/helm/v3";

/// Finds or builds the program.
pub fn ensure(paths: &Paths) -> Result<PathBuf> {
    let module = paths.testbed().join("helm");
    let mut fingerprint = Fingerprint::of("helm-bin 1");
    fingerprint.add(flags().as_bytes());
    fingerprint.add(machine::go_machine()?.as_bytes());
    fingerprint.add_files(&module, &module, is_built)?;
    let folder = made::once(&paths.cache.join("helm-bin"), &fingerprint.finish(), |fresh| {
        let go = machine::ensure_go(&paths.cache)?;
        say(format!("building Helm {VERSION} from Go modules (about 2 minutes on two cores the first time)"));
        let mut command = in_module(&go, &module);
        command.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", &flags(), "-o"]);
        command.arg(fresh.join("helm")).arg(format!("{HELM}/cmd/helm"));
        logged(&mut command, &paths.cache.join("helm-build.log"), LONG)
    })?;
    Ok(folder.join("helm"))
}

/// Tests are no part of what they test: changing them builds nothing anew.
fn is_built(file: &Path) -> bool {
    !file.to_string_lossy().ends_with("_test.go")
}

/// Helm compares the version of Kubernetes that it knows with the one that a chart wants.
fn flags() -> String {
    let mut words = vec!["-s".to_owned(), "-w".to_owned()];
    words.push(format!("-X {HELM}/internal/version.version=v{VERSION}"));
    for package in ["pkg/chartutil", "pkg/lint/rules"] {
        words.push(format!("-X {HELM}/{package}.k8sVersionMajor=1"));
        words.push(format!("-X {HELM}/{package}.k8sVersionMinor={KUBERNETES}"));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_the_modules() {
        let modules = include_str!("../../../end2end/testbed/helm/go.mod");
        assert!(modules.contains(&format!("\t{HELM} v{VERSION}\n")));
        assert!(modules.contains(&format!("\tk8s.io/client-go v0.{KUBERNETES}.")));
        assert!(flags().contains(&format!("chartutil.k8sVersionMinor={KUBERNETES} ")));
    }

    #[test]
    fn tests_build_nothing_anew() {
        assert!(is_built(Path::new("go.sum")) && !is_built(Path::new("chart_test.go")));
    }
}

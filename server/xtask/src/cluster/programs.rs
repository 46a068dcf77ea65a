//! Kubernetes itself, its database, its names and its client, built from Go modules into the cache folder.
//!
//! All components are one binary that is told apart by the name it is started under. The folder's name is a hash of
//! everything that goes in.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fingerprint::Fingerprint;
use crate::machine;
use crate::made;
use crate::nodes::in_module;
use crate::paths::Paths;
use crate::process::{BUILD, logged};
use crate::report::say;

/// The release that the modules in end2end/testbed/cluster hold.
const VERSION: (&str, &str, &str) = ("1", "34", "4");

/// The names of the one binary.
const NAMES: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "provisioner",
];

/// A folder with `bin`, in which every component lies under its name, and `coredns` and `pause` for images.
#[derive(Clone, Debug)]
pub struct Programs {
    pub folder: PathBuf,
}

impl Programs {
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }
}

/// The sources: a module with three programs.
pub fn module(paths: &Paths) -> PathBuf {
    paths.testbed().join("cluster")
}

/// What the programs depend on, as a short hash.
pub fn key(paths: &Paths) -> Result<String> {
    let module = module(paths);
    let mut fingerprint = Fingerprint::of("cluster-bin 1");
    fingerprint.add(flags().as_bytes());
    fingerprint.add(machine::go_machine()?.as_bytes());
    fingerprint.add_files(&module, &module, is_built)?;
    Ok(fingerprint.finish())
}

/// Neither tests nor what is only read when a cluster is raised.
fn is_built(file: &Path) -> bool {
    let name = file.to_string_lossy();
    !name.ends_with("_test.go") && !name.ends_with(".yaml")
}

/// True when they are in the cache folder.
pub fn are_built(paths: &Paths) -> Result<bool> {
    Ok(parent(paths).join(key(paths)?).is_dir())
}

fn parent(paths: &Paths) -> PathBuf {
    paths.cache.join("cluster-bin")
}

/// Finds or builds them.
pub fn ensure(paths: &Paths) -> Result<Programs> {
    let folder = made::once(&parent(paths), &key(paths)?, |fresh| build(paths, fresh))?;
    Ok(Programs { folder })
}

fn build(paths: &Paths, out: &Path) -> Result<()> {
    let go = machine::ensure_go(&paths.cache)?;
    let (major, minor, patch) = VERSION;
    say(format!(
        "building Kubernetes {major}.{minor}.{patch} from Go modules (about 8 minutes on two cores the first time)"
    ));
    let bin = out.join("bin");
    fs::create_dir(&bin).with_context(|| format!("{} cannot be made", bin.display()))?;
    let module = module(paths);
    for (package, program) in [
        ("./kubernetes", bin.join("kubernetes")),
        ("./coredns", out.join("coredns")),
        ("./pause", out.join("pause")),
    ] {
        let mut command = in_module(&go, &module);
        command.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", &flags(), "-o"]);
        let log = paths.cache.join("cluster-build.log");
        logged(command.arg(program).arg(package), &log, BUILD)?;
    }
    for name in NAMES {
        symlink("kubernetes", bin.join(name)).context("a program cannot get its names")?;
    }
    Ok(())
}

/// Components compare their versions with each other's and refuse to work without one.
fn flags() -> String {
    let (major, minor, patch) = VERSION;
    let mut words = vec!["-s".to_owned(), "-w".to_owned()];
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        words.extend([
            format!("-X {package}.gitVersion=v{major}.{minor}.{patch}"),
            format!("-X {package}.gitMajor={major}"),
            format!("-X {package}.gitMinor={minor}"),
        ]);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_modules() {
        let modules = include_str!("../../../../end2end/testbed/cluster/go.mod");
        let (major, minor, patch) = VERSION;
        assert!(modules.contains(&format!("\tk8s.io/kubernetes v{major}.{minor}.{patch}\n")));
        assert!(flags().contains(&format!("version.gitVersion=v{major}.{minor}.{patch} ")));
    }

    #[test]
    fn every_name_is_one_the_program_knows() {
        let source = include_str!("../../../../end2end/testbed/cluster/kubernetes/main.go");
        for name in NAMES {
            assert!(source.contains(&format!("\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn tests_and_manifests_build_nothing_anew() {
        assert!(is_built(Path::new("go.sum")) && is_built(Path::new("kubernetes/main.go")));
        assert!(!is_built(Path::new("cluster.yaml")) && !is_built(Path::new("provisioner/a_test.go")));
    }
}

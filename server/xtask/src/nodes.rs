//! Fabric's programs, the chaincode builder and the sample chaincode, built from Go modules into the cache folder.
//!
//! The folder's name is a hash of everything that goes in, so that a fresh clone finds what an earlier one built
//! and a changed source never meets an old binary. Nothing here knows of images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fingerprint::Fingerprint;
use crate::machine;
use crate::made;
use crate::paths::Paths;
use crate::process::{LONG, SHORT, logged, output};
use crate::report::say;

/// The Fabric release that the modules in end2end/testbed/nodes hold.
pub const FABRIC_VERSION: &str = "2.5.0";

const FABRIC: &str = "github.com/hyperledger/fabric";
const PROGRAMS: [&str; 6] = ["peer", "orderer", "configtxgen", "configtxlator", "cryptogen", "osnadmin"];

/// A folder with `peer`, `orderer`, `configtxgen`, `configtxlator`, `cryptogen`, `osnadmin`, `builder`,
/// `chaincode-1`, `chaincode-2` and `config/{core,orderer}.yaml` (Fabric's unchanged samples).
#[derive(Clone, Debug)]
pub struct Binaries {
    pub folder: PathBuf,
}

/// What the binaries depend on, as a short hash.
pub fn key(paths: &Paths) -> Result<String> {
    let testbed = paths.testbed();
    let mut fingerprint = Fingerprint::of("fabric-bin 1");
    fingerprint.add(FABRIC_VERSION.as_bytes());
    fingerprint.add(machine::go_machine()?.as_bytes());
    for part in ["nodes", "builder", "chaincode"] {
        fingerprint.add_files(&testbed, &testbed.join(part), is_built)?;
    }
    Ok(fingerprint.finish())
}

/// Tests are no part of what they test: changing them builds nothing anew.
fn is_built(file: &Path) -> bool {
    !file.to_string_lossy().ends_with("_test.go")
}

/// Finds or builds the binaries.
pub fn ensure(paths: &Paths) -> Result<Binaries> {
    let folder = made::once(&paths.cache.join("fabric-bin"), &key(paths)?, |fresh| {
        let go = machine::ensure_go(&paths.cache)?;
        fs::create_dir(fresh.join("config"))
            .with_context(|| format!("{} cannot be made", fresh.display()))?;
        build_all(&go, &paths.testbed(), fresh)
    })?;
    Ok(Binaries { folder })
}

fn build_all(go: &Path, testbed: &Path, out: &Path) -> Result<()> {
    let nodes = testbed.join("nodes");
    say(format!(
        "building Fabric {FABRIC_VERSION} from Go modules (about 3 minutes on two cores the first time)"
    ));
    let metadata = format!("-s -w -X {FABRIC}/common/metadata.Version={FABRIC_VERSION}");
    let packages: Vec<String> = PROGRAMS.iter().map(|name| format!("{FABRIC}/cmd/{name}")).collect();
    let words: Vec<&str> = packages.iter().map(String::as_str).collect();
    build(go, &nodes, out, &metadata, &[], &words)?;
    let module = output(in_module(go, &nodes).args(["list", "-m", "-f", "{{.Dir}}", FABRIC]), SHORT)?;
    for name in ["core.yaml", "orderer.yaml"] {
        let sample = Path::new(module.trim()).join("sampleconfig").join(name);
        // Read and written rather than copied: files of a module are read-only.
        let text = fs::read(&sample).with_context(|| format!("{} cannot be read", sample.display()))?;
        fs::write(out.join("config").join(name), text).context("a sample configuration cannot be written")?;
    }
    say("building the chaincode builder and the sample chaincode");
    build(go, &testbed.join("builder"), &out.join("builder"), "-s -w", &[], &["."])?;
    let chaincode = testbed.join("chaincode");
    build(go, &chaincode, &out.join("chaincode-1"), "-s -w", &[], &["."])?;
    build(go, &chaincode, &out.join("chaincode-2"), "-s -w", &["-tags", "second"], &["."])
}

/// Builds static programs; `out` is a folder for several packages and a file for one.
fn build(go: &Path, module: &Path, out: &Path, flags: &str, more: &[&str], packages: &[&str]) -> Result<()> {
    let mut command = in_module(go, module);
    command
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o"])
        .arg(out)
        .args(more)
        .args(packages);
    let log = out.with_extension("log");
    logged(&mut command, &log, LONG)?;
    fs::remove_file(&log).with_context(|| format!("{} cannot be removed", log.display()))
}

/// A Go command inside one of our modules, independent of what the user's Go is set to.
pub fn in_module(go: &Path, module: &Path) -> Command {
    let mut command = Command::new(go);
    command.current_dir(module).env("CGO_ENABLED", "0").env("GOWORK", "off").env("GOFLAGS", "-mod=readonly");
    command
}

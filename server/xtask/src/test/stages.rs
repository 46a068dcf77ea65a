//! What each stage of `cargo xtask test` does.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Bench, programs};
use crate::fingerprint::{self, Fingerprint};
use crate::helm;
use crate::machine;
use crate::paths::Paths;
use crate::portal_image;
use crate::process::{BUILD, LONG, SHORT, logged, output, run, tee};
use crate::report::say;

/// Where Debian puts the browser; another one is named by HEDDLE_CHROMIUM.
const CHROMIUM: &str = "/usr/bin/chromium";

pub fn tidy(bench: &mut Bench) -> Result<()> {
    crate::tidy::check(&bench.paths)
}

pub fn format(bench: &mut Bench) -> Result<()> {
    machine::ensure_rust_components(&bench.paths.root)?;
    run(cargo(&bench.paths).args(["fmt", "--all", "--check"]), SHORT)?;
    run(own_cargo(&bench.paths).args(["fmt", "--all", "--check"]), SHORT)
}

/// Our own programs natively, and the pages once more as the browser gets them.
pub fn clippy(bench: &mut Bench) -> Result<()> {
    let paths = &bench.paths;
    machine::ensure_wasm_target(&paths.root)?;
    run(cargo(paths).args(["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]), BUILD)?;
    let browser = ["--package", "frontend", "--target", "wasm32-unknown-unknown"];
    run(cargo(paths).args(["clippy", "--locked"]).args(browser).args(["--", "-D", "warnings"]), BUILD)?;
    run(own_cargo(paths).args(["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]), BUILD)
}

/// The tests of this program, of the Go programs in the test bed, and of the chart that puts the portal into a cluster.
pub fn tools(bench: &mut Bench) -> Result<()> {
    let (status, text) = tee(own_cargo(&bench.paths).args(["test", "--locked", "--no-fail-fast"]), BUILD)?;
    bench.summary.add_cargo(&text);
    let go = machine::ensure_go(&bench.paths.cache)?;
    let mut failed = !status.success();
    // The sample chaincode is built in two versions, told apart by a build tag. Of the cluster only what is ours is
    // tested, with the setting with which it was built, so that Kubernetes is not compiled once more.
    let modules = [
        ("builder", "", "./..."),
        ("chaincode", "", "./..."),
        ("chaincode", "second", "./..."),
        ("cluster", "", "./provisioner"),
        ("helm", "", "./..."),
    ];
    for (module, tags, packages) in modules {
        let mut command = crate::nodes::in_module(&go, &bench.paths.testbed().join(module));
        command.args(["test", "-v", "-count=1", "-trimpath", "-tags", tags, packages]);
        let (status, text) = tee(&mut command, LONG)?;
        bench.summary.add_go(&text);
        failed |= !status.success();
    }
    if failed {
        bail!("tests failed");
    }
    Ok(())
}

pub fn engine(bench: &mut Bench) -> Result<()> {
    let engine = crate::engine::up(&bench.paths)?;
    say(format!("the test engine answers on {}", engine.api().address()));
    bench.engine = Some(engine);
    Ok(())
}

pub fn images(bench: &mut Bench) -> Result<()> {
    let api = bench.engine.as_ref().context("there is no test engine")?.api();
    crate::images::ensure(&bench.paths, &api, crate::images::Source::Built)?;
    bench.binaries = Some(crate::nodes::ensure(&bench.paths)?);
    Ok(())
}

/// All Rust tests. They are built outside, where packages can be fetched, and run where the engine's ports are.
pub fn unit(bench: &mut Bench) -> Result<()> {
    run(cargo(&bench.paths).args(programs::WORDS).arg("--no-run"), BUILD)?;
    let network = Network::new(bench)?;
    let raised = ["up", "deploy", "second"].into_iter().try_for_each(|verb| network.perform(bench, verb));
    let tested = raised.and_then(|()| programs::run(bench, &network.variables()));
    let removed = network.perform(bench, "down");
    let runs = tested?;
    for (_, text) in &runs {
        bench.summary.add_cargo(text);
    }
    removed?;
    if runs.iter().any(|(status, _)| !status.success()) {
        bail!("tests failed");
    }
    Ok(())
}

/// What is tested is what is shipped, and a first visit must not load too much of it.
pub fn build(bench: &mut Bench) -> Result<()> {
    crate::size::check(&bench.paths)?;
    crate::run::build_portal(&bench.paths)?;
    bench.portal_built = true;
    Ok(())
}

/// The portal in a real browser, on real nodes.
pub fn browser(bench: &mut Bench) -> Result<()> {
    if !bench.portal_built {
        bail!("there is no portal to test");
    }
    let chromium = chromium()?;
    let folder = bench.paths.root.join("end2end");
    install_npm_packages(&bench.paths, &folder)?;
    run(Command::new("npx").args(["--no-install", "tsc", "--noEmit"]).current_dir(&folder), LONG)?;
    let mut command = inside(bench, "npx")?;
    command.args(["--no-install", "playwright", "test"]).current_dir(&folder);
    command.env("HEDDLE_BIN", bench.paths.portal()).env("HEDDLE_SITE", bench.paths.site());
    command.env("HEDDLE_CHROMIUM", chromium).env("CI", "1");
    put_portal_on_cluster(bench, &mut command)?;
    let (status, text) = tee(&mut command, BUILD)?;
    bench.summary.add_playwright(&text);
    if !status.success() {
        bail!("tests failed");
    }
    Ok(())
}

/// Gives the cluster, if there is one, the image of the portal that is tested, and the tests what installs it there.
fn put_portal_on_cluster(bench: &Bench, command: &mut Command) -> Result<()> {
    let Some(cluster) = &bench.cluster else { return Ok(()) };
    cluster.load(&portal_image::write(&bench.paths, &bench.paths.portal())?)?;
    machine::ensure_programs(&["openssl"], &["openssl"], "the browser tests")?;
    command.env("HEDDLE_TEST_PORTAL_IMAGE", portal_image::name());
    command.env("HEDDLE_TEST_HELM", helm::ensure(&bench.paths)?);
    Ok(())
}

fn chromium() -> Result<PathBuf> {
    machine::ensure_programs(&["node", "npm"], &["nodejs", "npm"], "the browser tests")?;
    if let Some(named) = env::var_os("HEDDLE_CHROMIUM") {
        return Ok(PathBuf::from(named));
    }
    machine::ensure_programs(&["chromium"], &["chromium"], "the browser tests")?;
    // Without a font that has them, Chinese texts are empty boxes of another width.
    if !Path::new("/usr/share/fonts/opentype/noto").is_dir() && machine::is_root() && machine::has_apt() {
        machine::install(&["fonts-noto-cjk"])?;
    }
    Ok(PathBuf::from(CHROMIUM))
}

/// Installs what package-lock.json names, unless exactly that is there.
fn install_npm_packages(paths: &Paths, folder: &Path) -> Result<()> {
    let mut wanted = Fingerprint::of("npm 1");
    wanted.add_path(folder, &folder.join("package-lock.json"))?;
    let wanted = wanted.finish();
    let stamp = folder.join("node_modules").join(".heddle-stamp");
    if fingerprint::matches(&stamp, &wanted) {
        return Ok(());
    }
    say("installing the browser tests' packages with npm");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    // The browser comes from Debian.
    npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    logged(&mut npm, &paths.cache.join("npm.log"), LONG)?;
    fs::write(stamp, wanted).context("the stamp of the npm packages cannot be written")
}

/// A network of Fabric's official tools, on which the protocol is tested.
struct Network {
    folder: PathBuf,
    tools: PathBuf,
    name: String,
}

impl Network {
    /// First of its four ports: beside the ranges of the tests' chains, and below the ports that the system gives.
    const PORT: &str = "18100";

    fn new(bench: &Bench) -> Result<Self> {
        let binaries = bench.binaries.as_ref().context("there are no Fabric programs")?;
        let name = format!("heddle-protocol-{}", std::process::id());
        Ok(Self { folder: env::temp_dir().join(&name), tools: binaries.folder.clone(), name })
    }

    fn perform(&self, bench: &Bench, verb: &str) -> Result<()> {
        let mut command = inside(bench, "bash")?;
        command.arg(bench.paths.root.join("end2end/bench/network/network.sh"));
        command.args([&self.tools, &self.folder]).args([&self.name, Self::PORT, verb]);
        let engine = bench.engine.as_ref().context("there is no test engine")?;
        output(command.env("DOCKER_HOST", engine.api().address()), LONG).map(drop)
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("HEDDLE_FABRIC_NET", self.folder.display().to_string()),
            ("HEDDLE_FABRIC_NET_NAME", self.name.clone()),
            ("HEDDLE_FABRIC_NET_PORT", Self::PORT.to_owned()),
        ]
    }
}

/// A command where the engine's ports are, and the cluster if there is one, with every variable that tests read.
pub(super) fn inside(bench: &Bench, program: &str) -> Result<Command> {
    let engine = bench.engine.as_ref().context("there is no test engine")?;
    let binaries = bench.binaries.as_ref().context("there are no Fabric programs")?;
    let mut command = match &bench.cluster {
        Some(cluster) => cluster.command(&bench.paths, program, true)?,
        None => {
            let mut command = engine.inside(program);
            // Somebody's own cluster is out of reach there, and no place for tests that everybody shall pass.
            command.env_remove("HEDDLE_TEST_KUBERNETES");
            command
        }
    };
    command.env("HEDDLE_FABRIC_BIN", &binaries.folder).env("CARGO_TARGET_DIR", &bench.paths.target);
    // Some tests build their own images: with the Go that built the nodes, wherever it lies.
    let go = machine::ensure_go(&bench.paths.cache)?;
    let folders = go.parent().map(Path::to_path_buf).into_iter();
    let path = path_of(&command);
    command.env("PATH", env::join_paths(folders.chain(env::split_paths(&path)))?);
    if bench.full {
        command.env("HEDDLE_TEST_FULL", "1");
    }
    Ok(command)
}

/// Where a command finds programs: its own setting, or ours.
fn path_of(command: &Command) -> OsString {
    let own = command.get_envs().find(|(name, _)| *name == "PATH");
    own.and_then(|(_, value)| value.map(ToOwned::to_owned))
        .or_else(|| env::var_os("PATH"))
        .unwrap_or_default()
}

/// cargo in the product's workspace.
pub(super) fn cargo(paths: &Paths) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command
}

/// cargo in the workspace of this program, with a target folder that is not the product's.
fn own_cargo(paths: &Paths) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths.root.join("server/xtask"));
    command.env("CARGO_TARGET_DIR", paths.cache.join("build-xtask"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_the_programs_it_was_given() {
        let mut command = Command::new("kubectl");
        assert_eq!(path_of(&command), env::var_os("PATH").unwrap());
        command.env("PATH", "/cluster/bin");
        assert_eq!(path_of(&command), "/cluster/bin");
    }
}

//! The WebAssembly module: compiled by cargo, joined with its JavaScript, optimised.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use super::Quality;
use crate::fingerprint::Fingerprint;
use crate::machine;
use crate::paths::Paths;
use crate::process::{BUILD, LONG, logged, output, run};
use crate::report::say;

const TARGET: &str = "wasm32-unknown-unknown";
/// What every browser of the last years understands and the compiler makes use of.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Writes `<name>.js` and `<name>.wasm`, and the snippets they import, into a folder.
pub fn build(paths: &Paths, quality: Quality, name: &str, folder: &Path) -> Result<()> {
    say("building the pages for the browser");
    // cargo's folder of the profile `dev` is called debug.
    let (profile, profile_folder) = match quality {
        Quality::Dev => ("dev", "debug"),
        Quality::Plain | Quality::Release => ("wasm-release", "wasm-release"),
    };
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "--package",
        "frontend",
        "--lib",
        "--target",
        TARGET,
        "--profile",
        profile,
    ]);
    run(cargo.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target), BUILD)?;
    let module = paths.target.join(TARGET).join(profile_folder).join("frontend.wasm");
    join(&module, quality, name, folder)?;
    if quality == Quality::Release {
        optimise(paths, &folder.join(format!("{name}.wasm")))?;
    }
    Ok(())
}

fn join(module: &Path, quality: Quality, name: &str, folder: &Path) -> Result<()> {
    let dev = quality == Quality::Dev;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name(name).typescript(false).omit_default_module_path(true);
    bindgen.debug(dev).keep_debug(false).remove_name_section(!dev).remove_producers_section(!dev);
    bindgen.web(true)?;
    bindgen.generate(folder).context("the module and its JavaScript cannot be joined")?;
    let (from, to) = (folder.join(format!("{name}_bg.wasm")), folder.join(format!("{name}.wasm")));
    fs::rename(from, to).context("the module cannot be named")
}

fn optimise(paths: &Paths, module: &Path) -> Result<()> {
    let tool = tool(paths)?;
    say("optimising the WebAssembly module");
    let mut command = Command::new(tool);
    command.arg("-Oz").args(FEATURES).arg(module).arg("-o").arg(module);
    output(&mut command, LONG).map(drop)
}

/// The optimiser, installed by npm into the cache folder: its version and hash stand in tools/package-lock.json.
fn tool(paths: &Paths) -> Result<PathBuf> {
    let source = paths.root.join("server").join("xtask").join("tools");
    let mut fingerprint = Fingerprint::of("tools 1");
    fingerprint.add_path(&source, &source)?;
    let folder = paths.cache.join("tools").join(fingerprint.finish());
    let tool = folder.join("node_modules/.bin/wasm-opt");
    if tool.is_file() {
        return Ok(tool);
    }
    machine::ensure_programs(&["node", "npm"], &["nodejs", "npm"], "optimising the WebAssembly module")?;
    say("installing the WebAssembly optimiser with npm");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).with_context(|| format!("{name} cannot be copied"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    logged(&mut npm, &folder.join("npm.log"), LONG)?;
    Ok(tool)
}

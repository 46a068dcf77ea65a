//! The WebAssembly module: compiled by cargo, split by groups of pages, joined with its JavaScript, optimised.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use super::Quality;
use crate::fingerprint::Fingerprint;
use crate::machine;
use crate::paths::Paths;
use crate::process::{BUILD, LONG, logged, output, run};
use crate::report::say;

const TARGET: &str = "wasm32-unknown-unknown";
/// The module without its parts, before it is joined with its JavaScript.
const WHOLE: &str = "whole.wasm";
/// The script that loads the parts; the pages know it by this name.
const LOADER: &str = "./__wasm_split.______________________.js";
/// Stands before that script and takes the place of the browser's `fetch` in it: a page must not die because the network
/// was away for a moment while one of its parts was on the way, and a page of a portal that has been renewed since is
/// loaded anew, once, instead of staying without the part.
const RETRY: &str = "async function fetch(address) {
  for (let wait = 100; ; wait *= 2) {
    try {
      const answer = await globalThis.fetch(address);
      if (answer.status === 404 && !(Date.now() - sessionStorage.getItem('heddle-renewed') < 60000)) {
        sessionStorage.setItem('heddle-renewed', Date.now());
        location.reload();
        await new Promise(() => {});
      }
      return new Response(await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
    } catch (error) {
      if (wait > 3000) throw error;
      await new Promise((go) => setTimeout(go, wait));
    }
  }
}
";
/// Which part needs which files; the pages read it under this name.
pub const PRELOADS: &str = "__wasm_split_manifest.json";
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
        "rustc",
        "--locked",
        "--package",
        "frontend",
        "--lib",
        "--target",
        TARGET,
        "--profile",
        profile,
        // Splitting has to move what refers to each other.
        "--",
        "-Clink-arg=--emit-relocs",
    ]);
    run(cargo.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target), BUILD)?;
    let module = paths.target.join(TARGET).join(profile_folder).join("frontend.wasm");
    let parts = split(&module, name, folder)?;
    join(&folder.join(WHOLE), quality, name, folder)?;
    if quality == Quality::Release {
        let main = folder.join(format!("{name}.wasm"));
        optimise(paths, parts.iter().chain([&main]))?;
    }
    Ok(())
}

/// Takes the groups of pages out of the module, each into a file of its own; returns these files. What is left is
/// written for joining, beside the script that loads the others and the list by which the server tells the browser
/// what it will need.
fn split(module: &Path, name: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let raw = fs::read(module).with_context(|| format!("{} cannot be read", module.display()))?;
    let main = folder.join(WHOLE);
    let script = format!("./{name}.js");
    let mut options = wasm_split_cli_support::Options::new(&raw);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.link_name = LOADER;
    options.main_module = &script;
    let split = wasm_split_cli_support::transform(options)
        .map_err(|error| anyhow!("the module cannot be split: {error:#}"))?;
    // In a fixed order, so that the same module gives the same file.
    let preloads: BTreeMap<_, _> = split.prefetch_map.into_iter().collect();
    let loader = folder.join(LOADER);
    let script = fs::read_to_string(&loader).context("the script that loads the parts is not there")?;
    fs::write(&loader, format!("{RETRY}{script}"))
        .context("the script that loads the parts cannot be written")?;
    fs::write(folder.join(PRELOADS), serde_json::to_vec(&preloads)?)
        .context("the list of parts cannot be written")?;
    Ok(split.split_modules)
}

fn join(module: &Path, quality: Quality, name: &str, folder: &Path) -> Result<()> {
    let dev = quality == Quality::Dev;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name(name).typescript(false).omit_default_module_path(true);
    bindgen.debug(dev).keep_debug(false).remove_name_section(!dev).remove_producers_section(!dev);
    // The parts are linked by the names that the compiler gave.
    bindgen.keep_lld_exports(true).demangle(false);
    bindgen.web(true)?;
    bindgen.generate(folder).context("the module and its JavaScript cannot be joined")?;
    fs::remove_file(module).context("the module before joining cannot be removed")?;
    let (from, to) = (folder.join(format!("{name}_bg.wasm")), folder.join(format!("{name}.wasm")));
    fs::rename(from, to).context("the module cannot be named")
}

/// Smallest module that is optimised, in bytes: there are many that are smaller, and starting the optimiser takes longer than
/// all that it would find there. At 8,000 a first visit was 5 kB larger.
const OPTIMISED_BYTES_MIN: u64 = 2_000;

fn is_worth_it(module: &Path) -> bool {
    fs::metadata(module).is_ok_and(|file| file.len() >= OPTIMISED_BYTES_MIN)
}

/// Makes modules smaller, as many side by side as there are processors.
fn optimise<'a>(paths: &Paths, modules: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    let tool = tool(paths)?;
    say("optimising the WebAssembly modules");
    let waiting = Mutex::new(modules.filter(|module| is_worth_it(module)).collect::<Vec<_>>());
    let work = || -> Result<()> {
        loop {
            let next = waiting.lock().map_err(|_| anyhow!("another module failed"))?.pop();
            let Some(module) = next else { return Ok(()) };
            let mut command = Command::new(&tool);
            command.arg("-Oz").args(FEATURES).arg(module).arg("-o").arg(module);
            output(&mut command, LONG)?;
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker ended early"))?)
    })
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

//! `cargo xtask run`: from a fresh clone to a portal that listens, and a machine that can raise nodes.
//!
//! What people wait for comes first. The node images are prepared while the portal is already up.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::engine_api::Engine;
use crate::images::{self, Source};
use crate::local_engine;
use crate::paths::Paths;
use crate::process::{self, BUILD};
use crate::report::say;
use crate::site::{self, Quality};
use crate::sources;

/// Longer than the portal takes to finish what it is doing.
const DRAIN: Duration = Duration::from_secs(15);
/// How long the preparing of images may take to end; a call to the engine cannot be interrupted and is left.
const STOP_IMAGES: Duration = Duration::from_secs(2);

/// Builds, prepares and starts the portal, and returns when it has ended. `flags` go to the portal unchanged.
pub fn run(paths: &Paths, quality: Quality, flags: &[String]) -> Result<ExitCode> {
    announce(paths);
    let engine = local_engine::ensure(paths)?;
    let claim = sources::claim(paths)?;
    build(paths, quality)?;
    drop(claim);
    say("starting the portal; Ctrl-C ends it");
    let mut portal = portal(paths);
    let told = paths.cache.join(format!("images-being-built-{}", std::process::id()));
    if let Some(engine) = &engine {
        // An engine that somebody chose gets no images from here, so nothing waits for them there.
        if !names_engine(flags) {
            portal.args(["--local-engine", &engine.address()]);
            portal.env("HEDDLE_IMAGES_BEING_BUILT", &told);
            images::tell_missing(engine, &told)?;
        }
    }
    let mut child = process::start(portal.args(flags))?;
    let images = engine.map(|engine| {
        let paths = paths.clone();
        let told = told.clone();
        thread::spawn(move || prepare_images(&paths, &engine, &told))
    });
    // Without a limit: the portal runs until somebody ends it.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if process::stopping() {
            break process::end(&mut child, DRAIN)?;
        }
        thread::sleep(Duration::from_millis(50));
    };
    // A build that is under way ends its own programs when it sees the request; without the portal nobody needs it.
    process::request_stop();
    let begin = Instant::now();
    while images.as_ref().is_some_and(|images| !images.is_finished()) && begin.elapsed() < STOP_IMAGES {
        thread::sleep(Duration::from_millis(20));
    }
    forget(&told);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether somebody chose the portal's engine; a flag that is given twice is refused.
fn names_engine(flags: &[String]) -> bool {
    let flag = |word: &String| word == "--local-engine" || word.starts_with("--local-engine=");
    flags.iter().any(flag) || std::env::var_os("HEDDLE_LOCAL_ENGINE").is_some()
}

/// What nobody builds any more is not shown as being built.
fn forget(told: &Path) {
    if let Err(error) = fs::remove_file(told)
        && error.kind() != ErrorKind::NotFound
    {
        say(format!("{} cannot be removed: {error}", told.display()));
    }
}

fn announce(paths: &Paths) {
    if paths.portal().is_file() {
        return;
    }
    say(
        "the first start builds everything: the portal (5 to 15 minutes), what the browser loads (2), and beside the",
    );
    say("running portal Fabric's nodes as container images (3); later starts take seconds");
    say(format!("everything built goes to {} and {}", paths.target.display(), paths.cache.display()));
}

/// Builds the site and the portal side by side: long stretches of both, such as the joining of what the browser loads,
/// are work for one core. The first that fails says why and stops the other.
fn build(paths: &Paths, quality: Quality) -> Result<()> {
    let failed = Mutex::new(None);
    let note = |done: Result<()>| {
        if let Err(error) = done {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            process::request_stop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| note(site::build(paths, quality).map(drop)));
        note(build_portal(paths));
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Builds the portal's binary.
pub fn build_portal(paths: &Paths) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "server"]);
    process::run(cargo.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target), BUILD)
}

/// The portal with what it has to know of the site.
fn portal(paths: &Paths) -> Command {
    let mut command = Command::new(paths.portal());
    command
        .env("LEPTOS_OUTPUT_NAME", "heddle")
        .env("LEPTOS_SITE_ROOT", paths.site())
        .env("HEDDLE_SITE", paths.site());
    command
}

fn prepare_images(paths: &Paths, engine: &Engine, told: &Path) {
    let prepared = images::ensure(paths, engine, Source::PublicOrBuilt);
    forget(told);
    match prepared {
        Ok(()) => say("all node images are ready"),
        Err(_) if process::stopping() => {}
        Err(error) => {
            say(format!("node images cannot be prepared: {error:#}"));
            say("the portal works on; chains need these images, or others that you name at the host");
        }
    }
}

//! `cargo xtask`: builds, checks and starts the project. Each command prepares whatever it needs on a fresh machine.

mod bench;
mod cluster;
mod engine;
mod engine_api;
mod fingerprint;
mod helm;
mod images;
mod licences;
mod local_engine;
mod machine;
mod made;
mod nodes;
mod outliving;
mod paths;
mod portal_image;
mod private;
mod process;
mod report;
mod run;
mod site;
mod size;
mod sources;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::engine_api::Engine;
use crate::images::Source;
use crate::paths::Paths;
use crate::site::Quality;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks and starts the project")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prepares the machine, builds the portal and starts it
    Run {
        /// Builds the pages in the quickest way
        #[arg(long)]
        dev: bool,
        /// Options for the portal: see `cargo xtask run -- --help`
        #[arg(last = true)]
        flags: Vec<String>,
    },
    /// Runs every check of the project
    Test {
        /// Also what does not fit the ordinary time
        #[arg(long)]
        full: bool,
        /// One stage, with those it needs
        #[arg(long, value_name = "STAGE")]
        only: Option<String>,
    },
    /// Builds the node images and puts them into an engine
    Images {
        /// Address of the engine's socket
        #[arg(
            long,
            value_name = "unix:///PATH",
            env = "DOCKER_HOST",
            default_value = "unix:///var/run/docker.sock"
        )]
        engine: String,
    },
    /// Builds the portal's own image, by which it runs in a cluster, and prints where its archive lies
    Image {
        /// As it is shipped
        #[arg(long)]
        release: bool,
    },
    /// Checks the house rules: who may import whom, sizes, names, links, licences
    Tidy,
    /// Lists the licences of what the portal is built from
    Licences,
    /// Builds what the browser loads
    Site {
        /// Optimised and compressed, as it is shipped
        #[arg(long, conflicts_with = "dev")]
        release: bool,
        /// Compiled quickest
        #[arg(long)]
        dev: bool,
    },
    /// Builds what the browser loads as it is shipped, and fails when a first visit loads too much
    Size,
    /// Measures what the project promises about speed
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
        /// Measure the build that `cargo xtask run` starts instead of the release build
        #[arg(long, global = true)]
        as_run: bool,
    },
    /// Starts, uses or ends the project's own container engine for tests
    Engine {
        #[command(subcommand)]
        action: EngineAction,
    },
    /// Starts, uses or ends the project's own Kubernetes cluster for tests
    Cluster {
        #[command(subcommand)]
        action: ClusterAction,
    },
}

#[derive(Subcommand)]
enum EngineAction {
    /// Starts it, unless it runs, and prints the variables for tests
    Up,
    /// Runs a command in its network, where its published ports are
    Exec {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Ends it; images stay for the next time
    Down,
}

#[derive(Subcommand)]
enum ClusterAction {
    /// Starts it, unless it runs, and prints the variables for tests
    Up {
        /// How many nodes it has at least
        #[arg(long, default_value_t = 1)]
        nodes: usize,
    },
    /// Runs a command with the variables for tests set
    Exec {
        /// In the test engine's network, from which the cluster is then reached as well
        #[arg(long)]
        with_engine: bool,
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Puts the images of a docker-archive on every node
    Load {
        #[arg(value_name = "ARCHIVE")]
        archive: PathBuf,
    },
    /// Ends it and makes sure that nothing of it is left; built programs and images stay for the next time
    Down,
}

fn main() -> ExitCode {
    report::begin();
    match process::catch_signals().and_then(|()| perform(Arguments::parse().command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    let paths = Paths::find()?;
    match task {
        Task::Engine { action } => return engine(&paths, action),
        Task::Cluster { action } => return cluster(&paths, action),
        Task::Run { dev, flags } => return run::run(&paths, quality(false, dev), &flags),
        Task::Test { full, only } => return test::run(&paths, full, only.as_deref()),
        Task::Size => {
            let _claim = sources::claim(&paths)?;
            size::check(&paths)?;
        }
        Task::Bench { bench, as_run } => bench::run(&paths, bench, build_of(as_run))?,
        Task::Licences => print!("{}", licences::text(&licences::list(&paths)?)),
        Task::Tidy => tidy::check(&paths)?,
        Task::Site { release, dev } => {
            let _claim = sources::claim(&paths)?;
            println!("{}", site::build(&paths, quality(release, dev))?.display());
        }
        Task::Image { release } => println!("{}", portal_image::build(&paths, release)?.display()),
        Task::Images { engine } => {
            images::ensure(&paths, &Engine::from_address(&engine)?, Source::Built)?;
            println!("programs: {}", nodes::ensure(&paths)?.folder.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn build_of(as_run: bool) -> bench::Build {
    if as_run { bench::Build::Run } else { bench::Build::Release }
}

fn quality(release: bool, dev: bool) -> Quality {
    match (release, dev) {
        (true, _) => Quality::Release,
        (false, true) => Quality::Dev,
        (false, false) => Quality::Plain,
    }
}

fn engine(paths: &Paths, action: EngineAction) -> Result<ExitCode> {
    match action {
        EngineAction::Up => {
            let engine = engine::up(paths)?;
            for (name, value) in engine.variables() {
                println!("export {name}={value}");
            }
            println!("# its ports are reached with: cargo xtask engine exec -- COMMAND");
        }
        EngineAction::Exec { command } => {
            let engine =
                engine::find(paths).context("the test engine does not run: cargo xtask engine up")?;
            return perform_in(engine.inside(&command[0]).args(&command[1..]));
        }
        EngineAction::Down => engine::down(paths)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn cluster(paths: &Paths, action: ClusterAction) -> Result<ExitCode> {
    let running = || cluster::find(paths).context("the test cluster does not run: cargo xtask cluster up");
    match action {
        ClusterAction::Up { nodes } => {
            for (name, value) in cluster::up(paths, nodes)?.variables()? {
                println!("export {name}={value}");
            }
        }
        ClusterAction::Exec { with_engine, command } => {
            return perform_in(running()?.command(paths, &command[0], with_engine)?.args(&command[1..]));
        }
        ClusterAction::Load { archive } => running()?.load(&archive)?,
        ClusterAction::Down => cluster::down(paths)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a person's command on the terminal; how it ended is how we end.
fn perform_in(command: &mut Command) -> Result<ExitCode> {
    let text = process::shown(command);
    let status = command.status().with_context(|| format!("`{text}` cannot be started"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! `cargo xtask`: builds, checks and starts the project. Each command prepares whatever it needs on a fresh machine.

mod engine_api;
mod fingerprint;
mod images;
mod machine;
mod nodes;
mod paths;
mod process;
mod report;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::engine_api::Engine;
use crate::paths::Paths;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks and starts the project")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the node images and puts them into an engine
    Images {
        /// Address of the engine's socket
        #[arg(long, value_name = "unix:///PATH", env = "DOCKER_HOST", default_value = "unix:///var/run/docker.sock")]
        engine: String,
    },
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
        Task::Images { engine } => {
            images::ensure(&paths, &Engine::from_address(&engine)?)?;
            println!("programs: {}", nodes::ensure(&paths)?.folder.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

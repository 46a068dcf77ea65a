//! `cargo xtask bench`: what the project promises about speed, measured against what people would use instead.
//!
//! Every bench takes both sides in turn on the same machine and compares medians, because a machine that is busy is
//! busy for both. A figure that misses its promise fails the command. Nothing here is part of `cargo xtask test`.

mod figures;
mod ground;
mod http;
mod invoke;
mod lists;
mod material;
mod network;
mod pods;
mod pool;
mod portal;
mod ssr;
mod start;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use self::network::Judged;
pub use self::portal::Build;
use crate::paths::Paths;

/// One promise each.
#[derive(Subcommand)]
pub enum Bench {
    /// Certificates for 10 organizations with 26 peers each, and genesis, against cryptogen and configtxgen
    Material {
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// From the request to a channel that every node has joined, against a script of the official tools
    ChainCreate {
        #[command(flatten)]
        engine: OnEngine,
        /// The kind of host; a cluster is the one of `cluster exec`, this clone's or one that is raised for it
        #[arg(long, value_enum, default_value = "docker")]
        host: HostKind,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// From the request to the first answer of a chaincode, against a script of the official tools
    Deploy {
        #[command(flatten)]
        engine: OnEngine,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Transactions a second with 1, 16 and 64 in flight, against Fabric's own gateway client
    Invoke {
        #[command(flatten)]
        engine: OnEngine,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// A page of a thousand rows, against the same page in Astro's Node adapter
    Ssr {
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Pages of every list with each of its filters, and how they grow with the rows
    Lists {
        /// Records of the audit; of other rows as many, up to what one portal keeps
        #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000])]
        rows: Vec<u32>,
    },
    /// Memory that many watched pods of a cluster need beside what an idle portal has
    Pods {
        #[arg(long, default_value_t = 1_000)]
        pods: usize,
    },
    /// From the click to a chain of the pool that takes transactions, for many people at once on simulated hosts
    Pool {
        #[arg(long, default_value_t = 50)]
        people: usize,
    },
    /// Time until an empty portal is ready, and its memory when idle
    Start {
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

/// What runs the nodes.
#[derive(Clone, Copy, ValueEnum)]
pub enum HostKind {
    /// A container engine
    Docker,
    /// A cluster
    Kubernetes,
}

/// Where networks are raised.
#[derive(Args)]
pub struct OnEngine {
    /// Address of the engine's socket
    #[arg(long, value_name = "unix:///PATH", env = "DOCKER_HOST", default_value = network::DEFAULT_ENGINE)]
    engine: String,
}

/// Measures one promise and fails when it is not kept.
pub fn run(paths: &Paths, bench: Bench, build: Build) -> Result<()> {
    match bench {
        Bench::Material { rounds } => material::run(paths, rounds),
        Bench::ChainCreate { engine, host, rounds } => match host {
            HostKind::Docker => network::run(paths, build, &engine.engine, rounds, Judged::Create),
            HostKind::Kubernetes => network::kubernetes::run(paths, build, rounds),
        },
        Bench::Deploy { engine, rounds } => {
            network::run(paths, build, &engine.engine, rounds, Judged::Deploy)
        }
        Bench::Invoke { engine, rounds } => invoke::run(paths, build, &engine.engine, rounds),
        Bench::Lists { rows } => lists::run(paths, build, &rows),
        Bench::Pods { pods } => pods::run(paths, build, pods),
        Bench::Pool { people } => pool::run(paths, build, people),
        Bench::Ssr { rounds } => ssr::run(paths, build, rounds),
        Bench::Start { rounds } => start::run(paths, build, rounds),
    }
}

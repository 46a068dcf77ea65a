//! The portal's binary: arguments → configuration → build → serve → drain.

use std::process::ExitCode;

use clap::Parser;
use config::Config;

mod compose;
mod config;
mod http;
mod router;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config = Config::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HEDDLE_LOG")
                .unwrap_or_else(|_| "info,surrealdb=warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    // One provider for every TLS connection; a second installation is refused and does no harm.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "threads cannot be started");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), compose::StartError> {
    let portal = compose::build(&config).await?;
    router::serve(&config, portal).await
}

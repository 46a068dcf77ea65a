//! The portal's binary: arguments → configuration → build → serve → drain.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use config::read::ReadError;
use config::{AuditCommand, Command, Config, ConfigCommand, KeyCommand};
use control::audit::Verdict;

#[cfg(feature = "bench")]
mod bench;
mod compose;
mod config;
mod http;
mod key;
mod mail;
mod router;
mod routes;
mod serve;
mod terminal;
mod tls;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What no level brings into the log: the cluster library writes whole answers there that it cannot read, and they may
/// hold secrets.
const NEVER_LOGGED: &str = "kube_client::client=error";

fn main() -> ExitCode {
    let read = match config::read::read(std::env::args_os().collect()) {
        Ok(read) => read,
        // Help and version come this way as well, with the code of success.
        Err(ReadError::Flags(error)) => error.exit(),
        Err(error) => return refuse(&error),
    };
    match config::environment::check(std::env::vars_os().map(|(name, _)| name)) {
        Ok(warnings) => warnings.iter().for_each(|warning| terminal::tell(warning)),
        Err(error) => return refuse(&error),
    }
    if let Some(Command::Config { what: ConfigCommand::Print }) = read.config.command {
        let shown = std::io::stdout().write_all(read.print().as_bytes());
        return if shown.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let config = Arc::new(read.config);
    match tracing_subscriber::EnvFilter::try_new(format!("{},{NEVER_LOGGED}", config.log)) {
        Ok(filter) => tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init(),
        Err(error) => return refuse(&error),
    }
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
        Ok(code) => code,
        Err(error) => {
            terminal::tell(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Says why nothing is started, before there is a log.
fn refuse(error: &dyn std::error::Error) -> ExitCode {
    terminal::tell(&format!("error: {error}"));
    ExitCode::from(2)
}

async fn run(config: Arc<Config>) -> Result<ExitCode, compose::StartError> {
    if let Some(Command::Audit { what: AuditCommand::Verify }) = config.command {
        let verdict = compose::verify_audit(&config).await?;
        let told = writeln!(std::io::stdout(), "{verdict}").is_ok();
        let whole = matches!(verdict, Verdict::Whole { .. });
        return Ok(if told && whole { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if let Some(Command::Key { what: KeyCommand::Rotate }) = config.command {
        let replaced = key::rotate(&config).await?;
        let (secrets, calls, path) = (replaced.secrets, replaced.calls, config.key_path());
        let text = format!("sealed with a new key: {secrets} secrets, {calls} calls of the history");
        let told =
            writeln!(std::io::stdout(), "{text}\nback {} up, apart from the data folder", path.display());
        return Ok(if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    #[cfg(feature = "bench")]
    if let Some(Command::BenchLists { rows }) = config.command {
        let told = match bench::lists::run(&config, rows).await {
            Ok(told) => std::io::stdout().write_all(told.as_bytes()).is_ok(),
            Err(error) => {
                terminal::tell(&format!("error: {error}"));
                false
            }
        };
        return Ok(if told { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let portal = compose::build(&config).await?;
    router::serve(&config, portal).await.map(|()| ExitCode::SUCCESS)
}

//! Every option: by flag, by environment, with its default. Read once.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Raises, runs and uses permissioned blockchains from the browser.
#[derive(Clone, Debug, Parser)]
#[command(name = "heddle", version)]
pub struct Config {
    /// Address and port to listen on. Without TLS of its own the portal listens on loopback only.
    #[arg(long, env = "HEDDLE_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Folder of the embedded database.
    #[arg(long, env = "HEDDLE_DATA", default_value = "data")]
    pub data: PathBuf,

    /// File with the key that seals every secret; made at the first start. Back it up, apart from the data folder.
    /// Default: the data folder's name with `.key` behind it.
    #[arg(long, env = "HEDDLE_KEY_FILE")]
    pub key_file: Option<PathBuf>,

    /// Socket of the container engine on this machine, such as `unix:///var/run/docker.sock`. Without it no local
    /// engine can be added as a host.
    #[arg(long, env = "HEDDLE_LOCAL_ENGINE")]
    pub local_engine: Option<String>,

    /// Folder with the built pages.
    #[arg(long, env = "HEDDLE_SITE", default_value = "target/site")]
    pub site: PathBuf,
}

impl Config {
    /// Where the key is kept.
    pub fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data.with_added_extension("key"))
    }

    /// Path of the local engine's socket.
    pub fn local_socket(&self) -> Option<String> {
        self.local_engine.as_ref().map(|text| text.strip_prefix("unix://").unwrap_or(text).to_owned())
    }
}

//! Where things are: the clone, and the cache folder that outlives it.
//!
//! Everything that is expensive to make lies in the cache folder, so that a fresh clone is quick as well.
//! Nothing outside this file may put a path together from environment variables.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders that the commands work with. All are absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The clone: the folder with the workspace's Cargo.toml.
    pub root: PathBuf,
    /// `$XDG_CACHE_HOME/heddle`, or `~/.cache/heddle`.
    pub cache: PathBuf,
    /// Where cargo builds the workspace: `CARGO_TARGET_DIR`, or a folder in the cache that is only used here, under
    /// a claim (see `sources`).
    pub target: PathBuf,
}

impl Paths {
    /// Reads the environment once.
    pub fn find() -> Result<Self> {
        // The alias in .cargo/config.toml runs this program from the clone; its own manifest is two levels down.
        let own = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own.parent().and_then(Path::parent).context("server/xtask has no workspace above it")?;
        let root = root.canonicalize().with_context(|| format!("{} cannot be read", root.display()))?;
        let cache = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
        }
        .join("heddle");
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache.join("build"), PathBuf::from);
        let target = if target.is_absolute() { target } else { root.join(target) };
        Ok(Self { root, cache, target })
    }

    /// The finished site: what the portal serves beside its pages.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The portal's binary as `cargo build` leaves it.
    pub fn portal(&self) -> PathBuf {
        self.target.join("debug").join("heddle")
    }

    /// Go modules, contexts and sources of the nodes that tests and first runs use.
    pub fn testbed(&self) -> PathBuf {
        self.root.join("end2end").join("testbed")
    }
}

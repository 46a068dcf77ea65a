//! Images that whoever started the portal builds for the local engine meanwhile. A fresh machine needs minutes for them:
//! their host's page shall not say that they are missing.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use domain::host::{Endpoint, HostSpec};

use crate::services::Services;

/// Where the names of such images stand, one in a line; none when nobody builds any.
#[derive(Default)]
pub struct BeingBuilt {
    file: Option<PathBuf>,
    /// What the file said at the last round.
    last: Mutex<Vec<String>>,
}

impl BeingBuilt {
    /// Reads the names from a file that may come and go.
    pub fn told_by(file: Option<PathBuf>) -> Self {
        Self { file, last: Mutex::default() }
    }

    /// The names now.
    pub(crate) async fn names(&self) -> Vec<String> {
        let Some(file) = &self.file else { return Vec::new() };
        // A file that is gone means that everything is built.
        let text = tokio::fs::read_to_string(file).await.unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Whether the names differ from those of the last call.
    pub(crate) async fn changed(&self) -> bool {
        let names = self.names().await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let differ = *last != names;
        *last = names;
        differ
    }
}

impl Services {
    /// Names of images that are built meanwhile for this host: only for the local engine.
    pub(crate) async fn being_built(&self, host: &HostSpec) -> Vec<String> {
        match host.endpoint {
            Endpoint::Local { .. } => self.built.names().await,
            Endpoint::Tcp { .. } | Endpoint::Cluster { .. } | Endpoint::InCluster => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_come_and_go_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("images");
        let built = BeingBuilt::told_by(Some(file.clone()));
        assert!(built.names().await.is_empty() && !built.changed().await);
        std::fs::write(&file, "a:1\nb:2\n").unwrap();
        assert_eq!(built.names().await, ["a:1", "b:2"]);
        assert!(built.changed().await && !built.changed().await);
        std::fs::remove_file(&file).unwrap();
        assert!(built.changed().await && built.names().await.is_empty());
    }
}

//! Files and folders that only their owner may look into: keys, sockets, configurations with secrets.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file that only its owner may read.
pub fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).context("rights of a key cannot be set")
}

/// Makes a folder that only its owner may enter. One that is there already may be somebody else's and is refused.
pub fn folder(path: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.with_context(|| format!("the private folder {} cannot be made", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_may_look() {
        let parent = tempfile::tempdir().unwrap();
        let inside = parent.path().join("inside");
        folder(&inside).unwrap();
        write(&inside.join("key"), "secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inside), mode(&inside.join("key"))), (0o700, 0o600));
        assert!(folder(&inside).is_err());
    }
}

//! What is made once and kept in the cache folder, under a name that tells everything it was made from.
//!
//! A half-made folder never looks like a finished one, and two makers at once do not disturb each other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder `key` below `parent`; unless it is there, `make` fills an empty one that is then moved into place.
pub fn once(parent: &Path, key: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = parent.join(key);
    if folder.is_dir() {
        return Ok(folder);
    }
    let fresh = parent.join(format!("new-{}", std::process::id()));
    if fresh.exists() {
        fs::remove_dir_all(&fresh).context("an unfinished build cannot be removed")?;
    }
    fs::create_dir_all(&fresh).with_context(|| format!("{} cannot be made", fresh.display()))?;
    make(&fresh)?;
    match fs::rename(&fresh, &folder) {
        Ok(()) => {}
        // Somebody else was quicker with the same content.
        Err(_) if folder.is_dir() => {
            fs::remove_dir_all(&fresh).context("a superfluous build cannot be removed")?
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be moved into place", folder.display()));
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_made_again_and_a_failure_leaves_nothing_that_looks_finished() {
        let parent = tempfile::tempdir().unwrap();
        assert!(once(parent.path(), "a", |_| anyhow::bail!("broken")).is_err());
        assert!(!parent.path().join("a").exists());
        let write = |folder: &Path| fs::write(folder.join("file"), "made").context("file");
        let made = once(parent.path(), "a", write).unwrap();
        assert_eq!(fs::read_to_string(made.join("file")).unwrap(), "made");
        assert_eq!(once(parent.path(), "a", |_| anyhow::bail!("made twice")).unwrap(), made);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}

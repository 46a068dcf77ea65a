//! Content hashes that tell whether something has to be made again.
//!
//! Times of files are never looked at: a fresh clone has new times and the same content.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Collects what a result depends on.
pub struct Fingerprint {
    hash: Sha256,
}

impl Fingerprint {
    /// Starts with a word that says what is being made and which version of the making this is.
    pub fn of(purpose: &str) -> Self {
        let mut fingerprint = Self { hash: Sha256::new() };
        fingerprint.add(purpose.as_bytes());
        fingerprint
    }

    /// Adds bytes with their length, so that neighbours cannot run into each other.
    pub fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes.len().to_string().as_bytes());
        self.hash.update(b":");
        self.hash.update(bytes);
    }

    /// Adds a file, or every file of a folder, with the names below `root`. What is missing counts as empty.
    pub fn add_path(&mut self, root: &Path, path: &Path) -> Result<()> {
        self.add_files(root, path, |_| true)
    }

    /// The same for those files only that `counts` accepts.
    pub fn add_files(&mut self, root: &Path, path: &Path, counts: fn(&Path) -> bool) -> Result<()> {
        let mut files = Vec::new();
        collect(path, &mut files)?;
        files.retain(|file| counts(file));
        files.sort();
        for file in files {
            let name = file.strip_prefix(root).unwrap_or(&file);
            self.add(name.as_os_str().as_encoded_bytes());
            self.add(&fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?);
        }
        Ok(())
    }

    /// The first 128 bits in hexadecimal: short enough for a folder name.
    pub fn finish(self) -> String {
        hex(&self.hash.finalize()[..16])
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// True when the stamp file holds this fingerprint.
pub fn matches(stamp: &Path, fingerprint: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|text| text.trim() == fingerprint)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
    } else if path.is_dir() {
        for entry in fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))? {
            collect(&entry?.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(folder: &Path) -> String {
        let mut fingerprint = Fingerprint::of("test");
        fingerprint.add_path(folder, folder).unwrap();
        fingerprint.finish()
    }

    #[test]
    fn content_and_names_count_and_times_do_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "one").unwrap();
        let first = of(folder.path());
        fs::write(folder.path().join("a"), "one").unwrap();
        assert_eq!(first, of(folder.path()));
        fs::write(folder.path().join("a"), "two").unwrap();
        assert_ne!(first, of(folder.path()));
        fs::write(folder.path().join("a"), "one").unwrap();
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        assert_ne!(first, of(folder.path()));
    }

    #[test]
    fn neighbours_do_not_run_into_each_other() {
        let pair = |a: &str, b: &str| {
            let mut fingerprint = Fingerprint::of("test");
            fingerprint.add(a.as_bytes());
            fingerprint.add(b.as_bytes());
            fingerprint.finish()
        };
        assert_ne!(pair("ab", "c"), pair("a", "bc"));
    }

    #[test]
    fn known_hash() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

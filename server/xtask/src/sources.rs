//! The project's own files, and the claim on a target folder that several clones use in turn.
//!
//! cargo recognises our crates by their place in the workspace and takes one for unchanged when its files are older
//! than what was built. With one target folder for several clones that can be another clone's work. So whoever
//! builds first claims the folder, and when the clone before was a different one, all files get a new time.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::process::{SHORT, output};
use crate::report::say;

/// Holds other clones off a target folder until it is dropped.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

/// Waits for the target folder and makes sure that everything built from now on comes from this clone.
pub fn claim(paths: &Paths) -> Result<Claim> {
    fs::create_dir_all(&paths.target)
        .with_context(|| format!("{} cannot be made", paths.target.display()))?;
    let file = paths.target.join("clone.lock");
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&file)
        .context("the target folder cannot be locked")?;
    if lock.try_lock().is_err() {
        say(format!("waiting: another clone builds in {}", paths.target.display()));
        lock.lock().context("the target folder cannot be locked")?;
    }
    let own = paths.root.display().to_string();
    if fs::read_to_string(&file).is_ok_and(|last| last == own) {
        return Ok(Claim { _lock: lock });
    }
    renew(&paths.root)?;
    lock.set_len(0).context("the claim on the target folder cannot be written")?;
    (&lock).write_all(own.as_bytes()).context("the claim on the target folder cannot be written")?;
    Ok(Claim { _lock: lock })
}

/// The files of the project: what git tracks or would track, that still exists. Names are relative to the clone.
pub fn list(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(root);
    let list = output(&mut git, SHORT)?;
    let names = list.split('\0').filter(|name| !name.is_empty() && root.join(name).is_file());
    Ok(names.map(str::to_owned).collect())
}

/// Gives every file the present time.
fn renew(root: &Path) -> Result<()> {
    let now = SystemTime::now();
    for name in list(root)? {
        let file = File::open(root.join(&name)).with_context(|| format!("{name} cannot be read"))?;
        file.set_modified(now).with_context(|| format!("the time of {name} cannot be set"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn clone(folder: &Path, name: &str, target: &Path) -> (Paths, PathBuf) {
        let root = folder.join(name);
        fs::create_dir(&root).unwrap();
        output(Command::new("git").args(["init", "-q"]).current_dir(&root), SHORT).unwrap();
        let file = root.join("a.rs");
        fs::write(&file, name).unwrap();
        (Paths { root, cache: folder.to_owned(), target: target.to_owned() }, file)
    }

    fn age(file: &Path) {
        let old = SystemTime::now() - Duration::from_secs(3600);
        File::open(file).unwrap().set_modified(old).unwrap();
    }

    fn is_new(file: &Path) -> bool {
        fs::metadata(file).unwrap().modified().unwrap() > SystemTime::now() - Duration::from_secs(600)
    }

    #[test]
    fn another_clone_gets_new_times_and_the_same_one_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let (one, file_of_one) = clone(folder.path(), "one", &target);
        let (two, file_of_two) = clone(folder.path(), "two", &target);
        for (paths, file, expect) in [
            (&one, &file_of_one, true),
            (&one, &file_of_one, false),
            (&two, &file_of_two, true),
            (&one, &file_of_one, true),
        ] {
            age(file);
            drop(claim(paths).unwrap());
            assert_eq!(is_new(file), expect, "{}", file.display());
        }
    }

    #[test]
    fn a_claim_holds_others_off() {
        let folder = tempfile::tempdir().unwrap();
        let (paths, _) = clone(folder.path(), "one", &folder.path().join("target"));
        let held = claim(&paths).unwrap();
        let file = File::open(paths.target.join("clone.lock")).unwrap();
        assert!(file.try_lock().is_err());
        drop(held);
        assert!(file.try_lock().is_ok());
    }
}

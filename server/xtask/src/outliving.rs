//! Processes that outlive this program: how a later run finds them again, and what is left when they have ended.
//!
//! A process is known by its number together with the time at which it began, because numbers are given anew.
//! Nothing here may end a process: that is for whoever started it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The process of a state, unless it has ended and another one has got its number since.
pub fn alive(state: &Value) -> Option<u32> {
    let pid = u32::try_from(state["pid"].as_u64()?).ok()?;
    let began = began(pid)?;
    (state["began"].as_str() == Some(began.as_str()) && !is_zombie(pid)).then_some(pid)
}

/// When a process began, in ticks since the machine started: field 22 of proc(5).
pub fn began(pid: u32) -> Option<String> {
    stat(pid)?.get(19).cloned()
}

pub fn is_zombie(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state == "Z"))
}

/// True when a process runs no more, whether or not somebody has collected its end.
pub fn has_ended(pid: u32) -> bool {
    stat(pid).is_none() || is_zombie(pid)
}

pub fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    all().filter(|pid| stat(*pid).is_some_and(|fields| fields.get(1) == Some(&parent))).collect()
}

/// The processes that were started with exactly this word among their arguments.
pub fn started_with(word: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|found| found == word.as_bytes())
    };
    all().filter(has).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
}

/// The fields of /proc/PID/stat after the name, which may itself contain blanks and brackets.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split_whitespace().map(str::to_owned).collect())
}

/// Waits for a condition also while we are being asked to stop: taking things down is part of stopping.
pub fn waited(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    condition()
}

/// Where the kernel keeps groups of processes: one tree, or one for each kind of resource.
pub const GROUPS: &str = "/sys/fs/cgroup";

/// Removes what is left of the groups of this name in every tree. One that is in use refuses, which is right.
pub fn remove_groups(name: &str) {
    for folder in groups(name) {
        remove_group(&folder);
    }
}

/// The groups of this name that exist.
pub fn groups(name: &str) -> Vec<std::path::PathBuf> {
    let root = Path::new(GROUPS);
    let trees = fs::read_dir(root).into_iter().flatten().flatten().map(|tree| tree.path().join(name));
    // A tree may be there a second time as a symbolic link, under the names of all that it counts.
    let mut found: Vec<_> = std::iter::once(root.join(name))
        .chain(trees)
        .filter(|folder| folder.is_dir())
        .filter_map(|folder| folder.canonicalize().ok())
        .collect();
    found.sort();
    found.dedup();
    found
}

fn remove_group(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let own = std::process::id();
        assert_eq!(alive(&json!({ "pid": own, "began": began(own) })), Some(own));
        assert_eq!(alive(&json!({ "pid": own, "began": "1" })), None);
        assert_eq!(alive(&json!({})), None);
    }

    #[test]
    fn finds_children_and_sees_their_end() {
        let word = format!("600.{}", std::process::id());
        let mut child = Command::new("sleep").arg(&word).spawn().unwrap();
        let found = (children(std::process::id()), has_ended(child.id()));
        // The child may not have become the other program yet.
        let named = waited(Duration::from_secs(10), || started_with(&word) == [child.id()]);
        child.kill().unwrap();
        let ended = waited(Duration::from_secs(10), || has_ended(child.id()));
        child.wait().unwrap();
        assert!(found.0.contains(&child.id()) && !found.1 && named && ended);
        assert!(has_ended(child.id()) && started_with(&word).is_empty());
    }
}

//! `cargo xtask size`: what a first visit loads, as it is sent: the main module with the parts of one group of pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::paths::Paths;
use crate::report::say;
use crate::site::{self, Quality};

/// The groups that somebody can meet first: sign-in, and the page after it.
const FIRST: [&str; 2] = ["entry", "home"];
/// What the first visit may load at most, in kB of brotli.
const MOST_KB: f64 = 350.0;
/// What it should load at most.
const GOAL_KB: f64 = 250.0;

/// Builds the site as it is shipped, says how large it is, and fails when a first visit loads too much.
pub fn check(paths: &Paths) -> Result<()> {
    let package = site::packaged(&site::build(paths, Quality::Release)?)?;
    let main = sent(&package, "heddle.wasm")?;
    say(format!("main module {}", kilobytes(main)));
    let list = fs::read(package.join(site::PRELOADS)).context("the list of parts cannot be read")?;
    let groups: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_slice(&list).context("the list of parts is not what was expected")?;
    let mut largest: f64 = 0.0;
    for (name, parts) in &groups {
        let mut size = 0;
        for part in parts {
            size += sent(&package, &format!("{part}.wasm"))?;
        }
        say(format!(
            "{name}: {} in {} parts, first visit {}",
            kilobytes(size),
            parts.len(),
            kilobytes(main + size)
        ));
        if FIRST.iter().any(|first| name.starts_with(&format!("{first}_"))) {
            largest = largest.max(kb(main + size));
        }
    }
    if largest == 0.0 {
        bail!("none of the first groups ({}) is there", FIRST.join(", "));
    }
    if largest > MOST_KB {
        bail!("a first visit loads {largest:.0} kB, more than {MOST_KB:.0} kB");
    }
    let verdict = if largest > GOAL_KB { "more than the goal of" } else { "within the goal of" };
    say(format!("a first visit loads {largest:.0} kB at most, {verdict} {GOAL_KB:.0} kB"));
    Ok(())
}

/// Bytes that a browser is sent: a file that does not shrink is sent as it is.
fn sent(package: &Path, file: &str) -> Result<u64> {
    let plain = package.join(file);
    let packed = package.join(format!("{file}.br"));
    let file = if packed.is_file() { packed } else { plain };
    Ok(fs::metadata(&file).with_context(|| format!("{} is not there", file.display()))?.len())
}

fn kb(bytes: u64) -> f64 {
    // Sizes of files here are far below what a float holds exactly.
    u32::try_from(bytes).map_or(f64::INFINITY, f64::from) / 1_000.0
}

fn kilobytes(bytes: u64) -> String {
    format!("{:.0} kB", kb(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_file_counts_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wasm"), [0; 3]).unwrap();
        assert_eq!(sent(folder.path(), "a.wasm").unwrap(), 3);
        fs::write(folder.path().join("a.wasm.br"), [0; 2]).unwrap();
        assert_eq!(sent(folder.path(), "a.wasm").unwrap(), 2);
        assert!(sent(folder.path(), "b.wasm").is_err());
    }
}

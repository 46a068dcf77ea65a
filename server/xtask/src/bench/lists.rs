//! Pages of long lists: with every filter and order a page is there at once, and the list's length does not matter.
//! Measured where pages are made, without HTTP and drawing, which cost the same whatever is listed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::figures::Samples;
use super::pool::slowest_but_few;
use super::portal::{self, Build};
use crate::paths::Paths;
use crate::process;
use crate::report::say;

/// Nineteen of twenty pages take at most so many milliseconds.
const SLOWEST_MS: f64 = 50.0;
/// A page of the long list takes at most so many times what one of the short list takes,
const RATIO: f64 = 1.3;
/// unless it is less than so many milliseconds more: a busy machine alone makes that.
const GRAIN_MS: f64 = 1.0;
/// The lengths that are compared with each other.
const COMPARED: [u32; 2] = [1_000, 100_000];
/// Filling takes minutes.
const LIMIT: Duration = Duration::from_secs(3_600);

/// Milliseconds of the pages of each look.
type Looks = BTreeMap<String, Vec<f64>>;

/// A data folder that is thrown away at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about a folder that stays; the figures are what matters.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Measures, and fails when some pages take too long.
pub fn run(paths: &Paths, build: Build, rows: &[u32]) -> Result<()> {
    let program = portal::build(paths, build, &["bench"])?;
    let mut measured = BTreeMap::new();
    for rows in rows {
        say(format!("filling a database with {rows} records of the audit and what belongs to them"));
        measured.insert(*rows, measure(&program, *rows)?);
    }
    let mut missed = too_slow(&measured);
    missed.extend(not_flat(&measured));
    if missed.is_empty() {
        return Ok(());
    }
    bail!("lists miss their promise:\n{}", missed.join("\n"))
}

fn measure(program: &Path, rows: u32) -> Result<Looks> {
    let folder = std::env::temp_dir().join(format!("heddle-bench-lists-{}-{rows}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let folder = Folder(folder);
    let mut command = Command::new(program);
    command.args(["--log", "error", "--data"]).arg(folder.0.join("data"));
    command.args(["bench-lists", "--rows", &rows.to_string()]);
    let told = process::output(&mut command, LIMIT)?;
    told.lines().map(read).collect()
}

fn read(line: &str) -> Result<(String, Vec<f64>)> {
    let told: Value = serde_json::from_str(line).with_context(|| format!("{line:?} tells no figures"))?;
    let look = told["look"].as_str().context("a look has no name")?.to_owned();
    let times = told["ms"].as_array().context("a look has no times")?;
    Ok((look, times.iter().filter_map(Value::as_f64).collect()))
}

/// Says how long each look takes, and returns those that take too long.
fn too_slow(measured: &BTreeMap<u32, Looks>) -> Vec<String> {
    let mut missed = Vec::new();
    for (rows, looks) in measured {
        for (look, times) in looks {
            let slowest = slowest_but_few(times.clone());
            say(format!("{rows:>8}  {slowest:8.2} ms for nineteen of twenty  {look}"));
            // What is no number is too slow as well.
            if !matches!(slowest.partial_cmp(&SLOWEST_MS), Some(order) if order.is_le()) {
                missed.push(format!("{look}: {slowest:.2} ms with {rows} rows, promised {SLOWEST_MS:.0}"));
            }
        }
    }
    missed
}

/// Says what becomes of each look when the list is long, and returns those that become slow.
fn not_flat(measured: &BTreeMap<u32, Looks>) -> Vec<String> {
    let [Some(short), Some(long)] = COMPARED.map(|rows| measured.get(&rows)) else { return Vec::new() };
    let mut missed = Vec::new();
    for (look, times) in short {
        let Some(later) = long.get(look) else { continue };
        let (short, long) = (median(times), median(later));
        let ratio = long / short;
        say(format!("{ratio:8.2} times as long with a hundred times the rows  {look}"));
        if ratio > RATIO && long - short > GRAIN_MS {
            missed.push(format!("{look}: {ratio:.2} times as long, promised {RATIO:.1}"));
        }
    }
    missed
}

fn median(times: &[f64]) -> f64 {
    let mut samples = Samples::default();
    times.iter().for_each(|time| samples.push(*time));
    samples.median()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(ms: f64) -> Looks {
        BTreeMap::from([("Chains admin".to_owned(), vec![ms; 20])])
    }

    #[test]
    fn what_takes_long_or_longer_is_told() {
        let measured = |short, long| BTreeMap::from([(1_000, looks(short)), (100_000, looks(long))]);
        assert_eq!((too_slow(&measured(5.0, 6.0)).len(), not_flat(&measured(5.0, 6.0)).len()), (0, 0));
        assert_eq!(too_slow(&measured(5.0, 51.0)).len(), 1);
        assert_eq!(too_slow(&measured(f64::NAN, 5.0)).len(), 1);
        assert_eq!(not_flat(&measured(5.0, 7.0)).len(), 1);
        assert!(not_flat(&measured(0.2, 0.4)).is_empty(), "that is noise");
        assert!(not_flat(&BTreeMap::from([(1_000, looks(1.0))])).is_empty(), "nothing to compare with");
    }

    #[test]
    fn a_line_is_read() {
        let line = "{\"look\":\"Audit admin who=x\",\"ms\":[1.5,2]}";
        assert_eq!(read(line).unwrap(), ("Audit admin who=x".to_owned(), vec![1.5, 2.0]));
        assert!(read("listening").is_err());
    }
}

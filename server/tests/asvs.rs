//! The requirements of OWASP ASVS 5.0.0 that the portal promises to meet, and what proves each: tests, by file and name,
//! or a sentence why it cannot apply. A test that is renamed or removed fails here, and so does one that is named after a
//! requirement (`v7_4_1_…`) and does not stand in the table. Nothing of the portal is run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "asvs/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rows::{Proof, Row, rows};

/// Folders of the product, below its root.
const SOURCES: [&str; 3] = ["app/src", "server", "end2end/specs"];
/// Folders that hold no sources of the product.
const OTHERS: [&str; 3] = ["target", "node_modules", "xtask"];
/// Crates of which the portal consists, and their sources.
const PORTAL: [&str; 8] = [
    "app/src",
    "server/src",
    "server/agents/src",
    "server/control/src",
    "server/domain/src",
    "server/fabric/src",
    "server/store/src",
    "server/workflow/src",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below a folder with its content, of these kinds.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !OTHERS.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "ts") {
                let content = std::fs::read_to_string(&path).unwrap();
                found.push((path, content));
            }
        }
    }
    found
}

/// The names of the tests in a source of Rust.
fn tests_of(content: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in content.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, named)) = line.split_once("fn ").filter(|_| is_test) {
            found.extend(named.split('(').next());
            is_test = false;
        }
    }
    found
}

/// Whether a file has a test of that name.
fn has(file: &str, name: &str) -> bool {
    let Ok(content) = std::fs::read_to_string(root().join(file)) else { return false };
    match file.strip_suffix(".ts") {
        Some(_) => content.contains(&format!("test('{name}'")),
        None => tests_of(&content).contains(name),
    }
}

/// A requirement that a test is named after: `v7_4_1_a_cookie` is about 7.4.1.
fn named_after(test: &str) -> Option<String> {
    let numbers: Vec<&str> = test.strip_prefix('v')?.splitn(4, '_').take(3).collect();
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (numbers.len() == 3 && numbers.iter().all(is_number)).then(|| numbers.join("."))
}

#[test]
fn every_requirement_has_a_test_or_a_sentence() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for Row { ids, proof } in rows() {
        for id in *ids {
            let is_id =
                id.split('.').count() == 3 && named_after(&format!("v{}_", id.replace('.', "_"))).is_some();
            if !is_id || !seen.insert(*id) {
                wrong.push(format!("{id} is no id, or is there twice"));
            }
        }
        match proof {
            Proof::Tests([]) => wrong.push(format!("{ids:?} is proved by nothing")),
            Proof::Tests(tests) => {
                let absent = tests.iter().filter(|(file, name)| !has(file, name));
                wrong.extend(absent.map(|(file, name)| format!("{ids:?}: no test {name} in {file}")));
            }
            Proof::None(sentence) => {
                if !sentence.ends_with('.') {
                    wrong.push(format!("{ids:?}: {sentence} is no sentence"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen.len(), 101, "a requirement went or came");
}

#[test]
fn every_test_that_is_named_after_a_requirement_stands_in_the_table() {
    let stands = |id: &str, test: &str| {
        rows().any(|row| {
            let is_there = |tests: &[(&str, &str)]| tests.iter().any(|(_, name)| *name == test);
            row.ids.contains(&id) && matches!(row.proof, Proof::Tests(tests) if is_there(tests))
        })
    };
    let mut named = 0;
    for (path, content) in SOURCES.into_iter().flat_map(files) {
        for test in tests_of(&content) {
            if let Some(id) = named_after(test) {
                named += 1;
                assert!(stands(&id, test), "{test} of {} does not stand at {id}", path.display());
            }
        }
    }
    assert!(named >= 10, "{named}");
}

/// There is nothing that an argument could get into as a command: the portal starts no program at all.
#[test]
fn v1_2_5_the_portal_starts_no_program() {
    for (path, content) in PORTAL.into_iter().flat_map(files) {
        for word in ["process::Command", "Command::new("] {
            assert!(!content.contains(word), "{word} in {}", path.display());
        }
    }
}

/// What may not be guessed is drawn from the operating system, and no identifier of a kind that says so is one.
#[test]
fn v11_5_1_nothing_is_drawn_from_a_weak_source() {
    for (path, content) in PORTAL.into_iter().flat_map(files) {
        for word in ["Uuid::", "thread_rng", "SmallRng", "fastrand", "StdRng"] {
            assert!(!content.contains(word), "{word} in {}", path.display());
        }
    }
}

//! The house rules that no lint knows, as a check: who may import whom, sizes, names, links.
//!
//! Each rule is a function from text to findings, with a test that shows what it refuses.

mod dependencies;
mod links;
mod roles;
mod rust;
mod text;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::licences;
use crate::paths::Paths;
use crate::process::{SHORT, output};
use crate::sources;

/// Everything that lies at the top of the project.
const TOP: [&str; 15] = [
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".gitignore",
    ".rustfmt.toml",
    "app",
    "Cargo.lock",
    "Cargo.toml",
    "end2end",
    "frontend",
    "public",
    "README.md",
    "rust-toolchain.toml",
    "server",
    "style",
];

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// File and line, or the crate that a dependency rule is about.
    pub place: String,
    pub text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }

    fn at(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self::new(format!("{file}:{line}"), text)
    }
}

/// Checks everything and lists what was found.
pub fn check(paths: &Paths) -> Result<()> {
    let mut findings = dependencies::check(&metadata(&paths.root)?)?;
    findings.extend(dependencies::browser(&pages(&paths.root)?)?);
    let refused = licences::refused(&licences::list(paths)?).into_iter();
    findings.extend(
        refused.map(|(name, terms)| Finding::new(name, format!("its licence is not accepted: {terms}"))),
    );
    let files = sources::list(&paths.root)?;
    findings.extend(strays(&files));
    for name in &files {
        // What is no text has no rules.
        let Ok(content) = fs::read_to_string(paths.root.join(name)) else { continue };
        findings.extend(text::check(name, &content));
        if name.ends_with(".rs") {
            findings.extend(rust::check(name, &content));
        }
        // Links of the manual are paths of the portal; a test of its own follows them.
        if name.ends_with(".md") && !name.starts_with("app/help/") {
            findings.extend(links::check(&paths.root, name, &content));
        }
    }
    for finding in &findings {
        println!("{}: {}", finding.place, finding.text);
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings in {} files", findings.len(), files.len());
    }
    println!("tidy: {} files, nothing found", files.len());
    Ok(())
}

/// What lies at the top and does not belong there, such as what a tool left behind.
fn strays(files: &[String]) -> Vec<Finding> {
    let stray = |name: &&String| match name.split_once('/') {
        Some((folder, _)) => !TOP.contains(&folder),
        None => !TOP.contains(&name.as_str()),
    };
    files.iter().filter(stray).map(|name| Finding::new(name, "it does not belong at the top")).collect()
}

fn metadata(root: &Path) -> Result<serde_json::Value> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(root);
    serde_json::from_str(&output(&mut cargo, SHORT)?).context("`cargo metadata` gave no JSON")
}

/// What the pages' WebAssembly is made from, without what only runs in the compiler.
fn pages(root: &Path) -> Result<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["tree", "--locked", "-p", "frontend", "--target", "wasm32-unknown-unknown"]);
    cargo.args(["-e", "normal,no-proc-macro", "--prefix", "depth", "--format", " {p}"]).current_dir(root);
    output(&mut cargo, SHORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_left_at_the_top_is_found() {
        let files = ["README.md", "server/src/main.rs", "cookies", "target-old/file"].map(str::to_owned);
        let places: Vec<String> = strays(&files).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["cookies", "target-old/file"]);
    }
}

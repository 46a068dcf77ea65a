//! The licences of everything the portal is built from: a list for people, and the check that each allows our use.
//!
//! The truth is what every crate's own manifest says, as `cargo metadata` tells it.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::paths::Paths;
use crate::process::{LONG, output};

/// Licences under which the portal may use and pass on a crate. All but the last are permissive or, as MPL-2.0,
/// concern only the crate's own files.
const ACCEPTED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    // SurrealDB's engine: free to embed in a product that is not itself a database service.
    "BUSL-1.1",
];

/// One crate of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Licence {
    pub name: String,
    pub version: String,
    /// An SPDX expression, or the name of the file that the crate brings instead.
    pub terms: String,
}

/// What the portal is built from, by name.
pub fn list(paths: &Paths) -> Result<Vec<Licence>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked"]).current_dir(&paths.root);
    let text = output(&mut cargo, LONG)?;
    read(&serde_json::from_str(&text).context("`cargo metadata` gave no JSON")?)
}

fn read(metadata: &Value) -> Result<Vec<Licence>> {
    let packages = metadata["packages"].as_array().context("`cargo metadata` lists no packages")?;
    let mut found = Vec::new();
    for package in packages {
        // Ours come from no registry.
        if package["source"].is_null() {
            continue;
        }
        let word = |key: &str| package[key].as_str().map(str::to_owned);
        found.push(Licence {
            name: word("name").context("a package has no name")?,
            version: word("version").context("a package has no version")?,
            terms: word("license")
                .or_else(|| word("license_file").map(|file| format!("see its {file}")))
                .unwrap_or_else(|| "none told".to_owned()),
        });
    }
    found.sort();
    Ok(found)
}

/// The list as text, a crate a line.
pub fn text(licences: &[Licence]) -> String {
    let width = licences.iter().map(|one| one.name.len() + one.version.len() + 1).max().unwrap_or(0);
    let lines = licences.iter().map(|one| {
        let what = format!("{} {}", one.name, one.version);
        format!("{what:width$}  {}\n", one.terms)
    });
    format!(
        "The portal is built from these crates, each under its own licence.\n\n{}",
        lines.collect::<String>()
    )
}

/// Names every crate whose terms are not among the accepted ones.
pub fn refused(licences: &[Licence]) -> Vec<(String, String)> {
    licences
        .iter()
        .filter(|one| !is_accepted(&one.terms))
        .map(|one| (format!("{} {}", one.name, one.version), one.terms.clone()))
        .collect()
}

fn is_accepted(terms: &str) -> bool {
    // Older manifests write a slash for "or", some with spaces.
    let Ok(expression) = Expression::parse_mode(&terms.replace(" / ", "/"), ParseMode::LAX) else {
        // A file of its own is for people to read.
        return terms.starts_with("see its ");
    };
    expression.evaluate(|wanted| wanted.license.id().is_some_and(|id| ACCEPTED.contains(&id.name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        for good in
            ["MIT", "MIT/Apache-2.0", "Apache-2.0 / MIT", "MIT OR GPL-3.0", "(MIT OR GPL-2.0) AND ISC"]
        {
            assert!(is_accepted(good), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND AGPL-3.0", "", "none told", "Proprietary"] {
            assert!(!is_accepted(bad), "{bad}");
        }
    }

    #[test]
    fn crates_of_others_are_listed() {
        let metadata = json!({ "packages": [
            { "name": "zed", "version": "1.0.0", "source": "registry", "license": "GPL-3.0" },
            { "name": "ours", "version": "0.1.0", "source": null, "license": null },
            { "name": "abc", "version": "2.0.0", "source": "registry", "license": null, "license_file": "TERMS" },
        ] });
        let found = read(&metadata).unwrap();
        assert_eq!(refused(&found), [("zed 1.0.0".to_owned(), "GPL-3.0".to_owned())]);
        let text = text(&found);
        assert!(text.ends_with("abc 2.0.0  see its TERMS\nzed 1.0.0  GPL-3.0\n"), "{text}");
    }
}

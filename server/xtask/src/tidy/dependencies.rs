//! Who may import whom, compared with what `cargo metadata` says.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Finding;

/// For each of our crates: which of our crates it may use. One that is missing here is refused.
const OURS: [(&str, &[&str]); 9] = [
    ("agents", &["domain"]),
    ("app", &["control", "domain"]),
    ("control", &["agents", "domain", "fabric", "store", "workflow"]),
    ("domain", &[]),
    ("fabric", &[]),
    ("frontend", &["app"]),
    ("server", &["agents", "app", "control", "domain", "fabric", "store", "workflow"]),
    ("store", &["domain", "workflow"]),
    ("workflow", &[]),
];

/// Crates from outside that only one of ours may use. A trailing star stands for any ending.
const ONLY_IN: [(&str, &str); 8] = [
    ("surrealdb*", "store"),
    ("bollard*", "agents"),
    ("kube*", "agents"),
    ("k8s-openapi", "agents"),
    ("lettre", "server"),
    ("tonic*", "fabric"),
    ("prost*", "fabric"),
    ("x509-cert", "fabric"),
];

/// Crates from outside that one of ours must not use.
const NEVER: [(&str, &[&str]); 3] = [
    ("control", &["axum*", "leptos*"]),
    ("domain", &["axum*", "leptos*", "tokio*", "chrono", "web-time"]),
    ("workflow", &["axum*", "leptos*"]),
];

/// Crates that nobody should have to download with the pages, and who may bring them all the same: crates of others
/// without which there are no pages, and of which the linker keeps what is used.
const BROWSER: [(&str, &[&str]); 9] = [
    ("axum*", &[]),
    ("chrono", &[]),
    ("hyper*", &[]),
    ("icu_*", &["icu_*", "idna_adapter"]),
    ("regex", &["leptos_config"]),
    ("reqwest", &[]),
    ("surrealdb*", &[]),
    ("tokio*", &[]),
    ("zxcvbn", &[]),
];

/// Checks the output of `cargo tree` for the pages' WebAssembly: in each line the depth and the name of a crate.
pub fn browser(tree: &str) -> Result<Vec<Finding>> {
    let (mut above, mut findings) = (Vec::<&str>::new(), Vec::<Finding>::new());
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let depth = words.next().and_then(|depth| depth.parse::<usize>().ok());
        let (Some(depth), Some(name)) = (depth, words.next()) else {
            bail!("`cargo tree` says something else than depth and crate: {line}");
        };
        above.truncate(depth);
        let by = above.last().copied().unwrap_or("nobody");
        let refused = BROWSER.iter().any(|(pattern, bringers)| {
            fits(pattern, name) && !bringers.iter().any(|bringer| fits(bringer, by))
        });
        let finding = Finding::new(name, format!("must not reach the browser, into which {by} brings it"));
        if refused && !findings.contains(&finding) {
            findings.push(finding);
        }
        above.push(name);
    }
    if above.is_empty() {
        bail!("`cargo tree` lists no crates of the pages");
    }
    Ok(findings)
}

/// Checks the output of `cargo metadata --no-deps`. Dependencies of every kind count: those of tests as well.
pub fn check(metadata: &Value) -> Result<Vec<Finding>> {
    let packages = metadata["packages"].as_array().context("`cargo metadata` lists no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let Some((_, allowed)) = OURS.iter().find(|(ours, _)| *ours == name) else {
            findings.push(Finding::new(name, "this crate has no row in the table of who may import whom"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().context("a dependency has no name")?;
            findings.extend(refusal(name, allowed, used).map(|text| Finding::new(name, text)));
        }
    }
    Ok(findings)
}

fn refusal(name: &str, allowed: &[&str], used: &str) -> Option<String> {
    if OURS.iter().any(|(ours, _)| *ours == used) {
        // A crate names itself where its tests want another feature of it.
        return (used != name && !allowed.contains(&used)).then(|| format!("must not use our crate {used}"));
    }
    if let Some((_, owner)) = ONLY_IN.iter().find(|(pattern, _)| fits(pattern, used))
        && *owner != name
    {
        return Some(format!("must not use {used}: only {owner} may"));
    }
    let mut never = NEVER.iter().filter(|(ours, _)| *ours == name).flat_map(|(_, list)| list.iter());
    never.any(|pattern| fits(pattern, used)).then(|| format!("must not use {used}"))
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(package: &str, used: &[&str]) -> usize {
        let used: Vec<Value> = used.iter().map(|name| json!({ "name": name, "kind": null })).collect();
        check(&json!({ "packages": [{ "name": package, "dependencies": used }] })).unwrap().len()
    }

    #[test]
    fn what_the_table_allows() {
        assert_eq!(findings("control", &["store", "agents", "serde", "tokio"]), 0);
        assert_eq!(findings("store", &["surrealdb", "domain", "workflow"]), 0);
        assert_eq!(findings("agents", &["bollard", "kube", "k8s-openapi"]), 0);
        assert_eq!(findings("fabric", &["tonic", "tonic-prost", "prost-types", "x509-cert", "rustls"]), 0);
        assert_eq!(findings("agents", &["rustls", "tokio", "agents"]), 0);
    }

    #[test]
    fn what_it_refuses() {
        let check = |package, used| assert_eq!(findings(package, &[used]), 1, "{package} uses {used}");
        for used in ["tokio", "surrealdb", "kube", "axum", "leptos", "leptos_router", "store"] {
            check("domain", used);
        }
        for used in ["store", "agents", "fabric", "workflow"] {
            check("app", used);
        }
        for used in ["axum", "leptos", "surrealdb-core", "prost", "app", "server"] {
            check("control", used);
        }
        check("agents", "store");
        check("store", "agents");
        check("server", "surrealdb");
        check("control", "lettre");
        check("server", "kube-runtime");
        check("fabric", "domain");
        check("workflow", "domain");
        check("frontend", "control");
    }

    #[test]
    fn what_reaches_the_browser() {
        let good = "0 frontend v0.1.0 (/a/path)\n1 leptos v0.8.23\n2 leptos_config v0.8.10\n3 regex v1.13.1\n\
            2 server_fn v0.8.13\n3 idna_adapter v1.2.2\n4 icu_normalizer v2.4.0\n5 icu_provider v2.4.0\n";
        assert!(browser(good).unwrap().is_empty());
        let bad = "1 app v0.1.0 (/a/path)\n2 domain v0.1.0\n3 chrono v0.4.0\n4 serde v1.0.0\n2 regex v1.13.1\n\
            2 icu_provider v2.4.0 (*)\n1 tokio-util v0.7.0\n1 app v0.1.0\n2 regex v1.13.1 (*)\n";
        let found = browser(&format!("{good}{bad}")).unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.place.as_str(), one.text.as_str())).collect();
        let text = |by: &str| format!("must not reach the browser, into which {by} brings it");
        let (domain, app, frontend) = (text("domain"), text("app"), text("frontend"));
        let expected = [
            ("chrono", domain.as_str()),
            ("regex", app.as_str()),
            ("icu_provider", app.as_str()),
            ("tokio-util", frontend.as_str()),
        ];
        assert_eq!(found, expected);
        for strange in ["", "frontend v0.1.0", "├── app v0.1.0"] {
            assert!(browser(strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert_eq!(findings("helper", &[]), 1);
    }
}

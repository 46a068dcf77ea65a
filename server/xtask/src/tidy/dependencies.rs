//! Who may import whom, compared with what `cargo metadata` says.

use anyhow::{Context, Result};
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
const ONLY_IN: [(&str, &str); 7] = [
    ("surrealdb*", "store"),
    ("bollard*", "agents"),
    ("kube*", "agents"),
    ("k8s-openapi", "agents"),
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
        check("server", "kube-runtime");
        check("fabric", "domain");
        check("workflow", "domain");
        check("frontend", "control");
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert_eq!(findings("helper", &[]), 1);
    }
}

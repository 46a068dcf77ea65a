//! What a cluster refuses although it is a good specification.
//!
//! It is refused here, in plain words and before anything is made, instead of by an API server halfway. Nothing that is
//! the same on every kind of host may be checked here.

use std::collections::BTreeSet;

use super::service::PUBLISHED_MAX;
use crate::{InvalidSpec, NodeSpec, Publish};

/// Most bytes of all files of one node. A Secret takes 1 MiB; the rest is room for its names and labels.
const FILES_BYTES_MAX: usize = 900 * 1024;
/// Longest value of a label, in characters.
const LABEL_VALUE_MAX: usize = 63;

/// Checks what only a cluster cannot do; `NodeSpec::check` comes before.
pub(crate) fn check(spec: &NodeSpec) -> Result<(), InvalidSpec> {
    if !is_label_value(&spec.operation) {
        return refused("operation", format!("{:?} cannot be a label", spec.operation));
    }
    check_files(spec)?;
    if let Some(data) = &spec.data_path
        && data.strip_prefix(&spec.config_path).is_some_and(|rest| rest.starts_with('/'))
    {
        return refused("data_path", "lies in the folder of the files, which cannot be written");
    }
    let printable = |name: &str| name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if let Some(name) = spec.environment.keys().find(|name| !printable(name)) {
        return refused("environment", format!("{name:?} is not a variable of a cluster"));
    }
    let published = spec.ports.iter().filter(|port| matches!(port.publish, Publish::Fixed(_)));
    if published.count() > PUBLISHED_MAX {
        return refused("ports", format!("at most {PUBLISHED_MAX} can be published"));
    }
    // A Service has a stricter name than a container: it begins with a letter, and a double hyphen is ours.
    let servable = |alias: &str| {
        alias.contains('.')
            || (alias.starts_with(|first: char| first.is_ascii_lowercase()) && !alias.contains("--"))
    };
    match spec.aliases.iter().find(|alias| !servable(alias)) {
        Some(alias) => refused("aliases", format!("{alias:?} cannot name a Service")),
        None => Ok(()),
    }
}

fn check_files(spec: &NodeSpec) -> Result<(), InvalidSpec> {
    let bytes: usize = spec.files.iter().map(|file| file.content.len()).sum();
    if bytes > FILES_BYTES_MAX {
        return refused(
            "files",
            format!(
                "have {bytes} bytes; a node on a cluster can have {FILES_BYTES_MAX}, for they are one Secret"
            ),
        );
    }
    let paths: BTreeSet<&str> = spec.files.iter().map(|file| file.path.as_str()).collect();
    for path in &paths {
        if path.starts_with("..") {
            return refused("files", format!("{path:?} begins with two dots"));
        }
        let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(folder) = folders.find(|folder| paths.contains(folder)) {
            return refused("files", format!("{folder:?} is both a file and a folder"));
        }
    }
    Ok(())
}

fn is_label_value(text: &str) -> bool {
    let ends_well = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= LABEL_VALUE_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && ends_well(text.bytes().next())
        && ends_well(text.bytes().next_back())
}

fn refused(field: &'static str, why: impl Into<String>) -> Result<(), InvalidSpec> {
    Err(InvalidSpec { field, why: why.into() })
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::node::tests::peer;
    use crate::{NodeFile, PortSpec};

    fn file(path: &str, size: usize) -> NodeFile {
        NodeFile { path: path.into(), content: Zeroizing::new(vec![0; size]), mode: 0o644, secret: false }
    }

    #[track_caller]
    fn refuses(field: &str, change: impl FnOnce(&mut NodeSpec)) {
        let mut spec = peer();
        change(&mut spec);
        assert_eq!(spec.check(), Ok(()), "the specification itself must be good");
        assert_eq!(check(&spec).unwrap_err().field, field);
    }

    #[test]
    fn a_good_specification_passes() {
        assert_eq!(check(&peer()), Ok(()));
        let large = NodeSpec { files: vec![file("a", FILES_BYTES_MAX)], ..peer() };
        assert_eq!(check(&large), Ok(()));
        let beside = NodeSpec { data_path: Some("/etc/heddle-data".into()), ..peer() };
        assert_eq!(check(&beside), Ok(()));
    }

    #[test]
    fn files_that_no_secret_takes_are_refused() {
        refuses("files", |spec| spec.files = vec![file("a", FILES_BYTES_MAX), file("b", 1)]);
        refuses("files", |spec| spec.files = vec![file("..a", 1)]);
        refuses("files", |spec| spec.files = vec![file("a", 1), file("a/b/c", 1)]);
        refuses("files", |spec| spec.files = vec![file("a/b/c", 1), file("a/b", 1)]);
    }

    #[test]
    fn what_no_pod_can_be_is_refused() {
        refuses("operation", |spec| spec.operation = "op 1".into());
        refuses("operation", |spec| spec.operation = "o".repeat(64));
        refuses("operation", |spec| spec.operation = "op-".into());
        refuses("data_path", |spec| spec.data_path = Some("/etc/heddle/data".into()));
        refuses("environment", |spec| {
            spec.environment.insert("N\u{e4}me".into(), String::new());
        });
        refuses("aliases", |spec| spec.aliases.push("0peer".into()));
        refuses("aliases", |spec| spec.aliases.push("peer0--public".into()));
        refuses("ports", |spec| {
            spec.ports = (1..=9)
                .map(|nth| PortSpec { container: 7000 + nth, publish: Publish::Fixed(31_000 + nth) })
                .collect();
        });
    }
}

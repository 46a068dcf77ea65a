//! Names and labels of our objects on a cluster.
//!
//! Names follow from the specification alone, so that a second try finds what the first one made. Our own names hold
//! no double hyphen; that is what separates them wherever two objects of one kind could run into each other. Every name
//! is a DNS label, also where a cluster would take more.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::labels::{CHAIN, INSTALLATION, NODE};
use crate::node::{check_installation, check_name};
use crate::{NodeFile, NodeRef};

/// The account that the nodes of a chain run under; it may do nothing.
pub(crate) const ACCOUNT: &str = "node";
/// The Secret by which a chain's images are pulled.
pub(crate) const REGISTRIES: &str = "registries";
/// What says how many orderers of a chain may be away at once.
pub(crate) const ORDERERS: &str = "orderers";
/// Longest DNS label.
const LABEL_MAX: usize = 63;
/// Hexadecimal digits by which something long is told apart.
const DIGITS: usize = 8;

/// Namespace of a chain.
pub(crate) fn namespace(prefix: &str, installation: &str, chain: &str) -> String {
    fitted(format!("{prefix}-{installation}-{chain}"))
}

/// Namespace of what belongs to the portal and to no chain.
pub(crate) fn home(prefix: &str, installation: &str) -> String {
    fitted(format!("{prefix}-{installation}"))
}

/// Name of the Secret with a node's files; other files have another name, because a Secret never changes.
pub(crate) fn files_secret(node: &str, files: &[NodeFile]) -> String {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut hash = Sha256::new();
    for file in sorted {
        for part in [file.path.as_bytes(), file.content.as_slice()] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
    }
    format!("{node}-files-{}", digits(hash))
}

/// Name of the claim on the volume that a node's data is in.
pub(crate) fn claim(node: &str) -> String {
    format!("{node}-data")
}

/// Name of the Service by which users reach a node.
pub(crate) fn public(node: &str) -> String {
    format!("{node}--public")
}

/// Name of a volume that no storage class makes. It is known in the whole cluster, so it holds the namespace.
pub(crate) fn volume(namespace: &str, node: &str) -> String {
    fitted(format!("{namespace}--{}", claim(node)))
}

/// Name of a Pod that does something short for a chain, or for one of its nodes.
pub(crate) fn errand(what: &str, namespace: &str, node: Option<&str>) -> String {
    fitted(match node {
        Some(node) => format!("{what}--{namespace}--{node}"),
        None => format!("{what}--{namespace}"),
    })
}

/// Cuts a name to a DNS label. What was cut off is told by a hash; the double hyphen in front of it keeps such a name
/// apart from those that needed no cutting.
fn fitted(name: String) -> String {
    if name.len() <= LABEL_MAX {
        return name;
    }
    let kept: String = name.chars().take(LABEL_MAX - DIGITS - 2).collect();
    format!("{}--{}", kept.trim_end_matches('-'), digits(Sha256::new().chain_update(&name)))
}

fn digits(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..DIGITS / 2])
}

/// Reads the node that an object belongs to; `None` when the labels are not ours or not legal.
pub(crate) fn node_of(labels: &BTreeMap<String, String>) -> Option<NodeRef> {
    let node = NodeRef::new(labels.get(INSTALLATION)?, labels.get(CHAIN)?, labels.get(NODE)?);
    node.check().ok().map(|()| node)
}

/// The label selector that lists only an installation's objects, or only those of one of its chains.
///
/// A comma or a space in a name would be read as more of the selector, so names are checked before they become one.
pub(crate) fn selector(installation: &str, chain: Option<&str>) -> Option<String> {
    check_installation(installation).ok()?;
    let wanted = format!("{INSTALLATION}={installation}");
    match chain {
        Some(chain) => {
            check_name("chain", chain).ok()?;
            Some(format!("{wanted},{CHAIN}={chain}"))
        }
        None => Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{ObjectLabels, labels};

    fn file(path: &str, content: &str) -> NodeFile {
        let content = Zeroizing::new(content.as_bytes().to_vec());
        NodeFile { path: path.into(), content, mode: 0o644, secret: false }
    }

    #[test]
    fn different_objects_of_a_kind_never_share_a_name() {
        let parts = ["a", "b", "a-b", "data", "a-data", "public", "a-public", "files"];
        let mut services = std::collections::BTreeSet::new();
        let mut claims = std::collections::BTreeSet::new();
        let mut volumes = std::collections::BTreeSet::new();
        for node in parts {
            assert!(services.insert(node.to_owned()));
            assert!(services.insert(public(node)));
            assert!(claims.insert(claim(node)));
            for chain in parts {
                assert!(volumes.insert(volume(&namespace("heddle", "i", chain), node)));
            }
        }
    }

    #[test]
    fn names_are_as_people_expect_them() {
        assert_eq!(namespace("heddle", "abc123", "demo"), "heddle-abc123-demo");
        assert_eq!(home("heddle", "abc123"), "heddle-abc123");
        assert_eq!(claim("peer0-org1"), "peer0-org1-data");
        assert_eq!(public("peer0-org1"), "peer0-org1--public");
        assert_eq!(volume("heddle-abc123-demo", "peer0-org1"), "heddle-abc123-demo--peer0-org1-data");
    }

    #[test]
    fn long_names_are_cut_and_still_told_apart() {
        let (prefix, chain) = ("a".repeat(20), "c".repeat(40));
        let name = namespace(&prefix, "abcdefghijkl", &chain);
        assert_eq!(name.len(), LABEL_MAX);
        assert_ne!(name, namespace(&prefix, "abcdefghijkl", &format!("{}d", "c".repeat(39))));
        let at_a_hyphen = format!("{}-{}", "c".repeat(18), "d".repeat(21));
        assert!(!namespace(&prefix, "abcdefghijkl", &at_a_hyphen).contains("---"));
    }

    #[test]
    fn other_files_have_another_name_and_their_order_does_not_matter() {
        let (a, b) = (file("a", "1"), file("b", "2"));
        let name = files_secret("peer0", &[a.clone(), b.clone()]);
        assert_eq!(name, files_secret("peer0", &[b.clone(), a.clone()]));
        assert_eq!(name.len(), "peer0-files-".len() + DIGITS);
        assert_ne!(name, files_secret("peer0", std::slice::from_ref(&a)));
        assert_ne!(name, files_secret("peer0", &[a.clone(), file("b", "3")]));
        assert_ne!(name, files_secret("peer0", &[a, file("c", "2")]));
        assert_ne!(files_secret("n", &[file("ab", "c")]), files_secret("n", &[file("a", "bc")]));
    }

    #[test]
    fn a_selector_is_made_only_of_legal_names() {
        assert_eq!(selector("abc", None).as_deref(), Some("heddle.installation=abc"));
        assert_eq!(
            selector("abc", Some("demo")).as_deref(),
            Some("heddle.installation=abc,heddle.chain=demo")
        );
        assert_eq!(selector("", None), None);
        assert_eq!(selector("a,b", None), None);
        assert_eq!(selector("abc", Some("demo,heddle.node=x")), None);
    }

    #[test]
    fn labels_read_back_as_the_node_they_were_made_for() {
        let node = NodeRef::new("abc", "demo", "peer0");
        let of = ObjectLabels {
            installation: "abc".into(),
            chain: "demo".into(),
            node: "peer0".into(),
            operation: "op".into(),
        };
        assert_eq!(node_of(&labels::of(&of, &[])), Some(node));
        let shared = ObjectLabels { node: String::new(), ..of };
        assert_eq!(node_of(&labels::of(&shared, &[])), None);
        let foreign = BTreeMap::from([
            (INSTALLATION.to_owned(), "abc".to_owned()),
            (CHAIN.to_owned(), "demo".to_owned()),
            (NODE.to_owned(), "Not A Name".to_owned()),
        ]);
        assert_eq!(node_of(&foreign), None);
    }
}

//! Names and labels of our objects on an engine.
//!
//! Names follow from the specification alone, so that a second try finds what the first one made. Our own names
//! hold no double hyphen; that is what separates them here, so that no two specifications share a name.

use std::collections::HashMap;

use crate::NodeRef;
pub(crate) use crate::labels::{
    CHAIN, CHAIN_NETWORK, CHAINCODE_NETWORK, CONFIG, DATA, FINGERPRINT, INSTALLATION, KEEPS_DATA, KIND, NODE,
    OPERATION, PURPOSE,
};
use crate::node::{check_installation, check_name};

/// Name of a node's container.
pub(crate) fn container(node: &NodeRef) -> String {
    format!("heddle-{}-{}--{}", node.installation, node.chain, node.node)
}

/// Name of a node's volume.
pub(crate) fn volume(node: &NodeRef, purpose: &str) -> String {
    format!("{}--{purpose}", container(node))
}

/// Name of one of a chain's networks.
pub(crate) fn network(installation: &str, chain: &str, purpose: &str) -> String {
    if purpose == CHAIN_NETWORK {
        format!("heddle-{installation}-{chain}")
    } else {
        format!("heddle-{installation}-{chain}--{purpose}")
    }
}

/// True when the labels say that the object belongs to this chain.
pub(crate) fn belongs(labels: &HashMap<String, String>, installation: &str, chain: &str) -> bool {
    let is = |name: &str, wanted: &str| labels.get(name).is_some_and(|found| found == wanted);
    is(INSTALLATION, installation) && is(CHAIN, chain)
}

/// True when the labels say that the object belongs to this node.
pub(crate) fn belongs_to_node(labels: &HashMap<String, String>, node: &NodeRef) -> bool {
    belongs(labels, &node.installation, &node.chain) && labels.get(NODE) == Some(&node.node)
}

/// Reads the node that an object belongs to; `None` when the labels are not ours or not legal.
pub(crate) fn node_of(labels: &HashMap<String, String>) -> Option<NodeRef> {
    let node = NodeRef::new(labels.get(INSTALLATION)?, labels.get(CHAIN)?, labels.get(NODE)?);
    node.check().ok().map(|()| node)
}

/// The filter that lists only an installation's objects, or only those of one of its chains.
///
/// The engine reads an empty value as "any", so names are checked before they become a filter.
pub(crate) fn filter(installation: &str, chain: Option<&str>) -> Option<HashMap<String, Vec<String>>> {
    check_installation(installation).ok()?;
    let mut wanted = vec![format!("{INSTALLATION}={installation}")];
    if let Some(chain) = chain {
        check_name("chain", chain).ok()?;
        wanted.push(format!("{CHAIN}={chain}"));
    }
    Some(HashMap::from([("label".to_owned(), wanted)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ObjectLabels, labels};

    #[test]
    fn different_objects_never_share_a_name() {
        let parts = ["a", "b", "a-b", "data", "a-data", "chaincode", "a-chaincode", "config"];
        let mut containers = std::collections::BTreeSet::new();
        let mut volumes = std::collections::BTreeSet::new();
        let mut networks = std::collections::BTreeSet::new();
        for chain in parts {
            for purpose in [CHAIN_NETWORK, CHAINCODE_NETWORK] {
                assert!(networks.insert(network("i", chain, purpose)));
            }
            for node in parts {
                let node = NodeRef::new("i", chain, node);
                assert!(containers.insert(container(&node)));
                for purpose in [DATA, CONFIG] {
                    assert!(volumes.insert(volume(&node, purpose)));
                }
            }
        }
    }

    #[test]
    fn a_filter_is_made_only_of_legal_names() {
        assert!(filter("abc", None).is_some());
        assert!(filter("", None).is_none());
        assert!(filter("abc", Some("")).is_none());
        assert!(filter("abc", Some("demo")).is_some_and(|filter| filter["label"].len() == 2));
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
        let labels: HashMap<String, String> = labels::of(&of, &[(KIND, "peer")]);
        assert_eq!(node_of(&labels), Some(node.clone()));
        assert!(belongs_to_node(&labels, &node));
        assert!(!belongs_to_node(&labels, &NodeRef::new("abd", "demo", "peer0")));
        assert!(!belongs(&labels, "abc", "demo2"));
    }
}

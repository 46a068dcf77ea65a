//! The labels by which our objects are known on every kind of host.
//!
//! What a label is called and which words it may hold is decided here once, so that an object reads the same on an
//! engine and on a cluster. Nothing here may make a label out of text from outside.

use crate::ObjectLabels;

/// Which portal an object belongs to.
pub(crate) const INSTALLATION: &str = "heddle.installation";
/// Which chain.
pub(crate) const CHAIN: &str = "heddle.chain";
/// Which node; absent on what a chain's nodes share.
pub(crate) const NODE: &str = "heddle.node";
/// Which operation made it.
pub(crate) const OPERATION: &str = "heddle.operation";
/// What kind of node.
pub(crate) const KIND: &str = "heddle.kind";
/// Fingerprint of the specification; too long for a label of a cluster, where it is an annotation.
pub(crate) const FINGERPRINT: &str = "heddle.fingerprint";
/// What an object is for: one of the words below.
pub(crate) const PURPOSE: &str = "heddle.purpose";
/// On an engine `true` on the container and the configuration volume of a node that keeps data; on a cluster the claim
/// that the data was in.
pub(crate) const KEEPS_DATA: &str = "heddle.keeps-data";
/// Which of the chain's networks a pod is in; engines have networks instead.
pub(crate) const NETWORK: &str = "heddle.network";

/// Purpose of the volume that a node's data is in.
pub(crate) const DATA: &str = "data";
/// Purpose of what a node's files are in.
pub(crate) const CONFIG: &str = "config";
/// Purpose of the chain's own network, and of a pod that is in it alone.
pub(crate) const CHAIN_NETWORK: &str = "chain";
/// Purpose of the network for chaincode, and of a pod that is in it alone.
pub(crate) const CHAINCODE_NETWORK: &str = "chaincode";

/// The labels that an object carries, and those that only its kind of object has. Each kind of host wants a map of its own.
pub(crate) fn of<M: FromIterator<(String, String)>>(of: &ObjectLabels, more: &[(&str, &str)]) -> M {
    let node = (!of.node.is_empty()).then_some((NODE, of.node.as_str()));
    [(INSTALLATION, of.installation.as_str()), (CHAIN, of.chain.as_str()), (OPERATION, of.operation.as_str())]
        .into_iter()
        .chain(node)
        .chain(more.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn every_kind_of_host_sees_the_same_labels() {
        let check = |node: &str, expect: &[(&str, &str)]| {
            let text = |text: &str| text.to_owned();
            let object = ObjectLabels {
                installation: text("abc"),
                chain: text("demo"),
                node: text(node),
                operation: text("op"),
            };
            let expect: BTreeMap<String, String> =
                expect.iter().map(|(name, value)| (text(name), text(value))).collect();
            let more = [(KIND, "peer")];
            assert_eq!(of::<BTreeMap<String, String>>(&object, &more), expect);
            let expect: HashMap<String, String> = expect.into_iter().collect();
            assert_eq!(of::<HashMap<String, String>>(&object, &more), expect);
        };
        let shared = [(INSTALLATION, "abc"), (CHAIN, "demo"), (OPERATION, "op"), (KIND, "peer")];
        check("", &shared);
        let mut own = shared.to_vec();
        own.push((NODE, "peer0"));
        check("peer0", &own);
    }
}

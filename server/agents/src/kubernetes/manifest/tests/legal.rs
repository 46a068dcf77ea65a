//! Whatever names a chain and its nodes have, a cluster takes all of ours.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::*;

/// A DNS label: what every kind of object may be called.
fn is_label(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(legal)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// What the value of a label may be.
fn is_label_value(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= 63 && text.bytes().all(legal)
}

/// Everything that the cluster reads as a name or as a label's value.
fn check_document(document: &Value) -> Result<(), String> {
    let metadata = &document["metadata"];
    for field in ["name", "namespace"] {
        if let Some(name) = metadata[field].as_str()
            && !is_label(name)
        {
            return Err(format!("{field} {name:?} of a {}", document["kind"]));
        }
    }
    let pod_labels = &document["spec"]["template"]["metadata"]["labels"];
    for labels in [&metadata["labels"], pod_labels] {
        for value in labels.as_object().into_iter().flat_map(|labels| labels.values()) {
            if !value.as_str().is_some_and(is_label_value) {
                return Err(format!("label {value} of a {}", document["kind"]));
            }
        }
    }
    Ok(())
}

#[test]
fn ports_have_names_that_containers_may_have() {
    let names: BTreeSet<String> = service::published_names().collect();
    assert_eq!(names.len(), service::PUBLISHED_MAX);
    assert!(names.iter().all(|name| name.len() <= 15 && is_label(name)));
}

#[test]
fn the_longest_names_are_legal_too() {
    let space_spec =
        SpaceSpec { installation: "a".repeat(12), chain: "c".repeat(40), operation: "o".repeat(63) };
    let SpaceSpec { installation, chain, operation } = space_spec.clone();
    let spec = NodeSpec { installation, chain, operation, node: "n".repeat(40), ..orderer(0) };
    let prefix = ClusterSettings { namespace_prefix: "p".repeat(20), ..ClusterSettings::default() };
    let options = options(ClusterSettings { storage: nfs(), ..prefix });
    assert_eq!((spec.check(), check(&spec)), (Ok(()), Ok(())));
    let pod = folder_pod(&space_spec, Some(&spec.node), Folder::Remove, IMAGE, &options).unwrap();
    let all = [documents(node(&spec, IMAGE, &options)), space_documents(space(&space_spec, &options))];
    for document in all.iter().flatten().chain([&value(&pod)]) {
        assert_eq!(check_document(document), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_name_is_legal(
        prefix in "[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,4}){0,3}",
        installation in "[a-z0-9]{1,12}",
        chain in "[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,7}){0,4}",
        node_name in "[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,7}){0,4}",
        with_orderer in proptest::bool::ANY,
    ) {
        let base = if with_orderer { orderer(0) } else { watched_peer() };
        let spec = NodeSpec {
            installation: installation.clone(),
            chain: chain.clone(),
            node: node_name.clone(),
            ..base
        };
        prop_assert_eq!(spec.check(), Ok(()));
        prop_assert_eq!(check(&spec), Ok(()));
        let space_spec = SpaceSpec { installation, chain, operation: "op-1".into() };
        let settings = ClusterSettings { namespace_prefix: prefix, ..ClusterSettings::default() };
        let options = options(ClusterSettings { storage: node_local(), ..settings });
        let mut all = documents(node(&spec, IMAGE, &options));
        all.extend(space_documents(space(&space_spec, &options)));
        for act in [Folder::Make, Folder::Keep, Folder::Remove] {
            for of in [Some(node_name.as_str()), None] {
                let pod = folder_pod(&space_spec, of, act, IMAGE, &options);
                all.extend(pod.as_ref().map(value));
            }
        }
        let mut seen = BTreeSet::new();
        for document in &all {
            prop_assert_eq!(check_document(document), Ok(()));
            let key = (document["kind"].to_string(), document["metadata"]["name"].to_string());
            prop_assert!(seen.insert(key), "two objects of a kind share a name");
        }
    }
}

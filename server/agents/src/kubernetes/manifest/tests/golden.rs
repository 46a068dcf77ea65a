//! Golden manifests: whatever changes in what we ask of a cluster shows in a review of these files.
//!
//! `HEDDLE_GOLDEN=write cargo test` writes them anew. They are compared by what they say, so that somebody may set them
//! in another way.

use std::path::Path;

use super::*;

/// Compares objects with a file of YAML documents.
#[track_caller]
fn golden(name: &str, found: Vec<Value>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kubernetes").join(name);
    let found: Vec<Value> = found.into_iter().map(sorted).collect();
    if std::env::var("HEDDLE_GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, serde_saphyr::to_string_multiple(&found).unwrap()).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let expected: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let expected: Vec<Value> = expected.into_iter().map(sorted).collect();
    let shown = |documents: &[Value]| documents.iter().map(|one| format!("{one:#}\n")).collect::<String>();
    assert_eq!(
        shown(&found),
        shown(&expected),
        "{name} differs; if that is meant, run with HEDDLE_GOLDEN=write"
    );
}

/// Maps are sorted here, because the order in which they are sent has no meaning.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Only the objects of these kinds: what the other ones are shows in another file.
fn only(kinds: &[&str], documents: Vec<Value>) -> Vec<Value> {
    let wanted = |one: &Value| one["kind"].as_str().is_some_and(|kind| kinds.contains(&kind));
    documents.into_iter().filter(wanted).collect()
}

#[test]
fn one_orderer() {
    golden("orderer.yaml", documents(node(&orderer(0), IMAGE, &options(ClusterSettings::default()))));
}

#[test]
fn three_orderers_share_one_budget() {
    let mut all: Vec<Value> = Vec::new();
    for nth in 0..3 {
        for document in documents(node(&orderer(nth), IMAGE, &options(ClusterSettings::default()))) {
            if !all.contains(&document) {
                all.push(document);
            }
        }
    }
    golden("orderers_three.yaml", all);
}

#[test]
fn a_peer_at_node_ports() {
    let options = options(ClusterSettings::default());
    golden("peer_node_port.yaml", documents(node(&watched_peer(), IMAGE, &options)));
}

#[test]
fn a_peer_behind_a_load_balancer() {
    let annotations = BTreeMap::from([("example.com/load-balancer".to_owned(), "internal".to_owned())]);
    let options = exposed(ClusterExposure::LoadBalancer { annotations });
    golden("peer_load_balancer.yaml", only(&["Service"], documents(node(&watched_peer(), IMAGE, &options))));
}

#[test]
fn a_peer_inside_only() {
    let options = exposed(ClusterExposure::ClusterIp);
    golden("peer_cluster_ip.yaml", only(&["Service"], documents(node(&watched_peer(), IMAGE, &options))));
}

#[test]
fn storage_of_every_kind() {
    let kinds = ["PersistentVolume", "PersistentVolumeClaim"];
    let named = ClusterStorage::Class { name: Some("fast".into()) };
    let files = [
        ("storage_class.yaml", named),
        ("storage_nfs.yaml", nfs()),
        ("storage_node_local.yaml", node_local()),
    ];
    for (file, storage) in files {
        golden(file, only(&kinds, documents(node(&peer(), IMAGE, &stored(storage)))));
    }
}

#[test]
fn folders_are_made_and_removed() {
    for (file, storage) in [("folders_nfs.yaml", nfs()), ("folders_node_local.yaml", node_local())] {
        let options = stored(storage);
        let pods = [
            folder_pod(&chain_space(), Some("peer0-org1"), Folder::Make, IMAGE, &options),
            folder_pod(&chain_space(), Some("peer0-org1"), Folder::Remove, IMAGE, &options),
            folder_pod(&chain_space(), None, Folder::Remove, IMAGE, &options),
            folder_pod(&chain_space(), None, Folder::Keep, IMAGE, &options),
        ];
        golden(file, pods.iter().flatten().map(value).collect());
    }
}

#[test]
fn a_chaincode_at_particular_machines() {
    golden("chaincode.yaml", documents(node(&chaincode(), IMAGE, &particular())));
}

#[test]
fn a_chain_with_a_registry_that_asks_for_a_name() {
    let inside = KubernetesOptions { portal_namespace: Some("heddle-portal".into()), ..particular() };
    golden("space.yaml", space_documents(space(&chain_space(), &inside)));
}

#[test]
fn a_probe() {
    golden("probe_pod.yaml", vec![value(&probe_pod("probe-1", IMAGE, &particular()))]);
}

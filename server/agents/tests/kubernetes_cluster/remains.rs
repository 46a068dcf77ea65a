//! What a removed chain leaves on a cluster, as the cluster itself lists it: nothing.

use std::collections::BTreeSet;

use agents::Agent;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use crate::bed::{Bed, on_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_removed_chain_the_cluster_lists_no_namespace_no_claim_and_no_volume() {
    on_cluster(async |bed| {
        let before = listed(&bed).await;
        assert_eq!(before, BTreeSet::new());
        bed.agent.ensure_space(&bed.space("gone")).await.unwrap();
        for name in ["peer0", "peer1"] {
            let spec = bed.keeping("gone", name);
            bed.agent.ensure_node(&spec).await.unwrap();
            bed.lines_with(&spec.node_ref(), "boot 1").await;
        }
        let there = listed(&bed).await;
        let count = |kind: &str| there.iter().filter(|object| object.starts_with(kind)).count();
        assert_eq!((count("namespace"), count("claim"), count("volume")), (1, 2, 2), "{there:?}");
        bed.agent.remove_space(&bed.installation, "gone").await.unwrap();
        assert_eq!(listed(&bed).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portals_own_namespace_goes_once_no_chain_is_left_and_nobody_keeps_something_there() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("last")).await.unwrap();
        assert!(bed.agent.remove_home(&bed.installation).await.unwrap().is_empty(), "a chain is there");
        bed.agent.remove_space(&bed.installation, "last").await.unwrap();
        let removed = bed.agent.remove_home(&bed.installation).await.unwrap();
        assert_eq!(removed.networks.len(), 1, "{removed:?}");
        assert!(bed.agent.remove_home(&bed.installation).await.unwrap().is_empty());
        // It is made again for whoever needs it, also while the cluster still removes the one before.
        bed.agent.ensure_space(&bed.space("last")).await.unwrap();
        let namespaces: Api<Namespace> = Api::all(bed.hands.clone());
        let home = removed.networks[0].as_str();
        let before = namespaces.get(home).await.unwrap().metadata;
        namespaces.delete(home, &DeleteParams::foreground()).await.unwrap();
        bed.agent.ensure_space(&bed.space("last")).await.unwrap();
        let now = namespaces.get(home).await.unwrap().metadata;
        assert_ne!(now.uid, before.uid);
        assert_eq!(now.deletion_timestamp, None);
    })
    .await;
}

/// Namespaces, claims and volumes of the chain. Volumes are told by what they were made for: those that a storage class
/// made have no labels of ours.
async fn listed(bed: &Bed) -> BTreeSet<String> {
    let namespace = bed.namespace(&bed.installation, "gone");
    let all = ListParams::default();
    let namespaces: Api<Namespace> = Api::all(bed.hands.clone());
    let found = namespaces.list(&all).await.unwrap().into_iter().filter_map(|one| one.metadata.name);
    let mut listed: BTreeSet<String> =
        found.filter(|name| *name == namespace).map(|name| format!("namespace {name}")).collect();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(bed.hands.clone(), &namespace);
    let found = claims.list(&all).await.unwrap().into_iter().filter_map(|one| one.metadata.name);
    listed.extend(found.map(|name| format!("claim {name}")));
    let volumes: Api<PersistentVolume> = Api::all(bed.hands.clone());
    let found = volumes.list(&all).await.unwrap().into_iter().filter(|volume| {
        let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        claim.and_then(|claim| claim.namespace.as_ref()) == Some(&namespace)
    });
    listed.extend(found.filter_map(|one| one.metadata.name).map(|name| format!("volume {name}")));
    listed
}

//! The data of nodes: the claim on a volume, and what remembers that there was one.
//!
//! A node that had data is never started empty by itself: an orderer that restarts empty under its old identity breaks
//! consensus. What runs a node and what holds its files carry the identity of the claim that its data was in; a claim
//! that is gone, or another one under the same name, is lost data.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::host::cluster::ClusterStorage;
use domain::node::{NodeReason, ReasonKind};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, PartialObjectMeta};

use super::apply::{self, Owner};
use super::cluster::{Cluster, selector_of};
use super::manifest::NodeObjects;
use super::status::Controller;
use super::{names, request, status};
use crate::labels::KEEPS_DATA;
use crate::{AgentError, DataVolume, NodeRef, NodeSpec};

/// A volume that was given up is gone by then.
const VOLUME_MAX: Duration = Duration::from_secs(60);

/// Is the data there that a node works on? `controller` and `files` remember, `claim` is what there is.
pub(super) fn volume(
    controller: Option<&ObjectMeta>,
    files: &[ObjectMeta],
    claim: Option<&PersistentVolumeClaim>,
) -> DataVolume {
    let remembered: Vec<&String> = controller
        .into_iter()
        .chain(files)
        .filter_map(|metadata| metadata.annotations.as_ref()?.get(KEEPS_DATA))
        .collect();
    let claim = claim.filter(|claim| !is_lost(claim)).and_then(|claim| claim.metadata.uid.as_ref());
    match claim {
        // A replacement that was interrupted may have left both the old memory and the new one.
        Some(uid) if remembered.is_empty() || remembered.contains(&uid) => DataVolume::Present,
        None if remembered.is_empty() => DataVolume::None,
        Some(_) | None => DataVolume::Missing,
    }
}

/// The volume behind the claim is gone for good.
fn is_lost(claim: &PersistentVolumeClaim) -> bool {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Lost")
}

/// Looks whether a node's data is there.
pub(super) async fn look(
    cluster: &Cluster,
    node: &NodeRef,
    controller: Option<&Controller>,
) -> Result<DataVolume, AgentError> {
    let namespace = cluster.namespace_of(node);
    let claims: Api<PersistentVolumeClaim> = cluster.within(&namespace);
    let claim = apply::find(&claims, &names::claim(&node.node), Owner::Node(node)).await?;
    let files = files(cluster, node).await?.into_iter().map(|secret| secret.metadata);
    Ok(volume(controller.map(|found| &found.metadata), &files.collect::<Vec<_>>(), claim.as_ref()))
}

/// Refuses to start a node empty that had data.
pub(super) async fn check(
    cluster: &Cluster,
    spec: &NodeSpec,
    controller: Option<&Controller>,
) -> Result<(), AgentError> {
    if spec.data_path.is_none() || spec.allow_new_data {
        return Ok(());
    }
    let node = spec.node_ref();
    match look(cluster, &node, controller).await? {
        DataVolume::Missing => Err(AgentError::DataLost(node.to_string())),
        DataVolume::None | DataVolume::Present => Ok(()),
    }
}

/// Asks once more when the node's process has ended: a claim that the process held may have gone with it.
pub(super) async fn check_again(cluster: &Cluster, spec: &NodeSpec) -> Result<(), AgentError> {
    if spec.data_path.is_none() || spec.allow_new_data {
        return Ok(());
    }
    let node = spec.node_ref();
    let found = status::find(cluster, &node).await?;
    if found.is_some() {
        hold(cluster, &node).await?;
    }
    check(cluster, spec, found.as_ref()).await
}

/// A claim that was told to go goes with the pod that still uses it, and the data with it.
pub(super) async fn hold(cluster: &Cluster, node: &NodeRef) -> Result<(), AgentError> {
    let claims: Api<PersistentVolumeClaim> = cluster.within(&cluster.namespace_of(node));
    // The pod uses it by its name, whatever labels it has lost.
    let found = request::get(&claims, &names::claim(&node.node)).await?;
    if found.as_ref().is_some_and(is_going) {
        return Err(AgentError::Refused(format!(
            "somebody removes the claim of {node}: its data goes when its process ends. Copy what is in it first, \
             or remove the node"
        )));
    }
    Ok(())
}

/// Somebody has told the claim to go; it stays only as long as a pod uses it.
fn is_going(claim: &PersistentVolumeClaim) -> bool {
    claim.metadata.deletion_timestamp.is_some()
}

/// What is to be said of a node whose claim was told to go.
pub(super) fn going(claim: &PersistentVolumeClaim) -> Option<NodeReason> {
    is_going(claim).then(|| NodeReason::new(ReasonKind::DataGoing))
}

/// What stands on the Secrets of a node; what is in them is not read.
pub(super) async fn files(
    cluster: &Cluster,
    node: &NodeRef,
) -> Result<Vec<PartialObjectMeta<Secret>>, AgentError> {
    let api: Api<PartialObjectMeta<Secret>> = cluster.within(&cluster.namespace_of(node));
    request::list(&api, Some(&selector_of(node)?)).await
}

/// Makes the volume and the claim of a node where they are not there, and tells the claim's identity.
pub(super) async fn ensure(
    cluster: &Cluster,
    node: &NodeRef,
    objects: &NodeObjects,
) -> Result<Option<String>, AgentError> {
    let Some(wanted) = &objects.claim else { return Ok(None) };
    let claims: Api<PersistentVolumeClaim> = cluster.within(&cluster.namespace_of(node));
    if let Some(found) = apply::find(&claims, &names::claim(&node.node), Owner::Node(node)).await?
        && is_lost(&found)
    {
        // Only with a word that the node may start empty does anybody get here.
        request::delete(&claims, &found, DeleteParams::default()).await?;
        request::gone(&claims, &found, VOLUME_MAX).await?;
    }
    if let Some(volume) = &objects.volume {
        ensure_volume(cluster, node, volume).await?;
    }
    let claim = apply::make(&claims, wanted, Owner::Node(node)).await?;
    Ok(claim.metadata.uid)
}

/// A volume that a former claim held takes no other one: it is made anew. What it points to stays as it is.
async fn ensure_volume(
    cluster: &Cluster,
    node: &NodeRef,
    wanted: &PersistentVolume,
) -> Result<(), AgentError> {
    let volumes: Api<PersistentVolume> = cluster.everywhere();
    let name = wanted.metadata.name.as_deref().unwrap_or_default();
    if let Some(found) = apply::find(&volumes, name, Owner::Node(node)).await? {
        let phase = found.status.as_ref().and_then(|status| status.phase.as_deref());
        if !matches!(phase, Some("Released" | "Failed")) {
            return Ok(());
        }
        request::delete(&volumes, &found, DeleteParams::default()).await?;
        request::gone(&volumes, &found, VOLUME_MAX).await?;
    }
    apply::make(&volumes, wanted, Owner::Node(node)).await.map(|_| ())
}

/// What is seen of volumes, which only clusters let us see whose volumes we make ourselves. Credentials that are not
/// accepted are no missing right: whoever removes a chain with them must not hear that no volume is left.
pub(super) fn permitted<T: Default>(cluster: &Cluster, seen: Result<T, AgentError>) -> Result<T, AgentError> {
    seen_by(&cluster.options().settings.storage, seen)
}

fn seen_by<T: Default>(storage: &ClusterStorage, seen: Result<T, AgentError>) -> Result<T, AgentError> {
    let by_class = matches!(storage, ClusterStorage::Class { .. });
    match seen {
        Err(AgentError::Refused(_)) if by_class => Ok(T::default()),
        seen => seen,
    }
}

/// Writes onto an object which claim the node's data is in.
pub(super) fn remember(metadata: &mut ObjectMeta, claim: Option<&String>) {
    if let Some(claim) = claim {
        metadata.annotations.get_or_insert_with(BTreeMap::new).insert(KEEPS_DATA.to_owned(), claim.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn data_is_lost_when_its_claim_is_gone_or_another_one() {
        let holder = |uid: &str| {
            let mut metadata = ObjectMeta::default();
            remember(&mut metadata, Some(&uid.to_owned()));
            metadata
        };
        let claim = |uid: &str, status: Value| -> PersistentVolumeClaim {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "uid": uid},
                "status": status,
            }))
            .unwrap()
        };
        let bound = claim("u1", json!({"phase": "Bound"}));
        let (first, second) = (holder("u1"), holder("u2"));
        let nobody = ObjectMeta::default();
        assert_eq!(volume(Some(&nobody), &[], None), DataVolume::None);
        assert_eq!(volume(Some(&nobody), &[], Some(&bound)), DataVolume::Present);
        assert_eq!(volume(Some(&first), &[], Some(&bound)), DataVolume::Present);
        assert_eq!(volume(None, std::slice::from_ref(&first), None), DataVolume::Missing);
        assert_eq!(volume(Some(&second), &[], Some(&bound)), DataVolume::Missing);
        assert_eq!(volume(Some(&first), std::slice::from_ref(&second), Some(&bound)), DataVolume::Present);
        let lost = claim("u1", json!({"phase": "Lost"}));
        assert_eq!(volume(Some(&first), &[], Some(&lost)), DataVolume::Missing);
    }

    #[test]
    fn only_a_right_that_is_missing_hides_volumes() {
        let class = ClusterStorage::Class { name: None };
        let own = ClusterStorage::Nfs { server: "nfs.example".to_owned(), path: "/exports".to_owned() };
        let check = |storage: &ClusterStorage, error: AgentError, expect: Result<u8, AgentError>| {
            assert_eq!(seen_by::<u8>(storage, Err(error)), expect);
        };
        let refused = || AgentError::Refused("no right".to_owned());
        let expired = || AgentError::Credentials("expired".to_owned());
        check(&class, refused(), Ok(0));
        check(&own, refused(), Err(refused()));
        check(&class, expired(), Err(expired()));
        assert_eq!(seen_by(&class, Ok(7)), Ok(7));
    }

    #[test]
    fn a_claim_that_was_told_to_go_is_told() {
        let claim = |metadata: Value| -> PersistentVolumeClaim {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata,
            }))
            .unwrap()
        };
        assert_eq!(going(&claim(json!({"name": "c", "uid": "u1"}))), None);
        let told = going(&claim(json!({
            "name": "c", "uid": "u1", "deletionTimestamp": "2026-11-30T10:00:00Z",
            "finalizers": ["kubernetes.io/pvc-protection"],
        })));
        assert_eq!(told, Some(NodeReason::new(ReasonKind::DataGoing)));
    }
}

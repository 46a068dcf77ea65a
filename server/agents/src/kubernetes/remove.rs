//! Removes single nodes. What is to go is proven ours by its labels, and gone when this returns.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::DeleteParams;

use super::apply::{self, Owner};
use super::cluster::Cluster;
use super::{data, errands, names, nodes, request, status};
use crate::{AgentError, NodeRef, Removed};

/// A node whose data stays has so long to end …
const KEEP_GRACE: Duration = Duration::from_secs(20);
/// … and one whose data goes as well is not waited for.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// A claim or a volume that nobody uses is gone by then.
const VOLUME_MAX: Duration = Duration::from_secs(60);

/// Removes one node; with `keep_data` its claim and its files stay.
pub(super) async fn node(cluster: &Cluster, node: &NodeRef, keep_data: bool) -> Result<Removed, AgentError> {
    let mut removed = Removed::default();
    let namespace = cluster.namespace_of(node);
    if keep_data {
        data::hold(cluster, node).await?;
    }
    if let Some(found) = status::find(cluster, node).await? {
        let grace = if keep_data { KEEP_GRACE } else { KILL_GRACE };
        nodes::make_way(cluster, node, &found, grace).await?;
        nodes::delete(cluster, node, &found).await?;
        removed.nodes.push(format!("{namespace}/{}", node.node));
    }
    nodes::remove_services(cluster, node, &[]).await?;
    if keep_data {
        return Ok(removed);
    }
    let owner = Owner::Node(node);
    let claims: Api<PersistentVolumeClaim> = cluster.within(&namespace);
    if let Some(claim) = apply::find(&claims, &names::claim(&node.node), owner).await? {
        request::delete(&claims, &claim, DeleteParams::default()).await?;
        request::gone(&claims, &claim, VOLUME_MAX).await?;
        removed.volumes.extend(claim.metadata.name);
    }
    // One that a storage class made is given back by the cluster itself.
    let volumes: Api<PersistentVolume> = cluster.everywhere();
    let volume = names::volume(&namespace, &node.node);
    let found = apply::find(&volumes, &volume, owner).await;
    let mut is_cleared = true;
    if let Some(volume) = data::permitted(cluster, found)? {
        let (installation, chain) = (&node.installation, &node.chain);
        is_cleared = errands::remove_folder(cluster, installation, chain, Some(&node.node)).await?;
        request::delete(&volumes, &volume, DeleteParams::default()).await?;
        request::gone(&volumes, &volume, VOLUME_MAX).await?;
        removed.volumes.extend(volume.metadata.name);
    }
    removed.volumes.extend(nodes::remove_files(cluster, node, None).await?);
    if !is_cleared {
        return Err(errands::left_folder(cluster, &format!("{namespace}/{}", node.node)));
    }
    Ok(removed)
}

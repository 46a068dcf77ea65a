//! Pods that run once: they show whether an image can be pulled, or make a folder. They live in the portal's own
//! namespace and are gone when they have told what they were made for.

use std::time::Duration;

use domain::host::cluster::ClusterStorage;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use kube::runtime::watcher::{Config, Event, watcher};

use super::apply::Owner;
use super::cluster::Cluster;
use super::{images, manifest, pods, reasons, request, space};
use crate::{AgentError, NodeSpec, SpaceSpec};

/// A pod of an earlier try is gone by then.
const GONE_MAX: Duration = Duration::from_secs(30);
/// A folder is made by then, the pull of the image included.
const FOLDER_MAX: Duration = Duration::from_secs(300);
/// So many images are tried for one that can remove a folder.
const REMOVERS_MAX: usize = 6;
/// Longest mark of folders that are kept, in characters: it is a label too.
const MARK_MAX: usize = 63;
/// The operation of pods that remove folders: the verbs that do are told none.
const REMOVAL: &str = "removal";

/// Runs a pod until a look at it comes to a result; the pod is removed afterwards.
pub(super) async fn run<T: Send>(
    cluster: &Cluster,
    pod: &Pod,
    limit: Duration,
    look: impl FnMut(&Pod) -> Option<T> + Send,
) -> Result<T, AgentError> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let name = pod.metadata.name.clone().unwrap_or_default();
    let api: Api<Pod> = cluster.within(&namespace);
    let installation =
        pod.metadata.labels.as_ref().and_then(|labels| labels.get(crate::labels::INSTALLATION));
    let installation = installation.cloned().unwrap_or_default();
    if let Some(left) = request::get(&api, &name).await? {
        let ours = left.metadata.labels.as_ref().and_then(|labels| labels.get(crate::labels::INSTALLATION));
        if ours != Some(&installation) {
            return Err(AgentError::Conflict(format!("Pod {name} exists and is not ours")));
        }
        request::delete(&api, &left, DeleteParams::default()).await?;
        request::gone(&api, &left, GONE_MAX).await?;
    }
    let made = request::within(&format!("Pod {name}"), api.create(&PostParams::default(), pod)).await?;
    let watched = watched(api.clone(), &name, look);
    let ended = tokio::time::timeout(limit, watched).await;
    let removed = request::delete(&api, &made, DeleteParams::default()).await;
    match ended {
        Ok(result) => removed.and(result),
        Err(_) => Err(AgentError::Timeout { what: format!("Pod {name}"), after: limit }),
    }
}

/// Watches one pod.
async fn watched<T>(
    api: Api<Pod>,
    name: &str,
    mut look: impl FnMut(&Pod) -> Option<T>,
) -> Result<T, AgentError> {
    let config = Config::default().fields(&format!("metadata.name={name}")).timeout(pods::WATCH_SECONDS);
    let mut events = Box::pin(watcher(api, config));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitApply(pod) | Event::Apply(pod)) => {
                if let Some(result) = look(&pod) {
                    return Ok(result);
                }
            }
            Ok(Event::Delete(pod)) => {
                let why = || AgentError::Engine { status: 0, message: format!("Pod {name} was taken away") };
                return look(&pod).ok_or_else(why);
            }
            Ok(Event::Init | Event::InitDone) => {}
            // A look that fails once is no end: the limit is.
            Err(error) => {
                tracing::debug!(pod = name, %error, "the watch of a pod was interrupted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    Err(AgentError::Engine { status: 0, message: format!("Pod {name} cannot be watched") })
}

/// Makes the folder of a node's data where no storage class does: the machine makes it when it mounts it.
pub(super) async fn make_folder(cluster: &Cluster, spec: &NodeSpec, image: &str) -> Result<(), AgentError> {
    if spec.data_path.is_none() {
        return Ok(());
    }
    let space = SpaceSpec {
        installation: spec.installation.clone(),
        chain: spec.chain.clone(),
        operation: spec.operation.clone(),
    };
    let act = manifest::Folder::Make;
    let Some(pod) = manifest::folder_pod(&space, Some(&spec.node), act, image, cluster.options()) else {
        return Ok(());
    };
    let ended = run(cluster, &pod, FOLDER_MAX, |pod| match reasons::progress(pod, image) {
        // The program need not be there: its folder was mounted before.
        reasons::Progress::Started => Some(Ok(())),
        reasons::Progress::Failed(AgentError::Refused(_)) if pods::last_end(pod).is_some() => Some(Ok(())),
        reasons::Progress::Failed(error) => Some(Err(error)),
        reasons::Progress::Waiting | reasons::Progress::NoMachine(_) => None,
    });
    ended.await?
}

/// Removes the folder of a node's data, or those of a whole chain, where no storage class does. A folder that stayed
/// would be found by the next node of that name. False when none of the images that the cluster knows can remove one.
pub(super) async fn remove_folder(
    cluster: &Cluster,
    installation: &str,
    chain: &str,
    node: Option<&str>,
) -> Result<bool, AgentError> {
    if matches!(cluster.options().settings.storage, ClusterStorage::Class { .. }) {
        return Ok(true);
    }
    act_on_folder(cluster, installation, chain, node, (manifest::Folder::Remove, REMOVAL)).await
}

/// Whether folders can be kept under a name with this mark.
pub(super) fn check_mark(cluster: &Cluster, mark: &str) -> Result<(), AgentError> {
    if matches!(cluster.options().settings.storage, ClusterStorage::Class { .. }) {
        let why = "a storage class keeps the data, not folders of ours";
        return Err(AgentError::Refused(why.to_owned()));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |mark: &str| !mark.starts_with('-') && !mark.ends_with('-') && mark.bytes().all(is_plain);
    if mark.is_empty() || mark.len() > MARK_MAX || !is_label(mark) {
        return Err(AgentError::Refused(format!("{mark:?} cannot mark a folder")));
    }
    Ok(())
}

/// Puts the folders of a whole chain aside, under a name that no chain has, and tells where they are.
pub(super) async fn keep_folder(
    cluster: &Cluster,
    installation: &str,
    chain: &str,
    mark: &str,
) -> Result<String, AgentError> {
    if act_on_folder(cluster, installation, chain, None, (manifest::Folder::Keep, mark)).await? {
        return Ok(kept_place(cluster, installation, chain, mark));
    }
    let of = cluster.namespace(installation, chain);
    let kept = manifest::kept_folder(&of, mark);
    Err(AgentError::Refused(format!(
        "the folder {of} below {} cannot be put aside: no image on the cluster has the programs sh and mv. Rename it to \
         {kept} by hand and try again",
        below(cluster)
    )))
}

/// Where the folders of a chain are that are put aside under this mark.
pub(super) fn kept_place(cluster: &Cluster, installation: &str, chain: &str, mark: &str) -> String {
    format!("{}/{}", below(cluster), manifest::kept_folder(&cluster.namespace(installation, chain), mark))
}

/// Runs a pod that does something to the folder of a node, or to that of a whole chain. False when none of the images
/// that the cluster knows can.
async fn act_on_folder(
    cluster: &Cluster,
    installation: &str,
    chain: &str,
    node: Option<&str>,
    (act, operation): (manifest::Folder, &str),
) -> Result<bool, AgentError> {
    space::home(cluster, installation).await?;
    let space = SpaceSpec {
        installation: installation.to_owned(),
        chain: chain.to_owned(),
        operation: operation.to_owned(),
    };
    for image in images::runnable(cluster).await?.iter().take(REMOVERS_MAX) {
        let Some(pod) = manifest::folder_pod(&space, node, act, image, cluster.options()) else {
            return Ok(true);
        };
        if run(cluster, &pod, FOLDER_MAX, removed).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a pod has done its work on a folder, once that is known.
fn removed(pod: &Pod) -> Option<bool> {
    if let Some(end) = pods::last_end(pod) {
        return Some(end.exit_code == 0);
    }
    let cannot = pods::is_over(pod) || matches!(reasons::progress(pod, ""), reasons::Progress::Failed(_));
    cannot.then_some(false)
}

/// Where the folders of chains are, for people.
fn below(cluster: &Cluster) -> String {
    match &cluster.options().settings.storage {
        ClusterStorage::Class { .. } => String::new(),
        ClusterStorage::Nfs { server, path } => format!("{server}:{path}"),
        ClusterStorage::NodeLocal { kube_node, path } => format!("{kube_node}:{path}"),
    }
}

/// Says that folders are left, and where.
pub(super) fn left_folder(cluster: &Cluster, of: &str) -> AgentError {
    let below = below(cluster);
    AgentError::Refused(format!(
        "everything is removed but the folder {of} below {below}: no image on the cluster has the program rm. \
         Remove it by hand and try again"
    ))
}

/// Removes what errands for a chain have left.
pub(super) async fn sweep(cluster: &Cluster, installation: &str, chain: &str) -> Result<(), AgentError> {
    let api: Api<Pod> = cluster.within(&cluster.home(installation));
    let selector = super::cluster::selector(installation, Some(chain))?;
    for pod in request::list(&api, Some(&selector)).await? {
        Owner::Chain(installation, chain).prove(&pod)?;
        request::delete(&api, &pod, DeleteParams::default()).await?;
        request::gone(&api, &pod, GONE_MAX).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pods::tests::{in_state, pod};
    use super::*;

    #[test]
    fn a_folder_is_removed_when_its_program_ends_well() {
        let ended = |code: i32, reason: &str| {
            let state = json!({"terminated": {"exitCode": code, "reason": reason}});
            removed(&pod("a", in_state("c1", 0, state, json!({}))))
        };
        assert_eq!(ended(0, "Completed"), Some(true));
        assert_eq!(ended(1, "Error"), Some(false));
        assert_eq!(ended(128, "StartError"), Some(false));
        assert_eq!(removed(&pod("a", json!({"phase": "Pending"}))), None);
        assert_eq!(removed(&pod("a", json!({"phase": "Failed", "reason": "DeadlineExceeded"}))), Some(false));
    }
}

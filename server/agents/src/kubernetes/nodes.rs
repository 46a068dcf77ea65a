//! Makes nodes run, and starts and stops them.
//!
//! `ensure` may be interrupted at any point and run again: objects are found by name, and what runs the node comes last,
//! so that its fingerprint tells that all the rest was made. A node made from another specification ends before the next
//! one begins: the two never run side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, PartialObjectMeta};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::apply::{self, Owner};
use super::cluster::{Cluster, selector_of};
use super::manifest::{self, Workload};
use super::reasons::{self, Progress};
use super::status::{CHANGING, Controller, ControllerKind, EXIT_CODE, STARTED_AT};
use super::{REQUEST_MAX, data, errands, images, names, pods, request, space, status};
use crate::labels::FINGERPRINT;
use crate::{AgentError, DataVolume, NodeRef, NodeSpec, NodeStatus};

/// A node that is replaced has so long to end.
const REPLACE_GRACE: Duration = Duration::from_secs(20);
/// Longest grace that anybody may ask for.
const GRACE_MAX: Duration = Duration::from_secs(300);
/// So often a node is looked at again that somebody changed while it was to be started.
const START_TRIES: u32 = 5;
/// A node's process has started by then, a pull of its image on another machine included.
const START_MAX: Duration = Duration::from_secs(300);
/// So long a node waits for a machine that takes it, and for somebody who lets its pod be made.
const ROOM_MAX: Duration = Duration::from_secs(30);
/// After so long without a change somebody else is asked what the matter is.
const ROUND: Duration = Duration::from_secs(5);

/// Makes a node run as specified.
pub(super) async fn ensure(cluster: &Cluster, spec: &NodeSpec) -> Result<NodeStatus, AgentError> {
    spec.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    manifest::check(spec).map_err(|error| AgentError::Refused(error.to_string()))?;
    space::require(cluster, &spec.installation, &spec.chain).await?;
    // Volumes that an image declares are parts of its pod on a cluster, and go with it: none has to be refused.
    let image = images::require(cluster, &spec.image).await?;
    let node = spec.node_ref();
    let found = status::find(cluster, &node).await?;
    data::check(cluster, spec, found.as_ref()).await?;
    match &found {
        Some(found) if is_as_specified(found, spec) => adopt(cluster, spec, &image, found).await?,
        Some(found) => {
            if spec.data_path.is_some() && !spec.allow_new_data {
                data::hold(cluster, &node).await?;
            }
            make_way(cluster, &node, found, REPLACE_GRACE).await?;
            if found.kind != kind_of(spec) {
                delete(cluster, &node, found).await?;
            }
            put(cluster, spec, &image).await?;
        }
        None => put(cluster, spec, &image).await?,
    }
    started(cluster, &node, &spec.image).await?;
    status::of_node(cluster, &node).await
}

fn is_as_specified(found: &Controller, spec: &NodeSpec) -> bool {
    found.metadata.deletion_timestamp.is_none()
        && found.kind == kind_of(spec)
        && found.annotation(FINGERPRINT) == Some(&spec.fingerprint())
}

fn kind_of(spec: &NodeSpec) -> ControllerKind {
    if spec.data_path.is_some() { ControllerKind::StatefulSet } else { ControllerKind::Deployment }
}

/// Takes a node as it is. One that does not run gets anew what somebody may have taken away from it, and a pod that
/// cannot start is replaced: a machine that waits before it tries again would make every retry here a failure.
async fn adopt(
    cluster: &Cluster,
    spec: &NodeSpec,
    image: &str,
    found: &Controller,
) -> Result<(), AgentError> {
    let node = spec.node_ref();
    let all = pods::of_node(cluster, &node).await?;
    let pod = pods::current(&all);
    if found.replicas > 0 && pod.is_some_and(pods::is_running) {
        return Ok(());
    }
    put(cluster, spec, image).await?;
    if let Some(pod) = pod
        && matches!(reasons::progress(pod, &spec.image), Progress::Failed(_))
    {
        let api: Api<Pod> = cluster.within(&cluster.namespace_of(&node));
        let how = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
        request::delete(&api, pod, how).await?;
    }
    Ok(())
}

/// Puts all objects of a node on the cluster, those first that somebody else may stand against.
async fn put(cluster: &Cluster, spec: &NodeSpec, image: &str) -> Result<(), AgentError> {
    let node = spec.node_ref();
    let owner = Owner::Node(&node);
    let namespace = cluster.namespace_of(&node);
    let mut objects = manifest::node(spec, image, cluster.options());
    let services: Api<Service> = cluster.within(&namespace);
    let public = names::public(&node.node);
    let is_public = |service: &Service| service.metadata.name.as_ref() == Some(&public);
    // A port that is taken is found before anything else is made.
    for service in objects.services.iter().filter(|service| is_public(service)) {
        apply::apply(&services, service, owner).await?;
    }
    for service in objects.services.iter().filter(|service| !is_public(service)) {
        apply::apply(&services, service, owner).await?;
    }
    if objects.volume.is_some() {
        errands::make_folder(cluster, spec, image).await?;
    }
    data::check_again(cluster, spec).await?;
    let claim = data::ensure(cluster, &node, &objects).await?;
    if let Some(files) = &mut objects.files {
        data::remember(&mut files.metadata, claim.as_ref());
        apply::apply(&cluster.within(&namespace), &*files, owner).await?;
    }
    if let Some(budget) = &objects.disruption {
        let shared = Owner::Chain(&spec.installation, &spec.chain);
        apply::apply(&cluster.within(&namespace), budget, shared).await?;
    }
    match &mut objects.workload {
        Workload::StatefulSet(set) => {
            data::remember(&mut set.metadata, claim.as_ref());
            apply::apply(&cluster.within(&namespace), &**set, owner).await?;
        }
        Workload::Deployment(deployment) => {
            apply::apply(&cluster.within(&namespace), &**deployment, owner).await?;
        }
    }
    let wanted = objects.services.iter().filter_map(|service| service.metadata.name.clone());
    remove_services(cluster, &node, &wanted.collect::<Vec<_>>()).await?;
    let kept = objects.files.as_ref().and_then(|files| files.metadata.name.as_deref());
    remove_files(cluster, &node, kept).await.map(|_| ())
}

/// Removes the Services of a node but these.
pub(super) async fn remove_services(
    cluster: &Cluster,
    node: &NodeRef,
    but: &[String],
) -> Result<(), AgentError> {
    let api: Api<Service> = cluster.within(&cluster.namespace_of(node));
    for service in request::list(&api, Some(&selector_of(node)?)).await? {
        if service.metadata.name.as_ref().is_none_or(|name| !but.contains(name)) {
            request::delete(&api, &service, DeleteParams::default()).await?;
        }
    }
    Ok(())
}

/// Removes the Secrets of a node but this one, and tells the names of those that went.
pub(super) async fn remove_files(
    cluster: &Cluster,
    node: &NodeRef,
    but: Option<&str>,
) -> Result<Vec<String>, AgentError> {
    let api: Api<PartialObjectMeta<Secret>> = cluster.within(&cluster.namespace_of(node));
    let mut removed = Vec::new();
    for secret in data::files(cluster, node).await? {
        if secret.metadata.name.as_deref() != but
            && request::delete(&api, &secret, DeleteParams::default()).await?
        {
            removed.extend(secret.metadata.name);
        }
    }
    Ok(removed)
}

/// Waits until a node's process was started, or says why it is not.
async fn started(cluster: &Cluster, node: &NodeRef, reference: &str) -> Result<(), AgentError> {
    let began = Instant::now();
    loop {
        let verdict = |pods: &BTreeMap<String, Pod>, _: Option<&Pod>| {
            let pod = pods::current(pods.values()).filter(|pod| pod.metadata.deletion_timestamp.is_none())?;
            match reasons::progress(pod, reference) {
                Progress::Started => Some(Ok(())),
                Progress::Failed(error) => Some(Err(error)),
                Progress::Waiting | Progress::NoMachine(_) => None,
            }
        };
        if let Some(verdict) = pods::until(cluster, node, ROUND, verdict).await? {
            return verdict;
        }
        let found = pods::of_node(cluster, node).await?;
        let pod = pods::current(&found);
        if began.elapsed() >= ROOM_MAX {
            hindered(cluster, node, pod, reference).await?;
        }
        if began.elapsed() >= START_MAX {
            let events = status::events_of(cluster, node, pod).await?;
            let why = reasons::of_events(&events);
            let why = why.map(|why| format!(" ({})", reasons::prose(&why))).unwrap_or_default();
            return Err(AgentError::Timeout { what: format!("start of {node}{why}"), after: START_MAX });
        }
    }
}

/// Gives up on a node that no machine takes, or whose pod nobody lets be made.
async fn hindered(
    cluster: &Cluster,
    node: &NodeRef,
    pod: Option<&Pod>,
    reference: &str,
) -> Result<(), AgentError> {
    let refused = match pod {
        Some(pod) => match reasons::progress(pod, reference) {
            // A volume that is still being made is no lack of room.
            Progress::NoMachine(said) if !said.contains("PersistentVolumeClaim") => Some(said),
            _ => None,
        },
        None => {
            let refused = match status::require(cluster, node).await?.failure {
                Some(message) => Some(reasons::not_let(&message)),
                None => reasons::refused_pod(&status::events_of(cluster, node, None).await?),
            };
            refused.map(|why| reasons::prose(&why))
        }
    };
    refused.map_or(Ok(()), |said| Err(AgentError::Refused(said)))
}

/// Starts a node that was stopped.
pub(super) async fn start(cluster: &Cluster, node: &NodeRef) -> Result<(), AgentError> {
    let mut tries = 0;
    let found = loop {
        tries += 1;
        let found = status::require(cluster, node).await?;
        // Whoever changes it makes it run, or takes it away.
        if found.replicas > 0 || found.is_changing() {
            return Ok(());
        }
        if data::look(cluster, node, Some(&found)).await? == DataVolume::Missing {
            return Err(AgentError::DataLost(node.to_string()));
        }
        // Exactly what was looked at is started: who has begun to change it meanwhile is not overruled.
        let version = &found.metadata.resource_version;
        let part = json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": 1}});
        match change(cluster, node, &found, part).await {
            Ok(()) => break found,
            // Another look tells who it was; the cluster itself writes there, too.
            Err(AgentError::Conflict(_)) if tries < START_TRIES => {}
            Err(error) => return Err(error),
        }
    };
    started(cluster, node, &found.image).await
}

/// Asks a node to end and kills it after the grace period. Refused while its process is all that keeps its data.
pub(super) async fn stop(cluster: &Cluster, node: &NodeRef, grace: Duration) -> Result<(), AgentError> {
    data::hold(cluster, node).await?;
    let found = status::require(cluster, node).await?;
    if found.annotation(CHANGING).is_some() {
        change(cluster, node, &found, json!({"metadata": {"annotations": {CHANGING: null}}})).await?;
    }
    end(cluster, node, &found, grace).await
}

/// Ends a node's pod to put another one in its place, or for good. Until that is done nobody takes the node for one that
/// was stopped, and starts it.
pub(super) async fn make_way(
    cluster: &Cluster,
    node: &NodeRef,
    found: &Controller,
    grace: Duration,
) -> Result<(), AgentError> {
    let since = Timestamp::now().as_second().to_string();
    let part = json!({"metadata": {"annotations": {CHANGING: since}}, "spec": {"replicas": 0}});
    change(cluster, node, found, part).await?;
    ended(cluster, node, found, grace).await
}

/// Ends a node's pod and keeps what would run it again.
async fn end(
    cluster: &Cluster,
    node: &NodeRef,
    found: &Controller,
    grace: Duration,
) -> Result<(), AgentError> {
    if found.replicas > 0 {
        change(cluster, node, found, json!({"spec": {"replicas": 0}})).await?;
    }
    ended(cluster, node, found, grace).await
}

/// Waits until the pod of a node that shall not run has ended. How the process ended is remembered there, because the pod is
/// gone afterwards. A grace that is longer than the pod's own is cut to that.
async fn ended(
    cluster: &Cluster,
    node: &NodeRef,
    found: &Controller,
    grace: Duration,
) -> Result<(), AgentError> {
    let grace = grace.min(GRACE_MAX);
    let limit = grace + REQUEST_MAX;
    let leaves = |pod: &Pod| pod.metadata.deletion_timestamp.is_some() || pods::is_over(pod);
    let leaving = pods::until(cluster, node, limit, |pods, _| {
        pods.values().all(leaves).then(|| pods.values().cloned().collect::<Vec<Pod>>())
    });
    let Some(leaving) = leaving.await? else { return Err(late(cluster, node, limit).await) };
    hasten(cluster, node, &leaving, grace).await?;
    let mut last = pods::current(&leaving).cloned();
    let gone = pods::until(cluster, node, limit, |pods, gone| {
        if let Some(pod) = gone.or_else(|| pods::current(pods.values())) {
            last = Some(pod.clone());
        }
        pods.is_empty().then_some(())
    });
    if gone.await?.is_none() {
        return Err(late(cluster, node, limit).await);
    }
    let Some(ended) = last.as_ref().and_then(pods::last_end) else { return Ok(()) };
    let started_at = ended.started_at.as_ref().map(|at| at.0.to_string());
    let remarks = json!({EXIT_CODE: ended.exit_code.to_string(), STARTED_AT: started_at});
    change(cluster, node, found, json!({"metadata": {"annotations": remarks}})).await
}

/// The error of a node that did not end in time, with the cause where it can be seen.
async fn late(cluster: &Cluster, node: &NodeRef, limit: Duration) -> AgentError {
    let left = pods::of_node(cluster, node).await.unwrap_or_default();
    let is_lost = left.iter().any(pods::is_out_of_sight);
    let why = if is_lost { format!(" ({})", reasons::OUT_OF_SIGHT) } else { String::new() };
    AgentError::Timeout { what: format!("stop of {node}{why}"), after: limit }
}

/// Lets pods have no longer than this to end; those that are over already just go.
async fn hasten(cluster: &Cluster, node: &NodeRef, pods: &[Pod], grace: Duration) -> Result<(), AgentError> {
    let api: Api<Pod> = cluster.within(&cluster.namespace_of(node));
    // Zero would take the pod from the list before its process has ended.
    let seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX).max(1);
    for pod in pods {
        let own = pod.metadata.deletion_grace_period_seconds;
        if own.is_none_or(|own| own > i64::from(seconds)) {
            let how = DeleteParams { grace_period_seconds: Some(seconds), ..DeleteParams::default() };
            request::delete(&api, pod, how).await?;
        }
    }
    Ok(())
}

/// Changes a part of what runs a node.
async fn change(
    cluster: &Cluster,
    node: &NodeRef,
    found: &Controller,
    part: Value,
) -> Result<(), AgentError> {
    let namespace = cluster.namespace_of(node);
    match found.kind {
        ControllerKind::StatefulSet => {
            let api: Api<StatefulSet> = cluster.within(&namespace);
            apply::change(&api, &found.metadata, part).await.map(|_| ())
        }
        ControllerKind::Deployment => {
            let api: Api<Deployment> = cluster.within(&namespace);
            apply::change(&api, &found.metadata, part).await.map(|_| ())
        }
    }
}

/// Removes what runs a node, with its pods, and waits until it is gone.
pub(super) async fn delete(cluster: &Cluster, node: &NodeRef, found: &Controller) -> Result<(), AgentError> {
    let namespace = cluster.namespace_of(node);
    let metadata = found.metadata.clone();
    match found.kind {
        ControllerKind::StatefulSet => {
            let api: Api<StatefulSet> = cluster.within(&namespace);
            let object = StatefulSet { metadata, ..StatefulSet::default() };
            request::delete(&api, &object, DeleteParams::foreground()).await?;
            request::gone(&api, &object, REQUEST_MAX).await
        }
        ControllerKind::Deployment => {
            let api: Api<Deployment> = cluster.within(&namespace);
            let object = Deployment { metadata, ..Deployment::default() };
            request::delete(&api, &object, DeleteParams::foreground()).await?;
            request::gone(&api, &object, REQUEST_MAX).await
        }
    }
}

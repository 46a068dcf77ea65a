//! What a cluster shows of our nodes: what runs each, its pod, its data, its ways in, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use domain::host::cluster::ClusterExposure;
use domain::node::NodeReason;
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod, PodTemplateSpec, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Api, Resource};

use super::apply::{self, Owner};
use super::cluster::{Cluster, selector};
use super::request::{self, Object};
use super::{closed, data, images, manifest, names, pods, reasons};
use crate::labels::{FINGERPRINT, KIND, OPERATION};
use crate::{AgentError, NodeRef, NodeState, NodeStatus, Selector};

/// On what runs a node: how its last process ended, when it was stopped.
pub(super) const EXIT_CODE: &str = "heddle.exit-code";
/// On what runs a node: when its last process started, when it was stopped.
pub(super) const STARTED_AT: &str = "heddle.started-at";
/// Since when somebody replaces or removes what runs a node, in seconds since 1970.
pub(super) const CHANGING: &str = "heddle.changing";
/// A change is done or given up by then: whoever makes it waits for less.
const CHANGING_SECONDS: i64 = 120;
/// Events of so many nodes are looked up for one list; the rest stays without a reason until the next.
const LOOKS_MAX: usize = 20;
/// So many of them side by side.
const LOOKS_AT_ONCE: usize = 4;
/// Most events of one node that are looked at.
const EVENTS_MAX: u32 = 100;

/// The kinds of what runs a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControllerKind {
    /// A node that keeps data.
    StatefulSet,
    /// One that keeps none.
    Deployment,
}

/// What runs a node: it makes its pod, and makes it anew.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    pub(super) kind: ControllerKind,
    pub(super) metadata: ObjectMeta,
    /// One for a node that shall run, zero for one that was stopped.
    pub(super) replicas: i32,
    /// What its pod runs.
    pub(super) image: String,
    /// Its own ports that users reach.
    published: BTreeSet<u16>,
    /// Why the cluster makes no pod for it, in the cluster's words. Only a Deployment is told: the events that say so are
    /// those of an object between it and the pod.
    pub(super) failure: Option<String>,
}

impl Controller {
    /// A remark on it.
    pub(super) fn annotation(&self, name: &str) -> Option<&String> {
        self.metadata.annotations.as_ref()?.get(name)
    }

    /// Whether somebody replaces or removes it at this moment: then it has no pod, and is not stopped all the same. Who
    /// took it for a stopped node and started it would keep the other waiting.
    pub(super) fn is_changing(&self) -> bool {
        let since = self.annotation(CHANGING).and_then(|text| text.parse::<i64>().ok());
        since.is_some_and(|since| (0..CHANGING_SECONDS).contains(&(Timestamp::now().as_second() - since)))
    }
}

impl From<StatefulSet> for Controller {
    fn from(found: StatefulSet) -> Self {
        let spec = found.spec.unwrap_or_default();
        let (replicas, image) = (spec.replicas.unwrap_or(1), image_of(&spec.template));
        let published = published_of(&spec.template);
        let kind = ControllerKind::StatefulSet;
        Self { kind, metadata: found.metadata, replicas, image, published, failure: None }
    }
}

impl From<Deployment> for Controller {
    fn from(found: Deployment) -> Self {
        let spec = found.spec.unwrap_or_default();
        let (replicas, image) = (spec.replicas.unwrap_or(1), image_of(&spec.template));
        let published = published_of(&spec.template);
        let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
        let failed = conditions.into_iter().find(|one| one.type_ == "ReplicaFailure" && one.status == "True");
        let failure = failed.map(|failed| failed.message.unwrap_or_default());
        let kind = ControllerKind::Deployment;
        Self { kind, metadata: found.metadata, replicas, image, published, failure }
    }
}

fn image_of(template: &PodTemplateSpec) -> String {
    let all = template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let ours = all.iter().find(|container| container.name == manifest::CONTAINER);
    ours.and_then(|container| container.image.clone()).unwrap_or_default()
}

fn published_of(template: &PodTemplateSpec) -> BTreeSet<u16> {
    template.spec.as_ref().map(manifest::published_of).unwrap_or_default()
}

/// Finds what runs a node and proves that it is ours.
pub(super) async fn find(cluster: &Cluster, node: &NodeRef) -> Result<Option<Controller>, AgentError> {
    node.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    let namespace = cluster.namespace_of(node);
    let sets: Api<StatefulSet> = cluster.within(&namespace);
    if let Some(found) = apply::find(&sets, &node.node, Owner::Node(node)).await? {
        return Ok(Some(found.into()));
    }
    let deployments: Api<Deployment> = cluster.within(&namespace);
    Ok(apply::find(&deployments, &node.node, Owner::Node(node)).await?.map(Controller::from))
}

/// Like [`find`], for verbs that need it.
pub(super) async fn require(cluster: &Cluster, node: &NodeRef) -> Result<Controller, AgentError> {
    find(cluster, node).await?.ok_or_else(|| AgentError::NotFound(format!("node {node}")))
}

/// The state of one node.
pub(super) async fn of_node(cluster: &Cluster, node: &NodeRef) -> Result<NodeStatus, AgentError> {
    let one = Selector { installation: node.installation.clone(), chain: Some(node.chain.clone()) };
    let all = list(cluster, &one).await?;
    let found = all.into_iter().find(|status| status.node == *node);
    found.ok_or_else(|| AgentError::NotFound(format!("node {node}")))
}

/// Lists an installation's nodes.
pub(super) async fn list(cluster: &Cluster, wanted: &Selector) -> Result<Vec<NodeStatus>, AgentError> {
    let labels = selector(&wanted.installation, wanted.chain.as_deref())?;
    let namespace = wanted.chain.as_deref().map(|chain| cluster.namespace(&wanted.installation, chain));
    let seek = Seek { cluster, namespace, labels };
    let (sets, deployments, pods, claims, files, services) = tokio::try_join!(
        seek.all::<StatefulSet>(),
        seek.all::<Deployment>(),
        seek.all::<pods::Lean>(),
        seek.all::<PersistentVolumeClaim>(),
        // Only what stands on them: what is in them is not read again.
        seek.all::<PartialObjectMeta<Secret>>(),
        seek.all::<Service>(),
    )?;
    let mut seen = Seen::default();
    for controller in sets.into_iter().map(Controller::from).chain(deployments.into_iter().map(Into::into)) {
        seen.of(controller.metadata.clone(), |parts| parts.controller = Some(controller));
    }
    for pods::Lean(pod) in pods {
        seen.of(pod.metadata.clone(), |parts| parts.pods.push(pod));
    }
    for claim in claims {
        seen.of(claim.metadata.clone(), |parts| parts.claim = Some(claim));
    }
    for secret in files {
        seen.of(secret.metadata.clone(), |parts| parts.files.push(secret.metadata));
    }
    for service in services {
        seen.of(service.metadata.clone(), |parts| parts.services.push(service));
    }
    let reach: Option<IpAddr> = cluster.options().client_address.parse().ok();
    let is_inside = matches!(cluster.options().settings.exposure, ClusterExposure::ClusterIp);
    let status = |(node, parts): (&NodeRef, &Parts)| {
        let mut status = parts.status(node, reach)?;
        if is_inside {
            status.reached = parts.inside(node, &cluster.namespace_of(node));
        }
        Some(status)
    };
    let mut all: Vec<NodeStatus> = seen.0.iter().filter_map(status).collect();
    explain(cluster, &mut all, &seen).await;
    let home = |node: &NodeRef| closed::home(seen.0.get(node)?.claim.as_ref()?).map(str::to_owned);
    closed::name(cluster, &mut all, home).await;
    Ok(all)
}

/// Whether an installation's nodes could be listed, without listing them: of a thousand nodes that would be megabytes
/// every few seconds, only to learn that the cluster still answers.
pub(super) async fn ask(cluster: &Cluster, installation: &str) -> Result<(), AgentError> {
    let seek = Seek { cluster, namespace: None, labels: selector(installation, None)? };
    tokio::try_join!(
        seek.ask::<StatefulSet>(),
        seek.ask::<Deployment>(),
        seek.ask::<Pod>(),
        seek.ask::<PersistentVolumeClaim>(),
        seek.ask::<Secret>(),
        seek.ask::<Service>(),
    )?;
    Ok(())
}

/// Adds what events say to the nodes that do not run, or are not well, and whose pods do not say why. A failed look is no
/// failed list.
async fn explain(cluster: &Cluster, all: &mut [NodeStatus], seen: &Seen) {
    let is_open = |status: &&mut NodeStatus| {
        let parts = seen.0.get(&status.node);
        let wants_pod =
            parts.and_then(|parts| parts.controller.as_ref()).is_some_and(|found| found.replicas > 0);
        let is_well = status.state == NodeState::Running
            && !status_pod(seen, &status.node).is_some_and(pods::is_unwell);
        status.reason.is_none() && wants_pod && !is_well
    };
    let open: Vec<&mut NodeStatus> = all.iter_mut().filter(is_open).take(LOOKS_MAX).collect();
    let looks = open.into_iter().map(|status| async move {
        let pod = status_pod(seen, &status.node);
        let Ok(events) = events_of(cluster, &status.node, pod).await else { return };
        status.reason = match pod.filter(|pod| pods::is_running(pod)) {
            Some(pod) => reasons::of_probes(&events, pod),
            None => reasons::of_events(&events),
        };
    });
    let looks: Vec<_> = looks.collect();
    futures::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).collect::<Vec<()>>().await;
}

fn status_pod<'a>(seen: &'a Seen, node: &NodeRef) -> Option<&'a Pod> {
    pods::current(&seen.0.get(node)?.pods)
}

/// The events of a node's pod, or of what should make one.
pub(super) async fn events_of(
    cluster: &Cluster,
    node: &NodeRef,
    pod: Option<&Pod>,
) -> Result<Vec<Event>, AgentError> {
    let name = pod.and_then(|pod| pod.metadata.name.clone()).unwrap_or_else(|| node.node.clone());
    let api: Api<Event> = cluster.within(&cluster.namespace_of(node));
    let params = ListParams {
        field_selector: Some(format!("involvedObject.name={name}")),
        limit: Some(EVENTS_MAX),
        ..ListParams::default()
    };
    Ok(request::within(&format!("events of {node}"), api.list(&params)).await?.items)
}

/// Where and what to list.
struct Seek<'a> {
    cluster: &'a Cluster,
    namespace: Option<String>,
    labels: String,
}

impl Seek<'_> {
    async fn all<K>(&self) -> Result<Vec<K>, AgentError>
    where
        K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let api: Api<K> = match &self.namespace {
            Some(namespace) => self.cluster.within(namespace),
            None => self.cluster.everywhere(),
        };
        request::list(&api, Some(&self.labels)).await
    }

    async fn ask<K>(&self) -> Result<(), AgentError>
    where
        K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let api: Api<K> = self.cluster.everywhere();
        request::ask(&api, &self.labels).await
    }
}

/// All objects, by the node they belong to.
#[derive(Default)]
struct Seen(BTreeMap<NodeRef, Parts>);

impl Seen {
    fn of(&mut self, metadata: ObjectMeta, put: impl FnOnce(&mut Parts)) {
        if let Some(node) = metadata.labels.as_ref().and_then(names::node_of) {
            put(self.0.entry(node).or_default());
        }
    }
}

/// The objects of one node.
#[derive(Default)]
struct Parts {
    controller: Option<Controller>,
    pods: Vec<Pod>,
    claim: Option<PersistentVolumeClaim>,
    files: Vec<ObjectMeta>,
    services: Vec<Service>,
}

impl Parts {
    /// What all of them say together; `None` when only ways in are left, which are no node.
    fn status(&self, node: &NodeRef, reach: Option<IpAddr>) -> Option<NodeStatus> {
        let controller = self.controller.as_ref();
        let pod = pods::current(&self.pods);
        let left = self.claim.as_ref().map(|claim| &claim.metadata).or(self.files.first());
        let metadata = controller.map(|found| &found.metadata).or(left)?;
        let label = |name: &str| metadata.labels.as_ref()?.get(name).cloned();
        let state = controller.map_or(NodeState::Missing, |found| node_state(found, pod));
        let remembered = |name: &str| controller?.annotation(name).cloned();
        let running = pod.filter(|pod| pods::is_running(pod));
        let ended = pod.and_then(pods::last_end);
        let started_at = match running {
            Some(pod) => pods::container(pod)
                .and_then(|found| found.state.as_ref()?.running.as_ref()?.started_at.as_ref())
                .map(|at| at.0.to_string()),
            None => ended.and_then(|end| Some(end.started_at.as_ref()?.0.to_string())),
        };
        let exit_code = match state {
            NodeState::Stopped | NodeState::Restarting => ended.map(|end| i64::from(end.exit_code)),
            NodeState::Created | NodeState::Running | NodeState::Missing => None,
        };
        let is_stopped = state == NodeState::Stopped;
        let remembered_code = || -> Option<i64> { remembered(EXIT_CODE)?.parse().ok() };
        Some(NodeStatus {
            node: node.clone(),
            kind: label(KIND).unwrap_or_default(),
            operation: label(OPERATION).unwrap_or_default(),
            state,
            started_at: started_at.or_else(|| remembered(STARTED_AT).filter(|_| is_stopped)),
            exit_code: exit_code.or_else(|| if is_stopped { remembered_code() } else { None }),
            reason: self.reason(pod),
            machine: pod.and_then(pods::machine),
            data_volume: data::volume(
                controller.map(|found| &found.metadata),
                &self.files,
                self.claim.as_ref(),
            ),
            ports: self.ports(node, pod, reach),
            reached: self.balanced(node),
            image_id: pod.and_then(pods::container).and_then(|found| images::id_of(&found.image_id)),
            restarts: pod
                .and_then(pods::container)
                .and_then(|found| u32::try_from(found.restart_count).ok())
                .unwrap_or_default(),
            fingerprint: remembered(FINGERPRINT),
        })
    }

    /// The way in for users.
    fn public(&self, node: &NodeRef) -> Option<&Service> {
        let name = names::public(&node.node);
        self.services.iter().find(|service| service.metadata.name.as_ref() == Some(&name))
    }

    /// Where clients find the ports that a load balancer publishes, once it has an address or a name.
    fn balanced(&self, node: &NodeRef) -> BTreeMap<u16, (String, u16)> {
        let Some(service) = self.public(node).filter(|service| is_balanced(service)) else {
            return BTreeMap::new();
        };
        let Some(at) = balanced_at(service) else { return BTreeMap::new() };
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref()).into_iter().flatten();
        let ports = ports.filter_map(|port| {
            let Some(IntOrString::Int(own)) = port.target_port else { return None };
            Some((u16::try_from(own).ok()?, (at.clone(), u16::try_from(port.port).ok()?)))
        });
        ports.collect()
    }

    /// Where clients inside the cluster find the ports that are published, when nobody else shall.
    fn inside(&self, node: &NodeRef, namespace: &str) -> BTreeMap<u16, (String, u16)> {
        let published = self.controller.iter().flat_map(|found| &found.published);
        published.map(|port| (*port, (format!("{}.{namespace}.svc", node.node), *port))).collect()
    }

    /// Why the node does not run, or will not for long.
    fn reason(&self, pod: Option<&Pod>) -> Option<NodeReason> {
        let controller = self.controller.as_ref()?;
        if let Some(going) = self.claim.as_ref().and_then(data::going) {
            return Some(going);
        }
        if controller.replicas == 0 {
            return None;
        }
        match pod {
            Some(pod) => reasons::of_pod(pod),
            None => controller.failure.as_deref().map(reasons::not_let),
        }
    }

    /// The ports that have an address outside of the cluster. Those that were only assigned have none: they are reached
    /// through the API server.
    fn ports(&self, node: &NodeRef, pod: Option<&Pod>, reach: Option<IpAddr>) -> BTreeMap<u16, SocketAddr> {
        let Some(service) = self.public(node) else { return BTreeMap::new() };
        // Each of the cluster's machines answers at a node port, so also the one that the pod is on.
        let machine = || -> Option<IpAddr> { pod?.status.as_ref()?.host_ip.as_ref()?.parse().ok() };
        let spec = service.spec.as_ref();
        let is_balanced = is_balanced(service);
        let at = if is_balanced { balanced(service).or(reach) } else { reach.or_else(machine) };
        let Some(at) = at else { return BTreeMap::new() };
        let ports = spec.and_then(|spec| spec.ports.as_ref()).into_iter().flatten();
        let ports = ports.filter_map(|port| {
            let Some(IntOrString::Int(own)) = port.target_port else { return None };
            let outside = if is_balanced { Some(port.port) } else { port.node_port };
            Some((u16::try_from(own).ok()?, SocketAddr::new(at, u16::try_from(outside?).ok()?)))
        });
        ports.collect()
    }
}

fn is_balanced(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
}

/// The address or name that a load balancer gave a Service; some clouds give names alone.
fn balanced_at(service: &Service) -> Option<String> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?;
    ingress.iter().find_map(|at| at.ip.clone().or_else(|| at.hostname.clone()))
}

/// The address that a load balancer gave a Service.
fn balanced(service: &Service) -> Option<IpAddr> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?;
    ingress.iter().find_map(|at| at.ip.as_ref()?.parse().ok())
}

fn node_state(controller: &Controller, pod: Option<&Pod>) -> NodeState {
    let at_rest = || if controller.is_changing() { NodeState::Restarting } else { NodeState::Stopped };
    let Some(pod) = pod else {
        // Nothing was seen to run: either it was stopped or its pod is still to come.
        return if controller.replicas == 0 { at_rest() } else { NodeState::Created };
    };
    if controller.replicas == 0 {
        return if pods::is_running(pod) { NodeState::Running } else { at_rest() };
    }
    let stays = pod.metadata.deletion_timestamp.is_none() && !pods::is_out_of_sight(pod);
    if pods::is_running(pod) && stays {
        NodeState::Running
    } else if pods::is_running(pod) || pods::is_over(pod) || pods::last_end(pod).is_some() {
        NodeState::Restarting
    } else {
        NodeState::Created
    }
}

#[cfg(test)]
mod tests;

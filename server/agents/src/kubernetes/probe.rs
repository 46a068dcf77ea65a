//! "Test connection": asks a cluster who it is, who we are and what we may, and names the stage at which that stops.
//!
//! Nothing is made in the cluster: what would be allowed is asked, not tried.

use std::future::Future;
use std::time::{Duration, SystemTime};

use domain::host::cluster::ClusterStorage;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::header::DATE;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{Namespace, Node as KubeNode};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::api::{Api, ListParams, PostParams};
use kube::client::Body;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::answer::Broken;
use super::client::Client;
use super::failure::{agent, cause};
use super::machines;
use super::rbac::{self, Permission};
use crate::dial::UnderWay;
use crate::error::cut;
use crate::{EngineFacts, ProbeFailure, ProbeStage, Remedy};

/// The oldest Kubernetes that has all that we need, and that our types describe.
const OLDEST: (u32, u32) = (1, 33);
/// A connection is open within this time …
const OPEN_MAX: Duration = Duration::from_secs(8);
/// … and each question is answered within that.
const QUESTION_MAX: Duration = Duration::from_secs(10);
/// What tells the version is not larger.
const VERSION_BYTES_MAX: usize = 1024 * 1024;
/// Permissions that are asked about side by side.
const REVIEWS_MAX: usize = 16;
/// One page of a list, and most pages that are read.
const PAGE: u32 = 500;
const PAGES_MAX: usize = 20;
/// Marks the storage class of claims that name none.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// Who we are when the cluster does not know us.
const NOBODY: &str = "system:anonymous";

/// Goes through all stages and ends with the cluster's own facts.
pub(super) async fn probe(client: &Client) -> Result<EngineFacts, ProbeFailure> {
    open(client).await?;
    let asked_at = SystemTime::now();
    let (version, clock) = version(client).await?;
    let api_version = check_version(&version)?;
    check_identity(client).await?;
    let id = cluster_id(client).await?;
    let permissions = check_permissions(client).await?;
    let kube_nodes = list_machines(client).await?;
    let storage = check_storage(client, &kube_nodes).await?;
    let fitting = fitting(client, &kube_nodes)?;
    let mut warnings = machines::warnings(&kube_nodes);
    warnings.extend(metrics_missing(client).await);
    let (cpus, memory) = machines::allocatable(&fitting);
    Ok(EngineFacts {
        id,
        name: client.way.server.trim_start_matches("https://").to_owned(),
        version: version.git_version,
        api_version: api_version.clone(),
        api_version_max: api_version,
        operating_system: machines::operating_system(&kube_nodes),
        architecture: machines::architecture(&kube_nodes),
        cpus: u32::try_from(cpus / 1_000).ok(),
        memory_bytes: Some(memory),
        memory_largest_bytes: machines::largest(&fitting),
        disk_free_bytes: None,
        permissions: Some(permissions),
        storage: Some(storage),
        containers_running: None,
        clock,
        asked_at,
        warnings,
    })
}

/// Opens one connection for nothing but its stages.
async fn open(client: &Client) -> Result<(), ProbeFailure> {
    let under_way = UnderWay::default();
    match tokio::time::timeout(OPEN_MAX, client.way.route.open(&under_way)).await {
        Ok(opened) => opened.map(|_| ()),
        Err(_) => Err(under_way.late()),
    }
}

/// Waits for the answer to one question; what goes wrong is told at its stage.
async fn ask<T>(
    client: &Client,
    stage: ProbeStage,
    what: &str,
    answer: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ProbeFailure> {
    match tokio::time::timeout(QUESTION_MAX, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(stopped(client, stage, what, error)),
        Err(_) => Err(late(stage, what)),
    }
}

fn late(stage: ProbeStage, what: &str) -> ProbeFailure {
    ProbeFailure::late(stage, Remedy::InspectEngine, format!("{what}: no answer in time"))
}

fn stopped(client: &Client, stage: ProbeStage, what: &str, error: kube::Error) -> ProbeFailure {
    if let Some(failure) = cause::<ProbeFailure>(&error) {
        return failure.clone();
    }
    if cause::<Broken>(&error).is_some_and(|broken| matches!(broken, Broken::Late(_))) {
        return late(stage, what);
    }
    if let kube::Error::Api(status) = &error {
        match status.code {
            401 => return unknown_to_it(client, &status.message),
            403 if status.message.contains(NOBODY) => return unknown_to_it(client, &status.message),
            403 => {
                let message = agent(error, what).to_string();
                return ProbeFailure::at(ProbeStage::Permission, Remedy::GrantPermissions, message);
            }
            _ => {}
        }
    }
    ProbeFailure::at(stage, Remedy::InspectEngine, agent(error, what).to_string())
}

/// The failure of credentials that the cluster does not accept.
fn unknown_to_it(client: &Client, said: &str) -> ProbeFailure {
    let message = cut(&format!("the cluster does not know us: {said}"));
    ProbeFailure::at(ProbeStage::Authentication, client.way.bearer.remedy(), message)
}

/// The cluster's version and clock. Here a refused login shows as well: our credentials go with every request.
async fn version(client: &Client) -> Result<(Info, Option<SystemTime>), ProbeFailure> {
    let engine = |message: String| ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, message);
    let request = Request::get("/version").body(Body::empty()).map_err(|error| engine(error.to_string()))?;
    let sent = client.kube.send(request);
    let response = ask(client, ProbeStage::ApiVersion, "version", sent).await?;
    let status = response.status();
    let clock = response.headers().get(DATE).and_then(|value| value.to_str().ok()).and_then(parse_date);
    let read = Limited::new(response.into_body(), VERSION_BYTES_MAX).collect();
    let body = match tokio::time::timeout(QUESTION_MAX, read).await {
        Ok(read) => read.map_err(|error| engine(error.to_string()))?.to_bytes(),
        Err(_) => return Err(late(ProbeStage::ApiVersion, "version")),
    };
    let said = || reason(&body);
    match status.as_u16() {
        200 => {}
        401 => return Err(unknown_to_it(client, &said())),
        403 if said().contains(NOBODY) => return Err(unknown_to_it(client, &said())),
        403 => {
            let message = format!("the account may not ask for the version: {}", said());
            return Err(ProbeFailure::at(ProbeStage::Permission, Remedy::GrantPermissions, message));
        }
        _ => return Err(engine(format!("the cluster answered {status}"))),
    }
    // The page of something else may say anything, so it is not repeated.
    match serde_json::from_slice::<Info>(&body) {
        Ok(version) if !version.git_version.is_empty() => Ok((version, clock)),
        Ok(_) | Err(_) => Err(engine("what answers is no API server of Kubernetes".to_owned())),
    }
}

/// The reason that an API server gives. What something else says, a proxy in between for example, is not repeated.
fn reason(body: &[u8]) -> String {
    let read: Option<Value> = serde_json::from_slice(body).ok();
    let message = read.as_ref().and_then(|read| read.get("message")).and_then(Value::as_str);
    cut(message.unwrap_or("it gives no reason"))
}

/// Reads the date that stands in answers' heads.
fn parse_date(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok().map(SystemTime::from)
}

/// `1.34` of a version that is new enough. Some vendors write `34+`.
fn check_version(version: &Info) -> Result<String, ProbeFailure> {
    let number = |text: &str| text.trim_end_matches(|last: char| !last.is_ascii_digit()).parse::<u32>().ok();
    match (number(&version.major), number(&version.minor)) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(format!("{major}.{minor}")),
        _ => {
            let message = format!(
                "the cluster runs Kubernetes {}; at least {}.{} is needed",
                cut(&version.git_version),
                OLDEST.0,
                OLDEST.1
            );
            Err(ProbeFailure::at(ProbeStage::ApiVersion, Remedy::UpgradeEngine, message))
        }
    }
}

/// Asks who we are: a proxy in between may have lost our certificate without a word.
async fn check_identity(client: &Client) -> Result<(), ProbeFailure> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.kube.clone());
    let (review, params) = (SelfSubjectReview::default(), PostParams::default());
    let asked = reviews.create(&params, &review);
    let answer = ask(client, ProbeStage::Authentication, "who we are", asked).await?;
    let user = answer.status.and_then(|status| status.user_info).and_then(|user| user.username);
    if user.as_deref() == Some(NOBODY) {
        return Err(unknown_to_it(client, "we are nobody in particular to it"));
    }
    Ok(())
}

/// The cluster's identity: the one of a namespace that every cluster has and nobody makes anew.
async fn cluster_id(client: &Client) -> Result<String, ProbeFailure> {
    let namespaces: Api<Namespace> = Api::all(client.kube.clone());
    let namespace = ask(client, ProbeStage::Engine, "namespace kube-system", namespaces.get("kube-system"));
    namespace.await?.metadata.uid.ok_or_else(|| {
        let message = "the namespace kube-system has no identity";
        ProbeFailure::at(ProbeStage::Engine, Remedy::InspectEngine, message)
    })
}

/// Asks about every permission and tells how many there are; all that are missing are named together.
async fn check_permissions(client: &Client) -> Result<usize, ProbeFailure> {
    let wanted = rbac::permissions(&client.options.settings);
    let count = wanted.len();
    let asked = stream::iter(wanted).map(|one| async move {
        let is_given = is_given(client, one).await?;
        Ok::<_, ProbeFailure>((!is_given).then_some(one))
    });
    let answers: Vec<Option<Permission>> = asked.buffered(REVIEWS_MAX).try_collect().await?;
    let missing: Vec<String> = answers.into_iter().flatten().map(|one| one.to_string()).collect();
    if missing.is_empty() {
        return Ok(count);
    }
    let message = format!("permissions are missing: {}", missing.join(", "));
    Err(ProbeFailure::at(ProbeStage::Permission, Remedy::GrantPermissions, message))
}

async fn is_given(client: &Client, permission: Permission) -> Result<bool, ProbeFailure> {
    let attributes = ResourceAttributes {
        group: Some(permission.group.to_owned()),
        resource: Some(permission.resource.to_owned()),
        subresource: (!permission.subresource.is_empty()).then(|| permission.subresource.to_owned()),
        verb: Some(permission.verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { non_resource_attributes: None, resource_attributes: Some(attributes) };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let (reviews, params): (Api<SelfSubjectAccessReview>, _) =
        (Api::all(client.kube.clone()), PostParams::default());
    let what = format!("whether we may {permission}");
    let answer = ask(client, ProbeStage::Permission, &what, reviews.create(&params, &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

async fn list_machines(client: &Client) -> Result<Vec<KubeNode>, ProbeFailure> {
    let kube_nodes: Api<KubeNode> = Api::all(client.kube.clone());
    let (mut all, mut next) = (Vec::new(), None);
    for _page in 0..PAGES_MAX {
        let mut params = ListParams::default().limit(PAGE);
        params.continue_token = next;
        let page = ask(client, ProbeStage::Capacity, "machines", kube_nodes.list(&params)).await?;
        next = page.metadata.continue_.filter(|token| !token.is_empty());
        all.extend(page.items);
        if next.is_none() {
            break;
        }
    }
    Ok(all)
}

/// Whether the storage that was chosen is there, and what it is called. An NFS server is reached by the machines and not
/// by us: only a pod could tell.
async fn check_storage(client: &Client, kube_nodes: &[KubeNode]) -> Result<String, ProbeFailure> {
    let missing =
        |message: String| Err(ProbeFailure::at(ProbeStage::Storage, Remedy::ChooseStorage, message));
    match &client.options.settings.storage {
        ClusterStorage::Nfs { server, path } => Ok(format!("NFS {server}:{path}")),
        ClusterStorage::NodeLocal { kube_node, path } => {
            match kube_nodes.iter().find(|one| machines::name(one) == kube_node) {
                Some(found) if machines::is_ready(found) => Ok(format!("{kube_node}:{path}")),
                Some(_) => missing(format!("the machine {kube_node} is not ready")),
                None => missing(format!("the cluster has no machine {kube_node}")),
            }
        }
        ClusterStorage::Class { name } => {
            let classes: Api<StorageClass> = Api::all(client.kube.clone());
            let params = ListParams::default().limit(PAGE);
            let listed = ask(client, ProbeStage::Storage, "storage classes", classes.list(&params)).await?;
            class_of(&listed.items, name.as_deref()).or_else(missing)
        }
    }
}

/// The storage class that claims would find, or why they would find none.
fn class_of(classes: &[StorageClass], wanted: Option<&str>) -> Result<String, String> {
    let is_default = |class: &StorageClass| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
    };
    let found = match wanted {
        Some(wanted) => classes.iter().find(|class| class.metadata.name.as_deref() == Some(wanted)),
        None => classes.iter().find(|class| is_default(class)),
    };
    if let Some(name) = found.and_then(|class| class.metadata.name.clone()) {
        return Ok(name);
    }
    let names: Vec<&str> = classes.iter().filter_map(|class| class.metadata.name.as_deref()).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(match wanted {
        Some(wanted) => format!("there is no storage class {wanted}; there are: {there}"),
        None => format!("no storage class is the default one; there are: {there}"),
    })
}

/// The machines that would run nodes; there must be one.
fn fitting<'a>(client: &Client, kube_nodes: &'a [KubeNode]) -> Result<Vec<&'a KubeNode>, ProbeFailure> {
    let settings = &client.options.settings;
    let (fitting, others): (Vec<_>, Vec<_>) = kube_nodes
        .iter()
        .map(|one| (one, machines::hindrance(one, settings)))
        .partition(|(_, hindrance)| hindrance.is_none());
    if !fitting.is_empty() {
        return Ok(fitting.into_iter().map(|(one, _)| one).collect());
    }
    let each = others.into_iter().filter_map(|(one, why)| Some(format!("{} {}", machines::name(one), why?)));
    let why: Vec<String> = each.collect();
    let why = if why.is_empty() { "the cluster has none".to_owned() } else { why.join("; ") };
    let message = cut(&format!("no machine would run nodes: {why}"));
    Err(ProbeFailure::at(ProbeStage::Capacity, Remedy::ProvideMachines, message))
}

/// A warning where the cluster measures nothing. A question that fails is no reason to stop here.
async fn metrics_missing(client: &Client) -> Option<String> {
    let groups = ask(client, ProbeStage::Engine, "API groups", client.kube.list_api_groups()).await.ok()?;
    let is_there = groups.groups.iter().any(|group| group.name == "metrics.k8s.io");
    (!is_there).then(|| "the cluster has no metrics: use of CPU and memory is not shown".to_owned())
}

#[cfg(test)]
mod tests;

//! Images on a cluster: which are there, and whether one can be pulled.
//!
//! A cluster has no verb for images. What its machines have they tell themselves, names only; everything else is found
//! out by a short-lived pod, whose events say whether its image can be pulled and whose status says which it is.

use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{LocalObjectReference, Node, Pod, Secret};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use sha2::{Digest, Sha256};

use self::known::Known;
pub(super) use self::known::prefixed;
use super::cluster::{Cluster, selector};
use super::reasons::{self, Progress};
use super::{apply, errands, manifest, pods, request, space};
use crate::image::{check_reference, registry_of};
use crate::labels::{INSTALLATION, PURPOSE};
use crate::{
    AgentError, ImageFacts, ImageProgress, MissingWhy, PullCredentials, is_local_only_name, split_reference,
};

mod known;

/// A whole pull that takes longer has failed.
const PULL_MAX: Duration = Duration::from_secs(1800);
/// What an interrupted look has left is removed after this time.
const LEFT_MAX: Duration = Duration::from_secs(3600);
/// Where the default registry keeps its names.
const DEFAULT_REGISTRY_KEY: &str = "https://index.docker.io/v1/";

/// Tells about an image that is on the cluster; never pulls.
pub(super) async fn find(cluster: &Cluster, reference: &str) -> Result<Option<Known>, AgentError> {
    check_reference(reference)?;
    let known = known::all(cluster).await?.into_iter().find(|known| known.is(reference));
    if reference.starts_with("sha256:") {
        return Ok(known);
    }
    // What a registry has can be had again, whoever cleared it away meanwhile.
    if known.as_ref().is_some_and(|known| !known.is_local()) {
        return Ok(known);
    }
    let Some(listed) = listed(cluster, reference).await? else { return Ok(known) };
    // Who loads an image anew under an old name gives it another size.
    if known.as_ref().is_some_and(|known| known.size_bytes == listed.size_bytes) {
        return Ok(known);
    }
    let look = Look { pull: "Never", listed: Some(&listed), credentials: None };
    match seen(cluster, reference, look, &mut |_| ()).await {
        Ok(known) => Ok(Some(known)),
        // The machine has cleared it away since it told of it.
        Err(AgentError::ImageMissing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a pod runs for this reference.
pub(super) async fn require(cluster: &Cluster, reference: &str) -> Result<String, AgentError> {
    let missing = || AgentError::ImageMissing { reference: reference.to_owned(), why: MissingWhy::NotOnHost };
    Ok(find(cluster, reference).await?.ok_or_else(missing)?.runs(cluster.options()))
}

/// What pods can run of all that is known, those that a registry has first: they are on every machine's way.
pub(super) async fn runnable(cluster: &Cluster) -> Result<Vec<String>, AgentError> {
    let mut known = known::all(cluster).await?;
    known.sort_by_key(Known::is_local);
    Ok(known.iter().map(|known| known.runs(cluster.options())).collect())
}

/// Makes sure that an image can be run: one of the cluster's machines has it, or pulls it now.
pub(super) async fn ensure(
    cluster: &Cluster,
    reference: &str,
    credentials: Option<&PullCredentials>,
    progress: &mut (dyn FnMut(ImageProgress) + Send),
) -> Result<ImageFacts, AgentError> {
    if let Some(found) = find(cluster, reference).await? {
        return Ok(found.facts(reference));
    }
    refuse_local(reference)?;
    let look = Look { pull: "IfNotPresent", listed: None, credentials };
    Ok(seen(cluster, reference, look, progress).await?.facts(reference))
}

/// Asks an image's registry whether it has it for us. One of the machines asks, which has to pull what it does not have:
/// a cluster cannot ask without.
pub(super) async fn ask_registry(
    cluster: &Cluster,
    reference: &str,
    credentials: Option<&PullCredentials>,
) -> Result<(), AgentError> {
    check_reference(reference)?;
    refuse_local(reference)?;
    let look = Look { pull: "Always", listed: None, credentials };
    seen(cluster, reference, look, &mut |_| ()).await.map(|_| ())
}

fn refuse_local(reference: &str) -> Result<(), AgentError> {
    if is_local_only_name(reference) {
        return Err(AgentError::ImageMissing { reference: reference.to_owned(), why: MissingWhy::LocalOnly });
    }
    Ok(())
}

/// The content id in what a machine calls an image: `repository@sha256:…` or `sha256:…`, with or without a scheme.
pub(super) fn id_of(image_id: &str) -> Option<String> {
    let bare = image_id.rsplit_once('@').map_or(image_id, |(_, digest)| digest);
    let bare = bare.rsplit_once("//").map_or(bare, |(_, id)| id);
    let digits = bare.strip_prefix("sha256:").unwrap_or(bare);
    let is_hash = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| format!("sha256:{digits}"))
}

/// An image that a machine tells of.
struct Listed {
    kube_node: String,
    architecture: String,
    size_bytes: Option<u64>,
}

/// Looks for an image on the machines that take pods. Who may not look at machines finds none.
async fn listed(cluster: &Cluster, reference: &str) -> Result<Option<Listed>, AgentError> {
    let wanted = prefixed(&cluster.options().settings.registry_prefix, reference);
    let api: Api<Node> = cluster.everywhere();
    let machines = match request::list(&api, None).await {
        Ok(machines) => machines,
        Err(AgentError::Refused(why)) => {
            tracing::debug!(why, "the cluster's machines cannot be looked at");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let takes_pods =
        |machine: &&Node| machine.spec.as_ref().is_none_or(|spec| spec.unschedulable != Some(true));
    let mut found = machines.iter().filter(takes_pods).filter_map(|machine| on_machine(machine, &wanted));
    Ok(found.next())
}

fn on_machine(machine: &Node, wanted: &str) -> Option<Listed> {
    let status = machine.status.as_ref()?;
    let has = |name: &String| familiar(name) == familiar(wanted);
    let image = status.images.iter().flatten().find(|image| image.names.iter().flatten().any(has))?;
    Some(Listed {
        kube_node: machine.metadata.name.clone()?,
        architecture: status.node_info.as_ref().map(|info| info.architecture.clone()).unwrap_or_default(),
        size_bytes: image.size_bytes.and_then(|size| u64::try_from(size).ok()),
    })
}

/// Repository and tag without what machines add to short names.
fn familiar(name: &str) -> (&str, &str) {
    let (repository, tag) = split_reference(name);
    let short = repository.strip_prefix("docker.io/").unwrap_or(repository);
    (short.strip_prefix("library/").unwrap_or(short), tag)
}

/// How a pod looks at an image.
struct Look<'a> {
    /// The pod's pull policy.
    pull: &'static str,
    /// Where the image is already.
    listed: Option<&'a Listed>,
    credentials: Option<&'a PullCredentials>,
}

/// Runs a pod of the image, reads which one it is and writes that down.
async fn seen(
    cluster: &Cluster,
    reference: &str,
    look: Look<'_>,
    progress: &mut (dyn FnMut(ImageProgress) + Send),
) -> Result<Known, AgentError> {
    let home = space::home(cluster, &cluster.installation).await?;
    let image = prefixed(&cluster.options().settings.registry_prefix, reference);
    let mut pod = probe_pod(cluster, &home, &image, &look)?;
    sweep(cluster, &pod).await?;
    let secret = match look.credentials {
        Some(credentials) => Some(lend(cluster, &mut pod, &image, credentials).await?),
        None => None,
    };
    let mut told = None;
    let ended = errands::run(cluster, &pod, PULL_MAX, |pod| {
        let now = word(pod);
        if told != now
            && let Some(status) = &now
        {
            progress(ImageProgress { layer: None, status: status.clone(), current: None, total: None });
        }
        told = now;
        outcome(pod, reference)
    })
    .await;
    if let Some(secret) = secret {
        let api: Api<Secret> = cluster.within(&home);
        request::delete(&api, &secret, DeleteParams::default()).await?;
    }
    let (image_id, kube_node) = ended??;
    let unreadable =
        || AgentError::Engine { status: 0, message: format!("{reference} has the id {image_id:?}") };
    let mut known = Known::seen(reference, &image_id).ok_or_else(unreadable)?;
    if let Some(listed) = look.listed {
        known.architecture.clone_from(&listed.architecture);
        known.size_bytes = listed.size_bytes;
    } else if let Some(kube_node) = kube_node {
        known.architecture = architecture(cluster, &kube_node).await?;
    }
    known::remember(cluster, &known).await?;
    Ok(known)
}

fn probe_pod(cluster: &Cluster, home: &str, image: &str, look: &Look<'_>) -> Result<Pod, AgentError> {
    let mut random = [0; 4];
    getrandom::fill(&mut random)
        .map_err(|error| AgentError::Refused(format!("no random number for a name: {error}")))?;
    let of = hex::encode(&Sha256::digest(image.as_bytes())[..4]);
    let mut pod =
        manifest::probe_pod(&format!("image-{of}-{}", hex::encode(random)), image, cluster.options());
    pod.metadata.namespace = Some(home.to_owned());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(INSTALLATION.to_owned(), cluster.installation.clone());
    if let Some(spec) = &mut pod.spec {
        // Past the scheduler, which may know a machine that does not have the image.
        spec.node_name = look.listed.map(|listed| listed.kube_node.clone());
        for container in &mut spec.containers {
            container.image_pull_policy = Some(look.pull.to_owned());
        }
    }
    Ok(pod)
}

/// Gives a pod a name for the image's registry, for this once.
async fn lend(
    cluster: &Cluster,
    pod: &mut Pod,
    image: &str,
    credentials: &PullCredentials,
) -> Result<Secret, AgentError> {
    let registry = match registry_of(split_reference(image).0) {
        "docker.io" => DEFAULT_REGISTRY_KEY,
        other => other,
    };
    let auth = json!({"username": credentials.username, "password": credentials.password.as_str()});
    let config = json!({"auths": {(registry): auth}}).to_string().into_bytes();
    let secret = Secret {
        metadata: pod.metadata.clone(),
        type_: Some("kubernetes.io/dockerconfigjson".to_owned()),
        data: Some([(".dockerconfigjson".to_owned(), ByteString(config))].into()),
        ..Secret::default()
    };
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let owner = apply::Owner::Portal(&cluster.installation);
    let made = apply::make(&cluster.within(&namespace), &secret, owner).await?;
    if let Some(spec) = &mut pod.spec {
        let name = made.metadata.name.clone().unwrap_or_default();
        spec.image_pull_secrets.get_or_insert_default().push(LocalObjectReference { name });
    }
    Ok(made)
}

/// The image's id and the machine that has it, once the pod knows; or why it will not.
fn outcome(pod: &Pod, reference: &str) -> Option<Result<(String, Option<String>), AgentError>> {
    let id = pods::container(pod).map(|container| container.image_id.clone()).filter(|id| !id.is_empty());
    if let Some(id) = id {
        return Some(Ok((id, pod.spec.as_ref().and_then(|spec| spec.node_name.clone()))));
    }
    match reasons::progress(pod, reference) {
        Progress::Failed(error) => Some(Err(error)),
        // Others may make room; a pod this small finds it nearly always.
        Progress::NoMachine(message) => Some(Err(AgentError::Engine { status: 0, message })),
        Progress::Waiting | Progress::Started if pods::is_over(pod) => {
            let why = reasons::of_pod(pod).map(|why| reasons::prose(&why));
            let message = why.unwrap_or_else(|| "the pod of an image ended".to_owned());
            Some(Err(AgentError::Engine { status: 0, message: format!("image {reference}: {message}") }))
        }
        Progress::Waiting | Progress::Started => None,
    }
}

/// What can be told of a pull that goes on.
fn word(pod: &Pod) -> Option<String> {
    let machine = pod.spec.as_ref()?.node_name.as_ref()?;
    Some(match pods::container(pod).filter(|container| !container.image_id.is_empty()) {
        Some(_) => format!("pulled on {machine}"),
        None => format!("pulling on {machine}"),
    })
}

async fn architecture(cluster: &Cluster, kube_node: &str) -> Result<String, AgentError> {
    let api: Api<Node> = cluster.everywhere();
    match request::get(&api, kube_node).await {
        Ok(found) => {
            let info = found.and_then(|machine| machine.status?.node_info);
            Ok(info.map(|info| info.architecture).unwrap_or_default())
        }
        Err(AgentError::Refused(_)) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// Removes pods like this one, and names for registries, that an interrupted look has left.
async fn sweep(cluster: &Cluster, like: &Pod) -> Result<(), AgentError> {
    let home = like.metadata.namespace.as_deref().unwrap_or_default();
    let purpose = like.metadata.labels.as_ref().and_then(|labels| labels.get(PURPOSE));
    let of_portal = selector(&cluster.installation, None)?;
    let probes = format!("{of_portal},{PURPOSE}={}", purpose.map(String::as_str).unwrap_or_default());
    let pods: Api<Pod> = cluster.within(home);
    for pod in request::list(&pods, Some(&probes)).await? {
        if is_left(pod.metadata.creation_timestamp.as_ref().map(|at| at.0.into())) {
            request::delete(&pods, &pod, DeleteParams::default()).await?;
        }
    }
    let secrets: Api<Secret> = cluster.within(home);
    for secret in request::list(&secrets, Some(&probes)).await? {
        if is_left(secret.metadata.creation_timestamp.as_ref().map(|at| at.0.into())) {
            request::delete(&secrets, &secret, DeleteParams::default()).await?;
        }
    }
    Ok(())
}

fn is_left(made: Option<SystemTime>) -> bool {
    made.and_then(|made| made.elapsed().ok()).is_some_and(|age| age > LEFT_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::pods::tests::{in_state, pod};
    use super::*;

    #[test]
    fn the_content_id_is_read_from_every_form() {
        let hash = "0f".repeat(32);
        let id = Some(format!("sha256:{hash}"));
        for given in [
            format!("sha256:{hash}"),
            format!("r.example:5000/a/peer@sha256:{hash}"),
            format!("docker-pullable://peer@sha256:{hash}"),
            format!("docker://sha256:{hash}"),
            hash.clone(),
        ] {
            assert_eq!(id_of(&given), id, "{given}");
        }
        assert_eq!(id_of(""), None);
        assert_eq!(id_of("heddle.local/peer:1"), None);
    }

    #[test]
    fn an_image_on_a_machine_is_found_by_its_short_name() {
        let machine: Node = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"},
            "status": {
                "nodeInfo": {
                    "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                    "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "linux",
                    "osImage": "", "systemUUID": "",
                },
                "images": [
                    {"names": ["docker.io/hyperledger/fabric-peer@sha256:aa", "docker.io/hyperledger/fabric-peer:2.5"],
                     "sizeBytes": 10},
                    {"names": ["docker.io/library/busybox:latest"], "sizeBytes": 20},
                    {"names": ["heddle.local/n:1"], "sizeBytes": 30},
                ],
            },
        }))
        .unwrap();
        let size = |wanted| on_machine(&machine, wanted).and_then(|found| found.size_bytes);
        assert_eq!(size("hyperledger/fabric-peer:2.5"), Some(10));
        assert_eq!(size("hyperledger/fabric-peer@sha256:aa"), Some(10));
        assert_eq!(size("busybox"), Some(20));
        assert_eq!(size("heddle.local/n:1"), Some(30));
        assert_eq!(size("heddle.local/n:2"), None);
        assert_eq!(size("r.example/hyperledger/fabric-peer:2.5"), None);
    }

    #[test]
    fn a_look_ends_when_the_pod_knows_its_image_or_cannot_have_it() {
        let of = |status: Value| outcome(&pod("a", status), "peer:1");
        let over = json!({"terminated": {"exitCode": 128, "reason": "StartError"}});
        let known = of(in_state("c1", 0, over, json!({})));
        assert!(matches!(known, Some(Ok((id, _))) if id == "sha256:aa"));
        let mut waits = in_state(
            "",
            0,
            json!({"waiting": {"reason": "ErrImagePull", "message": "x: not found"}}),
            json!({}),
        );
        waits["containerStatuses"][0]["imageID"] = json!("");
        let missing = of(waits);
        assert!(matches!(
            missing,
            Some(Err(AgentError::ImageMissing { why: MissingWhy::NotInRegistry(_), .. }))
        ));
        assert!(of(json!({"phase": "Pending"})).is_none());
        let late = of(json!({"phase": "Failed", "reason": "DeadlineExceeded"}));
        assert!(matches!(late, Some(Err(error)) if error.is_retryable()));
    }
}

//! The pod of a node: every pod of every node passes through here.
//!
//! There is no second place where a pod's rights are decided. Nothing here may give a node a token, a capability, a
//! folder of the machine or a name space of the machine. How many processes a pod may have is decided by each kubelet
//! (`podPidsLimit`), not by a pod, so `Limits::pids` stands nowhere here.

use std::collections::BTreeMap;

use domain::host::cluster::ClusterSettings;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, PodSecurityContext, PodSpec, PodTemplateSpec,
    ResourceRequirements, SeccompProfile, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Placed, WORKLOAD, files, health, kept, kept_map, names, orderers, policy, service, volume};
use crate::labels::NETWORK;
use crate::{Limits, NodeSpec};

/// Name of a node's own container. Clusters may put others beside it.
pub(crate) const CONTAINER: &str = "node";
/// Where a node may write when it may write nowhere else …
const TMP: &str = "/tmp";
/// … and how much.
const TMP_SIZE: &str = "64Mi";
/// Seconds that a node gets to end when nobody says otherwise.
const STOP_SECONDS: i64 = 30;

/// What a node's workload makes its pod from.
pub(super) fn template(of: &Placed<'_>, image: &str) -> PodTemplateSpec {
    let mut labels = of.labels(WORKLOAD);
    labels.insert(NETWORK.to_owned(), policy::network(of.spec.network).to_owned());
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
        spec: Some(pod(of, image)),
    }
}

fn pod(of: &Placed<'_>, image: &str) -> PodSpec {
    let settings = &of.options.settings;
    let mounted = [files::mounted(of), volume::mounted(of), tmp(of.spec)];
    let (volumes, mounts): (Vec<_>, Vec<_>) = mounted.into_iter().flatten().unzip();
    PodSpec {
        service_account_name: Some(names::ACCOUNT.to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(STOP_SECONDS),
        security_context: Some(pod_security(of.spec)),
        node_selector: kept_map(settings.node_selector.clone()),
        tolerations: tolerations(settings),
        affinity: orderers::spread(of.spec),
        containers: vec![container(of.spec, image, mounts)],
        volumes: kept(volumes),
        ..PodSpec::default()
    }
}

fn container(spec: &NodeSpec, image: &str, mounts: Vec<VolumeMount>) -> Container {
    let literally = |words: &[String]| kept(words.iter().map(|word| literal(word)).collect());
    let variable = |(name, value): (&String, &String)| EnvVar {
        name: name.clone(),
        value: Some(literal(value)),
        ..EnvVar::default()
    };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: literally(&spec.entrypoint),
        args: literally(&spec.command),
        env: kept(spec.environment.iter().map(variable).collect()),
        working_dir: spec.working_dir.clone(),
        ports: service::container_ports(spec),
        resources: Some(resources(spec.limits)),
        security_context: Some(security(spec.read_only_root)),
        startup_probe: spec.health_port.map(health::startup),
        readiness_probe: spec.health_port.map(health::readiness),
        liveness_probe: spec.health_port.map(health::liveness),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: kept(mounts),
        ..Container::default()
    }
}

/// Text as a node shall get it. A cluster reads `$(NAME)` as the value of a variable, and two dollars as one.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// What is kept free for a node, in thousandths of a processor and in MiB: nodes idle most of the time, and a tenth of a
/// processor's time is what one needs to keep up with its chain; a machine of two processors then holds a chain of seven
/// nodes.
pub(crate) fn kept_free(limits: Limits) -> (u32, u32) {
    (limits.cpu_milli.div_ceil(10), limits.memory_mib.div_ceil(2))
}

/// What a node may use at most, and what is kept free for it.
fn resources(limits: Limits) -> ResourceRequirements {
    let amounts = |cpu: u32, memory: u32| {
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(format!("{cpu}m"))),
            ("memory".to_owned(), Quantity(format!("{memory}Mi"))),
        ])
    };
    let (cpu, memory) = kept_free(limits);
    ResourceRequirements {
        limits: Some(amounts(limits.cpu_milli, limits.memory_mib)),
        requests: Some(amounts(cpu, memory)),
        ..ResourceRequirements::default()
    }
}

/// The one place that says what a container may do; pods that run an errand pass here too.
pub(super) fn security(read_only_root: bool) -> SecurityContext {
    SecurityContext {
        privileged: Some(false),
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        read_only_root_filesystem: Some(read_only_root),
        ..SecurityContext::default()
    }
}

/// The user of a node where the specification names one; its group may then read the files.
fn pod_security(spec: &NodeSpec) -> PodSecurityContext {
    // An id is a u32, so the last value is never met; it would be no user that anything belongs to.
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let owner = spec.user.is_some().then(|| spec.file_owner());
    let (user, group) = (owner.map(|(user, _)| id(user)), owner.map(|(_, group)| id(group)));
    PodSecurityContext {
        run_as_user: user,
        run_as_group: group,
        run_as_non_root: user.map(|user| user != 0),
        fs_group: group,
        fs_group_change_policy: group.map(|_| "OnRootMismatch".to_owned()),
        ..confined()
    }
}

/// What every pod of ours has, whoever it runs as.
pub(super) fn confined() -> PodSecurityContext {
    PodSecurityContext {
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// A place for what programs leave behind, where the rest cannot be written.
fn tmp(spec: &NodeSpec) -> Option<(Volume, VolumeMount)> {
    let taken = spec.config_path == TMP || spec.data_path.as_deref() == Some(TMP);
    (spec.read_only_root && !taken).then(|| {
        let source = EmptyDirVolumeSource {
            size_limit: Some(Quantity(TMP_SIZE.to_owned())),
            ..EmptyDirVolumeSource::default()
        };
        let volume = Volume { name: "tmp".to_owned(), empty_dir: Some(source), ..Volume::default() };
        let mount =
            VolumeMount { name: "tmp".to_owned(), mount_path: TMP.to_owned(), ..VolumeMount::default() };
        (volume, mount)
    })
}

/// The machines that our pods may run on although others may not.
pub(super) fn tolerations(settings: &ClusterSettings) -> Option<Vec<Toleration>> {
    let tolerated = |wanted: &domain::host::cluster::Toleration| {
        let key = (!wanted.key.is_empty()).then(|| wanted.key.clone());
        // Without a key only "whatever there is" can be said.
        let value = key.as_ref().and(wanted.value.clone());
        let operator = if value.is_some() { "Equal" } else { "Exists" };
        Toleration {
            operator: Some(operator.to_owned()),
            key,
            value,
            effect: wanted.effect.clone(),
            ..Toleration::default()
        }
    };
    kept(settings.tolerations.iter().map(tolerated).collect())
}

//! Where a node's data lies: a claim of our own, and the volume behind it where no storage class makes one.
//!
//! Nothing here may delete data: volumes are retained, and only [`folder_pod`] with [`Folder::Remove`] takes a folder
//! away, when somebody has decided so.

use std::collections::BTreeMap;

use domain::host::cluster::ClusterStorage;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, HostPathVolumeSource, LocalVolumeSource, NFSVolumeSource, NodeSelector,
    NodeSelectorRequirement, NodeSelectorTerm, ObjectReference, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource, PersistentVolumeSpec, Pod, PodSpec,
    SecurityContext, Volume, VolumeMount, VolumeNodeAffinity, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::probe::errand;
use super::{FOLDER, Placed, kept_map, names, pod, shared, space};
use crate::SpaceSpec;
use crate::kubernetes::KubernetesOptions;
use crate::labels::DATA;

/// Name of the volume inside the pod.
const VOLUME: &str = "data";
/// One pod writes at a time.
const ACCESS: &str = "ReadWriteOnce";
/// A server that is away is waited for; to give up in the middle of a block would break a ledger.
const NFS_OPTIONS: [&str; 2] = ["hard", "noatime"];
/// The label by which a machine of the cluster is found.
const MACHINE: &str = "kubernetes.io/hostname";
/// Where a folder pod has the folders.
const FOLDERS: &str = "/folders";
/// Large ledgers have many files; afterwards the cluster ends the pod by itself.
const FOLDER_SECONDS_MAX: i64 = 1_800;

/// The volume of a node's data; `None` where a storage class makes it, or there is no data.
pub(super) fn volume(of: &Placed<'_>) -> Option<PersistentVolume> {
    of.spec.data_path.as_ref()?;
    let folder = |path: &str| format!("{path}/{}/{}", of.namespace, of.spec.node);
    let at = match &of.options.settings.storage {
        ClusterStorage::Class { .. } => return None,
        ClusterStorage::Nfs { server, path } => PersistentVolumeSpec {
            nfs: Some(NFSVolumeSource {
                server: server.clone(),
                path: folder(path),
                ..NFSVolumeSource::default()
            }),
            mount_options: Some(NFS_OPTIONS.map(str::to_owned).to_vec()),
            ..PersistentVolumeSpec::default()
        },
        ClusterStorage::NodeLocal { kube_node, path } => PersistentVolumeSpec {
            local: Some(LocalVolumeSource { path: folder(path), ..LocalVolumeSource::default() }),
            node_affinity: Some(only_at(kube_node)),
            ..PersistentVolumeSpec::default()
        },
    };
    Some(PersistentVolume {
        metadata: ObjectMeta {
            namespace: None,
            ..of.meta(names::volume(&of.namespace, &of.spec.node), DATA)
        },
        spec: Some(PersistentVolumeSpec {
            capacity: Some(size(of.options)),
            access_modes: Some(vec![ACCESS.to_owned()]),
            persistent_volume_reclaim_policy: Some("Retain".to_owned()),
            storage_class_name: Some(String::new()),
            volume_mode: Some("Filesystem".to_owned()),
            claim_ref: Some(ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("PersistentVolumeClaim".to_owned()),
                namespace: Some(of.namespace.clone()),
                name: Some(names::claim(&of.spec.node)),
                ..ObjectReference::default()
            }),
            ..at
        }),
        ..PersistentVolume::default()
    })
}

/// The claim on the volume; `None` when the node keeps no data.
pub(super) fn claim(of: &Placed<'_>) -> Option<PersistentVolumeClaim> {
    of.spec.data_path.as_ref()?;
    // An empty class says that no class shall make the volume; none says that the cluster's default one shall.
    let (class, volume) = match &of.options.settings.storage {
        ClusterStorage::Class { name } => (name.clone(), None),
        ClusterStorage::Nfs { .. } | ClusterStorage::NodeLocal { .. } => {
            (Some(String::new()), Some(names::volume(&of.namespace, &of.spec.node)))
        }
    };
    Some(PersistentVolumeClaim {
        metadata: of.meta(names::claim(&of.spec.node), DATA),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec![ACCESS.to_owned()]),
            storage_class_name: class,
            volume_name: volume,
            volume_mode: Some("Filesystem".to_owned()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(size(of.options)),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    })
}

/// How the pod gets its data.
pub(super) fn mounted(of: &Placed<'_>) -> Option<(Volume, VolumeMount)> {
    let source = PersistentVolumeClaimVolumeSource {
        claim_name: names::claim(&of.spec.node),
        ..PersistentVolumeClaimVolumeSource::default()
    };
    let volume =
        Volume { name: VOLUME.to_owned(), persistent_volume_claim: Some(source), ..Volume::default() };
    let mount = VolumeMount {
        name: VOLUME.to_owned(),
        mount_path: of.spec.data_path.clone()?,
        ..VolumeMount::default()
    };
    Some((volume, mount))
}

fn size(options: &KubernetesOptions) -> BTreeMap<String, Quantity> {
    let size = Quantity(format!("{}Gi", options.settings.volume_gib));
    BTreeMap::from([("storage".to_owned(), size)])
}

fn only_at(kube_node: &str) -> VolumeNodeAffinity {
    let machine = NodeSelectorRequirement {
        key: MACHINE.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![kube_node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![machine]), ..NodeSelectorTerm::default() };
    VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms: vec![term] }) }
}

/// What shall become of a folder below the one that the admin named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    /// It shall be there. The kubelet makes it when it mounts it, so it is there as soon as the container has ended in
    /// whatever way, and any image will do.
    Make,
    /// It shall be there under another name, which holds the operation's, so that nobody finds it under its own. The
    /// image must have `sh` and `mv`, and the container must end with 0. Only for the folder of a whole chain.
    Keep,
    /// It shall be gone, with all that is in it. The image must have `rm`, and the container must end with 0.
    Remove,
}

/// Builds a pod for the installation's own namespace that makes or removes the folder of a node, or of a whole chain.
///
/// `None` where a storage class makes volumes: there are no folders then. The folder's pod carries no node's label, so
/// that nobody takes it for the node.
pub(crate) fn folder_pod(
    space: &SpaceSpec,
    node: Option<&str>,
    act: Folder,
    image: &str,
    options: &KubernetesOptions,
) -> Option<Pod> {
    let settings = &options.settings;
    let mut node_selector = settings.node_selector.clone();
    let folders = match &settings.storage {
        ClusterStorage::Class { .. } => return None,
        ClusterStorage::Nfs { server, path } => Volume {
            nfs: Some(NFSVolumeSource {
                server: server.clone(),
                path: path.clone(),
                ..NFSVolumeSource::default()
            }),
            ..Volume::default()
        },
        ClusterStorage::NodeLocal { kube_node, path } => {
            node_selector = BTreeMap::from([(MACHINE.to_owned(), kube_node.clone())]);
            let type_ = Some("DirectoryOrCreate".to_owned());
            let source = HostPathVolumeSource { path: path.clone(), type_ };
            Volume { host_path: Some(source), ..Volume::default() }
        }
    };
    let of_chain = names::namespace(&settings.namespace_prefix, &space.installation, &space.chain);
    let name = names::errand(act.word(), &of_chain, node);
    let home = names::home(&settings.namespace_prefix, &space.installation);
    Some(Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(home),
            labels: Some(shared(space, FOLDER)),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            image_pull_secrets: space::pulled_by(options),
            node_selector: kept_map(node_selector),
            tolerations: pod::tolerations(settings),
            active_deadline_seconds: Some(FOLDER_SECONDS_MAX),
            volumes: Some(vec![Volume { name: FOLDER.to_owned(), ..folders }]),
            ..errand(act.container(&of_chain, node, image, &space.operation))
        }),
        ..Pod::default()
    })
}

/// What the folder of a chain is called that outlives it. No chain's is called so: a chain's name holds no double hyphen.
pub(crate) fn kept_folder(of_chain: &str, mark: &str) -> String {
    format!("{of_chain}--kept-{mark}")
}

impl Folder {
    fn word(self) -> &'static str {
        match self {
            Self::Make => "make",
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }

    fn container(self, of_chain: &str, node: Option<&str>, image: &str, operation: &str) -> Container {
        let whole = node.map_or_else(|| of_chain.to_owned(), |node| format!("{of_chain}/{node}"));
        // No more is mounted than must be: to remove a folder, the one that it is in.
        let (command, sub_path) = match self {
            Self::Make => (vec!["true".to_owned()], Some(whole)),
            Self::Keep => {
                let (from, to) = (format!("{FOLDERS}/{of_chain}"), kept_folder(of_chain, operation));
                let to = format!("{FOLDERS}/{to}");
                // What an interrupted try has put aside is not there any more.
                let script = "[ ! -e \"$1\" ] || mv -- \"$1\" \"$2\"";
                (["sh", "-c", script, "sh", from.as_str(), to.as_str()].map(str::to_owned).to_vec(), None)
            }
            Self::Remove => {
                let target = format!("{FOLDERS}/{}", node.unwrap_or(of_chain));
                let command = ["rm", "-rf", "--", target.as_str()].map(str::to_owned).to_vec();
                (command, node.map(|_| of_chain.to_owned()))
            }
        };
        // What belongs to somebody else, a node with a user of its own for example, root changes only with this right.
        let right = (self != Self::Make).then(|| vec!["DAC_OVERRIDE".to_owned()]);
        let security = pod::security(true);
        let capabilities = Capabilities { add: right, ..security.capabilities.unwrap_or_default() };
        Container {
            name: FOLDER.to_owned(),
            image: Some(image.to_owned()),
            command: Some(command),
            security_context: Some(SecurityContext {
                run_as_user: Some(0),
                capabilities: Some(capabilities),
                ..security
            }),
            volume_mounts: Some(vec![VolumeMount {
                name: FOLDER.to_owned(),
                mount_path: FOLDERS.to_owned(),
                sub_path,
                ..VolumeMount::default()
            }]),
            ..Container::default()
        }
    }
}

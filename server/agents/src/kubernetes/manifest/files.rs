//! A node's files: one Secret that never changes, mounted where the node looks for them.
//!
//! Keys of a Secret cannot hold a slash, so each file has a number by the order of paths, and the mount tells which
//! path and mode belong to it. All files are treated as secret, because half of them are.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{KeyToPath, Secret, SecretVolumeSource, Volume, VolumeMount};

use super::{Placed, names};
use crate::NodeFile;
use crate::labels::CONFIG;

/// Name of the volume inside the pod.
const VOLUME: &str = "files";

/// The Secret with all files; `None` when there are none.
pub(super) fn secret(of: &Placed<'_>) -> Option<Secret> {
    let files = &of.spec.files;
    let content = |file: &NodeFile| ByteString(file.content.to_vec());
    let data = keyed(files).into_iter().map(|(key, file)| (key, content(file))).collect();
    (!files.is_empty()).then(|| Secret {
        metadata: of.meta(names::files_secret(&of.spec.node, files), CONFIG),
        immutable: Some(true),
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    })
}

/// How the pod gets them.
///
/// Modes are those of the specification. Where the node has a user of its own, the files still belong to root: the
/// kubelet gives them the pod's group and lets it read, so that 0600 becomes 0640 for a group of this one node.
pub(super) fn mounted(of: &Placed<'_>) -> Option<(Volume, VolumeMount)> {
    let files = &of.spec.files;
    let item = |(key, file): (String, &NodeFile)| KeyToPath {
        key,
        path: file.path.clone(),
        mode: i32::try_from(file.mode).ok(),
    };
    let source = SecretVolumeSource {
        secret_name: Some(names::files_secret(&of.spec.node, files)),
        items: Some(keyed(files).into_iter().map(item).collect()),
        ..SecretVolumeSource::default()
    };
    let volume = Volume { name: VOLUME.to_owned(), secret: Some(source), ..Volume::default() };
    let mount = VolumeMount {
        name: VOLUME.to_owned(),
        mount_path: of.spec.config_path.clone(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    (!files.is_empty()).then_some((volume, mount))
}

/// Each file with its key, in the order of paths.
fn keyed(files: &[NodeFile]) -> Vec<(String, &NodeFile)> {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    sorted.into_iter().enumerate().map(|(nth, file)| (format!("f{nth:03}"), file)).collect()
}

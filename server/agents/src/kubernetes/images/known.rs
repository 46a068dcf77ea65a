//! What is known of images that were seen on the cluster.
//!
//! A pod cannot name an image by its bare content id, and a cluster cannot be asked for one. So whoever has seen an image
//! run writes down which name it had, in the portal's own namespace, where it outlives the portal.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::kubernetes::KubernetesOptions;
use crate::kubernetes::apply::{self, Owner};
use crate::kubernetes::cluster::{Cluster, selector};
use crate::labels::{INSTALLATION, PURPOSE};
use crate::{AgentError, ImageFacts, split_reference};

/// Name and purpose of the list.
const IMAGES: &str = "images";
/// Names under this one are built and loaded on machines; no registry has them.
const LOCAL_REGISTRY: &str = "heddle.local/";

/// One image that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::kubernetes) struct Known {
    /// The name that it was asked for by, without the prefix of the cluster's registry.
    pub name: String,
    /// `sha256:…`; of the manifest where a registry has it, else of the image itself.
    pub id: String,
    /// `repository@sha256:…`, without the prefix; `None` where no registry has it.
    pub digest: Option<String>,
    /// CPU architecture in Go's words.
    pub architecture: String,
    /// Size in bytes, as the machine counts it.
    pub size_bytes: Option<u64>,
}

impl Known {
    /// Reads what a machine calls an image that was asked for by this name.
    pub(super) fn seen(reference: &str, image_id: &str) -> Option<Self> {
        let id = super::id_of(image_id)?;
        let repository = split_reference(split_reference(reference).0).0;
        let digest = image_id.contains('@').then(|| format!("{repository}@{id}"));
        Some(Self { name: reference.to_owned(), id, digest, architecture: String::new(), size_bytes: None })
    }

    /// True when no registry has it.
    pub(super) fn is_local(&self) -> bool {
        self.digest.is_none() || self.name.starts_with(LOCAL_REGISTRY)
    }

    /// True when this is the image that a reference names.
    pub(super) fn is(&self, reference: &str) -> bool {
        self.name == reference || self.id == reference || self.digest.as_deref() == Some(reference)
    }

    /// What is told of it to whoever asked by this reference. Which volumes an image declares no cluster tells; they
    /// are part of its pod and go with it.
    pub(in crate::kubernetes) fn facts(&self, reference: &str) -> ImageFacts {
        ImageFacts {
            reference: reference.to_owned(),
            id: self.id.clone(),
            digest: self.digest.clone(),
            local_only: self.is_local(),
            architecture: self.architecture.clone(),
            created: None,
            size_bytes: self.size_bytes,
            volumes: Vec::new(),
        }
    }

    /// By what a pod runs exactly this image.
    pub(super) fn runs(&self, options: &KubernetesOptions) -> String {
        let digest = self.digest.as_deref().filter(|_| !self.is_local());
        prefixed(&options.settings.registry_prefix, digest.unwrap_or(&self.name))
    }
}

/// A name as the cluster's machines ask for it.
pub(in crate::kubernetes) fn prefixed(prefix: &str, name: &str) -> String {
    let has_it = name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    if prefix.is_empty() || has_it || name.starts_with(LOCAL_REGISTRY) {
        return name.to_owned();
    }
    format!("{prefix}/{name}")
}

/// All that is known. What cannot be read is not known.
pub(super) async fn all(cluster: &Cluster) -> Result<Vec<Known>, AgentError> {
    // Checks the name too.
    selector(&cluster.installation, None)?;
    let api: Api<ConfigMap> = cluster.within(&cluster.home(&cluster.installation));
    let found = apply::find(&api, IMAGES, Owner::Portal(&cluster.installation)).await?;
    let entries = found.and_then(|found| found.data).unwrap_or_default();
    Ok(entries.values().filter_map(|entry| serde_json::from_str(entry).ok()).collect())
}

/// Writes down what was seen. Others write at the same time, so only the one entry is written.
pub(super) async fn remember(cluster: &Cluster, known: &Known) -> Result<(), AgentError> {
    let namespace = cluster.home(&cluster.installation);
    let api: Api<ConfigMap> = cluster.within(&namespace);
    let labels = [(INSTALLATION, cluster.installation.as_str()), (PURPOSE, IMAGES)];
    let labels: BTreeMap<String, String> =
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let empty = ConfigMap {
        metadata: ObjectMeta {
            name: Some(IMAGES.to_owned()),
            namespace: Some(namespace),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let list = apply::make(&api, &empty, Owner::Portal(&cluster.installation)).await?;
    let entry = serde_json::to_string(known)
        .map_err(|error| AgentError::Refused(format!("what is known of {}: {error}", known.name)))?;
    apply::change(&api, &list.metadata, json!({"data": {(key(&known.name)): entry}})).await.map(|_| ())
}

/// A name of an image is no name of an entry.
fn key(name: &str) -> String {
    hex::encode(&Sha256::digest(name.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_what_its_machine_calls_it() {
        let id = format!("sha256:{}", "a".repeat(64));
        let local = Known::seen("heddle.local/n:1", &id).unwrap();
        assert_eq!((local.id.as_str(), local.digest.as_deref(), local.is_local()), (id.as_str(), None, true));
        assert!(local.is("heddle.local/n:1") && local.is(&id) && !local.is("heddle.local/n:2"));
        let pulled =
            Known::seen("r.example:5000/a/peer:2.5", &format!("r.example:5000/a/peer@{id}")).unwrap();
        let digest = format!("r.example:5000/a/peer@{id}");
        assert_eq!((pulled.digest.as_deref(), pulled.is_local()), (Some(digest.as_str()), false));
        assert!(pulled.is(&digest));
        let short = Known::seen("peer:2.5", &format!("docker.io/library/peer@{id}")).unwrap();
        assert_eq!(short.digest, Some(format!("peer@{id}")));
        let pinned = Known::seen(&format!("peer:1@{id}"), &format!("docker.io/library/peer@{id}")).unwrap();
        assert_eq!(pinned.digest, Some(format!("peer@{id}")));
        assert_eq!(Known::seen("peer", ""), None);
    }

    #[test]
    fn the_prefix_stands_before_a_name_once_and_never_before_local_ones() {
        let check = |prefix, name, expect| assert_eq!(prefixed(prefix, name), expect);
        check("", "peer:1", "peer:1");
        check("r.example/m", "peer:1", "r.example/m/peer:1");
        check("r.example/m", "r.example/m/peer:1", "r.example/m/peer:1");
        check("r.example/m", "r.example/mine/peer:1", "r.example/m/r.example/mine/peer:1");
        check("r.example/m", "heddle.local/peer:1", "heddle.local/peer:1");
    }

    #[test]
    fn entries_are_told_apart_and_read_back() {
        assert_ne!(key("a:1"), key("a:2"));
        let known = Known::seen("heddle.local/n:1", &format!("sha256:{}", "b".repeat(64))).unwrap();
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Known>(&text).unwrap(), known);
    }
}

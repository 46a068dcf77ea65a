//! What we send to a cluster, built from a specification and the admin's settings alone.
//!
//! Every object of every node is built here and nowhere else, so that golden files show all of it. Nothing here may ask
//! a cluster, or give a node more of it than its volume, its files and its own addresses.
//!
//! Claims and volumes cannot be changed once they are there: they are made when they are absent, and not applied again.
//!
//! No object has an owner but its namespace, with which it goes. Were a workload the owner of what stands beside it, the
//! cluster would take that away as often as a workload is replaced or removed: the Secret that remembers whose data the
//! claim holds, without which a node would start empty; and the Service that keeps a port, which others would then get.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{
    Namespace, PersistentVolume, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{KubernetesOptions, names};
use crate::labels::{CHAIN, INSTALLATION, KIND, NODE, PURPOSE};
use crate::{NodeSpec, ObjectLabels, SpaceSpec, labels};

mod check;
mod files;
mod health;
mod orderers;
mod pod;
mod policy;
mod probe;
mod service;
mod space;
mod trial;
mod volume;
mod workload;

pub(crate) use self::check::check;
pub(crate) use self::pod::{CONTAINER, kept_free};
pub(crate) use self::probe::probe_pod;
pub(crate) use self::service::published_of;
pub(crate) use self::space::space;
pub(crate) use self::trial::trial_pod;
pub(crate) use self::volume::{Folder, folder_pod, kept_folder};

/// Purpose of a namespace, of its account and of its openings.
const SPACE: &str = "space";
/// Purpose of what a node runs as.
const WORKLOAD: &str = "workload";
/// Purpose of a Service by which nodes of the chain reach a node.
const INTERNAL: &str = "internal";
/// Purpose of a Service by which users reach a node.
const PUBLIC: &str = "public";
/// Purpose of a Pod that makes or removes a folder, and name of its container.
pub(crate) const FOLDER: &str = "folder";
/// Purpose of a Pod that only shows whether its image can be pulled, and name of its container.
pub(crate) const PROBE: &str = "probe";
/// Purpose of the portal's own Pods, where the portal runs in the cluster.
const PORTAL: &str = "portal";

/// What the nodes of a chain share. It is applied in the order of the fields.
pub(crate) struct SpaceObjects {
    /// Holds everything else of the chain but its volumes.
    pub namespace: Namespace,
    /// What nodes run under; it may do nothing.
    pub account: ServiceAccount,
    /// Nothing may be reached but what these open.
    pub policies: Vec<NetworkPolicy>,
    /// By what images are pulled; `None` where no registry asks for a name.
    pub pull_secret: Option<Secret>,
}

/// What a node is made of. It is applied in the order of the fields.
pub(crate) struct NodeObjects {
    /// All of its files; `None` when it has none. Other files are another Secret.
    pub files: Option<Secret>,
    /// The volume of its data; `None` where a storage class makes it, or the node keeps no data.
    pub volume: Option<PersistentVolume>,
    /// The claim on this volume; `None` when the node keeps no data.
    pub claim: Option<PersistentVolumeClaim>,
    /// What runs it.
    pub workload: Workload,
    /// By what it is reached; a Service of the node that is not among them is one of before and has to go.
    pub services: Vec<Service>,
    /// Shared by all orderers of the chain, each of which brings it.
    pub disruption: Option<PodDisruptionBudget>,
}

/// What runs a node.
pub(crate) enum Workload {
    /// A node that keeps data: never two of it at once.
    StatefulSet(Box<StatefulSet>),
    /// A node that keeps none.
    Deployment(Box<Deployment>),
}

/// Builds what a node is made of; `image` is what its pod runs.
///
/// The specification has passed its own check and the one of this module.
pub(crate) fn node(spec: &NodeSpec, image: &str, options: &KubernetesOptions) -> NodeObjects {
    let of = Placed::new(spec, options);
    NodeObjects {
        files: files::secret(&of),
        volume: volume::volume(&of),
        claim: volume::claim(&of),
        workload: workload::workload(&of, image),
        services: service::services(&of),
        disruption: orderers::disruption(&of),
    }
}

/// A specification with the place where its objects go.
struct Placed<'a> {
    spec: &'a NodeSpec,
    options: &'a KubernetesOptions,
    namespace: String,
}

impl<'a> Placed<'a> {
    fn new(spec: &'a NodeSpec, options: &'a KubernetesOptions) -> Self {
        let prefix = &options.settings.namespace_prefix;
        let namespace = names::namespace(prefix, &spec.installation, &spec.chain);
        Self { spec, options, namespace }
    }

    /// The labels of one of the node's objects.
    fn labels(&self, purpose: &str) -> BTreeMap<String, String> {
        labels::of(&self.spec.labels(), &[(KIND, &self.spec.kind), (PURPOSE, purpose)])
    }

    /// What every object in the chain's namespace begins with.
    fn meta(&self, name: String, purpose: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.clone()),
            labels: Some(self.labels(purpose)),
            ..ObjectMeta::default()
        }
    }

    /// By what the node's own pods are found. It can never change, so nothing is in it that may.
    fn selector(&self) -> BTreeMap<String, String> {
        let spec = self.spec;
        let of = [(INSTALLATION, &spec.installation), (CHAIN, &spec.chain), (NODE, &spec.node)];
        of.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }
}

/// The labels of what a chain shares.
fn shared(space: &SpaceSpec, purpose: &str) -> BTreeMap<String, String> {
    let of = ObjectLabels {
        installation: space.installation.clone(),
        chain: space.chain.clone(),
        node: String::new(),
        operation: space.operation.clone(),
    };
    labels::of(&of, &[(PURPOSE, purpose)])
}

/// Selects what carries all of these labels.
fn carrying(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

/// A list that is left out when it is empty.
fn kept<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// A map that is left out when it is empty.
fn kept_map(map: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests;

//! What keeps a chain's orderers from being away at once.
//!
//! More than one budget over the same pod makes a cluster refuse every drain, so there is one for all orderers of a
//! chain, and it belongs to none of them.

use std::collections::BTreeMap;

use domain::node::NodeKind;
use k8s_openapi::api::core::v1::{Affinity, PodAffinityTerm, PodAntiAffinity, WeightedPodAffinityTerm};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Placed, carrying, names};
use crate::labels::{CHAIN, INSTALLATION, KIND, PURPOSE};
use crate::{NodeSpec, ObjectLabels, labels};

/// Purpose of the budget.
const DISRUPTION: &str = "disruption";
/// The label of a cluster's machines by which orderers are spread.
const MACHINE: &str = "kubernetes.io/hostname";

/// The budget: one orderer may be away. One that is not well anyhow never hinders a drain.
pub(super) fn disruption(of: &Placed<'_>) -> Option<PodDisruptionBudget> {
    let labels = ObjectLabels { node: String::new(), ..of.spec.labels() };
    is_orderer(of.spec).then(|| PodDisruptionBudget {
        metadata: ObjectMeta {
            name: Some(names::ORDERERS.to_owned()),
            namespace: Some(of.namespace.clone()),
            labels: Some(labels::of(&labels, &[(KIND, &of.spec.kind), (PURPOSE, DISRUPTION)])),
            ..ObjectMeta::default()
        },
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(carrying(orderers(of.spec))),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

/// Orderers go to different machines where there are some.
pub(super) fn spread(spec: &NodeSpec) -> Option<Affinity> {
    let term = PodAffinityTerm {
        label_selector: Some(carrying(orderers(spec))),
        topology_key: MACHINE.to_owned(),
        ..PodAffinityTerm::default()
    };
    is_orderer(spec).then(|| Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                pod_affinity_term: term,
                weight: 100,
            }]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    })
}

fn is_orderer(spec: &NodeSpec) -> bool {
    spec.kind == NodeKind::Orderer.as_str()
}

/// By what all orderers of the chain are found.
fn orderers(spec: &NodeSpec) -> BTreeMap<String, String> {
    let of = [(INSTALLATION, &spec.installation), (CHAIN, &spec.chain), (KIND, &spec.kind)];
    of.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

//! What runs a node: one pod, and something that makes it anew.
//!
//! A node that keeps data is a StatefulSet, because that never runs a second pod before the first one has surely ended.
//! What stands in `selector` and in the service's name can never change, so neither depends on more than the name.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Placed, WORKLOAD, Workload, carrying, pod};
use crate::labels::FINGERPRINT;

/// Older forms of a workload that a cluster keeps; nobody goes back to one.
const HISTORY: i32 = 1;

/// The workload of a node that shall run.
pub(super) fn workload(of: &Placed<'_>, image: &str) -> Workload {
    match of.spec.data_path {
        Some(_) => Workload::StatefulSet(Box::new(stateful(of, image))),
        None => Workload::Deployment(Box::new(stateless(of, image))),
    }
}

fn stateful(of: &Placed<'_>, image: &str) -> StatefulSet {
    StatefulSet {
        metadata: meta(of),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            selector: carrying(of.selector()),
            service_name: Some(of.spec.node.clone()),
            // With the other policy a pod that does not get well is never replaced by its next form.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            revision_history_limit: Some(HISTORY),
            template: pod::template(of, image),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn stateless(of: &Placed<'_>, image: &str) -> Deployment {
    Deployment {
        metadata: meta(of),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: carrying(of.selector()),
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                ..DeploymentStrategy::default()
            }),
            revision_history_limit: Some(HISTORY),
            template: pod::template(of, image),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

fn meta(of: &Placed<'_>) -> ObjectMeta {
    ObjectMeta {
        annotations: Some(BTreeMap::from([(FINGERPRINT.to_owned(), of.spec.fingerprint())])),
        ..of.meta(of.spec.node.clone(), WORKLOAD)
    }
}

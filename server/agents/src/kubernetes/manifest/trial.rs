//! A pod as a node's would be, for a trial: it is judged and never made.
//!
//! It passes the same place that decides what pods may do. What is not there before the chain is, its account above all,
//! is left out where it would be refused for that alone. Nothing here may be sent to a cluster but for a dry run.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Placed, pod};
use crate::NodeSpec;
use crate::kubernetes::KubernetesOptions;

/// What its name begins with.
const NAME: &str = "trial-";

/// Builds the pod for a namespace; `has_space` says whether that is the chain's own, with all that its nodes share.
pub(crate) fn trial_pod(
    spec: &NodeSpec,
    image: &str,
    namespace: &str,
    has_space: bool,
    options: &KubernetesOptions,
) -> Pod {
    let template = pod::template(&Placed::new(spec, options), image);
    let mut spec = template.spec;
    if let Some(spec) = spec.as_mut().filter(|_| !has_space) {
        spec.service_account_name = None;
    }
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(NAME.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..template.metadata.unwrap_or_default()
        },
        spec,
        ..Pod::default()
    }
}

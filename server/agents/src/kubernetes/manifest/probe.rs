//! A pod that only shows whether its image can be pulled.
//!
//! Events tell about the pull before anything of the image runs, so what it runs is a program that no image has: it
//! ends at once, whatever the image. Nothing here may let an image do something.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{PROBE, kept_map, pod, space};
use crate::kubernetes::KubernetesOptions;
use crate::labels::PURPOSE;

/// The program that no image has.
const NO_PROGRAM: &str = "/heddle-has-no-such-program";
/// A large image over a slow line takes its time; afterwards the cluster ends the pod by itself.
const SECONDS_MAX: i64 = 1_800;

/// Builds the pod; it has no namespace and no installation's label yet: whoever makes it adds both.
pub(crate) fn probe_pod(name: &str, image: &str, options: &KubernetesOptions) -> Pod {
    let settings = &options.settings;
    Pod {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from([(PURPOSE.to_owned(), PROBE.to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            image_pull_secrets: space::pulled_by(options),
            node_selector: kept_map(settings.node_selector.clone()),
            tolerations: pod::tolerations(settings),
            active_deadline_seconds: Some(SECONDS_MAX),
            ..errand(Container {
                name: PROBE.to_owned(),
                image: Some(image.to_owned()),
                command: Some(vec![NO_PROGRAM.to_owned()]),
                security_context: Some(pod::security(true)),
                ..Container::default()
            })
        }),
        ..Pod::default()
    }
}

/// A pod that runs once, at the size of next to nothing.
pub(super) fn errand(container: Container) -> PodSpec {
    let amounts = |cpu: &str, memory: &str| {
        let (cpu, memory) = (Quantity(cpu.to_owned()), Quantity(memory.to_owned()));
        BTreeMap::from([("cpu".to_owned(), cpu), ("memory".to_owned(), memory)])
    };
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(0),
        security_context: Some(pod::confined()),
        containers: vec![Container {
            image_pull_policy: Some("IfNotPresent".to_owned()),
            resources: Some(ResourceRequirements {
                limits: Some(amounts("500m", "128Mi")),
                requests: Some(amounts("10m", "16Mi")),
                ..ResourceRequirements::default()
            }),
            ..container
        }],
        ..PodSpec::default()
    }
}

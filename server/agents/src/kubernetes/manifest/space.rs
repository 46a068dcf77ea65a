//! What the nodes of a chain share: a namespace, an account that may do nothing, openings, and names for registries.
//!
//! The registries' names are bound to the account and not to pods, so that a changed password makes no node anew.
//! Passwords leave the portal only inside this Secret; nothing here may put them anywhere else.

use std::collections::BTreeMap;

use domain::host::RegistryCredentials;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{LocalObjectReference, Namespace, Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{SPACE, SpaceObjects, names, policy, shared};
use crate::SpaceSpec;
use crate::kubernetes::KubernetesOptions;

/// Builds what the nodes of a chain share.
pub(crate) fn space(space: &SpaceSpec, options: &KubernetesOptions) -> SpaceObjects {
    let prefix = &options.settings.namespace_prefix;
    let namespace = names::namespace(prefix, &space.installation, &space.chain);
    let meta = |name: &str| ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.clone()),
        labels: Some(shared(space, SPACE)),
        ..ObjectMeta::default()
    };
    SpaceObjects {
        namespace: Namespace {
            metadata: ObjectMeta { namespace: None, ..meta(&namespace) },
            ..Namespace::default()
        },
        account: ServiceAccount {
            metadata: meta(names::ACCOUNT),
            automount_service_account_token: Some(false),
            image_pull_secrets: pulled_by(options),
            ..ServiceAccount::default()
        },
        policies: policy::policies(space, &namespace, options.portal_namespace.as_deref()),
        pull_secret: (!options.registries.is_empty()).then(|| Secret {
            metadata: meta(names::REGISTRIES),
            type_: Some("kubernetes.io/dockerconfigjson".to_owned()),
            data: Some(BTreeMap::from([(
                ".dockerconfigjson".to_owned(),
                ByteString(docker_config(&options.registries)),
            )])),
            ..Secret::default()
        }),
    }
}

/// The Secret by which images are pulled, where there is one.
pub(super) fn pulled_by(options: &KubernetesOptions) -> Option<Vec<LocalObjectReference>> {
    let secret = || LocalObjectReference { name: names::REGISTRIES.to_owned() };
    (!options.registries.is_empty()).then(|| vec![secret()])
}

/// Names and passwords as kubelets read them.
fn docker_config(registries: &[RegistryCredentials]) -> Vec<u8> {
    let auth = |known: &RegistryCredentials| json!({ "password": known.password, "username": known.user });
    let auths: BTreeMap<String, Value> =
        registries.iter().map(|known| (known.registry.clone(), auth(known))).collect();
    json!({ "auths": auths }).to_string().into_bytes()
}

//! What the objects of nodes and chains must be, whatever the specification.

use domain::host::RegistryCredentials;
use domain::host::cluster::{ClusterExposure, ClusterSettings, ClusterStorage, Toleration};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::node::tests::peer;
use crate::{Limits, NodeNetwork, PortSpec, Publish};

mod golden;
mod legal;
mod rights;

/// What nodes run in these tests.
const IMAGE: &str = "registry.example:5000/mirror/hyperledger/fabric-peer@sha256:00ff";

fn options(settings: ClusterSettings) -> KubernetesOptions {
    KubernetesOptions {
        settings,
        client_address: "192.0.2.10".into(),
        registries: Vec::new(),
        allow_loopback: false,
        allowed_networks: Vec::new(),
        portal_namespace: None,
    }
}

fn stored(storage: ClusterStorage) -> KubernetesOptions {
    options(ClusterSettings { storage, ..ClusterSettings::default() })
}

fn exposed(exposure: ClusterExposure) -> KubernetesOptions {
    options(ClusterSettings { exposure, ..ClusterSettings::default() })
}

fn nfs() -> ClusterStorage {
    ClusterStorage::Nfs { server: "nfs.example".into(), path: "/exports/heddle".into() }
}

fn node_local() -> ClusterStorage {
    ClusterStorage::NodeLocal { kube_node: "machine-1".into(), path: "/var/lib/heddle".into() }
}

/// With registries that ask for a name, and machines that not everybody may use.
fn particular() -> KubernetesOptions {
    let toleration = |key: &str, value: Option<&str>, effect: Option<&str>| Toleration {
        key: key.into(),
        value: value.map(str::to_owned),
        effect: effect.map(str::to_owned),
    };
    let registry = RegistryCredentials {
        registry: "registry.example:5000".into(),
        user: "ada".into(),
        password: "s3cret".into(),
    };
    KubernetesOptions {
        registries: vec![registry],
        ..options(ClusterSettings {
            node_selector: BTreeMap::from([("disk".into(), "ssd".into())]),
            tolerations: vec![
                toleration("dedicated", Some("fabric"), Some("NoSchedule")),
                toleration("spot", None, None),
                toleration("", None, Some("NoExecute")),
            ],
            ..ClusterSettings::default()
        })
    }
}

fn chain_space() -> SpaceSpec {
    SpaceSpec { installation: "abc123".into(), chain: "demo".into(), operation: "op-1".into() }
}

fn orderer(nth: u16) -> NodeSpec {
    NodeSpec {
        node: format!("orderer{nth}"),
        kind: "orderer".into(),
        command: vec!["orderer".into()],
        ports: vec![
            PortSpec { container: 7050, publish: Publish::Fixed(31000 + nth) },
            PortSpec { container: 8443, publish: Publish::Assigned },
            PortSpec { container: 9443, publish: Publish::Assigned },
        ],
        health_port: Some(8443),
        aliases: vec![format!("orderer{nth}.orderer.demo"), format!("orderer{nth}")],
        network: NodeNetwork::Chain,
        ..peer()
    }
}

fn watched_peer() -> NodeSpec {
    NodeSpec { health_port: Some(9443), aliases: vec!["peer0.org1.demo".into(), "anchor".into()], ..peer() }
}

fn chaincode() -> NodeSpec {
    NodeSpec {
        node: "basic-1-org1".into(),
        kind: "chaincode".into(),
        entrypoint: vec!["/chaincode".into()],
        command: Vec::new(),
        data_path: None,
        working_dir: Some("/work".into()),
        ports: vec![PortSpec { container: 9999, publish: Publish::Internal }],
        aliases: vec!["basic-1-org1".into()],
        network: NodeNetwork::ChaincodeOnly,
        limits: Limits { memory_mib: 257, cpu_milli: 50, pids: 128 },
        user: Some("65532:65533".into()),
        read_only_root: true,
        refuse_image_volumes: true,
        ..peer()
    }
}

/// All objects of a node, in the order in which they are applied.
fn documents(objects: NodeObjects) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    all.extend(objects.files.map(|object| value(&object)));
    all.extend(objects.volume.map(|object| value(&object)));
    all.extend(objects.claim.map(|object| value(&object)));
    all.push(match objects.workload {
        Workload::StatefulSet(set) => value(&set),
        Workload::Deployment(deployment) => value(&deployment),
    });
    all.extend(objects.services.iter().map(value));
    all.extend(objects.disruption.map(|object| value(&object)));
    all
}

fn space_documents(objects: SpaceObjects) -> Vec<Value> {
    let mut all = vec![value(&objects.namespace), value(&objects.account)];
    all.extend(objects.policies.iter().map(value));
    all.extend(objects.pull_secret.map(|object| value(&object)));
    all
}

fn value(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap()
}

fn pod_of(objects: NodeObjects) -> PodSpec {
    let template = match objects.workload {
        Workload::StatefulSet(set) => set.spec.unwrap().template,
        Workload::Deployment(deployment) => deployment.spec.unwrap().template,
    };
    template.spec.unwrap()
}

fn container_of(spec: &NodeSpec) -> Container {
    let pod = pod_of(node(spec, IMAGE, &options(ClusterSettings::default())));
    let [container] = <[Container; 1]>::try_from(pod.containers).unwrap();
    container
}

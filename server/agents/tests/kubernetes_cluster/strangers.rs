//! What is not ours is neither used nor removed, and what is made side by side is made once.

use std::collections::BTreeMap;

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, KubernetesOptions};
use agents::{Agent, AgentError, NodeRef};
use domain::host::RegistryCredentials;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use serde_json::json;

use crate::bed::on_cluster;

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_others_with_our_names_are_left_alone() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("mine")).await.unwrap();
        let spec = bed.keeping("mine", "peer0");
        let node = spec.node_ref();
        let namespace = bed.namespace(&bed.installation, "mine");
        let conflict = |outcome: Result<(), AgentError>| {
            assert!(matches!(outcome, Err(AgentError::Conflict(_))), "{outcome:?}");
        };
        // The label says another installation: as far as we are concerned, a stranger.
        let set = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "peer0", "labels": {"heddle.installation": "someoneelse"}},
            "spec": {
                "replicas": 0, "serviceName": "peer0", "selector": {"matchLabels": {"app": "theirs"}},
                "template": {
                    "metadata": {"labels": {"app": "theirs"}},
                    "spec": {"containers": [{"name": "theirs", "image": bed.image}]},
                },
            },
        }));
        let set: StatefulSet = set.unwrap();
        let sets: Api<StatefulSet> = Api::namespaced(bed.hands.clone(), &namespace);
        sets.create(&PostParams::default(), &set).await.unwrap();
        conflict(bed.agent.ensure_node(&spec).await.map(drop));
        conflict(bed.agent.remove_node(&node, false).await.map(drop));
        conflict(bed.agent.start(&node).await);
        conflict(bed.agent.remove_space(&bed.installation, "mine").await.map(drop));
        assert!(sets.get_opt("peer0").await.unwrap().is_some(), "a stranger's object was removed");
        sets.delete("peer0", &DeleteParams::foreground()).await.unwrap();

        let services: Api<Service> = Api::namespaced(bed.hands.clone(), &namespace);
        let service: Result<Service, _> = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "peer1"},
            "spec": {"ports": [{"port": 1}], "selector": {"app": "theirs"}},
        }));
        services.create(&PostParams::default(), &service.unwrap()).await.unwrap();
        let mut second = bed.spec("mine", "peer1");
        second.ports = vec![agents::PortSpec { container: 7051, publish: agents::Publish::Internal }];
        conflict(bed.agent.ensure_node(&second).await.map(drop));
        let left = services.get("peer1").await.unwrap();
        assert_eq!(left.spec.unwrap().ports.unwrap()[0].port, 1, "a stranger's object was changed");
        services.delete("peer1", &DeleteParams::default()).await.unwrap();
        bed.wait_for_no_stranger(&namespace).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_others_with_our_name_is_left_alone() {
    on_cluster(async |bed| {
        let name = bed.namespace(&bed.installation, "theirs");
        let namespaces: Api<Namespace> = Api::all(bed.hands.clone());
        let theirs = Namespace {
            metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        namespaces.create(&PostParams::default(), &theirs).await.unwrap();
        let refused = bed.agent.ensure_space(&bed.space("theirs")).await;
        let removed = bed.agent.remove_space(&bed.installation, "theirs").await;
        let still = namespaces.get(&name).await.unwrap();
        namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
        assert!(matches!(refused, Err(AgentError::Conflict(_))), "{refused:?}");
        assert!(removed.unwrap().is_empty());
        assert!(still.metadata.deletion_timestamp.is_none(), "a stranger's namespace was removed");
        let labels: BTreeMap<_, _> = still.metadata.labels.unwrap_or_default();
        assert!(labels.keys().all(|label| !label.starts_with("heddle.")), "{labels:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_side_by_side_is_made_once() {
    on_cluster(async |bed| {
        let space = bed.space("parallel");
        let spaces = futures::future::join_all((0..4).map(|_| bed.agent.ensure_space(&space))).await;
        spaces.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
        let specs: Vec<_> = (0..3).map(|n| bed.spec("parallel", &format!("peer{n}"))).collect();
        let nodes = futures::future::join_all(specs.iter().map(|spec| bed.agent.ensure_node(spec))).await;
        nodes.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let removed = bed.agent.remove_space(&bed.installation, "parallel").await.unwrap();
        assert_eq!(removed.nodes.len(), 3, "{removed:?}");
        assert!(removed.networks.contains(&bed.namespace(&bed.installation, "parallel")), "{removed:?}");
        assert_eq!(bed.status(&NodeRef::new(&bed.installation, "parallel", "peer0")).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_for_registries_that_were_removed_leave_the_namespaces() {
    on_cluster(async |bed| {
        let with = |registries: Vec<RegistryCredentials>| {
            let (server, credentials) = (bed.server.clone(), bed.credentials.clone());
            let options = KubernetesOptions { registries, ..bed.options.clone() };
            let endpoint = KubernetesEndpoint::Remote { server, credentials };
            KubernetesAgent::connect(endpoint, options, &bed.installation).unwrap()
        };
        let registry = RegistryCredentials {
            registry: "registry.example:5000".to_owned(),
            user: "ada".to_owned(),
            password: "a password".to_owned(),
        };
        let space = bed.space("pulls");
        let secrets: Api<Secret> =
            Api::namespaced(bed.hands.clone(), &bed.namespace(&bed.installation, "pulls"));
        with(vec![registry]).ensure_space(&space).await.unwrap();
        let found = secrets.get("registries").await.unwrap();
        with(vec![]).ensure_space(&space).await.unwrap();
        assert!(secrets.get_opt("registries").await.unwrap().is_none(), "the password is still there");
        // What somebody else put there under that name is not ours to remove.
        let metadata = ObjectMeta { name: found.metadata.name, ..ObjectMeta::default() };
        let theirs = Secret { metadata, ..Secret::default() };
        secrets.create(&PostParams::default(), &theirs).await.unwrap();
        with(vec![]).ensure_space(&space).await.unwrap();
        assert!(secrets.get_opt("registries").await.unwrap().is_some(), "a stranger's Secret was removed");
        secrets.delete("registries", &DeleteParams::default()).await.unwrap();
        bed.agent.remove_space(&bed.installation, "pulls").await.unwrap();
    })
    .await;
}

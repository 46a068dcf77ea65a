//! What no specification can get, and what every one gets.

use super::*;

/// Whatever a specification says, these hold.
#[test]
fn no_specification_gets_more_of_the_cluster() {
    let all_networks = [NodeNetwork::Chain, NodeNetwork::ChainAndChaincode, NodeNetwork::ChaincodeOnly];
    for base in [watched_peer(), orderer(0), chaincode()] {
        for network in all_networks {
            for read_only_root in [true, false] {
                for user in [None, Some("0".to_owned()), Some("1000:1001".to_owned())] {
                    let spec = NodeSpec { network, read_only_root, user, ..base.clone() };
                    confined_pod(&pod_of(node(&spec, IMAGE, &stored(node_local()))));
                    confined_container(&container_of(&spec));
                }
            }
        }
    }
}

fn confined_pod(pod: &PodSpec) {
    assert!(pod.host_network.is_none() && pod.host_pid.is_none() && pod.host_ipc.is_none());
    assert!(pod.init_containers.is_none() && pod.ephemeral_containers.is_none());
    assert_eq!(pod.automount_service_account_token, Some(false));
    assert_eq!(pod.service_account_name.as_deref(), Some("node"));
    assert_eq!(pod.enable_service_links, Some(false));
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    assert!(security.sysctls.is_none() && security.supplemental_groups.is_none());
    for volume in pod.volumes.iter().flatten() {
        assert!(
            volume.secret.is_some() || volume.persistent_volume_claim.is_some() || volume.empty_dir.is_some()
        );
    }
}

fn confined_container(container: &Container) {
    let security = container.security_context.as_ref().unwrap();
    assert_eq!(security.privileged, Some(false));
    assert_eq!(security.allow_privilege_escalation, Some(false));
    let capabilities = security.capabilities.as_ref().unwrap();
    assert_eq!(capabilities.drop, Some(vec!["ALL".to_owned()]));
    assert!(capabilities.add.is_none() && security.proc_mount.is_none());
    let limits = container.resources.as_ref().unwrap().limits.as_ref().unwrap();
    assert!(limits.contains_key("cpu") && limits.contains_key("memory"));
    assert!(container.ports.iter().flatten().all(|port| port.host_port.is_none()));
}

#[test]
fn a_secret_file_is_only_in_the_secret() {
    for document in documents(node(&peer(), IMAGE, &options(ClusterSettings::default()))) {
        // The key's content is `key`, in base64.
        let holds = document.to_string().contains("a2V5");
        assert_eq!(holds, document["kind"] == "Secret", "{}", document["kind"]);
    }
}

/// A workload is replaced and removed while its data and its files stay.
#[test]
fn nothing_of_a_node_goes_with_its_workload() {
    for spec in [watched_peer(), orderer(0), chaincode()] {
        for document in documents(node(&spec, IMAGE, &stored(node_local()))) {
            let owners = &document["metadata"]["ownerReferences"];
            assert!(owners.is_null(), "{} of {}: {owners}", document["kind"], spec.node);
        }
    }
}

#[test]
fn files_keep_their_paths_and_modes() {
    let objects = node(&peer(), IMAGE, &options(ClusterSettings::default()));
    let secret = objects.files.as_ref().unwrap();
    let data = secret.data.clone().unwrap();
    let name = secret.metadata.name.clone();
    let pod = pod_of(objects);
    let source = pod.volumes.iter().flatten().find_map(|volume| volume.secret.as_ref()).unwrap();
    assert_eq!(source.secret_name, name);
    let mounted: Vec<_> = source
        .items
        .iter()
        .flatten()
        .map(|item| (item.path.as_str(), item.mode, data[&item.key].0.as_slice()))
        .collect();
    let core: (_, _, &[u8]) = ("core.yaml", Some(0o644), b"peer: {}");
    let key: (_, _, &[u8]) = ("msp/keystore/key.pem", Some(0o600), b"key");
    assert_eq!(mounted, [core, key]);
}

#[test]
fn a_user_of_its_own_can_read_the_files() {
    let of = |user: Option<&str>| {
        let spec = NodeSpec { user: user.map(str::to_owned), ..chaincode() };
        let security = pod_of(node(&spec, IMAGE, &options(ClusterSettings::default()))).security_context;
        let security = security.unwrap();
        (security.run_as_user, security.run_as_group, security.fs_group, security.run_as_non_root)
    };
    assert_eq!(of(Some("65532:65533")), (Some(65532), Some(65533), Some(65533), Some(true)));
    assert_eq!(of(Some("7")), (Some(7), Some(7), Some(7), Some(true)));
    assert_eq!(of(Some("0")), (Some(0), Some(0), Some(0), Some(false)));
    assert_eq!(of(None), (None, None, None, None));
}

#[test]
fn text_reaches_a_node_as_it_is_written() {
    let environment = BTreeMap::from([("PRICE".to_owned(), "$(HOME) $$ $".to_owned())]);
    let command = vec!["echo".to_owned(), "$(PRICE)".to_owned()];
    let container = container_of(&NodeSpec { environment, command, ..peer() });
    assert_eq!(container.args, Some(vec!["echo".to_owned(), "$$(PRICE)".to_owned()]));
    assert_eq!(container.env.unwrap()[0].value.as_deref(), Some("$$(HOME) $$$$ $$"));
    assert_eq!(container.command, None);
}

#[test]
fn a_node_is_asked_only_where_somebody_answers() {
    let silent = container_of(&peer());
    assert!(silent.startup_probe.is_none() && silent.readiness_probe.is_none());
    assert!(silent.liveness_probe.is_none());
    let asked = container_of(&watched_peer());
    assert!(asked.startup_probe.is_some() && asked.readiness_probe.is_some());
    assert!(asked.liveness_probe.is_some());
}

#[test]
fn a_temporary_folder_is_added_only_where_it_is_missing() {
    let places = |spec: &NodeSpec| -> Vec<String> {
        let container = container_of(spec);
        container.volume_mounts.into_iter().flatten().map(|mount| mount.mount_path).collect()
    };
    assert_eq!(places(&chaincode()), ["/etc/heddle", "/tmp"]);
    assert_eq!(places(&NodeSpec { config_path: "/tmp".into(), ..chaincode() }), ["/tmp"]);
    assert_eq!(places(&peer()), ["/etc/heddle", "/var/hyperledger/production"]);
}

#[test]
fn what_a_node_has_not_is_left_out() {
    let bare = NodeSpec { files: Vec::new(), ports: Vec::new(), data_path: None, ..peer() };
    let objects = node(&bare, IMAGE, &stored(nfs()));
    assert!(objects.files.is_none() && objects.volume.is_none() && objects.claim.is_none());
    assert!(objects.services.is_empty() && objects.disruption.is_none());
    let pod = pod_of(objects);
    assert!(pod.volumes.is_none() && pod.affinity.is_none());
}

/// What can never be changed on a cluster does not depend on what may change in a specification.
#[test]
fn selectors_stay_whatever_changes() {
    let selectors = |spec: &NodeSpec| {
        let Workload::StatefulSet(set) = node(spec, IMAGE, &options(ClusterSettings::default())).workload
        else {
            panic!("a node with data is a StatefulSet");
        };
        let spec = set.spec.unwrap();
        (spec.selector, spec.service_name, spec.pod_management_policy)
    };
    let changed = NodeSpec { operation: "op-2".into(), kind: "orderer".into(), ..orderer(0) };
    let other = NodeSpec { node: "orderer0".into(), ..peer() };
    assert_eq!(selectors(&changed), selectors(&other));
}

#[test]
fn folders_exist_only_without_a_storage_class() {
    let class = stored(ClusterStorage::Class { name: None });
    assert!(folder_pod(&chain_space(), None, Folder::Make, IMAGE, &class).is_none());
    let pod = folder_pod(&chain_space(), Some("peer0"), Folder::Remove, IMAGE, &stored(nfs())).unwrap();
    // It must never be taken for the node, and must outlive the chain's namespace.
    assert_eq!(names::node_of(pod.metadata.labels.as_ref().unwrap()), None);
    assert_eq!(pod.metadata.namespace.as_deref(), Some("heddle-abc123"));
}

/// A pod elsewhere may carry any label, so a policy is only made where it can name the namespace of the portal.
#[test]
fn only_a_portal_in_the_cluster_is_let_in_and_only_from_its_namespace() {
    let policies = |portal_namespace: Option<&str>| {
        let portal_namespace = portal_namespace.map(str::to_owned);
        let options = KubernetesOptions { portal_namespace, ..options(ClusterSettings::default()) };
        space(&chain_space(), &options).policies
    };
    let is_portal = |policy: &NetworkPolicy| policy.metadata.name.as_deref() == Some("portal");
    assert!(!policies(None).iter().any(is_portal));
    let inside: Vec<Value> =
        policies(Some("home")).iter().filter(|policy| is_portal(policy)).map(value).collect();
    let from = inside[0]["spec"]["ingress"][0]["from"].as_array().unwrap();
    assert_eq!(from.len(), 1);
    assert_eq!(from[0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], "home");
    assert_eq!(from[0]["podSelector"]["matchLabels"]["heddle.purpose"], "portal");
}

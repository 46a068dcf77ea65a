use domain::node::ReasonKind;
use serde_json::{Value, json};

use super::super::pods::tests::{in_state, pod, ready};
use super::*;
use crate::DataVolume;

fn node() -> NodeRef {
    NodeRef::new("abc", "demo", "peer0")
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn labels() -> Value {
    json!({
        "heddle.installation": "abc", "heddle.chain": "demo", "heddle.node": "peer0", "heddle.kind": "peer",
        "heddle.operation": "op-1",
    })
}

fn controller(replicas: i32) -> Controller {
    let set: StatefulSet = object(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "peer0", "labels": labels(), "annotations": {
            "heddle.fingerprint": "f1", "heddle.keeps-data": "claim-1", "heddle.exit-code": "7",
            "heddle.started-at": "2026-11-30T09:00:00Z",
        }},
        "spec": {"replicas": replicas, "selector": {}, "serviceName": "peer0", "template": {
            "spec": {"containers": [
                {"name": "mesh-proxy", "image": "mesh:1"},
                {"name": "node", "image": "heddle.local/n:1", "ports": [
                    {"name": "public-0", "containerPort": 7051}, {"containerPort": 9443},
                ]},
            ]},
        }},
    }));
    set.into()
}

fn claim(uid: &str) -> PersistentVolumeClaim {
    object(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "peer0-data", "uid": uid, "labels": labels()},
    }))
}

fn service(spec: Value, status: Value) -> Service {
    object(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "peer0--public", "labels": labels()}, "spec": spec, "status": status,
    }))
}

fn parts(replicas: i32, pods: Vec<Pod>) -> Parts {
    Parts { controller: Some(controller(replicas)), pods, claim: Some(claim("claim-1")), ..Parts::default() }
}

fn running() -> Pod {
    let hash = "0f".repeat(32);
    let mut status = in_state("c1", 2, json!({"running": {"startedAt": "2026-11-30T10:00:01Z"}}), json!({}));
    status["containerStatuses"][0]["imageID"] = json!(format!("sha256:{hash}"));
    pod("a", status)
}

#[test]
fn a_node_that_is_replaced_or_removed_is_not_a_stopped_one_for_as_long_as_that_may_take() {
    let state = |since: i64| {
        let mut changed = parts(0, Vec::new());
        if let Some(found) = changed.controller.as_mut() {
            let since = (Timestamp::now().as_second() + since).to_string();
            found.metadata.annotations.get_or_insert_default().insert(CHANGING.to_owned(), since);
        }
        changed.status(&node(), None).unwrap().state
    };
    assert_eq!(parts(0, Vec::new()).status(&node(), None).unwrap().state, NodeState::Stopped);
    assert_eq!(state(-5), NodeState::Restarting);
    // Whoever changed it has given up; and a moment to come is no moment at all.
    assert_eq!(state(-CHANGING_SECONDS), NodeState::Stopped);
    assert_eq!(state(60), NodeState::Stopped);
}

#[test]
fn a_running_node_is_told_with_all_that_is_known_of_it() {
    let status = parts(1, vec![running()]).status(&node(), None).unwrap();
    let expect = NodeStatus {
        node: node(),
        kind: "peer".into(),
        operation: "op-1".into(),
        state: NodeState::Running,
        started_at: Some("2026-11-30T10:00:01Z".into()),
        exit_code: None,
        reason: None,
        machine: None,
        data_volume: DataVolume::Present,
        ports: BTreeMap::new(),
        reached: BTreeMap::new(),
        image_id: Some(format!("sha256:{}", "0f".repeat(32))),
        restarts: 2,
        fingerprint: Some("f1".into()),
    };
    assert_eq!(status, expect);
}

#[test]
fn a_node_s_image_is_that_of_its_own_container() {
    assert_eq!(controller(1).image, "heddle.local/n:1");
}

#[test]
fn what_runs_a_node_and_its_pod_say_together_what_it_does() {
    let check = |replicas: i32, pods: Vec<Pod>, state, code| {
        let status = parts(replicas, pods).status(&node(), None).unwrap();
        assert_eq!((status.state, status.exit_code), (state, code), "{status:?}");
    };
    let waits = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error", "containerID": "c1"}});
    let crashed = pod("a", in_state("c1", 1, waits, ended.clone()));
    let creating = pod("a", in_state("", 0, json!({"waiting": {"reason": "ContainerCreating"}}), json!({})));
    let mut going = running();
    going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
    check(1, vec![], NodeState::Created, None);
    check(1, vec![creating], NodeState::Created, None);
    check(1, vec![running()], NodeState::Running, None);
    check(1, vec![crashed], NodeState::Restarting, Some(3));
    check(1, vec![going.clone()], NodeState::Restarting, None);
    check(1, vec![ready("False", "True")], NodeState::Restarting, None);
    check(1, vec![ready("False", "False")], NodeState::Running, None);
    check(0, vec![going], NodeState::Running, None);
    check(0, vec![pod("a", in_state("c1", 0, ended, json!({})))], NodeState::Stopped, Some(3));
    // The pod is gone; how it ended is remembered.
    check(0, vec![], NodeState::Stopped, Some(7));
    let stopped = parts(0, vec![]).status(&node(), None).unwrap();
    assert_eq!(stopped.started_at.as_deref(), Some("2026-11-30T09:00:00Z"));
    assert_eq!(stopped.reason, None);
}

#[test]
fn a_deployment_says_why_no_pod_is_made_for_it() {
    let reason = |replicas: i32, is_failing: &str, pods: Vec<Pod>| {
        let deployment: Deployment = object(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "peer0", "labels": labels()},
            "spec": {"replicas": replicas, "selector": {}, "template": {}},
            "status": {"conditions": [
                {"type": "Progressing", "status": "True", "message": "is progressing"},
                {"type": "ReplicaFailure", "status": is_failing, "message": "exceeded quota"},
            ]},
        }));
        let parts = Parts { controller: Some(deployment.into()), pods, ..Parts::default() };
        parts.status(&node(), None).unwrap().reason
    };
    let refused = NodeReason::told(ReasonKind::NotAllowed, "exceeded quota");
    assert_eq!(reason(1, "True", vec![]), Some(refused));
    assert_eq!(reason(1, "False", vec![]), None);
    assert_eq!(reason(0, "True", vec![]), None);
    assert_eq!(reason(1, "True", vec![running()]), None);
}

#[test]
fn data_that_is_being_removed_is_told_while_the_node_still_runs() {
    let mut going = claim("claim-1");
    going.metadata.deletion_timestamp = running().metadata.creation_timestamp;
    let parts = Parts { claim: Some(going), ..parts(1, vec![running()]) };
    let status = parts.status(&node(), None).unwrap();
    assert_eq!((status.state, status.data_volume), (NodeState::Running, DataVolume::Present));
    assert_eq!(status.reason, Some(NodeReason::new(ReasonKind::DataGoing)));
}

#[test]
fn what_is_left_of_a_node_says_what_it_was() {
    let files: ObjectMeta = object(json!({
        "name": "peer0-files-0a0b0c0d", "labels": labels(), "annotations": {"heddle.keeps-data": "claim-1"},
    }));
    let left = |claim: Option<PersistentVolumeClaim>, files: Vec<ObjectMeta>| {
        Parts { claim, files, ..Parts::default() }.status(&node(), None)
    };
    let kept = left(Some(claim("claim-1")), vec![files.clone()]).unwrap();
    assert_eq!((kept.state, kept.data_volume), (NodeState::Missing, DataVolume::Present));
    assert_eq!((kept.kind.as_str(), kept.operation.as_str()), ("peer", "op-1"));
    let lost = left(None, vec![files.clone()]).unwrap();
    assert_eq!((lost.state, lost.data_volume), (NodeState::Missing, DataVolume::Missing));
    let other = left(Some(claim("claim-2")), vec![files]).unwrap();
    assert_eq!(other.data_volume, DataVolume::Missing);
    assert_eq!(left(None, vec![]), None);
}

#[test]
fn published_ports_are_told_at_the_address_that_the_exposure_gives() {
    let ports = |service: Service, reach: Option<&str>| {
        let parts = Parts { services: vec![service], ..parts(1, vec![running()]) };
        let status = parts.status(&node(), reach.map(|at| at.parse().unwrap())).unwrap();
        status.ports.into_iter().map(|(port, at)| format!("{port} {at}")).collect::<Vec<_>>()
    };
    let node_port = || {
        let port = json!({"port": 7051, "targetPort": 7051, "nodePort": 31000});
        service(json!({"type": "NodePort", "ports": [port]}), json!({}))
    };
    assert_eq!(ports(node_port(), Some("192.0.2.1")), ["7051 192.0.2.1:31000"]);
    // Users have a name: the machine that the pod is on answers as well.
    assert_eq!(ports(node_port(), None), ["7051 10.9.0.2:31000"]);
    let balanced = |status: Value| {
        let port = json!({"port": 31000, "targetPort": 7051, "nodePort": 30999});
        service(json!({"type": "LoadBalancer", "ports": [port]}), status)
    };
    let given = json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}});
    assert_eq!(ports(balanced(given), Some("192.0.2.1")), ["7051 198.51.100.7:31000"]);
    assert_eq!(ports(balanced(json!({})), Some("192.0.2.1")), ["7051 192.0.2.1:31000"]);
    assert!(ports(balanced(json!({})), None).is_empty());
}

#[test]
fn clients_are_sent_where_the_exposure_publishes_and_else_to_the_hosts_address() {
    let reached = |service: Service| {
        let parts = Parts { services: vec![service], ..parts(0, vec![]) };
        parts.status(&node(), None).unwrap().reached
    };
    let at = |host: &str, port: u16| BTreeMap::from([(7051, (host.to_owned(), port))]);
    let of_kind = |kind: &str, ingress: Value| {
        let port = json!({"port": 31000, "targetPort": 7051, "nodePort": 30999});
        let status = json!({"loadBalancer": {"ingress": ingress}});
        service(json!({"type": kind, "ports": [port]}), status)
    };
    let by_ip = of_kind("LoadBalancer", json!([{"ip": "198.51.100.7"}]));
    assert_eq!(reached(by_ip), at("198.51.100.7", 31000));
    let by_name = of_kind("LoadBalancer", json!([{"hostname": "lb.example"}]));
    assert_eq!(reached(by_name), at("lb.example", 31000));
    assert!(reached(of_kind("LoadBalancer", json!([]))).is_empty());
    assert!(reached(of_kind("NodePort", json!([{"ip": "198.51.100.7"}]))).is_empty());
    // Only what is published, whether or not a pod is there.
    let inside = parts(0, vec![]).inside(&node(), "heddle-abc-demo");
    assert_eq!(inside, at("peer0.heddle-abc-demo.svc", 7051));
    assert!(Parts::default().inside(&node(), "heddle-abc-demo").is_empty());
}

#[test]
fn objects_find_their_node_by_their_labels() {
    let mut seen = Seen::default();
    seen.of(running().metadata, |parts| parts.pods.push(running()));
    seen.of(claim("claim-1").metadata, |parts| parts.claim = Some(claim("claim-1")));
    seen.of(ObjectMeta::default(), |parts| parts.pods.clear());
    assert_eq!(seen.0.len(), 1);
    assert_eq!(seen.0[&node()].pods.len(), 1);
}

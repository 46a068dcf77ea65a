//! Moments that the server has forgotten, pages, and how many watches there are.

use std::collections::BTreeSet;

use agents::{Agent, NodeChange, NodeEvent, NodeRef, NodeState, Selector};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::server::{DEPLOYMENTS, INSTALLATION, PATIENCE, PODS, SERVICES, SETS, Server, gone};

async fn next(events: &mut BoxStream<'static, NodeEvent>) -> NodeEvent {
    tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap()
}

/// The watch says that it was interrupted, then that one has to list.
async fn begins_anew(events: &mut BoxStream<'static, NodeEvent>) {
    let interrupted = next(events).await;
    assert!(matches!(interrupted, NodeEvent::Interrupted(_)), "{interrupted:?}");
    assert_eq!(next(events).await, NodeEvent::Resync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_moment_is_forgotten_begins_anew_with_a_list() {
    let server = Server::raise().await;
    let mut events = server.agent.watch_nodes(INSTALLATION);
    assert_eq!(next(&mut events).await, NodeEvent::Resync);
    assert_eq!(server.asked(PODS, false).len(), 1);

    // It is said in the watch.
    let event = json!({"type": "ERROR", "object": gone()});
    server.watch(PODS, 1).await.unbounded_send(format!("{event}\n")).unwrap();
    begins_anew(&mut events).await;
    assert_eq!(server.asked(PODS, false).len(), 2);

    // It is the answer to the watch's next request.
    server.watch(PODS, 2).await;
    server.forgets_watches(1);
    server.ends_watch(PODS);
    begins_anew(&mut events).await;
    assert_eq!(server.asked(PODS, false).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_the_server_ends_in_time_goes_on_without_a_list() {
    let server = Server::raise().await;
    let mut events = server.agent.watch_nodes(INSTALLATION);
    assert_eq!(next(&mut events).await, NodeEvent::Resync);
    server.watch(PODS, 1).await;
    server.ends_watch(PODS);
    server.watch(PODS, 2).await;
    assert_eq!(server.asked(PODS, false).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_watch_of_each_kind_however_many_read() {
    let server = Server::raise().await;
    let mut readers: Vec<_> = (0..20).map(|_| server.agent.watch_nodes(INSTALLATION)).collect();
    for reader in &mut readers {
        assert_eq!(next(reader).await, NodeEvent::Resync);
    }
    for path in [PODS, SETS, DEPLOYMENTS] {
        server.watch(path, 1).await;
        let (lists, watches) = (server.asked(path, false), server.asked(path, true));
        assert_eq!((lists.len(), watches.len()), (1, 1), "{path}: {lists:?} {watches:?}");
        // All chains of the portal are in it, in pages, and nothing of others is.
        assert!(lists[0].contains("limit="), "{lists:?}");
        for asked in lists.iter().chain(&watches) {
            assert!(asked.contains("labelSelector="), "{asked}");
            assert!(asked.contains(INSTALLATION) && !asked.contains("heddle.chain%3D"), "{asked}");
        }
    }
}

fn service(port: u16) -> Value {
    json!({"metadata": {"name": format!("s{port}")}, "spec": {"ports": [{"port": 1, "nodePort": port}]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_to_their_last_page() {
    let server = Server::raise().await;
    let pages = vec![vec![service(31_010)], vec![service(31_020), service(31_023)], vec![service(31_026)]];
    server.lists(SERVICES, pages);
    let expected = BTreeSet::from([31_010, 31_020, 31_023, 31_026]);
    assert_eq!(server.agent.used_ports().await.unwrap(), expected);
    let asked = server.asked(SERVICES, false);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|asked| asked.contains("limit=")), "{asked:?}");

    // The pages belong to one moment. When that is forgotten, the list begins anew, and not for ever.
    server.forgets_pages(1);
    assert_eq!(server.agent.used_ports().await.unwrap(), expected);
    server.forgets_pages(100);
    let failed = server.agent.used_ports().await.unwrap_err();
    assert!(failed.is_retryable(), "{failed}");
}

/// Nodes of the test with many, and how many come in one page.
const MANY: usize = 1_000;
const IN_PAGE: usize = 100;

fn labels(node: &str) -> Value {
    json!({
        "heddle.installation": INSTALLATION, "heddle.chain": "demo", "heddle.node": node, "heddle.kind": "peer",
    })
}

/// What runs a node, and its pod. Nobody looks at what the pod should be and who wrote it: neither is what it has to be.
fn node(number: usize) -> (Value, Value) {
    let node = format!("peer{number}-org1");
    let set = json!({
        "metadata": {"name": node, "uid": format!("s{number}"), "labels": labels(&node)},
        "spec": {"replicas": 1, "serviceName": node, "selector": {}, "template": {}},
    });
    let pod = json!({
        "metadata": {
            "name": format!("{node}-0"), "uid": format!("p{number}"), "labels": labels(&node),
            "resourceVersion": "9", "managedFields": "not read",
        },
        "spec": {"nodeName": "kube-node-1", "containers": "not read"},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "node", "image": "heddle.local/n:1", "imageID": "sha256:aa", "ready": true,
            "containerID": format!("c{number}"), "restartCount": 0, "state": {"running": {}},
        }]},
    });
    (set, pod)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_nodes_are_listed_and_watched_page_by_page() {
    let server = Server::raise().await;
    let (sets, pods): (Vec<_>, Vec<_>) = (0..MANY).map(node).unzip();
    let in_pages =
        |all: &[Value]| -> Vec<Vec<Value>> { all.chunks(IN_PAGE).map(<[Value]>::to_vec).collect() };
    server.lists(SETS, in_pages(&sets));
    server.lists(PODS, in_pages(&pods));
    let all = Selector { installation: INSTALLATION.to_owned(), chain: None };
    let listed = server.agent.list_nodes(&all).await.unwrap();
    assert_eq!(listed.len(), MANY);
    assert!(listed.iter().all(|status| status.state == NodeState::Running), "{:?}", listed[0]);
    let limit = format!("limit={IN_PAGE}");
    let asked = server.asked(PODS, false);
    assert_eq!(asked.len(), MANY / IN_PAGE, "{asked:?}");
    assert!(asked.iter().all(|asked| asked.split(['?', '&']).any(|part| part == limit)), "{asked:?}");

    let mut events = server.agent.watch_nodes(INSTALLATION);
    assert_eq!(next(&mut events).await, NodeEvent::Resync);
    assert_eq!(server.asked(PODS, false).len(), 2 * MANY / IN_PAGE);
    // Each of them is known: of the last one it is told that it has gone.
    let last = pods.last().unwrap();
    let event = json!({"type": "DELETED", "object": last});
    server.watch(PODS, 1).await.unbounded_send(format!("{event}\n")).unwrap();
    let gone = NodeRef::new(INSTALLATION, "demo", format!("peer{}-org1", MANY - 1));
    assert_eq!(next(&mut events).await, NodeEvent::Changed { node: gone, change: NodeChange::Ended(None) });
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_cluster_answers_is_asked_without_listing_what_is_on_it() {
    let server = Server::raise().await;
    let (sets, mut pods): (Vec<_>, Vec<_>) = (0..IN_PAGE).map(node).unzip();
    for pod in &mut pods {
        // Who an object is, is read here, and with it what is to be of its form.
        pod["metadata"]["managedFields"] = json!([]);
    }
    server.lists(SETS, vec![sets]);
    server.lists(PODS, vec![pods.clone(), pods]);
    server.agent.answers(INSTALLATION).await.unwrap();
    for path in [PODS, SERVICES, SETS, DEPLOYMENTS] {
        let asked = server.asked(path, false);
        assert_eq!(asked.len(), 1, "{path}: {asked:?}");
        assert!(asked[0].split(['?', '&']).any(|part| part == "limit=1"), "{asked:?}");
    }
}

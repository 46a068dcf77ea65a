//! Moments that the server has forgotten, pages, and how many watches there are.

use std::collections::BTreeSet;

use agents::{Agent, NodeEvent};
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

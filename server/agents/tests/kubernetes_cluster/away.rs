//! A way to the cluster that closes and opens again, and a token that ends and is replaced. Only the test's own way and
//! its own account are touched, so others on the cluster notice nothing.

use std::time::{Duration, Instant};

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint};
use agents::{Agent, AgentError, NodeEvent, NodeState, NodeStatus, ProbeStage, Remedy, Selector};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::bed::{Bed, PATIENCE, on_cluster};
use crate::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_cluster_was_away_is_told_when_it_is_back() {
    on_cluster(async |bed| is_away(&bed).await).await;
}

async fn is_away(bed: &Bed) {
    let door = Door::open(&bed.server).await;
    let agent = behind(&door, bed);
    bed.agent.ensure_space(&bed.space("away")).await.unwrap();
    let spec = bed.spec("away", "peer0");
    let node = spec.node_ref();
    bed.agent.ensure_node(&spec).await.unwrap();
    let running = bed.wait(&node, |status| status.state == NodeState::Running).await;
    let mut events = agent.watch_nodes(&bed.installation);
    until(&mut events, |event| *event == NodeEvent::Resync).await;

    door.set(false);
    until(&mut events, |event| matches!(event, NodeEvent::Interrupted(_))).await;
    let all = Selector { installation: bed.installation.clone(), chain: None };
    // Nothing is said of nodes that cannot be seen, least of all that they are stopped or gone.
    let unseen = agent.list_nodes(&all).await.unwrap_err();
    assert!(unseen.is_retryable(), "{unseen}");
    let ensured = agent.ensure_node(&spec).await.unwrap_err();
    assert!(ensured.is_retryable(), "{ensured}");
    assert_eq!(bed.status(&node).await, Some(running), "nodes run on while nobody sees them");
    bed.agent.stop(&node, Duration::from_secs(1)).await.unwrap();

    door.set(true);
    until(&mut events, |event| *event == NodeEvent::Resync).await;
    let seen = agent.list_nodes(&all).await.unwrap();
    let states: Vec<_> = seen.into_iter().map(|status| (status.node, status.state)).collect();
    assert_eq!(states, [(node, NodeState::Stopped)]);
}

/// Waits for an event; what comes before is old.
async fn until(events: &mut BoxStream<'static, NodeEvent>, wanted: impl Fn(&NodeEvent) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = tokio::time::timeout(left, events.next()).await.unwrap().unwrap();
        if wanted(&event) {
            return;
        }
    }
}

/// An agent that comes through the door.
fn behind(door: &Door, bed: &Bed) -> KubernetesAgent {
    let credentials = door.credentials(&bed.credentials);
    let endpoint = KubernetesEndpoint::Remote { server: door.address(), credentials };
    KubernetesAgent::connect(endpoint, bed.options.clone(), &bed.installation).unwrap()
}

/// A node that runs while a token ends: the old agent is told that its token is no longer accepted, and nothing of the
/// node.
pub async fn token_has_ended(bed: &Bed, old: &KubernetesAgent) -> NodeStatus {
    bed.agent.ensure_space(&bed.space("token")).await.unwrap();
    let spec = bed.spec("token", "peer0");
    bed.agent.ensure_node(&spec).await.unwrap();
    let before = bed.wait(&spec.node_ref(), |status| status.state == NodeState::Running).await;
    let all = Selector { installation: bed.installation.clone(), chain: None };
    // A server remembers for some seconds whom it has let in.
    let deadline = Instant::now() + PATIENCE;
    let refused = loop {
        match old.list_nodes(&all).await {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < deadline, "a token that has ended is still good"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    // It is no answer about nodes, and waiting does not help.
    assert!(matches!(&refused, AgentError::Credentials(_)) && !refused.is_retryable(), "{refused}");
    let failure = old.probe().await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Authentication, Remedy::RenewToken));
    before
}

/// With the new token everything is as it was.
pub async fn token_is_new(bed: &Bed, agent: &KubernetesAgent, before: NodeStatus) {
    agent.probe().await.unwrap();
    let all = Selector { installation: bed.installation.clone(), chain: None };
    assert_eq!(agent.list_nodes(&all).await.unwrap(), [before], "nothing was restarted");
    let mut events = agent.watch_nodes(&bed.installation);
    until(&mut events, |event| *event == NodeEvent::Resync).await;
}

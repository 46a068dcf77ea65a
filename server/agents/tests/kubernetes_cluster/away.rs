//! A way to the cluster that closes and opens again, and a token that ends and is replaced. Only the test's own way and
//! its own account are touched, so others on the cluster notice nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint};
use agents::{Agent, AgentError, NodeEvent, NodeState, NodeStatus, ProbeStage, Remedy, Selector};
use domain::host::cluster::ClusterCredentials;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::bed::{Bed, PATIENCE, on_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_cluster_was_away_is_told_when_it_is_back() {
    on_cluster(async |bed| is_away(&bed).await).await;
}

async fn is_away(bed: &Bed) {
    let door = Door::open(&bed.server).await;
    let agent = door.agent(bed);
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

/// A door in front of the API server that leads every connection through, or none.
struct Door {
    at: SocketAddr,
    is_open: Arc<watch::Sender<bool>>,
}

impl Door {
    async fn open(server: &str) -> Self {
        let behind = host_and_port(server);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let is_open = Arc::new(watch::Sender::new(true));
        let opened = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let (mut opened, behind) = (opened.subscribe(), behind.clone());
                tokio::spawn(async move {
                    let lead = async {
                        let mut inside = TcpStream::connect(&behind).await?;
                        tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                    };
                    let closed = async { drop(opened.wait_for(|is_open| !*is_open).await) };
                    tokio::select! {
                        _ended = lead => {}
                        () = closed => {}
                    }
                });
            }
        });
        Self { at, is_open }
    }

    /// Closes it, which ends what is under way, or opens it again.
    fn set(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }

    /// An agent that comes through the door. The server's certificate names what is behind it.
    fn agent(&self, bed: &Bed) -> KubernetesAgent {
        let behind = host_and_port(&bed.server);
        let host = behind.rsplit_once(':').unwrap().0.trim_matches(['[', ']']).to_owned();
        let server_name = bed.credentials.server_name.clone().or(Some(host));
        let credentials = ClusterCredentials { server_name, ..bed.credentials.clone() };
        let endpoint = KubernetesEndpoint::Remote { server: format!("https://{}", self.at), credentials };
        KubernetesAgent::connect(endpoint, bed.options.clone(), &bed.installation).unwrap()
    }
}

/// `host:port` of `https://host:port/path`.
fn host_and_port(server: &str) -> String {
    let rest = server.strip_prefix("https://").unwrap();
    let authority = rest.split('/').next().unwrap();
    if authority.rsplit(']').next().unwrap().contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:443")
    }
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

//! The simulated host keeps the promises of all hosts, and its own: it fails where it is told to.

use domain::node::{NodeReason, ReasonKind};

use super::*;
use crate::conformance::{Fixture, suite};
use crate::node::tests::peer;

const IMAGE: &str = "heddle.local/node:1";

fn host() -> SimulatedAgent {
    let agent = SimulatedAgent::new();
    agent.add_image(IMAGE);
    agent
}

fn spec() -> NodeSpec {
    NodeSpec { image: IMAGE.into(), ..peer() }
}

fn space() -> SpaceSpec {
    SpaceSpec { installation: "abc123".into(), chain: "demo".into(), operation: "op-1".into() }
}

#[tokio::test]
async fn keeps_the_promises_of_every_host() {
    let agent = host();
    let hands = agent.clone();
    let lose_data = move |node: NodeRef| -> BoxFuture<'static, ()> {
        let hands = hands.clone();
        Box::pin(async move { hands.lose_data(&node) })
    };
    let fixture = Fixture {
        agent: &agent,
        installations: ["one".into(), "two".into()],
        image: IMAGE.into(),
        free_port: 31000,
        lose_data: &lose_data,
        loads_archives: true,
        has_metrics: true,
    };
    suite(&fixture).await.unwrap();
    assert!(agent.objects("one").is_empty() && agent.objects("two").is_empty());
}

#[tokio::test]
async fn a_call_that_fails_midway_leaves_a_part_and_a_second_try_completes_it() {
    let agent = host();
    agent.ensure_space(&space()).await.unwrap();
    agent.fail_verb(Verb::EnsureNode, 1, Fault::unreachable(When::Midway));
    assert!(agent.ensure_node(&spec()).await.unwrap_err().is_retryable());
    let left = agent.list_nodes(&Selector { installation: "abc123".into(), chain: None }).await.unwrap();
    assert_eq!(left[0].state, NodeState::Created);
    assert_eq!(agent.ensure_node(&spec()).await.unwrap().state, NodeState::Running);

    agent.fail_verb(Verb::RemoveSpace, 1, Fault::unreachable(When::Midway));
    assert!(agent.remove_space("abc123", "demo").await.is_err());
    assert_eq!(agent.objects("abc123").len(), 3, "the space, the data and the files are left");
    agent.remove_space("abc123", "demo").await.unwrap();
    assert!(agent.objects("abc123").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_lost_has_its_effect() {
    let agent = host();
    agent.fail_call(1, Fault::unreachable(When::After));
    assert!(agent.ensure_space(&space()).await.is_err());
    assert_eq!(agent.objects("abc123"), ["space demo"]);
    agent.fail_call(1, Fault::unreachable(When::Before));
    assert!(agent.remove_space("abc123", "demo").await.is_err());
    assert_eq!(agent.objects("abc123"), ["space demo"]);
}

#[tokio::test]
async fn a_host_that_is_cut_off_answers_nothing_until_it_is_back() {
    let agent = host();
    agent.cut_off();
    assert_eq!(agent.probe().await.unwrap_err().stage, ProbeStage::Tcp);
    assert!(matches!(agent.used_ports().await, Err(AgentError::Unreachable(_))));
    agent.heal();
    assert!(agent.probe().await.is_ok());
}

#[tokio::test]
async fn somebody_elses_port_and_a_killed_node_are_seen() {
    let agent = host();
    agent.ensure_space(&space()).await.unwrap();
    agent.take_port(31020);
    assert_eq!(agent.ensure_node(&spec()).await, Err(AgentError::PortTaken(31020)));
    let mut free = spec();
    free.ports.clear();
    agent.ensure_node(&free).await.unwrap();
    agent.kill(&free.node_ref(), 137).unwrap();
    let seen = agent.list_nodes(&Selector { installation: "abc123".into(), chain: None }).await.unwrap();
    assert_eq!((seen[0].state, seen[0].exit_code), (NodeState::Stopped, Some(137)));
}

#[tokio::test]
async fn images_with_volumes_are_refused_for_chaincode_and_pulls_are_told() {
    let agent = host();
    agent.ensure_space(&space()).await.unwrap();
    agent.add_image_with_volumes("heddle.local/v:1", &["/data"]);
    let spec = NodeSpec { image: "heddle.local/v:1".into(), refuse_image_volumes: true, ..spec() };
    assert!(matches!(agent.ensure_node(&spec).await, Err(AgentError::Refused(_))));
    agent.offer_image("example/peer:1");
    let mut told = 0;
    let pulled = agent.ensure_image("example/peer:1", None, &mut |_| told += 1).await.unwrap();
    assert!(told > 0 && pulled.digest.is_some() && !pulled.local_only);
}

#[tokio::test]
async fn ten_thousand_nodes_are_no_burden() {
    let agent = host();
    for chain in 0..100 {
        let chain = format!("c{chain}");
        agent.ensure_space(&SpaceSpec { chain: chain.clone(), ..space() }).await.unwrap();
        for node in 0..100 {
            let spec =
                NodeSpec { chain: chain.clone(), node: format!("peer{node}"), ports: vec![], ..spec() };
            agent.ensure_node(&spec).await.unwrap();
        }
    }
    let all = agent.list_nodes(&Selector { installation: "abc123".into(), chain: None }).await.unwrap();
    assert_eq!(all.len(), 10_000);
}

#[tokio::test]
async fn a_delay_is_awaited_before_the_verb_acts() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let keeper = Arc::clone(&gate);
    let slow = host().with_delay(Arc::new(move |_| {
        let keeper = Arc::clone(&keeper);
        Box::pin(async move { keeper.acquire().await.unwrap().forget() })
    }));
    let (space, asked) = (space(), slow.clone());
    let waiting = tokio::spawn(async move { asked.ensure_space(&space).await });
    tokio::task::yield_now().await;
    assert!(slow.calls().is_empty() && !waiting.is_finished());
    gate.add_permits(1);
    waiting.await.unwrap().unwrap();
    assert_eq!(slow.calls(), [(Verb::EnsureSpace, "demo".to_owned())]);
}

#[tokio::test]
async fn what_an_image_runs_can_be_spoilt() {
    let agent = host();
    agent.ensure_space(&space()).await.unwrap();
    agent.spoil_image(IMAGE, Some(Flaw::Crashes));
    let crashing = agent.ensure_node(&spec()).await.unwrap();
    assert_eq!((crashing.state, crashing.exit_code), (NodeState::Restarting, Some(1)));
    assert!(crashing.restarts > 0);
    assert_eq!(crashing.reason, Some(NodeReason::new(ReasonKind::EndsAgain)));
    let lines = agent.logs(&crashing.node, &LogOptions::default()).await.unwrap();
    let last = lines.map(|line| line.unwrap().text).collect::<Vec<_>>().await.pop();
    assert_eq!(last.as_deref(), Some("it ends at once"));
    agent.stop(&crashing.node, Duration::ZERO).await.unwrap();
    agent.spoil_image(IMAGE, None);
    let well = agent.ensure_node(&spec()).await.unwrap();
    assert_eq!((well.state, well.reason, well.machine), (NodeState::Running, None, None));
    let (installation, chain) = ("abc123", "demo");
    let mut environment = spec().environment;
    environment.insert("NAME".to_owned(), "value".to_owned());
    agent.ensure_node(&NodeSpec { environment, ..spec() }).await.unwrap();
    assert!(agent.runs_with(installation, chain, "NAME", "value"));
    agent.spoil_image(IMAGE, Some(Flaw::Deaf));
    assert!(!agent.runs_with(installation, chain, "NAME", "value"), "it runs, but does not answer");
}

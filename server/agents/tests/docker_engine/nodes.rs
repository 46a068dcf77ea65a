//! Nodes on a real engine: the promises of all hosts, rights, files, ports, logs, ends.

use std::time::{Duration, SystemTime};

use agents::conformance::{Fixture, suite};
use agents::{
    Agent, AgentError, LogOptions, LogSource, NodeChange, NodeEvent, NodeFile, NodeRef, NodeSpec, NodeState,
    PortSpec, Publish,
};
use bollard::query_parameters::{KillContainerOptions, RemoveImageOptions, RemoveVolumeOptions};
use domain::node::{NodeReason, ReasonKind};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::bed::{Bed, free_port, on_engine};

fn set(spec: &mut NodeSpec, name: &str, value: &str) {
    spec.environment.insert(name.into(), value.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_every_host() {
    on_engine(async |bed| {
        let hands = bed.clone();
        let lose_data = move |node: NodeRef| -> BoxFuture<'static, ()> {
            let bed = hands.clone();
            Box::pin(async move {
                bed.destroy(&node).await;
                let volume = format!("{}--data", bed.container(&node));
                bed.hands.remove_volume(&volume, None::<RemoveVolumeOptions>).await.unwrap();
            })
        };
        let fixture = Fixture {
            agent: &bed.agent,
            installations: [bed.installation.clone(), bed.second_installation()],
            image: bed.image.clone(),
            free_port: free_port(),
            lose_data: &lose_data,
            loads_archives: true,
            has_metrics: true,
        };
        let kept = suite(&fixture).await;
        let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
        let removed = bed.hands.remove_image(&fixture.loaded_image(), Some(options), None).await;
        kept.unwrap();
        removed.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_no_rights_and_its_key_is_its_own() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("rights")).await.unwrap();
        for (node, user, owner, read_only) in
            [("as-root", None, "0:0", false), ("as-user", Some("65532"), "65532:65532", true)]
        {
            let mut spec = bed.spec("rights", node);
            spec.user = user.map(Into::into);
            spec.read_only_root = read_only;
            spec.files = vec![NodeFile {
                path: "msp/keystore/node.key".into(),
                content: Zeroizing::new(b"PRIVATE".to_vec()),
                mode: 0o600,
                secret: true,
            }];
            set(&mut spec, "NODE_SHOW", "/etc/heddle/msp/keystore/node.key");
            bed.agent.ensure_node(&spec).await.unwrap();
            let lines = bed.lines_with(&spec.node_ref(), "reach done").await;
            let has = |line: &str| assert!(lines.iter().any(|l| l == line), "{line:?} is not in {lines:#?}");
            has("right CapEff: 0000000000000000");
            has("right CapBnd: 0000000000000000");
            has("right NoNewPrivs: 1");
            has(&format!("file /etc/heddle/msp/keystore/node.key 600 {owner} 7 bytes readable=true"));
            has(if read_only { "root is read-only" } else { "root is writable" });
            let shown = bed.hands.inspect_container(&bed.container(&spec.node_ref()), None).await.unwrap();
            assert!(!format!("{shown:?}").contains("PRIVATE"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_reached_by_connect_and_only_where_published() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("ports")).await.unwrap();
        let mut spec = bed.spec("ports", "peer0");
        spec.ports = vec![
            PortSpec { container: 7051, publish: Publish::Fixed(free_port()) },
            PortSpec { container: 9443, publish: Publish::Assigned },
            PortSpec { container: 7052, publish: Publish::Internal },
        ];
        set(&mut spec, "NODE_LISTEN", "7051 9443 7052");
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        for port in [7051, 9443] {
            bed.lines_with(&node, &format!("listening {port}")).await;
            let mut stream = bed.agent.connect(&node, port).await.unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            assert_eq!(said, "hello from peer0\n");
        }
        for port in [7052, 1] {
            assert!(matches!(bed.agent.connect(&node, port).await, Err(AgentError::NotFound(_))));
        }
        let status = bed.status(&node).await.unwrap();
        assert!(status.ports.values().all(|at| at.ip().is_loopback()), "{:?}", status.ports);
        // A port that the engine chose may be another one after a restart, and is found again.
        bed.agent.restart(&node, Duration::from_secs(5)).await.unwrap();
        bed.wait(&node, |status| status.ports.contains_key(&9443)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_tell_source_and_time_and_follow() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("logs")).await.unwrap();
        let spec = bed.spec("logs", "peer0");
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        bed.lines_with(&node, "reach done").await;
        let follow = LogOptions { follow: true, ..LogOptions::default() };
        let mut lines = bed.agent.logs(&node, &follow).await.unwrap();
        let mut seen = vec![];
        // The process ends and begins again under the eyes of the follower, twice.
        for run in 1..=3 {
            let mut of_run = vec![];
            while of_run.last().is_none_or(|(_, text): &(LogSource, String)| text != "reach done") {
                let line = tokio::time::timeout(Duration::from_secs(20), lines.next())
                    .await
                    .unwrap()
                    .unwrap()
                    .unwrap();
                assert!(line.time.as_deref().is_some_and(|time| time.ends_with('Z')), "{line:?}");
                of_run.push((line.source, line.text));
            }
            seen.extend(of_run);
            let boots = seen.iter().filter(|(_, text)| text == "boot 1").count();
            assert_eq!(boots, run, "lines are lost or told twice: {seen:?}");
            bed.hands.restart_container(&bed.container(&node), None).await.unwrap();
        }
        assert!(seen.contains(&(LogSource::Err, "to standard error".to_owned())), "{seen:?}");
        bed.agent.remove_node(&node, false).await.unwrap();
        let rest = tokio::time::timeout(Duration::from_secs(20), lines.count()).await;
        assert!(rest.is_ok(), "the stream does not end with the node");
        bed.agent.ensure_node(&spec).await.unwrap();

        let future =
            LogOptions { since: Some(SystemTime::now() + Duration::from_secs(60)), ..LogOptions::default() };
        assert_eq!(bed.agent.logs(&node, &future).await.unwrap().count().await, 0);
        let nobody = NodeRef::new(&bed.installation, "logs", "nobody");
        assert!(matches!(
            bed.agent.logs(&nobody, &LogOptions::default()).await,
            Err(AgentError::NotFound(_))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_is_started_again_and_told() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("ends")).await.unwrap();
        let mut failing = bed.spec("ends", "failing");
        set(&mut failing, "NODE_EXIT", "3");
        bed.agent.ensure_node(&failing).await.unwrap();
        let seen =
            bed.wait(&failing.node_ref(), |s| s.restarts > 0 && s.state == NodeState::Restarting).await;
        assert_eq!(seen.exit_code, Some(3));
        assert_eq!(seen.reason, Some(NodeReason::new(ReasonKind::EndsAgain)));
        assert_eq!(seen.machine, None, "an engine is one machine");

        let steady = bed.spec("ends", "steady");
        bed.agent.ensure_node(&steady).await.unwrap();
        let node = steady.node_ref();
        let mut events = bed.agent.watch_nodes(&bed.installation);
        assert_eq!(events.next().await, Some(NodeEvent::Resync));
        let kill = KillContainerOptions { signal: "SIGKILL".into() };
        bed.hands.kill_container(&bed.container(&node), Some(kill)).await.unwrap();
        let ended = NodeEvent::Changed { node: node.clone(), change: NodeChange::Ended(Some(137)) };
        let told = async { while events.next().await.unwrap() != ended {} };
        tokio::time::timeout(Duration::from_secs(5), told)
            .await
            .expect("a killed node is told within seconds");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_of_an_image_are_refused_or_leave_nothing() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("volumes")).await.unwrap();
        let facts = bed.agent.image(&bed.image_with_volume).await.unwrap().unwrap();
        assert_eq!((facts.volumes.as_slice(), facts.local_only), (["/var/left".to_owned()].as_slice(), true));
        let spec = NodeSpec { image: bed.image_with_volume.clone(), ..bed.spec("volumes", "peer0") };
        let strict = NodeSpec { refuse_image_volumes: true, ..spec.clone() };
        assert!(matches!(bed.agent.ensure_node(&strict).await, Err(AgentError::Refused(_))));
        assert_eq!(bed.status(&spec.node_ref()).await, None, "a refused node left something");

        let unnamed = async |bed: &Bed| {
            let found = bed.hands.inspect_container(&bed.container(&spec.node_ref()), None).await.unwrap();
            let mounts = found.mounts.unwrap();
            mounts.into_iter().find(|m| m.destination.as_deref() == Some("/var/left")).unwrap().name.unwrap()
        };
        bed.agent.ensure_node(&spec).await.unwrap();
        let first = unnamed(&bed).await;
        let changed = NodeSpec { aliases: vec!["other".into()], ..spec.clone() };
        bed.agent.ensure_node(&changed).await.unwrap();
        let second = unnamed(&bed).await;
        bed.agent.remove_space(&bed.installation, "volumes").await.unwrap();
        for volume in [first, second] {
            assert!(bed.hands.inspect_volume(&volume).await.is_err(), "{volume} is left over");
        }
    })
    .await;
}

/// By content id and by digest an image is the same one; the node shows which it runs.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pinned_by_its_id() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("pinned")).await.unwrap();
        let id = bed.agent.image(&bed.image).await.unwrap().unwrap().id;
        let spec = NodeSpec { image: id.clone(), ..bed.spec("pinned", "peer0") };
        let status = bed.agent.ensure_node(&spec).await.unwrap();
        assert_eq!(status.image_id, Some(id));
        let absent = NodeSpec { image: "heddle.local/absent:1".into(), ..spec };
        assert!(matches!(bed.agent.ensure_node(&absent).await, Err(AgentError::ImageMissing { .. })));
    })
    .await;
}

/// Nodes and processes that are no containers are seen alike; the engine itself knows only of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_on_which_anybody_listens_answers() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("ports")).await.unwrap();
        let mut spec = bed.spec("ports", "peer0");
        let published = free_port();
        spec.ports = vec![PortSpec { container: 7051, publish: Publish::Fixed(published) }];
        spec.environment.insert("NODE_LISTEN".into(), "7051".into());
        bed.agent.ensure_node(&spec).await.unwrap();
        bed.lines_with(&spec.node_ref(), "listening 7051").await;
        let process = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let held = process.local_addr().unwrap().port();
        let free = free_port();
        let found = bed.agent.answering_ports(&[published, held, free]).await.unwrap();
        assert_eq!(found, [published, held].into());
        assert!(!bed.agent.used_ports().await.unwrap().contains(&held));
    })
    .await;
}

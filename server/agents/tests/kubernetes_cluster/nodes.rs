//! Nodes on a real cluster: the promises of all hosts, rights, files, ports, logs.

use std::time::{Duration, SystemTime};

use agents::conformance::{Fixture, suite};
use agents::{
    Agent, AgentError, DataVolume, LogOptions, NodeFile, NodeRef, NodeSpec, NodeState, PortSpec, Publish,
};
use domain::node::{NodeReason, ReasonKind};
use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::DeleteParams;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::bed::{PATIENCE, on_cluster};

fn set(spec: &mut NodeSpec, name: &str, value: &str) {
    spec.environment.insert(name.into(), value.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_promises_of_every_host() {
    on_cluster(async |bed| {
        let hands = bed.clone();
        let lose_data = move |node: NodeRef| -> BoxFuture<'static, ()> {
            let bed = hands.clone();
            Box::pin(async move { bed.lose_data(&node).await })
        };
        let fixture = Fixture {
            agent: &bed.agent,
            installations: [bed.installation.clone(), bed.second_installation()],
            image: bed.image.clone(),
            free_port: bed.free_port().await,
            lose_data: &lose_data,
            loads_archives: false,
            has_metrics: false,
        };
        suite(&fixture).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_no_rights_and_its_key_is_its_own() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("rights")).await.unwrap();
        for (node, user, read_only) in [("as-root", None, false), ("as-user", Some("65532"), true)] {
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
            let file = lines.iter().find(|line| line.starts_with("file ")).unwrap();
            assert!(file.ends_with("7 bytes readable=true"), "{file}");
            has(if read_only { "root is read-only" } else { "root is writable" });
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_port_is_reached_by_connect_and_users_reach_the_published_one() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("ports")).await.unwrap();
        let mut spec = bed.spec("ports", "peer0");
        let published = bed.free_port().await;
        spec.ports = vec![
            PortSpec { container: 7051, publish: Publish::Fixed(published) },
            PortSpec { container: 9443, publish: Publish::Assigned },
        ];
        set(&mut spec, "NODE_LISTEN", "7051 9443");
        let node = spec.node_ref();
        let status = bed.agent.ensure_node(&spec).await.unwrap();
        for port in [7051, 9443] {
            bed.lines_with(&node, &format!("listening {port}")).await;
            let mut stream = bed.agent.connect(&node, port).await.unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            assert!(said.starts_with("hello from peer0"), "{said}");
        }
        // Where nobody listens the connection says so, at the latest when it is read.
        let silent = match bed.agent.connect(&node, 1).await {
            Ok(mut stream) => stream.read_u8().await.is_err(),
            Err(_) => true,
        };
        assert!(silent);
        assert_eq!(status.ports.keys().copied().collect::<Vec<_>>(), [7051]);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while bed.agent.answering_ports(&[published]).await.unwrap() != [published].into() {
            assert!(tokio::time::Instant::now() < deadline, "the published port never answered");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bed.agent.stop(&node, Duration::from_secs(5)).await.unwrap();
        assert!(matches!(bed.agent.connect(&node, 7051).await, Err(AgentError::NotFound(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_follow_a_node_that_ends_and_previous_ones_are_kept() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("logs")).await.unwrap();
        let spec = bed.keeping("logs", "peer0");
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        bed.lines_with(&node, "reach done").await;
        let follow = LogOptions { follow: true, ..LogOptions::default() };
        let mut lines = bed.agent.logs(&node, &follow).await.unwrap();
        for boot in ["boot 1", "boot 2"] {
            let mut seen: Vec<String> = vec![];
            while seen.last().is_none_or(|line| line != "reach done") {
                let line = tokio::time::timeout(PATIENCE, lines.next()).await.unwrap().unwrap().unwrap();
                assert!(line.time.is_some(), "{line:?}");
                seen.push(line.text);
            }
            let boots = seen.iter().filter(|line| line.as_str() == boot).count();
            assert_eq!(boots, 1, "lines are lost or told twice: {seen:?}");
            if boot == "boot 1" {
                bed.agent.restart(&node, Duration::from_secs(5)).await.unwrap();
            }
        }
        bed.agent.remove_node(&node, false).await.unwrap();
        assert!(tokio::time::timeout(PATIENCE, lines.count()).await.is_ok(), "the stream does not end");

        let mut failing = bed.keeping("logs", "failing");
        set(&mut failing, "NODE_EXIT", "3");
        bed.agent.ensure_node(&failing).await.unwrap();
        let node = failing.node_ref();
        let again = NodeReason::new(ReasonKind::EndsAgain);
        let seen = bed.wait(&node, |s| s.restarts > 0 && s.reason.as_ref() == Some(&again)).await;
        assert_eq!((seen.state, seen.exit_code), (NodeState::Restarting, Some(3)));
        let machine = seen.machine.unwrap();
        assert!(!machine.name.is_empty() && machine.address.is_some(), "{machine:?}");
        let previous = LogOptions { previous: true, ..LogOptions::default() };
        let lines = bed.lines_by(&node, &previous).await;
        assert!(lines.iter().any(|line| line.starts_with("boot ")), "{lines:?}");

        let future =
            LogOptions { since: Some(SystemTime::now() + Duration::from_secs(60)), ..LogOptions::default() };
        assert_eq!(bed.lines_by(&node, &future).await, Vec::<String>::new());
        let nobody = NodeRef::new(&bed.installation, "logs", "nobody");
        let missing = bed.agent.logs(&nobody, &LogOptions::default()).await;
        assert!(matches!(missing, Err(AgentError::NotFound(_))));
    })
    .await;
}

/// By content id an image is the same one; the node shows which it runs.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pinned_by_its_id() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("pinned")).await.unwrap();
        let found = bed.agent.image(&bed.image).await.unwrap().unwrap();
        assert!(found.local_only && found.digest.is_none() && !found.architecture.is_empty(), "{found:?}");
        let spec = NodeSpec { image: found.id.clone(), ..bed.spec("pinned", "peer0") };
        let status = bed.agent.ensure_node(&spec).await.unwrap();
        assert_eq!(status.image_id, Some(found.id));
        let absent = NodeSpec { image: "heddle.local/absent:1".into(), ..spec };
        assert!(matches!(bed.agent.ensure_node(&absent).await, Err(AgentError::ImageMissing { .. })));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_is_gone_is_told_and_not_replaced() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("lost")).await.unwrap();
        let mut spec = bed.keeping("lost", "orderer0");
        spec.files = vec![NodeFile {
            path: "node.key".into(),
            content: Zeroizing::new(b"secret".to_vec()),
            mode: 0o600,
            secret: true,
        }];
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        bed.lines_with(&node, "boot 1").await;
        bed.lose_data(&node).await;
        let left = bed.status(&node).await.unwrap();
        assert_eq!((left.state, left.data_volume), (NodeState::Missing, DataVolume::Missing));
        assert_eq!(bed.agent.ensure_node(&spec).await, Err(AgentError::DataLost(node.to_string())));
        let allowed = NodeSpec { allow_new_data: true, ..spec };
        let made = bed.agent.ensure_node(&allowed).await.unwrap();
        assert_eq!(made.data_volume, DataVolume::Present);
        bed.lines_with(&node, "boot 1").await;
    })
    .await;
}

/// The cluster keeps a claim that somebody removes as long as the node's pod uses it: nothing of ours may end that pod.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_claim_is_being_removed_is_not_ended() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("going")).await.unwrap();
        let spec = bed.keeping("going", "orderer0");
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        bed.lines_with(&node, "boot 1").await;
        let namespace = bed.namespace(&bed.installation, "going");
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(bed.hands.clone(), &namespace);
        claims.delete("orderer0-data", &DeleteParams::default()).await.unwrap();
        let told = NodeReason::new(ReasonKind::DataGoing);
        let seen = bed.wait(&node, |status| status.reason.as_ref() == Some(&told)).await;
        assert_eq!((seen.state, seen.data_volume), (NodeState::Running, DataVolume::Present));

        let grace = Duration::from_secs(5);
        let mut other = spec.clone();
        set(&mut other, "NODE_OTHER", "1");
        let refused = [
            bed.agent.stop(&node, grace).await,
            bed.agent.restart(&node, grace).await,
            bed.agent.ensure_node(&other).await.map(drop),
            bed.agent.remove_node(&node, true).await.map(drop),
        ];
        for refused in refused {
            assert!(
                matches!(&refused, Err(AgentError::Refused(said)) if said.contains("claim")),
                "{refused:?}"
            );
        }
        let kept = bed.status(&node).await.unwrap();
        assert_eq!((kept.state, kept.started_at), (NodeState::Running, seen.started_at));

        bed.agent.remove_node(&node, false).await.unwrap();
        assert_eq!(bed.status(&node).await, None);
        assert_eq!(claims.get_opt("orderer0-data").await.unwrap(), None);
    })
    .await;
}

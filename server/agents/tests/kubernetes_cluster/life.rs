//! What happens to nodes behind the agent's back, and a cluster that does not answer.

use std::time::Duration;

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint};
use agents::{Agent, NodeChange, NodeEvent, NodeState, Selector};
use domain::node::ReasonKind;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;

use crate::bed::{PATIENCE, on_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_deleted_comes_back_with_its_data_and_is_told() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("back")).await.unwrap();
        let spec = bed.keeping("back", "peer0");
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        bed.lines_with(&node, "boot 1").await;
        // However many watch, each is told everything.
        let mut watches =
            [bed.agent.watch_nodes(&bed.installation), bed.agent.watch_nodes(&bed.installation)];
        for events in &mut watches {
            assert_eq!(events.next().await, Some(NodeEvent::Resync));
        }
        let api: Api<Pod> = Api::namespaced(bed.hands.clone(), &bed.namespace(&bed.installation, "back"));
        for pod in bed.pods(&node).await {
            api.delete(&pod, &DeleteParams::default()).await.unwrap();
        }
        bed.lines_with(&node, "boot 2").await;
        bed.wait(&node, |status| status.state == NodeState::Running).await;
        for events in &mut watches {
            let mut told = vec![];
            while told.last() != Some(&NodeChange::Started) {
                let next = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
                let NodeEvent::Changed { node: of, change } = next else { panic!("{next:?}") };
                assert_eq!(of, node);
                if change != NodeChange::Readiness {
                    told.push(change);
                }
            }
            assert!(matches!(told[..], [NodeChange::Ended(_), NodeChange::Started]), "{told:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_comes_later_joins_the_watch_and_the_last_one_ends_it() {
    on_cluster(async |bed| {
        for _ in 0..2 {
            let mut first = bed.agent.watch_nodes(&bed.installation);
            assert_eq!(first.next().await, Some(NodeEvent::Resync));
            let mut second = bed.agent.watch_nodes(&bed.installation);
            assert_eq!(second.next().await, Some(NodeEvent::Resync));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_is_said_to_be_out_of_reach() {
    on_cluster(async |bed| {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let endpoint = KubernetesEndpoint::Remote {
            server: format!("https://127.0.0.1:{port}"),
            credentials: bed.credentials.clone(),
        };
        let agent = KubernetesAgent::connect(endpoint, bed.options.clone(), &bed.installation).unwrap();
        let all = Selector { installation: bed.installation.clone(), chain: None };
        assert!(agent.list_nodes(&all).await.unwrap_err().is_retryable());
        let ensured = agent.ensure_space(&bed.space("away")).await;
        assert!(ensured.unwrap_err().is_retryable());
        let mut events = agent.watch_nodes(&bed.installation);
        let first = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
        assert!(matches!(first, Some(NodeEvent::Interrupted(_))), "{first:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_no_machine_takes_says_so() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("full")).await.unwrap();
        let mut spec = bed.spec("full", "peer0");
        spec.limits.memory_mib = 64 * 1024 * 1024;
        let refused = bed.agent.ensure_node(&spec).await.unwrap_err();
        assert!(refused.to_string().contains("no machine of the cluster takes it"), "{refused}");
        let status = bed.status(&spec.node_ref()).await.unwrap();
        assert_eq!(status.state, NodeState::Created);
        assert!(
            status.reason.is_some_and(|reason| reason.kind == ReasonKind::NoMachine && reason.said.is_some())
        );
        bed.agent.stop(&spec.node_ref(), Duration::from_secs(1)).await.unwrap();
        bed.wait(&spec.node_ref(), |status| status.state == NodeState::Stopped).await;
    })
    .await;
}

/// The process runs, and what it should answer at does not: that is told while the cluster still waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_runs_and_is_not_well_says_so() {
    on_cluster(async |bed| {
        bed.agent.ensure_space(&bed.space("unwell")).await.unwrap();
        let mut spec = bed.spec("unwell", "peer0");
        spec.health_port = Some(9443);
        let node = spec.node_ref();
        bed.agent.ensure_node(&spec).await.unwrap();
        let seen = bed.wait(&node, |status| status.reason.is_some()).await;
        assert_eq!((seen.state, seen.restarts), (NodeState::Running, 0), "{seen:?}");
        let reason = seen.reason.unwrap();
        assert_eq!(reason.kind, ReasonKind::NotWell);
        assert!(reason.said.is_some_and(|said| said.contains("probe failed")));
    })
    .await;
}

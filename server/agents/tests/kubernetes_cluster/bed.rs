//! What the tests stand on: an agent for the cluster, the node image, and hands that reach behind the agent.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, KubernetesOptions, kubeconfig};
use agents::{Agent, Limits, LogOptions, NodeNetwork, NodeRef, NodeSpec, NodeStatus, Selector, SpaceSpec};
use domain::host::cluster::{ClusterCredentials, ClusterSettings};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use sha2::{Digest, Sha256};

/// The node image's tag follows the program, so that an old one is never used by mistake.
const PROGRAM: &str = include_str!("../docker_engine/node.go");
pub const PATIENCE: Duration = Duration::from_secs(90);
const PREFIX: &str = "heddle";

pub struct Bed {
    pub agent: KubernetesAgent,
    /// The cluster, past the agent.
    pub hands: kube::Client,
    pub server: String,
    pub credentials: ClusterCredentials,
    pub options: KubernetesOptions,
    pub installation: String,
    pub image: String,
}

/// Runs a test on the cluster, and cleans up whether it passes or not.
pub async fn on_cluster<F, T>(test: T)
where
    T: FnOnce(Arc<Bed>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let Some(bed) = Bed::new().await else { return };
    let bed = Arc::new(bed);
    let outcome = tokio::spawn(test(bed.clone())).await;
    for installation in [bed.installation.clone(), bed.second_installation()] {
        bed.clear(&installation).await;
    }
    outcome.unwrap();
}

/// Says why a test cannot run, past what the test runner keeps to itself: `cargo xtask test` repeats it at the end.
pub fn skipped(reason: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "skipped: {reason}").unwrap();
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).unwrap();
    u32::from_be_bytes(bytes)
}

impl Bed {
    async fn new() -> Option<Self> {
        let Ok(path) = std::env::var("HEDDLE_TEST_KUBERNETES") else {
            skipped("HEDDLE_TEST_KUBERNETES names no cluster");
            return None;
        };
        // The hands use the process's own cryptography; whoever comes second finds it there.
        drop(rustls::crypto::ring::default_provider().install_default());
        let text = std::fs::read_to_string(&path).unwrap();
        let entries = kubeconfig::read(&text).unwrap();
        let entry = entries.iter().find(|entry| entry.current).or(entries.first()).unwrap().clone();
        let credentials = entry.access.unwrap();
        let read = Kubeconfig::read_from(&path).unwrap();
        let mut config =
            kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
        // A refusal that tests wait for must not be tried again behind their backs.
        config.default_retry = false;
        let hands = kube::Client::try_from(config).unwrap();
        let options = KubernetesOptions {
            settings: ClusterSettings { volume_gib: 1, ..ClusterSettings::default() },
            client_address: machine(&hands).await,
            registries: vec![],
            allow_loopback: true,
            allowed_networks: vec![],
            portal_namespace: None,
        };
        let installation = format!("t{:08x}", random());
        let server = entry.server.clone();
        let endpoint =
            KubernetesEndpoint::Remote { server: server.clone(), credentials: credentials.clone() };
        let agent = KubernetesAgent::connect(endpoint, options.clone(), &installation).unwrap();
        let tag = hex::encode(&Sha256::digest(PROGRAM.as_bytes())[..6]);
        let image = format!("heddle.local/agent-test-node:{tag}");
        Some(Self { agent, hands, server, credentials, options, installation, image })
    }

    /// Another portal on the same cluster.
    pub fn second_installation(&self) -> String {
        format!("u{}", &self.installation[1..])
    }

    pub fn space(&self, chain: &str) -> SpaceSpec {
        SpaceSpec { installation: self.installation.clone(), chain: chain.into(), operation: "test".into() }
    }

    pub fn spec(&self, chain: &str, node: &str) -> NodeSpec {
        NodeSpec {
            installation: self.installation.clone(),
            chain: chain.into(),
            node: node.into(),
            kind: "peer".into(),
            image: self.image.clone(),
            entrypoint: vec![],
            command: vec![],
            environment: BTreeMap::new(),
            files: vec![],
            data_path: None,
            config_path: "/etc/heddle".into(),
            working_dir: None,
            ports: vec![],
            health_port: None,
            aliases: vec![],
            network: NodeNetwork::Chain,
            limits: Limits { memory_mib: 64, cpu_milli: 200, pids: 64 },
            operation: "test".into(),
            user: None,
            read_only_root: false,
            refuse_image_volumes: false,
            allow_new_data: false,
        }
    }

    /// A specification of a node that keeps data.
    pub fn keeping(&self, chain: &str, node: &str) -> NodeSpec {
        NodeSpec {
            environment: BTreeMap::from([("NODE_DATA".into(), "/data".into())]),
            data_path: Some("/data".into()),
            ..self.spec(chain, node)
        }
    }

    pub async fn status(&self, node: &NodeRef) -> Option<NodeStatus> {
        let selector = Selector { installation: node.installation.clone(), chain: Some(node.chain.clone()) };
        self.agent.list_nodes(&selector).await.unwrap().into_iter().find(|status| status.node == *node)
    }

    pub async fn lines(&self, node: &NodeRef) -> Vec<String> {
        self.lines_by(node, &LogOptions::default()).await
    }

    pub async fn lines_by(&self, node: &NodeRef, options: &LogOptions) -> Vec<String> {
        let mut lines = self.agent.logs(node, options).await.unwrap();
        let mut texts = vec![];
        while let Some(line) = lines.next().await {
            texts.push(line.unwrap().text);
        }
        texts
    }

    /// Waits until a node has printed a line, and returns all that it printed.
    pub async fn lines_with(&self, node: &NodeRef, wanted: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines(node).await;
            if lines.iter().any(|line| line == wanted) {
                return lines;
            }
            assert!(Instant::now() < deadline, "{node} never printed {wanted:?}: {lines:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn wait(&self, node: &NodeRef, wanted: impl Fn(&NodeStatus) -> bool) -> NodeStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.status(node).await {
                Some(status) if wanted(&status) => return status,
                last => assert!(Instant::now() < deadline, "{node} never became as wanted: {last:#?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn namespace(&self, installation: &str, chain: &str) -> String {
        format!("{PREFIX}-{installation}-{chain}")
    }

    /// The names of a node's pods at this moment.
    pub async fn pods(&self, node: &NodeRef) -> Vec<String> {
        let api: Api<Pod> =
            Api::namespaced(self.hands.clone(), &self.namespace(&node.installation, &node.chain));
        let params = ListParams::default().labels(&format!("heddle.node={}", node.node));
        api.list(&params).await.unwrap().into_iter().filter_map(|pod| pod.metadata.name).collect()
    }

    /// Takes away what runs a node, and its data, past the agent.
    pub async fn lose_data(&self, node: &NodeRef) {
        let namespace = self.namespace(&node.installation, &node.chain);
        let sets: Api<StatefulSet> = Api::namespaced(self.hands.clone(), &namespace);
        sets.delete(&node.node, &DeleteParams::foreground()).await.unwrap();
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.hands.clone(), &namespace);
        let claim = format!("{}-data", node.node);
        claims.delete(&claim, &DeleteParams::default()).await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        while claims.get_opt(&claim).await.unwrap().is_some()
            || sets.get_opt(&node.node).await.unwrap().is_some()
        {
            assert!(Instant::now() < deadline, "{node} does not go");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A port of the machines that no Service holds at this moment, above those that the chains of other tests take.
    pub async fn free_port(&self) -> u16 {
        let used = self.agent.used_ports().await.unwrap();
        loop {
            let port = 32_000 + u16::try_from(random() % 768).unwrap();
            if !used.contains(&port) {
                return port;
            }
        }
    }

    /// Waits until what a test put into our namespace itself has gone again.
    pub async fn wait_for_no_stranger(&self, namespace: &str) {
        let sets: Api<StatefulSet> = Api::namespaced(self.hands.clone(), namespace);
        let deadline = Instant::now() + PATIENCE;
        while !sets.list(&ListParams::default()).await.unwrap().items.is_empty() {
            assert!(Instant::now() < deadline, "what a test made does not go");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Begins to remove what is left of a test. That a chain's removal leaves nothing is the business of tests of its own;
    /// here nobody waits for it, because no other test has the same namespaces.
    async fn clear(&self, installation: &str) {
        let namespaces: Api<Namespace> = Api::all(self.hands.clone());
        let params = ListParams::default().labels(&format!("heddle.installation={installation}"));
        for namespace in namespaces.list(&params).await.unwrap() {
            let name = namespace.metadata.name.unwrap();
            match namespaces.delete(&name, &DeleteParams::default()).await {
                Ok(_) => {}
                // It has gone, or goes already.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => panic!("{name} cannot be removed: {error}"),
            }
        }
    }
}

/// The address of one of the cluster's machines.
async fn machine(hands: &kube::Client) -> String {
    let machines: Api<Node> = Api::all(hands.clone());
    let found = machines.list(&ListParams::default()).await.unwrap();
    let mut addresses = found.items.into_iter().filter_map(|machine| machine.status?.addresses).flatten();
    addresses.find(|address| address.type_ == "InternalIP").unwrap().address
}

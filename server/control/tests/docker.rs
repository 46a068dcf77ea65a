//! A chain on a real engine: it makes way for a taken port, nodes that are killed come back, one that lost its data
//! does not, and its deletion leaves nothing. Needs `HEDDLE_TEST_DOCKER` and the node images on that engine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking and says why it is skipped"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, NodeState, NodeStatus, Selector};
use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use control::network::native::NativeNetwork;
use control::operations::demo_create::default_spec;
use control::secrets::{KEY_LEN, Vault};
use control::services::Services;
use domain::chain::{Ailment, ChainSpec, ChainState, Health, NodeResources};
use domain::host::{HostSpec, HostStatus};
use domain::id::{HostId, OperationId, UserId};
use domain::name::{ChainName, HostName, NodeName, UserName};
use domain::operation::OperationState;
use domain::permission::Role;
use domain::{Code, Error};
use store::{HostRecord, Store};
use workflow::{Settings, SystemClock};
use zeroize::Zeroizing;

/// First port of the range that the test uses; below those that the system gives to whoever asks for any.
const PORT_FIRST: u16 = 22_000;
/// What a node is resized to: every engine has it.
const SMALLER: NodeResources = NodeResources { cpu_milli: 750, memory_mib: 256 };
/// Longest wait for an operation.
const PATIENCE: Duration = Duration::from_secs(180);

struct Bed {
    plane: Arc<ControlPlane>,
    services: Arc<Services>,
    agent: Arc<dyn Agent>,
    socket: String,
    host: HostId,
    caller: Caller,
}

impl Bed {
    async fn new() -> Option<Self> {
        let Ok(given) = std::env::var("HEDDLE_TEST_DOCKER") else {
            let mut out = std::io::stdout();
            writeln!(out, "skipped: HEDDLE_TEST_DOCKER names no engine").unwrap();
            return None;
        };
        let socket = given.strip_prefix("unix://").unwrap().to_owned();
        let endpoint = DockerEndpoint::Unix { path: socket.clone().into() };
        let agent: Arc<dyn Agent> =
            Arc::new(DockerAgent::connect(endpoint, DockerOptions::default()).unwrap());
        let mut spec = HostSpec::local(HostName::parse("here").unwrap(), &socket);
        (spec.port_first, spec.port_last) = (PORT_FIRST, PORT_FIRST + 999);
        for images in [&spec.images.peer, &spec.images.orderer] {
            let reference = images[0].replace("{version}", "2.5.0");
            if agent.image(&reference).await.unwrap().is_none() {
                let mut out = std::io::stdout();
                writeln!(out, "skipped: image {reference} is not on the engine").unwrap();
                return None;
            }
        }
        let store = Store::open("mem://").await.unwrap();
        let host = HostId::new("host0001");
        let record = HostRecord { id: host.clone(), spec, status: HostStatus::default(), created_ms: 1 };
        store.host_create(&record, None).await.unwrap();
        let connected = agent.clone();
        let services = Arc::new(Services::new(
            store,
            Vault::new([7; KEY_LEN], 1),
            Arc::new(SystemClock),
            Arc::new(NativeNetwork::default()),
            Arc::new(move |_, _| Ok(connected.clone())),
            Some(socket.clone()),
        ));
        let key = Zeroizing::new(vec![1; 32]);
        let plane = ControlPlane::new(services.clone(), Settings::new("test"), key).unwrap();
        let user =
            CallerUser { id: UserId::new("ada"), name: UserName::parse("ada").unwrap(), role: Role::Admin };
        let nobody = Caller::anonymous("request", "127.0.0.1");
        let caller = Caller { user: Some(user), proved_ms: Some(i64::MAX), ..nobody };
        Some(Self { plane: Arc::new(plane), services, agent, socket, host, caller })
    }

    fn name() -> ChainName {
        ChainName::parse("core").unwrap()
    }

    fn spec(&self) -> ChainSpec {
        let mut spec = default_spec(Self::name(), self.host.clone()).unwrap();
        spec.organizations.truncate(1);
        spec.organizations[0].peers = 1;
        spec
    }

    async fn done(&self, id: &OperationId) {
        let at = Instant::now();
        loop {
            let view = self.plane.operation_read(&self.caller, id).await.unwrap();
            match view.summary.state {
                OperationState::Done => return,
                OperationState::Failed | OperationState::Undone => {
                    panic!("{:?}: {:?}", view.summary.state, view.failure)
                }
                _ => assert!(at.elapsed() < PATIENCE, "{:?}", view.steps),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn nodes(&self) -> Vec<NodeStatus> {
        let selector = Selector { installation: self.services.installation.clone(), chain: None };
        self.agent.list_nodes(&selector).await.unwrap()
    }

    async fn runs(&self, node: &str) -> bool {
        self.nodes().await.iter().any(|found| found.node.node == node && found.state == NodeState::Running)
    }

    /// Asks the engine past the agent, as somebody on the host would.
    fn engine(&self, method: &str, path: &str) {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
    }

    /// The engine's own word on what a node may use.
    fn has_limits(&self, node: &str, limits: NodeResources) {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let path = format!("/containers/{}/json", self.container(node));
        let request = format!("GET {path} HTTP/1.0\r\nHost: engine\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let cpu = format!("\"NanoCpus\":{}", u64::from(limits.cpu_milli) * 1_000_000);
        let memory = format!("\"Memory\":{}", u64::from(limits.memory_mib) << 20);
        assert!(answer.contains(&cpu) && answer.contains(&memory), "{node}: {answer}");
    }

    /// Blocks of a node, as soon as it answers: it may have been started a moment ago.
    async fn height(&self, node: &str) -> u64 {
        let record = self.services.store.chain_read(&Self::name()).await.unwrap().unwrap();
        let plan = serde_json::from_value((*record.plan).clone()).unwrap();
        let link = control::operations::link_of(&self.services, plan).await.unwrap();
        let planned = link.plan.node(&NodeName::parse(node).unwrap()).unwrap();
        let begun = Instant::now();
        loop {
            match self.services.network.height(&link, planned, "mychannel").await {
                Ok(height) => return height,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{node}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn container(&self, node: &str) -> String {
        format!("heddle-{}-{}--{node}", self.services.installation, Self::name())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_on_an_engine_that_others_disturb() {
    let Some(bed) = Bed::new().await else { return };
    let bed = Arc::new(bed);
    let outcome = tokio::spawn(disturb(bed.clone())).await;
    bed.agent.remove_space(&bed.services.installation, Bed::name().as_str()).await.unwrap();
    outcome.unwrap();
}

/// A node gets other limits while its chain is looked after, and keeps them over a stop and a start.
async fn resize(bed: &Bed) {
    for node in ["peer0-org1", "orderer0"] {
        let height = bed.height(node).await;
        let name = NodeName::parse(node).unwrap();
        let resized = bed.plane.node_resize(&bed.caller, &Bed::name(), &name, SMALLER).await;
        bed.done(&resized.unwrap()).await;
        bed.has_limits(node, SMALLER);
        assert_eq!(bed.height(node).await, height, "{node} has its ledger");
    }
    let stopped = bed.plane.chain_stop(&bed.caller, &Bed::name()).await.unwrap();
    bed.done(&stopped).await;
    let started = bed.plane.chain_start(&bed.caller, &Bed::name()).await.unwrap();
    bed.done(&started).await;
    bed.has_limits("peer0-org1", SMALLER);
    // More than any engine has is refused, and nothing happens.
    let most = NodeResources { cpu_milli: 64_000, memory_mib: 262_144 };
    let name = NodeName::parse("peer0-org1").unwrap();
    let refused = bed.plane.node_resize(&bed.caller, &Bed::name(), &name, most).await.unwrap_err();
    assert!(matches!(refused.code, Code::MemoryLow | Code::CpusLow), "{refused}");
}

async fn disturb(bed: Arc<Bed>) {
    // The orderer's port of the first block belongs to a process that no engine knows of.
    let taken = TcpListener::bind(("127.0.0.1", PORT_FIRST + 10)).unwrap();
    let created = bed.plane.chain_create(&bed.caller, bed.spec(), "key-of-creation".to_owned()).await;
    bed.done(&created.unwrap()).await;
    let view = bed.plane.chain_read(&bed.caller, &Bed::name()).await.unwrap();
    assert_eq!(view.summary.state, ChainState::Running);
    let endpoint = &view.nodes[0].endpoints[0].1;
    assert_eq!(*endpoint, format!("127.0.0.1:{}", PORT_FIRST + 110), "it is in the next block");
    drop(taken);

    let driver = bed.plane.run();
    let at = Instant::now();
    bed.engine("POST", &format!("/containers/{}/kill", bed.container("peer0-org1")));
    while !bed.runs("peer0-org1").await {
        assert!(at.elapsed() < Duration::from_secs(20), "a killed node is not back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    resize(&bed).await;
    drop(driver);

    let container = bed.container("peer0-org1");
    bed.engine("DELETE", &format!("/containers/{container}?force=true"));
    bed.plane.reconcile().await;
    assert!(bed.runs("peer0-org1").await, "a removed container is made anew around its data");
    bed.has_limits("peer0-org1", SMALLER);
    bed.engine("DELETE", &format!("/containers/{container}?force=true"));
    bed.engine("DELETE", &format!("/volumes/{container}--data"));
    for _ in 0..2 {
        bed.plane.reconcile().await;
        assert!(!bed.runs("peer0-org1").await, "a node without its data must not come back");
    }
    let summary = bed.plane.chain_read(&bed.caller, &Bed::name()).await.unwrap().summary;
    assert_eq!(summary.health.health, Health::Degraded);
    let lost = Ailment::of("peer0-org1", Error::conflict(Code::NodeDataLost));
    assert_eq!(summary.health.ailments, [lost]);

    let deleted = bed.plane.chain_delete(&bed.caller, &Bed::name(), "core", false).await.unwrap();
    bed.done(&deleted).await;
    assert_eq!(bed.nodes().await, Vec::new());
    assert!(bed.services.store.host_claims(&bed.host).await.unwrap().is_empty());
}

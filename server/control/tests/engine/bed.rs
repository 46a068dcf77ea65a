//! A portal on a real engine (`HEDDLE_TEST_DOCKER=unix:///path`), with an admin and one host; what every test on an
//! engine begins and ends with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, NodeStatus, Selector};
use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use control::network::native::NativeNetwork;
use control::operations::demo_create::default_spec;
use control::secrets::{KEY_LEN, Vault};
use control::services::Services;
use domain::chain::{ChainSpec, OrganizationSpec};
use domain::host::HostSpec;
use domain::id::OperationId;
use domain::name::{ChainName, HostName, OrganizationName, UserName};
use domain::operation::OperationState;
use store::Store;
use workflow::{Settings, SystemClock};
use zeroize::Zeroizing;

pub const PASSWORD: &str = "three unrelated words here";
/// Longest wait for one operation.
const LIMIT: Duration = Duration::from_secs(240);

pub struct Portal {
    pub plane: Arc<ControlPlane>,
    pub admin: Caller,
    pub name: ChainName,
    services: Arc<Services>,
    agent: Arc<dyn Agent>,
    socket: String,
}

/// The engine's socket, or none, and says so.
pub fn engine() -> Option<String> {
    let Ok(engine) = std::env::var("HEDDLE_TEST_DOCKER") else {
        eprintln!("skipped: HEDDLE_TEST_DOCKER names no engine");
        return None;
    };
    let socket = engine.strip_prefix("unix://");
    Some(socket.unwrap_or_else(|| panic!("HEDDLE_TEST_DOCKER must be unix://…")).to_owned())
}

pub fn organization(name: &str) -> OrganizationName {
    OrganizationName::parse(name).unwrap()
}

impl Portal {
    /// A portal of its own on the engine, with an admin; its chain will have this name.
    pub async fn new(socket: &str, chain: &str) -> Self {
        let endpoint = DockerEndpoint::Unix { path: PathBuf::from(socket) };
        let agent: Arc<dyn Agent> =
            Arc::new(DockerAgent::connect(endpoint, DockerOptions::default()).unwrap());
        let connected = agent.clone();
        let services = Services::new(
            Store::open("mem://").await.unwrap(),
            Vault::new([3; KEY_LEN], 1),
            Arc::new(SystemClock),
            Arc::new(NativeNetwork::default()),
            Arc::new(move |_, _| Ok(connected.clone())),
            Some(socket.to_owned()),
        );
        let services = Arc::new(services);
        let key = Zeroizing::new(vec![1; 32]);
        let plane = ControlPlane::new(services.clone(), Settings::new(chain), key).unwrap();
        let nobody = Caller::anonymous("r0", "127.0.0.1");
        let token = plane.setup_token().to_owned();
        let user = UserName::parse("root").unwrap();
        let view = plane.setup_admin(&nobody, &token, user, PASSWORD.to_owned()).await.unwrap();
        let user = CallerUser { id: view.id, name: view.name, role: view.role };
        let admin = Caller { user: Some(user), ..nobody };
        let name = ChainName::parse(chain).unwrap();
        Self { plane: Arc::new(plane), admin, name, services, agent, socket: socket.to_owned() }
    }

    /// The host, and a chain on it of two organizations, the first with two peers, with the sample deployed. The
    /// range of ports begins at `port_first`, beside what others have on the same engine.
    pub async fn raise(&self, port_first: u16, change: impl FnOnce(&mut ChainSpec)) {
        let mut host = HostSpec::local(HostName::parse("here").unwrap(), &self.socket);
        (host.port_first, host.port_last) = (port_first, port_first + 999);
        let host = self.plane.host_add(&self.admin, host, None).await.unwrap();
        let demo = default_spec(self.name.clone(), host.id).unwrap();
        let member = |name: &str, peers| OrganizationSpec { name: organization(name), peers };
        let mut spec = ChainSpec { organizations: vec![member("org1", 2), member("org2", 1)], ..demo };
        change(&mut spec);
        let started = self.plane.chain_create(&self.admin, spec, "create-once".to_owned()).await;
        self.settled(&started.unwrap()).await;
        let sample = self.plane.chaincode_sample(&self.admin, &self.name).await.unwrap();
        let started = self.plane.chaincode_deploy(&self.admin, sample, "deploy-once".to_owned()).await;
        self.settled(&started.unwrap()).await;
    }

    /// Waits for the end of an operation, which has to be a good one.
    pub async fn settled(&self, id: &OperationId) {
        let begin = Instant::now();
        let mut changes = self.plane.changes();
        loop {
            let view = self.plane.operation_read(&self.admin, id).await.unwrap();
            if view.summary.state.is_at_rest() {
                assert_eq!(view.summary.state, OperationState::Done, "{view:#?}");
                return;
            }
            assert!(begin.elapsed() < LIMIT, "{view:#?}");
            // Whatever changes is a reason to look again; without one, a second is.
            let _changed = tokio::time::timeout(Duration::from_secs(1), changes.recv()).await;
        }
    }

    /// What the engine has of this portal.
    pub async fn nodes(&self) -> Vec<NodeStatus> {
        let selector = Selector { installation: self.services.installation.clone(), chain: None };
        self.agent.list_nodes(&selector).await.unwrap()
    }

    /// Whether the engine has this image.
    pub async fn has_image(&self, reference: &str) -> bool {
        self.agent.image(reference).await.unwrap().is_some()
    }

    pub async fn remove(&self) {
        let id = self.plane.chain_delete(&self.admin, &self.name, self.name.as_str()).await.unwrap();
        self.settled(&id).await;
    }
}

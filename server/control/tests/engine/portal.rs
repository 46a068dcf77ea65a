//! A portal over a real host of whatever kind, with an admin: what every test on one begins and ends with. How the host
//! is reached is the business of the beds that put it on one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::{Agent, NodeRef, NodeStatus, Selector};
use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use control::network::ChainLink;
use control::network::native::NativeNetwork;
use control::operations::demo_create::default_spec;
use control::secrets::{KEY_LEN, Vault};
use control::services::{Connector, Services};
use domain::chain::{ChainSpec, OrganizationSpec};
use domain::id::{HostId, OperationId};
use domain::name::{ChainName, NodeName, OrganizationName, UserName};
use domain::node::NodeKind;
use domain::operation::OperationState;
use store::Store;
use workflow::{Settings, SystemClock};
use zeroize::Zeroizing;

pub const PASSWORD: &str = "three unrelated words here";
/// Longest wait for one operation.
const LIMIT: Duration = Duration::from_secs(240);
/// Longest wait for nodes to agree on something, and the pause between two looks.
const AGREED: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// Time for a node to end.
const GRACE: Duration = Duration::from_secs(10);

pub struct Portal {
    pub plane: Arc<ControlPlane>,
    pub admin: Caller,
    /// The chain that it is about.
    pub name: ChainName,
    pub services: Arc<Services>,
    /// The way to the host past the portal.
    pub agent: Arc<dyn Agent>,
}

pub fn organization(name: &str) -> OrganizationName {
    OrganizationName::parse(name).unwrap()
}

impl Portal {
    /// A portal of its own that reaches hosts by a connector, with an admin; its chain will have this name.
    pub async fn over(
        store: Store,
        connector: Connector,
        agent: Arc<dyn Agent>,
        local_engine: Option<String>,
        chain: &str,
    ) -> Self {
        let services = Arc::new(Services::new(
            store,
            Vault::new([3; KEY_LEN], 1),
            Arc::new(SystemClock),
            Arc::new(NativeNetwork::default()),
            connector,
            local_engine,
        ));
        let key = Zeroizing::new(vec![1; 32]);
        let plane = ControlPlane::new(services.clone(), Settings::new(chain), key).unwrap();
        let nobody = Caller::anonymous("r0", "127.0.0.1");
        let token = plane.setup_token().to_owned();
        let user = UserName::parse("root").unwrap();
        let view = plane.setup_admin(&nobody, &token, user, PASSWORD.to_owned()).await.unwrap();
        let user = CallerUser { id: view.id, name: view.name, role: view.role };
        let admin = Caller { user: Some(user), proved_ms: Some(i64::MAX), ..nobody };
        let name = ChainName::parse(chain).unwrap();
        Self { plane: Arc::new(plane), admin, name, services, agent }
    }

    /// A chain on a host of two organizations, the first with two peers, with the sample deployed.
    pub async fn create(&self, host: HostId, change: impl FnOnce(&mut ChainSpec)) {
        let demo = default_spec(self.name.clone(), host).unwrap();
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

    fn node(&self, name: &str) -> NodeRef {
        NodeRef::new(&self.services.installation, self.name.as_str(), name)
    }

    /// Ends a node past the portal, as somebody on the host would.
    pub async fn stop(&self, node: &str) {
        self.agent.stop(&self.node(node), GRACE).await.unwrap();
    }

    /// Starts it again.
    pub async fn start(&self, node: &str) {
        self.agent.start(&self.node(node)).await.unwrap();
    }

    /// The chain as the portal speaks with it.
    pub async fn link(&self) -> ChainLink {
        let record = self.services.store.chain_read(&self.name).await.unwrap().unwrap();
        let plan = serde_json::from_value((*record.plan).clone()).unwrap();
        control::operations::link_of(&self.services, plan).await.unwrap()
    }

    /// Waits until each of these orderers knows of a leader, or each of none.
    pub async fn led(&self, orderers: &[&str], is_led: bool) {
        let (link, limit) = (self.link().await, Instant::now() + AGREED);
        for name in orderers {
            let orderer = link.plan.node(&NodeName::parse(name).unwrap()).unwrap();
            loop {
                let ready = self.services.network.orderer_ready(&link, orderer, "mychannel").await;
                if ready.as_ref().ok() == Some(&is_led) {
                    break;
                }
                assert!(Instant::now() < limit, "{name} is led: {ready:?}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Waits until every peer has a block.
    pub async fn seen_by_all(&self, block: u64) {
        let limit = Instant::now() + AGREED;
        loop {
            let view = self.plane.chain_read(&self.admin, &self.name).await.unwrap();
            let mut peers = view.nodes.iter().filter(|node| node.kind == NodeKind::Peer);
            if peers.all(|peer| peer.heights.iter().any(|(_, height)| *height > block)) {
                return;
            }
            assert!(Instant::now() < limit, "block {block} is not everywhere: {view:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn remove(&self) {
        let id = self.plane.chain_delete(&self.admin, &self.name, self.name.as_str(), false).await.unwrap();
        self.settled(&id).await;
    }
}

//! A portal in memory: store, simulated host and simulated network, and what may be found in them.

use std::sync::Arc;

use agents::simulated::{Delay, SimulatedAgent};
use agents::{Agent, Selector};
use control::network::simulated::SimulatedNetwork;
use control::operations::demo_create::{default_spec, sample};
use control::secrets::{KEY_LEN, Vault};
use control::services::Services;
use control::topology::ChainPlan;
use domain::chain::{ChainSpec, ChainState, OrganizationSpec};
use domain::chaincode::DeploySpec;
use domain::host::{HostSpec, HostStatus};
use domain::id::HostId;
use domain::name::{ChainName, HostName, OrganizationName};
use domain::node::NodeKind;
use store::{HostRecord, Store};
use workflow::testkit::JumpClock;
use workflow::{MemoryLog, Operation, OperationState, Settings, Start, Workflow};

/// When worlds begin, unix milliseconds.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// A portal in memory with one host.
pub struct Bed {
    pub services: Arc<Services>,
    pub agent: SimulatedAgent,
    pub network: Arc<SimulatedNetwork>,
    pub host: HostId,
}

/// Gives way to other tasks, differently often for each seed and call.
fn delays(seed: u64) -> Delay {
    let calls = Arc::new(std::sync::atomic::AtomicU64::new(seed.wrapping_mul(7_919)));
    Arc::new(move |_| {
        let count = calls.fetch_add(0x9e37_79b9, std::sync::atomic::Ordering::Relaxed) >> 8 & 3;
        Box::pin(async move {
            for _ in 0..count {
                tokio::task::yield_now().await;
            }
        })
    })
}

impl Bed {
    /// An empty portal; the seed steers delays.
    pub async fn new(seed: u64) -> Self {
        let agent = SimulatedAgent::new();
        let network = Arc::new(SimulatedNetwork::with_seed(seed));
        let spec = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        for image in spec.images.peer.iter().chain(&spec.images.orderer).chain(&spec.images.sample) {
            agent.add_image(&image.replace("{version}", "2.5.0"));
        }
        let connected = agent.with_delay(delays(seed));
        let services = Services::new(
            Store::open("mem://").await.unwrap(),
            Vault::new([7; KEY_LEN], 1),
            Arc::new(JumpClock::new(BEGIN_MS)),
            network.clone(),
            Arc::new(move |_, _| Ok(Arc::new(connected.clone()) as Arc<dyn Agent>)),
            None,
        );
        let host = HostId::new("host0001");
        let record =
            HostRecord { id: host.clone(), spec, status: HostStatus::default(), created_ms: BEGIN_MS };
        services.store.host_create(&record).await.unwrap();
        network.add_host(host.clone(), agent.clone());
        Self { services: Arc::new(services), agent, network, host }
    }

    /// A small chain: one orderer, two organizations with one peer each.
    pub fn chain_spec(&self) -> ChainSpec {
        let mut spec = default_spec(ChainName::parse("demo").unwrap(), self.host.clone()).unwrap();
        let organization =
            |name: &str| OrganizationSpec { name: OrganizationName::parse(name).unwrap(), peers: 1 };
        spec.organizations = vec![organization("org1"), organization("org2")];
        spec
    }

    /// The sample on that chain.
    pub fn deploy_spec(&self) -> DeploySpec {
        let spec = self.chain_spec();
        let host = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        sample(&spec.name, &spec.channel, &host).unwrap()
    }

    /// Runs an operation to its end, undisturbed.
    pub async fn run<P: Operation<Env = Services>>(&self, params: P) {
        let clock = Arc::new(JumpClock::new(BEGIN_MS));
        let log = Arc::new(MemoryLog::new());
        let workflow =
            Workflow::new(log, self.services.clone(), clock, Settings::new("bed")).register::<P>().unwrap();
        let started = workflow.start(Start::new("bed", params)).await.unwrap();
        let limit = std::time::Duration::from_secs(10);
        let settled = tokio::time::timeout(limit, workflow.settled(&started.id)).await;
        let Ok(settled) = settled else { panic!("stuck: {:?}", workflow.load(&started.id).await.unwrap()) };
        let ended = settled.unwrap().operation;
        assert_eq!(ended.state, OperationState::Done, "{:?}", ended.error);
    }

    /// Everything of chains that is left anywhere, apart from the host itself.
    pub async fn leftovers(&self) -> Vec<String> {
        let store = &self.services.store;
        let mut found = self.agent.objects(&self.services.installation);
        let chains = store.chain_list().await.unwrap();
        found.extend(chains.iter().map(|chain| format!("chain {} {:?}", chain.name, chain.state)));
        let claims = store.host_claims(&self.host).await.unwrap();
        found.extend(claims.iter().map(|claim| format!("claim {} {}", claim.chain, claim.block)));
        let secrets = store.secret_list_prefix("chain/").await.unwrap();
        found.extend(secrets.iter().map(|secret| format!("secret {}", secret.key)));
        let name = self.chain_spec().name;
        let genesis = store.document_read(&name, "genesis").await.unwrap();
        found.extend(genesis.map(|_| "genesis".to_owned()));
        let channels = store.channel_list(&name).await.unwrap();
        found.extend(channels.iter().map(|channel| format!("channel {}", channel.name)));
        let chaincodes = store.chaincode_list(&name).await.unwrap();
        found.extend(chaincodes.iter().map(|chaincode| format!("chaincode {}", chaincode.name)));
        found
    }

    /// The plan of the chain.
    pub async fn plan(&self) -> Result<ChainPlan, String> {
        let record = self.services.store.chain_read(&self.chain_spec().name).await.unwrap();
        let record = record.ok_or("there is no chain")?;
        serde_json::from_value(record.plan).map_err(|error| error.to_string())
    }

    /// Tells what is missing or too much of a chain that shall be in a state, its ledgers included.
    pub async fn check_chain(&self, state: ChainState) -> Result<(), String> {
        let spec = self.chain_spec();
        let record = self.services.store.chain_read(&spec.name).await.unwrap();
        let found = record.map(|record| record.state);
        same("state", found, Some(state))?;
        let plan = self.plan().await?;
        let claims = self.services.store.host_claims(&self.host).await.unwrap();
        same("claims", claims.iter().map(|c| c.block).collect::<Vec<_>>(), vec![plan.port_block])?;
        let selector = Selector { installation: self.services.installation.clone(), chain: None };
        let nodes = self.agent.list_nodes(&selector).await.map_err(|error| error.to_string())?;
        let mut names: Vec<String> =
            nodes.iter().filter(|node| node.kind != "chaincode").map(|node| node.node.node.clone()).collect();
        let mut wanted: Vec<String> = plan.nodes.iter().map(|node| node.name.to_string()).collect();
        names.sort();
        wanted.sort();
        same("nodes", names, wanted)?;
        let runs = state == ChainState::Running;
        for node in &nodes {
            let running = node.state == agents::NodeState::Running;
            same(&format!("{} runs", node.node), running, runs)?;
        }
        if runs { self.check_ledgers(&plan).await } else { Ok(()) }
    }

    async fn check_ledgers(&self, plan: &ChainPlan) -> Result<(), String> {
        let link = control::operations::link_of(&self.services, plan.clone()).await.unwrap();
        for node in &plan.nodes {
            let height = self.services.network.height(&link, node, "mychannel").await;
            if node.kind == NodeKind::Peer && !height.as_ref().is_ok_and(|height| *height > 0) {
                return Err(format!("{} has no ledger: {height:?}", node.name));
            }
            if node.kind == NodeKind::Orderer {
                let ready = self.services.network.orderer_ready(&link, node, "mychannel").await;
                same("orderer is ready", ready.ok(), Some(true))?;
            }
        }
        Ok(())
    }
}

/// Compares what is with what shall be.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?} instead of {wanted:?}")) }
}

//! A portal in memory: store, simulated host and simulated network, and what may be found in them.

use std::sync::Arc;

use agents::simulated::{Delay, SimulatedAgent};
use agents::{Agent, NodeRef, Selector};
use control::caller::{Caller, CallerUser};
use control::network::simulated::SimulatedNetwork;
use control::operations::chain_create::ChainCreate;
use control::operations::chaincode_deploy::{ChaincodeDeploy, server_name};
use control::operations::demo_create::{default_spec, sample};
use control::secrets::{KEY_LEN, Vault};
use control::services::{Connector, Services};
use control::topology::ChainPlan;
use domain::chain::{ChainSpec, ChainState, OrganizationSpec};
use domain::chaincode::DeploySpec;
use domain::host::{HostSpec, HostStatus};
use domain::id::{HostId, UserId};
use domain::name::{ChainName, HostName, OrganizationName, UserName};
use domain::node::NodeKind;
use domain::permission::Role;
use store::{
    ChainRecord, ChaincodeRecord, ChannelRecord, HostRecord, SealedSecret, Store, StoreError, UserRecord,
};
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
    seed: u64,
}

/// The image of an upgrade.
pub const SECOND_IMAGE: &str = "heddle.local/chaincode-example02:2";

/// Removes what an earlier world left in the store, so that the next one begins without another database.
async fn wipe(store: &Store, host: &HostId) {
    let spec = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
    let record = HostRecord { id: host.clone(), spec, status: HostStatus::default(), created_ms: BEGIN_MS };
    match store.host_create(&record, None).await {
        Ok(()) | Err(StoreError::Taken { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let name = ChainName::parse("demo").unwrap();
    store.release_block(host, &name).await.unwrap();
    store.chain_delete(&name).await.unwrap();
    store.secret_delete_prefix("chain/").await.unwrap();
}

/// Makes somebody a person of the portal; their id is their name.
pub async fn person(store: &Store, name: &str, role: Role) {
    let (id, parsed) = (UserId::new(name), UserName::parse(name).unwrap());
    let record = UserRecord::new(id, parsed, role, String::new(), BEGIN_MS);
    store.user_create(&record).await.unwrap();
}

/// Somebody who is signed in and has proved who they are; their id is their name.
pub fn caller(name: &str, role: Role) -> Caller {
    let user = CallerUser { id: UserId::new(name), name: UserName::parse(name).unwrap(), role };
    Caller { user: Some(user), proved_ms: Some(i64::MAX), ..Caller::anonymous("request", "127.0.0.1") }
}

/// The same host behind every address.
pub fn always(agent: SimulatedAgent) -> Connector {
    Arc::new(move |_, _| {
        let agent: Arc<dyn Agent> = Arc::new(agent.clone());
        Ok(agent)
    })
}

fn services(
    store: &Store,
    connector: Connector,
    network: &Arc<SimulatedNetwork>,
    installation: String,
) -> Arc<Services> {
    let mut services = Services::new(
        store.clone(),
        Vault::new([7; KEY_LEN], 1),
        Arc::new(JumpClock::new(BEGIN_MS)),
        network.clone(),
        connector,
        Some("/run/engine.sock".to_owned()),
    );
    services.installation = installation;
    Arc::new(services)
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

/// A chain as it stands, to begin many worlds with.
pub struct Template {
    agent: SimulatedAgent,
    installation: String,
    chain: ChainRecord,
    block: u16,
    secrets: Vec<SealedSecret>,
    genesis: Vec<u8>,
    documents: Vec<(&'static str, Vec<u8>)>,
    channels: Vec<ChannelRecord>,
    chaincodes: Vec<ChaincodeRecord>,
}

impl Bed {
    /// An empty portal on a store; the seed steers delays.
    pub async fn new(store: &Store, seed: u64) -> Self {
        let agent = SimulatedAgent::new();
        let spec = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        for image in spec.images.peer.iter().chain(&spec.images.orderer).chain(&spec.images.sample) {
            agent.add_image(&image.replace("{version}", "2.5.0"));
        }
        agent.add_image(SECOND_IMAGE);
        Self::on(store, seed, agent, store.installation().to_owned()).await
    }

    /// The same with a chain that runs and has the sample on it.
    pub async fn deployed_on(store: &Store, seed: u64) -> Self {
        let bed = Self::new(store, seed).await;
        bed.run(ChainCreate { spec: bed.chain_spec() }).await;
        bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
        bed
    }

    async fn on(store: &Store, seed: u64, agent: SimulatedAgent, installation: String) -> Self {
        let host = HostId::new("host0001");
        wipe(store, &host).await;
        let network = Arc::new(SimulatedNetwork::with_seed(seed));
        network.add_host(host.clone(), agent.clone());
        let services = services(store, always(agent.with_delay(delays(seed))), &network, installation);
        Self { services, agent, network, host, seed }
    }

    /// A node of the chain on its host.
    pub fn node(&self, name: &str) -> NodeRef {
        NodeRef::new(&self.services.installation, "demo", name)
    }

    /// The same portal with another wait before each verb of its host.
    pub fn services_with(&self, delay: Delay) -> Arc<Services> {
        self.services_by(always(self.agent.with_delay(delay)))
    }

    /// The same portal with another way to its hosts.
    pub fn services_by(&self, connector: Connector) -> Arc<Services> {
        services(&self.services.store, connector, &self.network, self.services.installation.clone())
    }

    /// A portal in which everything is as it was when the template was taken.
    pub async fn from(store: &Store, seed: u64, template: &Template) -> Self {
        let bed = Self::on(store, seed, template.agent.fork(), template.installation.clone()).await;
        let (store, name) = (&bed.services.store, &template.chain.name);
        store.chain_create(&template.chain).await.unwrap();
        let host = store.host_read(&bed.host).await.unwrap().unwrap().spec;
        let others: Vec<u16> = host.blocks().filter(|block| *block != template.block).collect();
        store.claim_block(&bed.host, name, &host, &others).await.unwrap();
        store.secret_put_many(&template.secrets).await.unwrap();
        store.document_put(name, "genesis", &template.genesis).await.unwrap();
        for (document, content) in &template.documents {
            store.document_put(name, document, content).await.unwrap();
        }
        for channel in &template.channels {
            store.channel_put(name, channel).await.unwrap();
        }
        for chaincode in &template.chaincodes {
            store.chaincode_put(name, chaincode).await.unwrap();
        }
        bed
    }

    /// Takes a template.
    pub async fn template(&self) -> Template {
        let (store, name) = (&self.services.store, self.chain_spec().name);
        let chain = store.chain_read(&name).await.unwrap().unwrap();
        Template {
            agent: self.agent.fork(),
            installation: self.services.installation.clone(),
            chain,
            block: store.host_claims(&self.host).await.unwrap()[0].block,
            secrets: store.secret_list_prefix("chain/").await.unwrap(),
            genesis: store.document_read(&name, "genesis").await.unwrap().unwrap(),
            documents: self.documents().await,
            channels: store.channel_list(&name).await.unwrap(),
            chaincodes: store.chaincode_list(&name).await.unwrap(),
        }
    }

    /// Documents that further operations keep.
    async fn documents(&self) -> Vec<(&'static str, Vec<u8>)> {
        let (store, name) = (&self.services.store, self.chain_spec().name);
        let mut found = Vec::new();
        for document in ["drafts", "genesis/second"] {
            found.extend(
                store.document_read(&name, document).await.unwrap().map(|content| (document, content)),
            );
        }
        found
    }

    /// A small chain: every other seed has two organizations of one peer, the others one of two.
    pub fn chain_spec(&self) -> ChainSpec {
        let mut spec = default_spec(ChainName::parse("demo").unwrap(), self.host.clone()).unwrap();
        let organization =
            |name: &str, peers| OrganizationSpec { name: OrganizationName::parse(name).unwrap(), peers };
        spec.organizations = if self.seed.is_multiple_of(2) {
            vec![organization("org1", 1), organization("org2", 1)]
        } else {
            vec![organization("org1", 2)]
        };
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
        serde_json::from_value((*record.plan).clone()).map_err(|error| error.to_string())
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
        self.check_objects(&plan, &nodes)?;
        if runs { self.check_ledgers(&plan).await } else { Ok(()) }
    }

    /// Nothing carries the installation's label but the nodes that are listed and what belongs to them.
    fn check_objects(&self, plan: &ChainPlan, nodes: &[agents::NodeStatus]) -> Result<(), String> {
        let mut wanted = vec![format!("space {}", plan.chain)];
        for node in nodes {
            wanted.extend([format!("node {}", node.node), format!("config {}", node.node)]);
            if node.kind != "chaincode" {
                wanted.push(format!("data {}", node.node));
            }
        }
        let mut objects = self.agent.objects(&self.services.installation);
        objects.sort();
        wanted.sort();
        same("objects on the host", objects, wanted)
    }

    /// Tells what is wrong with the chaincode: one that is committed is recorded and served by one container for each
    /// organization, with its package sealed; of everything else there is nothing. Returns the sequence in force.
    pub async fn check_chaincode(&self) -> Result<i64, String> {
        let (plan, spec) = (self.plan().await?, self.deploy_spec());
        let link = control::operations::link_of(&self.services, plan.clone()).await.unwrap();
        let sequence = self.network.sequence(&link, "mychannel", spec.name.as_str()).unwrap();
        let members: Vec<_> = plan.members().collect();
        let (mut servers, mut places) = (Vec::new(), Vec::new());
        if sequence > 0 {
            for (name, organization) in &members {
                servers.push(server_name(&spec, sequence, name));
                let place = format!("chain/demo/{}/chaincode/mychannel/example02/", organization.msp_id);
                places.push(format!("{place}{sequence}"));
            }
        }
        let selector = Selector { installation: self.services.installation.clone(), chain: None };
        let nodes = self.agent.list_nodes(&selector).await.map_err(|error| error.to_string())?;
        let chaincode = nodes.iter().filter(|node| node.kind != "peer" && node.kind != "orderer");
        let mut names: Vec<_> = chaincode.map(|node| node.node.node.clone()).collect();
        names.sort();
        servers.sort();
        places.sort();
        same("chaincode containers", names, servers)?;
        let secrets = self.services.store.secret_list_prefix("chain/").await.unwrap();
        let keys = secrets.into_iter().map(|secret| secret.key).filter(|key| key.contains("/chaincode/"));
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        same("packages", keys, places)?;
        let records = self.services.store.chaincode_list(&plan.chain).await.unwrap();
        let recorded = records.first().map_or(0, |record| record.sequence);
        same("recorded sequence", (records.len(), recorded), (usize::from(sequence > 0), sequence))?;
        Ok(sequence)
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

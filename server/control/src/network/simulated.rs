//! A network without processes, over simulated hosts: operations are run, crashed and undone on it by the thousand.
//!
//! A node's ledgers and packages lie in the node's simulated data, so they are gone when its volume is, and answer only
//! while its process runs. Writes need a majority of the orderers; peers catch up when they are asked. It speaks for
//! the sample chaincode alone.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use agents::NodeRef;
use agents::simulated::SimulatedAgent;
use async_trait::async_trait;
use domain::id::HostId;
use fabric::endorser::{Invocation, Proposal};
use fabric::error::{FabricError, GrpcCode};
use fabric::identity::SigningIdentity;
use fabric::package;
use sha2::{Digest, Sha256};

use super::{Call, ChainLink, Committed, CommittedDefinition, DefinitionSpec, Endorsed, Network};
use crate::topology::PlannedNode;

mod ailing;
mod block;
mod call;
mod ledger;
mod spread;

pub use ailing::Ailment;
use call::{Sent, check_served, chosen_peers};
use ledger::Ledger;
use spread::{has_leader, newest};

/// Beginning of a ledger's name on a node's disk.
const LEDGER: &str = "ledger/";
/// Beginning of a first block's name on a node's disk.
const FIRST: &str = "first/";
/// Beginning of a package's name on a peer's disk.
const PACKAGE: &str = "package/";

/// The network of simulated hosts.
#[derive(Default)]
pub struct SimulatedNetwork {
    hosts: Mutex<HashMap<HostId, SimulatedAgent>>,
    /// The host that every other one is.
    everywhere: Option<SimulatedAgent>,
    /// Steers how long things take: which looks come too early, and where a call gives way to others.
    seed: AtomicU64,
    calls: AtomicU64,
    /// Looks at a node since its last start.
    looks: Mutex<HashMap<String, u64>>,
    /// Nodes that are not well though their processes run.
    ailing: Mutex<HashMap<NodeRef, Ailment>>,
    /// The orderer that says that it leads.
    leader: Mutex<Option<NodeRef>>,
}

impl SimulatedNetwork {
    /// A network that answers at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A network whose nodes take their time, always in the same way for the same seed. 0: they answer at once.
    pub fn with_seed(seed: u64) -> Self {
        Self { seed: AtomicU64::new(seed), ..Self::default() }
    }

    /// A network that answers at once, in which all hosts are one.
    pub fn everywhere(agent: SimulatedAgent) -> Self {
        Self { everywhere: Some(agent), ..Self::default() }
    }

    /// Makes the nodes on a host part of the network.
    pub fn add_host(&self, id: HostId, agent: SimulatedAgent) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(id, agent);
    }

    /// Sequence of the definition in force on a channel, asked of any node that has it; for the checks of tests.
    pub fn sequence(&self, link: &ChainLink, channel: &str, name: &str) -> Result<i64, FabricError> {
        let host = self.host(link)?;
        let newest = newest(&host, link, channel, None);
        Ok(newest.and_then(|ledger| ledger.committed(name)).map_or(0, |found| found.sequence))
    }

    /// Lets an orderer say, while it runs, that it leads its channels. Before, none says so.
    pub fn lead(&self, node: &NodeRef) {
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = Some(node.clone());
    }

    fn is_leader(&self, node: &NodeRef) -> bool {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(node)
    }

    fn host(&self, link: &ChainLink) -> Result<SimulatedAgent, FabricError> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = hosts.get(&link.plan.host).or(self.everywhere.as_ref());
        found.cloned().ok_or_else(|| FabricError::Settings("no such host".to_owned()))
    }

    fn draw(&self, below: u64) -> u64 {
        let seed = self.seed.load(Ordering::Relaxed);
        if seed == 0 {
            return 0;
        }
        let mut x =
            (seed << 20 ^ self.calls.fetch_add(1, Ordering::Relaxed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (x ^ (x >> 27)) % below
    }

    /// A running node's host, after a while.
    async fn at(&self, link: &ChainLink, node: &PlannedNode) -> Result<SimulatedAgent, FabricError> {
        for _ in 0..self.draw(3) {
            tokio::task::yield_now().await;
        }
        let host = self.host(link)?;
        let place = link.node_ref(node);
        if host.runs(&place) {
            match self.ailment(&place) {
                Some(Ailment::Hung) => std::future::pending::<()>().await,
                Some(Ailment::Parted) => {
                    self.ail(&place, None);
                    let reset = io::Error::new(io::ErrorKind::ConnectionReset, "the connection was dead");
                    return Err(FabricError::Connect(reset));
                }
                _ => {}
            }
            return Ok(host);
        }
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "the simulated node does not run");
        Err(FabricError::Connect(refused))
    }
}

fn join(host: &SimulatedAgent, place: &NodeRef, channel: &str, block: &[u8]) -> Result<(), FabricError> {
    let joined = Ledger::new(block);
    match read(host, place, channel) {
        Some(own) if own.genesis == joined.genesis => Ok(()),
        // A ledger of another channel of the same name: the node has data that it must not have.
        Some(_) => Err(FabricError::Request("the node has another ledger of this channel".to_owned())),
        None => {
            let _kept = host.disk_write(place, &format!("{FIRST}{channel}"), block.to_vec());
            write(host, place, channel, &joined);
            Ok(())
        }
    }
}

fn read(host: &SimulatedAgent, node: &NodeRef, channel: &str) -> Option<Ledger> {
    let bytes = host.disk_read(node, &format!("{LEDGER}{channel}"))?;
    serde_json::from_slice(&bytes).ok()
}

fn write(host: &SimulatedAgent, node: &NodeRef, channel: &str, ledger: &Ledger) {
    let bytes = serde_json::to_vec(ledger).unwrap_or_default();
    let _kept = host.disk_write(node, &format!("{LEDGER}{channel}"), bytes);
}

/// The channel that a first block is for.
fn channel_of(block: &[u8]) -> Result<String, FabricError> {
    let read = fabric::block::parse_block(block).map_err(|_| FabricError::Decode("the first block"))?;
    let first = read.transactions.into_iter().next().ok_or(FabricError::Decode("the first block"))?;
    Ok(first.channel)
}

fn gone(what: &str) -> FabricError {
    FabricError::Grpc {
        code: GrpcCode::NotFound,
        message: format!("{what} was not found"),
        details: Vec::new(),
    }
}

#[async_trait]
impl Network for SimulatedNetwork {
    async fn healthy(&self, link: &ChainLink, node: &PlannedNode) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        let place = link.node_ref(node);
        if self.ailment(&place) == Some(Ailment::Sick) {
            return Err(FabricError::Http { status: 503, body: "simulated: sick".to_owned() });
        }
        let seed = self.seed.load(Ordering::Relaxed);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = looks.entry(format!("{place}/{}", host.boots(&place))).or_default();
        *count += 1;
        if *count <= seed % 3 {
            return Err(FabricError::Http { status: 503, body: "starting".to_owned() });
        }
        Ok(())
    }

    async fn orderer_join(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        block: &[u8],
    ) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        join(&host, &link.node_ref(node), channel, block)
    }

    async fn orderer_ready(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<bool, FabricError> {
        let host = self.at(link, node).await?;
        if read(&host, &link.node_ref(node), channel).is_none() {
            return Err(FabricError::Http { status: 404, body: "channel does not exist".to_owned() });
        }
        if self.ailment(&link.node_ref(node)) == Some(Ailment::Leaderless) {
            return Ok(false);
        }
        Ok(has_leader(&host, link, channel))
    }

    async fn orderer_leads(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<bool, FabricError> {
        let (host, place) = (self.at(link, node).await?, link.node_ref(node));
        Ok(read(&host, &place, channel).is_some() && self.is_leader(&place))
    }

    async fn peer_join(&self, link: &ChainLink, node: &PlannedNode, block: &[u8]) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        join(&host, &link.node_ref(node), &channel_of(block)?, block)
    }

    async fn height(&self, link: &ChainLink, node: &PlannedNode, channel: &str) -> Result<u64, FabricError> {
        let host = self.at(link, node).await?;
        Ok(self.ledger(&host, link, node, channel)?.height)
    }

    async fn install(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        package: &[u8],
    ) -> Result<String, FabricError> {
        let host = self.at(link, node).await?;
        let facts = package::inspect(package, &package::Limits::default())
            .map_err(|error| FabricError::Proposal { status: 500, message: error.to_string() })?;
        let id = package::id(&facts.label, package);
        let _kept = host.disk_write(&link.node_ref(node), &format!("{PACKAGE}{id}"), Vec::new());
        Ok(id)
    }

    async fn installed(&self, link: &ChainLink, node: &PlannedNode) -> Result<Vec<String>, FabricError> {
        let host = self.at(link, node).await?;
        let names = host.disk_names(&link.node_ref(node), PACKAGE);
        Ok(names.into_iter().filter_map(|name| name.strip_prefix(PACKAGE).map(str::to_owned)).collect())
    }

    async fn approve(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
        package_id: &str,
    ) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        self.order_change(&host, link, node, channel, |ledger| {
            ledger.approve(definition, &node.msp_id, package_id)
        })
    }

    async fn readiness(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
    ) -> Result<BTreeMap<String, bool>, FabricError> {
        let host = self.at(link, node).await?;
        let ledger = self.ledger(&host, link, node, channel)?;
        ledger.check_next(definition)?;
        let members = link.plan.members().map(|(_, organization)| organization.msp_id.clone());
        Ok(members.map(|id| (id.clone(), ledger.approval(definition, &id).is_some())).collect())
    }

    async fn approved(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
    ) -> Result<bool, FabricError> {
        let host = self.at(link, node).await?;
        Ok(self.ledger(&host, link, node, channel)?.approval(definition, &node.msp_id).is_some())
    }

    async fn commit(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        definition: &DefinitionSpec,
        msp_ids: &[String],
    ) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        self.order_change(&host, link, node, channel, |ledger| ledger.commit(definition, msp_ids))
    }

    async fn committed(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        name: &str,
    ) -> Result<Option<CommittedDefinition>, FabricError> {
        let host = self.at(link, node).await?;
        Ok(self.ledger(&host, link, node, channel)?.committed(name))
    }

    async fn evaluate(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        call: &Call,
    ) -> Result<Vec<u8>, FabricError> {
        let host = self.at(link, node).await?;
        let chosen = chosen_peers(&host, link, node, &call.organizations)?;
        let peer = chosen.first().copied().unwrap_or(node);
        let ledger = self.ledger(&host, link, peer, &call.channel)?;
        ledger.check_creator(identity.msp_id(), identity.cert_pem())?;
        check_served(&host, link, peer, &ledger, &call.chaincode)?;
        ledger.call(call).map(|(answer, _)| answer)
    }

    async fn endorse(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        call: &Call,
    ) -> Result<Endorsed, FabricError> {
        let host = self.at(link, node).await?;
        for peer in chosen_peers(&host, link, node, &call.organizations)? {
            let ledger = self.ledger(&host, link, peer, &call.channel)?;
            ledger.check_creator(identity.msp_id(), identity.cert_pem())?;
            check_served(&host, link, peer, &ledger, &call.chaincode)?;
        }
        let (result, writes) = self.ledger(&host, link, node, &call.channel)?.call(call)?;
        let count = self.calls.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(format!("{count}/{}/{}", call.chaincode, identity.cert_pem()));
        let mut nonce = [0; 24];
        nonce.iter_mut().zip(digest).for_each(|(byte, drawn)| *byte = drawn);
        let invocation = Invocation::new(&call.channel, &call.chaincode, call.arguments.clone());
        let proposal = Proposal::build(identity, &invocation, nonce, SystemTime::now());
        let sent = Sent { writes, envelope: hex::encode(block::envelope(&proposal, identity)) };
        let envelope = serde_json::to_vec(&sent).map_err(|error| FabricError::Request(error.to_string()))?;
        Ok(Endorsed { tx_id: proposal.tx_id().to_owned(), result, envelope })
    }

    async fn order(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        endorsed: &Endorsed,
    ) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        let sent: Sent = serde_json::from_slice(&endorsed.envelope)
            .map_err(|error| FabricError::Request(error.to_string()))?;
        self.order_change(&host, link, node, channel, |ledger| {
            ledger.write(&endorsed.tx_id, sent.writes, sent.envelope);
            Ok(())
        })
    }

    async fn commit_status(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        _identity: &SigningIdentity,
        channel: &str,
        tx_id: &str,
    ) -> Result<Committed, FabricError> {
        let host = self.at(link, node).await?;
        self.ledger(&host, link, node, channel)?.status(tx_id).ok_or_else(|| gone("the transaction"))
    }

    async fn block(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        number: u64,
    ) -> Result<Vec<u8>, FabricError> {
        let host = self.at(link, node).await?;
        let first = host.disk_read(&link.node_ref(node), &format!("{FIRST}{channel}"));
        let ledger = self.ledger(&host, link, node, channel)?;
        first.and_then(|first| block::block(&first, &ledger, number)).ok_or_else(|| gone("the block"))
    }

    async fn block_of(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        tx_id: &str,
    ) -> Result<Vec<u8>, FabricError> {
        let host = self.at(link, node).await?;
        let number = self.ledger(&host, link, node, channel)?.block_of(tx_id);
        self.block(link, node, channel, number.ok_or_else(|| gone("the transaction"))?).await
    }

    async fn orderer_leave(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<(), FabricError> {
        let (host, place) = (self.at(link, node).await?, link.node_ref(node));
        for name in [format!("{LEDGER}{channel}"), format!("{FIRST}{channel}")] {
            // An empty file is no ledger.
            let _kept = host.disk_write(&place, &name, Vec::new());
        }
        Ok(())
    }

    async fn config_block(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<u8>, FabricError> {
        self.block(link, node, channel, 0).await
    }

    async fn set_anchor_peers(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        anchors: &[(String, u16)],
    ) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        let texts: Vec<String> = anchors.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        self.order_change(&host, link, node, channel, |ledger| {
            ledger.set_anchors(&node.msp_id, texts);
            Ok(())
        })
    }

    async fn anchor_peers(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<String>, FabricError> {
        let host = self.at(link, node).await?;
        Ok(self.ledger(&host, link, node, channel)?.anchors(&node.msp_id))
    }

    async fn set_revocations(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        crl_pem: &str,
    ) -> Result<(), FabricError> {
        let host = self.at(link, node).await?;
        self.order_change(&host, link, node, channel, |ledger| {
            ledger.set_revocation(&node.msp_id, crl_pem);
            Ok(())
        })
    }

    async fn revocations(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<String>, FabricError> {
        let host = self.at(link, node).await?;
        Ok(self.ledger(&host, link, node, channel)?.revocation(&node.msp_id).into_iter().collect())
    }
}

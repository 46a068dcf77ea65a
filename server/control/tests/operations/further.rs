//! Channels, and the steps of a deployment one by one, in the same test kit.

use std::collections::BTreeMap;

use agents::{Agent, Selector};
use control::network::Network;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::operations::chaincode_steps::{ChaincodeApprove, ChaincodeCommit, ChaincodeInstall};
use control::operations::channel_anchors::ChannelAnchors;
use control::operations::channel_create::ChannelCreate;
use control::operations::channel_join::ChannelJoin;
use control::operations::host_prepare::HostPrepare;
use control::operations::link_of;
use control::operations::node_resize::NodeResize;
use domain::chain::{ChainState, NodeResources};
use domain::chaincode::DeploySpec;
use domain::channel::{ChannelMember, ChannelSpec};
use domain::name::{ChannelName, NodeName, OrganizationName};
use domain::node::NodeKind;
use store::ChaincodeRecord;
use workflow::testkit::Expect;

use super::bed::{Bed, SECOND_IMAGE, same};
use super::{Scene, Stage, created, deployed, nothing, operator};

fn second() -> ChannelName {
    ChannelName::parse("second").unwrap()
}

fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

fn organization(name: &str) -> OrganizationName {
    OrganizationName::parse(name).unwrap()
}

/// Every organization of the chain with its first peer.
fn channel_spec(bed: &Bed) -> ChannelSpec {
    let member = |name: &OrganizationName| ChannelMember {
        organization: name.clone(),
        peers: vec![node(&format!("peer0-{name}"))],
    };
    let spec = bed.chain_spec();
    ChannelSpec {
        members: spec.organizations.iter().map(|organization| member(&organization.name)).collect(),
        chain: spec.name,
        name: second(),
    }
}

/// A peer of the first organization that has not joined the second channel, where there is one.
fn further_peer(bed: &Bed) -> NodeName {
    let first = bed.chain_spec().organizations.remove(0);
    node(if first.peers > 1 { "peer1-org1" } else { "peer0-org1" })
}

struct Channel;

impl Scene for Channel {
    type Operation = ChannelCreate;

    fn params(&self, bed: &Bed) -> ChannelCreate {
        ChannelCreate { spec: channel_spec(bed) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let (store, chain) = (&bed.services.store, bed.chain_spec().name);
        let there = expect == Expect::Complete;
        let channels = store.channel_list(&chain).await.unwrap();
        same("channel", channels.iter().any(|channel| channel.name == second()), there)?;
        let block = store.document_read(&chain, "genesis/second").await.unwrap();
        let link = link_of(&bed.services, bed.plan().await?).await.unwrap();
        let mut joined = false;
        for peer in link.plan.of_kind(NodeKind::Peer) {
            joined |= bed.network.height(&link, peer, "second").await.is_ok();
        }
        same("first block", block.is_some(), there || joined)?;
        for node in &link.plan.nodes {
            let height = bed.network.height(&link, node, "second").await;
            // What a peer has joined it keeps: that is said, not hidden.
            let chosen = node.kind == NodeKind::Orderer || node.name.as_str().starts_with("peer0-");
            if chosen && (there || node.kind == NodeKind::Orderer) {
                same(&format!("{} serves it", node.name), height.is_ok(), there)?;
            }
        }
        Ok(())
    }
}

struct Join;

impl Scene for Join {
    type Operation = ChannelJoin;

    fn params(&self, bed: &Bed) -> ChannelJoin {
        ChannelJoin { chain: bed.chain_spec().name, channel: second(), peers: vec![further_peer(bed)] }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let link = link_of(&bed.services, bed.plan().await?).await.unwrap();
        let peer = link.plan.node(&further_peer(bed)).unwrap();
        let height = bed.network.height(&link, peer, "second").await.ok();
        // What it has joined before an undo it keeps.
        if expect == Expect::Complete { same("height", height, Some(1)) } else { Ok(()) }
    }
}

struct Anchors;

impl Scene for Anchors {
    type Operation = ChannelAnchors;

    fn params(&self, bed: &Bed) -> ChannelAnchors {
        ChannelAnchors {
            chain: bed.chain_spec().name,
            channel: bed.chain_spec().channel,
            organization: organization("org1"),
            peers: vec![node("peer0-org1")],
        }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let link = link_of(&bed.services, bed.plan().await?).await.unwrap();
        let peer = link.plan.node(&node("peer0-org1")).unwrap();
        let found = bed.network.anchor_peers(&link, peer, "mychannel").await.unwrap();
        let wanted = match expect {
            Expect::Complete => vec!["peer0-org1:7051".to_owned()],
            Expect::Clean => Vec::new(),
        };
        same("anchors", found, wanted)
    }
}

/// Everything that a begun definition keeps apart from what Fabric keeps.
async fn begun(bed: &Bed) -> Vec<String> {
    let chain = bed.chain_spec().name;
    let selector = Selector { installation: bed.services.installation.clone(), chain: None };
    let nodes = bed.agent.list_nodes(&selector).await.unwrap();
    let servers = nodes.iter().filter(|node| node.kind == "chaincode");
    let mut found: Vec<String> = servers.map(|node| node.node.to_string()).collect();
    let secrets = bed.services.store.secret_list_prefix("chain/").await.unwrap();
    found.extend(secrets.into_iter().map(|secret| secret.key).filter(|key| key.contains("/chaincode/")));
    let drafts = bed.services.store.document_read(&chain, "drafts").await.unwrap();
    found.extend(drafts.map(|_| "drafts".to_owned()));
    found
}

/// A server and a secret for each organization, and the draft.
fn parts(bed: &Bed) -> usize {
    bed.chain_spec().organizations.len() * 2 + 1
}

struct Install;

impl Scene for Install {
    type Operation = ChaincodeInstall;

    fn params(&self, bed: &Bed) -> ChaincodeInstall {
        ChaincodeInstall { spec: bed.deploy_spec(), peers: vec![node("peer0-org1")], starter: None }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let found = begun(bed).await;
        match expect {
            Expect::Clean => same("left over", found, Vec::new()),
            Expect::Complete => same("servers, secrets, draft", found.len(), parts(bed)),
        }
    }
}

/// A peer of a definition that is in force: nothing of it may change, whatever becomes of the installation.
struct InstallMore;

impl Scene for InstallMore {
    type Operation = ChaincodeInstall;

    fn params(&self, bed: &Bed) -> ChaincodeInstall {
        ChaincodeInstall { spec: bed.deploy_spec(), peers: vec![node("peer0-org1")], starter: None }
    }

    async fn check(&self, bed: &Bed, _expect: Expect) -> Result<(), String> {
        same("sequence", bed.check_chaincode().await?, 1)?;
        let drafts = bed.services.store.document_read(&bed.chain_spec().name, "drafts").await.unwrap();
        same("draft", drafts, None)
    }
}

/// An image that only a registry has.
const OFFERED: &str = "registry.example/chaincode:1";

struct Prepare;

impl Scene for Prepare {
    type Operation = HostPrepare;

    fn params(&self, bed: &Bed) -> HostPrepare {
        bed.agent.offer_image(OFFERED);
        HostPrepare { host: bed.host.clone(), image: Some(OFFERED.to_owned()) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let there = bed.agent.image(OFFERED).await.map_err(|error| error.to_string())?.is_some();
        // What was pulled before an undo stays: it belongs to the host.
        if expect == Expect::Complete { same("image", there, true) } else { Ok(()) }
    }
}

struct Approve;

impl Scene for Approve {
    type Operation = ChaincodeApprove;

    fn params(&self, bed: &Bed) -> ChaincodeApprove {
        ChaincodeApprove { spec: bed.deploy_spec(), organization: organization("org1"), starter: None }
    }

    async fn check(&self, bed: &Bed, _expect: Expect) -> Result<(), String> {
        // What the installation made is there, whatever becomes of the approval.
        same("servers, secrets, draft", begun(bed).await.len(), parts(bed))
    }
}

struct Commit;

impl Scene for Commit {
    type Operation = ChaincodeCommit;

    fn params(&self, bed: &Bed) -> ChaincodeCommit {
        ChaincodeCommit { spec: bed.deploy_spec(), starter: None }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let chain = bed.chain_spec().name;
        let committed = bed.services.store.chaincode_list(&chain).await.unwrap();
        let draft = bed.services.store.document_read(&chain, "drafts").await.unwrap();
        if expect == Expect::Complete {
            same("definitions", committed.len(), 1)?;
        }
        // On its way or in force, never both and never neither.
        same("draft", draft.is_some(), committed.is_empty())
    }
}

/// The whole deployment over a definition that was installed and partly approved with another image.
struct DeployOver;

impl Scene for DeployOver {
    type Operation = ChaincodeDeploy;

    fn params(&self, bed: &Bed) -> ChaincodeDeploy {
        let spec = DeploySpec { image: SECOND_IMAGE.to_owned(), ..bed.deploy_spec() };
        ChaincodeDeploy { spec, starter: Some(operator()) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let draft = bed.services.store.document_read(&bed.chain_spec().name, "drafts").await.unwrap();
        let Some(draft) = draft else { return same("in force", bed.check_chaincode().await? > 0, true) };
        same("undone", expect, Expect::Clean)?;
        same("servers, secrets, draft", begun(bed).await.len(), parts(bed))?;
        let drafts: BTreeMap<String, ChaincodeRecord> = serde_json::from_slice(&draft).unwrap();
        let began = drafts.into_values().next().map(|draft| draft.image_id);
        let selector = Selector { installation: bed.services.installation.clone(), chain: None };
        let nodes = bed.agent.list_nodes(&selector).await.unwrap();
        for server in nodes.into_iter().filter(|node| node.kind == "chaincode") {
            same(&format!("image of {}", server.node), server.image_id, began.clone())?;
        }
        Ok(())
    }
}

async fn with_channel(bed: &Bed) {
    created(bed).await;
    bed.run(ChannelCreate { spec: channel_spec(bed) }).await;
}

async fn installed(bed: &Bed) {
    created(bed).await;
    let peers = channel_spec(bed).members.into_iter().flat_map(|member| member.peers).collect();
    bed.run(ChaincodeInstall { spec: bed.deploy_spec(), peers, starter: None }).await;
}

async fn approved(bed: &Bed) {
    installed(bed).await;
    for member in channel_spec(bed).members {
        let organization = member.organization;
        bed.run(ChaincodeApprove { spec: bed.deploy_spec(), organization, starter: None }).await;
    }
}

async fn half_approved(bed: &Bed) {
    installed(bed).await;
    let organization = organization("org1");
    bed.run(ChaincodeApprove { spec: bed.deploy_spec(), organization, starter: None }).await;
}

#[tokio::test]
async fn chaincode_deploy_over_a_draft() {
    Stage::play(DeployOver, half_approved).await;
}

const LARGER: NodeResources = NodeResources { cpu_milli: 1_250, memory_mib: 768 };

/// A peer where there are several organizations, else the orderer.
fn resized(bed: &Bed) -> NodeName {
    node(if bed.chain_spec().organizations.len() > 1 { "peer0-org1" } else { "orderer0" })
}

struct Resize;

impl Scene for Resize {
    type Operation = NodeResize;

    fn params(&self, bed: &Bed) -> NodeResize {
        NodeResize { chain: bed.chain_spec().name, node: resized(bed), resources: LARGER }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        bed.check_chain(ChainState::Running).await?;
        let (plan, name) = (bed.plan().await?, resized(bed));
        let of_chain = plan.resources;
        let wanted = if expect == Expect::Complete { LARGER } else { of_chain };
        for node in &plan.nodes {
            let wanted = if node.name == name { wanted } else { of_chain };
            same(&format!("limits of {}", node.name), plan.resources_of(node), wanted)?;
            let stats = bed.agent.stats(&bed.node(node.name.as_str())).await;
            let memory = stats.map_err(|error| error.to_string())?.memory_limit >> 20;
            same(&format!("memory of {}", node.name), memory, u64::from(wanted.memory_mib))?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn channel_create() {
    Stage::play(Channel, created).await;
}

#[tokio::test]
async fn channel_join() {
    Stage::play(Join, with_channel).await;
}

#[tokio::test]
async fn channel_anchors() {
    Stage::play(Anchors, created).await;
}

#[tokio::test]
async fn chaincode_install() {
    Stage::play(Install, created).await;
}

#[tokio::test]
async fn chaincode_install_in_force() {
    Stage::play(InstallMore, deployed).await;
}

#[tokio::test]
async fn host_prepare() {
    Stage::play(Prepare, nothing).await;
}

#[tokio::test]
async fn chaincode_approve() {
    Stage::play(Approve, installed).await;
}

#[tokio::test]
async fn chaincode_commit() {
    Stage::play(Commit, approved).await;
}

#[tokio::test]
async fn node_resize() {
    Stage::play(Resize, created).await;
}

//! Chains on a real cluster, through the façade as on an engine: a chain of three orderers from its creation to its end
//! with the sample called and upgraded, and what a cluster as a host refuses.
//!
//! Needs a cluster (`HEDDLE_TEST_KUBERNETES=/path/to/kubeconfig`) with a default storage class and the node images on its
//! machines, and `kubectl` in the path, as `cargo xtask cluster exec` gives both. Without a cluster the tests say so and
//! pass. They run one after the other, because a test cluster has little room.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking and says why it is skipped"
)]

#[path = "kubernetes/away.rs"]
mod away;
#[path = "kubernetes/bed.rs"]
mod bed;
#[path = "kubernetes/credentials.rs"]
mod credentials;
#[path = "kubernetes/hosts.rs"]
mod hosts;
#[path = "engine/sample.rs"]
mod sample;
#[path = "kubernetes/tokens.rs"]
mod tokens;

use bed::{Bed, Portal, on_cluster, small};
use domain::chain::{ChainSpec, NodeResources};
use domain::chaincode::DeploySpec;
use domain::name::{ChannelName, NodeName};
use domain::node::NodeKind;
use sample::{counts, is_served, rests, says};

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_three_orderers_lives_on_a_cluster() {
    on_cluster("life", async |bed| lives(&bed).await).await;
}

async fn lives(bed: &Bed) {
    let portal = &bed.portal;
    let host = portal.plane.host_add(&portal.admin, bed.host(31_000), Some(bed.kubeconfig())).await.unwrap();
    let shape = |spec: &mut ChainSpec| {
        small(spec);
        spec.orderers = 3;
        spec.organizations[1].peers = 2;
    };
    portal.create(host.id, shape).await;
    is_joined(portal).await;
    counts(portal, "init", "init", &["a", "100", "b", "200"]).await;
    holds(portal, "100", "200").await;
    counts(portal, "move", "move", &["a", "b", "10"]).await;
    holds(portal, "90", "210").await;
    is_served(portal).await;

    upgrade(portal).await;
    says(portal, "version", &[], "2").await;
    holds(portal, "90", "210").await;
    is_served(portal).await;

    resizes(bed, "peer0-org1").await;
    resizes(bed, "orderer1").await;
    holds(portal, "90", "210").await;

    rests(portal).await;
    holds(portal, "90", "210").await;
    assert!(bed.limits("peer0-org1").contains("\"250m\""), "{}", bed.limits("peer0-org1"));

    assert!(!bed.left().is_empty(), "what is looked for would be seen");
    portal.remove().await;
    assert_eq!(portal.nodes().await, Vec::new());
    assert_eq!(bed.left(), Vec::<String>::new());
}

/// A node gets less of the processors and more memory, and has all of its blocks as before.
async fn resizes(bed: &Bed, node: &str) {
    let (portal, name) = (&bed.portal, NodeName::parse(node).unwrap());
    let height = async || {
        let link = portal.link().await;
        let planned = link.plan.node(&name).unwrap();
        portal.services.network.height(&link, planned, "mychannel").await.unwrap()
    };
    let before = height().await;
    assert!(bed.limits(node).contains("\"500m\""), "{}", bed.limits(node));
    let resources = NodeResources { cpu_milli: 250, memory_mib: 512 };
    let id = portal.plane.node_resize(&portal.admin, &portal.name, &name, resources).await.unwrap();
    portal.settled(&id).await;
    let limits = bed.limits(node);
    assert!(limits.contains("\"250m\"") && limits.contains("\"512Mi\""), "{limits}");
    assert_eq!(height().await, before);
}

async fn holds(portal: &Portal, a: &str, b: &str) {
    says(portal, "query", &["a"], a).await;
    says(portal, "query", &["b"], b).await;
}

/// All peers are in the first channel, and each organization has an anchor peer there.
async fn is_joined(portal: &Portal) {
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let view = plane.chain_read(admin, chain).await.unwrap();
    let count = |kind| view.nodes.iter().filter(|node| node.kind == kind).count();
    assert_eq!((count(NodeKind::Orderer), count(NodeKind::Peer)), (3, 4), "{view:?}");
    let name = ChannelName::parse("mychannel").unwrap();
    let channels = plane.channel_list(admin, chain).await.unwrap();
    let channel = channels.iter().find(|channel| channel.name == name).unwrap();
    let joined = channel.peers.iter().filter(|peer| peer.joined == Some(true)).count();
    assert_eq!((joined, channel.peers.len()), (4, 4), "{channel:?}");
    let config = plane.channel_config(admin, chain, &name).await.unwrap();
    for (msp_id, anchor) in [("Org1MSP", "peer0-org1:7051"), ("Org2MSP", "peer0-org2:7051")] {
        let (_, anchors) = config.anchors.iter().find(|(id, _)| id == msp_id).unwrap();
        assert!(anchors.iter().any(|found| found == anchor), "{msp_id}: {anchors:?}");
    }
}

/// The sample's second version, which knows a function more.
async fn upgrade(portal: &Portal) {
    let (plane, admin) = (&portal.plane, &portal.admin);
    let sample = plane.chaincode_sample(admin, &portal.name).await.unwrap();
    let image = "heddle.local/chaincode-example02:2".to_owned();
    let spec = DeploySpec { version: "2".to_owned(), image, ..sample };
    let started = plane.chaincode_deploy(admin, spec, "upgrade-once".to_owned()).await;
    portal.settled(&started.unwrap()).await;
}

//! Every kind of ordering service on real nodes: a chain is raised, its chaincode deployed and called, it is stopped
//! and started again with its ledger kept, gets a further channel, and is deleted without a rest.
//!
//! Needs an engine (`HEDDLE_TEST_DOCKER=unix:///path`). Fabric 3.1 runs where its images are on that engine; otherwise
//! the test says so and passes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking and says why it is skipped"
)]

#[path = "engine/bed.rs"]
#[expect(dead_code, reason = "the tests of the outcomes need more of it")]
mod bed;
#[path = "versions/five.rs"]
mod five;
#[path = "versions/rolling.rs"]
mod rolling;
#[path = "engine/sample.rs"]
mod sample;

use std::io::Write;
use std::sync::Arc;

use bed::{Portal, organization};
use domain::chain::{Consensus, FabricVersion};
use domain::channel::{ChannelMember, ChannelSpec};
use domain::name::{ChannelName, NodeName};
use sample::{counts, is_served, rests, says};

#[tokio::test(flavor = "multi_thread")]
async fn raft_of_three_orderers() {
    lives("raft3", 23_000, FabricVersion::V2_5, Consensus::Raft, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raft_of_three_orderers_on_3_1() {
    lives("raft31", 24_000, FabricVersion::V3_1, Consensus::Raft, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bft_of_four_orderers() {
    lives("bft4", 25_000, FabricVersion::V3_1, Consensus::Bft, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bft_of_seven_orderers() {
    if is_full() {
        lives("bft7", 27_000, FabricVersion::V3_1, Consensus::Bft, 7).await;
    }
}

/// Whether what takes minutes is played; says so if not.
fn is_full() -> bool {
    let is_full = std::env::var_os("HEDDLE_TEST_FULL").is_some();
    if !is_full {
        let mut out = std::io::stdout();
        writeln!(out, "skipped: HEDDLE_TEST_FULL is not set").unwrap();
    }
    is_full
}

async fn lives(name: &str, port_first: u16, version: FabricVersion, consensus: Consensus, orderers: u16) {
    let Some(socket) = bed::engine() else { return };
    let portal = Arc::new(Portal::new(&socket, name).await);
    if !portal.has(version).await {
        return;
    }
    let inside = portal.clone();
    let outcome = tokio::spawn(async move {
        let shape = |spec: &mut domain::chain::ChainSpec| {
            (spec.version, spec.consensus, spec.orderers) = (version, consensus, orderers);
        };
        inside.raise(port_first, shape).await;
        used(&inside).await;
    })
    .await;
    // The engine is shared: whatever came of it, nothing is left there.
    portal.remove().await;
    assert!(portal.nodes().await.is_empty());
    outcome.unwrap();
}

async fn used(portal: &Portal) {
    counts(portal, "init", "init", &["a", "100", "b", "200"]).await;
    counts(portal, "move", "move", &["a", "b", "10"]).await;
    is_served(portal).await;
    rests(portal).await;
    says(portal, "query", &["a"], "90").await;
    further(portal).await;
}

/// A channel beside the first one: the orderers join it, too.
async fn further(portal: &Portal) {
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let member = |name: &str| ChannelMember {
        organization: organization(name),
        peers: vec![NodeName::parse(&format!("peer0-{name}")).unwrap()],
    };
    let name = ChannelName::parse("second").unwrap();
    let members = vec![member("org1"), member("org2")];
    let spec = ChannelSpec { chain: chain.clone(), name: name.clone(), members };
    let id = plane.channel_create(admin, spec, "second-once".to_owned()).await.unwrap();
    portal.settled(&id).await;
    let views = plane.channel_list(admin, chain).await.unwrap();
    let view = views.iter().find(|view| view.name == name).unwrap();
    assert!(view.peers.iter().any(|peer| peer.joined == Some(true)), "{view:?}");
}

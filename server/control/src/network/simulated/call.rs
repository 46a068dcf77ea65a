//! Who runs a call on a simulated network, and what comes of it.

use std::collections::BTreeMap;

use agents::simulated::SimulatedAgent;
use domain::node::NodeKind;
use fabric::error::{FabricError, GrpcCode};
use serde::{Deserialize, Serialize};

use super::PACKAGE;
use super::ledger::Ledger;
use crate::network::ChainLink;
use crate::topology::PlannedNode;

/// What is handed to the orderers.
#[derive(Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) writes: BTreeMap<String, i64>,
    /// The transaction, in hexadecimal digits.
    pub(super) envelope: String,
}

/// The peers that run a call: the asked one, or one of each organization that was chosen.
pub(super) fn chosen_peers<'a>(
    host: &SimulatedAgent,
    link: &'a ChainLink,
    node: &'a PlannedNode,
    organizations: &[String],
) -> Result<Vec<&'a PlannedNode>, FabricError> {
    if organizations.is_empty() {
        return Ok(vec![node]);
    }
    let peer_of = |msp_id: &String| {
        let mut peers = link.plan.of_kind(NodeKind::Peer).filter(|peer| peer.msp_id == *msp_id);
        let any = peers.find(|peer| host.runs(&link.node_ref(peer)));
        if node.msp_id == *msp_id { Some(node) } else { any }
    };
    let found: Option<Vec<_>> = organizations.iter().map(peer_of).collect();
    found.ok_or_else(|| FabricError::Grpc {
        code: GrpcCode::FailedPrecondition,
        message: "failed to select a set of endorsers that satisfy the request".to_owned(),
        details: Vec::new(),
    })
}

/// Refuses a call of a chaincode that is not defined, not installed or not running.
pub(super) fn check_served(
    host: &SimulatedAgent,
    link: &ChainLink,
    node: &PlannedNode,
    ledger: &Ledger,
    chaincode: &str,
) -> Result<(), FabricError> {
    let answer = |message: String| FabricError::Proposal { status: 500, message };
    let package = ledger
        .serving(chaincode, &node.msp_id)
        .ok_or_else(|| answer(format!("chaincode {chaincode} is not defined")))?;
    if host.disk_read(&link.node_ref(node), &format!("{PACKAGE}{package}")).is_none() {
        return Err(answer("chaincode definition exists, but chaincode is not installed".to_owned()));
    }
    if !host.runs_with(&link.installation, link.plan.chain.as_str(), "CHAINCODE_ID", package) {
        return Err(answer("could not launch chaincode: connection to chaincode failed".to_owned()));
    }
    Ok(())
}

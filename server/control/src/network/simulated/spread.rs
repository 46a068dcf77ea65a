//! How blocks come to nodes: orderers have them at once, peers when they are asked, and one that is behind not at all.

use agents::simulated::SimulatedAgent;
use domain::node::NodeKind;
use fabric::error::{FabricError, GrpcCode};

use super::ledger::{Ledger, unknown_channel};
use super::{Ailment, SimulatedNetwork, read, write};
use crate::network::ChainLink;
use crate::topology::PlannedNode;

/// The longest ledger of a channel among the running nodes.
pub(super) fn newest(
    host: &SimulatedAgent,
    link: &ChainLink,
    channel: &str,
    genesis: Option<&str>,
) -> Option<Ledger> {
    let running = link.plan.nodes.iter().map(|node| link.node_ref(node)).filter(|node| host.runs(node));
    let ledgers = running.filter_map(|node| read(host, &node, channel));
    ledgers
        .filter(|ledger| genesis.is_none_or(|genesis| ledger.genesis == genesis))
        .max_by_key(|ledger| ledger.height)
}

pub(super) fn has_leader(host: &SimulatedAgent, link: &ChainLink, channel: &str) -> bool {
    let orderers: Vec<_> = link.plan.of_kind(NodeKind::Orderer).map(|node| link.node_ref(node)).collect();
    let serving = orderers.iter().filter(|node| host.runs(node) && read(host, node, channel).is_some());
    serving.count() * 2 > orderers.len()
}

impl SimulatedNetwork {
    fn is_behind(&self, link: &ChainLink, node: &PlannedNode) -> bool {
        self.ailment(&link.node_ref(node)) == Some(Ailment::Behind)
    }

    /// A node's ledger after it has caught up, if it does.
    pub(super) fn ledger(
        &self,
        host: &SimulatedAgent,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Ledger, FabricError> {
        let place = link.node_ref(node);
        let own = read(host, &place, channel).ok_or_else(|| unknown_channel(channel))?;
        if self.is_behind(link, node) {
            return Ok(own);
        }
        let newest = newest(host, link, channel, Some(&own.genesis)).unwrap_or(own);
        write(host, &place, channel, &newest);
        Ok(newest)
    }

    /// Orders a change: it reaches every running orderer and the asked node, or nobody.
    pub(super) fn order_change<T>(
        &self,
        host: &SimulatedAgent,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        change: impl FnOnce(&mut Ledger) -> Result<T, FabricError>,
    ) -> Result<T, FabricError> {
        let own = self.ledger(host, link, node, channel)?;
        let mut ledger = newest(host, link, channel, Some(&own.genesis)).unwrap_or(own);
        if !has_leader(host, link, channel) {
            let message = "no Raft leader".to_owned();
            return Err(FabricError::Grpc { code: GrpcCode::Unavailable, message, details: Vec::new() });
        }
        let changed = change(&mut ledger)?;
        let asked = (!self.is_behind(link, node)).then_some(node);
        for place in link.plan.of_kind(NodeKind::Orderer).chain(asked).map(|node| link.node_ref(node)) {
            if host.runs(&place) && read(host, &place, channel).is_some() {
                write(host, &place, channel, &ledger);
            }
        }
        Ok(changed)
    }
}

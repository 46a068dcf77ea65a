//! Nodes that are not well though their processes run: what a host cannot see.

use std::sync::PoisonError;

use agents::NodeRef;

use super::SimulatedNetwork;

/// How a running node is not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// It says so.
    Sick,
    /// It answers nothing.
    Hung,
    /// The connection to it is dead: the next call fails, and those after it do not.
    Parted,
    /// It takes part in its channels and knows no leader.
    Leaderless,
    /// No block reaches it any more: it answers from what it has.
    Behind,
}

impl SimulatedNetwork {
    /// Makes a node ail, or well again.
    pub fn ail(&self, node: &NodeRef, ailment: Option<Ailment>) {
        let mut ailing = self.ailing.lock().unwrap_or_else(PoisonError::into_inner);
        match ailment {
            Some(ailment) => ailing.insert(node.clone(), ailment),
            None => ailing.remove(node),
        };
    }

    pub(super) fn ailment(&self, node: &NodeRef) -> Option<Ailment> {
        self.ailing.lock().unwrap_or_else(PoisonError::into_inner).get(node).copied()
    }
}

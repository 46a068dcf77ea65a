//! How many blocks peers were lately seen to have, so that the next call need not ask: a ledger only grows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::name::{ChainName, ChannelName, NodeName};

use super::choice::Place;

/// Peers that are remembered; beyond it all are forgotten, and asked again.
const PEERS_MAX: usize = 10_000;
/// For how long what a peer said counts. A peer may lose its data and begin again.
const REMEMBERED_MS: i64 = 30_000;

/// A peer's ledger: a chain that is made again under an old name is another one.
#[derive(PartialEq, Eq, Hash)]
struct Ledger {
    chain: ChainName,
    created_ms: i64,
    channel: ChannelName,
    peer: NodeName,
}

impl Ledger {
    fn of(place: &Place, peer: &NodeName) -> Self {
        Self {
            chain: place.chain.clone(),
            created_ms: place.created_ms,
            channel: place.channel.clone(),
            peer: peer.clone(),
        }
    }
}

/// What was seen of a ledger.
struct Seen {
    height: u64,
    at_ms: i64,
}

/// The heights of peers' ledgers.
#[derive(Default)]
pub(crate) struct Heights(Mutex<HashMap<Ledger, Seen>>);

impl Heights {
    fn seen(&self) -> MutexGuard<'_, HashMap<Ledger, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a peer has so many blocks of a channel. What is known to be higher stays as it is.
    pub(super) fn note(&self, place: &Place, peer: &NodeName, height: u64, now_ms: i64) {
        let (ledger, mut seen) = (Ledger::of(place, peer), self.seen());
        let known = seen.get(&ledger).filter(|known| is_fresh(known, now_ms));
        if known.is_some_and(|known| known.height > height) {
            return;
        }
        if seen.len() >= PEERS_MAX {
            seen.clear();
        }
        seen.insert(ledger, Seen { height, at_ms: now_ms });
    }

    /// How many blocks a peer has at least; none if it was not seen lately.
    pub(super) fn of(&self, place: &Place, peer: &NodeName, now_ms: i64) -> Option<u64> {
        let seen = self.seen();
        seen.get(&Ledger::of(place, peer)).filter(|known| is_fresh(known, now_ms)).map(|known| known.height)
    }

    /// Forgets a peer that does not answer.
    pub(super) fn forget(&self, place: &Place, peer: &NodeName) {
        self.seen().remove(&Ledger::of(place, peer));
    }
}

fn is_fresh(seen: &Seen, now_ms: i64) -> bool {
    now_ms.saturating_sub(seen.at_ms) < REMEMBERED_MS
}

#[cfg(test)]
mod tests {
    use domain::id::UserId;

    use super::*;

    #[test]
    fn a_height_grows_and_counts_for_a_while() {
        let (chain, channel) = (ChainName::parse("demo").unwrap(), ChannelName::parse("mychannel").unwrap());
        let place = Place { user: UserId::new("ann"), chain, created_ms: 1, channel };
        let (heights, peer) = (Heights::default(), NodeName::parse("peer0-org1").unwrap());
        assert_eq!(heights.of(&place, &peer, 0), None);
        heights.note(&place, &peer, 7, 0);
        heights.note(&place, &peer, 6, 10);
        assert_eq!(heights.of(&place, &peer, 10), Some(7));
        let other = Place { user: UserId::new("ben"), ..place.clone() };
        assert_eq!(heights.of(&other, &peer, 10), Some(7), "peers are the same for everybody");
        assert_eq!(heights.of(&Place { created_ms: 2, ..other }, &peer, 10), None, "a chain made again");
        assert_eq!(heights.of(&place, &peer, REMEMBERED_MS), None);
        // One that began again has fewer blocks than it was known to have.
        heights.note(&place, &peer, 2, REMEMBERED_MS);
        assert_eq!(heights.of(&place, &peer, REMEMBERED_MS), Some(2));
        heights.forget(&place, &peer);
        assert_eq!(heights.of(&place, &peer, REMEMBERED_MS), None);
    }
}

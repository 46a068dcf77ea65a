//! Which peer a call goes to. Whoever wrote something reads it with their next call: a peer of which the blocks end
//! before it is passed over, or waited for where there is no other one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::id::UserId;
use domain::name::{ChainName, ChannelName, NodeName, OrganizationName};
use domain::{Code, Error};
use fabric::error::ErrorKind as FabricKind;
use futures::StreamExt;
use store::ChainRecord;

use crate::ControlPlane;
use crate::network::{ChainLink, height_in_time};
use crate::operations::{SIDE_BY_SIDE, side_by_side};
use crate::topology::PlannedNode;

/// Writes that are remembered; beyond it all are forgotten, and peers are taken as they come.
const WRITES_MAX: usize = 10_000;
/// Looks for a peer that has what was written, the pause between two, and how long they may take in all.
const LOOKS_MAX: u32 = 60;
const PAUSE_MS: u64 = 50;
const LOOKS_TIMEOUT: Duration = Duration::from_secs(3);

/// Who wrote where: a chain that is made again under an old name is another one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) user: UserId,
    pub(super) chain: ChainName,
    pub(super) created_ms: i64,
    pub(super) channel: ChannelName,
}

impl Place {
    pub(super) fn new(user: &UserId, chain: &ChainRecord, channel: &ChannelName) -> Self {
        Self {
            user: user.clone(),
            chain: chain.name.clone(),
            created_ms: chain.created_ms,
            channel: channel.clone(),
        }
    }
}

/// The last block in which somebody wrote, and the peer that was seen to have it.
#[derive(Clone)]
struct Write {
    block: u64,
    peer: NodeName,
}

/// The last write of each person. Forgotten when the portal ends: until it is back, peers have caught up.
#[derive(Default)]
pub(crate) struct LastWrites(Mutex<HashMap<Place, Write>>);

impl LastWrites {
    pub(super) fn note(&self, place: &Place, block: u64, peer: &NodeName) {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writes.get(place).is_some_and(|known| known.block > block) {
            return;
        }
        if writes.len() >= WRITES_MAX {
            writes.clear();
        }
        writes.insert(place.clone(), Write { block, peer: peer.clone() });
    }

    fn of(&self, place: &Place) -> Option<Write> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }
}

/// The first of some peers that has a block, else the one with the most blocks; whether it has it. Heights of peers that
/// do not answer are not known.
fn choice(heights: &[Option<u64>], block: u64) -> Option<(usize, bool)> {
    if let Some(index) = heights.iter().position(|height| height.is_some_and(|height| height > block)) {
        return Some((index, true));
    }
    let known = heights.iter().enumerate().filter_map(|(index, height)| height.map(|height| (height, index)));
    known.max().map(|(_, index)| (index, false))
}

/// The peer that a call goes to.
pub(super) struct Chosen {
    pub(super) peer: PlannedNode,
    /// What was seen of it lately counts, and it was not asked now: should it not answer, another one may.
    pub(super) is_remembered: bool,
}

impl ControlPlane {
    /// The peer that a call goes to. The only one of an organization is not asked before, for the call itself tells,
    /// unless somebody wrote through another organization. Nor is one that was seen lately to have what they wrote.
    pub(super) async fn answering_peer(
        &self,
        link: &ChainLink,
        organization: &OrganizationName,
        place: &Place,
    ) -> Result<Chosen, Error> {
        let write = self.last_writes.of(place);
        let mut peers = link.plan.peers_of(organization);
        if let (Some(only), None) = (peers.next(), peers.next())
            && write.as_ref().is_none_or(|write| write.peer == only.name)
        {
            return Ok(Chosen { peer: only.clone(), is_remembered: false });
        }
        let (block, now_ms) = (write.map_or(0, |write| write.block), self.services.clock.now_ms());
        let has_it = |peer: &&PlannedNode| {
            self.heights.of(place, &peer.name, now_ms).is_some_and(|height| height > block)
        };
        if let Some(peer) = link.plan.peers_of(organization).find(has_it) {
            return Ok(Chosen { peer: peer.clone(), is_remembered: true });
        }
        let peer = self.asked_peer(link, organization, place).await?;
        Ok(Chosen { peer, is_remembered: false })
    }

    /// A peer that answers now and has what the caller wrote, if there is one.
    pub(super) async fn asked_peer(
        &self,
        link: &ChainLink,
        organization: &OrganizationName,
        place: &Place,
    ) -> Result<PlannedNode, Error> {
        if let Some(write) = self.last_writes.of(place) {
            return self.peer_with(link, organization, place, write.block).await;
        }
        let (peer, height) = self.serving_of(link, organization, place.channel.as_str()).await?;
        self.heights.note(place, &peer.name, height, self.services.clock.now_ms());
        Ok(peer)
    }

    /// A peer of an organization that has a block; after a while of waiting the one with the most blocks.
    async fn peer_with(
        &self,
        link: &ChainLink,
        organization: &OrganizationName,
        place: &Place,
        block: u64,
    ) -> Result<PlannedNode, Error> {
        let channel = place.channel.as_str();
        let peers: Vec<&PlannedNode> = link.plan.peers_of(organization).collect();
        let clock = &self.services.clock;
        let network = self.services.network.as_ref();
        let (mut looked, begun) = (0, Instant::now());
        loop {
            let looks: Vec<_> =
                peers.iter().map(|peer| height_in_time(network, link, peer, channel)).collect();
            let heights: Vec<_> = side_by_side(looks).await.into_iter().map(Result::ok).collect();
            for (peer, height) in peers.iter().zip(&heights) {
                if let Some(height) = height {
                    self.heights.note(place, &peer.name, *height, clock.now_ms());
                }
            }
            looked += 1;
            let is_late = looked > LOOKS_MAX || begun.elapsed() > LOOKS_TIMEOUT;
            match choice(&heights, block) {
                Some((index, has)) if has || is_late => {
                    if let Some(peer) = peers.get(index) {
                        return Ok((*peer).clone());
                    }
                }
                Some(_) => {}
                None => return self.serving_peer(link, organization, channel).await,
            }
            clock.sleep(PAUSE_MS).await;
        }
    }

    /// The first peer of an organization that serves a channel; one that is down or not in it is passed over.
    pub(super) async fn serving_peer(
        &self,
        link: &ChainLink,
        organization: &OrganizationName,
        channel: &str,
    ) -> Result<PlannedNode, Error> {
        self.serving_of(link, organization, channel).await.map(|(peer, _)| peer)
    }

    /// The same with the number of blocks that it has.
    async fn serving_of(
        &self,
        link: &ChainLink,
        organization: &OrganizationName,
        channel: &str,
    ) -> Result<(PlannedNode, u64), Error> {
        let peers: Vec<&PlannedNode> = link.plan.peers_of(organization).collect();
        self.first_serving(link, &peers, channel).await.map_err(|error| match error.code {
            Code::NodeUnavailable => error.with("organization", organization),
            _ => error,
        })
    }

    /// The first of some peers that serves a channel, and the number of blocks that it has. They are asked side by side,
    /// so that one that hangs holds nobody up for longer than a look.
    pub(super) async fn first_serving(
        &self,
        link: &ChainLink,
        peers: &[&PlannedNode],
        channel: &str,
    ) -> Result<(PlannedNode, u64), Error> {
        let network = self.services.network.as_ref();
        let looks: Vec<_> = peers.iter().map(|peer| height_in_time(network, link, peer, channel)).collect();
        let mut looks = futures::stream::iter(looks).buffered(SIDE_BY_SIDE);
        let mut unknown = false;
        for peer in peers {
            match looks.next().await {
                Some(Ok(height)) => return Ok(((*peer).clone(), height)),
                Some(Err(error)) => unknown |= error.kind() == FabricKind::ChannelUnknown,
                None => break,
            }
        }
        if unknown {
            return Err(Error::not_found_as(Code::ChannelUnknown).on("channel"));
        }
        Err(Error::unavailable(Code::NodeUnavailable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(user: &str) -> Place {
        let (chain, channel) = (ChainName::parse("demo").unwrap(), ChannelName::parse("mychannel").unwrap());
        Place { user: UserId::new(user), chain, created_ms: 1, channel }
    }

    #[test]
    fn a_peer_that_has_the_block_is_taken_before_one_with_more_blocks_and_else_the_highest() {
        let check = |heights: &[Option<u64>], chosen| assert_eq!(choice(heights, 7), chosen, "{heights:?}");
        check(&[Some(5), Some(8), Some(9)], Some((1, true)));
        check(&[None, Some(8)], Some((1, true)));
        check(&[Some(5), None, Some(6)], Some((2, false)));
        check(&[Some(7), Some(7)], Some((1, false)));
        check(&[None, None], None);
        check(&[], None);
    }

    #[test]
    fn the_last_write_of_each_is_remembered_and_an_earlier_one_does_not_replace_it() {
        let (writes, peer) = (LastWrites::default(), NodeName::parse("peer0-org1").unwrap());
        writes.note(&place("ann"), 7, &peer);
        writes.note(&place("ann"), 6, &peer);
        let block = |user| writes.of(&place(user)).map(|write| write.block);
        assert_eq!((block("ann"), block("ben")), (Some(7), None));
        assert!(writes.of(&Place { created_ms: 2, ..place("ann") }).is_none(), "a chain made again");
    }
}

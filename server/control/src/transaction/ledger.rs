//! What stands on the ledger, read live from a peer: blocks and transactions with everything that can be checked.

use std::time::Duration;

use domain::chain::ChainVerb;
use domain::name::{ChainName, ChannelName};
use domain::permission::{Action, Noun};
use domain::transaction::{BlockView, ReadView, TransactionView, WriteView};
use domain::{Code, Error};
use fabric::block::{
    BlockView as FabricBlock, Party, TransactionKind, TransactionView as FabricTransaction, ValidationCode,
    parse_block,
};
use fabric::error::{FabricError, GrpcCode};
use futures::StreamExt;
use time::format_description::well_known::Rfc3339;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::error::internal;
use crate::explain::{call_error, full_text};
use crate::network::ChainLink;
use crate::operations::SIDE_BY_SIDE;
use crate::topology::PlannedNode;

/// Hexadecimal digits of a transaction id.
const ID_LEN: usize = 64;
/// Longest wait for one peer's block while several are asked.
pub(super) const BLOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Which block of a ledger is looked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Number(u64),
    /// The one that holds the transaction of this id.
    Holding(&'a str),
}

impl ControlPlane {
    /// A transaction, read live from a peer.
    pub async fn transaction_read(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
        id: &str,
    ) -> Result<TransactionView, Error> {
        let link = self.reader(caller, chain).await?;
        if id.len() != ID_LEN || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::not_found());
        }
        let id = id.to_ascii_lowercase();
        let peer = self.any_peer(&link, channel).await?;
        let block = self.block(&link, &peer, channel, Wanted::Holding(&id)).await?;
        let view = block.transactions.iter().find(|transaction| transaction.tx_id == id);
        view.map(|transaction| transaction_view(block.number, transaction)).ok_or_else(Error::not_found)
    }

    /// A block, read live from a peer, with the one before it to check the link between them.
    pub async fn block_read(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
        number: u64,
    ) -> Result<BlockView, Error> {
        let link = self.reader(caller, chain).await?;
        let peer = self.any_peer(&link, channel).await?;
        let block = self.block(&link, &peer, channel, Wanted::Number(number)).await?;
        let previous = match number.checked_sub(1) {
            // A peer that was made from a snapshot has no earlier blocks; then there is nothing to compare.
            Some(before) => self.block(&link, &peer, channel, Wanted::Number(before)).await.ok(),
            None => None,
        };
        Ok(block_view(&block, previous.as_ref()))
    }

    /// A block as a peer has it. One that is behind lacks what was written just now: before it is said that there is no
    /// such block, the other peers of the channel are asked.
    async fn block(
        &self,
        link: &ChainLink,
        peer: &PlannedNode,
        channel: &ChannelName,
        wanted: Wanted<'_>,
    ) -> Result<FabricBlock, Error> {
        let bytes = match self.block_at(link, peer, channel, wanted).await {
            Err(error) if is_absent(&error) => {
                self.block_elsewhere(link, peer, channel, wanted).await?.ok_or_else(Error::not_found)?
            }
            read => read.map_err(|error| call_error(&error))?,
        };
        parse_block(&bytes).map_err(|error| internal("read a block", error))
    }

    async fn block_at(
        &self,
        link: &ChainLink,
        peer: &PlannedNode,
        channel: &ChannelName,
        wanted: Wanted<'_>,
    ) -> Result<Vec<u8>, FabricError> {
        let network = &self.services.network;
        match wanted {
            Wanted::Number(number) => network.block(link, peer, channel.as_str(), number).await,
            Wanted::Holding(id) => network.block_of(link, peer, channel.as_str(), id).await,
        }
    }

    /// The same from whichever other peer of the channel has it first: blocks are the same everywhere.
    async fn block_elsewhere(
        &self,
        link: &ChainLink,
        asked: &PlannedNode,
        channel: &ChannelName,
        wanted: Wanted<'_>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let others = self.peers_in(link, channel).await?;
        let others = others.into_iter().filter(|peer| peer.name != asked.name);
        let looks: Vec<_> = others.map(|peer| self.block_in_time(link, peer, channel, wanted)).collect();
        let looks = futures::stream::iter(looks).buffer_unordered(SIDE_BY_SIDE);
        let mut found = looks.filter_map(std::future::ready);
        Ok(found.next().await)
    }

    async fn block_in_time(
        &self,
        link: &ChainLink,
        peer: &PlannedNode,
        channel: &ChannelName,
        wanted: Wanted<'_>,
    ) -> Option<Vec<u8>> {
        tokio::time::timeout(BLOCK_TIMEOUT, self.block_at(link, peer, channel, wanted)).await.ok()?.ok()
    }

    /// Authorises reading the ledgers of a chain.
    async fn reader(&self, caller: &Caller, chain: &ChainName) -> Result<ChainLink, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Channel, chain).await?;
        ChainVerb::Transact.check(record.state)?;
        self.link(&record).await
    }

    /// A peer of any organization that serves a channel.
    pub(crate) async fn any_peer(
        &self,
        link: &ChainLink,
        channel: &ChannelName,
    ) -> Result<PlannedNode, Error> {
        let peers = self.peers_in(link, channel).await?;
        let serving = self.first_serving(link, &peers, channel.as_str()).await;
        serving.map(|(peer, _)| peer).map_err(|_| Error::unavailable(Code::NodeUnavailable))
    }

    /// The peers of a channel's organizations, in the plan's order; not each of them need have joined it.
    pub(super) async fn peers_in<'a>(
        &self,
        link: &'a ChainLink,
        channel: &ChannelName,
    ) -> Result<Vec<&'a PlannedNode>, Error> {
        let channels = self.services.store.channel_list(&link.plan.chain).await;
        let channels = channels.map_err(crate::error::store)?;
        let record = channels.iter().find(|known| known.name == *channel).ok_or_else(Error::not_found)?;
        Ok(link.plan.peers_among(&record.organizations).collect())
    }
}

/// Whether a peer says that it has no such block, transaction or channel.
pub(super) fn is_absent(error: &FabricError) -> bool {
    // A peer that cannot be reached says nothing, though a host may say that its container is not found.
    if matches!(
        error,
        FabricError::Connect(_)
            | FabricError::Timeout { .. }
            | FabricError::Grpc { code: GrpcCode::Unavailable | GrpcCode::DeadlineExceeded, .. }
    ) {
        return false;
    }
    let text = full_text(error).to_lowercase();
    let absent = ["not found", "no such", "out of range", "does not exist"];
    absent.iter().any(|fragment| text.contains(fragment))
}

fn block_view(block: &FabricBlock, previous: Option<&FabricBlock>) -> BlockView {
    BlockView {
        number: block.number,
        hash: hex::encode(block.hash),
        previous_hash: hex::encode(&block.previous_hash),
        data_hash: hex::encode(&block.data_hash),
        data_hash_verified: block.is_data_hash_right,
        previous_hash_verified: previous.map(|previous| block.follows(previous)),
        transactions: block.transactions.iter().map(|tx| transaction_view(block.number, tx)).collect(),
    }
}

fn party(party: &Party) -> (String, String) {
    (party.msp_id.clone(), party.name.clone())
}

fn kind(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::Endorser => "endorser",
        TransactionKind::Config => "config",
        TransactionKind::Orderer => "orderer",
        TransactionKind::Other(_) | TransactionKind::Unreadable => "other",
    }
}

pub(super) fn transaction_view(block: u64, transaction: &FabricTransaction) -> TransactionView {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mut view = TransactionView {
        id: transaction.tx_id.clone(),
        block,
        index: u32::try_from(transaction.index).unwrap_or(u32::MAX),
        channel: transaction.channel.clone(),
        id_verified: (transaction.kind == TransactionKind::Endorser).then_some(transaction.is_tx_id_right),
        response: None,
        kind: kind(transaction.kind).to_owned(),
        time: transaction.time.and_then(|time| time.format(&Rfc3339).ok()),
        creator: transaction.creator.as_ref().map(party).unwrap_or_default(),
        endorsers: Vec::new(),
        chaincode: None,
        arguments: Vec::new(),
        reads: Vec::new(),
        writes: Vec::new(),
        event: None,
        validation: transaction.code.map_or("UNKNOWN", ValidationCode::name).to_owned(),
        valid: transaction.code == Some(ValidationCode::Valid),
    };
    let Some(action) = &transaction.action else { return view };
    view.endorsers = action.endorsers.iter().map(party).collect();
    view.chaincode = Some(match action.version.as_str() {
        "" => action.chaincode.clone(),
        version => format!("{} {version}", action.chaincode),
    });
    view.response = action.response.as_ref().map(|answer| (answer.status, answer.message.clone()));
    view.arguments = std::iter::once(action.function.clone()).chain(action.args.iter().map(text)).collect();
    view.event = action.event.as_ref().map(|event| (event.name.clone(), text(&event.payload)));
    for namespace in &action.namespaces {
        let name = &namespace.namespace;
        view.reads.extend(namespace.reads.iter().map(|read| ReadView {
            namespace: name.clone(),
            key: read.key.clone(),
            version: read.version,
        }));
        view.writes.extend(namespace.writes.iter().map(|write| WriteView {
            namespace: name.clone(),
            key: write.key.clone(),
            deleted: write.is_delete,
            value: text(&write.value),
        }));
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_says_what_it_does_not_have() {
        let grpc =
            |code| FabricError::Grpc { code, message: "peer0 not found".to_owned(), details: Vec::new() };
        let refused = FabricError::Proposal { status: 500, message: "no such transaction ID".to_owned() };
        let unreached = FabricError::Connect(std::io::Error::other("the container was not found"));
        assert!(is_absent(&refused) && is_absent(&grpc(GrpcCode::NotFound)));
        assert!(!is_absent(&unreached) && !is_absent(&grpc(GrpcCode::Unavailable)));
    }
}

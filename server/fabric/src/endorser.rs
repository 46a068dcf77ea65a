//! Talking to one peer directly: proposals, and the system chaincodes `cscc` and `qscc`.
//!
//! The gateway does not serve calls without a channel (joining, installing), and asking one certain peer for its
//! height or blocks must not be answered by another one. Blocks are handed on as the bytes that the peer sent.

use prost::Message;

use std::time::Duration;

use crate::{
    conn::NodeConn,
    error::{ErrorKind, FabricError},
    identity::SigningIdentity,
    proto::peer::{BlockchainInfo, ChannelQueryResponse, ProcessedTransaction, ProposalResponse},
};

mod proposal;
mod transaction;

pub use proposal::{Invocation, Proposal};
pub(crate) use proposal::{timestamp, tx_id};
pub use transaction::assemble;
pub(crate) use transaction::verify_prepared;

const PROCESS_PROPOSAL: &str = "/protos.Endorser/ProcessProposal";
/// Time for a query of a system chaincode.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a peer to make the ledger of a channel.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(120);

/// Whose texts are those of the node; everything else is somebody's contract.
const SYSTEM_CHAINCODES: &[&str] = &["cscc", "qscc", "lscc", "_lifecycle"];

/// Height and newest hashes of a peer's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainInfo {
    /// Number of blocks.
    pub height: u64,
    pub current_hash: Vec<u8>,
    pub previous_hash: Vec<u8>,
}

/// Sends a proposal to one peer and checks the status of its response.
pub async fn process(
    conn: &NodeConn,
    proposal: &Proposal,
    deadline: Duration,
) -> Result<ProposalResponse, FabricError> {
    let answer: ProposalResponse = conn.unary(PROCESS_PROPOSAL, proposal.signed().clone(), deadline).await?;
    check_status(&answer, proposal.chaincode())?;
    Ok(answer)
}

/// Makes the peer join a channel; `block` is the channel's block 0. Being in it already is success.
pub async fn join_chain(conn: &NodeConn, admin: &SigningIdentity, block: &[u8]) -> Result<(), FabricError> {
    let call = Invocation::new("", "cscc", vec![b"JoinChain".to_vec(), block.to_vec()]);
    match process(conn, &Proposal::new(admin, &call)?, JOIN_TIMEOUT).await {
        Err(error) if error.kind() == ErrorKind::AlreadyJoined => Ok(()),
        other => other.map(drop),
    }
}

/// Names of the channels that the peer has joined. Wants a member of the peer's organization.
pub async fn get_channels(conn: &NodeConn, member: &SigningIdentity) -> Result<Vec<String>, FabricError> {
    let bytes = query(conn, member, &Invocation::new("", "cscc", vec![b"GetChannels".to_vec()])).await?;
    let answer = ChannelQueryResponse::decode(bytes.as_slice());
    let answer = answer.map_err(|_| FabricError::Decode("the list of channels"))?;
    Ok(answer.channels.into_iter().map(|channel| channel.channel_id).collect())
}

/// The newest configuration block of a channel, as the peer has it.
pub async fn get_config_block(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
) -> Result<Vec<u8>, FabricError> {
    query(conn, reader, &channel_call("cscc", "GetConfigBlock", channel, None)).await
}

/// Height and hashes of the peer's ledger of a channel.
pub async fn get_chain_info(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
) -> Result<ChainInfo, FabricError> {
    let bytes = query(conn, reader, &channel_call("qscc", "GetChainInfo", channel, None)).await?;
    let info = BlockchainInfo::decode(bytes.as_slice());
    let info = info.map_err(|_| FabricError::Decode("the ledger's height"))?;
    Ok(ChainInfo {
        height: info.height,
        current_hash: info.current_block_hash,
        previous_hash: info.previous_block_hash,
    })
}

/// A block by its number, with validation codes.
pub async fn get_block_by_number(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
    number: u64,
) -> Result<Vec<u8>, FabricError> {
    query(conn, reader, &channel_call("qscc", "GetBlockByNumber", channel, Some(number.to_string()))).await
}

/// The block that a transaction stands in.
pub async fn get_block_by_txid(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
    tx_id: &str,
) -> Result<Vec<u8>, FabricError> {
    query(conn, reader, &channel_call("qscc", "GetBlockByTxID", channel, Some(tx_id.to_owned()))).await
}

/// A transaction and its validation code.
pub async fn get_transaction_by_id(
    conn: &NodeConn,
    reader: &SigningIdentity,
    channel: &str,
    tx_id: &str,
) -> Result<ProcessedTransaction, FabricError> {
    let call = channel_call("qscc", "GetTransactionByID", channel, Some(tx_id.to_owned()));
    let bytes = query(conn, reader, &call).await?;
    ProcessedTransaction::decode(bytes.as_slice()).map_err(|_| FabricError::Decode("the transaction"))
}

/// Calls a chaincode on this peer only and returns its payload; nothing is ordered.
pub async fn query(
    conn: &NodeConn,
    identity: &SigningIdentity,
    call: &Invocation,
) -> Result<Vec<u8>, FabricError> {
    let answer = process(conn, &Proposal::new(identity, call)?, QUERY_TIMEOUT).await?;
    Ok(answer.response.map(|response| response.payload).unwrap_or_default())
}

/// System chaincodes take the channel in the header and again as an argument.
fn channel_call(chaincode: &str, function: &str, channel: &str, argument: Option<String>) -> Invocation {
    let mut args = vec![function.as_bytes().to_vec(), channel.as_bytes().to_vec()];
    args.extend(argument.map(String::into_bytes));
    Invocation::new(channel, chaincode, args)
}

fn check_status(answer: &ProposalResponse, chaincode: &str) -> Result<(), FabricError> {
    let response = answer.response.as_ref().ok_or(FabricError::Decode("the proposal response"))?;
    let (status, message) = (response.status, response.message.clone());
    if (200..400).contains(&status) {
        return Ok(());
    }
    // A contract's own error comes with the simulation's result; what the peer itself refuses comes without.
    if answer.payload.is_empty() || SYSTEM_CHAINCODES.contains(&chaincode) {
        Err(FabricError::Proposal { status, message })
    } else {
        Err(FabricError::Chaincode { status, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::peer::Response;

    #[test]
    fn errors_of_contracts_and_of_peers_are_told_apart() {
        let answer = |status, payload: &[u8]| ProposalResponse {
            response: Some(Response { status, message: "access denied".into(), payload: vec![] }),
            payload: payload.to_vec(),
            ..Default::default()
        };
        let kind = |answer, chaincode| check_status(&answer, chaincode).map_err(|error| error.kind());
        let from_contract = ErrorKind::ChaincodeError { status: 500, message: "access denied".into() };
        assert_eq!(kind(answer(200, b"x"), "cc"), Ok(()));
        assert_eq!(kind(answer(500, b"x"), "cc"), Err(from_contract));
        assert_eq!(kind(answer(500, b""), "cc"), Err(ErrorKind::AccessDenied));
        assert_eq!(kind(answer(500, b"x"), "qscc"), Err(ErrorKind::AccessDenied));
        assert!(check_status(&ProposalResponse::default(), "cc").is_err());
    }
}

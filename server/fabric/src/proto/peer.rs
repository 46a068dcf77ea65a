//! What a client says to a peer and a peer says to a client: proposals, responses and transactions.
//!
//! Package `protos` of Fabric; field numbers are those of `peer/proposal.proto`, `peer/transaction.proto`,
//! `peer/chaincode.proto` and `peer/query.proto`. These types hold no rules: they must never validate or sign.

use std::collections::BTreeMap;

pub mod deliver;
pub mod gateway;
pub mod lifecycle;

/// A proposal as bytes with the creator's signature over exactly these bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignedProposal {
    #[prost(bytes = "vec", tag = "1")]
    pub proposal_bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

/// Header and payload of a proposal, both as bytes: hashes are taken over them as they were sent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Proposal {
    #[prost(bytes = "vec", tag = "1")]
    pub header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub payload: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub extension: Vec<u8>,
}

/// Extension of the channel header that names the chaincode.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeHeaderExtension {
    #[prost(message, optional, tag = "2")]
    pub chaincode_id: Option<ChaincodeId>,
}

/// Input of a chaincode call, with transient data beside it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeProposalPayload {
    /// A marshalled [`ChaincodeInvocationSpec`].
    #[prost(bytes = "vec", tag = "1")]
    pub input: Vec<u8>,
    /// Never part of a transaction and never stored on the ledger.
    #[prost(btree_map = "string, bytes", tag = "2")]
    pub transient_map: BTreeMap<String, Vec<u8>>,
}

/// Name, path and version of a chaincode; calls fill only the name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeId {
    #[prost(string, tag = "1")]
    pub path: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub version: String,
}

/// Arguments of a call: the first one is by custom the function's name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeInput {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub args: Vec<Vec<u8>>,
    #[prost(btree_map = "string, bytes", tag = "2")]
    pub decorations: BTreeMap<String, Vec<u8>>,
    #[prost(bool, tag = "3")]
    pub is_init: bool,
}

/// Language of a chaincode; nodes do not check it for calls.
pub const CHAINCODE_TYPE_GOLANG: i32 = 1;

/// Which chaincode is called and with what.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeSpec {
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    #[prost(message, optional, tag = "2")]
    pub chaincode_id: Option<ChaincodeId>,
    #[prost(message, optional, tag = "3")]
    pub input: Option<ChaincodeInput>,
    #[prost(int32, tag = "4")]
    pub timeout: i32,
}

/// Wrapper around [`ChaincodeSpec`], the content of a proposal's `input`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeInvocationSpec {
    #[prost(message, optional, tag = "1")]
    pub chaincode_spec: Option<ChaincodeSpec>,
}

/// A peer's answer to a proposal.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProposalResponse {
    #[prost(int32, tag = "1")]
    pub version: i32,
    #[prost(message, optional, tag = "4")]
    pub response: Option<Response>,
    /// A marshalled [`ProposalResponsePayload`]: all endorsers must return the same bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub payload: Vec<u8>,
    #[prost(message, optional, tag = "6")]
    pub endorsement: Option<Endorsement>,
}

/// What the chaincode returned: 200 is success, from 400 on it is an error and not endorsed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(bytes = "vec", tag = "3")]
    pub payload: Vec<u8>,
}

/// A peer's signature over response payload and its own identity.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Endorsement {
    /// A marshalled `SerializedIdentity`.
    #[prost(bytes = "vec", tag = "1")]
    pub endorser: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

/// The part of a response that is endorsed and goes into the transaction.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProposalResponsePayload {
    #[prost(bytes = "vec", tag = "1")]
    pub proposal_hash: Vec<u8>,
    /// A marshalled [`ChaincodeAction`].
    #[prost(bytes = "vec", tag = "2")]
    pub extension: Vec<u8>,
}

/// Outcome of the simulation: read-write set, event, response.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeAction {
    /// A marshalled [`super::ledger::TxReadWriteSet`].
    #[prost(bytes = "vec", tag = "1")]
    pub results: Vec<u8>,
    /// A marshalled [`ChaincodeEvent`], or empty.
    #[prost(bytes = "vec", tag = "2")]
    pub events: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub response: Option<Response>,
    #[prost(message, optional, tag = "4")]
    pub chaincode_id: Option<ChaincodeId>,
}

/// The one event that a chaincode call may set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeEvent {
    #[prost(string, tag = "1")]
    pub chaincode_id: String,
    #[prost(string, tag = "2")]
    pub tx_id: String,
    #[prost(string, tag = "3")]
    pub event_name: String,
    #[prost(bytes = "vec", tag = "4")]
    pub payload: Vec<u8>,
}

/// Content of an ENDORSER_TRANSACTION payload. Fabric uses exactly one action.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Transaction {
    #[prost(message, repeated, tag = "1")]
    pub actions: Vec<TransactionAction>,
}

/// Signature header bytes of the proposal and a marshalled [`ChaincodeActionPayload`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct TransactionAction {
    #[prost(bytes = "vec", tag = "1")]
    pub header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub payload: Vec<u8>,
}

/// The call as it was proposed, without transient data, and what was endorsed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeActionPayload {
    /// A marshalled [`ChaincodeProposalPayload`] whose transient map is empty.
    #[prost(bytes = "vec", tag = "1")]
    pub chaincode_proposal_payload: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub action: Option<ChaincodeEndorsedAction>,
}

/// Endorsed payload and the endorsements over it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChaincodeEndorsedAction {
    #[prost(bytes = "vec", tag = "1")]
    pub proposal_response_payload: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub endorsements: Vec<Endorsement>,
}

/// A committed transaction with its validation code, as `qscc` returns it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProcessedTransaction {
    #[prost(message, optional, tag = "1")]
    pub transaction_envelope: Option<super::channel::Envelope>,
    #[prost(int32, tag = "2")]
    pub validation_code: i32,
}

/// Answer of `cscc GetChannels`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChannelQueryResponse {
    #[prost(message, repeated, tag = "1")]
    pub channels: Vec<ChannelInfo>,
}

/// One channel that a peer has joined.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChannelInfo {
    #[prost(string, tag = "1")]
    pub channel_id: String,
}

/// Answer of `qscc GetChainInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockchainInfo {
    /// Number of blocks; the newest block has number `height - 1`.
    #[prost(uint64, tag = "1")]
    pub height: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub current_block_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub previous_block_hash: Vec<u8>,
}

//! Messages of the peer's gateway service (Fabric 2.4 and newer) and the error details it attaches.
//!
//! Package `gateway`, and the two well-known messages `google.rpc.Status` and `google.protobuf.Any`.

use super::{Response, SignedProposal};
use crate::proto::channel::Envelope;

#[derive(Clone, PartialEq, prost::Message)]
pub struct EvaluateRequest {
    #[prost(string, tag = "1")]
    pub transaction_id: String,
    #[prost(string, tag = "2")]
    pub channel_id: String,
    #[prost(message, optional, tag = "3")]
    pub proposed_transaction: Option<SignedProposal>,
    #[prost(string, repeated, tag = "4")]
    pub target_organizations: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EvaluateResponse {
    #[prost(message, optional, tag = "1")]
    pub result: Option<Response>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EndorseRequest {
    #[prost(string, tag = "1")]
    pub transaction_id: String,
    #[prost(string, tag = "2")]
    pub channel_id: String,
    #[prost(message, optional, tag = "3")]
    pub proposed_transaction: Option<SignedProposal>,
    /// Empty lets the peer choose by policy; otherwise exactly these MSP IDs endorse.
    #[prost(string, repeated, tag = "4")]
    pub endorsing_organizations: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EndorseResponse {
    /// Without a signature: the client checks and signs the payload.
    #[prost(message, optional, tag = "1")]
    pub prepared_transaction: Option<Envelope>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SubmitRequest {
    #[prost(string, tag = "1")]
    pub transaction_id: String,
    #[prost(string, tag = "2")]
    pub channel_id: String,
    #[prost(message, optional, tag = "3")]
    pub prepared_transaction: Option<Envelope>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SubmitResponse {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SignedCommitStatusRequest {
    /// A marshalled [`CommitStatusRequest`].
    #[prost(bytes = "vec", tag = "1")]
    pub request: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CommitStatusRequest {
    #[prost(string, tag = "1")]
    pub transaction_id: String,
    #[prost(string, tag = "2")]
    pub channel_id: String,
    /// A marshalled `SerializedIdentity`.
    #[prost(bytes = "vec", tag = "3")]
    pub identity: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CommitStatusResponse {
    /// A validation code.
    #[prost(int32, tag = "1")]
    pub result: i32,
    #[prost(uint64, tag = "2")]
    pub block_number: u64,
}

/// What one node said when a call over the gateway failed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ErrorDetail {
    #[prost(string, tag = "1")]
    pub address: String,
    #[prost(string, tag = "2")]
    pub msp_id: String,
    #[prost(string, tag = "3")]
    pub message: String,
}

/// `google.rpc.Status`, content of the trailer `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

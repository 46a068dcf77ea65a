//! Envelopes, blocks and everything that a channel configuration holds.
//!
//! Packages `common`, `msp`, `orderer`, `etcdraft` and `orderer.smartbft` of fabric-protos, written from their
//! field numbers. Structs only: nothing here may decide, sign or check. Values inside a configuration stay the
//! bytes they came as ([`ConfigValue::value`]), because whoever signs them signs exactly these bytes.

mod config;
mod consensus;
mod msp;

pub use config::*;
pub use consensus::*;
pub use msp::*;

/// `google.protobuf.Timestamp`: seconds and nanoseconds since 1970 in UTC.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// What an envelope carries: `ChannelHeader.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum HeaderType {
    Message = 0,
    Config = 1,
    ConfigUpdate = 2,
    EndorserTransaction = 3,
    OrdererTransaction = 4,
    DeliverSeekInfo = 5,
    ChaincodePackage = 6,
}

/// Answers of ordering and deliver services, modelled on HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    Unknown = 0,
    Success = 200,
    BadRequest = 400,
    Forbidden = 403,
    NotFound = 404,
    RequestEntityTooLarge = 413,
    InternalServerError = 500,
    NotImplemented = 501,
    ServiceUnavailable = 503,
}

/// Which slot of [`BlockMetadata`] holds what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum BlockMetadataIndex {
    Signatures = 0,
    LastConfig = 1,
    TransactionsFilter = 2,
    Orderer = 3,
    CommitHash = 4,
}

/// A payload and the submitter's signature over its bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Envelope {
    #[prost(bytes = "vec", tag = "1")]
    pub payload: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Payload {
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// A marshalled message whose kind the channel header names.
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
}

/// Both headers as bytes: hashes and signatures are taken over them as they were sent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Header {
    /// A marshalled [`ChannelHeader`].
    #[prost(bytes = "vec", tag = "1")]
    pub channel_header: Vec<u8>,
    /// A marshalled [`SignatureHeader`].
    #[prost(bytes = "vec", tag = "2")]
    pub signature_header: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ChannelHeader {
    /// A [`HeaderType`].
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    #[prost(int32, tag = "2")]
    pub version: i32,
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Timestamp>,
    #[prost(string, tag = "4")]
    pub channel_id: String,
    /// Lower-case hex of SHA-256(nonce ‖ creator).
    #[prost(string, tag = "5")]
    pub tx_id: String,
    #[prost(uint64, tag = "6")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub extension: Vec<u8>,
    /// SHA-256 of the DER of the TLS client certificate, when one is used.
    #[prost(bytes = "vec", tag = "8")]
    pub tls_cert_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SignatureHeader {
    /// A marshalled [`SerializedIdentity`].
    #[prost(bytes = "vec", tag = "1")]
    pub creator: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub nonce: Vec<u8>,
}

/// Who signs: MSP ID and the PEM of exactly one certificate (`msp.SerializedIdentity`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct SerializedIdentity {
    #[prost(string, tag = "1")]
    pub mspid: String,
    #[prost(bytes = "vec", tag = "2")]
    pub id_bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Block {
    #[prost(message, optional, tag = "1")]
    pub header: Option<BlockHeader>,
    #[prost(message, optional, tag = "2")]
    pub data: Option<BlockData>,
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<BlockMetadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockHeader {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Hash of the previous block's header; empty in block 0.
    #[prost(bytes = "vec", tag = "2")]
    pub previous_hash: Vec<u8>,
    /// SHA-256 over all data entries, one after the other.
    #[prost(bytes = "vec", tag = "3")]
    pub data_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockData {
    /// Marshalled [`Envelope`]s.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub data: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockMetadata {
    /// One entry per [`BlockMetadataIndex`].
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub metadata: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Metadata {
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub signatures: Vec<MetadataSignature>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct MetadataSignature {
    /// A marshalled [`SignatureHeader`]; Raft.
    #[prost(bytes = "vec", tag = "1")]
    pub signature_header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
    /// A marshalled [`IdentifierHeader`]; BFT.
    #[prost(bytes = "vec", tag = "3")]
    pub identifier_header: Vec<u8>,
}

/// Names the signing consenter by its number in the consenter mapping.
#[derive(Clone, PartialEq, prost::Message)]
pub struct IdentifierHeader {
    #[prost(uint32, tag = "1")]
    pub identifier: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub nonce: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct LastConfig {
    #[prost(uint64, tag = "1")]
    pub index: u64,
}

/// Value of the metadata slot `SIGNATURES`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrdererBlockMetadata {
    #[prost(message, optional, tag = "1")]
    pub last_config: Option<LastConfig>,
    #[prost(bytes = "vec", tag = "2")]
    pub consenter_metadata: Vec<u8>,
}

//! Messages of the block streams of peers (`protos.Deliver`) and orderers (`orderer.AtomicBroadcast`).

/// The orderer's answer to one broadcast envelope; 200 means accepted for ordering, not committed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BroadcastResponse {
    /// A `common.Status`.
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(string, tag = "2")]
    pub info: String,
}

/// Waits for blocks that do not exist yet; the other behaviour ends the stream with NOT_FOUND.
pub const BLOCK_UNTIL_READY: i32 = 0;
/// Ends the stream when a wanted block does not exist.
pub const FAIL_IF_NOT_READY: i32 = 1;

/// Which blocks a deliver stream wants.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SeekInfo {
    #[prost(message, optional, tag = "1")]
    pub start: Option<SeekPosition>,
    #[prost(message, optional, tag = "2")]
    pub stop: Option<SeekPosition>,
    #[prost(int32, tag = "3")]
    pub behavior: i32,
    #[prost(int32, tag = "4")]
    pub error_response: i32,
    #[prost(int32, tag = "5")]
    pub content_type: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SeekPosition {
    #[prost(oneof = "seek_position::Type", tags = "1, 2, 3, 4")]
    pub r#type: Option<seek_position::Type>,
}

pub mod seek_position {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Type {
        #[prost(message, tag = "1")]
        Newest(Nothing),
        #[prost(message, tag = "2")]
        Oldest(Nothing),
        #[prost(message, tag = "3")]
        Specified(Specified),
        #[prost(message, tag = "4")]
        NextCommit(Nothing),
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Nothing {}

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Specified {
        #[prost(uint64, tag = "1")]
        pub number: u64,
    }
}

/// One message of a deliver stream. Peers and orderers agree on the two fields that are used here; the peer's
/// filtered blocks (field 3) and private data (field 4) are not asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeliverResponse {
    #[prost(oneof = "deliver_response::Type", tags = "1, 2")]
    pub r#type: Option<deliver_response::Type>,
}

pub mod deliver_response {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Type {
        /// A `common.Status`; the last message of a stream.
        #[prost(int32, tag = "1")]
        Status(i32),
        /// A marshalled `common.Block`, kept as the bytes that were sent (on the wire a message is bytes).
        #[prost(bytes, tag = "2")]
        Block(Vec<u8>),
    }
}

//! Read-write sets as they stand in transactions: packages `rwset`, `kvrwset` and `queryresult`.
//!
//! They are only read here. Whoever endorses made them; rebuilding one would break its signatures.

#[derive(Clone, PartialEq, prost::Message)]
pub struct TxReadWriteSet {
    /// 0 is key and value, the only model there is.
    #[prost(int32, tag = "1")]
    pub data_model: i32,
    #[prost(message, repeated, tag = "2")]
    pub ns_rwset: Vec<NsReadWriteSet>,
}

/// Reads and writes in one namespace (a chaincode's name).
#[derive(Clone, PartialEq, prost::Message)]
pub struct NsReadWriteSet {
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// A marshalled [`KvRwSet`].
    #[prost(bytes = "vec", tag = "2")]
    pub rwset: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub collection_hashed_rwset: Vec<CollectionHashedReadWriteSet>,
}

/// Hashes of what happened in a private collection.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CollectionHashedReadWriteSet {
    #[prost(string, tag = "1")]
    pub collection_name: String,
    /// A marshalled [`HashedRwSet`].
    #[prost(bytes = "vec", tag = "2")]
    pub hashed_rwset: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub pvt_rwset_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvRwSet {
    #[prost(message, repeated, tag = "1")]
    pub reads: Vec<KvRead>,
    #[prost(message, repeated, tag = "2")]
    pub range_queries_info: Vec<RangeQueryInfo>,
    #[prost(message, repeated, tag = "3")]
    pub writes: Vec<KvWrite>,
    #[prost(message, repeated, tag = "4")]
    pub metadata_writes: Vec<KvMetadataWrite>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvRead {
    #[prost(string, tag = "1")]
    pub key: String,
    /// Absent when the key did not exist.
    #[prost(message, optional, tag = "2")]
    pub version: Option<Version>,
}

/// Block and position of the transaction that wrote a key last.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Version {
    #[prost(uint64, tag = "1")]
    pub block_num: u64,
    #[prost(uint64, tag = "2")]
    pub tx_num: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvWrite {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(bool, tag = "2")]
    pub is_delete: bool,
    #[prost(bytes = "vec", tag = "3")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvMetadataWrite {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, repeated, tag = "2")]
    pub entries: Vec<KvMetadataEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvMetadataEntry {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// A range that was read; only the bounds are shown, the result itself is skipped.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RangeQueryInfo {
    #[prost(string, tag = "1")]
    pub start_key: String,
    #[prost(string, tag = "2")]
    pub end_key: String,
    #[prost(bool, tag = "3")]
    pub itr_exhausted: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct HashedRwSet {
    #[prost(message, repeated, tag = "1")]
    pub hashed_reads: Vec<KvReadHash>,
    #[prost(message, repeated, tag = "2")]
    pub hashed_writes: Vec<KvWriteHash>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvReadHash {
    #[prost(bytes = "vec", tag = "1")]
    pub key_hash: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub version: Option<Version>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct KvWriteHash {
    #[prost(bytes = "vec", tag = "1")]
    pub key_hash: Vec<u8>,
    #[prost(bool, tag = "2")]
    pub is_delete: bool,
    #[prost(bytes = "vec", tag = "3")]
    pub value_hash: Vec<u8>,
    #[prost(bool, tag = "4")]
    pub is_purge: bool,
}

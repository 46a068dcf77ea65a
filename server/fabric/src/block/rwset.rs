//! Read-write sets of a transaction: which keys were read and written, by namespace and collection.

use prost::Message;

use crate::proto::ledger::{HashedRwSet, KvRwSet, NsReadWriteSet, TxReadWriteSet};

/// What happened in one namespace (a chaincode's name).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceView {
    pub namespace: String,
    pub reads: Vec<ReadView>,
    pub ranges: Vec<RangeView>,
    pub writes: Vec<WriteView>,
    /// Keys whose own endorsement policy was set.
    pub metadata_keys: Vec<String>,
    pub collections: Vec<CollectionView>,
}

/// A key that was read, with block and position of its last write; `None` when it did not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadView {
    pub key: String,
    pub version: Option<(u64, u64)>,
}

/// A range that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeView {
    pub start: String,
    pub end: String,
}

/// A key that was written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteView {
    pub key: String,
    pub is_delete: bool,
    pub value: Vec<u8>,
}

/// A private collection: only hashes are in the block, so keys are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionView {
    pub name: String,
    pub reads: usize,
    pub writes: usize,
}

/// Reads a marshalled `TxReadWriteSet`; `None` if it is none. An unreadable part leaves its lists empty.
pub(super) fn read(results: &[u8]) -> Option<Vec<NamespaceView>> {
    let set = TxReadWriteSet::decode(results).ok()?;
    Some(set.ns_rwset.into_iter().map(namespace).collect())
}

fn namespace(set: NsReadWriteSet) -> NamespaceView {
    let inner = KvRwSet::decode(set.rwset.as_slice()).unwrap_or_default();
    let reads = inner.reads.into_iter().map(|read| ReadView {
        key: read.key,
        version: read.version.map(|version| (version.block_num, version.tx_num)),
    });
    let ranges = inner.range_queries_info.into_iter();
    let writes = inner.writes.into_iter().map(|write| WriteView {
        key: write.key,
        is_delete: write.is_delete,
        value: write.value,
    });
    let collections = set.collection_hashed_rwset.into_iter().map(|collection| {
        let hashed = HashedRwSet::decode(collection.hashed_rwset.as_slice()).unwrap_or_default();
        CollectionView {
            name: collection.collection_name,
            reads: hashed.hashed_reads.len(),
            writes: hashed.hashed_writes.len(),
        }
    });
    NamespaceView {
        namespace: set.namespace,
        reads: reads.collect(),
        ranges: ranges.map(|range| RangeView { start: range.start_key, end: range.end_key }).collect(),
        writes: writes.collect(),
        metadata_keys: inner.metadata_writes.into_iter().map(|write| write.key).collect(),
        collections: collections.collect(),
    }
}

//! Reads blocks and transactions for people: who called what, what it wrote, and whether it counted.
//!
//! Blocks also hold invalid and malformed transactions, so whatever cannot be read is left empty and marked;
//! parsing fails only when the block itself is no block, and never panics. Nothing here decides about trust:
//! hashes are recomputed and shown, signatures are not checked.

use std::collections::HashMap;

use prost::Message;
use sha2::{Digest, Sha256};

use crate::proto::channel::{
    Block, BlockHeader, BlockMetadataIndex, LastConfig, Metadata, OrdererBlockMetadata, SignatureHeader,
};

mod party;
mod rwset;
mod transaction;
mod validation;

pub use party::Party;
pub use rwset::{CollectionView, NamespaceView, RangeView, ReadView, WriteView};
pub use transaction::{ActionView, EventView, TransactionKind, TransactionView};
pub use validation::ValidationCode;

/// The bytes are not a block, or a block without header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BlockError {
    #[error("these bytes are not a block")]
    NotABlock,
    #[error("these bytes are not an envelope")]
    NotAnEnvelope,
}

/// A block with everything that an explorer shows.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockView {
    pub number: u64,
    /// Empty for block 0.
    pub previous_hash: Vec<u8>,
    /// As the header says.
    pub data_hash: Vec<u8>,
    /// Do the transactions have the hash that the header says?
    pub is_data_hash_right: bool,
    /// Hash of this block's header, which the next block repeats as `previous_hash`.
    pub hash: [u8; 32],
    /// Bytes of the whole block.
    pub size: usize,
    /// Number of the newest configuration block as of this one, when the metadata says so.
    pub last_config: Option<u64>,
    /// Orderers whose signatures are in the metadata.
    pub signers: Vec<Party>,
    pub transactions: Vec<TransactionView>,
}

impl BlockView {
    /// True if this block comes directly after `previous` in the same ledger.
    pub fn follows(&self, previous: &Self) -> bool {
        previous.number.checked_add(1) == Some(self.number) && self.previous_hash == previous.hash
    }
}

/// Parties by their marshalled identity: the same few certificates stand in every transaction of a block.
type Parties = HashMap<Vec<u8>, Party>;

/// Reads a block from its bytes.
pub fn parse_block(bytes: &[u8]) -> Result<BlockView, BlockError> {
    let block = Block::decode(bytes).map_err(|_| BlockError::NotABlock)?;
    let header = block.header.ok_or(BlockError::NotABlock)?;
    let data = block.data.map(|data| data.data).unwrap_or_default();
    let metadata = block.metadata.map(|metadata| metadata.metadata).unwrap_or_default();
    let mut parties = Parties::new();
    let codes = slot(&metadata, BlockMetadataIndex::TransactionsFilter);
    let transactions = data.iter().enumerate().map(|(index, envelope)| {
        let mut view = transaction::read(envelope, &mut parties);
        view.index = index;
        view.code = codes.and_then(|codes| codes.get(index)).map(|code| ValidationCode::from(*code));
        view
    });
    let transactions = transactions.collect();
    Ok(BlockView {
        number: header.number,
        is_data_hash_right: data_hash(&data).as_slice() == header.data_hash,
        hash: header_hash(&header),
        size: bytes.len(),
        last_config: last_config(&metadata),
        signers: signers(&metadata, &mut parties),
        transactions,
        previous_hash: header.previous_hash,
        data_hash: header.data_hash,
    })
}

/// Reads one transaction from the bytes of its envelope; index and validation code are those of the block and
/// stay unset.
pub fn parse_transaction(envelope: &[u8]) -> Result<TransactionView, BlockError> {
    let view = transaction::read(envelope, &mut Parties::new());
    if view.is_readable { Ok(view) } else { Err(BlockError::NotAnEnvelope) }
}

/// Number of the newest configuration block, as a block's metadata says.
pub fn last_config_number(bytes: &[u8]) -> Result<Option<u64>, BlockError> {
    let block = Block::decode(bytes).map_err(|_| BlockError::NotABlock)?;
    Ok(last_config(&block.metadata.map(|metadata| metadata.metadata).unwrap_or_default()))
}

fn slot(metadata: &[Vec<u8>], index: BlockMetadataIndex) -> Option<&[u8]> {
    let index = usize::try_from(i32::from(index)).ok()?;
    metadata.get(index).map(Vec::as_slice)
}

/// From Fabric 1.4.2 on the number stands in the signatures' metadata, before in a slot of its own.
fn last_config(metadata: &[Vec<u8>]) -> Option<u64> {
    let read = |index| Metadata::decode(slot(metadata, index)?).ok().map(|metadata| metadata.value);
    let signed = read(BlockMetadataIndex::Signatures).filter(|value| !value.is_empty());
    let from_signed =
        signed.and_then(|value| OrdererBlockMetadata::decode(value.as_slice()).ok()?.last_config);
    let from_slot = || LastConfig::decode(read(BlockMetadataIndex::LastConfig)?.as_slice()).ok();
    from_signed.or_else(from_slot).map(|config| config.index)
}

/// Raft orderers sign with a whole signature header; BFT ones with a number that is explained elsewhere.
fn signers(metadata: &[Vec<u8>], parties: &mut Parties) -> Vec<Party> {
    let signatures = slot(metadata, BlockMetadataIndex::Signatures)
        .and_then(|bytes| Metadata::decode(bytes).ok())
        .map(|metadata| metadata.signatures)
        .unwrap_or_default();
    let headers =
        signatures.iter().filter_map(|one| SignatureHeader::decode(one.signature_header.as_slice()).ok());
    headers.filter_map(|header| party::read(&header.creator, parties)).collect()
}

/// SHA-256 over all envelopes, one after the other.
fn data_hash(data: &[Vec<u8>]) -> [u8; 32] {
    data.iter().fold(Sha256::new(), |hash, envelope| hash.chain_update(envelope)).finalize().into()
}

/// SHA-256 of the header as DER: SEQUENCE { INTEGER number, OCTET STRING previous, OCTET STRING data }.
pub fn header_hash(header: &BlockHeader) -> [u8; 32] {
    let mut content = Vec::new();
    der_element(&mut content, 0x02, &der_unsigned(header.number));
    der_element(&mut content, 0x04, &header.previous_hash);
    der_element(&mut content, 0x04, &header.data_hash);
    let mut out = Vec::new();
    der_element(&mut out, 0x30, &content);
    Sha256::digest(&out).into()
}

/// Shortest big-endian form whose first bit is 0, as DER wants positive integers.
fn der_unsigned(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let mut out = bytes.get(first..).unwrap_or_default().to_vec();
    if out.first().is_some_and(|byte| *byte >= 0x80) {
        out.insert(0, 0);
    }
    out
}

fn der_element(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
            let length = bytes.get(first..).unwrap_or_default();
            out.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_integers_and_lengths() {
        let cases: &[(u64, &[u8])] = &[
            (0, &[0]),
            (127, &[127]),
            (128, &[0, 128]),
            (256, &[1, 0]),
            (u64::MAX, &[0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ];
        for (number, expected) in cases {
            assert_eq!(der_unsigned(*number), *expected, "{number}");
        }
        for (length, expected) in
            [(0, vec![4, 0]), (127, vec![4, 127]), (128, vec![4, 0x81, 128]), (300, vec![4, 0x82, 1, 44])]
        {
            let mut out = Vec::new();
            der_element(&mut out, 4, &vec![0; length]);
            assert_eq!(out.get(..expected.len()), Some(expected.as_slice()), "{length}");
            assert_eq!(out.len(), expected.len() + length);
        }
    }
}

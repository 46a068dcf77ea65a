//! Transactions: what is asked of a chaincode and what came of it.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};

/// Largest sum of arguments, in bytes; leaves room for Fabric's own limit.
pub const ARGUMENTS_MAX: usize = 1_048_576;

/// A call of a chaincode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallSpec {
    pub chain: ChainName,
    pub channel: ChannelName,
    pub chaincode: ChaincodeName,
    /// Organization in whose name the caller signs.
    pub organization: OrganizationName,
    pub function: String,
    pub arguments: Vec<String>,
    /// Made by the form; the same key never submits twice.
    pub idempotency_key: String,
}

impl CallSpec {
    /// Checks sizes.
    pub fn check(&self) -> Result<(), Error> {
        if self.function.trim().is_empty() {
            return Err(Error::invalid(Code::FieldMissing).on("function"));
        }
        let size: usize = self.function.len() + self.arguments.iter().map(String::len).sum::<usize>();
        if size > ARGUMENTS_MAX {
            return Err(Error::invalid(Code::ArgumentsTooLarge).with("max", ARGUMENTS_MAX).on("arguments"));
        }
        if self.idempotency_key.len() < 8 || self.idempotency_key.len() > 64 {
            return Err(Error::invalid(Code::ValueOutOfRange)
                .with("min", 8)
                .with("max", 64)
                .on("idempotency_key"));
        }
        Ok(())
    }
}

/// Answer of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryView {
    /// The answer as text, with replacement characters where it is not UTF-8.
    pub text: String,
    /// The bytes in hexadecimal.
    pub hex: String,
    pub duration_ms: u64,
}

/// How far a submitted transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// Sent, or about to be; the peer will be asked.
    Pending,
    Valid,
    Invalid,
    /// Refused before it was ordered.
    Refused,
}

/// A transaction in a user's history, and the answer of a submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitView {
    pub id: String,
    pub chain: ChainName,
    pub channel: ChannelName,
    pub chaincode: ChaincodeName,
    pub function: String,
    pub arguments: Vec<String>,
    pub state: TransactionState,
    /// Fabric's validation code, by name.
    pub validation: Option<String>,
    pub block: Option<u64>,
    pub result: Option<String>,
    pub error: Option<Error>,
    pub created_ms: i64,
    pub endorse_ms: Option<u64>,
    pub commit_ms: Option<u64>,
}

/// A key that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadView {
    pub namespace: String,
    pub key: String,
    /// Block and transaction number of the value that was read.
    pub version: Option<(u64, u64)>,
}

/// A key that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteView {
    pub namespace: String,
    pub key: String,
    pub deleted: bool,
    pub value: String,
}

/// A transaction as it stands in its block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    pub id: String,
    pub block: u64,
    pub kind: String,
    pub time: Option<String>,
    /// MSP ID and common name.
    pub creator: (String, String),
    /// MSP ID and common name of each.
    pub endorsers: Vec<(String, String)>,
    pub chaincode: Option<String>,
    pub arguments: Vec<String>,
    pub reads: Vec<ReadView>,
    pub writes: Vec<WriteView>,
    pub event: Option<(String, String)>,
    pub validation: String,
    pub valid: bool,
}

/// A block of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    pub number: u64,
    pub hash: String,
    pub previous_hash: String,
    pub data_hash: String,
    /// Whether the data hash was recomputed and agrees.
    pub data_hash_verified: bool,
    pub transactions: Vec<TransactionView>,
}

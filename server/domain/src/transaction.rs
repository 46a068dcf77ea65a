//! Transactions: what is asked of a chaincode and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};

/// Largest sum of arguments, in bytes; leaves room for Fabric's own limit.
pub const ARGUMENTS_MAX: usize = 1_048_576;
/// Most arguments, and most transient values, of one call.
pub const ARGUMENTS_COUNT_MAX: usize = 1_000;
/// Longest argument and longest answer that a history shows, in characters; the ledger has the whole.
pub const HISTORY_TEXT_MAX: usize = 2_000;

/// Arguments of one row that a history shows.
const ARGUMENTS_SHOWN: usize = 20;

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
    /// Private input: peers see it, the ledger never does.
    #[serde(default)]
    pub transient: BTreeMap<String, String>,
    /// Organizations that must endorse; empty: the peer chooses by the policy. A query is answered by one of them.
    #[serde(default)]
    pub endorsers: Vec<OrganizationName>,
    /// Whether it is the first call that some definitions demand.
    #[serde(default)]
    pub is_init: bool,
    /// Made by the form; the same key never submits twice.
    pub idempotency_key: String,
}

impl CallSpec {
    /// Checks sizes.
    pub fn check(&self) -> Result<(), Error> {
        if self.function.trim().is_empty() {
            return Err(Error::invalid(Code::FieldMissing).on("function"));
        }
        self.check_size()?;
        if self.transient.keys().any(|name| name.trim().is_empty()) {
            return Err(Error::invalid(Code::TransientMalformed).on("transient"));
        }
        for (at, name) in self.endorsers.iter().enumerate() {
            if self.endorsers.iter().take(at).any(|earlier| earlier == name) {
                return Err(Error::invalid(Code::OrganizationTwice).with("name", name).on("endorsers"));
            }
        }
        if self.idempotency_key.len() < 8 || self.idempotency_key.len() > 64 {
            return Err(Error::invalid(Code::ValueOutOfRange)
                .with("min", 8)
                .with("max", 64)
                .on("idempotency_key"));
        }
        Ok(())
    }

    /// Everything that travels to the peers counts, the transient values too.
    fn check_size(&self) -> Result<(), Error> {
        let too_large = |field| Error::invalid(Code::ArgumentsTooLarge).with("max", ARGUMENTS_MAX).on(field);
        let arguments = self.function.len() + self.arguments.iter().map(String::len).sum::<usize>();
        if arguments > ARGUMENTS_MAX || self.arguments.len() > ARGUMENTS_COUNT_MAX {
            return Err(too_large("arguments"));
        }
        let transient: usize = self.transient.iter().map(|(name, value)| name.len() + value.len()).sum();
        if arguments + transient > ARGUMENTS_MAX || self.transient.len() > ARGUMENTS_COUNT_MAX {
            return Err(too_large("transient"));
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
    /// Organization in whose name it was signed; none in rows of older versions.
    #[serde(default)]
    pub organization: Option<OrganizationName>,
    /// Name of the person who submitted it.
    #[serde(default)]
    pub submitted_by: String,
    pub state: TransactionState,
    /// Fabric's validation code, by name.
    pub validation: Option<String>,
    pub block: Option<u64>,
    /// What the chaincode answered, as text with replacement characters where it is not UTF-8.
    pub result: Option<String>,
    /// The same bytes in hexadecimal.
    #[serde(default)]
    pub result_hex: Option<String>,
    pub error: Option<Error>,
    pub created_ms: i64,
    /// Until the peers had endorsed it.
    pub endorse_ms: Option<u64>,
    /// Until the orderers had taken it.
    #[serde(default)]
    pub order_ms: Option<u64>,
    /// From then until it stood in a block of the peer.
    pub commit_ms: Option<u64>,
}

impl SubmitView {
    /// The row without more text than a list can carry; what is cut ends in `…`.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        self.arguments.truncate(ARGUMENTS_SHOWN);
        for argument in &mut self.arguments {
            shorten(argument);
        }
        if let Some(result) = &mut self.result {
            shorten(result);
        }
        if let Some(hex) = &mut self.result_hex {
            shorten(hex);
        }
        self
    }
}

fn shorten(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(HISTORY_TEXT_MAX) {
        text.truncate(at);
        text.push('…');
    }
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
    /// Place in the block, from 0.
    pub index: u32,
    pub kind: String,
    /// Channel that its header names.
    pub channel: String,
    /// Whether the id is the hash of nonce and creator, as every node demands; configuration has none.
    pub id_verified: Option<bool>,
    /// Status and message that the chaincode answered with.
    pub response: Option<(i32, String)>,
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
    /// Whether the previous block was read and its hash is the one named here; none for the first block.
    pub previous_hash_verified: Option<bool>,
    pub transactions: Vec<TransactionView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallSpec {
        CallSpec {
            chain: ChainName::parse("demo").unwrap(),
            channel: ChannelName::parse("mychannel").unwrap(),
            chaincode: ChaincodeName::parse("example02").unwrap(),
            organization: OrganizationName::parse("org1").unwrap(),
            function: "move".to_owned(),
            arguments: vec!["a".to_owned(), "b".to_owned(), "10".to_owned()],
            transient: BTreeMap::new(),
            endorsers: Vec::new(),
            is_init: false,
            idempotency_key: "0123456789".to_owned(),
        }
    }

    fn refused(call: &CallSpec) -> (Code, String) {
        let error = call.check().unwrap_err();
        (error.code, error.field.unwrap_or_default())
    }

    #[test]
    fn a_call_within_its_limits_passes() {
        assert_eq!(call().check(), Ok(()));
        let mut largest = call();
        largest.arguments = vec!["x".repeat(ARGUMENTS_MAX - largest.function.len())];
        assert_eq!(largest.check(), Ok(()));
    }

    #[test]
    fn three_megabytes_of_arguments_are_refused_with_the_limit() {
        let mut large = call();
        large.arguments = vec!["x".repeat(3 * 1_048_576)];
        let error = large.check().unwrap_err();
        assert_eq!(error.code, Code::ArgumentsTooLarge);
        assert_eq!(error.values["max"], ARGUMENTS_MAX.to_string());
    }

    #[test]
    fn transient_data_count_and_need_names() {
        let mut large = call();
        large.transient.insert("secret".to_owned(), "x".repeat(ARGUMENTS_MAX));
        assert_eq!(refused(&large), (Code::ArgumentsTooLarge, "transient".to_owned()));
        let mut nameless = call();
        nameless.transient.insert(" ".to_owned(), "value".to_owned());
        assert_eq!(refused(&nameless), (Code::TransientMalformed, "transient".to_owned()));
    }

    #[test]
    fn an_endorser_is_named_once_and_a_function_is_needed() {
        let mut twice = call();
        twice.endorsers = vec![twice.organization.clone(), twice.organization.clone()];
        assert_eq!(refused(&twice), (Code::OrganizationTwice, "endorsers".to_owned()));
        let mut nothing = call();
        nothing.function = "  ".to_owned();
        assert_eq!(refused(&nothing), (Code::FieldMissing, "function".to_owned()));
        let mut keyless = call();
        keyless.idempotency_key = "short".to_owned();
        assert_eq!(refused(&keyless).1, "idempotency_key");
    }

    #[test]
    fn a_history_never_carries_megabytes() {
        let long = "链".repeat(HISTORY_TEXT_MAX + 1);
        let view = SubmitView {
            id: String::new(),
            chain: call().chain,
            channel: call().channel,
            chaincode: call().chaincode,
            function: String::new(),
            arguments: vec![long.clone(); 100],
            organization: None,
            submitted_by: String::new(),
            state: TransactionState::Pending,
            validation: None,
            block: None,
            result: Some(long),
            result_hex: None,
            error: None,
            created_ms: 0,
            endorse_ms: None,
            order_ms: None,
            commit_ms: None,
        };
        let short = view.shortened();
        assert_eq!(short.arguments.len(), ARGUMENTS_SHOWN);
        assert_eq!(short.arguments[0].chars().count(), HISTORY_TEXT_MAX + 1);
        assert!(short.result.unwrap().ends_with('…'));
    }
}

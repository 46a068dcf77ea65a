//! Sorts what nodes say into a closed list of kinds.
//!
//! Fabric has few error codes and many sentences, so most rules look for a fragment of a sentence (the sources
//! are named in `docs/fabric.md` §9). Rules stand in order: the first that fits wins. A contract's own error
//! text is never searched, because a contract may say anything.

use super::{FabricError, GrpcCode};
use crate::block::ValidationCode;

/// What a caller can react to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The peer has this package already: treat as done.
    AlreadyInstalled,
    /// The node is in this channel already: treat as done.
    AlreadyJoined,
    /// The organization approved exactly this before: treat as done.
    UnchangedContent,
    /// The definition's sequence is not the next one; `expected` is, when the node said so.
    SequenceConflict {
        expected: Option<u64>,
    },
    /// The orderers are electing a leader or have lost their majority.
    NoRaftLeader,
    /// The endorsing peer's organization has not approved these parameters.
    NotApproved,
    /// A definition exists, but the peer lacks the package.
    NotInstalled,
    /// No such chaincode on this channel.
    ChaincodeNotDefined,
    /// The chaincode wants a call with `is_init` first.
    NotInitialized,
    /// The node does not serve this channel.
    ChannelUnknown,
    /// A key that was read has changed since: call again with a new transaction.
    MvccConflict,
    /// A range that was read has changed since: call again with a new transaction.
    PhantomConflict,
    EndorsementPolicyFailure,
    /// Endorsers disagreed: they were at different heights, or the chaincode is not deterministic.
    EndorsementMismatch,
    /// The contract returned an error of its own.
    ChaincodeError {
        status: i32,
        message: String,
    },
    /// The peer cannot reach the chaincode's server.
    ChaincodeUnreachable,
    /// Too few peers are known to satisfy the policy.
    NoPeers,
    /// The transaction id was used before: look up its status instead of sending it again.
    DuplicateTransaction,
    Timeout,
    AccessDenied,
    CertificateExpired,
    /// One side of the TLS connection does not accept the other's certificate: wrong CA, name or client.
    Untrusted,
    /// Clocks of portal and node are more than fifteen minutes apart.
    ClockSkew,
    Unavailable,
    /// Too many requests at once.
    Overloaded,
    /// The transaction or block part is larger than the channel allows.
    TooLarge,
    /// The contract ran longer than peers let it.
    ExecutionTimeout,
    /// The channel does not know the organization behind the identity, or cannot read the identity.
    CreatorUnknown,
    /// The identity's certificate stands on its organization's list of revoked ones.
    CertificateRevoked,
    /// The node's certificate does not name the address that was dialled.
    NamesDiffer,
    /// Not enough organizations signed, or the identity lacks the role.
    PolicyNotSatisfied,
    /// Somebody else changed the configuration meanwhile: fetch it and sign again.
    ConfigConflict,
    /// The configuration is like that already.
    ConfigUnchanged,
    /// The channel is being moved to another kind of consensus.
    MaintenanceMode,
    /// The channel's capabilities and the node's version do not suit each other.
    CapabilityMissing,
    /// The transaction id does not follow from nonce and creator.
    BadProposal,
    /// The contract wrote where it may not, or what cannot be read.
    BadWriteset,
    /// A configuration that nodes do not accept.
    ConfigInvalid,
    /// The block by which an orderer was to join is not the first one, or a configuration, of an application channel.
    JoinBlockInvalid,
    /// The membership material of an organization is not complete, or contradicts itself.
    MspInvalid,
    /// The certificate lacks the organizational unit of the role, or carries more than one.
    RoleMissing,
    /// The signature is not the one that nodes accept: of two possible ones they take the smaller.
    SignatureInvalid,
    /// The request names another TLS client certificate than the connection has.
    TlsBinding,
    /// Too few peers endorsed, for reasons that are none of the above.
    EndorsementRefused,
    /// The transaction stands in a block and does not count, for a reason that is none of the above.
    TransactionInvalid,
    BadRequest,
    Other,
}

impl ErrorKind {
    /// True when the same call may succeed later although nobody changes anything.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::NoRaftLeader
                | Self::MvccConflict
                | Self::PhantomConflict
                | Self::EndorsementMismatch
                | Self::ChaincodeUnreachable
                | Self::NoPeers
                | Self::Timeout
                | Self::Unavailable
                | Self::Overloaded
                | Self::MaintenanceMode
        )
    }
}

/// How the gateway introduces an error that came from a chaincode (system chaincodes included).
const CHAINCODE_RESPONSE: &str = "chaincode response ";
/// How the gateway introduces what peers said against a proposal; it says nothing itself.
const ENDORSING: [&str; 2] =
    ["failed to collect enough transaction endorsements", "failed to endorse transaction"];
/// How `_lifecycle` introduces its own errors.
const LIFECYCLE_MARK: &str = "failed to invoke backing implementation of";

type Rule = (&'static str, ErrorKind);

/// Fragments and their kinds; the specific ones stand before the general ones.
const RULES: &[Rule] = &[
    ("chaincode already successfully installed", ErrorKind::AlreadyInstalled),
    ("already exists with state", ErrorKind::AlreadyJoined),
    ("channel already exists", ErrorKind::AlreadyJoined),
    ("with unchanged content", ErrorKind::UnchangedContent),
    ("no Raft leader", ErrorKind::NoRaftLeader),
    ("not agreed to by this org", ErrorKind::NotApproved),
    ("has not yet been approved by this org", ErrorKind::NotApproved),
    ("exists, but chaincode is not installed", ErrorKind::NotInstalled),
    ("has not been initialized for this version", ErrorKind::NotInitialized),
    ("ProposalResponsePayloads do not match", ErrorKind::EndorsementMismatch),
    ("chaincode registration failed", ErrorKind::ChaincodeUnreachable),
    ("connection to chaincode", ErrorKind::ChaincodeUnreachable),
    ("timeout expired while starting chaincode", ErrorKind::ChaincodeUnreachable),
    ("could not launch chaincode", ErrorKind::ChaincodeUnreachable),
    ("failed to select a set of endorsers", ErrorKind::NoPeers),
    ("no combination of peers can be derived", ErrorKind::NoPeers),
    ("no endorsement combination can be satisfied", ErrorKind::NoPeers),
    ("failed to find any endorsing peers", ErrorKind::NoPeers),
    ("no peers available to evaluate", ErrorKind::NoPeers),
    // An MSP that a channel does not have, before a namespace that it does not have.
    ("is not defined on channel", ErrorKind::CreatorUnknown),
    ("is not defined", ErrorKind::ChaincodeNotDefined),
    ("has been successfully defined on channel", ErrorKind::ChaincodeNotDefined),
    ("duplicate transaction found", ErrorKind::DuplicateTransaction),
    ("client identity expired", ErrorKind::CertificateExpired),
    ("certificate expired", ErrorKind::CertificateExpired),
    ("certificate has expired", ErrorKind::CertificateExpired),
    ("due to incorrect timestamp", ErrorKind::ClockSkew),
    ("apart from current server time", ErrorKind::ClockSkew),
    ("too many requests for", ErrorKind::Overloaded),
    ("channel pending removal", ErrorKind::Unavailable),
    ("maintenance mode", ErrorKind::MaintenanceMode),
    ("no orderer nodes available", ErrorKind::Unavailable),
    ("no orderers could successfully process", ErrorKind::Unavailable),
    ("timeout expired while executing", ErrorKind::ExecutionTimeout),
    ("timeout expired while", ErrorKind::Timeout),
    ("exceeds maximum allowed", ErrorKind::TooLarge),
    ("message larger than max", ErrorKind::TooLarge),
    ("message length too large", ErrorKind::TooLarge),
    ("request body too large", ErrorKind::TooLarge),
    ("error validating ReadSet", ErrorKind::ConfigConflict),
    // Whatever else is wrong with a change stands in frames, a refused signature too. What is inside counts, so the
    // frames themselves stand at the end of the list.
    ("delta set was empty", ErrorKind::ConfigUnchanged),
    ("validating DeltaSet: policy for", ErrorKind::PolicyNotSatisfied),
    ("but key is at version", ErrorKind::ConfigConflict),
    ("but key does not exist", ErrorKind::ConfigConflict),
    ("cannot use new lifecycle for channel", ErrorKind::CapabilityMissing),
    ("is required but not supported", ErrorKind::CapabilityMissing),
    ("certificate has been revoked", ErrorKind::CertificateRevoked),
    ("channel does not exist", ErrorKind::ChannelUnknown),
    ("Invalid chain ID", ErrorKind::ChannelUnknown),
    ("TLS cert hash", ErrorKind::TlsBinding),
    ("didn't send a TLS certificate", ErrorKind::TlsBinding),
    ("Invalid S. Must be smaller", ErrorKind::SignatureInvalid),
    ("does not have an OU that resolves to", ErrorKind::RoleMissing),
    ("not a combination of them. OUs", ErrorKind::RoleMissing),
    ("does not contain OU", ErrorKind::RoleMissing),
    ("administrators must be declared", ErrorKind::MspInvalid),
    ("only supports a single validation chain", ErrorKind::MspInvalid),
    ("KeyMaterial not found in SigningIdentityInfo", ErrorKind::MspInvalid),
    ("creator org unknown", ErrorKind::CreatorUnknown),
    ("access denied", ErrorKind::AccessDenied),
    ("signature set did not satisfy policy", ErrorKind::PolicyNotSatisfied),
    ("implicit policy evaluation failed", ErrorKind::PolicyNotSatisfied),
    ("not satisfied", ErrorKind::PolicyNotSatisfied),
    ("proposal's creator satisfies local MSP principal", ErrorKind::AccessDenied),
    ("certificate is valid for", ErrorKind::NamesDiffer),
    ("NotValidForName", ErrorKind::NamesDiffer),
    ("certificate not valid for name", ErrorKind::NamesDiffer),
    ("certificate signed by unknown authority", ErrorKind::Untrusted),
    ("invalid peer certificate", ErrorKind::Untrusted),
    ("received fatal alert", ErrorKind::Untrusted),
    ("remote error: tls: ", ErrorKind::Untrusted),
    // What is left of the frames.
    ("invalid join block", ErrorKind::JoinBlockInvalid),
    ("more than one consenter at a time", ErrorKind::ConfigInvalid),
    ("will result in quorum loss", ErrorKind::ConfigInvalid),
    ("error validating DeltaSet", ErrorKind::ConfigInvalid),
    ("error applying config update", ErrorKind::ConfigInvalid),
    // The last: many sentences name the channel that they are about.
    ("channel '", ErrorKind::ChannelUnknown),
];

/// Fragments after which the number of the expected sequence stands, and what must be added to it.
const SEQUENCES: &[(&str, u64)] = &[
    ("but new definition must be sequence ", 0),
    ("is larger than the next available sequence number ", 0),
    ("currently defined sequence ", 1),
];

/// Sorts what a block says of a transaction.
pub fn of_validation(code: ValidationCode) -> ErrorKind {
    by_validation(code)
}

pub(super) fn classify(error: &FabricError) -> ErrorKind {
    match error {
        FabricError::Settings(_) | FabricError::Request(_) => ErrorKind::BadRequest,
        FabricError::Connect(_) => by_text(&error_chain(error)).unwrap_or(ErrorKind::Unavailable),
        FabricError::Grpc { code, message, details } => {
            let texts = std::iter::once(message).chain(details.iter().map(|detail| &detail.message));
            let found = texts.filter_map(|text| by_answer(text)).next_back();
            found.unwrap_or_else(|| match by_grpc_code(*code) {
                ErrorKind::Other if ENDORSING.iter().any(|frame| message.contains(frame)) => {
                    ErrorKind::EndorsementRefused
                }
                kind => kind,
            })
        }
        FabricError::Proposal { message, status } => by_text(message).unwrap_or_else(|| by_status(*status)),
        FabricError::Chaincode { status, message } => {
            ErrorKind::ChaincodeError { status: *status, message: message.clone() }
        }
        FabricError::EndorsementMismatch => ErrorKind::EndorsementMismatch,
        FabricError::Ordering { status, message } => by_text(message).unwrap_or_else(|| by_status(*status)),
        FabricError::Validation { code, .. } => by_validation(*code),
        FabricError::Http { status, body } => by_text(body).unwrap_or_else(|| by_status(i32::from(*status))),
        FabricError::Decode(_) => ErrorKind::Other,
        FabricError::Timeout { .. } => ErrorKind::Timeout,
    }
}

/// The causes of a connection error, where TLS failures say what they are.
fn error_chain(error: &FabricError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Text of a gateway answer: an error of a contract is told apart before any fragment is searched.
fn by_answer(text: &str) -> Option<ErrorKind> {
    match contract_error(text) {
        Some((status, message)) => Some(ErrorKind::ChaincodeError { status, message }),
        None => by_text(text),
    }
}

/// Splits `chaincode response 500, text` unless the text is one of the lifecycle chaincode.
fn contract_error(text: &str) -> Option<(i32, String)> {
    let (_, answer) = text.split_once(CHAINCODE_RESPONSE)?;
    if answer.contains(LIFECYCLE_MARK) {
        return None;
    }
    let (status, message) = answer.split_once(", ")?;
    Some((status.parse().ok()?, message.to_owned()))
}

fn by_text(text: &str) -> Option<ErrorKind> {
    for (fragment, add) in SEQUENCES {
        if let Some((_, rest)) = text.split_once(fragment) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let expected = digits.parse::<u64>().ok().and_then(|number| number.checked_add(*add));
            return Some(ErrorKind::SequenceConflict { expected });
        }
    }
    RULES.iter().find(|(fragment, _)| text.contains(fragment)).map(|(_, kind)| kind.clone())
}

fn by_grpc_code(code: GrpcCode) -> ErrorKind {
    match code {
        GrpcCode::InvalidArgument | GrpcCode::OutOfRange => ErrorKind::BadRequest,
        GrpcCode::DeadlineExceeded => ErrorKind::Timeout,
        GrpcCode::PermissionDenied | GrpcCode::Unauthenticated => ErrorKind::AccessDenied,
        GrpcCode::ResourceExhausted => ErrorKind::Overloaded,
        GrpcCode::Unavailable => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

/// HTTP statuses and those of `common.Status`, which are the same numbers.
fn by_status(status: i32) -> ErrorKind {
    match status {
        400 => ErrorKind::BadRequest,
        413 => ErrorKind::TooLarge,
        401 | 403 => ErrorKind::AccessDenied,
        404 => ErrorKind::ChannelUnknown,
        408 | 504 => ErrorKind::Timeout,
        429 => ErrorKind::Overloaded,
        502 | 503 => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

fn by_validation(code: ValidationCode) -> ErrorKind {
    match code {
        ValidationCode::MvccReadConflict => ErrorKind::MvccConflict,
        ValidationCode::PhantomReadConflict => ErrorKind::PhantomConflict,
        ValidationCode::EndorsementPolicyFailure => ErrorKind::EndorsementPolicyFailure,
        ValidationCode::DuplicateTxid => ErrorKind::DuplicateTransaction,
        ValidationCode::BadCreatorSignature => ErrorKind::AccessDenied,
        ValidationCode::InvalidChaincode
        | ValidationCode::ExpiredChaincode
        | ValidationCode::ChaincodeVersionConflict => ErrorKind::ChaincodeNotDefined,
        ValidationCode::BadProposalTxid => ErrorKind::BadProposal,
        ValidationCode::IllegalWriteset | ValidationCode::InvalidWriteset | ValidationCode::BadRwset => {
            ErrorKind::BadWriteset
        }
        ValidationCode::InvalidConfigTransaction => ErrorKind::ConfigInvalid,
        _ => ErrorKind::TransactionInvalid,
    }
}

#[cfg(test)]
mod tests;

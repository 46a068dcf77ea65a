//! What Fabric says, in the portal's codes: every kind of error and every validation code has one, and every code has
//! a sentence with its remedy. Nothing here looks at texts; the crate `fabric` has sorted them.

use domain::{Code, Error, ErrorKind};
use fabric::error::{ErrorKind as FabricKind, FabricError};

/// The code under which the texts explain an error of a node.
pub(crate) fn fabric_code(error: &FabricError) -> Code {
    code_of(&error.kind())
}

fn code_of(kind: &FabricKind) -> Code {
    match kind {
        FabricKind::SequenceConflict { .. } => Code::SequenceConflict,
        FabricKind::NoRaftLeader => Code::NoLeader,
        FabricKind::NotApproved => Code::NotApproved,
        FabricKind::NotInstalled => Code::NotInstalled,
        FabricKind::ChaincodeNotDefined => Code::ChaincodeNotDefined,
        FabricKind::NotInitialized => Code::ChaincodeNeedsInit,
        FabricKind::MvccConflict => Code::MvccConflict,
        FabricKind::PhantomConflict => Code::PhantomConflict,
        FabricKind::EndorsementPolicyFailure => Code::EndorsementPolicyFailure,
        FabricKind::EndorsementMismatch => Code::EndorsementMismatch,
        FabricKind::ChaincodeError { .. } => Code::ChaincodeError,
        FabricKind::ChaincodeUnreachable => Code::ChaincodeUnreachable,
        FabricKind::NoPeers => Code::NoEndorsers,
        FabricKind::Timeout => Code::TransactionTimeout,
        FabricKind::ExecutionTimeout => Code::ExecutionTimeout,
        FabricKind::AccessDenied => Code::AccessDenied,
        FabricKind::CreatorUnknown => Code::CreatorUnknown,
        FabricKind::PolicyNotSatisfied => Code::PolicyNotSatisfied,
        FabricKind::CertificateExpired => Code::CertificateExpired,
        FabricKind::CertificateRevoked => Code::CertificateRevoked,
        FabricKind::Untrusted => Code::Untrusted,
        FabricKind::NamesDiffer => Code::NamesDiffer,
        FabricKind::ClockSkew => Code::ClockSkew,
        FabricKind::Unavailable => Code::NodeUnavailable,
        FabricKind::Overloaded => Code::Overloaded,
        FabricKind::TooLarge => Code::TransactionTooLarge,
        FabricKind::ConfigConflict => Code::ConfigConflict,
        FabricKind::ConfigUnchanged => Code::ConfigUnchanged,
        FabricKind::ConfigInvalid => Code::ConfigInvalid,
        FabricKind::MaintenanceMode => Code::MaintenanceMode,
        FabricKind::CapabilityMissing => Code::CapabilityMissing,
        FabricKind::ChannelUnknown => Code::ChannelUnknown,
        FabricKind::DuplicateTransaction => Code::DuplicateTransaction,
        FabricKind::BadProposal => Code::BadProposal,
        FabricKind::BadWriteset => Code::ChaincodeWriteset,
        FabricKind::UnchangedContent => Code::UnchangedDefinition,
        FabricKind::AlreadyInstalled | FabricKind::AlreadyJoined => Code::AlreadyDone,
        FabricKind::JoinBlockInvalid => Code::JoinBlockInvalid,
        FabricKind::MspInvalid => Code::MspInvalid,
        FabricKind::RoleMissing => Code::RoleMissing,
        FabricKind::SignatureInvalid => Code::SignatureInvalid,
        FabricKind::TlsBinding => Code::TlsBinding,
        FabricKind::EndorsementRefused => Code::EndorsementRefused,
        FabricKind::TransactionInvalid => Code::TransactionInvalid,
        FabricKind::BadRequest => Code::RequestRefused,
        FabricKind::Other => Code::FabricOther,
    }
}

/// The code of a transaction that stands in a block and does not count.
pub(crate) fn validation_error(name: &str) -> Error {
    let code = match name {
        "MVCC_READ_CONFLICT" => Code::MvccConflict,
        "PHANTOM_READ_CONFLICT" => Code::PhantomConflict,
        "ENDORSEMENT_POLICY_FAILURE" => Code::EndorsementPolicyFailure,
        "DUPLICATE_TXID" => Code::DuplicateTransaction,
        "BAD_PROPOSAL_TXID" => Code::BadProposal,
        "BAD_CREATOR_SIGNATURE" => Code::AccessDenied,
        "INVALID_CHAINCODE" | "EXPIRED_CHAINCODE" | "CHAINCODE_VERSION_CONFLICT" => Code::ChaincodeNotDefined,
        "ILLEGAL_WRITESET" | "INVALID_WRITESET" | "BAD_RWSET" => Code::ChaincodeWriteset,
        "INVALID_CONFIG_TRANSACTION" => Code::ConfigInvalid,
        _ => Code::TransactionInvalid,
    };
    Error::conflict(code).with("code", name)
}

/// An error of a call, told apart for whoever called: the contract's own words are theirs to see.
pub(crate) fn call_error(error: &FabricError) -> Error {
    let code = fabric_code(error);
    tracing::info!(error = full_text(error), "call");
    match error.kind() {
        FabricKind::ChaincodeError { message, .. } => Error::invalid(code).with("message", message),
        FabricKind::ChaincodeNotDefined => Error::not_found_as(code).on("chaincode"),
        FabricKind::ChannelUnknown => Error::not_found_as(code).on("channel"),
        FabricKind::Timeout | FabricKind::ExecutionTimeout | FabricKind::Unavailable => {
            Error::unavailable(code)
        }
        kind if kind.is_retryable() => Error::new(ErrorKind::Unavailable, code),
        _ => Error::conflict(code).with("message", error),
    }
}

/// The same while peers still run it: nothing was handed to the orderers, so nothing can come of it later.
pub(crate) fn run_error(error: &FabricError) -> Error {
    let told = call_error(error);
    if error.kind() == FabricKind::Timeout { Error::unavailable(Code::ExecutionTimeout) } else { told }
}

/// The whole story of an error, causes included.
pub(crate) fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;

//! The one error that leaves the façade: a closed kind, a stable code that the texts translate, and the values
//! that the text names. It never carries the text of an internal error.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What sort of refusal it is; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// There is no such object, or the caller may not know of it: 404.
    NotFound,
    /// The object's state, or somebody else's action, stands against it: 409.
    Conflict,
    /// The input is wrong: 422.
    Invalid,
    /// Visible but not allowed: 403; without a session 401.
    Forbidden,
    /// Something outside does not answer: 503.
    Unavailable,
    /// Our own fault; the details are in the log under the request id: 500.
    Internal,
}

/// Why, as a stable code. Every code has a text with its remedy in every language; a missing one does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    // Input
    NameEmpty,
    NameTooLong,
    NameMalformed,
    FieldMissing,
    ValueOutOfRange,
    TextTooLong,
    TooManyEntries,
    // Sign-in
    SignInFailed,
    SignInDelayed,
    SessionMissing,
    SetupClosed,
    SetupTokenWrong,
    PasswordTooShort,
    PasswordTooLong,
    PasswordTooCommon,
    UserNameTaken,
    // Rights
    NotAllowed,
    NotFound,
    // Hosts
    HostNameTaken,
    HostEndpointTaken,
    HostLocalRefused,
    HostPlainTcp,
    HostAddress,
    HostTcp,
    HostTls,
    HostAuthentication,
    HostApiVersion,
    HostEngine,
    HostUnreachable,
    HostHasChains,
    HostFull,
    HostPortsUsed,
    HostMissing,
    CapacityBelowUse,
    HostNameUnresolved,
    HostAddressRefused,
    HostSocketRefused,
    HostNoTls,
    HostClientMaterial,
    HostOtherEngine,
    HostHasLeftovers,
    AddressMalformed,
    BindAddressMalformed,
    NetworkRangeMalformed,
    PortRangeTooSmall,
    PortRangeOverlap,
    ImageNameMalformed,
    ImageRuleMalformed,
    RegistryMalformed,
    // Images and what a pre-flight finds
    ImageNotInRegistry,
    ImageToPull,
    ImageUnasked,
    ImageOtherArchitecture,
    ImageHasVolumes,
    ImageArchiveBroken,
    ImageArchiveHostile,
    ImageArchiveTooLarge,
    ImageTagTaken,
    RegistryDenied,
    RegistryUnreachable,
    DiskUnknown,
    DiskLow,
    MemoryUnknown,
    MemoryLow,
    ClockUnknown,
    ClockApart,
    // Chains
    ChainNameTaken,
    ChainNameUnconfirmed,
    ChainState,
    ChainBusy,
    TooFewOrganizations,
    TooManyOrganizations,
    TooManyPeers,
    OrganizationTwice,
    OrdererCountRaft,
    OrdererCountBft,
    BftNeedsVersion3,
    PreflightFailed,
    ImageMissing,
    ImageOutsideRules,
    PortTaken,
    NodeNotHealthy,
    NodeDataLost,
    // Operations
    OperationState,
    OperationInterrupted,
    StepPanicked,
    StepTimeout,
    AttemptsUsedUp,
    UndoFailed,
    PlanVersionUnknown,
    // Channels and chaincode
    ChannelExists,
    ChannelUnknown,
    ChannelLeftBehind,
    PeersMissing,
    PackageBroken,
    PackageType,
    PackageLabel,
    PackageHostile,
    PackageTooLarge,
    PackageConnection,
    ImageChanged,
    UnchangedDefinition,
    CapabilityMissing,
    ConfigUnchanged,
    ConfigConflict,
    PolicyNotSatisfied,
    MaintenanceMode,
    TransactionTooLarge,
    DuplicateTransaction,
    TransactionLost,
    KeyUsed,
    TransientMalformed,
    ExecutionTimeout,
    CreatorUnknown,
    Untrusted,
    CertificateRevoked,
    NamesDiffer,
    BadProposal,
    ChaincodeWriteset,
    ConfigInvalid,
    ChaincodeNameReserved,
    ChaincodeVersionMalformed,
    PolicyMalformed,
    SequenceConflict,
    NotApproved,
    NotInstalled,
    ChaincodeNotDefined,
    ChaincodeUnreachable,
    ChaincodeError,
    ChaincodeNeedsInit,
    ArgumentsNotJson,
    ArgumentsTooLarge,
    EndorsementMismatch,
    EndorsementPolicyFailure,
    MvccConflict,
    PhantomConflict,
    TransactionInvalid,
    TransactionTimeout,
    NoEndorsers,
    NoLeader,
    AccessDenied,
    CertificateExpired,
    ClockSkew,
    NodeUnavailable,
    Overloaded,
    FabricOther,
    // Ours
    Internal,
}

impl Code {
    /// The code as it stands in URLs, logs and answers: `host-full`.
    pub fn as_text(self) -> String {
        let debug = format!("{self:?}");
        let mut text = String::with_capacity(debug.len() + 4);
        for letter in debug.chars() {
            if letter.is_ascii_uppercase() && !text.is_empty() {
                text.push('-');
            }
            text.push(letter.to_ascii_lowercase());
        }
        text
    }
}

/// An error of the façade, safe to show to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Error {
    /// What sort of refusal it is.
    pub kind: ErrorKind,
    /// Why.
    pub code: Code,
    /// Values that the text names, by their place-holder: `max` → `10`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// The form field it is about, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Error {
    /// An error without values.
    pub fn new(kind: ErrorKind, code: Code) -> Self {
        Self { kind, code, values: BTreeMap::new(), field: None }
    }

    /// Wrong input.
    pub fn invalid(code: Code) -> Self {
        Self::new(ErrorKind::Invalid, code)
    }

    /// A state or another action stands against it.
    pub fn conflict(code: Code) -> Self {
        Self::new(ErrorKind::Conflict, code)
    }

    /// Not there, or not to be known.
    pub fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, Code::NotFound)
    }

    /// Not there, with a reason of its own.
    pub fn not_found_as(code: Code) -> Self {
        Self::new(ErrorKind::NotFound, code)
    }

    /// Visible, but not allowed.
    pub fn forbidden() -> Self {
        Self::new(ErrorKind::Forbidden, Code::NotAllowed)
    }

    /// Something outside does not answer.
    pub fn unavailable(code: Code) -> Self {
        Self::new(ErrorKind::Unavailable, code)
    }

    /// Our own fault; log the cause where this is made.
    pub fn internal() -> Self {
        Self::new(ErrorKind::Internal, Code::Internal)
    }

    /// Adds a value that the text names.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.values.insert(key.to_owned(), value.to_string());
        self
    }

    /// Names the form field that is wrong.
    #[must_use]
    pub fn on(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// The HTTP status that answers it.
    pub fn status(&self) -> u16 {
        match self.kind {
            ErrorKind::NotFound => 404,
            ErrorKind::Conflict => 409,
            ErrorKind::Invalid => 422,
            ErrorKind::Forbidden if self.code == Code::SessionMissing => 401,
            ErrorKind::Forbidden if self.code == Code::SignInDelayed => 429,
            ErrorKind::Forbidden => 403,
            ErrorKind::Unavailable => 503,
            ErrorKind::Internal => 500,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code.as_text())?;
        for (key, value) in &self.values {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_like_a_word() {
        assert_eq!(Code::HostFull.as_text(), "host-full");
        assert_eq!(Code::BftNeedsVersion3.as_text(), "bft-needs-version3");
    }

    #[test]
    fn a_missing_session_is_not_a_missing_right() {
        assert_eq!(Error::forbidden().status(), 403);
        assert_eq!(Error::new(ErrorKind::Forbidden, Code::SessionMissing).status(), 401);
    }
}

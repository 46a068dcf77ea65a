//! What can go wrong on a host, in words that the portal can act on.
//!
//! An error never carries file contents or credentials: engines repeat requests in their messages, so the
//! messages are cut to a bound and the bodies that hold secrets are never logged.

use std::error::Error as StdError;
use std::time::Duration;

/// An engine's words are cut to this many characters.
const MESSAGE_MAX: usize = 600;

/// Why a verb of an agent failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// The host did not answer at all.
    #[error("the host does not answer: {0}")]
    Unreachable(String),
    /// The named object is not on the host.
    #[error("not on the host: {0}")]
    NotFound(String),
    /// An object with this name belongs to somebody else, or is being changed by somebody else.
    #[error("conflict on the host: {0}")]
    Conflict(String),
    /// The port of the host is already in use.
    #[error("port {0} of the host is already taken")]
    PortTaken(u16),
    /// The image is neither on the host nor can it be pulled.
    #[error("image {reference} is missing: {why}")]
    ImageMissing {
        /// The reference that was asked for.
        reference: String,
        /// Why it could not be pulled.
        why: MissingWhy,
    },
    /// The node had data that is gone; starting it empty must be allowed explicitly.
    #[error("the data of node {0} is gone")]
    DataLost(String),
    /// The specification or the situation does not allow this; trying again does not help.
    #[error("refused: {0}")]
    Refused(String),
    /// The host does not accept our credentials, or no longer: somebody has to give others.
    #[error("the host does not accept the credentials: {0}")]
    Credentials(String),
    /// The engine failed with an answer of its own.
    #[error("the engine answered {status}: {message}")]
    Engine {
        /// HTTP status, 0 when the answer had none.
        status: u16,
        /// The engine's words, cut to a bound.
        message: String,
    },
    /// No answer within the time that this verb has.
    #[error("no answer within {} s: {what}", .after.as_secs())]
    Timeout {
        /// What was asked.
        what: String,
        /// How long we waited.
        after: Duration,
    },
}

impl AgentError {
    /// True when the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout { .. } => true,
            Self::Engine { status, .. } => *status == 0 || matches!(*status, 410 | 429) || *status >= 500,
            Self::ImageMissing { why, .. } => matches!(why, MissingWhy::RegistryUnreachable(_)),
            Self::NotFound(_)
            | Self::Conflict(_)
            | Self::PortTaken(_)
            | Self::DataLost(_)
            | Self::Refused(_)
            | Self::Credentials(_) => false,
        }
    }
}

/// Why an image could not be pulled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingWhy {
    /// It is not on the host and nobody tried to pull it.
    #[error("it is not on the host")]
    NotOnHost,
    /// No registry serves this name: it must be built or loaded on the host.
    #[error("it is only ever built or loaded on the host")]
    LocalOnly,
    /// The registry does not have it.
    #[error("the registry does not have it: {0}")]
    NotInRegistry(String),
    /// The registry wants (other) credentials.
    #[error("the registry refuses access: {0}")]
    Denied(String),
    /// The host cannot reach the registry.
    #[error("the host cannot reach the registry: {0}")]
    RegistryUnreachable(String),
}

/// The stage at which a test of a host's endpoint stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeStage {
    /// The address: syntax, name resolution, rules.
    Address,
    /// The connection: TCP, or the local socket.
    Tcp,
    /// The TLS handshake: is this the host we expect?
    Tls,
    /// Does the host accept us?
    Authentication,
    /// Is there a version of the API that both sides know?
    ApiVersion,
    /// Facts about the engine itself.
    Engine,
    /// May we do all that is needed? Only clusters are asked.
    Permission,
    /// Is there the storage that was chosen? Only clusters are asked.
    Storage,
    /// Is there a machine that would run nodes? Only clusters are asked.
    Capacity,
}

impl ProbeStage {
    /// Stable code for texts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::ApiVersion => "api-version",
            Self::Engine => "engine",
            Self::Permission => "permission",
            Self::Storage => "storage",
            Self::Capacity => "capacity",
        }
    }
}

/// What a person can do about a failed probe; the texts translate the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The address is not one: correct it.
    CorrectAddress,
    /// The name does not resolve: correct it or the name service.
    CheckName,
    /// The address is one that the portal never calls.
    UseOtherAddress,
    /// Nothing listens there: start the engine or open the firewall.
    StartEngine,
    /// The portal may not open the socket.
    GrantSocketAccess,
    /// The port speaks no TLS: configure the engine with TLS.
    EnableEngineTls,
    /// The host's certificate is not from the given authority or not for this name.
    CheckAuthority,
    /// Our certificate or key cannot be read.
    CheckClientMaterial,
    /// The host does not accept our certificate.
    CheckClientCertificate,
    /// The engine is too old.
    UpgradeEngine,
    /// What answers is not such an engine, or it is unwell: look at its log.
    InspectEngine,
    /// The host's certificate is another one than the pinned one.
    CheckFingerprint,
    /// The host does not accept our token.
    RenewToken,
    /// The portal does not run in a cluster, or without a service account.
    RunInCluster,
    /// Permissions are missing: apply the manifest that grants them.
    GrantPermissions,
    /// The chosen storage is not there.
    ChooseStorage,
    /// No machine of the cluster would run nodes.
    ProvideMachines,
}

impl Remedy {
    /// Stable code for texts.
    pub fn code(self) -> &'static str {
        match self {
            Self::CorrectAddress => "correct-address",
            Self::CheckName => "check-name",
            Self::UseOtherAddress => "use-other-address",
            Self::StartEngine => "start-engine",
            Self::GrantSocketAccess => "grant-socket-access",
            Self::EnableEngineTls => "enable-engine-tls",
            Self::CheckAuthority => "check-authority",
            Self::CheckClientMaterial => "check-client-material",
            Self::CheckClientCertificate => "check-client-certificate",
            Self::UpgradeEngine => "upgrade-engine",
            Self::InspectEngine => "inspect-engine",
            Self::CheckFingerprint => "check-fingerprint",
            Self::RenewToken => "renew-token",
            Self::RunInCluster => "run-in-cluster",
            Self::GrantPermissions => "grant-permissions",
            Self::ChooseStorage => "choose-storage",
            Self::ProvideMachines => "provide-machines",
        }
    }
}

/// A test of a host's endpoint that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} failed: {message}", .stage.code())]
pub struct ProbeFailure {
    /// Where it stopped; all earlier stages passed.
    pub stage: ProbeStage,
    /// What happened, for those who may see details.
    pub message: String,
    /// What to do about it.
    pub remedy: Remedy,
    /// Whether it only took too long: nobody has refused anything.
    pub is_late: bool,
}

impl ProbeFailure {
    /// A failure at a stage.
    pub fn at(stage: ProbeStage, remedy: Remedy, message: impl Into<String>) -> Self {
        Self { stage, message: message.into(), remedy, is_late: false }
    }

    /// A stage that did not end in time.
    pub fn late(stage: ProbeStage, remedy: Remedy, message: impl Into<String>) -> Self {
        Self { is_late: true, ..Self::at(stage, remedy, message) }
    }
}

impl From<ProbeFailure> for AgentError {
    fn from(failure: ProbeFailure) -> Self {
        match failure.stage {
            // A host that is busy or behind a lossy line may answer the next time, whatever it was silent at.
            _ if failure.is_late => Self::Unreachable(failure.to_string()),
            ProbeStage::Tcp => Self::Unreachable(failure.to_string()),
            // A name service that fails for a moment must not stop an operation for good, nor an engine whose socket is
            // not there while it restarts.
            ProbeStage::Address if matches!(failure.remedy, Remedy::CheckName | Remedy::StartEngine) => {
                Self::Unreachable(failure.to_string())
            }
            ProbeStage::Engine => Self::Engine { status: 0, message: failure.to_string() },
            ProbeStage::Authentication => Self::Credentials(failure.to_string()),
            ProbeStage::Address
            | ProbeStage::Tls
            | ProbeStage::ApiVersion
            | ProbeStage::Permission
            | ProbeStage::Storage
            | ProbeStage::Capacity => Self::Refused(failure.to_string()),
        }
    }
}

/// Cuts a message at a character's border.
pub(crate) fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}

/// An error with all that caused it.
pub(crate) fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "é".repeat(MESSAGE_MAX + 10);
        assert_eq!(cut(&long).chars().count(), MESSAGE_MAX + 1);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        let check = |stage, remedy, again: bool| {
            let error = AgentError::from(ProbeFailure::at(stage, remedy, "seen"));
            assert_eq!(error.is_retryable(), again, "{error}");
        };
        check(ProbeStage::Address, Remedy::CheckName, true);
        check(ProbeStage::Address, Remedy::StartEngine, true);
        check(ProbeStage::Address, Remedy::UseOtherAddress, false);
        check(ProbeStage::Tcp, Remedy::StartEngine, true);
        check(ProbeStage::Tls, Remedy::CheckAuthority, false);
        check(ProbeStage::Engine, Remedy::InspectEngine, true);
        check(ProbeStage::Authentication, Remedy::RenewToken, false);
        check(ProbeStage::Permission, Remedy::GrantPermissions, false);
        check(ProbeStage::Storage, Remedy::ChooseStorage, false);
        check(ProbeStage::Capacity, Remedy::ProvideMachines, false);
        for stage in [ProbeStage::Address, ProbeStage::Tcp, ProbeStage::Tls, ProbeStage::ApiVersion] {
            let late = ProbeFailure::late(stage, Remedy::InspectEngine, "seen");
            assert!(AgentError::from(late).is_retryable(), "{stage:?}");
        }
    }

    #[test]
    fn refused_credentials_are_no_missing_right() {
        let of = |stage| AgentError::from(ProbeFailure::at(stage, Remedy::RenewToken, "seen"));
        assert!(matches!(of(ProbeStage::Authentication), AgentError::Credentials(_)));
        assert!(matches!(of(ProbeStage::Permission), AgentError::Refused(_)));
    }
}

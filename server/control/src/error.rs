//! Where errors of the layers below become the façade's: what a person can act on keeps its code, everything else
//! is logged here, once, and leaves as "internal".

use agents::{AgentError, MissingWhy};
use domain::{Code, Error};
use store::StoreError;

/// Store errors that the caller did not expect.
pub(crate) fn store(error: StoreError) -> Error {
    match error {
        StoreError::NotFound => Error::not_found(),
        other => {
            let error: &dyn std::error::Error = &other;
            tracing::error!(error, "store");
            Error::internal()
        }
    }
}

/// Agent errors, in the words of the portal.
pub(crate) fn agent(error: AgentError) -> Error {
    tracing::warn!(%error, "agent");
    match error {
        AgentError::Unreachable(_) | AgentError::Timeout { .. } => Error::unavailable(Code::HostUnreachable),
        AgentError::PortTaken(port) => Error::conflict(Code::PortTaken).with("port", port),
        AgentError::ImageMissing { reference, why } => image_missing(&reference, why),
        AgentError::DataLost(node) => Error::conflict(Code::NodeDataLost).with("node", node),
        AgentError::NotFound(_) => Error::not_found(),
        AgentError::Conflict(_) | AgentError::Refused(_) | AgentError::Engine { .. } => {
            Error::unavailable(Code::HostEngine)
        }
    }
}

/// Why an image cannot be had. What the registry said stands behind the sentence.
pub(crate) fn image_missing(reference: &str, why: MissingWhy) -> Error {
    let (code, said) = match why {
        MissingWhy::LocalOnly | MissingWhy::NotOnHost => (Code::ImageMissing, None),
        MissingWhy::NotInRegistry(said) => (Code::ImageNotInRegistry, Some(said)),
        MissingWhy::Denied(said) => (Code::RegistryDenied, Some(said)),
        MissingWhy::RegistryUnreachable(said) => (Code::RegistryUnreachable, Some(said)),
    };
    let error = Error::unavailable(code).with("image", reference);
    match said {
        Some(said) => error.with("why", said),
        None => error,
    }
}

/// Anything that is our own fault.
pub(crate) fn internal(context: &'static str, error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, context, "internal error");
    Error::internal()
}

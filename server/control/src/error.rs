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

/// Agent errors, in the words of the portal. What the engine said stands behind the sentence.
pub(crate) fn agent(error: AgentError) -> Error {
    tracing::warn!(%error, "agent");
    agent_told(error)
}

/// The same without a line in the log: for what is looked at every few seconds, and tells it elsewhere.
pub(crate) fn agent_told(error: AgentError) -> Error {
    match error {
        AgentError::Unreachable(_) | AgentError::Timeout { .. } => Error::unavailable(Code::HostUnreachable),
        AgentError::PortTaken(port) => Error::conflict(Code::PortTaken).with("port", port),
        AgentError::ImageMissing { reference, why } => image_missing(&reference, why),
        AgentError::DataLost(node) => Error::conflict(Code::NodeDataLost).with("node", node),
        AgentError::NotFound(_) => Error::not_found(),
        AgentError::Conflict(said) => Error::conflict(Code::HostConflict).with("why", said),
        AgentError::Refused(said) => Error::conflict(Code::HostRefused).with("why", said),
        AgentError::Credentials(said) => Error::conflict(Code::HostCredentialsRefused).with("why", said),
        AgentError::Engine { message, .. } => Error::unavailable(Code::HostEngineFailed).with("why", message),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_error_of_an_agent_has_a_code_of_its_own() {
        let check = |error: AgentError, status: u16, code: Code, value: Option<(&str, &str)>| {
            let shown = agent(error);
            assert_eq!((shown.status(), shown.code), (status, code));
            let values: Vec<_> =
                shown.values.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
            assert_eq!(values, value.into_iter().collect::<Vec<_>>(), "{code:?}");
        };
        let text = |text: &str| text.to_owned();
        let after = Duration::from_secs(1);
        check(AgentError::Unreachable(text("x")), 503, Code::HostUnreachable, None);
        check(AgentError::Timeout { what: text("x"), after }, 503, Code::HostUnreachable, None);
        check(AgentError::NotFound(text("x")), 404, Code::NotFound, None);
        check(AgentError::PortTaken(7_050), 409, Code::PortTaken, Some(("port", "7050")));
        check(AgentError::DataLost(text("peer0")), 409, Code::NodeDataLost, Some(("node", "peer0")));
        let ours = "network n exists and is not ours";
        check(AgentError::Conflict(text(ours)), 409, Code::HostConflict, Some(("why", ours)));
        let volumes = "image i declares volumes: /v";
        check(AgentError::Refused(text(volumes)), 409, Code::HostRefused, Some(("why", volumes)));
        let expired = "list of pods: Unauthorized";
        let refused = AgentError::Credentials(text(expired));
        check(refused, 409, Code::HostCredentialsRefused, Some(("why", expired)));
        let full = "no space left on device";
        let engine = AgentError::Engine { status: 500, message: text(full) };
        check(engine, 503, Code::HostEngineFailed, Some(("why", full)));
        let missing = AgentError::ImageMissing { reference: text("i:1"), why: MissingWhy::LocalOnly };
        check(missing, 503, Code::ImageMissing, Some(("image", "i:1")));
    }
}

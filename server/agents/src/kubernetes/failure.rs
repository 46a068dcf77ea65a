//! Reads an API server's errors: what happened decides what the portal does next.
//!
//! Kubernetes tells most in codes and some things only in words; the words are read here and nowhere else.

use std::error::Error as StdError;
use std::io;

use kube::core::response::Status;

use super::answer::{Broken, REQUEST_MAX};
use crate::error::{cut, with_sources};
use crate::{AgentError, ProbeFailure};

/// The API server's error in our words; `what` is what was asked.
pub(super) fn agent(error: kube::Error, what: &str) -> AgentError {
    match error {
        kube::Error::Api(status) => answered(&status, what),
        // What cannot be read may be a secret, so only the place is told.
        kube::Error::SerdeError(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = format!("{what}: what the cluster answers cannot be read ({place})");
            AgentError::Engine { status: 0, message }
        }
        other => broken(&other, what),
    }
}

/// A request that was not answered, or not to its end.
fn broken(error: &kube::Error, what: &str) -> AgentError {
    if let Some(failure) = cause::<ProbeFailure>(error) {
        return failure.clone().into();
    }
    match cause::<Broken>(error) {
        Some(Broken::Late(after)) => return AgentError::Timeout { what: what.to_owned(), after: *after },
        Some(large @ Broken::Large(_)) => {
            return AgentError::Engine { status: 0, message: format!("{what}: {large}") };
        }
        None => {}
    }
    let message = cut(&format!("{what}: {}", with_sources(error)));
    match error {
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
            AgentError::Unreachable(message)
        }
        _ => AgentError::Engine { status: 0, message },
    }
}

/// An answer that is a refusal.
fn answered(status: &Status, what: &str) -> AgentError {
    let message = &status.message;
    let said = cut(&format!("{what}: {message}"));
    match status.code {
        401 => AgentError::Credentials(said),
        403 => forbidden(message, what),
        404 => AgentError::NotFound(said),
        409 => AgentError::Conflict(said),
        422 => match taken_port(message) {
            Some(port) => AgentError::PortTaken(port),
            None => AgentError::Refused(said),
        },
        400 | 405 | 406 | 413 | 415 => AgentError::Refused(said),
        408 => AgentError::Timeout { what: what.to_owned(), after: REQUEST_MAX },
        code => AgentError::Engine { status: code, message: said },
    }
}

/// Kubernetes forbids for very different reasons.
fn forbidden(message: &str, what: &str) -> AgentError {
    if let Some(at) = message.find("exceeded quota") {
        return AgentError::Refused(cut(&format!("{what}: {}", &message[at..])));
    }
    if message.contains("is being terminated") {
        return AgentError::Conflict(cut(&format!("{what}: {message}")));
    }
    match message.find(" cannot ") {
        Some(at) => {
            let right = &message[at + " cannot ".len()..];
            AgentError::Refused(cut(&format!("{what}: the account lacks the permission to {right}")))
        }
        None => AgentError::Refused(cut(&format!("{what}: {message}"))),
    }
}

/// The port of the cluster's machines that another Service has, when that is what is said.
fn taken_port(message: &str) -> Option<u16> {
    let before = message.find(": provided port is already allocated").map(|at| &message[..at])?;
    before.rsplit(' ').next()?.parse().ok().filter(|port| *port > 0)
}

/// An error of one type among the causes of another one.
pub(super) fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error shows its inner error here, and only what stands behind that as its source.
        if let Some(inner) = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = inner.downcast_ref::<T>()
        {
            return Some(found);
        }
        next = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ProbeStage, Remedy};

    fn said(code: u16, message: &str) -> AgentError {
        agent(kube::Error::Api(Status::failure(message, "Because").with_code(code).boxed()), "asking")
    }

    #[test]
    fn answers_become_typed_errors() {
        let refused = |words: &str| AgentError::Refused(format!("asking: {words}"));
        assert_eq!(
            said(
                403,
                "pods is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \"pods\" in API group \"\" at the cluster scope"
            ),
            refused(
                "the account lacks the permission to list resource \"pods\" in API group \"\" at the cluster scope"
            )
        );
        assert_eq!(
            said(
                403,
                "pods \"x\" is forbidden: exceeded quota: small, requested: cpu=2, used: cpu=1, limited: cpu=2"
            ),
            refused("exceeded quota: small, requested: cpu=2, used: cpu=1, limited: cpu=2")
        );
        let ends = "secrets \"x\" is forbidden: unable to create new content in namespace a because it is being terminated";
        assert!(matches!(said(403, ends), AgentError::Conflict(_)));
        let policy = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
        assert_eq!(said(403, policy), refused(policy));
        assert_eq!(said(401, "Unauthorized"), AgentError::Credentials("asking: Unauthorized".to_owned()));
        assert_eq!(said(404, "gone"), AgentError::NotFound("asking: gone".to_owned()));
        assert_eq!(said(409, "twice"), AgentError::Conflict("asking: twice".to_owned()));
        assert_eq!(said(400, "bad"), refused("bad"));
        for code in [410, 429, 500, 503, 504] {
            let message = "asking: later".to_owned();
            assert_eq!(said(code, "later"), AgentError::Engine { status: code, message });
        }
        assert!(said(429, "").is_retryable() && said(503, "").is_retryable());
        assert!(!said(403, "").is_retryable() && !said(422, "").is_retryable());
        assert!(!said(401, "").is_retryable());
    }

    #[test]
    fn a_port_that_another_service_has_is_found() {
        let check = |message: &str, port| assert_eq!(taken_port(message), port, "{message}");
        let invalid = "Service \"peer0-public\" is invalid: spec.ports[0].nodePort: Invalid value: 31000: ";
        check(&format!("{invalid}provided port is already allocated"), Some(31_000));
        check(&format!("{invalid}provided port is not in the valid range"), None);
        check(": provided port is already allocated", None);
        let taken = said(422, &format!("{invalid}provided port is already allocated"));
        assert_eq!(taken, AgentError::PortTaken(31_000));
        assert!(matches!(said(422, invalid), AgentError::Refused(_)));
    }

    #[test]
    fn what_was_not_answered_says_why() {
        let service = |error: tower::BoxError| agent(kube::Error::Service(error), "asking");
        let closed = ProbeFailure::at(ProbeStage::Tcp, Remedy::StartEngine, "closed");
        assert!(matches!(service(closed.into()), AgentError::Unreachable(words) if words.contains("closed")));
        let foreign = ProbeFailure::at(ProbeStage::Tls, Remedy::CheckAuthority, "foreign");
        assert!(matches!(service(foreign.into()), AgentError::Refused(_)));
        let after = Duration::from_secs(7);
        let late = AgentError::Timeout { what: "asking".to_owned(), after };
        assert_eq!(service(Broken::Late(after).into()), late);
        let ended = agent(kube::Error::ReadEvents(io::Error::other(Broken::Late(after))), "asking");
        assert_eq!(ended, late);
        assert!(matches!(service(Broken::Large(9).into()), AgentError::Engine { status: 0, .. }));
        assert!(matches!(service("reset".into()), AgentError::Unreachable(_)));
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        let broken = serde_json::from_str::<u8>("\"s3cret\"").unwrap_err();
        let error = agent(kube::Error::SerdeError(broken), "asking");
        assert!(matches!(&error, AgentError::Engine { status: 0, message } if !message.contains("s3cret")));
    }
}

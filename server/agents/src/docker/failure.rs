//! Reads an engine's errors: what happened decides what the portal does next.
//!
//! Engines tell some things only in words, so words are read here and nowhere else.

use std::future::Future;
use std::time::Duration;

use bollard::errors::Error as EngineError;

pub(crate) use crate::error::cut;
use crate::error::with_sources;
use crate::{AgentError, MissingWhy, ProbeFailure};

/// Waits for an answer of the engine within a bound.
pub(crate) async fn within<T>(
    what: &str,
    limit: Duration,
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, AgentError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failure(what, error)),
        Err(_) => Err(AgentError::Timeout { what: what.to_owned(), after: limit }),
    }
}

/// The engine's error in our words.
pub(crate) fn failure(what: &str, error: EngineError) -> AgentError {
    match error {
        EngineError::DockerResponseServerError { status_code, message } => {
            answered(what, status_code, &message)
        }
        EngineError::DockerStreamError { error } => answered(what, 0, &error),
        EngineError::RequestTimeoutError => {
            AgentError::Timeout { what: what.to_owned(), after: super::REQUEST_MAX }
        }
        EngineError::IOError { err } => match err.get_ref().and_then(|e| e.downcast_ref::<ProbeFailure>()) {
            Some(failure) => failure.clone().into(),
            None => AgentError::Unreachable(format!("{what}: {err}")),
        },
        EngineError::HyperResponseError { err } => {
            AgentError::Unreachable(format!("{what}: {}", with_sources(&err)))
        }
        other => AgentError::Engine { status: 0, message: cut(&format!("{what}: {other}")) },
    }
}

/// An answer with an error status, or an error in the middle of a stream.
fn answered(what: &str, status: u16, message: &str) -> AgentError {
    if let Some(port) = taken_port(message) {
        return AgentError::PortTaken(port);
    }
    let said = cut(&format!("{what}: {message}"));
    match status {
        404 => AgentError::NotFound(said),
        409 => AgentError::Conflict(said),
        400 | 401 | 403 => AgentError::Refused(said),
        _ if message.contains("non-overlapping IPv4 address pool")
            || message.contains("predefined address pools have been fully subnetted") =>
        {
            AgentError::Refused(format!("the host has no address range left for another network: {said}"))
        }
        _ => AgentError::Engine { status, message: said },
    }
}

/// The port of the host that is in use, when that is what the engine says.
fn taken_port(message: &str) -> Option<u16> {
    let taken = message.contains("port is already allocated") || message.contains("address already in use");
    if !taken {
        return None;
    }
    // `address:port` stands before the words; what is in brackets is an IPv6 address and holds no port.
    let bare: String =
        message.split('[').map(|part| part.split_once(']').map_or(part, |(_, behind)| behind)).collect();
    let mut rest = bare.as_str();
    while let Some(at) = rest.find(':') {
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let ends_group = rest[digits..].bytes().next().is_none_or(|b| !b.is_ascii_alphanumeric());
        if digits > 0
            && ends_group
            && let Ok(port) = rest[..digits].parse::<u16>()
            && port > 0
        {
            return Some(port);
        }
    }
    None
}

/// Why a pull failed, from the engine's words.
pub(crate) fn missing(error: &AgentError) -> Option<MissingWhy> {
    let said = match error {
        AgentError::NotFound(said) | AgentError::Refused(said) => said,
        AgentError::Engine { message, .. } => message,
        _ => return None,
    };
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["unauthorized", "denied", "authentication required", "no basic auth", "forbidden"]) {
        // Registries say "denied" also for what does not exist, so that nobody can list their private names.
        return Some(MissingWhy::Denied(said.clone()));
    }
    if has(&[
        "dial tcp",
        "no such host",
        "i/o timeout",
        "connection refused",
        "TLS handshake",
        "x509:",
        "Client.Timeout",
        "network is unreachable",
        "connection reset",
        "EOF",
        "server gave HTTP response",
        "Temporary failure",
    ]) {
        return Some(MissingWhy::RegistryUnreachable(said.clone()));
    }
    if matches!(error, AgentError::NotFound(_)) || has(&["manifest unknown", "not found", "name unknown"]) {
        return Some(MissingWhy::NotInRegistry(said.clone()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_found_in_the_words_of_old_and_new_engines() {
        let check = |message: &str, port| assert_eq!(taken_port(message), port, "{message}");
        check(
            "driver failed programming external connectivity on endpoint heddle-a-b--c (7f0e): \
             Bind for 127.0.0.1:31000 failed: port is already allocated",
            Some(31000),
        );
        check(
            "driver failed programming external connectivity on endpoint x (12): Error starting userland proxy: \
             listen tcp4 0.0.0.0:31001: bind: address already in use",
            Some(31001),
        );
        check(
            "failed to bind host port for 127.0.0.1:31002:172.18.0.2:7051/tcp: address already in use",
            Some(31002),
        );
        check("failed to bind host port 127.0.0.1:31003/tcp: address already in use", Some(31003));
        check("listen tcp6 [::1]:31004: bind: address already in use", Some(31004));
        check("listen tcp6 [fe80::12:34]:31005: bind: address already in use", Some(31005));
        check("Bind for :::31006 failed: port is already allocated", Some(31006));
        check("no such container: 127.0.0.1:31000", None);
        check("address already in use", None);
    }

    #[test]
    fn statuses_become_typed_errors() {
        let read = |status_code, message: &str| {
            failure("x", EngineError::DockerResponseServerError { status_code, message: message.into() })
        };
        assert!(matches!(read(404, "No such container"), AgentError::NotFound(_)));
        assert!(matches!(read(409, "is already in use"), AgentError::Conflict(_)));
        assert!(matches!(read(400, "bad parameter"), AgentError::Refused(_)));
        assert!(matches!(read(500, "boom"), AgentError::Engine { status: 500, .. }));
        assert!(read(500, "boom").is_retryable() && read(503, "").is_retryable());
        assert!(
            !read(409, "").is_retryable() && !read(400, "").is_retryable() && !read(404, "").is_retryable()
        );
        let pools = "could not find an available, non-overlapping IPv4 address pool among the defaults";
        assert!(matches!(read(500, pools), AgentError::Refused(_)));
        assert_eq!(
            read(500, "Bind for 1.2.3.4:5 failed: port is already allocated"),
            AgentError::PortTaken(5)
        );
    }

    #[test]
    fn a_failed_pull_says_why() {
        let why = |message: &str| missing(&AgentError::Engine { status: 500, message: message.into() });
        assert!(matches!(why("pull access denied for x"), Some(MissingWhy::Denied(_))));
        assert!(matches!(
            why("manifest for x:1 not found: manifest unknown"),
            Some(MissingWhy::NotInRegistry(_))
        ));
        assert!(matches!(
            why("Get \"https://r/v2/\": dial tcp: lookup r: no such host"),
            Some(MissingWhy::RegistryUnreachable(_))
        ));
        assert_eq!(why("no space left on device"), None);
        let retry = |why| AgentError::ImageMissing { reference: "x".into(), why }.is_retryable();
        assert!(retry(MissingWhy::RegistryUnreachable(String::new())) && !retry(MissingWhy::LocalOnly));
    }
}

//! Images: what is known about one, and how a reference is read.
//!
//! Credentials live here only for the moment of a pull; they have no `Debug` output and no serialisation.

use std::fmt;

use zeroize::Zeroizing;

use crate::AgentError;

/// Registry name under which images are only ever built; asking a registry for one is always a mistake.
const LOCAL_REGISTRY: &str = "heddle.local/";

/// An image that is on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The reference that was asked for.
    pub reference: String,
    /// Content id of the image on this host (`sha256:…`); names exactly this image.
    pub id: String,
    /// `repository@sha256:…` as the registry knows it; `None` when no registry does.
    pub digest: Option<String>,
    /// True when no registry knows this image: it was built or loaded here.
    pub local_only: bool,
    /// CPU architecture in Go's words: `amd64`, `arm64`.
    pub architecture: String,
    /// When it was built, RFC 3339, as the image says.
    pub created: Option<String>,
    /// Size in bytes, unpacked.
    pub size_bytes: Option<u64>,
    /// Paths that the image declares as volumes; chaincode images may have none.
    pub volumes: Vec<String>,
}

impl ImageFacts {
    /// By what a registry gives exactly this image again, `repository@sha256:…`; `None` for one that was built or
    /// loaded here.
    pub fn registry_digest(&self) -> Option<&str> {
        self.digest.as_deref().filter(|_| !self.local_only)
    }
}

/// How far a pull is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageProgress {
    /// The layer, when the message is about one.
    pub layer: Option<String>,
    /// What happens, in the engine's words.
    pub status: String,
    /// Bytes done of this layer.
    pub current: Option<u64>,
    /// Bytes of this layer.
    pub total: Option<u64>,
}

/// User name and password (or token) for the registry of one image.
#[derive(Clone)]
pub struct PullCredentials {
    /// The registry's user.
    pub username: String,
    /// The registry's password or token.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for PullCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullCredentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Splits a reference into repository and tag or digest; a missing tag reads as `latest`.
///
/// The separator of a tag is the last colon behind the last slash, because a registry may have a port.
pub fn split_reference(reference: &str) -> (&str, &str) {
    if let Some((repository, digest)) = reference.split_once('@') {
        return (repository, digest);
    }
    let name_start = reference.rfind('/').map_or(0, |at| at + 1);
    match reference[name_start..].rfind(':') {
        Some(at) => (&reference[..name_start + at], &reference[name_start + at + 1..]),
        None => (reference, "latest"),
    }
}

/// True for names that no registry serves: our own local ones, and bare content ids.
pub fn is_local_only_name(reference: &str) -> bool {
    reference.starts_with(LOCAL_REGISTRY) || reference.starts_with("sha256:")
}

/// The registry that a repository name leads to.
pub(crate) fn registry_of(repository: &str) -> &str {
    match repository.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

/// A reference becomes a part of a path: it may hold only what references hold.
pub(crate) fn check_reference(reference: &str) -> Result<(), AgentError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"./:@_-".contains(&byte);
    let wrong = reference.is_empty()
        || reference.len() > 500
        || !reference.bytes().all(legal)
        || reference.split('/').any(|part| part.is_empty() || part.starts_with(['.', '-']));
    if wrong {
        return Err(AgentError::Refused(format!("{reference:?} is not an image reference")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_split_at_the_tag_and_not_at_the_port() {
        let check = |reference, repository, tag| assert_eq!(split_reference(reference), (repository, tag));
        check("peer", "peer", "latest");
        check("hyperledger/fabric-peer:2.5", "hyperledger/fabric-peer", "2.5");
        check("127.0.0.1:5000/peer", "127.0.0.1:5000/peer", "latest");
        check("127.0.0.1:5000/a/peer:3.1", "127.0.0.1:5000/a/peer", "3.1");
        check("r.example/peer@sha256:ab", "r.example/peer", "sha256:ab");
        check("r.example:443/peer:1@sha256:ab", "r.example:443/peer:1", "sha256:ab");
    }

    #[test]
    fn credentials_do_not_show_the_password() {
        let credentials =
            PullCredentials { username: "ada".into(), password: Zeroizing::new("s3cret".into()) };
        assert!(!format!("{credentials:?}").contains("s3cret"));
    }

    #[test]
    fn local_names_are_never_asked_of_a_registry() {
        assert!(is_local_only_name("heddle.local/fabric-peer:2.5.0"));
        assert!(is_local_only_name("sha256:0123"));
        assert!(!is_local_only_name("hyperledger/fabric-peer:2.5"));
    }

    #[test]
    fn references_that_would_leave_their_path_are_refused() {
        for reference in ["", "a b", "../x", "a/../b", "a//b", "-x", "a?b", "a#b", "a%2f", "x/-y"] {
            assert!(matches!(check_reference(reference), Err(AgentError::Refused(_))), "{reference}");
        }
        for reference in ["peer", "a/b:1.2_x", "r.example:5000/a/b@sha256:00ff", "sha256:00ff"] {
            assert_eq!(check_reference(reference), Ok(()), "{reference}");
        }
    }

    #[test]
    fn the_registry_is_read_from_the_name() {
        assert_eq!(registry_of("peer"), "docker.io");
        assert_eq!(registry_of("hyperledger/fabric-peer"), "docker.io");
        assert_eq!(registry_of("r.example:5000/a/b"), "r.example:5000");
        assert_eq!(registry_of("localhost/a"), "localhost");
    }
}

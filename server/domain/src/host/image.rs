//! Names of images and registries, and which of them a user may run. Pure: nobody is asked whether an image exists.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// Longest image name.
const NAME_MAX: usize = 255;
/// The registry of names that name none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where the default registry keeps names of one part.
const DEFAULT_FOLDER: &str = "library";

/// Longest user name or password of a registry.
pub const REGISTRY_TEXT_MAX: usize = 8_192;

/// Credentials of one registry. They are stored encrypted and never leave the server again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryCredentials {
    /// `registry.example:5000`, without scheme and path.
    pub registry: String,
    pub user: String,
    pub password: String,
}

impl std::fmt::Debug for RegistryCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryCredentials").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl RegistryCredentials {
    /// Checks the form; the registry is asked at the next pull.
    pub fn check(&self) -> Result<(), Error> {
        check_registry(&self.registry)?;
        for (field, text) in [("user", &self.user), ("password", &self.password)] {
            if text.is_empty() {
                return Err(Error::invalid(Code::FieldMissing).on(field));
            }
            if text.len() > REGISTRY_TEXT_MAX {
                return Err(Error::invalid(Code::TextTooLong).with("max", REGISTRY_TEXT_MAX).on(field));
            }
        }
        Ok(())
    }
}

/// Checks `host[:port]` of a registry.
pub fn check_registry(registry: &str) -> Result<(), Error> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let named = registry.contains(['.', ':']) || registry == "localhost";
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if named && port_fits && registry.len() <= NAME_MAX && is_host_name(host) {
        return Ok(());
    }
    Err(Error::invalid(Code::RegistryMalformed).with("name", registry).on("registry"))
}

/// Letters, digits, dots and hyphens as in a host name or an IPv4 address.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Whether a text may name an image: `[registry/]path[:tag][@digest]`. `{version}` may stand in it.
pub fn is_image_name(text: &str) -> bool {
    let text = text.replace("{version}", "0");
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text.as_str(), None),
    };
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name[last..].rfind(':') {
        Some(at) => (&name[..last + at], Some(&name[last + at + 1..])),
        None => (name, None),
    };
    let tag_fits = tag.is_none_or(|tag| {
        (1..=128).contains(&tag.len())
            && !tag.starts_with(['.', '-'])
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    });
    let digest_fits = digest.is_none_or(|digest| {
        digest.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    });
    text.len() <= NAME_MAX && tag_fits && digest_fits && is_path(path)
}

/// Checks the name of an image that shall run as chaincode. Rules judge names: what an engine would take for the id of
/// some content has none, and could run whatever is on the host.
pub fn check_chaincode_image(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid(Code::FieldMissing).on("image"));
    }
    if name.len() > NAME_MAX {
        return Err(Error::invalid(Code::TextTooLong).with("max", NAME_MAX).on("image"));
    }
    if is_image_name(name) && !name.contains('{') && !is_content_id(name) {
        return Ok(());
    }
    Err(Error::invalid(Code::ImageNameMalformed).with("name", name).on("image"))
}

/// `sha256:…`, or so many hexadecimal digits that an engine takes them for the beginning of an id.
fn is_content_id(name: &str) -> bool {
    let digits = (12..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits || name.starts_with("sha256:")
}

/// The part of an image name before tag and digest, or the beginning of one.
fn is_path(path: &str) -> bool {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let component = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && part.bytes().last().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    let first_fits = component(first) || (!rest.is_empty() && check_registry(first).is_ok());
    first_fits && rest.into_iter().all(component)
}

/// Whether a text may be a rule: a registry, or a registry and the first parts of a path.
pub(super) fn is_rule(rule: &str) -> bool {
    let rule = rule.strip_suffix('/').unwrap_or(rule);
    !rule.is_empty() && rule.len() <= NAME_MAX && (is_path(rule) || check_registry(rule).is_ok())
}

/// The registry that an image comes from, as it stands in its name.
pub fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => DEFAULT_REGISTRY,
    }
}

/// The whole name, with what short names leave out.
fn whole(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    if first.contains(['.', ':']) && (name.contains('/') || !first.contains(':')) || first == "localhost" {
        return name.to_owned();
    }
    if name.contains('/') {
        format!("{DEFAULT_REGISTRY}/{name}")
    } else {
        format!("{DEFAULT_REGISTRY}/{DEFAULT_FOLDER}/{name}")
    }
}

/// Whether an image is below a rule. A rule ends at a border of the name: `a.example/te` does not allow
/// `a.example/team/x`.
pub(super) fn is_below(image: &str, rule: &str) -> bool {
    let rule = rule.strip_suffix('/').unwrap_or(rule);
    // A rule of one part without a dot is a folder of the default registry, not an image of it.
    let rule = if rule.contains(['/', '.', ':']) || rule == "localhost" {
        if check_registry(rule).is_ok() && !rule.contains('/') { rule.to_owned() } else { whole(rule) }
    } else {
        format!("{DEFAULT_REGISTRY}/{rule}")
    };
    // Behind a bare registry a colon would begin a port, which makes it another registry.
    let borders: &[char] = if rule.contains('/') { &['/', ':', '@'] } else { &['/'] };
    whole(image).strip_prefix(&rule).is_some_and(|behind| behind.is_empty() || behind.starts_with(borders))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        for name in [
            "peer",
            "hyperledger/fabric-peer:{version}",
            "heddle.local/fabric-peer:2.5.0",
            "127.0.0.1:5000/a/b:1",
            "localhost/a",
            "r.example/a_b.c-d/e",
            "r.example/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert!(is_image_name(name), "{name}");
        }
        for name in [
            "",
            "A",
            "a b",
            "-a",
            "a/",
            "/a",
            "a//b",
            "a:",
            "a:b:c",
            "a@sha256:12",
            "http://a/b",
            "a/../b",
            "r:0/x",
        ] {
            assert!(!is_image_name(name), "{name}");
        }
    }

    #[test]
    fn chaincode_runs_from_a_name_and_never_from_an_id() {
        let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let pinned = format!("r.example/a@sha256:{digest}");
        for name in ["peer", "deadbeef", "0123456789abcdef:1", "r.example/0123456789abcdef", pinned.as_str()]
        {
            assert_eq!(check_chaincode_image(name), Ok(()), "{name}");
        }
        let (id, long) = (format!("sha256:{digest}"), "a".repeat(NAME_MAX + 1));
        for (name, code) in [
            (" ", Code::FieldMissing),
            (long.as_str(), Code::TextTooLong),
            ("http://a/b", Code::ImageNameMalformed),
            ("hyperledger/cc:{version}", Code::ImageNameMalformed),
            (id.as_str(), Code::ImageNameMalformed),
            ("sha256:0123", Code::ImageNameMalformed),
            (digest, Code::ImageNameMalformed),
            ("0123456789ab", Code::ImageNameMalformed),
        ] {
            let error = check_chaincode_image(name).unwrap_err();
            assert_eq!((error.code, error.field.as_deref()), (code, Some("image")), "{name}");
        }
    }

    #[test]
    fn a_rule_ends_at_a_border_of_the_name() {
        let check = |image, rule, allowed| assert_eq!(is_below(image, rule), allowed, "{image} {rule}");
        check("r.example/team/basic:1", "r.example/team/", true);
        check("r.example/team/basic:1", "r.example/team", true);
        check("r.example/team/basic:1", "r.example", true);
        check("r.example/team/basic:1", "r.example/team/basic", true);
        check("r.example/team2/basic:1", "r.example/team", false);
        check("r.example.evil/team/basic", "r.example", false);
        check("r.example:5000/basic", "r.example", false);
        check("r.example:5000/basic", "r.example:5000", true);
        check("hyperledger/basic", "hyperledger", true);
        check("hyperledger/basic", "docker.io/hyperledger", true);
        check("docker.io/hyperledger/basic", "hyperledger/", true);
        check("basic:1", "docker.io/library", true);
        check("basic:1", "hyperledger", false);
        check("evil/hyperledger/x", "hyperledger", false);
    }

    #[test]
    fn registries() {
        for registry in ["r.example", "r.example:5000", "127.0.0.1:5000", "localhost", "docker.io"] {
            assert!(check_registry(registry).is_ok(), "{registry}");
        }
        for registry in
            ["", "r", "https://r.example", "r.example/x", "r.example:0", "r.example:x", "-r.example", "a b.c"]
        {
            assert!(check_registry(registry).is_err(), "{registry}");
        }
        assert_eq!(registry_of("r.example:5000/a/b"), "r.example:5000");
        assert_eq!(registry_of("hyperledger/fabric-peer"), "docker.io");
    }

    #[test]
    fn credentials_show_no_secret() {
        let secret = RegistryCredentials {
            registry: "r.example".to_owned(),
            user: "ada".to_owned(),
            password: "s3cret".to_owned(),
        };
        assert!(!format!("{secret:?}").contains("s3cret"));
    }
}

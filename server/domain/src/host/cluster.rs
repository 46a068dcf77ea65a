//! Kubernetes clusters as hosts: how one is reached and what is wanted of it. Pure: no cluster is asked here, and
//! credentials have no `Debug` output.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HostSpec, image};
use crate::error::{Code, Error};

/// Longest prefix of namespaces, in characters; with installation and chain behind it a name fits into a DNS label.
pub const PREFIX_MAX: usize = 20;
/// Longest text of one credential, in bytes.
pub const CREDENTIAL_MAX: usize = 64 * 1024;
/// Longest kubeconfig, in bytes.
pub const KUBECONFIG_MAX: usize = 256 * 1024;
/// The port of a server whose address names none.
const HTTPS_PORT: u16 = 443;
/// Most annotations, labels to select by, and tolerations.
const LIST_MAX: usize = 50;
/// Longest key or value of one of these.
const ENTRY_MAX: usize = 512;
/// Longest path on an NFS server or a machine.
const PATH_MAX: usize = 512;

/// Address of a cluster's API server in one form: `https://host:port/path`, lower-case host, no slash at the end.
///
/// # Errors
/// [`Code::ClusterServerMalformed`] for anything that is no HTTPS address, or carries a user, a query or a fragment.
pub fn canonical_server(text: &str) -> Result<String, Error> {
    let malformed = || Error::invalid(Code::ClusterServerMalformed).with("text", text.trim()).on("server");
    let rest = text.trim().strip_prefix("https://").ok_or_else(malformed)?;
    if rest.contains(['@', '?', '#', '\\']) || rest.contains(char::is_whitespace) {
        return Err(malformed());
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => (&rest[..at], rest[at..].trim_end_matches('/')),
        None => (rest, ""),
    };
    let (host, port) = split_port(authority).ok_or_else(malformed)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let fits = match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_ipv6() == bracketed,
        Err(_) => !bracketed && image::is_host_name(bare),
    };
    let path_fits = path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
    if !fits || !path_fits {
        return Err(malformed());
    }
    Ok(format!("https://{}:{port}{path}", host.to_ascii_lowercase()))
}

fn split_port(authority: &str) -> Option<(&str, u16)> {
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_bracket..].rfind(':') {
        Some(at) => {
            let port = authority[after_bracket + at + 1..].parse().ok().filter(|port| *port > 0)?;
            Some((&authority[..after_bracket + at], port))
        }
        None => Some((authority, HTTPS_PORT)),
    }
}

/// How the portal knows that it speaks to the right API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum ClusterAuthority {
    /// The authorities that may have signed its certificate, PEM.
    Ca { pem: String },
    /// Exactly this certificate: SHA-256 of its DER, 64 hexadecimal digits.
    Pinned { sha256: String },
}

/// Who the portal is for a cluster. Stored encrypted; it never leaves the server again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum ClusterLogin {
    /// A bearer token, of a service account or of OpenID Connect.
    Token { token: String },
    /// A client certificate with its key, PEM.
    Certificate { certificate_pem: String, key_pem: String },
}

impl fmt::Debug for ClusterLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token(..)",
            Self::Certificate { .. } => "Certificate(..)",
        })
    }
}

/// What the portal needs to speak to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterCredentials {
    pub authority: ClusterAuthority,
    /// What the API server's certificate names, where that is not its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    pub login: ClusterLogin,
}

impl ClusterCredentials {
    /// Checks presence and size; what is inside is read when a connection is made.
    pub fn check(&self) -> Result<(), Error> {
        match &self.authority {
            ClusterAuthority::Ca { pem } => check_text("ca_pem", pem)?,
            ClusterAuthority::Pinned { sha256 } => {
                if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(Error::invalid(Code::FingerprintMalformed).on("pinned"));
                }
            }
        }
        if let Some(name) = self.server_name.as_deref().filter(|name| !super::is_address(name)) {
            return Err(Error::invalid(Code::AddressMalformed).with("text", name).on("server_name"));
        }
        match &self.login {
            ClusterLogin::Token { token } => {
                check_text("token", token)?;
                // A token travels in a header line.
                if token.trim().bytes().any(|byte| !byte.is_ascii_graphic()) {
                    return Err(Error::invalid(Code::TokenMalformed).on("token"));
                }
                Ok(())
            }
            ClusterLogin::Certificate { certificate_pem, key_pem } => {
                check_text("certificate_pem", certificate_pem)?;
                check_text("key_pem", key_pem)
            }
        }
    }
}

/// Checks presence and size of one text.
pub(super) fn check_text(field: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::invalid(Code::FieldMissing).on(field));
    }
    if text.len() > CREDENTIAL_MAX {
        return Err(Error::invalid(Code::TextTooLong).with("max", CREDENTIAL_MAX).on(field));
    }
    Ok(())
}

/// Where the data of nodes lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum ClusterStorage {
    /// Made by a storage class; none: the cluster's default one.
    Class { name: Option<String> },
    /// A folder for each chain and node below an exported one.
    Nfs { server: String, path: String },
    /// Folders of one of the cluster's machines; nodes with data run only there.
    NodeLocal { kube_node: String, path: String },
}

/// How users reach nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum ClusterExposure {
    /// At ports of the cluster's machines, from the host's port range.
    NodePort,
    /// Through a load balancer of the cluster, one for each node; the annotations tell it how.
    LoadBalancer { annotations: BTreeMap<String, String> },
    /// Only inside the cluster; the portal goes through the API server.
    ClusterIp,
}

/// Lets nodes run on machines that others are kept away from; terms as in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toleration {
    /// Empty: any taint.
    pub key: String,
    /// None: whatever its value.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`; none: all of them.
    pub effect: Option<String>,
}

/// What an admin decides about a cluster beside what every host has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// Begins the name of every namespace: `<prefix>-<installation>-<chain>`.
    pub namespace_prefix: String,
    pub storage: ClusterStorage,
    /// Size of each node's volume, GiB.
    pub volume_gib: u16,
    pub exposure: ClusterExposure,
    /// Put before the names of images: `registry.example:5000/mirror`; empty: nothing.
    pub registry_prefix: String,
    /// Labels of machines that nodes may run on; empty: all.
    pub node_selector: BTreeMap<String, String>,
    pub tolerations: Vec<Toleration>,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            namespace_prefix: "heddle".to_owned(),
            storage: ClusterStorage::Class { name: None },
            volume_gib: 10,
            exposure: ClusterExposure::NodePort,
            registry_prefix: String::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
        }
    }
}

impl HostSpec {
    /// Whether nodes' data lies in folders that are there without the chain: on an NFS server, or on a machine.
    pub fn keeps_folders(&self) -> bool {
        let storage = self.cluster.as_ref().map(|settings| &settings.storage);
        storage.is_some_and(|storage| !matches!(storage, ClusterStorage::Class { .. }))
    }
}

impl ClusterSettings {
    /// Checks what can be judged without the cluster; a refusal names its field.
    pub fn check(&self) -> Result<(), Error> {
        let prefix = &self.namespace_prefix;
        if prefix.len() > PREFIX_MAX || !is_label(prefix) {
            let refused = Error::invalid(Code::NamespacePrefixMalformed);
            return Err(refused.with("text", prefix).with("max", PREFIX_MAX).on("namespace_prefix"));
        }
        if self.volume_gib == 0 {
            return Err(super::out_of_range("volume_gib", 1, u16::MAX));
        }
        self.check_storage()?;
        if let ClusterExposure::LoadBalancer { annotations } = &self.exposure {
            check_entries("annotations", annotations)?;
        }
        check_entries("node_selector", &self.node_selector)?;
        if !self.registry_prefix.is_empty() && !image::is_rule(&self.registry_prefix) {
            let refused = Error::invalid(Code::RegistryMalformed).with("name", &self.registry_prefix);
            return Err(refused.on("registry_prefix"));
        }
        self.check_tolerations()
    }

    fn check_storage(&self) -> Result<(), Error> {
        let path_fits = |path: &str| {
            path.len() <= PATH_MAX
                && path.len() > 1
                && path.starts_with('/')
                && path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..")
        };
        let malformed = |field: &str, text: &str| {
            Err(Error::invalid(Code::ClusterStorageMalformed).with("text", text).on(field))
        };
        match &self.storage {
            ClusterStorage::Class { name: Some(name) } if !is_object_name(name) => {
                malformed("storage_class", name)
            }
            ClusterStorage::Nfs { server, .. } if !super::is_address(server) => {
                malformed("nfs_server", server)
            }
            ClusterStorage::Nfs { path, .. } if !path_fits(path) => malformed("nfs_path", path),
            ClusterStorage::NodeLocal { kube_node, .. } if !is_object_name(kube_node) => {
                malformed("kube_node", kube_node)
            }
            ClusterStorage::NodeLocal { path, .. } if !path_fits(path) => malformed("local_path", path),
            ClusterStorage::Class { .. } | ClusterStorage::Nfs { .. } | ClusterStorage::NodeLocal { .. } => {
                Ok(())
            }
        }
    }

    fn check_tolerations(&self) -> Result<(), Error> {
        let effect_fits = |effect: &Option<String>| {
            effect
                .as_deref()
                .is_none_or(|effect| matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute"))
        };
        if self.tolerations.len() > LIST_MAX {
            return Err(Error::invalid(Code::TooManyEntries).with("max", LIST_MAX).on("tolerations"));
        }
        let wrong = self
            .tolerations
            .iter()
            .find(|toleration| toleration.key.len() > ENTRY_MAX || !effect_fits(&toleration.effect));
        match wrong {
            Some(toleration) => {
                Err(Error::invalid(Code::TolerationMalformed).with("text", &toleration.key).on("tolerations"))
            }
            None => Ok(()),
        }
    }
}

fn check_entries(field: &str, entries: &BTreeMap<String, String>) -> Result<(), Error> {
    if entries.len() > LIST_MAX {
        return Err(Error::invalid(Code::TooManyEntries).with("max", LIST_MAX).on(field));
    }
    let fits = |text: &str| text.len() <= ENTRY_MAX && !text.chars().any(char::is_control);
    match entries.iter().find(|(key, value)| key.is_empty() || !fits(key) || !fits(value)) {
        Some((key, _)) => Err(Error::invalid(Code::EntryMalformed).with("name", key).on(field)),
        None => Ok(()),
    }
}

/// A DNS label as our names are: lower-case letters, digits and single hyphens, a letter first.
fn is_label(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// The name of an object of a cluster: a DNS name in lower case.
fn is_object_name(text: &str) -> bool {
    image::is_host_name(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// One way into a cluster that a kubeconfig tells of; nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubeconfigContext {
    pub name: String,
    /// The API server in its canonical form.
    pub server: String,
    /// Why this context cannot be used; none: it can.
    pub refused: Option<Error>,
    /// It is the one that the file itself chooses.
    pub current: bool,
}

#[cfg(test)]
mod tests;

//! What a node shall be, in words that fit every kind of host.
//!
//! A specification is checked before anything is done with it, and has a fingerprint by which an agent sees
//! whether a node on the host still is what is wanted. Nothing of one kind of host may appear here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Longest installation id, in characters.
const INSTALLATION_MAX: usize = 12;
/// Longest name of a chain or node, in characters; with the rest it fits into a DNS label.
const NAME_MAX: usize = 40;
/// Most files of one node.
const FILES_MAX: usize = 1_000;
/// Most bytes of all files of one node.
const FILES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Changes when the same specification shall lead to another body on the host, so that nodes are made anew.
const FINGERPRINT_VERSION: u64 = 1;

/// A specification that no host may be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct InvalidSpec {
    /// Which part.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl InvalidSpec {
    fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

/// The labels that every object on a host carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLabels {
    /// `heddle.installation`: which portal it belongs to.
    pub installation: String,
    /// `heddle.chain`.
    pub chain: String,
    /// `heddle.node`; empty for what the nodes of a chain share.
    pub node: String,
    /// `heddle.operation`: which operation made it.
    pub operation: String,
}

/// Names one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeRef {
    /// Which portal.
    pub installation: String,
    /// Which chain.
    pub chain: String,
    /// The node's short name, `peer0-org1`.
    pub node: String,
}

impl NodeRef {
    /// Names a node.
    pub fn new(installation: impl Into<String>, chain: impl Into<String>, node: impl Into<String>) -> Self {
        Self { installation: installation.into(), chain: chain.into(), node: node.into() }
    }

    /// Checks all three parts.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        check_installation(&self.installation)?;
        check_name("chain", &self.chain)?;
        check_name("node", &self.node)
    }
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chain, self.node)
    }
}

/// Which nodes to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Which portal.
    pub installation: String,
    /// Only this chain.
    pub chain: Option<String>,
}

/// What the nodes of one chain share on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceSpec {
    /// Which portal.
    pub installation: String,
    /// Which chain.
    pub chain: String,
    /// The operation that asks.
    pub operation: String,
}

impl SpaceSpec {
    /// Checks the names.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        check_installation(&self.installation)?;
        check_name("chain", &self.chain)
    }
}

/// A file that is there before the node starts.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeFile {
    /// Path below the specification's `config_path`, with `/` between names.
    pub path: String,
    /// Bytes; wiped from memory when dropped.
    pub content: Zeroizing<Vec<u8>>,
    /// Permission bits, `0o600`.
    pub mode: u32,
    /// True for keys: the mode must then give nothing to group and others.
    pub secret: bool,
}

impl fmt::Debug for NodeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.content.len();
        write!(
            f,
            "NodeFile({} {:o} {size} bytes{})",
            self.path,
            self.mode,
            if self.secret { " secret" } else { "" }
        )
    }
}

/// How a port of a node is reached from outside of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Publish {
    /// At this port of the host.
    Fixed(u16),
    /// Only by `Agent::connect`; where it is published at all, the host chooses the port.
    Assigned,
    /// Not at all.
    Internal,
}

/// A port that a node listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSpec {
    /// The node's own port.
    pub container: u16,
    /// Who may reach it.
    pub publish: Publish,
}

/// Which of the chain's networks a node is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeNetwork {
    /// The chain's own: nodes of the chain, and a way out.
    Chain,
    /// The chain's own and the one of its chaincode: peers.
    ChainAndChaincode,
    /// Only the one for chaincode, which has no way out.
    ChaincodeOnly,
}

/// The most a node may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory in MiB; swap is not added.
    pub memory_mib: u32,
    /// Thousandths of one processor.
    pub cpu_milli: u32,
    /// Processes and threads.
    pub pids: u32,
}

/// What a node shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Which portal.
    pub installation: String,
    /// Which chain.
    pub chain: String,
    /// Short name, `peer0-org1`.
    pub node: String,
    /// `peer`, `orderer`, `chaincode`, …: a label for people and lists.
    pub kind: String,
    /// Resolved image, by digest or content id where one is known.
    pub image: String,
    /// Program and first arguments; empty keeps the image's own entry point.
    pub entrypoint: Vec<String>,
    /// Arguments; empty keeps the image's own.
    pub command: Vec<String>,
    /// Environment; never a secret.
    pub environment: BTreeMap<String, String>,
    /// Files that are there before the node starts.
    pub files: Vec<NodeFile>,
    /// Where the node keeps its data; `None` when it keeps none.
    pub data_path: Option<String>,
    /// Where `files` are placed.
    pub config_path: String,
    /// Working directory; `None` keeps the image's own.
    pub working_dir: Option<String>,
    /// Ports it listens on.
    pub ports: Vec<PortSpec>,
    /// Port at which `GET /healthz` over TLS tells whether the node is well; `None` where nobody tells. It is not part
    /// of the fingerprint: the node itself is the same with and without somebody who asks.
    pub health_port: Option<u16>,
    /// Further names under which the chain's nodes reach this one; its short name always is one.
    pub aliases: Vec<String>,
    /// Which networks it is in.
    pub network: NodeNetwork,
    /// The most it may use.
    pub limits: Limits,
    /// The operation that asks.
    pub operation: String,
    /// Numeric `uid` or `uid:gid`; `None` keeps the image's own. Files belong to it; the data path belongs to it
    /// only where the image already says so.
    pub user: Option<String>,
    /// True: nothing but the data, the files and a small `/tmp` can be written.
    pub read_only_root: bool,
    /// True: an image that declares volumes of its own is refused (chaincode).
    pub refuse_image_volumes: bool,
    /// True: start empty although earlier data is gone. Never set by anything that acts on its own.
    pub allow_new_data: bool,
}

impl NodeSpec {
    /// Names the node.
    pub fn node_ref(&self) -> NodeRef {
        NodeRef::new(&self.installation, &self.chain, &self.node)
    }

    /// The labels of its objects.
    pub fn labels(&self) -> ObjectLabels {
        ObjectLabels {
            installation: self.installation.clone(),
            chain: self.chain.clone(),
            node: self.node.clone(),
            operation: self.operation.clone(),
        }
    }

    /// User and group id for its files; 0 when the image decides.
    pub fn file_owner(&self) -> (u64, u64) {
        self.user.as_deref().and_then(parse_user).unwrap_or((0, 0))
    }

    /// Checks everything that can be checked without a host.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        self.node_ref().check()?;
        check_name("kind", &self.kind)?;
        if self.image.is_empty() || self.image.starts_with('-') || self.image.contains(char::is_whitespace) {
            return Err(InvalidSpec::new("image", "is not a reference"));
        }
        self.check_paths()?;
        self.check_files()?;
        self.check_ports()?;
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(InvalidSpec::new("environment", format!("{name} is not a variable")));
            }
        }
        for alias in &self.aliases {
            check_alias(alias)?;
        }
        if self.user.as_deref().is_some_and(|user| parse_user(user).is_none()) {
            return Err(InvalidSpec::new("user", "must be a numeric uid or uid:gid"));
        }
        // Engines refuse less than 6 MiB; zero would mean "no limit" there.
        if self.limits.memory_mib < 8 || self.limits.cpu_milli < 10 || self.limits.pids < 1 {
            return Err(InvalidSpec::new(
                "limits",
                "at least 8 MiB, 10 milli-CPUs and one process are needed",
            ));
        }
        Ok(())
    }

    fn check_paths(&self) -> Result<(), InvalidSpec> {
        check_absolute("config_path", &self.config_path)?;
        if let Some(data) = &self.data_path {
            check_absolute("data_path", data)?;
            if data == &self.config_path {
                return Err(InvalidSpec::new("data_path", "must differ from config_path"));
            }
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), InvalidSpec> {
        let mut seen = BTreeSet::new();
        let mut bytes = 0;
        for file in &self.files {
            let parts_legal =
                file.path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
            if !parts_legal || file.path.len() > 200 || file.path.contains('\0') {
                return Err(InvalidSpec::new("files", format!("{:?} is not a relative path", file.path)));
            }
            if !seen.insert(&file.path) {
                return Err(InvalidSpec::new("files", format!("{} is there twice", file.path)));
            }
            if file.mode > 0o777 || (file.secret && file.mode & 0o077 != 0) {
                return Err(InvalidSpec::new("files", format!("{} has mode {:o}", file.path, file.mode)));
            }
            bytes += file.content.len();
        }
        if self.files.len() > FILES_MAX || bytes > FILES_BYTES_MAX {
            return Err(InvalidSpec::new("files", "are too many or too large"));
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<(), InvalidSpec> {
        let mut own = BTreeSet::new();
        let mut host = BTreeSet::new();
        for port in &self.ports {
            if port.container == 0 || !own.insert(port.container) {
                return Err(InvalidSpec::new("ports", format!("{} is there twice or zero", port.container)));
            }
            if let Publish::Fixed(fixed) = port.publish
                && (fixed == 0 || !host.insert(fixed))
            {
                return Err(InvalidSpec::new("ports", format!("{fixed} of the host is there twice or zero")));
            }
            if self.network == NodeNetwork::ChaincodeOnly && port.publish != Publish::Internal {
                return Err(InvalidSpec::new("ports", "a chaincode node publishes none"));
            }
        }
        Ok(())
    }

    /// Hash over all that makes one node differ from another; the operation that asks is no part of it.
    ///
    /// Every field is preceded by its length, so that no two specifications run into each other.
    pub fn fingerprint(&self) -> String {
        let mut hash = Fingerprint::new();
        hash.text(&self.installation).text(&self.chain).text(&self.node).text(&self.kind).text(&self.image);
        hash.list(&self.entrypoint).list(&self.command);
        hash.number(self.environment.len());
        for (name, value) in &self.environment {
            hash.text(name).text(value);
        }
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        hash.number(files.len());
        for file in files {
            hash.text(&file.path).text(&format!("{:o}", file.mode)).bytes(&file.content);
        }
        hash.text(self.data_path.as_deref().unwrap_or("")).text(&self.config_path);
        hash.text(self.working_dir.as_deref().unwrap_or(""));
        hash.number(self.ports.len());
        for port in &self.ports {
            hash.text(&format!("{}/{:?}", port.container, port.publish));
        }
        hash.list(&self.aliases).text(&format!("{:?} {:?}", self.network, self.limits));
        hash.text(self.user.as_deref().unwrap_or("")).text(if self.read_only_root { "ro" } else { "rw" });
        hash.finish()
    }
}

/// Collects length-prefixed fields into one hash.
struct Fingerprint(Sha256);

impl Fingerprint {
    fn new() -> Self {
        let mut hash = Sha256::new();
        hash.update(FINGERPRINT_VERSION.to_be_bytes());
        Self(hash)
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len());
        self.0.update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn list(&mut self, items: &[String]) -> &mut Self {
        self.number(items.len());
        for item in items {
            self.text(item);
        }
        self
    }

    fn number(&mut self, number: usize) -> &mut Self {
        self.0.update(u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes());
        self
    }

    fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// Checks an installation id: lower-case letters and digits.
pub(crate) fn check_installation(text: &str) -> Result<(), InvalidSpec> {
    let legal = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if text.is_empty() || text.len() > INSTALLATION_MAX || !legal {
        return Err(InvalidSpec::new("installation", "must be 1 to 12 lower-case letters or digits"));
    }
    Ok(())
}

/// Checks `[a-z][a-z0-9]*(-[a-z0-9]+)*`: hyphens are single, so that a double one can separate names.
pub(crate) fn check_name(field: &'static str, text: &str) -> Result<(), InvalidSpec> {
    let letter_first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let legal = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !letter_first || !legal || text.len() > NAME_MAX || text.ends_with('-') || text.contains("--") {
        return Err(InvalidSpec::new(field, format!("{text:?} is not a name")));
    }
    Ok(())
}

fn check_alias(alias: &str) -> Result<(), InvalidSpec> {
    let label_legal = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if alias.len() > 253 || !alias.split('.').all(label_legal) {
        return Err(InvalidSpec::new("aliases", format!("{alias:?} is not a domain name")));
    }
    Ok(())
}

fn check_absolute(field: &'static str, path: &str) -> Result<(), InvalidSpec> {
    let below_root = path.strip_prefix('/').unwrap_or("");
    let legal = below_root.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !legal || path.contains([':', ',', '\0']) {
        return Err(InvalidSpec::new(field, format!("{path:?} is not an absolute path below the root")));
    }
    Ok(())
}

fn parse_user(user: &str) -> Option<(u64, u64)> {
    let (uid, gid) = user.split_once(':').unwrap_or((user, user));
    let parse = |text: &str| text.parse::<u32>().ok().map(u64::from);
    Some((parse(uid)?, parse(gid)?))
}

#[cfg(test)]
pub(crate) mod tests;

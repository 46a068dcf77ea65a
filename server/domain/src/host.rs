//! Hosts: where nodes run.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::id::HostId;
use crate::name::HostName;

/// First port of the default range.
pub const PORT_FIRST: u16 = 31_000;
/// Last port of the default range.
pub const PORT_LAST: u16 = 32_000;
/// Ports that a chain takes on each host it uses.
pub const PORTS_PER_CHAIN: u16 = 100;

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Endpoint {
    /// The engine of the machine the portal runs on; only if it was allowed at start.
    Local { path: String },
    /// An engine over TCP; always with mutual TLS.
    Tcp { address: String, port: u16 },
}

impl Endpoint {
    /// The endpoint in one canonical form, by which "the same endpoint twice" is judged.
    pub fn canonical(&self) -> String {
        match self {
            Self::Local { path } => format!("unix://{path}"),
            Self::Tcp { address, port } => format!("tcp://{}:{port}", address.trim().to_ascii_lowercase()),
        }
    }
}

/// Credentials of a remote engine, as PEM. They are stored encrypted and never leave the server again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsCredentials {
    pub ca_pem: String,
    pub certificate_pem: String,
    pub key_pem: String,
}

impl std::fmt::Debug for TlsCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsCredentials(..)")
    }
}

/// What an admin decides about a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    pub name: HostName,
    pub endpoint: Endpoint,
    /// Most chains at once.
    pub capacity: u16,
    /// Address on which ports are published.
    pub bind_address: String,
    /// Address by which clients reach published ports; stands in certificates and profiles.
    pub client_address: String,
    pub port_first: u16,
    pub port_last: u16,
    /// Image names per kind of node; see [`ImageNames`].
    pub images: ImageNames,
    /// Registry prefixes whose images users may run as chaincode; empty: only what an admin or operator approved.
    pub image_rules: Vec<String>,
}

impl HostSpec {
    /// A local engine with the defaults that "next, next" takes.
    pub fn local(name: HostName, path: &str) -> Self {
        Self {
            name,
            endpoint: Endpoint::Local { path: path.to_owned() },
            capacity: 10,
            bind_address: "127.0.0.1".to_owned(),
            client_address: "127.0.0.1".to_owned(),
            port_first: PORT_FIRST,
            port_last: PORT_LAST,
            images: ImageNames::default(),
            image_rules: Vec::new(),
        }
    }

    /// Checks what can be judged without the engine.
    pub fn check(&self) -> Result<(), Error> {
        let out_of_range = |field: &str, min: u32, max: u32| {
            Error::invalid(Code::ValueOutOfRange).with("min", min).with("max", max).on(field)
        };
        if self.capacity == 0 || self.capacity > 1_000 {
            return Err(out_of_range("capacity", 1, 1_000));
        }
        if self.port_first < 1_024 || self.port_last < self.port_first.saturating_add(PORTS_PER_CHAIN - 1) {
            return Err(out_of_range("port_first", 1_024, u32::from(u16::MAX - PORTS_PER_CHAIN)));
        }
        for (field, text) in [("bind_address", &self.bind_address), ("client_address", &self.client_address)]
        {
            if text.trim().is_empty() {
                return Err(Error::invalid(Code::FieldMissing).on(field));
            }
        }
        Ok(())
    }

    /// First ports of the blocks that chains may take, lowest first.
    pub fn blocks(&self) -> impl Iterator<Item = u16> + use<> {
        let (mut next, last) = (u32::from(self.port_first), u32::from(self.port_last));
        std::iter::from_fn(move || {
            let block = next;
            next += u32::from(PORTS_PER_CHAIN);
            (block + u32::from(PORTS_PER_CHAIN) - 1 <= last)
                .then_some(block)
                .and_then(|b| u16::try_from(b).ok())
        })
    }
}

/// Which images run a chain's nodes on a host. `{version}` stands for the Fabric version of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageNames {
    /// Tried in order; the first that is present, else the first that can be pulled.
    pub peer: Vec<String>,
    pub orderer: Vec<String>,
    /// The sample chaincode.
    pub sample: Vec<String>,
}

impl Default for ImageNames {
    fn default() -> Self {
        let pair = |kind: &str| {
            vec![
                format!("heddle.local/fabric-{kind}:{{version}}"),
                format!("hyperledger/fabric-{kind}:{{version}}"),
            ]
        };
        Self {
            peer: pair("peer"),
            orderer: pair("orderer"),
            sample: vec!["heddle.local/chaincode-example02:1".to_owned()],
        }
    }
}

/// Whether a host answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    Unknown,
    Active,
    Inactive,
}

/// What the reconciler saw of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    pub state: HostState,
    /// Why it is inactive.
    pub reason: Option<Error>,
    pub last_seen_ms: Option<i64>,
    pub facts: Option<HostFacts>,
}

impl Default for HostStatus {
    fn default() -> Self {
        Self { state: HostState::Unknown, reason: None, last_seen_ms: None, facts: None }
    }
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    pub engine: String,
    pub version: String,
    pub api_version: String,
    pub operating_system: String,
    pub architecture: String,
    pub cpus: u32,
    pub memory_mib: u64,
}

/// The stages of a connection test, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeStage {
    Address,
    Tcp,
    Tls,
    Authentication,
    ApiVersion,
    Engine,
}

/// Outcome of a connection test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeView {
    /// Stages that passed.
    pub passed: Vec<ProbeStage>,
    /// Stage that failed, with the reason; none: everything passed.
    pub failed: Option<(ProbeStage, Error)>,
    pub facts: Option<HostFacts>,
}

/// How far an image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ImageState {
    Present { id: String, local_only: bool },
    Preparing { done: u64, total: u64 },
    Missing,
}

/// One image on a host's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    pub reference: String,
    pub state: ImageState,
}

/// A host as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    pub id: HostId,
    pub spec: HostSpec,
    pub status: HostStatus,
    /// Chains it holds.
    pub chains: u16,
    pub created_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_blocks_of_a_hundred_ports() {
        let spec = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        let blocks: Vec<u16> = spec.blocks().collect();
        assert_eq!(blocks.len(), 10);
        assert_eq!((blocks[0], blocks[9]), (31_000, 31_900));
    }

    #[test]
    fn the_last_ports_of_all_do_not_overflow() {
        let mut spec = HostSpec::local(HostName::parse("here").unwrap(), "/run/engine.sock");
        (spec.port_first, spec.port_last) = (65_400, 65_535);
        assert_eq!(spec.blocks().collect::<Vec<_>>(), vec![65_400]);
    }
}

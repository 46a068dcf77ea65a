//! How a node is told what it is: two small configuration files and the environment beside them.
//!
//! The files hold what is the same for all nodes, the environment what is a node's own. Both are valid for
//! Fabric 2.5 and 3.x and independent of the files inside an image, some of which carry a sample identity.
//! Every listener has TLS; what administrates a node wants a client certificate of an authority that was made
//! for nothing else. Builds text only and must never put a private key into it.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

mod orderer;
mod peer;

pub use orderer::{OrdererSettings, orderer_environment, orderer_yaml};
pub use peer::{PeerSettings, core_yaml, peer_environment};

/// Folder inside the node with `core.yaml` or `orderer.yaml`, `msp/`, `tls/` and [`ADMIN_CA_FILE`].
pub const CONFIG_DIR: &str = "/etc/heddle";
/// Folder inside the node that must outlive it.
pub const DATA_DIR: &str = "/var/hyperledger/production";
/// PEM of the authority whose clients may administrate the node, relative to [`CONFIG_DIR`].
pub const ADMIN_CA_FILE: &str = "admin-ca.crt";
/// Folder of the chaincode-as-a-service builder in peer images.
pub const CCAAS_BUILDER_DIR: &str = "/opt/hyperledger/ccaas_builder";

/// gRPC of a peer.
pub const PEER_PORT: u16 = 7051;
/// Where chaincode that a peer started itself would dial; unused with chaincode as a service.
pub const PEER_CHAINCODE_PORT: u16 = 7052;
/// Health, metrics and log levels of a peer.
pub const PEER_OPERATIONS_PORT: u16 = 9443;
/// gRPC of an ordering node, for clients, peers and other ordering nodes.
pub const ORDERER_PORT: u16 = 7050;
/// Channel participation of an ordering node.
pub const ORDERER_ADMIN_PORT: u16 = 9443;
/// Health, metrics and log levels of an ordering node.
pub const ORDERER_OPERATIONS_PORT: u16 = 8443;

/// What a node prints unless somebody wants more.
pub const LOGGING_SPEC_DEFAULT: &str = "info";

/// Where a peer keeps the current values; chosen before the first channel.
#[derive(Clone, PartialEq, Eq)]
pub enum StateDatabase {
    LevelDb,
    /// One server for each peer, reachable by it alone.
    CouchDb {
        address: String,
        username: String,
        password: Zeroizing<String>,
    },
}

/// Never prints the password.
impl fmt::Debug for StateDatabase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LevelDb => out.write_str("LevelDb"),
            Self::CouchDb { address, .. } => {
                out.debug_struct("CouchDb").field("address", address).finish_non_exhaustive()
            }
        }
    }
}

/// An absolute path below [`CONFIG_DIR`].
fn config_path(relative: &str) -> String {
    format!("{CONFIG_DIR}/{relative}")
}

fn all_interfaces(port: u16) -> String {
    format!("0.0.0.0:{port}")
}

/// The variables that both kinds of nodes share. JSON logs have no colours and can be filtered by level.
fn environment(logging_spec: &str) -> BTreeMap<String, String> {
    let spec = if logging_spec.is_empty() { LOGGING_SPEC_DEFAULT } else { logging_spec };
    let mut variables = BTreeMap::new();
    set(&mut variables, "FABRIC_CFG_PATH", CONFIG_DIR);
    set(&mut variables, "FABRIC_LOGGING_SPEC", spec);
    set(&mut variables, "FABRIC_LOGGING_FORMAT", "json");
    variables
}

fn set(variables: &mut BTreeMap<String, String>, name: &str, value: impl Into<String>) {
    variables.insert(name.to_owned(), value.into());
}

#[cfg(test)]
mod tests;

//! What an organization shows to others, and the folders that nodes and clients read.
//!
//! Builds contents only: relative paths with bytes. Where they are put, and how secrets are guarded on the way,
//! is the caller's matter. Roles come from organizational units (NodeOUs), so `admincerts` stays empty always.

use prost::Message;

use crate::{
    material::{Issued, PemError, pem},
    proto::channel::{FabricCryptoConfig, FabricMspConfig, FabricNodeOus, FabricOuIdentifier, MspConfig},
};

mod archive;
mod cryptogen;

pub use archive::archive;
pub use cryptogen::{CryptogenOrganization, Member, OrganizationKind, cryptogen_tree};

const CA_FILE: &str = "cacerts/ca-cert.pem";
const TLS_CA_FILE: &str = "tlscacerts/tlsca-cert.pem";
const SIGN_FILE: &str = "signcerts/cert.pem";
const KEY_FILE: &str = "keystore/priv_sk";
/// Where a node reads the list of its organization's revoked certificates, when it starts.
pub const REVOCATION_FILE: &str = "msp/crls/revoked.pem";

/// One file of a node or a client.
#[derive(Clone, PartialEq, Eq)]
pub struct MaterialFile {
    /// Relative, with slashes.
    pub path: String,
    pub content: Vec<u8>,
    /// True for private keys: mode 0600, never in a log or an archive without protection.
    pub secret: bool,
}

impl std::fmt::Debug for MaterialFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MaterialFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl MaterialFile {
    /// Something that everybody may read.
    pub fn public(path: impl Into<String>, content: &str) -> Self {
        Self { path: path.into(), content: content.as_bytes().to_vec(), secret: false }
    }

    fn secret(path: impl Into<String>, content: &str) -> Self {
        Self { path: path.into(), content: content.as_bytes().to_vec(), secret: true }
    }
}

/// The public half of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msp {
    pub msp_id: String,
    /// PEM of the authority of sign certificates.
    pub ca_cert_pem: String,
    /// PEM of the authority of TLS certificates.
    pub tls_ca_cert_pem: String,
}

impl Msp {
    /// Takes both certificates into their canonical form.
    pub fn new(msp_id: &str, ca_cert_pem: &str, tls_ca_cert_pem: &str) -> Result<Self, PemError> {
        Ok(Self {
            msp_id: msp_id.into(),
            ca_cert_pem: pem::normalized(ca_cert_pem)?,
            tls_ca_cert_pem: pem::normalized(tls_ca_cert_pem)?,
        })
    }

    /// The value `MSP` of the organization in a channel configuration.
    pub fn config(&self) -> MspConfig {
        let ca = self.ca_cert_pem.as_bytes();
        let unit = |name: &str| {
            Some(FabricOuIdentifier { certificate: ca.to_vec(), organizational_unit_identifier: name.into() })
        };
        let config = FabricMspConfig {
            name: self.msp_id.clone(),
            root_certs: vec![ca.to_vec()],
            tls_root_certs: vec![self.tls_ca_cert_pem.as_bytes().to_vec()],
            crypto_config: Some(FabricCryptoConfig {
                signature_hash_family: "SHA2".into(),
                identity_identifier_hash_function: "SHA256".into(),
            }),
            fabric_node_ous: Some(FabricNodeOus {
                enable: true,
                client_ou_identifier: unit("client"),
                peer_ou_identifier: unit("peer"),
                admin_ou_identifier: unit("admin"),
                orderer_ou_identifier: unit("orderer"),
            }),
            ..FabricMspConfig::default()
        };
        MspConfig { r#type: 0, config: config.encode_to_vec() }
    }

    /// The folder by which others check this organization's identities: no keys.
    pub fn verifying_files(&self) -> Vec<MaterialFile> {
        vec![
            MaterialFile::public(format!("msp/{CA_FILE}"), &self.ca_cert_pem),
            MaterialFile::public(format!("msp/{TLS_CA_FILE}"), &self.tls_ca_cert_pem),
            MaterialFile::public("msp/config.yaml", &node_ous(CA_FILE)),
        ]
    }

    /// The folder `msp` of a node or a client.
    pub fn node_files(&self, sign: &Issued) -> Vec<MaterialFile> {
        let mut files = self.verifying_files();
        files.push(MaterialFile::public(format!("msp/{SIGN_FILE}"), &sign.cert_pem));
        files.push(MaterialFile::secret(format!("msp/{KEY_FILE}"), &sign.key_pem));
        files
    }

    /// The folder `tls` of a node: its certificate, its key and the authority of its own organization. Nodes
    /// learn the authorities of other organizations from the channel configuration; `others` adds more roots to
    /// `tls/ca.crt` for what comes before a channel (ordering nodes of other organizations).
    pub fn tls_files(&self, tls: &Issued, others: &[&str]) -> Vec<MaterialFile> {
        let mut roots = self.tls_ca_cert_pem.clone();
        for other in others.iter().filter(|other| **other != self.tls_ca_cert_pem) {
            roots.push_str(other);
        }
        vec![
            MaterialFile::public("tls/ca.crt", &roots),
            MaterialFile::public("tls/server.crt", &tls.cert_pem),
            MaterialFile::secret("tls/server.key", &tls.key_pem),
        ]
    }
}

/// `config.yaml` of an MSP folder: which organizational unit is which role, below which authority.
fn node_ous(ca_file: &str) -> String {
    let mut text = String::from("NodeOUs:\n  Enable: true\n");
    for (key, unit) in [("Client", "client"), ("Peer", "peer"), ("Admin", "admin"), ("Orderer", "orderer")] {
        text.push_str(&format!(
            "  {key}OUIdentifier:\n    Certificate: {ca_file}\n    OrganizationalUnitIdentifier: {unit}\n"
        ));
    }
    text
}

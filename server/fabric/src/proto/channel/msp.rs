//! Membership: what a channel knows of an organization, and the principals that policies name.
//!
//! Packages `msp` and `common` (principals). The private half of an MSP (`signing_identity`, field 6) is left
//! out on purpose: it must never stand in a channel configuration.

/// Value `MSP` of an organization.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MspConfig {
    /// 0 = X.509 ("FABRIC"), 1 = Idemix.
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    /// A marshalled [`FabricMspConfig`] when the type is 0.
    #[prost(bytes = "vec", tag = "2")]
    pub config: Vec<u8>,
}

/// All certificates are PEM bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FabricMspConfig {
    /// The MSP ID.
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub root_certs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub intermediate_certs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub admins: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub revocation_list: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "7")]
    pub organizational_unit_identifiers: Vec<FabricOuIdentifier>,
    #[prost(message, optional, tag = "8")]
    pub crypto_config: Option<FabricCryptoConfig>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub tls_root_certs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "10")]
    pub tls_intermediate_certs: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "11")]
    pub fabric_node_ous: Option<FabricNodeOus>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct FabricCryptoConfig {
    #[prost(string, tag = "1")]
    pub signature_hash_family: String,
    #[prost(string, tag = "2")]
    pub identity_identifier_hash_function: String,
}

/// Roles by organizational unit of the certificate's subject.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FabricNodeOus {
    #[prost(bool, tag = "1")]
    pub enable: bool,
    #[prost(message, optional, tag = "2")]
    pub client_ou_identifier: Option<FabricOuIdentifier>,
    #[prost(message, optional, tag = "3")]
    pub peer_ou_identifier: Option<FabricOuIdentifier>,
    #[prost(message, optional, tag = "4")]
    pub admin_ou_identifier: Option<FabricOuIdentifier>,
    #[prost(message, optional, tag = "5")]
    pub orderer_ou_identifier: Option<FabricOuIdentifier>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct FabricOuIdentifier {
    /// PEM of the CA certificate (not a path); empty = any CA of the MSP.
    #[prost(bytes = "vec", tag = "1")]
    pub certificate: Vec<u8>,
    #[prost(string, tag = "2")]
    pub organizational_unit_identifier: String,
}

/// What [`MspPrincipal::principal`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PrincipalClassification {
    Role = 0,
    OrganizationUnit = 1,
    Identity = 2,
    Anonymity = 3,
    Combined = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct MspPrincipal {
    /// A [`PrincipalClassification`].
    #[prost(int32, tag = "1")]
    pub principal_classification: i32,
    /// A marshalled [`MspRole`], [`OrganizationUnit`] or [`super::SerializedIdentity`].
    #[prost(bytes = "vec", tag = "2")]
    pub principal: Vec<u8>,
}

/// Role of an identity within its organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MspRoleType {
    Member = 0,
    Admin = 1,
    Client = 2,
    Peer = 3,
    Orderer = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct MspRole {
    #[prost(string, tag = "1")]
    pub msp_identifier: String,
    /// An [`MspRoleType`].
    #[prost(int32, tag = "2")]
    pub role: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct OrganizationUnit {
    #[prost(string, tag = "1")]
    pub msp_identifier: String,
    #[prost(string, tag = "2")]
    pub organizational_unit_identifier: String,
    #[prost(bytes = "vec", tag = "3")]
    pub certifiers_identifier: Vec<u8>,
}

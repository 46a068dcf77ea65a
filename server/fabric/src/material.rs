//! Certificates and keys of an organization: its two authorities and what they issue.
//!
//! Shapes follow what Fabric's `cryptogen` writes, because nodes are picky: sign certificates carry their role as
//! organizational unit and no extended key usage, TLS certificates carry host names, authorities carry a subject
//! key identifier, and all signatures have the smaller S. Time is always passed in. Nothing here reads or writes
//! files, and no key is printed.

use std::{fmt, net::IpAddr};

use p256::{ecdsa::VerifyingKey, pkcs8::DecodePublicKey};
use x509_cert::name::Name;
use zeroize::Zeroizing;

mod certificate;
pub(crate) mod chain;
mod facts;
pub(crate) mod key;
pub(crate) mod pem;
mod revocation;

pub use chain::ChainError;
pub use facts::{CertificateFacts, describe};
pub use key::KeyError;
pub use pem::PemError;
pub use revocation::revoked_serials;

/// Upper bound of a common name (X.520).
pub const COMMON_NAME_CHARS_MAX: usize = 64;
/// Clocks of machines differ; a fresh certificate is valid a little earlier.
const BACKDATE_S: i64 = 5 * 60;
const DAY_S: i64 = 24 * 60 * 60;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MaterialError {
    #[error("a name in the certificate is empty, too long or has characters that certificates cannot hold")]
    Name,
    #[error("{0:?} is not a DNS name")]
    DnsName(String),
    #[error("the time of validity is empty or cannot be written in a certificate")]
    Validity,
    #[error("the authority's certificate is not usable")]
    Certificate(#[from] PemError),
    #[error("the authority's certificate is not one of an authority with a subject key identifier")]
    NoAuthority,
    #[error("the private key is not usable")]
    Key(#[from] KeyError),
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    #[error("the public key is not an ECDSA P-256 key in PEM")]
    PublicKey,
    #[error("the certificate could not be encoded")]
    Encode,
}

/// When a certificate is valid, both ends in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: i64,
    pub not_after: i64,
}

impl Validity {
    /// From five minutes before `now_s`, rounded down to the minute, for `days` days.
    pub fn from_unix(now_s: i64, days: u32) -> Self {
        let not_before = now_s.saturating_sub(now_s.rem_euclid(60)).saturating_sub(BACKDATE_S);
        Self { not_before, not_after: not_before.saturating_add(i64::from(days).saturating_mul(DAY_S)) }
    }

    /// The part of both.
    fn within(&self, outer: &Self) -> Self {
        Self {
            not_before: self.not_before.max(outer.not_before),
            not_after: self.not_after.min(outer.not_after),
        }
    }
}

/// What an identity is within its organization; becomes the organizational unit of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Peer,
    Admin,
    Orderer,
}

impl Role {
    /// The organizational unit by which Fabric knows the role.
    pub const fn organizational_unit(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Admin => "admin",
            Self::Orderer => "orderer",
        }
    }
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKind {
    /// Signs proposals, blocks and configuration.
    Sign(Role),
    /// Server and client of TLS connections.
    Tls,
}

/// A certificate that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Name of the node or user.
    pub common_name: String,
    pub kind: LeafKind,
    /// Names a TLS client may use for the node; taken as they are, the common name is not added.
    pub dns_names: Vec<String>,
    pub ip_addresses: Vec<IpAddr>,
    /// Cut to the authority's own validity.
    pub validity: Validity,
}

/// A new certificate with its key.
pub struct Issued {
    pub cert_pem: String,
    /// PKCS#8 PEM.
    pub key_pem: Zeroizing<String>,
}

impl fmt::Debug for Issued {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Issued").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

/// A certificate authority: the sign CA or the TLS CA of an organization.
pub struct Authority {
    name: Name,
    key_id: Vec<u8>,
    validity: Validity,
    cert_pem: String,
    key_pem: Zeroizing<String>,
    key: key::PrivateKey,
}

impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Authority").field("name", &self.name.to_string()).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new self-signed authority with a new key. Its subject is `O=organization, CN=common_name`.
    pub fn generate(
        common_name: &str,
        organization: &str,
        validity: &Validity,
    ) -> Result<Self, MaterialError> {
        let key = key::generate()?;
        let cert_pem = certificate::authority(common_name, organization, validity, &key)?;
        Self::from_pem(&cert_pem, &key::to_pem(&key)?)
    }

    /// An existing authority; certificate and key must belong together.
    pub fn from_pem(cert_pem: &str, key_pem: &str) -> Result<Self, MaterialError> {
        let key = key::from_pem(key_pem)?;
        let issuer = certificate::read_issuer(&pem::certificate(cert_pem)?)?;
        if issuer.public_key != *key.verifying_key() {
            return Err(MaterialError::Mismatch);
        }
        Ok(Self {
            name: issuer.name,
            key_id: issuer.key_id,
            validity: issuer.validity,
            cert_pem: pem::normalized(cert_pem)?,
            key_pem: key::to_pem(&key)?,
            key,
        })
    }

    /// Canonical PEM with one certificate.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// PKCS#8 PEM.
    pub fn key_pem(&self) -> &Zeroizing<String> {
        &self.key_pem
    }

    /// A certificate with a new key.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, MaterialError> {
        let key = key::generate()?;
        let cert_pem = certificate::leaf(self, leaf, key.verifying_key())?;
        Ok(Issued { cert_pem, key_pem: key::to_pem(&key)? })
    }

    /// A certificate for a key that somebody else keeps, or for a key that stays while its certificate is
    /// renewed. `public_key_pem` is a `PUBLIC KEY` block; the result is the certificate's PEM.
    pub fn issue_for_public_key(&self, leaf: &Leaf, public_key_pem: &str) -> Result<String, MaterialError> {
        let key = VerifyingKey::from_public_key_pem(public_key_pem).map_err(|_| MaterialError::PublicKey)?;
        certificate::leaf(self, leaf, &key)
    }
}

//! What a person wants to know of a certificate: names, validity, serial number and fingerprint.
//!
//! Reads whatever certificate it is given, also those of other authorities and kinds of keys; it judges nothing.

use const_oid::{
    ObjectIdentifier,
    db::rfc4519::{COMMON_NAME, ORGANIZATIONAL_UNIT_NAME},
};
use sha2::{Digest, Sha256};
use x509_cert::{Certificate, der::Decode, name::Name};

use super::{MaterialError, PemError, certificate, pem};

/// Plain facts of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// First common name of the subject; empty when it has none.
    pub subject_cn: String,
    /// Organizational units of the subject; Fabric reads the role here.
    pub ous: Vec<String>,
    pub issuer_cn: String,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// Lower-case hex without separators.
    pub serial_hex: String,
    /// Lower-case hex of SHA-256 over the DER.
    pub sha256_fingerprint_hex: String,
    /// True for a certificate that may issue others.
    pub is_authority: bool,
}

/// Reads a PEM with exactly one certificate.
pub fn describe(cert_pem: &str) -> Result<CertificateFacts, MaterialError> {
    let der = pem::certificate_der(cert_pem)?;
    let parsed = Certificate::from_der(&der).map_err(|_| PemError::Der)?;
    let body = &parsed.tbs_certificate;
    let validity = certificate::validity_of(&parsed)?;
    let first = |name: &Name| texts(name, COMMON_NAME).into_iter().next().unwrap_or_default();
    Ok(CertificateFacts {
        subject_cn: first(&body.subject),
        ous: texts(&body.subject, ORGANIZATIONAL_UNIT_NAME),
        issuer_cn: first(&body.issuer),
        not_before: validity.not_before,
        not_after: validity.not_after,
        serial_hex: hex::encode(body.serial_number.as_bytes()),
        sha256_fingerprint_hex: hex::encode(Sha256::digest(&der)),
        is_authority: certificate::is_authority(&parsed),
    })
}

/// All values of one attribute; bytes that are no UTF-8 are replaced.
fn texts(name: &Name, oid: ObjectIdentifier) -> Vec<String> {
    let parts = name.0.iter().flat_map(|part| part.0.iter());
    let wanted = parts.filter(|part| part.oid == oid);
    wanted.map(|part| String::from_utf8_lossy(part.value.value()).into_owned()).collect()
}

//! Whether a certificate belongs below an authority, as a node will check it.

use p256::{
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    pkcs8::DecodePublicKey,
};
use x509_cert::{Certificate, der::Encode};

use super::{MaterialError, PemError, certificate, pem};

/// Why a certificate is refused.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChainError {
    #[error("it is not exactly one certificate in PEM form")]
    Unreadable,
    #[error("it is not an authority's certificate with an ECDSA P-256 key and a subject key identifier")]
    NoAuthority,
    #[error("it is an authority's certificate")]
    IsAuthority,
    #[error("it was not issued by an authority of the organization")]
    Issuer,
}

impl From<PemError> for ChainError {
    fn from(_: PemError) -> Self {
        Self::Unreadable
    }
}

impl From<MaterialError> for ChainError {
    fn from(_: MaterialError) -> Self {
        Self::NoAuthority
    }
}

/// Refuses certificates that Fabric would not take as an organization's authority.
pub(crate) fn check_authority(ca_pem: &str) -> Result<(), ChainError> {
    certificate::read_issuer(&pem::certificate(ca_pem)?)?;
    Ok(())
}

/// Refuses a certificate that none of the authorities issued. Times are not looked at.
pub(crate) fn check(cert_pem: &str, authorities: &[&str]) -> Result<(), ChainError> {
    let leaf = pem::certificate(cert_pem)?;
    if certificate::is_authority(&leaf) {
        return Err(ChainError::IsAuthority);
    }
    for authority in authorities {
        let issuer = certificate::read_issuer(&pem::certificate(authority)?)?;
        if leaf.tbs_certificate.issuer == issuer.name && is_signed_by(&leaf, &issuer.public_key) {
            return Ok(());
        }
    }
    Err(ChainError::Issuer)
}

fn is_signed_by(certificate: &Certificate, key: &VerifyingKey) -> bool {
    let Ok(body) = certificate.tbs_certificate.to_der() else { return false };
    let Ok(signature) = Signature::from_der(certificate.signature.raw_bytes()) else { return false };
    key.verify(&body, &signature).is_ok()
}

/// The certificate's public key, when it is one on P-256.
pub(crate) fn public_key(cert_pem: &str) -> Option<VerifyingKey> {
    let certificate = pem::certificate(cert_pem).ok()?;
    let spki = certificate.tbs_certificate.subject_public_key_info.to_der().ok()?;
    VerifyingKey::from_public_key_der(&spki).ok()
}

//! PEM armour of certificates and keys: one canonical form, whatever came in.
//!
//! Fabric compares identities by the bytes of their PEM, so a certificate must always be written the same way:
//! one block, 64 columns, line feeds, nothing before or after it.

use base64::{Engine, prelude::BASE64_STANDARD};
use x509_cert::{Certificate, der::Decode};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
const COLUMNS: usize = 64;
/// A certificate with a few extensions has about one kilobyte.
const PEM_BYTES_MAX: usize = 64 * 1024;

/// Why text is not a certificate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PemError {
    #[error("the text holds no certificate in PEM form")]
    Missing,
    #[error("the text holds more than one certificate")]
    Several,
    #[error("the text is too large for a certificate")]
    TooLarge,
    #[error("the certificate's PEM is not valid base64")]
    Base64,
    #[error("the certificate's DER cannot be read")]
    Der,
}

/// DER of the only certificate in the text; text around it (as `openssl x509 -text` writes) is dropped.
pub(crate) fn certificate_der(text: &str) -> Result<Vec<u8>, PemError> {
    if text.len() > PEM_BYTES_MAX {
        return Err(PemError::TooLarge);
    }
    let (_, rest) = text.split_once(BEGIN).ok_or(PemError::Missing)?;
    let (body, after) = rest.split_once(END).ok_or(PemError::Missing)?;
    if after.contains(BEGIN) {
        return Err(PemError::Several);
    }
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(body).map_err(|_| PemError::Base64)
}

/// The canonical PEM of a certificate's DER.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    armoured(BEGIN, END, der)
}

/// DER between two lines that say what it is.
pub(crate) fn armoured(begin: &str, end: &str, der: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let mut pem = String::with_capacity(encoded.len() + 80);
    pem.push_str(begin);
    pem.push('\n');
    let mut rest = encoded.as_str();
    // Base64 is ASCII, so that every index is a character boundary.
    while let Some((line, tail)) = rest.split_at_checked(COLUMNS) {
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    if !rest.is_empty() {
        pem.push_str(rest);
        pem.push('\n');
    }
    pem.push_str(end);
    pem.push('\n');
    pem
}

/// Reads the only certificate in the text.
pub(crate) fn certificate(text: &str) -> Result<Certificate, PemError> {
    Certificate::from_der(&certificate_der(text)?).map_err(|_| PemError::Der)
}

/// The same certificate in canonical form.
pub(crate) fn normalized(text: &str) -> Result<String, PemError> {
    let der = certificate_der(text)?;
    Certificate::from_der(&der).map_err(|_| PemError::Der)?;
    Ok(certificate_pem(&der))
}

//! Private keys: ECDSA on P-256, made from the operating system's randomness, and signatures that nodes accept.
//!
//! Keys leave this module only as zeroising text. Fabric refuses signatures in the upper half of the group
//! order, so every signature is normalised here, at the only place that signs.

use p256::{
    ecdsa::{Signature, SigningKey, signature::Signer},
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
};
use zeroize::Zeroizing;

/// A random scalar is out of range once in 2³² tries.
const TRIES_MAX: usize = 8;

/// Why there is no key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("the private key is not an ECDSA P-256 key in PKCS#8 or SEC1 PEM")]
    Unreadable,
    #[error("the private key could not be written as PEM")]
    Unwritable,
    #[error("the operating system gave no random bytes")]
    Random,
}

/// A new key.
pub(crate) fn generate() -> Result<SigningKey, KeyError> {
    for _ in 0..TRIES_MAX {
        let mut scalar = Zeroizing::new([0_u8; 32]);
        getrandom::fill(scalar.as_mut_slice()).map_err(|_| KeyError::Random)?;
        if let Ok(key) = SigningKey::from_slice(scalar.as_slice()) {
            return Ok(key);
        }
    }
    Err(KeyError::Random)
}

/// Reads `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (SEC1).
pub(crate) fn from_pem(pem: &str) -> Result<SigningKey, KeyError> {
    let secret = p256::SecretKey::from_pkcs8_pem(pem)
        .or_else(|_| p256::SecretKey::from_sec1_pem(pem).map_err(|_| KeyError::Unreadable))?;
    Ok(SigningKey::from(secret))
}

/// PKCS#8 PEM, which nodes read.
pub(crate) fn to_pem(key: &SigningKey) -> Result<Zeroizing<String>, KeyError> {
    key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Unwritable)
}

/// DER of the ECDSA signature over SHA-256 of the message, with the smaller S.
pub(crate) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: Signature = key.sign(message);
    let low = signature.normalize_s().unwrap_or(signature);
    low.to_der().as_bytes().to_vec()
}

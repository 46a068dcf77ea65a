//! Private keys: ECDSA on P-256, made from the operating system's randomness, and signatures that nodes accept.
//!
//! Keys leave this module only as zeroising text. Fabric refuses signatures in the upper half of the group
//! order, so every signature is normalised here, at the only place that signs. The arithmetic is ring's, which is
//! several times faster than a portable one: a large chain has hundreds of certificates, and every call is signed.

use std::{hint::black_box, sync::OnceLock};

use p256::{
    ecdsa::{Signature, VerifyingKey},
    pkcs8::{DecodePrivateKey, LineEnding, SecretDocument},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use zeroize::Zeroizing;

/// What stands before the 32 bytes of a P-256 key in PKCS#8 (RFC 5208 and 5915), and between them and the 65 bytes of
/// its public key: all lengths are fixed.
const BEFORE_PRIVATE: [u8; 36] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01,
    0x04, 0x20,
];
const BEFORE_PUBLIC: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];
const PRIVATE_BYTES: usize = 32;
const PUBLIC_BYTES: usize = 65;

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

/// A private key with its public half. Overwrites itself when dropped.
pub(crate) struct PrivateKey {
    scalar: Zeroizing<[u8; PRIVATE_BYTES]>,
    point: [u8; PUBLIC_BYTES],
    public: VerifyingKey,
    /// What ring computes with, made for the first signature: making it takes as long as a signature, because the public
    /// half is computed once more and compared. Most keys of a new chain never sign here and do without.
    pair: OnceLock<EcdsaKeyPair>,
}

impl PrivateKey {
    /// Both halves as bytes: the scalar, and the uncompressed point.
    fn new(scalar: &[u8], point: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            scalar: Zeroizing::new(scalar.try_into().map_err(|_| KeyError::Unreadable)?),
            point: point.try_into().map_err(|_| KeyError::Unreadable)?,
            public: VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::Unreadable)?,
            pair: OnceLock::new(),
        })
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn pair(&self, random: &SystemRandom) -> Result<&EcdsaKeyPair, KeyError> {
        if let Some(pair) = self.pair.get() {
            return Ok(pair);
        }
        let made = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            self.scalar.as_slice(),
            &self.point,
            random,
        );
        let made = made.map_err(|_| KeyError::Unreadable)?;
        Ok(self.pair.get_or_init(|| made))
    }

    /// Writes a pair that nobody uses over the one that was kept: ring's type does not wipe itself.
    fn forget_pair(&mut self) {
        let Some(kept) = self.pair.get_mut() else { return };
        let random = SystemRandom::new();
        let Ok(document) = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random) else {
            return;
        };
        let other = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        let Ok(other) = other else { return };
        *kept = other;
        // Somebody seems to read it, so that writing it is not left out.
        let _seen = black_box(&*kept);
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.forget_pair();
    }
}

/// A new key.
pub(crate) fn generate() -> Result<PrivateKey, KeyError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| KeyError::Random)?;
    let rest = document.as_ref().strip_prefix(&BEFORE_PRIVATE).ok_or(KeyError::Unreadable)?;
    let (scalar, rest) = rest.split_at_checked(PRIVATE_BYTES).ok_or(KeyError::Unreadable)?;
    let point = rest.strip_prefix(&BEFORE_PUBLIC).ok_or(KeyError::Unreadable)?;
    PrivateKey::new(scalar, point)
}

/// Reads `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (SEC1).
pub(crate) fn from_pem(pem: &str) -> Result<PrivateKey, KeyError> {
    let secret = p256::SecretKey::from_pkcs8_pem(pem)
        .or_else(|_| p256::SecretKey::from_sec1_pem(pem).map_err(|_| KeyError::Unreadable))?;
    let scalar = Zeroizing::new(<[u8; PRIVATE_BYTES]>::from(secret.to_bytes()));
    let point = VerifyingKey::from(secret.public_key()).to_encoded_point(false);
    PrivateKey::new(scalar.as_slice(), point.as_bytes())
}

/// PKCS#8 PEM, which nodes read.
pub(crate) fn to_pem(key: &PrivateKey) -> Result<Zeroizing<String>, KeyError> {
    let der = Zeroizing::new([&BEFORE_PRIVATE, key.scalar.as_slice(), &BEFORE_PUBLIC, &key.point].concat());
    let document = SecretDocument::try_from(der.as_slice()).map_err(|_| KeyError::Unwritable)?;
    document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| KeyError::Unwritable)
}

/// DER of the ECDSA signature over SHA-256 of the message, with the smaller S.
pub(crate) fn sign(key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let random = SystemRandom::new();
    let fixed = key.pair(&random)?.sign(&random, message).map_err(|_| KeyError::Random)?;
    let signature = Signature::from_slice(fixed.as_ref()).map_err(|_| KeyError::Unwritable)?;
    let low = signature.normalize_s().unwrap_or(signature);
    Ok(low.to_der().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use p256::{
        ecdsa::{SigningKey, signature::Verifier},
        pkcs8::EncodePrivateKey,
    };
    use ring::signature::KeyPair;

    use super::*;

    #[test]
    fn the_text_is_the_one_that_the_library_writes() {
        for _ in 0..20 {
            let key = generate().unwrap();
            let same = SigningKey::from_slice(key.scalar.as_slice()).unwrap();
            assert_eq!(same.verifying_key(), key.verifying_key());
            let text = to_pem(&key).unwrap();
            assert_eq!(text, same.to_pkcs8_pem(LineEnding::LF).unwrap());
            assert_eq!(from_pem(&text).unwrap().scalar, key.scalar);
        }
    }

    #[test]
    fn signatures_are_valid_and_have_the_smaller_s() {
        let key = generate().unwrap();
        for number in 0..50_u8 {
            let signature = Signature::from_der(&sign(&key, &[number]).unwrap()).unwrap();
            assert!(signature.normalize_s().is_none());
            key.verifying_key().verify(&[number], &signature).unwrap();
        }
    }

    #[test]
    fn what_signs_is_made_once_and_overwritten_in_the_end() {
        let mut key = generate().unwrap();
        assert!(key.pair.get().is_none(), "a key that never signs");
        key.forget_pair();
        assert!(key.pair.get().is_none());
        sign(&key, b"first").unwrap();
        let made: *const EcdsaKeyPair = key.pair.get().unwrap();
        sign(&key, b"second").unwrap();
        let kept = key.pair.get().unwrap();
        assert!(std::ptr::eq(made, kept));
        let public: &[u8] = kept.public_key().as_ref();
        assert_eq!(public, key.point);
        key.forget_pair();
        let left = key.pair.get().unwrap();
        assert!(std::ptr::eq(made, left), "it is overwritten where it was");
        let public: &[u8] = left.public_key().as_ref();
        assert_ne!(public, key.point);
    }
}

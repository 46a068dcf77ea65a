//! Envelope encryption of secrets at rest: a fresh data key per secret, sealed by the key-encryption key that is
//! kept outside the data folder. The place of a secret is bound into it, so that rows cannot be swapped.
//! Nothing here is ever serialised into an answer or a log.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a key-encryption key and of a data key.
pub const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const WRAPPED_LEN: usize = NONCE_LEN + KEY_LEN + TAG_LEN;

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    #[error("the operating system gave no random bytes")]
    Random,
    #[error("a secret could not be sealed")]
    Seal,
    /// Wrong key, wrong place, or changed bytes.
    #[error("a secret does not open: the key is another one, or the record was changed")]
    Open,
    #[error("a secret's content is not what was expected")]
    Content,
}

/// The key-encryption key with its version.
#[derive(Clone)]
pub struct Vault {
    key: Zeroizing<[u8; KEY_LEN]>,
    version: u32,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault(version {})", self.version)
    }
}

impl Vault {
    /// A vault over a 32-byte key.
    pub fn new(key: [u8; KEY_LEN], version: u32) -> Self {
        Self { key: Zeroizing::new(key), version }
    }

    /// Version of the key that seals now.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Seals `content` for `place`: wrapped data key ‖ nonce ‖ ciphertext.
    pub fn seal(&self, place: &str, content: &[u8]) -> Result<Vec<u8>, SecretError> {
        let data_key = Zeroizing::new(random::<KEY_LEN>()?);
        let context = self.context(place);
        let mut sealed = encrypt(&self.key[..], context.as_bytes(), &data_key[..])?;
        sealed.extend(encrypt(&data_key[..], context.as_bytes(), content)?);
        Ok(sealed)
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        if sealed.len() < WRAPPED_LEN + NONCE_LEN + TAG_LEN {
            return Err(SecretError::Open);
        }
        let (wrapped, rest) = sealed.split_at(WRAPPED_LEN);
        let context = self.context(place);
        let data_key = decrypt(&self.key[..], context.as_bytes(), wrapped)?;
        decrypt(&data_key, context.as_bytes(), rest)
    }

    /// Bytes made from the key for the use that a word names; nobody makes the key from them.
    pub(crate) fn derive(&self, word: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(Sha256::new().chain_update(word).chain_update(&self.key[..]).finalize().to_vec())
    }

    fn context(&self, place: &str) -> String {
        format!("secret\u{1f}{place}\u{1f}{}", self.version)
    }
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Ok(bytes)
}

fn encrypt(key: &[u8], context: &[u8], content: &[u8]) -> Result<Vec<u8>, SecretError> {
    let cipher = Aes256GcmSiv::new_from_slice(key).map_err(|_| SecretError::Seal)?;
    let nonce = random::<NONCE_LEN>()?;
    let payload = Payload { msg: content, aad: context };
    let ciphertext = cipher.encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| SecretError::Seal)?;
    let mut out = nonce.to_vec();
    out.extend(ciphertext);
    Ok(out)
}

fn decrypt(key: &[u8], context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let cipher = Aes256GcmSiv::new_from_slice(key).map_err(|_| SecretError::Open)?;
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(SecretError::Open)?;
    let payload = Payload { msg: ciphertext, aad: context };
    cipher.decrypt(Nonce::from_slice(nonce), payload).map(Zeroizing::new).map_err(|_| SecretError::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_in_its_place_with_its_key() {
        let vault = Vault::new([7; KEY_LEN], 1);
        let sealed = vault.seal("chain/a/ca", b"key").unwrap();
        assert_eq!(vault.open("chain/a/ca", &sealed).unwrap().as_slice(), b"key");
        assert_eq!(vault.open("chain/b/ca", &sealed), Err(SecretError::Open));
        assert_eq!(Vault::new([8; KEY_LEN], 1).open("chain/a/ca", &sealed), Err(SecretError::Open));
        assert!(!sealed.windows(3).any(|w| w == b"key"));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let vault = Vault::new([7; KEY_LEN], 1);
        let sealed = vault.seal("p", b"content").unwrap();
        for i in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[i] ^= 1;
            assert_eq!(vault.open("p", &changed), Err(SecretError::Open), "byte {i}");
        }
        assert_eq!(vault.open("p", &sealed[..10]), Err(SecretError::Open));
    }
}

//! Who signs: an organization's certificate with its private key.
//!
//! Everything that reaches a peer or an orderer is signed here. The key never leaves this type, is not printed
//! and is overwritten when the last clone is dropped.

use std::{fmt, sync::Arc};

use prost::Message;

use crate::{
    material::{KeyError, PemError, chain, key, pem},
    proto::channel::SerializedIdentity,
};

/// Why certificate and key are no identity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    #[error("the MSP ID is empty")]
    MspId,
    #[error("the identity's certificate is not usable")]
    Certificate(#[from] PemError),
    #[error("the identity's certificate has no ECDSA P-256 key")]
    PublicKey,
    #[error("the identity's private key is not usable")]
    Key(#[from] KeyError),
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

/// An identity that can sign; cheap to clone.
#[derive(Clone)]
pub struct SigningIdentity {
    inner: Arc<Inner>,
}

struct Inner {
    msp_id: String,
    cert_pem: String,
    creator: Vec<u8>,
    /// Overwrites itself when dropped.
    key: key::PrivateKey,
}

impl SigningIdentity {
    /// Takes a certificate (PEM with exactly one certificate, text around it is dropped) and its key (PKCS#8 or
    /// SEC1 PEM) and checks that they belong together.
    pub fn new(msp_id: &str, cert_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        if msp_id.is_empty() {
            return Err(IdentityError::MspId);
        }
        let cert_pem = pem::normalized(cert_pem)?;
        let key = key::from_pem(key_pem)?;
        if chain::public_key(&cert_pem).ok_or(IdentityError::PublicKey)? != *key.verifying_key() {
            return Err(IdentityError::Mismatch);
        }
        let creator = SerializedIdentity { mspid: msp_id.into(), id_bytes: cert_pem.clone().into_bytes() };
        let creator = creator.encode_to_vec();
        Ok(Self { inner: Arc::new(Inner { msp_id: msp_id.into(), cert_pem, creator, key }) })
    }

    pub fn msp_id(&self) -> &str {
        &self.inner.msp_id
    }

    /// Exactly one `CERTIFICATE` block.
    pub fn cert_pem(&self) -> &str {
        &self.inner.cert_pem
    }

    /// The marshalled `SerializedIdentity`, as signature headers carry it.
    pub fn creator(&self) -> Vec<u8> {
        self.inner.creator.clone()
    }

    /// Signs SHA-256 of the message: ECDSA, DER, S in the lower half of the group order (Fabric refuses others).
    /// Should the operating system ever give no random bytes, the result is empty, which every node refuses.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        key::sign(&self.inner.key, message).unwrap_or_default()
    }
}

impl fmt::Debug for SigningIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SigningIdentity").field("msp_id", &self.inner.msp_id).finish_non_exhaustive()
    }
}

//! TLS settings of a node connection, turned into rustls configurations once.
//!
//! Only the given roots are trusted, never those of the system; the server name is always checked.

use std::{fmt, sync::Arc};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use sha2::{Digest, Sha256};

use crate::error::FabricError;

/// How to recognise a node, and how to show oneself.
#[derive(Clone)]
pub struct TlsSettings {
    /// DNS name or IP address that the node's TLS certificate must carry.
    pub server_name: String,
    /// One or more PEM certificates of the TLS CAs to trust.
    pub roots_pem: String,
    /// Certificate bundle and private key (PKCS#8 or SEC1), both PEM; needed by admin endpoints.
    pub client: Option<(String, String)>,
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TlsSettings")
            .field("server_name", &self.server_name)
            .field("client", &self.client.is_some())
            .finish_non_exhaustive()
    }
}

/// The same trust for two protocols: gRPC wants HTTP/2, the REST endpoints HTTP/1.1.
pub(super) struct Configs {
    /// As it stands in a URL: an IPv6 address in brackets.
    pub name: String,
    pub server_name: ServerName<'static>,
    pub grpc: Arc<ClientConfig>,
    pub http: Arc<ClientConfig>,
    pub client_cert_hash: Option<Vec<u8>>,
}

impl Configs {
    pub fn new(settings: &TlsSettings) -> Result<Self, FabricError> {
        let server_name = ServerName::try_from(settings.server_name.clone());
        let server_name = server_name.map_err(|error| unusable("server name", &error))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates("TLS roots", &settings.roots_pem)? {
            roots.add(certificate).map_err(|error| unusable("TLS roots", &error))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS versions", &error))?
            .with_root_certificates(roots);
        let (config, client_cert_hash) = match &settings.client {
            None => (builder.with_no_client_auth(), None),
            Some((cert_pem, key_pem)) => {
                let chain = certificates("client certificate", cert_pem)?;
                let hash = chain.first().map(|leaf| Sha256::digest(leaf.as_ref()).to_vec());
                let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes());
                let key = key.map_err(|_| FabricError::Settings("the client key is not PEM".into()))?;
                let config = builder.with_client_auth_cert(chain, key);
                (config.map_err(|error| unusable("client certificate", &error))?, hash)
            }
        };
        let with_protocol = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Ok(Self {
            name: if settings.server_name.contains(':') {
                format!("[{}]", settings.server_name)
            } else {
                settings.server_name.clone()
            },
            server_name,
            grpc: with_protocol(b"h2"),
            http: with_protocol(b"http/1.1"),
            client_cert_hash,
        })
    }
}

fn certificates(what: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, FabricError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let parsed = parsed.map_err(|error| unusable(what, &error))?;
    if parsed.is_empty() {
        return Err(FabricError::Settings(format!("{what}: no certificate found")));
    }
    Ok(parsed)
}

fn unusable(what: &str, error: &dyn fmt::Display) -> FabricError {
    FabricError::Settings(format!("{what}: {error}"))
}

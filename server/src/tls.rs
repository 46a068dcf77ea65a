//! The portal's own certificate: read from files, read again when they change. A new pair that does not fit is
//! reported and never replaces one that works.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(3);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate file {0} cannot be used: {1}")]
    Certificate(PathBuf, String),
    #[error("the key file {0} cannot be used: {1}")]
    Key(PathBuf, String),
    #[error("certificate {0} and key {1} cannot be used together: {2}")]
    Pair(PathBuf, PathBuf, rustls::Error),
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// The certificate in use and the files it came from.
#[derive(Debug)]
pub struct Certificate {
    files: (PathBuf, PathBuf),
    current: RwLock<Arc<CertifiedKey>>,
}

/// What tells one version of a file from another: a file moved into its place has another number.
type Stamp = Option<(u64, i64, i64, u64)>;

fn stamp(path: &Path) -> Stamp {
    std::fs::metadata(path).ok().map(|data| (data.ino(), data.mtime(), data.mtime_nsec(), data.len()))
}

fn load((certificate, key): &(PathBuf, PathBuf)) -> Result<Arc<CertifiedKey>, TlsError> {
    let bad = |why: String| TlsError::Certificate(certificate.clone(), why);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(error.to_string()))?;
    if chain.is_empty() {
        return Err(bad("no certificate is in it".to_owned()));
    }
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Key(key.clone(), error.to_string()))?;
    CertifiedKey::from_der(chain, secret, &default_provider())
        .map(Arc::new)
        .map_err(|error| TlsError::Pair(certificate.clone(), key.clone(), error))
}

impl Certificate {
    /// Reads both files.
    pub fn read(files: (PathBuf, PathBuf)) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(load(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// What a listener needs: HTTP/2 is offered first.
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Looks at the files again and again; ends only when it is dropped.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        // Not known which version was read at the start: the first look reads once more.
        let mut seen = None;
        loop {
            tokio::time::sleep(every).await;
            // The stamps are taken first: a change while reading is found by the next look.
            let now = (stamp(&self.files.0), stamp(&self.files.1));
            if seen == Some(now) {
                continue;
            }
            match load(&self.files) {
                Ok(key) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = key;
                    if seen.is_some() {
                        tracing::info!("the certificate was read again");
                    }
                }
                Err(error) => tracing::warn!("the former certificate stays in use: {error}"),
            }
            seen = Some(now);
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

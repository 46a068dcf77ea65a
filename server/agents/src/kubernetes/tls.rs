//! TLS with an API server: its authority or its pinned certificate, and our own certificate where we have one.
//!
//! A pinned certificate stands for itself, whatever it names and whoever signed it; that the server holds its key is
//! still proven in every handshake.

use std::sync::Arc;

use domain::host::cluster::{ClusterAuthority, ClusterLogin};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};

use crate::tls::{Unpinned, authorities, own_certificate, unusable};
use crate::{ProbeFailure, ProbeStage, Remedy};

/// Upgrades, such as those of port-forwards, are a matter of HTTP/1.1.
const PROTOCOL: &[u8] = b"http/1.1";

/// Builds the client side; no login: only a token, or none at all.
pub(super) fn client_config(
    authority: &ClusterAuthority,
    login: Option<&ClusterLogin>,
) -> Result<ClientConfig, ProbeFailure> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    let builder = match authority {
        ClusterAuthority::Ca { pem } => builder.with_root_certificates(authorities(pem)?),
        ClusterAuthority::Pinned { sha256 } => {
            let verifier = Pinned { sha256: fingerprint(sha256)?, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match login {
        Some(ClusterLogin::Certificate { certificate_pem, key_pem }) => {
            let (certificate, key) = own_certificate(certificate_pem, key_pem)?;
            builder
                .with_client_auth_cert(certificate, key)
                .map_err(|error| unusable(format!("certificate and key: {error}")))?
        }
        Some(ClusterLogin::Token { .. }) | None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn fingerprint(text: &str) -> Result<[u8; 32], ProbeFailure> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| {
        let message = "the fingerprint is not one of 64 hexadecimal digits";
        ProbeFailure::at(ProbeStage::Tls, Remedy::CheckFingerprint, message)
    })?;
    Ok(bytes)
}

/// Accepts exactly one certificate.
#[derive(Debug)]
struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen: [u8; 32] = Sha256::digest(end_entity).into();
        if seen == self.sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        let other = OtherError(Arc::new(Unpinned { seen }));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_certificate_is_accepted_and_the_other_one_is_shown() {
        let made = || rcgen::generate_simple_self_signed(vec!["api.example".to_owned()]).unwrap().cert;
        let (ours, other) = (made(), made());
        let sha256: [u8; 32] = Sha256::digest(ours.der()).into();
        let pinned = Pinned { sha256, provider: Arc::new(ring::default_provider()) };
        let check = |certificate: &CertificateDer<'_>| {
            let name = ServerName::try_from("elsewhere.example").unwrap();
            pinned.verify_server_cert(certificate, &[], &name, &[], UnixTime::now())
        };
        assert!(check(ours.der()).is_ok());
        let refused = std::io::Error::other(check(other.der()).unwrap_err());
        let failure = crate::tls::handshake_failure(&refused);
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tls, Remedy::CheckFingerprint));
        assert!(failure.message.ends_with(&hex::encode(Sha256::digest(other.der()))), "{failure}");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_stage() {
        let token = ClusterLogin::Token { token: "abc".to_owned() };
        let pin = |sha256: &str| ClusterAuthority::Pinned { sha256: sha256.to_owned() };
        let stage = |authority: &ClusterAuthority, login: &ClusterLogin| {
            client_config(authority, Some(login)).err().map(|failure| (failure.stage, failure.remedy))
        };
        assert_eq!(stage(&pin(&"0a".repeat(32)), &token), None);
        assert_eq!(stage(&pin("0a"), &token), Some((ProbeStage::Tls, Remedy::CheckFingerprint)));
        let nothing = ClusterAuthority::Ca { pem: "nothing".to_owned() };
        assert_eq!(stage(&nothing, &token), Some((ProbeStage::Tls, Remedy::CheckAuthority)));
        let (certificate_pem, key_pem) = ("none".to_owned(), "none".to_owned());
        let broken = ClusterLogin::Certificate { certificate_pem, key_pem };
        let expect = Some((ProbeStage::Authentication, Remedy::CheckClientMaterial));
        assert_eq!(stage(&pin(&"0a".repeat(32)), &broken), expect);
    }
}

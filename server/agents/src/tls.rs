//! TLS with a host, from PEM texts that stay in memory.
//!
//! A host is trusted only by what was given for it; the machine's own authorities never count.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{ProbeFailure, ProbeStage, Remedy};

/// A certificate with what stands behind it, and its key.
pub(crate) type OwnCertificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Builds the client side from PEM texts.
pub(crate) fn client_config(ca: &str, certificate: &str, key: &str) -> Result<ClientConfig, ProbeFailure> {
    let roots = authorities(ca)?;
    let (certificate, key) = own_certificate(certificate, key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificate, key)
        .map_err(|error| unusable(format!("certificate and key: {error}")))
}

/// The authorities of a host.
pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, ProbeFailure> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem, "authority", ProbeStage::Tls, Remedy::CheckAuthority)? {
        roots.add(authority).map_err(|error| {
            ProbeFailure::at(ProbeStage::Tls, Remedy::CheckAuthority, format!("the authority: {error}"))
        })?;
    }
    Ok(roots)
}

/// Our own certificate with its key.
pub(crate) fn own_certificate(certificate: &str, key: &str) -> Result<OwnCertificate, ProbeFailure> {
    let own =
        certificates(certificate, "certificate", ProbeStage::Authentication, Remedy::CheckClientMaterial)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| unusable(format!("the key cannot be read: {error}")))?;
    Ok((own, key))
}

/// The failure of certificates and keys of our own.
pub(crate) fn unusable(what: String) -> ProbeFailure {
    ProbeFailure::at(ProbeStage::Authentication, Remedy::CheckClientMaterial, what)
}

fn certificates(
    pem: &str,
    what: &str,
    stage: ProbeStage,
    remedy: Remedy,
) -> Result<Vec<CertificateDer<'static>>, ProbeFailure> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(ProbeFailure::at(stage, remedy, format!("the {what} holds no PEM certificate"))),
        Err(error) => Err(ProbeFailure::at(stage, remedy, format!("the {what} cannot be read: {error}"))),
    }
}

/// The host showed another certificate than the one that is pinned for it.
#[derive(Debug, thiserror::Error)]
#[error("the host shows the certificate {}", hex::encode(.seen))]
pub(crate) struct Unpinned {
    /// SHA-256 of what it showed.
    pub(crate) seen: [u8; 32],
}

/// Reads a handshake that failed: which side did not like the other, or was it no TLS at all?
pub(crate) fn handshake_failure(error: &io::Error) -> ProbeFailure {
    if let Some(refused) = refused_certificate(error) {
        return refused;
    }
    if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) = rustls_error(error)
        && let Some(unpinned) = other.0.downcast_ref::<Unpinned>()
    {
        return ProbeFailure::at(ProbeStage::Tls, Remedy::CheckFingerprint, unpinned.to_string());
    }
    let remedy = match rustls_error(error) {
        Some(rustls::Error::InvalidCertificate(_)) => Remedy::CheckAuthority,
        Some(rustls::Error::InvalidMessage(_)) => Remedy::EnableEngineTls,
        Some(_) => Remedy::CheckAuthority,
        // The peer closed without a word. It speaks something else, or it is what stands before an engine that is just not
        // there: nobody has refused anything.
        None => return ProbeFailure::late(ProbeStage::Tls, Remedy::EnableEngineTls, error.to_string()),
    };
    ProbeFailure::at(ProbeStage::Tls, remedy, error.to_string())
}

/// Finds the peer's alert that says that it does not accept our certificate.
pub(crate) fn refused_certificate(error: &(dyn StdError + 'static)) -> Option<ProbeFailure> {
    let rustls::Error::AlertReceived(alert) = rustls_error(error)? else { return None };
    let about_us = matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
    );
    about_us.then(|| {
        let message = format!("the engine does not accept our certificate: {alert:?}");
        ProbeFailure::at(ProbeStage::Authentication, Remedy::CheckClientCertificate, message)
    })
}

/// The TLS library's error inside of another one, wherever it is.
fn rustls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error shows its inner error here and not as its source.
        if let Some(inner) = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = inner.downcast_ref::<rustls::Error>()
        {
            return Some(found);
        }
        next = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AgentError;

    #[test]
    fn a_handshake_that_was_cut_off_is_tried_again_and_a_refused_one_is_not() {
        let check = |error: io::Error, remedy, again: bool| {
            let failure = handshake_failure(&error);
            assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tls, remedy), "{error}");
            assert_eq!(AgentError::from(failure).is_retryable(), again, "{error}");
        };
        let of_tls = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset] {
            check(kind.into(), Remedy::EnableEngineTls, true);
        }
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        check(of_tls(unknown), Remedy::CheckAuthority, false);
        let no_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        check(of_tls(no_tls), Remedy::EnableEngineTls, false);
    }
}

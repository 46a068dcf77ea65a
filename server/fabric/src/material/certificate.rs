//! Builds and reads X.509 certificates field by field, so that nothing is left to a library's defaults.
//!
//! RFC 5280; the wanted shapes are those of Fabric's `internal/cryptogen/ca/ca.go`.

use std::time::Duration;

use const_oid::{
    ObjectIdentifier,
    db::{
        rfc4519::{COMMON_NAME, ORGANIZATION_NAME, ORGANIZATIONAL_UNIT_NAME},
        rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH},
        rfc5912::ECDSA_WITH_SHA_256,
    },
};
use p256::{
    ecdsa::VerifyingKey,
    pkcs8::{DecodePublicKey, EncodePublicKey},
};
use sha2::{Digest, Sha256};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    attr::AttributeTypeAndValue,
    der::{
        Any, Decode, Encode, Tag,
        asn1::{BitString, GeneralizedTime, Ia5String, OctetString, SetOfVec, UtcTime},
        oid::AssociatedOid,
    },
    ext::{
        Extension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::{Name, RdnSequence, RelativeDistinguishedName},
    serial_number::SerialNumber,
    time::Time,
};

use super::{
    Authority, COMMON_NAME_CHARS_MAX, KeyError, Leaf, LeafKind, MaterialError, Validity,
    key::{self, PrivateKey},
    pem,
};

/// A DNS name in a certificate.
const DNS_NAME_CHARS_MAX: usize = 253;

/// A self-signed certificate of an authority, as PEM.
pub(super) fn authority(
    common_name: &str,
    organization: &str,
    validity: &Validity,
    key: &PrivateKey,
) -> Result<String, MaterialError> {
    let name = name(&[(ORGANIZATION_NAME, organization), (COMMON_NAME, common_name)])?;
    let usage = KeyUsages::DigitalSignature
        | KeyUsages::KeyEncipherment
        | KeyUsages::KeyCertSign
        | KeyUsages::CRLSign;
    let extensions = vec![
        extension(true, &KeyUsage(usage))?,
        extension(false, &ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH]))?,
        extension(true, &BasicConstraints { ca: true, path_len_constraint: None })?,
        extension(false, &SubjectKeyIdentifier(octets(&key_id(key.verifying_key()))?))?,
    ];
    sign(body(name.clone(), name, validity, key.verifying_key(), extensions)?, key)
}

/// A node's or user's certificate, as PEM.
pub(super) fn leaf(issuer: &Authority, leaf: &Leaf, key: &VerifyingKey) -> Result<String, MaterialError> {
    let common_name = (COMMON_NAME, leaf.common_name.as_str());
    let authority_key = AuthorityKeyIdentifier {
        key_identifier: Some(octets(&issuer.key_id)?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    let (subject, usage) = match leaf.kind {
        LeafKind::Sign(role) => {
            let role = (ORGANIZATIONAL_UNIT_NAME, role.organizational_unit());
            (name(&[role, common_name])?, KeyUsage(KeyUsages::DigitalSignature.into()))
        }
        LeafKind::Tls => {
            (name(&[common_name])?, KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment))
        }
    };
    let mut extensions = vec![extension(true, &usage)?];
    if leaf.kind == LeafKind::Tls {
        extensions.push(extension(false, &ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH]))?);
    }
    extensions.push(extension(true, &BasicConstraints { ca: false, path_len_constraint: None })?);
    extensions.push(extension(false, &authority_key)?);
    let names = alternative_names(leaf)?;
    if !names.is_empty() {
        extensions.push(extension(false, &SubjectAltName(names))?);
    }
    let validity = leaf.validity.within(&issuer.validity);
    sign(body(issuer.name.clone(), subject, &validity, key, extensions)?, &issuer.key)
}

/// What is needed of an authority's certificate in order to issue below it.
pub(super) struct Issuer {
    pub(super) name: Name,
    pub(super) key_id: Vec<u8>,
    pub(super) validity: Validity,
    pub(super) public_key: VerifyingKey,
}

/// Reads an authority's certificate; refuses what Fabric would refuse.
pub(super) fn read_issuer(certificate: &Certificate) -> Result<Issuer, MaterialError> {
    let body = &certificate.tbs_certificate;
    if !is_authority(certificate) {
        return Err(MaterialError::NoAuthority);
    }
    let key_id = find::<SubjectKeyIdentifier>(certificate).ok_or(MaterialError::NoAuthority)?;
    let spki = body.subject_public_key_info.to_der().map_err(|_| MaterialError::PublicKey)?;
    Ok(Issuer {
        name: body.subject.clone(),
        key_id: key_id.0.as_bytes().to_vec(),
        validity: validity_of(certificate)?,
        public_key: VerifyingKey::from_public_key_der(&spki).map_err(|_| MaterialError::PublicKey)?,
    })
}

/// True when the basic constraints say so.
pub(super) fn is_authority(certificate: &Certificate) -> bool {
    find::<BasicConstraints>(certificate).is_some_and(|constraints| constraints.ca)
}

/// Both ends in seconds since 1970.
pub(super) fn validity_of(certificate: &Certificate) -> Result<Validity, MaterialError> {
    let seconds = |time: &Time| i64::try_from(time.to_unix_duration().as_secs());
    let validity = &certificate.tbs_certificate.validity;
    let not_before = seconds(&validity.not_before).map_err(|_| MaterialError::Validity)?;
    let not_after = seconds(&validity.not_after).map_err(|_| MaterialError::Validity)?;
    Ok(Validity { not_before, not_after })
}

/// The first extension of a kind; one that cannot be read counts as absent.
fn find<T: AssociatedOid + for<'a> Decode<'a>>(certificate: &Certificate) -> Option<T> {
    let extensions = certificate.tbs_certificate.extensions.as_deref().unwrap_or_default();
    let found = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
    T::from_der(found.extn_value.as_bytes()).ok()
}

/// SHA-256 of the uncompressed point, as Fabric's own tools compute it.
fn key_id(key: &VerifyingKey) -> Vec<u8> {
    Sha256::digest(key.to_encoded_point(false).as_bytes()).to_vec()
}

fn body(
    issuer: Name,
    subject: Name,
    validity: &Validity,
    key: &VerifyingKey,
    extensions: Vec<Extension>,
) -> Result<TbsCertificate, MaterialError> {
    if validity.not_before >= validity.not_after {
        return Err(MaterialError::Validity);
    }
    let spki = key.to_public_key_der().map_err(|_| MaterialError::PublicKey)?;
    Ok(TbsCertificate {
        version: Version::V3,
        serial_number: serial()?,
        signature: signature_algorithm(),
        issuer,
        validity: x509_cert::time::Validity {
            not_before: time(validity.not_before)?,
            not_after: time(validity.not_after)?,
        },
        subject,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(spki.as_bytes())
            .map_err(|_| MaterialError::PublicKey)?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    })
}

fn sign(body: TbsCertificate, key: &PrivateKey) -> Result<String, MaterialError> {
    let signature = key::sign(key, &body.to_der().map_err(|_| MaterialError::Encode)?)?;
    let certificate = Certificate {
        tbs_certificate: body,
        signature_algorithm: signature_algorithm(),
        signature: BitString::from_bytes(&signature).map_err(|_| MaterialError::Encode)?,
    };
    Ok(pem::certificate_pem(&certificate.to_der().map_err(|_| MaterialError::Encode)?))
}

pub(super) fn signature_algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None }
}

/// 128 random bits; the first byte is never zero, so that all serials have the same length.
fn serial() -> Result<SerialNumber, MaterialError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    if let Some(first) = bytes.first_mut() {
        *first |= 1;
    }
    SerialNumber::new(&bytes).map_err(|_| MaterialError::Encode)
}

/// RFC 5280 wants the short form until 2049 and the long one after it.
pub(super) fn time(seconds: i64) -> Result<Time, MaterialError> {
    let since = Duration::from_secs(u64::try_from(seconds).map_err(|_| MaterialError::Validity)?);
    if let Ok(short) = UtcTime::from_unix_duration(since) {
        return Ok(Time::UtcTime(short));
    }
    GeneralizedTime::from_unix_duration(since).map(Time::GeneralTime).map_err(|_| MaterialError::Validity)
}

fn name(parts: &[(ObjectIdentifier, &str)]) -> Result<Name, MaterialError> {
    let mut names = Vec::with_capacity(parts.len());
    for (oid, text) in parts {
        let length = text.chars().count();
        if length == 0 || length > COMMON_NAME_CHARS_MAX || text.chars().any(char::is_control) {
            return Err(MaterialError::Name);
        }
        let value = Any::new(Tag::Utf8String, text.as_bytes()).map_err(|_| MaterialError::Name)?;
        let part = AttributeTypeAndValue { oid: *oid, value };
        let part = SetOfVec::try_from(vec![part]).map_err(|_| MaterialError::Name)?;
        names.push(RelativeDistinguishedName(part));
    }
    Ok(RdnSequence(names))
}

fn alternative_names(leaf: &Leaf) -> Result<Vec<GeneralName>, MaterialError> {
    let mut names = Vec::with_capacity(leaf.dns_names.len() + leaf.ip_addresses.len());
    for text in &leaf.dns_names {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._*".contains(c);
        let length = text.len();
        if length == 0 || length > DNS_NAME_CHARS_MAX || !text.chars().all(allowed) {
            return Err(MaterialError::DnsName(text.clone()));
        }
        let name = Ia5String::new(text).map_err(|_| MaterialError::DnsName(text.clone()))?;
        names.push(GeneralName::DnsName(name));
    }
    names.extend(leaf.ip_addresses.iter().copied().map(GeneralName::from));
    Ok(names)
}

pub(super) fn octets(bytes: &[u8]) -> Result<OctetString, MaterialError> {
    OctetString::new(bytes).map_err(|_| MaterialError::Encode)
}

pub(super) fn extension<T: AssociatedOid + Encode>(
    critical: bool,
    content: &T,
) -> Result<Extension, MaterialError> {
    let der = content.to_der().map_err(|_| MaterialError::Encode)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value: octets(&der)? })
}

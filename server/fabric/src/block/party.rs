//! Who stands behind a marshalled identity: MSP ID and the names in the certificate.

use der::{DecodePem, asn1};
use prost::Message;
use x509_cert::Certificate;

use super::Parties;
use crate::proto::channel::SerializedIdentity;

/// Attribute types of a distinguished name (X.520).
const COMMON_NAME: &str = "2.5.4.3";
const ORGANIZATIONAL_UNIT: &str = "2.5.4.11";

/// A creator, endorser or signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    pub msp_id: String,
    /// Common name of the certificate; empty when it cannot be read.
    pub name: String,
    /// Organizational units, among them the role (`client`, `peer`, `admin`, `orderer`).
    pub units: Vec<String>,
    /// Common name of the issuing CA.
    pub issuer: String,
}

/// Reads a marshalled `SerializedIdentity`. A certificate that cannot be read leaves the names empty.
pub(super) fn read(identity: &[u8], parties: &mut Parties) -> Option<Party> {
    if let Some(known) = parties.get(identity) {
        return Some(known.clone());
    }
    let decoded = SerializedIdentity::decode(identity).ok()?;
    if decoded.mspid.is_empty() {
        return None;
    }
    let mut party = Party { msp_id: decoded.mspid, ..Party::default() };
    if let Ok(certificate) = Certificate::from_pem(&decoded.id_bytes) {
        let subject = certificate.tbs_certificate.subject;
        party.name = values(&subject, COMMON_NAME).into_iter().next().unwrap_or_default();
        party.units = values(&subject, ORGANIZATIONAL_UNIT);
        let issuer = values(&certificate.tbs_certificate.issuer, COMMON_NAME);
        party.issuer = issuer.into_iter().next().unwrap_or_default();
    }
    parties.insert(identity.to_vec(), party.clone());
    Some(party)
}

fn values(name: &x509_cert::name::Name, oid: &str) -> Vec<String> {
    let attributes = name.0.iter().flat_map(|set| set.0.iter());
    let wanted = attributes.filter(|attribute| attribute.oid.to_string() == oid);
    wanted.filter_map(|attribute| text(&attribute.value)).collect()
}

/// The string types that certificates use in names.
fn text(value: &der::Any) -> Option<String> {
    if let Ok(text) = value.decode_as::<asn1::Utf8StringRef<'_>>() {
        return Some(text.to_string());
    }
    if let Ok(text) = value.decode_as::<asn1::PrintableStringRef<'_>>() {
        return Some(text.to_string());
    }
    value.decode_as::<asn1::Ia5StringRef<'_>>().ok().map(|text| text.to_string())
}

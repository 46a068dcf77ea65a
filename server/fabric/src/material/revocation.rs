//! Revocation lists: which certificates of an authority count no more.
//!
//! Fabric finds the list of an authority by the authority key identifier in it (`msp/mspimplvalidate.go`), so that it
//! must be there; the signature is checked with the authority's own key. A list replaces the one before: it names
//! everything that was ever revoked.

use base64::{Engine, prelude::BASE64_STANDARD};
use x509_cert::{
    Version,
    crl::{CertificateList, RevokedCert, TbsCertList},
    der::{
        Decode, Encode,
        asn1::{BitString, Uint},
    },
    ext::pkix::{AuthorityKeyIdentifier, CrlNumber},
    serial_number::SerialNumber,
};

use super::{Authority, MaterialError, PemError, certificate, key, pem};

const BEGIN: &str = "-----BEGIN X509 CRL-----";
const END: &str = "-----END X509 CRL-----";

impl Authority {
    /// A revocation list of certificates that this authority issued, as PEM. `serials` are those of
    /// [`super::CertificateFacts::serial_hex`], and `number` grows with each list.
    pub fn revocation_list(
        &self,
        serials: &[String],
        number: u64,
        now_unix_s: i64,
    ) -> Result<String, MaterialError> {
        let at = certificate::time(now_unix_s)?;
        let mut revoked = Vec::with_capacity(serials.len());
        for serial in serials {
            let bytes = hex::decode(serial).map_err(|_| MaterialError::Encode)?;
            revoked.push(RevokedCert {
                serial_number: SerialNumber::new(&bytes).map_err(|_| MaterialError::Encode)?,
                revocation_date: at,
                crl_entry_extensions: None,
            });
        }
        let number = Uint::new(&number.to_be_bytes()).map_err(|_| MaterialError::Encode)?;
        let authority_key = AuthorityKeyIdentifier {
            key_identifier: Some(certificate::octets(&self.key_id)?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        let body = TbsCertList {
            version: Version::V2,
            signature: certificate::signature_algorithm(),
            issuer: self.name.clone(),
            this_update: at,
            // It counts until another one takes its place, at most as long as the authority does.
            next_update: Some(certificate::time(self.validity.not_after)?),
            // An empty sequence is not allowed.
            revoked_certificates: (!revoked.is_empty()).then_some(revoked),
            crl_extensions: Some(vec![
                certificate::extension(false, &authority_key)?,
                certificate::extension(false, &CrlNumber(number))?,
            ]),
        };
        let signature = key::sign(&self.key, &body.to_der().map_err(|_| MaterialError::Encode)?)?;
        let list = CertificateList {
            tbs_cert_list: body,
            signature_algorithm: certificate::signature_algorithm(),
            signature: BitString::from_bytes(&signature).map_err(|_| MaterialError::Encode)?,
        };
        let der = list.to_der().map_err(|_| MaterialError::Encode)?;
        Ok(pem::armoured(BEGIN, END, &der))
    }
}

/// The serial numbers that a revocation list names, in lower-case hexadecimal digits.
pub fn revoked_serials(crl_pem: &str) -> Result<Vec<String>, MaterialError> {
    let (_, rest) = crl_pem.split_once(BEGIN).ok_or(PemError::Missing)?;
    let (body, _) = rest.split_once(END).ok_or(PemError::Missing)?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = BASE64_STANDARD.decode(body).map_err(|_| PemError::Base64)?;
    let list = CertificateList::from_der(&der).map_err(|_| PemError::Der)?;
    let revoked = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
    Ok(revoked.iter().map(|one| hex::encode(one.serial_number.as_bytes())).collect())
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::{Signature, signature::Verifier};

    use super::*;
    use crate::material::{Leaf, LeafKind, Role, Validity, describe};

    const NOW: i64 = 1_700_000_000;

    fn authority() -> Authority {
        Authority::generate("ca.org1", "org1", &Validity::from_unix(NOW, 365)).unwrap()
    }

    fn serial(authority: &Authority) -> String {
        let leaf = Leaf {
            common_name: "uma@org1".to_owned(),
            kind: LeafKind::Sign(Role::Client),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            validity: Validity::from_unix(NOW, 1),
        };
        describe(&authority.issue(&leaf).unwrap().cert_pem).unwrap().serial_hex
    }

    #[test]
    fn a_list_names_what_was_revoked_and_is_signed_by_its_authority() {
        let authority = authority();
        for count in [0, 1, 3] {
            let serials: Vec<String> = (0..count).map(|_| serial(&authority)).collect();
            let pem = authority.revocation_list(&serials, 7, NOW).unwrap();
            assert_eq!(revoked_serials(&pem).unwrap(), serials);
            let body = pem.replace(BEGIN, "").replace(END, "").replace('\n', "");
            let list = CertificateList::from_der(&BASE64_STANDARD.decode(body).unwrap()).unwrap();
            let signed = list.tbs_cert_list.to_der().unwrap();
            let signature = Signature::from_der(list.signature.raw_bytes()).unwrap();
            authority.key.verifying_key().verify(&signed, &signature).unwrap();
            let extensions = list.tbs_cert_list.crl_extensions.unwrap();
            assert_eq!(extensions.len(), 2, "Fabric finds the authority by its key's identifier");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(revoked_serials("nothing"), Err(PemError::Missing.into()));
        let broken = format!("{BEGIN}\nAAAA\n{END}\n");
        assert_eq!(revoked_serials(&broken), Err(PemError::Der.into()));
        assert_eq!(authority().revocation_list(&["zz".to_owned()], 1, NOW), Err(MaterialError::Encode));
    }
}

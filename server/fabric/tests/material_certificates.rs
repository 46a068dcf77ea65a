//! Certificates, identities and MSP folders: what nodes demand of them, and that broken ones are only refused.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use fabric::{
    identity::{IdentityError, SigningIdentity},
    material::{Authority, Leaf, LeafKind, MaterialError, PemError, Role, Validity, describe},
    msp::Msp,
    proto::channel::{FabricMspConfig, SerializedIdentity},
};
use p256::{
    SecretKey,
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    pkcs8::{DecodePrivateKey, LineEnding, spki::DecodePublicKey},
};
use proptest::prelude::*;
use prost::Message;
use x509_cert::{
    Certificate,
    der::{Decode, DecodePem, Encode, asn1::Ia5String, oid::AssociatedOid},
    ext::pkix::{
        AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
        SubjectKeyIdentifier, name::GeneralName,
    },
};

const NOW_S: i64 = 1_790_000_000;

fn authority() -> Authority {
    let validity = Validity::from_unix(NOW_S, 3650);
    Authority::generate("ca.org1.example.com", "org1.example.com", &validity).unwrap()
}

fn leaf(kind: LeafKind) -> Leaf {
    Leaf {
        common_name: "peer0.org1.example.com".into(),
        kind,
        dns_names: vec!["peer0.org1.example.com".into(), "localhost".into()],
        ip_addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        validity: Validity::from_unix(NOW_S, 365),
    }
}

fn read(pem: &str) -> Certificate {
    Certificate::from_pem(pem).unwrap()
}

fn extension<T: AssociatedOid + for<'a> Decode<'a>>(certificate: &Certificate) -> Option<(bool, T)> {
    let extensions = certificate.tbs_certificate.extensions.as_ref().unwrap();
    let found = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
    Some((found.critical, T::from_der(found.extn_value.as_bytes()).unwrap()))
}

fn is_low_s(der: &[u8]) -> bool {
    Signature::from_der(der).unwrap().normalize_s().is_none()
}

fn key_of(certificate: &Certificate) -> VerifyingKey {
    let spki = certificate.tbs_certificate.subject_public_key_info.to_der().unwrap();
    VerifyingKey::from_public_key_der(&spki).unwrap()
}

#[test]
fn an_authority_has_what_fabric_demands() {
    let authority = authority();
    let certificate = read(authority.cert_pem());
    let (critical, constraints) = extension::<BasicConstraints>(&certificate).unwrap();
    assert!(critical && constraints.ca);
    let (critical, usage) = extension::<KeyUsage>(&certificate).unwrap();
    let wanted = KeyUsages::DigitalSignature
        | KeyUsages::KeyEncipherment
        | KeyUsages::KeyCertSign
        | KeyUsages::CRLSign;
    assert!(critical);
    assert_eq!(usage.0, wanted);
    let (_, key_id) = extension::<SubjectKeyIdentifier>(&certificate).unwrap();
    assert_eq!(key_id.0.as_bytes().len(), 32);
    assert!(extension::<AuthorityKeyIdentifier>(&certificate).is_none());
    assert_eq!(certificate.tbs_certificate.subject.to_string(), "CN=ca.org1.example.com,O=org1.example.com");
    assert_eq!(certificate.tbs_certificate.issuer, certificate.tbs_certificate.subject);
}

#[test]
fn sign_certificates_carry_one_role_and_no_extended_usage() {
    let authority = authority();
    let key_id = extension::<SubjectKeyIdentifier>(&read(authority.cert_pem())).unwrap().1;
    for (role, unit) in
        [(Role::Client, "client"), (Role::Peer, "peer"), (Role::Admin, "admin"), (Role::Orderer, "orderer")]
    {
        let issued = authority.issue(&leaf(LeafKind::Sign(role))).unwrap();
        let certificate = read(&issued.cert_pem);
        assert!(extension::<ExtendedKeyUsage>(&certificate).is_none());
        assert!(extension::<SubjectKeyIdentifier>(&certificate).is_none());
        assert_eq!(extension::<KeyUsage>(&certificate).unwrap().1.0, KeyUsages::DigitalSignature);
        let (critical, constraints) = extension::<BasicConstraints>(&certificate).unwrap();
        assert!(critical && !constraints.ca);
        let above = extension::<AuthorityKeyIdentifier>(&certificate).unwrap().1;
        assert_eq!(above.key_identifier.unwrap(), key_id.0);
        let facts = describe(&issued.cert_pem).unwrap();
        assert_eq!(facts.ous, [unit]);
        assert_eq!(facts.subject_cn, "peer0.org1.example.com");
        assert_eq!(facts.issuer_cn, "ca.org1.example.com");
    }
}

#[test]
fn tls_certificates_carry_names_and_both_usages() {
    let issued = authority().issue(&leaf(LeafKind::Tls)).unwrap();
    let certificate = read(&issued.cert_pem);
    let usages: Vec<String> =
        extension::<ExtendedKeyUsage>(&certificate).unwrap().1.0.iter().map(ToString::to_string).collect();
    assert_eq!(usages, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    let (critical, names) = extension::<SubjectAltName>(&certificate).unwrap();
    assert!(!critical);
    let dns = |name: &str| GeneralName::DnsName(Ia5String::new(name).unwrap());
    let ip = |text: &str| GeneralName::from(text.parse::<std::net::IpAddr>().unwrap());
    assert_eq!(names.0, [dns("peer0.org1.example.com"), dns("localhost"), ip("127.0.0.1"), ip("::1")]);
    assert!(extension::<SubjectKeyIdentifier>(&certificate).is_none());
    assert!(extension::<AuthorityKeyIdentifier>(&certificate).unwrap().1.key_identifier.is_some());
    assert!(issued.key_pem.starts_with("-----BEGIN PRIVATE KEY-----"), "PKCS#8");
    assert_eq!(describe(&issued.cert_pem).unwrap().ous, Vec::<String>::new());
}

#[test]
fn all_signatures_are_in_the_lower_half() {
    let authority = authority();
    let issuer = key_of(&read(authority.cert_pem()));
    let mut serials = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let issued = authority.issue(&leaf(LeafKind::Sign(Role::Client))).unwrap();
        let certificate = read(&issued.cert_pem);
        let signature = certificate.signature.raw_bytes();
        assert!(is_low_s(signature));
        let body = certificate.tbs_certificate.to_der().unwrap();
        issuer.verify(&body, &Signature::from_der(signature).unwrap()).unwrap();
        assert!(serials.insert(describe(&issued.cert_pem).unwrap().serial_hex));
        let identity = SigningIdentity::new("Org1MSP", &issued.cert_pem, &issued.key_pem).unwrap();
        let signature = identity.sign(b"message");
        assert!(is_low_s(&signature));
        key_of(&certificate).verify(b"message", &Signature::from_der(&signature).unwrap()).unwrap();
    }
}

#[test]
fn validity_is_rounded_backdated_and_inside_the_authority() {
    let validity = Validity::from_unix(NOW_S + 42, 1);
    assert_eq!(validity.not_before % 60, 0);
    assert!(NOW_S + 42 - validity.not_before >= 300);
    assert_eq!(validity.not_after - validity.not_before, 86_400);
    let authority = authority();
    let own = describe(authority.cert_pem()).unwrap();
    let long = Validity { not_before: 0, not_after: 4_000_000_000 };
    let issued = authority.issue(&Leaf { validity: long, ..leaf(LeafKind::Tls) }).unwrap();
    let facts = describe(&issued.cert_pem).unwrap();
    assert_eq!((facts.not_before, facts.not_after), (own.not_before, own.not_after));
    let past = Validity { not_before: 0, not_after: 1 };
    let refused = authority.issue(&Leaf { validity: past, ..leaf(LeafKind::Tls) });
    assert_eq!(refused.unwrap_err(), MaterialError::Validity);
}

#[test]
fn times_beyond_2049_can_be_written() {
    let validity = Validity { not_before: NOW_S, not_after: 2_600_000_000 };
    let authority = Authority::generate("ca", "org", &validity).unwrap();
    assert_eq!(describe(authority.cert_pem()).unwrap().not_after, 2_600_000_000);
}

#[test]
fn an_authority_survives_storage_and_keys_survive_renewal() {
    let authority = authority();
    let again = Authority::from_pem(authority.cert_pem(), authority.key_pem()).unwrap();
    let issued = again.issue(&leaf(LeafKind::Tls)).unwrap();
    let key = SecretKey::from_pkcs8_pem(&issued.key_pem).unwrap();
    let renewed = again.issue_for_public_key(&leaf(LeafKind::Tls), &key.public_key().to_string()).unwrap();
    assert_ne!(renewed, issued.cert_pem);
    assert_eq!(key_of(&read(&renewed)), key_of(&read(&issued.cert_pem)));
    let other = self::authority();
    let mixed = Authority::from_pem(authority.cert_pem(), other.key_pem());
    assert_eq!(mixed.unwrap_err(), MaterialError::Mismatch);
    let no_authority = Authority::from_pem(&issued.cert_pem, &issued.key_pem);
    assert_eq!(no_authority.unwrap_err(), MaterialError::NoAuthority);
}

#[test]
fn unusable_names_are_refused() {
    let authority = authority();
    let check = |change: fn(&mut Leaf), expect: &MaterialError| {
        let mut wanted = leaf(LeafKind::Tls);
        change(&mut wanted);
        assert_eq!(&authority.issue(&wanted).unwrap_err(), expect);
    };
    check(|leaf| leaf.common_name.clear(), &MaterialError::Name);
    check(|leaf| leaf.common_name = "x".repeat(65), &MaterialError::Name);
    check(|leaf| leaf.common_name = "a\nb".into(), &MaterialError::Name);
    // The bound counts characters, and any script may be used.
    let wide = Leaf { common_name: "王".repeat(64), ..leaf(LeafKind::Tls) };
    let issued = authority.issue(&wide).unwrap();
    assert_eq!(describe(&issued.cert_pem).unwrap().subject_cn, wide.common_name);
    check(|leaf| leaf.common_name = "王".repeat(65), &MaterialError::Name);
    check(|leaf| leaf.dns_names = vec!["a b".into()], &MaterialError::DnsName("a b".into()));
    check(|leaf| leaf.dns_names = vec![String::new()], &MaterialError::DnsName(String::new()));
}

#[test]
fn an_identity_is_one_canonical_certificate() {
    let authority = authority();
    let issued = authority.issue(&leaf(LeafKind::Sign(Role::Admin))).unwrap();
    let wordy = format!("Certificate:\r\n  Data\r\n{}\n\n", issued.cert_pem.replace('\n', "\r\n"));
    let identity = SigningIdentity::new("Org1MSP", &wordy, &issued.key_pem).unwrap();
    assert_eq!(identity.cert_pem(), issued.cert_pem);
    let creator = SerializedIdentity::decode(identity.creator().as_slice()).unwrap();
    assert_eq!(creator.mspid, "Org1MSP");
    assert_eq!(creator.id_bytes, issued.cert_pem.as_bytes());
    let two = format!("{}{}", issued.cert_pem, authority.cert_pem());
    let refused = SigningIdentity::new("Org1MSP", &two, &issued.key_pem);
    assert_eq!(refused.unwrap_err(), IdentityError::Certificate(PemError::Several));
    let foreign = SigningIdentity::new("Org1MSP", authority.cert_pem(), &issued.key_pem);
    assert_eq!(foreign.unwrap_err(), IdentityError::Mismatch);
    let sec1 = SecretKey::from_pkcs8_pem(&issued.key_pem).unwrap().to_sec1_pem(LineEnding::LF).unwrap();
    SigningIdentity::new("Org1MSP", &issued.cert_pem, &sec1).unwrap();
    assert_eq!(format!("{identity:?}"), "SigningIdentity { msp_id: \"Org1MSP\", .. }");
}

#[test]
fn folders_hold_what_nodes_look_for() {
    let (ca, tls_ca) = (authority(), authority());
    let msp = Msp::new("Org1MSP", ca.cert_pem(), tls_ca.cert_pem()).unwrap();
    let sign = ca.issue(&leaf(LeafKind::Sign(Role::Peer))).unwrap();
    let tls = tls_ca.issue(&leaf(LeafKind::Tls)).unwrap();
    let files: Vec<_> = msp.node_files(&sign).into_iter().chain(msp.tls_files(&tls, &[])).collect();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let expect = [
        "msp/cacerts/ca-cert.pem",
        "msp/tlscacerts/tlsca-cert.pem",
        "msp/config.yaml",
        "msp/signcerts/cert.pem",
        "msp/keystore/priv_sk",
        "tls/ca.crt",
        "tls/server.crt",
        "tls/server.key",
    ];
    assert_eq!(paths, expect);
    for file in &files {
        let holds_key = String::from_utf8_lossy(&file.content).contains("PRIVATE KEY");
        assert_eq!(file.secret, holds_key, "{}", file.path);
    }
    let config = FabricMspConfig::decode(msp.config().config.as_slice()).unwrap();
    assert_eq!(config.name, "Org1MSP");
    assert_eq!(config.root_certs, [ca.cert_pem().as_bytes()]);
    assert_eq!(config.tls_root_certs, [tls_ca.cert_pem().as_bytes()]);
    let crypto = config.crypto_config.unwrap();
    let hashes = (crypto.signature_hash_family.as_str(), crypto.identity_identifier_hash_function.as_str());
    assert_eq!(hashes, ("SHA2", "SHA256"));
    let ous = config.fabric_node_ous.unwrap();
    assert!(ous.enable);
    let roles = [
        (ous.client_ou_identifier, "client"),
        (ous.peer_ou_identifier, "peer"),
        (ous.admin_ou_identifier, "admin"),
        (ous.orderer_ou_identifier, "orderer"),
    ];
    for (unit, role) in roles {
        let unit = unit.unwrap();
        assert_eq!(unit.organizational_unit_identifier, role);
        assert_eq!(unit.certificate, ca.cert_pem().as_bytes(), "{role}");
    }
    assert!(config.admins.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_certificates_are_only_refused(at in 0_usize..2000, byte in any::<u8>(), cut in 0_usize..2000) {
        let pem = authority_pem();
        let mut der = read(pem).to_der().unwrap();
        let index = at % der.len();
        der[index] = byte;
        der.truncate(der.len().max(cut + 1) - cut);
        let text = x509_cert::der::pem::encode_string("CERTIFICATE", LineEnding::LF, &der).unwrap();
        let _ = describe(&text);
        let _ = SigningIdentity::new("Org1MSP", &text, "no key");
    }

    #[test]
    fn arbitrary_text_is_only_refused(text in "(-----BEGIN CERTIFICATE-----)?[ -~\n]{0,200}(-----END CERTIFICATE-----)?") {
        let _ = describe(&text);
    }
}

/// One authority for all cases: making keys is slow.
fn authority_pem() -> &'static str {
    static PEM: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PEM.get_or_init(|| authority().cert_pem().to_owned())
}

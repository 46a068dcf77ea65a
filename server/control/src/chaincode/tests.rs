//! Packages that are taken and packages that are refused, each for its reason.

use std::io::Write;

use fabric::package::Connection;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar_of(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len().try_into().unwrap());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

const FILE: tar::EntryType = tar::EntryType::Regular;

fn package(metadata: &str, code: &[u8]) -> Vec<u8> {
    gzip(&tar_of(&[("metadata.json", FILE, metadata.as_bytes()), ("code.tar.gz", FILE, code)]))
}

fn code_with(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    gzip(&tar_of(entries))
}

const CCAAS: &str = r#"{"type":"ccaas","label":"basic_1"}"#;
const CONNECTION: &[u8] = br#"{"address":"basic:9999","dial_timeout":"10s","tls_required":false}"#;

#[test]
fn a_package_of_a_service_is_taken() {
    let made = package::ccaas(
        "basic_1",
        &Connection {
            address: "basic:9999".to_owned(),
            dial_timeout: "10s".to_owned(),
            ..Connection::default()
        },
    )
    .unwrap();
    let view = package_view(&made).unwrap();
    assert_eq!((view.label.as_str(), view.address.as_str()), ("basic_1", "basic:9999"));
    assert!(view.package_id.starts_with("basic_1:"));
}

#[test]
fn every_refusal_names_its_reason() {
    let good = ("connection.json", FILE, CONNECTION);
    let bomb = vec![0_u8; 64 << 20];
    let cases: Vec<(&str, Vec<u8>, Code)> = vec![
        ("no archive", b"not an archive".to_vec(), Code::PackageBroken),
        ("source code", package(r#"{"type":"golang","label":"a"}"#, &code_with(&[good])), Code::PackageType),
        ("bad label", package(r#"{"type":"ccaas","label":"../a"}"#, &code_with(&[good])), Code::PackageLabel),
        ("bad json", package("{", &code_with(&[good])), Code::PackageBroken),
        ("no connection", package(CCAAS, &code_with(&[("x", FILE, b"x")])), Code::PackageBroken),
        (
            "bad address",
            package(CCAAS, &code_with(&[("connection.json", FILE, br#"{"address":"no port"}"#)])),
            Code::PackageConnection,
        ),
        ("traversal", package(CCAAS, &code_with(&[("../x", FILE, b"x"), good])), Code::PackageHostile),
        (
            "link",
            package(CCAAS, &code_with(&[("x", tar::EntryType::Symlink, b""), good])),
            Code::PackageHostile,
        ),
        ("duplicate", package(CCAAS, &code_with(&[good, good])), Code::PackageHostile),
        ("bomb", package(CCAAS, &code_with(&[("x", FILE, &bomb), good])), Code::PackageHostile),
        ("too large", vec![0; 33 << 20], Code::PackageTooLarge),
    ];
    for (what, bytes, code) in cases {
        let error = package_view(&bytes).unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (code, Some("package")), "{what}: {error}");
    }
}

//! Packages that somebody else made: each guard of the inspector has a case that only it refuses.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use std::io::Write;

use fabric::package::{Limits, PackageError, inspect};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tar::EntryType;

const METADATA: &[u8] = br#"{"path":"","type":"ccaas","label":"asset"}"#;
const CONNECTION: &[u8] = br#"{"address":"cc:9999","dial_timeout":"10s","tls_required":false}"#;

type Entry<'a> = (&'a str, EntryType, &'a [u8]);

fn file<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    (path, EntryType::Regular, content)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes names as they are given, which the tar crate's own functions would refuse or repair.
fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap());
        header.set_mode(0o644);
        header.set_entry_type(*kind);
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    gzip(&out)
}

fn package(code: &[Entry<'_>]) -> Vec<u8> {
    archive(&[file("metadata.json", METADATA), file("code.tar.gz", &archive(code))])
}

fn sound() -> Vec<u8> {
    package(&[file("connection.json", CONNECTION)])
}

fn refusal(package: &[u8]) -> String {
    match inspect(package, &Limits::default()) {
        Ok(facts) => format!("accepted {facts:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn check(name: &str, package: &[u8], expected: &str) {
    let found = refusal(package);
    assert!(found.starts_with(expected), "{name}: expected {expected}, found {found}");
}

#[test]
fn a_sound_package_is_read() {
    let facts = inspect(&sound(), &Limits::default()).unwrap();
    assert_eq!((facts.label.as_str(), facts.code_files), ("asset", 1));
    assert_eq!(facts.connection.unwrap().address, "cc:9999");
    // Folders, a leading "./" and indexes are what common tools and projects produce.
    let usual = package(&[
        ("./", EntryType::Directory, b""),
        file("./connection.json", CONNECTION),
        ("META-INF/", EntryType::Directory, b""),
        file("META-INF/statedb/couchdb/indexes/owner.json", b"{}"),
    ]);
    assert_eq!(inspect(&usual, &Limits::default()).unwrap().code_files, 2);
    let numeric = br#"{"address":"cc:9999","dial_timeout":10}"#;
    let facts = inspect(&package(&[file("connection.json", numeric)]), &Limits::default()).unwrap();
    assert_eq!(facts.connection.unwrap().dial_timeout, "10");
}

#[test]
fn names_that_leave_the_archive() {
    for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "..", "a\\b", "C:x", "a\nb", "././x"] {
        check(path, &package(&[file(path, b""), file("connection.json", CONNECTION)]), "Path");
    }
    let deep = "d/".repeat(20) + "x";
    check("deep", &package(&[file(&deep, b"")]), "Path");
    let outer = archive(&[file("./metadata.json", METADATA), file("code.tar.gz", b"")]);
    check("outer names are exact", &outer, "Path");
    let long = {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        builder.append_data(&mut header, "l".repeat(300), &b""[..]).unwrap();
        gzip(&builder.into_inner().unwrap())
    };
    check("long", &archive(&[file("metadata.json", METADATA), file("code.tar.gz", &long)]), "Path");
}

#[test]
fn entries_that_are_no_files() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        check("inner", &package(&[("x", kind, b"")]), "EntryType");
        check("outer", &archive(&[("metadata.json", kind, b"")]), "EntryType");
    }
    check("sparse", &package(&[("x", EntryType::GNUSparse, b"")]), "Archive");
    check("folder outside", &archive(&[("d/", EntryType::Directory, b"")]), "EntryType");
}

#[test]
fn the_same_name_twice() {
    let twice = [file("connection.json", CONNECTION), file("connection.json", CONNECTION)];
    check("inner", &package(&twice), "Duplicate");
    check("hidden", &package(&[twice[0], file("./connection.json", CONNECTION)]), "Duplicate");
    let outer = archive(&[file("metadata.json", METADATA), file("metadata.json", METADATA)]);
    check("outer", &outer, "Duplicate");
}

#[test]
fn bombs() {
    let zeros = vec![0; 40 << 20];
    check("ratio outside", &archive(&[file("zeros", &zeros)]), "Ratio");
    check("ratio inside", &package(&[file("zeros", &zeros)]), "Ratio");
    let behind_the_end = gzip(&[vec![0; 1024], zeros].concat());
    check("after the end", &behind_the_end, "Ratio");
    let small = Limits { unpacked_bytes_max: 4096, ..Limits::default() };
    assert!(matches!(inspect(&sound(), &small), Err(PackageError::UnpackedTooLarge { limit: 4096 })));
    let tiny = Limits { package_bytes_max: 10, ..Limits::default() };
    assert!(matches!(inspect(&sound(), &tiny), Err(PackageError::TooLarge { limit: 10 })));
    let names: Vec<String> = (0..5_000).map(|number| format!("f{number}")).collect();
    let many: Vec<Entry<'_>> = names.iter().map(|name| file(name, b"")).collect();
    let relaxed = Limits { ratio_max: 10_000, ..Limits::default() };
    assert!(matches!(inspect(&package(&many), &relaxed), Err(PackageError::TooManyEntries { limit: 5_000 })));
    let long = [b"{\"label\":\"", vec![b'a'; 70_000].as_slice(), b"\"}"].concat();
    check("metadata", &archive(&[file("metadata.json", &long), file("code.tar.gz", b"")]), "FileTooLarge");
    check("connection", &package(&[file("connection.json", &long)]), "FileTooLarge");
}

#[test]
fn a_size_that_lies_reads_only_what_is_there() {
    let mut header = tar::Header::new_gnu();
    header.set_size(1 << 40);
    header.set_entry_type(EntryType::Regular);
    header.as_old_mut().name[..13].copy_from_slice(b"metadata.json");
    header.set_cksum();
    check("size", &gzip(header.as_bytes()), "Archive");
}

#[test]
fn content_that_is_missing_or_wrong() {
    check("empty", b"", "Archive");
    check("nothing in it", &archive(&[]), "Missing(\"metadata.json\")");
    check("no gzip", b"PK\x03\x04", "Archive");
    check("cut", &sound()[..100], "Archive");
    check("no metadata", &archive(&[file("code.tar.gz", &archive(&[]))]), "Missing(\"metadata.json\")");
    check("no code", &archive(&[file("metadata.json", METADATA)]), "Missing(\"code.tar.gz\")");
    check("no connection", &package(&[file("other", b"")]), "Missing(\"connection.json\")");
    check("bad connection", &package(&[file("connection.json", b"{}")]), "Json");
    check("no port", &package(&[file("connection.json", br#"{"address":"x"}"#)]), "Connection");
    let labelled = |label: &str| {
        let metadata = format!(r#"{{"type":"ccaas","label":"{label}"}}"#);
        archive(&[file("metadata.json", metadata.as_bytes()), file("code.tar.gz", &archive(&[]))])
    };
    check("label", &labelled("../../x"), "Label");
    check("code", &archive(&[file("metadata.json", METADATA), file("code.tar.gz", b"no gzip")]), "Archive");
    // Another type needs no connection file.
    let golang = br#"{"path":"example.com/x","type":"golang","label":"go_1"}"#;
    let code = archive(&[file("src/main.go", b"package main")]);
    let facts =
        inspect(&archive(&[file("metadata.json", golang), file("code.tar.gz", &code)]), &Limits::default());
    assert_eq!(facts.unwrap().connection, None);
}

proptest! {
    #[test]
    fn damaged_packages_never_panic(position in 0_usize..4096, value: u8, cut in 0_usize..4096) {
        let mut bytes = sound();
        let length = bytes.len();
        bytes[position % length] = value;
        bytes.truncate(length - cut % length);
        let _ = inspect(&bytes, &Limits::default());
        let mut inner = archive(&[file("connection.json", CONNECTION)]);
        let length = inner.len();
        inner[position % length] = value;
        let _ = inspect(&archive(&[file("metadata.json", METADATA), file("code.tar.gz", &inner)]), &Limits::default());
    }
}

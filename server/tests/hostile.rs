//! Hostile bytes at the routes that take archives in: each is refused with the code of its reason, and nothing of it is
//! left, neither in a list nor in a file. And hostile texts on pages: they stay texts.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "portal/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod bed;
#[path = "hostile/corpus.rs"]
mod corpus;
#[path = "portal/fixture.rs"]
mod fixture;
#[path = "hostile/html.rs"]
mod html;
#[path = "hostile/markup.rs"]
mod markup;
#[path = "hostile/stored.rs"]
mod stored;

use std::io::Write;
use std::path::PathBuf;

use bed::{Call, PASSWORD, Portal};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

const CCAAS: &[u8] = br#"{"type":"ccaas","label":"basic_1"}"#;
const GOLANG: &[u8] = br#"{"type":"golang","label":"basic_1"}"#;
const CONNECTION: &[u8] = br#"{"address":"basic:9999","dial_timeout":"10s","tls_required":false}"#;
/// Bytes of the largest package that is looked into.
const PACKAGE_MAX: usize = 32 << 20;

/// Path, kind and content.
type Entry<'a> = (&'a str, EntryType, &'a [u8]);

/// What is sent, and the code that answers it.
type Case = (&'static str, Vec<u8>, &'static str);

fn file<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    (path, EntryType::Regular, content)
}

/// A tar with exactly these entries: names are written by hand, because the library refuses or repairs some.
fn tar_of(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(u64::try_from(content.len()).unwrap());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

/// Bytes without any meaning, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let blocks = (0_u32..).flat_map(|number| Sha256::digest(number.to_be_bytes()).to_vec());
    blocks.take(length).collect()
}

fn package(metadata: &[u8], code: &[Entry<'_>]) -> Vec<u8> {
    let code = gzip(&tar_of(code));
    gzip(&tar_of(&[file("metadata.json", metadata), file("code.tar.gz", &code)]))
}

fn sound_package() -> Vec<u8> {
    package(CCAAS, &[file("connection.json", CONNECTION)])
}

fn packages() -> Vec<Case> {
    let good = file("connection.json", CONNECTION);
    let (sound, zeros) = (sound_package(), vec![0; 8 << 20]);
    let inside = |entry: Entry<'_>| package(CCAAS, &[entry, good]);
    let outside = |entry: Entry<'_>| gzip(&tar_of(&[file("metadata.json", CCAAS), entry]));
    let broken = "package-broken";
    let hostile = "package-hostile";
    vec![
        ("nothing", Vec::new(), broken),
        ("bytes without meaning", noise(100_000), broken),
        ("a gzip that is cut off", sound[..sound.len() / 2].to_vec(), broken),
        ("a tar that is not packed", tar_of(&[file("metadata.json", CCAAS)]), broken),
        ("no code", gzip(&tar_of(&[file("metadata.json", CCAAS)])), broken),
        ("code that is none", outside(file("code.tar.gz", &noise(1_000))), broken),
        ("sources", package(GOLANG, &[file("main.go", b"package main")]), "package-type"),
        ("a way out", outside(file("../../x", b"x")), hostile),
        ("a way out of the code", inside(file("../../x", b"x")), hostile),
        ("a path from the root", inside(file("/etc/passwd", b"x")), hostile),
        ("a link", inside(("x", EntryType::Symlink, b"")), hostile),
        ("a hard link", inside(("x", EntryType::Link, b"")), hostile),
        ("a link outside the code", outside(("code.tar.gz", EntryType::Symlink, b"")), hostile),
        ("an entry that is there twice", outside(file("metadata.json", CCAAS)), hostile),
        ("the same in the code", inside(good), hostile),
        ("a bomb", outside(file("zeros", &zeros)), hostile),
        ("a bomb in the code", inside(file("zeros", &zeros)), hostile),
        ("one byte too many", vec![0; PACKAGE_MAX + 1], "package-too-large"),
    ]
}

/// What `docker save` writes, and more.
fn saved(layer: &[u8], more: &[Entry<'_>]) -> Vec<u8> {
    let list = br#"[{"Config":"c.json","RepoTags":["team/basic:1"],"Layers":["l/layer.tar"]}]"#;
    let config = br#"{"architecture":"amd64","config":{}}"#;
    let mut entries = vec![file("l/layer.tar", layer), file("c.json", config), file("manifest.json", list)];
    entries.extend_from_slice(more);
    tar_of(&entries)
}

fn images() -> Vec<Case> {
    let with = |entry: Entry<'_>| saved(b"layer", &[entry]);
    let broken = "image-archive-broken";
    let hostile = "image-archive-hostile";
    vec![
        ("nothing", Vec::new(), broken),
        ("bytes without meaning", noise(100_000), broken),
        ("an archive that is cut off", saved(&[1; 100_000], &[])[..50_000].to_vec(), broken),
        ("a package of a chaincode", sound_package(), broken),
        ("an archive of something else", tar_of(&[file("readme", b"hello")]), broken),
        ("a way out", with(file("../../x", b"x")), hostile),
        ("a path from the root", with(file("/etc/passwd", b"x")), hostile),
        ("a link", with(("x", EntryType::Symlink, b"")), hostile),
        ("an entry that is there twice", with(file("manifest.json", b"[]")), hostile),
        ("a bomb", saved(&gzip(&vec![0; 8 << 20]), &[]), hostile),
    ]
}

/// A portal with a chain on a host that does not answer; who manages the chain, and an admin.
fn with_chain() -> (Portal, String, String) {
    let mut portal = Portal::start(&["--local-engine", "unix:///nonexistent/engine.sock"]);
    let admin = portal.set_up();
    let user = json!({ "user": { "name": "gus", "role": "user", "password": PASSWORD } });
    assert_eq!(portal.send(Call::post("/api/user_create").json(&user).cookie(&admin)).status, 200);
    let friend = portal.sign_in("gus");
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| fixture::fill(store, "gus").await);
    portal.restart();
    (portal, friend, admin)
}

/// Sends everything and demands the code of each refusal.
fn check(portal: &Portal, path: &str, cookie: &str, cases: &[Case]) {
    for (what, bytes, code) in cases {
        let answer = portal.send(Call::post(path).bytes(bytes).cookie(cookie));
        let refusal: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        assert_eq!((answer.status, refusal["code"].as_str()), (422, Some(*code)), "{what}: {answer:?}");
    }
    assert!(!portal.said().contains("panicked"), "{}", portal.said());
}

/// What an admin finds of the chain and its host, and every file beside the database.
fn kept(portal: &Portal, admin: &str) -> (Vec<String>, Vec<PathBuf>) {
    let lists = [
        ("chaincode_list", json!({ "chain": fixture::CHAIN })),
        ("host_image_approvals", json!({ "id": fixture::HOST })),
        ("operation_list", json!({})),
    ];
    let read = lists.map(|(name, arguments)| {
        let answer = portal.send(Call::post(&format!("/api/{name}")).json(&arguments).cookie(admin));
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        answer.body
    });
    (read.to_vec(), portal.files())
}

#[test]
fn hostile_packages_are_refused_and_leave_nothing() {
    let (portal, friend, admin) = with_chain();
    let path = format!("/chains/{}/package", fixture::CHAIN);
    let sound = portal.send(Call::post(&path).bytes(&sound_package()).cookie(&friend));
    assert_eq!(sound.status, 200, "{sound:?}");
    assert!(sound.body.contains("basic:9999"), "{sound:?}");
    let before = kept(&portal, &admin);
    check(&portal, &path, &friend, &packages());
    assert_eq!(kept(&portal, &admin), before);
}

#[test]
fn hostile_image_archives_are_refused_and_leave_nothing_but_their_rows_in_the_audit() {
    let (portal, _, admin) = with_chain();
    let (path, cases) = (format!("/hosts/{}/images", fixture::HOST), images());
    let before = kept(&portal, &admin);
    check(&portal, &path, &admin, &cases);
    let list = portal.send(Call::post("/api/audit_list").json(&json!({ "before": null })).cookie(&admin));
    let rows: Vec<Value> = serde_json::from_str(&list.body).unwrap();
    let uploads = rows.iter().rev().filter(|row| row["what"] == "host-image-upload");
    let told: Vec<&str> = uploads.map(|row| row["result"].as_str().unwrap()).collect();
    assert_eq!(told, cases.iter().map(|(_, _, code)| *code).collect::<Vec<_>>());
    // A sound one gets as far as the engine, which is not there.
    let sound = portal.send(Call::post(&path).bytes(&saved(b"layer", &[])).cookie(&admin));
    assert_eq!(sound.status, 503, "{sound:?}");
    assert!(sound.body.contains("host-unreachable"), "{sound:?}");
    assert_eq!(kept(&portal, &admin), before);
}

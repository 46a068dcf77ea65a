use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::*;

/// One entry: path, kind, content.
type Item = (String, EntryType, Vec<u8>);

fn item(path: &str, content: impl Into<Vec<u8>>) -> Item {
    (path.to_owned(), EntryType::Regular, content.into())
}

/// An archive with exactly these entries, whatever they are.
fn archive(items: &[Item]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, content) in items {
        let mut header = Header::new_gnu();
        // Written by hand, because the library refuses paths that lead out.
        let name = &mut header.as_gnu_mut().unwrap().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(u64::try_from(content.len()).unwrap());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("target").unwrap();
        }
        header.set_cksum();
        builder.append(&header, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn sha(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn configuration(volumes: bool) -> Vec<u8> {
    let volumes = if volumes { json!({"/var/left": {}}) } else { json!(null) };
    json!({"architecture": "amd64", "config": {"Volumes": volumes}}).to_string().into_bytes()
}

/// What `docker save` writes.
fn saved(layer: Vec<u8>, volumes: bool) -> Vec<Item> {
    let list = json!([{"Config": "c.json", "RepoTags": ["team/basic:1"], "Layers": ["l/layer.tar"]}]);
    vec![
        ("l/".to_owned(), EntryType::Directory, Vec::new()),
        item("l/layer.tar", layer),
        item("c.json", configuration(volumes)),
        item("manifest.json", list.to_string()),
    ]
}

/// An OCI layout.
fn layout(layer: Vec<u8>) -> Vec<Item> {
    let config = configuration(false);
    let digest = |content: &[u8]| format!("sha256:{}", sha(content));
    let manifest = json!({"config": {"digest": digest(&config)}, "layers": [{"digest": digest(&layer)}]});
    let manifest = manifest.to_string().into_bytes();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let name = json!({"io.containerd.image.name": "team/basic:1"});
    let index = json!({"manifests": [{"mediaType": kind, "digest": digest(&manifest), "annotations": name}]});
    let blob = |content: &[u8]| item(&format!("blobs/sha256/{}", sha(content)), content);
    vec![
        item("oci-layout", "{}"),
        blob(&layer),
        blob(&config),
        blob(&manifest),
        item("index.json", index.to_string()),
    ]
}

async fn receive(bytes: Vec<u8>) -> Result<CheckedArchive, ArchiveError> {
    let chunks: Vec<io::Result<Vec<u8>>> = bytes.chunks(1_000).map(|chunk| Ok(chunk.to_vec())).collect();
    receive_archive(futures::stream::iter(chunks)).await
}

async fn refused(items: Vec<Item>) -> String {
    match receive(archive(&items)).await {
        Err(ArchiveError::Hostile(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_kinds_of_archives_are_read() {
    let id = format!("sha256:{}", sha(&configuration(false)));
    for items in [saved(b"layer".to_vec(), false), saved(gzip(b"layer"), false), layout(gzip(b"layer"))] {
        let checked = receive(archive(&items)).await.unwrap();
        let image = &checked.images()[0];
        assert_eq!(
            (image.config_id.as_str(), image.names.as_slice()),
            (id.as_str(), &["team/basic:1".to_owned()][..])
        );
        assert_eq!((image.architecture.as_str(), image.volumes.len()), ("amd64", 0));
        assert!(image.is(&id) && !image.is("sha256:00"));
        let mut again = Vec::new();
        let mut file = checked.file().unwrap();
        file.rewind().unwrap();
        file.read_to_end(&mut again).unwrap();
        assert_eq!(again, archive(&items), "what a host gets is what was checked");
    }
    let checked = receive(archive(&saved(Vec::new(), true))).await.unwrap();
    assert_eq!(checked.images()[0].volumes, ["/var/left"]);
}

#[tokio::test]
async fn an_archive_of_both_kinds_names_each_image_once() {
    let mut items = layout(gzip(b"layer"));
    let config = format!("blobs/sha256/{}", sha(&configuration(false)));
    let list = json!([{"Config": config, "RepoTags": ["team/basic:1", "team/basic:latest"], "Layers": []}]);
    items.push(item("manifest.json", list.to_string()));
    let checked = receive(archive(&items)).await.unwrap();
    assert_eq!(checked.images().len(), 1);
    assert_eq!(checked.images()[0].names.len(), 2);
    assert!(checked.images()[0].manifest_id.is_some());
}

#[tokio::test]
async fn links_devices_and_ways_out_are_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
    ] {
        let mut items = saved(Vec::new(), false);
        items.push(("odd".to_owned(), kind, Vec::new()));
        let why = receive(archive(&items)).await.unwrap_err();
        assert!(matches!(why, ArchiveError::Hostile(_) | ArchiveError::Broken(_)), "{kind:?}: {why}");
        if kind == EntryType::Symlink {
            assert!(matches!(why, ArchiveError::Hostile(_)), "{why}");
        }
    }
    for path in ["../out", "/etc/passwd", "a/../../out", "a\\b"] {
        let mut items = saved(Vec::new(), false);
        items.push(item(path, "x"));
        assert!(!refused(items).await.is_empty(), "{path}");
    }
    let mut deep = saved(Vec::new(), false);
    deep.push(item(&"a/".repeat(30), "x"));
    assert!(refused(deep).await.contains("deep"));
}

#[tokio::test]
async fn what_is_there_twice_is_refused() {
    for second in ["manifest.json", "./manifest.json", "l//layer.tar"] {
        let mut items = saved(Vec::new(), false);
        items.push(item(second, "x"));
        assert!(refused(items).await.contains("twice"), "{second}");
    }
    let mut items = saved(Vec::new(), false);
    items.push(item("l", "a file where a folder was"));
    assert!(refused(items).await.contains("twice"));
}

#[tokio::test]
async fn bombs_are_refused() {
    let packed = gzip(&vec![0; 8 * 1024 * 1024]);
    assert!(packed.len() < 80 * 1024, "{}", packed.len());
    assert!(refused(saved(packed.clone(), false)).await.contains("grows"));
    assert!(refused(layout(packed)).await.contains("grows"));
    let many = (0..5_001).map(|n| item(&format!("f{n}"), "")).collect();
    assert!(refused(many).await.contains("entries"));
    let zstd = saved(vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0], false);
    assert!(refused(zstd).await.contains("zstd"));
    let mut long = saved(Vec::new(), false);
    long.insert(0, ("././@LongLink".to_owned(), EntryType::GNULongName, vec![b'a'; 100_000]));
    assert!(refused(long).await.contains("header"));
    // Small limits stand in for gigabytes.
    let mut file = unnamed().unwrap();
    file.write_all(&archive(&saved(vec![1; 10_000], false))).unwrap();
    let limits = check::Limits { unpacked: 5_000, ..check::Limits::default() };
    assert!(matches!(checked(file, limits), Err(ArchiveError::TooLarge(5_000))));
    let mut file = unnamed().unwrap();
    let random: Vec<u8> =
        (0..60_000_u32).flat_map(|n| Sha256::digest(n.to_be_bytes())[..2].to_vec()).collect();
    file.write_all(&archive(&saved(gzip(&random), false))).unwrap();
    let limits = check::Limits { unpacked: 150_000, ..check::Limits::default() };
    assert!(matches!(checked(file, limits), Err(ArchiveError::TooLarge(150_000))));
}

#[tokio::test]
async fn what_is_no_image_archive_is_told_apart() {
    let broken = async |bytes: Vec<u8>| match receive(bytes).await {
        Err(ArchiveError::Broken(why)) => why,
        other => panic!("{other:?}"),
    };
    broken(Vec::new()).await;
    broken(b"PK\x03\x04 this is a zip".repeat(100)).await;
    broken(archive(&[item("readme", "hello")])).await;
    broken(archive(&[item("manifest.json", "not json")])).await;
    let without_config = json!([{"Config": "gone", "RepoTags": null, "Layers": []}]).to_string();
    broken(archive(&[item("manifest.json", without_config)])).await;
    let mut cut = archive(&saved(vec![1; 100_000], false));
    cut.truncate(50_000);
    broken(cut).await;
    let mut without_layer = saved(Vec::new(), false);
    without_layer.retain(|(path, ..)| path != "l/layer.tar");
    broken(archive(&without_layer)).await;
    let mut swapped = layout(gzip(b"layer"));
    swapped[3].2.push(b' ');
    broken(archive(&swapped)).await;
    let failing: Vec<io::Result<Vec<u8>>> = vec![Err(io::Error::other("gone"))];
    // A sender that stops leaves a broken archive; the portal's own disk is not at fault.
    let stopped = receive_archive(futures::stream::iter(failing)).await;
    assert!(matches!(stopped, Err(ArchiveError::Broken(why)) if why == "gone"));
}

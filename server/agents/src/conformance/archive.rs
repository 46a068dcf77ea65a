//! An image archive, made here: one image of one small layer that declares some volumes.

use std::io;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Broken;
use crate::{CheckedArchive, receive_archive};

/// An archive that passed the check, of an image that wants this name.
pub(super) async fn of(name: &str, volumes: &[&str]) -> Result<CheckedArchive, Broken> {
    let bytes =
        bytes(name, volumes).map_err(|error| Broken(format!("an archive cannot be made: {error}")))?;
    let received = receive_archive(futures::stream::iter([Ok(bytes)])).await;
    received.map_err(|error| Broken(format!("an archive is not taken: {error}")))
}

fn bytes(name: &str, volumes: &[&str]) -> io::Result<Vec<u8>> {
    let layer = packed(&[("made", format!("for {name}").as_bytes())])?;
    let diff_id = format!("sha256:{}", hex::encode(Sha256::digest(&layer)));
    let volumes: Map<String, Value> = volumes.iter().map(|path| ((*path).to_owned(), json!({}))).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Volumes": volumes},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    });
    let index = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    packed(&[
        ("layer.tar", layer.as_slice()),
        ("config.json", config.to_string().as_bytes()),
        ("manifest.json", index.to_string().as_bytes()),
    ])
}

fn packed(entries: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(u64::try_from(content.len()).map_err(io::Error::other)?);
        archive.append_data(&mut header, path, *content)?;
    }
    archive.into_inner()
}

//! Reads what an archive says of itself: the list of a `docker save`, or the index of an OCI layout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::check::Place;
use super::{ArchiveError, ArchivedImage, part};

/// Largest description that is read.
const JSON_MAX: u64 = 4 * 1024 * 1024;
/// Most images, or manifests, of one archive.
const IMAGES_MAX: usize = 32;
/// An index may lead to further ones, so deep.
const DEPTH_MAX: usize = 3;
/// Manifests of this kind only say how an image was built.
const ATTESTATION: &str = "attestation-manifest";

/// What is in an archive.
pub(super) struct Contents {
    pub images: Vec<ArchivedImage>,
    /// Paths of the layers, packed or not.
    pub layers: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    architecture: String,
    config: Option<Runtime>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

type Entries = BTreeMap<String, Place>;

fn broken(why: impl Into<String>) -> ArchiveError {
    ArchiveError::Broken(why.into())
}

/// Reads what the archive says it holds.
pub(super) fn read(file: &mut File, entries: &Entries) -> Result<Contents, ArchiveError> {
    let mut contents = Contents { images: Vec::new(), layers: BTreeSet::new() };
    if entries.contains_key("manifest.json") {
        saved(file, entries, &mut contents)?;
    }
    if entries.contains_key("index.json") && entries.contains_key("oci-layout") {
        let index: Index = json(file, entries, "index.json")?.0;
        layout(file, entries, index, None, 0, &mut contents)?;
    }
    if contents.images.is_empty() {
        return Err(broken("it has neither a manifest.json nor an index.json that names an image"));
    }
    Ok(contents)
}

/// The list of a `docker save`.
fn saved(file: &mut File, entries: &Entries, contents: &mut Contents) -> Result<(), ArchiveError> {
    let list: Vec<Saved> = json(file, entries, "manifest.json")?.0;
    for image in list {
        let names = image.repo_tags.unwrap_or_default();
        contents.layers.extend(image.layers);
        add(file, entries, &image.config, None, names, contents)?;
    }
    Ok(())
}

/// The manifests of an OCI layout.
fn layout(
    file: &mut File,
    entries: &Entries,
    index: Index,
    name: Option<&str>,
    depth: usize,
    contents: &mut Contents,
) -> Result<(), ArchiveError> {
    if depth > DEPTH_MAX || index.manifests.len() > IMAGES_MAX {
        return Err(ArchiveError::Hostile("its index is too deep or too long".to_owned()));
    }
    for found in index.manifests {
        let kind = found.annotations.get("vnd.docker.reference.type").map(String::as_str);
        if kind == Some(ATTESTATION) {
            continue;
        }
        let own = found.annotations.get("io.containerd.image.name").map(String::as_str).or(name);
        let path = blob(&found.digest)?;
        // An index of many platforms may name some that are not in the archive.
        if !entries.contains_key(&path) {
            continue;
        }
        if found.media_type.contains("index") || found.media_type.contains("manifest.list") {
            let inner: Index = json(file, entries, &path)?.0;
            layout(file, entries, inner, own, depth + 1, contents)?;
            continue;
        }
        let (manifest, digest): (Manifest, String) = json(file, entries, &path)?;
        if digest != found.digest {
            return Err(broken(format!("{path} is not what its name says")));
        }
        for layer in &manifest.layers {
            contents.layers.insert(blob(&layer.digest)?);
        }
        let names = own.map(str::to_owned).into_iter().collect();
        add(file, entries, &blob(&manifest.config.digest)?, Some(digest), names, contents)?;
    }
    Ok(())
}

/// Adds an image, or what is new about one that the archive names in both ways.
fn add(
    file: &mut File,
    entries: &Entries,
    config: &str,
    manifest_id: Option<String>,
    names: Vec<String>,
    contents: &mut Contents,
) -> Result<(), ArchiveError> {
    let (configuration, config_id): (Configuration, String) = json(file, entries, config)?;
    for name in &names {
        if !domain::host::image::is_image_name(name) {
            return Err(ArchiveError::Hostile(format!("{name:?} is not the name of an image")));
        }
    }
    if let Some(known) = contents.images.iter_mut().find(|image| image.config_id == config_id) {
        known.manifest_id = known.manifest_id.take().or(manifest_id);
        let new: Vec<String> = names.into_iter().filter(|name| !known.names.contains(name)).collect();
        known.names.extend(new);
        return Ok(());
    }
    if contents.images.len() >= IMAGES_MAX {
        return Err(ArchiveError::Hostile(format!("it holds more than {IMAGES_MAX} images")));
    }
    let volumes = configuration.config.and_then(|runtime| runtime.volumes).unwrap_or_default();
    contents.images.push(ArchivedImage {
        config_id,
        manifest_id,
        names,
        architecture: configuration.architecture,
        volumes: volumes.into_keys().collect(),
    });
    Ok(())
}

/// Where a layout keeps the content of a digest.
fn blob(digest: &str) -> Result<String, ArchiveError> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    hex.map(|hex| format!("blobs/sha256/{hex}")).ok_or_else(|| broken(format!("{digest:?} is not a digest")))
}

/// Reads a description and its digest.
fn json<T: DeserializeOwned>(
    file: &mut File,
    entries: &Entries,
    path: &str,
) -> Result<(T, String), ArchiveError> {
    let place = entries.get(path).ok_or_else(|| broken(format!("{path} is missing")))?;
    if place.size > JSON_MAX {
        return Err(ArchiveError::Hostile(format!("{path} is larger than any description")));
    }
    let bytes = part(file, place.at, place.size)?;
    let value = serde_json::from_slice(&bytes).map_err(|error| broken(format!("{path}: {error}")))?;
    Ok((value, format!("sha256:{}", hex::encode(Sha256::digest(&bytes)))))
}

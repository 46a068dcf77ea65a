//! Writes an image of one layer as a docker-archive, byte for byte the same for the same input.
//!
//! Owners are root and times are zero. Formats: the image specification v1.2 that every engine loads.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tar::{Builder, EntryType, Header};

use crate::fingerprint::sha256;
use crate::machine;

/// The files of an image.
pub struct Layer {
    tar: Builder<Vec<u8>>,
    folders: Vec<String>,
}

impl Layer {
    pub fn new() -> Self {
        Self { tar: Builder::new(Vec::new()), folders: Vec::new() }
    }

    /// Adds a folder; those above it come with the usual rights.
    pub fn folder(&mut self, path: &str, mode: u32) -> Result<()> {
        self.parents(path)?;
        self.entry(&format!("{path}/"), EntryType::Directory, mode, &[])?;
        self.folders.push(path.to_owned());
        Ok(())
    }

    pub fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.parents(path)?;
        self.entry(path, EntryType::Regular, 0o644, content)
    }

    pub fn program(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.parents(path)?;
        self.entry(path, EntryType::Regular, 0o755, content)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.parents(path)?;
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.tar.append_link(&mut header, path, target).with_context(|| format!("{path} cannot be added"))
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        let ends: Vec<usize> = path.match_indices('/').map(|(end, _)| end).collect();
        for end in ends {
            let parent = &path[..end];
            if !self.folders.iter().any(|known| known == parent) {
                self.entry(&format!("{parent}/"), EntryType::Directory, 0o755, &[])?;
                self.folders.push(parent.to_owned());
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, kind: EntryType, mode: u32, content: &[u8]) -> Result<()> {
        let size = u64::try_from(content.len()).context("a file is too large")?;
        let mut header = header(kind, mode, size);
        self.tar.append_data(&mut header, path, content).with_context(|| format!("{path} cannot be added"))
    }
}

/// An image: its layer and how it is started.
pub struct Image {
    layer: Layer,
    /// What is started in any case, with the command behind it.
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub environment: Vec<String>,
    /// `7051/tcp`
    pub ports: Vec<String>,
    pub volumes: Vec<String>,
    /// `uid:gid`; empty for root.
    pub user: String,
    pub labels: Vec<(String, String)>,
}

impl Image {
    pub fn new(layer: Layer) -> Self {
        let (command, environment, ports) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            layer,
            entrypoint: Vec::new(),
            command,
            environment,
            ports,
            volumes: Vec::new(),
            user: String::new(),
            labels: Vec::new(),
        }
    }

    /// The archive that an engine loads under the name `image`, with its tag.
    pub fn into_archive(self, image: &str) -> Result<Vec<u8>> {
        let labels: Map<String, Value> =
            self.labels.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        let layer = self.layer.tar.into_inner().context("the layer cannot be finished")?;
        let layer_hash = sha256(&layer);
        let config = json!({
            "architecture": machine::go_machine()?,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": self.entrypoint,
                "Cmd": self.command,
                "Env": self.environment,
                "ExposedPorts": keys(self.ports),
                "Volumes": keys(self.volumes),
                "User": self.user,
                "WorkingDir": "/",
                "Labels": labels,
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_hash}")] },
            "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "cargo xtask images" }],
        });
        let config = serde_json::to_vec(&config).context("the image configuration cannot be written")?;
        let config_name = format!("{}.json", sha256(&config));
        let layer_name = format!("{layer_hash}/layer.tar");
        let manifest = json!([{ "Config": config_name, "RepoTags": [image], "Layers": [layer_name] }]);
        let manifest = serde_json::to_vec(&manifest).context("the manifest cannot be written")?;
        let mut archive = Layer::new();
        archive.file(&config_name, &config)?;
        archive.file(&layer_name, &layer)?;
        archive.file("manifest.json", &manifest)?;
        archive.tar.into_inner().context("the archive cannot be finished")
    }
}

fn keys(names: Vec<String>) -> Value {
    Value::Object(names.into_iter().map(|name| (name, json!({}))).collect())
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    fn sample() -> Vec<u8> {
        let mut layer = Layer::new();
        layer.folder("tmp", 0o1777).unwrap();
        layer.program("usr/bin/a", b"program").unwrap();
        layer.file("usr/share/b", b"text").unwrap();
        layer.link("usr/bin/c", "a").unwrap();
        let mut image = Image::new(layer);
        image.command = vec!["/usr/bin/a".to_owned()];
        image.labels = vec![("k".to_owned(), "v".to_owned())];
        image.into_archive("heddle.local/x:1").unwrap()
    }

    fn files(archive: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let name = entry.path().unwrap().display().to_string();
            found.insert(name, (entry.header().mode().unwrap(), content));
        }
        found
    }

    #[test]
    fn hashes_fit_and_rights_are_kept() {
        let outer = files(&sample());
        let manifest: Value = serde_json::from_slice(&outer["manifest.json"].1).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "heddle.local/x:1");
        let config_name = manifest[0]["Config"].as_str().unwrap();
        let config_raw = &outer[config_name].1;
        assert_eq!(config_name, format!("{}.json", sha256(config_raw)));
        let layer = &outer[manifest[0]["Layers"][0].as_str().unwrap()].1;
        let config: Value = serde_json::from_slice(config_raw).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", sha256(layer)));
        assert_eq!(config["config"]["Labels"]["k"], "v");
        let inner = files(layer);
        assert_eq!(inner["usr/bin/a"], (0o755, b"program".to_vec()));
        assert_eq!(inner["tmp/"].0, 0o1777);
        assert!(inner.contains_key("usr/bin/") && inner.contains_key("usr/share/"));
    }

    #[test]
    fn the_same_twice() {
        assert_eq!(sample(), sample());
    }
}

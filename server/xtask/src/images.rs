//! The container images of the local nodes and of the sample chaincode, put into an engine.
//!
//! They are made here, not by the engine: a layer over nothing needs no builder, and the same files always give the
//! same image. Their names begin with `heddle.local/`, so that none passes for an official one.

pub mod archive;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::engine_api::Engine;
use crate::fingerprint::Fingerprint;
use crate::images::archive::{Image, Layer};
use crate::nodes::{self, Binaries};
use crate::paths::Paths;
use crate::report::say;

/// The label by which an image that is up to date is recognised.
const CONTENT: &str = "heddle.content";

/// Where images of nodes may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Only from this program: what tests need.
    Built,
    /// Public ones too, when they are there or can be pulled: what people want.
    PublicOrBuilt,
}

/// How long a registry may be silent before the images are built instead.
const PULL_SILENCE: Duration = Duration::from_secs(60);

struct Recipe {
    name: &'static str,
    tag: &'static str,
    /// The official image that does the same.
    public: Option<&'static str>,
    make: fn(&Binaries) -> Result<Image>,
}

const NODES: [Recipe; 2] = [
    Recipe {
        name: "heddle.local/fabric-peer",
        tag: nodes::FABRIC_VERSION,
        public: Some("hyperledger/fabric-peer"),
        make: peer,
    },
    Recipe {
        name: "heddle.local/fabric-orderer",
        tag: nodes::FABRIC_VERSION,
        public: Some("hyperledger/fabric-orderer"),
        make: orderer,
    },
];

const CHAINCODES: [Recipe; 2] = [
    Recipe { name: "heddle.local/chaincode-example02", tag: "1", public: None, make: chaincode_1 },
    Recipe { name: "heddle.local/chaincode-example02", tag: "2", public: None, make: chaincode_2 },
];

/// Makes sure that the engine has all images. Nothing is built when it has them already.
pub fn ensure(paths: &Paths, engine: &Engine, source: Source) -> Result<()> {
    let content = content(paths)?;
    for recipe in NODES.iter().chain(&CHAINCODES) {
        let image = format!("{}:{}", recipe.name, recipe.tag);
        if engine.image_label(&image, CONTENT)?.as_deref() == Some(content.as_str()) {
            say(format!("image {image} is present"));
            continue;
        }
        if source == Source::PublicOrBuilt && public(engine, recipe)? {
            continue;
        }
        let binaries = nodes::ensure(paths)?;
        let mut made = (recipe.make)(&binaries)?;
        made.labels.push((CONTENT.to_owned(), content.clone()));
        engine.load(&made.into_archive(&image)?)?;
        say(format!("image {image} was built locally and loaded"));
    }
    Ok(())
}

/// All images, with their names, for whoever puts them elsewhere than into a container engine.
pub fn all(paths: &Paths) -> Result<Vec<(String, Image)>> {
    let binaries = nodes::ensure(paths)?;
    let recipes = NODES.iter().chain(&CHAINCODES);
    recipes.map(|recipe| Ok((format!("{}:{}", recipe.name, recipe.tag), (recipe.make)(&binaries)?))).collect()
}

/// Writes the names of images that are about to be made, for the portal that is about to start.
pub fn tell_missing(engine: &Engine, file: &Path) -> Result<()> {
    let mut names = String::new();
    for recipe in NODES.iter().chain(&CHAINCODES) {
        // Any one of them will do.
        let images = recipe.public.into_iter().chain([recipe.name]);
        let images: Vec<String> = images.map(|name| format!("{name}:{}", recipe.tag)).collect();
        let mut missing = true;
        for image in &images {
            missing &= !engine.has_image(image)?;
        }
        if missing {
            names.extend(images.iter().flat_map(|image| [image.as_str(), "\n"]));
        }
    }
    fs::write(file, names).with_context(|| format!("{} cannot be written", file.display()))
}

/// True when the engine has, or now has, the official image that does the same.
fn public(engine: &Engine, recipe: &Recipe) -> Result<bool> {
    let Some(name) = recipe.public else { return Ok(false) };
    let image = format!("{name}:{}", recipe.tag);
    if engine.has_image(&image)? {
        say(format!("image {image} is present"));
        return Ok(true);
    }
    say(format!("pulling image {image}"));
    match engine.pull(name, recipe.tag, PULL_SILENCE) {
        Ok(()) => {
            say(format!("image {image} was pulled"));
            Ok(true)
        }
        Err(error) => {
            say(format!("it is built instead: {error:#}"));
            Ok(false)
        }
    }
}

/// What the images depend on: the binaries and what this program does with them.
pub fn content(paths: &Paths) -> Result<String> {
    let mut fingerprint = Fingerprint::of("images 1");
    fingerprint.add(nodes::key(paths)?.as_bytes());
    fingerprint.add(include_bytes!("images.rs"));
    fingerprint.add(include_bytes!("images/archive.rs"));
    Ok(fingerprint.finish())
}

fn peer(binaries: &Binaries) -> Result<Image> {
    let mut layer = node_layer()?;
    layer.program("usr/local/bin/peer", &read(binaries, "peer")?)?;
    layer.file("etc/hyperledger/fabric/core.yaml", &read(binaries, "config/core.yaml")?)?;
    let builder = "opt/hyperledger/ccaas_builder/bin";
    layer.program(&format!("{builder}/detect"), &read(binaries, "builder")?)?;
    layer.link(&format!("{builder}/build"), "detect")?;
    layer.link(&format!("{builder}/release"), "detect")?;
    node_image(layer, &["peer", "node", "start"], "7051/tcp")
}

fn orderer(binaries: &Binaries) -> Result<Image> {
    let mut layer = node_layer()?;
    layer.program("usr/local/bin/orderer", &read(binaries, "orderer")?)?;
    layer.file("etc/hyperledger/fabric/orderer.yaml", &read(binaries, "config/orderer.yaml")?)?;
    node_image(layer, &["orderer"], "7050/tcp")
}

fn chaincode_1(binaries: &Binaries) -> Result<Image> {
    chaincode(binaries, "1")
}

fn chaincode_2(binaries: &Binaries) -> Result<Image> {
    chaincode(binaries, "2")
}

fn chaincode(binaries: &Binaries, version: &str) -> Result<Image> {
    let mut layer = empty_layer()?;
    layer.program("usr/local/bin/chaincode", &read(binaries, &format!("chaincode-{version}"))?)?;
    let mut image = Image::new(layer);
    image.command = vec!["/usr/local/bin/chaincode".to_owned()];
    image.ports = vec!["9999/tcp".to_owned()];
    // A service that only answers its peer needs no rights at all.
    image.user = "65534:65534".to_owned();
    Ok(image)
}

/// What every program expects of a file system: somewhere for temporary files, and how names are looked up.
pub fn empty_layer() -> Result<Layer> {
    let mut layer = Layer::new();
    layer.folder("tmp", 0o1777)?;
    layer.file("etc/nsswitch.conf", b"hosts: files dns\n")?;
    layer.file("etc/passwd", b"root:x:0:0:root:/:/none\nnobody:x:65534:65534:nobody:/:/none\n")?;
    layer.file("etc/group", b"root:x:0:\nnobody:x:65534:\n")?;
    Ok(layer)
}

fn node_layer() -> Result<Layer> {
    let mut layer = empty_layer()?;
    layer.folder("var/hyperledger", 0o755)?;
    Ok(layer)
}

/// Environment and volumes as the public images of Fabric declare them, so that both kinds behave alike.
fn node_image(layer: Layer, command: &[&str], port: &str) -> Result<Image> {
    let mut image = Image::new(layer);
    image.environment = vec![
        "FABRIC_CFG_PATH=/etc/hyperledger/fabric".to_owned(),
        "PATH=/usr/local/bin:/usr/bin:/bin".to_owned(),
    ];
    image.command = command.iter().map(|word| (*word).to_owned()).collect();
    image.ports = vec![port.to_owned()];
    image.volumes = vec!["/etc/hyperledger/fabric".to_owned(), "/var/hyperledger".to_owned()];
    image.labels = vec![("org.opencontainers.image.version".to_owned(), nodes::FABRIC_VERSION.to_owned())];
    Ok(image)
}

fn read(binaries: &Binaries, name: &str) -> Result<Vec<u8>> {
    let file = binaries.folder.join(name);
    fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_image_takes_a_public_name() {
        for recipe in NODES.iter().chain(&CHAINCODES) {
            assert!(recipe.name.starts_with("heddle.local/"), "{}", recipe.name);
            assert_ne!(recipe.tag, "latest");
        }
    }
}

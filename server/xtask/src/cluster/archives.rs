//! The images that every node of a cluster gets: there is no registry from which it could have them.
//!
//! They are written once into the cache folder as docker-archives, and imported whenever a node starts: what the cluster
//! itself needs, what `cargo xtask images` makes, the image on which the agents' conformance is tested, and one with a
//! shell for whoever looks into a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::configuration::PAUSE;
use super::programs::{self, Programs};
use crate::fingerprint::{Fingerprint, sha256};
use crate::images::archive::{Image, Layer};
use crate::images::{self, empty_layer};
use crate::machine;
use crate::made;
use crate::paths::Paths;
use crate::process::{LONG, output};
use crate::report::say;

const DNS: &str = "heddle.local/coredns:1";
const SHELL: &str = "heddle.local/busybox:1";
/// With the hash of its source as the tag: see server/agents/tests.
const CONFORMANCE: &str = "heddle.local/agent-test-node";
/// The place in a pod, or beside it, where the second image of the conformance test declares a volume.
const CONFORMANCE_VOLUME: &str = "/var/left";

/// What people expect to find beside a shell.
const TOOLS: [&str; 25] = [
    "cat", "chmod", "cp", "df", "echo", "env", "find", "grep", "head", "hostname", "httpd", "id", "ip", "ls",
    "mkdir", "mount", "mv", "nc", "nslookup", "ps", "rm", "sh", "sleep", "touch", "wget",
];

/// The archives in the cache folder.
#[derive(Debug)]
pub struct Archives {
    folder: PathBuf,
    pub files: Vec<PathBuf>,
}

impl Archives {
    /// A name that tells their content.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Finds or writes the archives.
pub fn ensure(paths: &Paths, programs: &Programs) -> Result<Archives> {
    let source = paths.root.join("server/agents/tests/docker_engine/node.go");
    let node = fs::read(&source).with_context(|| format!("{} cannot be read", source.display()))?;
    let shell = shell_program()?;
    let mut fingerprint = Fingerprint::of("cluster-images 1");
    for part in [
        programs::key(paths)?.as_bytes(),
        images::content(paths)?.as_bytes(),
        node.as_slice(),
        shell.as_slice(),
    ] {
        fingerprint.add(part);
    }
    fingerprint.add(include_bytes!("archives.rs"));
    let folder = made::once(&paths.cache.join("cluster-images"), &fingerprint.finish(), |fresh| {
        say("writing the images for the nodes of clusters");
        write(paths, programs, fresh, &source, &shell)
    })?;
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.sort();
    Ok(Archives { folder, files })
}

fn write(paths: &Paths, programs: &Programs, folder: &Path, node: &Path, shell: &[u8]) -> Result<()> {
    let save = |name: &str, image: Image| {
        let archive = image.into_archive(name)?;
        fs::write(folder.join(file_name(name)), archive).with_context(|| format!("{name} cannot be written"))
    };
    save(PAUSE, single("pause", &read(&programs.folder.join("pause"))?)?)?;
    save(DNS, single("coredns", &read(&programs.folder.join("coredns"))?)?)?;
    save(SHELL, shell_image(shell)?)?;
    for (name, image) in images::all(paths)? {
        save(&name, image)?;
    }
    let tag = &sha256(&read(node)?)[..12];
    let program = conformance_program(paths, node, folder)?;
    save(&format!("{CONFORMANCE}:{tag}"), single("node", &program)?)?;
    let mut with_volume = single("node", &program)?;
    with_volume.volumes = vec![CONFORMANCE_VOLUME.to_owned()];
    save(&format!("{CONFORMANCE}:{tag}-volume"), with_volume)
}

/// An image of one program and nothing else.
fn single(name: &str, program: &[u8]) -> Result<Image> {
    let mut layer = Layer::new();
    layer.program(name, program)?;
    let mut image = Image::new(layer);
    image.entrypoint = vec![format!("/{name}")];
    Ok(image)
}

fn shell_image(program: &[u8]) -> Result<Image> {
    let mut layer = empty_layer()?;
    layer.program("bin/busybox", program)?;
    for tool in TOOLS {
        layer.link(&format!("bin/{tool}"), "busybox")?;
    }
    let mut image = Image::new(layer);
    image.command = vec!["/bin/sh".to_owned()];
    image.environment = vec!["PATH=/bin".to_owned()];
    Ok(image)
}

fn shell_program() -> Result<Vec<u8>> {
    let file = machine::program("busybox").context("busybox is not installed")?;
    let program = read(&file)?;
    // A program that needs a loader names it; in an image of its own there is none.
    if program.windows(11).any(|window| window == b"/ld-linux-x" || window == b"/ld-linux-a") {
        bail!("{} needs libraries: please install busybox-static in its place", file.display());
    }
    Ok(program)
}

/// Built as the test itself builds it, from one file without modules.
fn conformance_program(paths: &Paths, source: &Path, folder: &Path) -> Result<Vec<u8>> {
    let go = machine::ensure_go(&paths.cache)?;
    let out = folder.with_extension("node");
    let mut command = Command::new(go);
    command.args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]).arg(&out).arg(source);
    command.env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GO111MODULE", "off");
    output(&mut command, LONG)?;
    let program = read(&out)?;
    fs::remove_file(&out).with_context(|| format!("{} cannot be removed", out.display()))?;
    Ok(program)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// A file's name for an image's.
fn file_name(image: &str) -> String {
    format!("{}.tar", image.replace(['/', ':'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_make_names_of_files() {
        assert_eq!(file_name("heddle.local/pause:1"), "heddle.local_pause_1.tar");
        for name in [PAUSE, DNS, SHELL, CONFORMANCE] {
            assert!(name.starts_with("heddle.local/"), "{name}");
        }
    }

    #[test]
    fn cluster_and_images_agree() {
        let manifests = include_str!("../../../../end2end/testbed/cluster/cluster.yaml");
        assert!(manifests.contains(&format!("image: {DNS}\n")));
    }

    #[test]
    fn one_program_is_the_whole_image() {
        let image = single("pause", b"program").unwrap();
        assert_eq!(image.entrypoint, ["/pause"]);
        assert!(shell_image(b"program").unwrap().into_archive(SHELL).unwrap().len() > 1024);
    }
}

//! `cargo xtask image`: the portal's own image, as a docker-archive for a registry, an engine or a cluster.
//!
//! It holds the program that was built, the libraries to which it is linked, and what browsers load; no shell and no
//! certificates of authorities, because those of engines and clusters are given with them. Its libraries lie in a folder
//! of their own: where a system looks for them by itself differs between those that build it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::images::archive::{Image, Layer};
use crate::machine;
use crate::paths::Paths;
use crate::process::{self, BUILD, SHORT, output};
use crate::report::say;
use crate::run;
use crate::site::{self, Quality};
use crate::sources;

/// Never a public name: whoever pushes it somewhere gives it theirs.
const REPOSITORY: &str = "heddle.local/heddle";
/// The portal's version, which is the image's tag.
const VERSION: &str = "0.1.0";

const PROGRAM: &str = "usr/local/bin/heddle";
const LIBRARIES: &str = "usr/lib/heddle";
const SITE: &str = "usr/share/heddle/site";
/// Nobody in particular; the chart says the same.
const USER: &str = "65532:65532";

/// What older C libraries load only when a name is looked up, and what `ldd` therefore does not list.
const LOOKED_UP: [&str; 3] = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];

/// The image's name with its tag.
pub fn name() -> String {
    format!("{REPOSITORY}:{VERSION}")
}

/// Builds the portal and its pages, as they are shipped or as `cargo xtask run` starts them, and writes their image.
pub fn build(paths: &Paths, release: bool) -> Result<PathBuf> {
    let _claim = sources::claim(paths)?;
    if !release {
        site::build(paths, Quality::Plain)?;
        run::build_portal(paths)?;
        return write(paths, &paths.portal());
    }
    site::build(paths, Quality::Release)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package", "server"]);
    process::run(cargo.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target), BUILD)?;
    write(paths, &paths.target.join("release").join("heddle"))
}

/// Writes the image of a program that is built, with the site that is built, and returns the archive.
pub fn write(paths: &Paths, program: &Path) -> Result<PathBuf> {
    let linked = libraries(&output(Command::new("ldd").arg(program), SHORT)?)?;
    let image = image(&stripped(paths, program)?, &linked, &paths.site())?;
    let archive = image.into_archive(&name())?;
    let file = paths.target.join("heddle-image.tar");
    let fresh = file.with_extension("new");
    fs::write(&fresh, &archive).with_context(|| format!("{} cannot be written", fresh.display()))?;
    fs::rename(&fresh, &file).with_context(|| format!("{} cannot be replaced", file.display()))?;
    say(format!("image {} has {} MB", name(), archive.len().div_ceil(1_000_000)));
    Ok(file)
}

/// A program without what only debuggers read, where there is a tool that takes it away.
fn stripped(paths: &Paths, program: &Path) -> Result<Vec<u8>> {
    let Some(strip) = machine::program("strip") else { return read(program) };
    let out = paths.target.join(format!("heddle-stripped-{}", std::process::id()));
    let done = output(Command::new(strip).arg("--strip-debug").arg("-o").arg(&out).arg(program), SHORT);
    let content = done.and_then(|_| read(&out));
    if out.exists() {
        fs::remove_file(&out).with_context(|| format!("{} cannot be removed", out.display()))?;
    }
    content
}

fn image(program: &[u8], linked: &[Library], site: &Path) -> Result<Image> {
    let mut layer = Layer::new();
    layer.folder("tmp", 0o1777)?;
    layer.file("etc/nsswitch.conf", b"hosts: files dns\n")?;
    layer.file("etc/passwd", b"root:x:0:0:root:/:/none\nheddle:x:65532:65532:heddle:/:/none\n")?;
    layer.file("etc/group", b"root:x:0:\nheddle:x:65532:\n")?;
    layer.program(PROGRAM, program)?;
    for library in linked {
        layer.program(&library.place, &read(&library.file)?)?;
    }
    for file in site::files(site)? {
        let below = file.strip_prefix(site).unwrap_or(&file).display().to_string();
        layer.file(&format!("{SITE}/{below}"), &read(&file)?)?;
    }
    let mut image = Image::new(layer);
    image.entrypoint = vec![format!("/{PROGRAM}")];
    image.environment = vec![
        format!("LD_LIBRARY_PATH=/{LIBRARIES}"),
        "LEPTOS_OUTPUT_NAME=heddle".to_owned(),
        format!("LEPTOS_SITE_ROOT=/{SITE}"),
        format!("HEDDLE_SITE=/{SITE}"),
        "HEDDLE_DATA=/var/lib/heddle/data".to_owned(),
    ];
    image.ports = vec!["3000/tcp".to_owned()];
    image.user = USER.to_owned();
    image.labels = vec![("org.opencontainers.image.version".to_owned(), VERSION.to_owned())];
    Ok(image)
}

/// A file that the program is linked to.
#[derive(Debug, PartialEq, Eq)]
struct Library {
    /// Where it lies in the image, without the slash in front.
    place: String,
    /// Where it lies here.
    file: PathBuf,
}

/// What `ldd` lists: libraries by the names under which they are looked for, and the loader, which the program names by
/// its whole path.
fn libraries(listed: &str) -> Result<Vec<Library>> {
    let mut found = Vec::new();
    for line in listed.lines().map(str::trim) {
        let line = line.split(" (0x").next().unwrap_or_default();
        let (name, file) = line.split_once(" => ").unwrap_or((line, line));
        if file == "not found" {
            bail!("{name}, to which the portal is linked, is not on this machine");
        }
        // What has no path is the kernel's own.
        if !file.starts_with('/') {
            continue;
        }
        let place = match name.strip_prefix('/') {
            Some(loader) => loader.to_owned(),
            None => format!("{LIBRARIES}/{name}"),
        };
        found.push(Library { place, file: PathBuf::from(file) });
    }
    let c = found.iter().find(|library| library.place.ends_with("/libc.so.6"));
    let folder = c.and_then(|library| library.file.parent()).map(Path::to_path_buf);
    for name in LOOKED_UP {
        let place = format!("{LIBRARIES}/{name}");
        let file = folder.as_ref().map(|folder| folder.join(name)).filter(|file| file.is_file());
        if let Some(file) = file.filter(|_| !found.iter().any(|library| library.place == place)) {
            found.push(Library { place, file });
        }
    }
    Ok(found)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use serde_json::Value;

    use super::*;

    /// Names and contents of an archive's files.
    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.insert(entry.path().unwrap().display().to_string(), content);
        }
        found
    }

    #[test]
    fn what_the_program_is_linked_to_is_found() {
        let listed = "\tlinux-vdso.so.1 (0x00007f0000000000)\n\
            \tlibm.so.6 => /nowhere/lib/libm.so.6 (0x00007f0000000000)\n\
            \tlibc.so.6 => /nowhere/lib/libc.so.6 (0x00007f0000000000)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f0000000000)\n";
        let library = |place: &str, file: &str| Library { place: place.to_owned(), file: file.into() };
        let expect = [
            library("usr/lib/heddle/libm.so.6", "/nowhere/lib/libm.so.6"),
            library("usr/lib/heddle/libc.so.6", "/nowhere/lib/libc.so.6"),
            library("lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2"),
        ];
        assert_eq!(libraries(listed).unwrap(), expect);
        let elsewhere =
            "\t/lib64/ld-linux-x86-64.so.2 => /usr/lib64/ld-linux-x86-64.so.2 (0x00007f0000000000)\n";
        let expect = [library("lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2")];
        assert_eq!(libraries(elsewhere).unwrap(), expect);
        let missing = libraries("\tlibz.so.1 => not found\n").unwrap_err().to_string();
        assert!(missing.contains("libz.so.1"), "{missing}");
    }

    #[test]
    fn the_image_holds_the_program_its_libraries_and_the_site() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pkg")).unwrap();
        fs::write(folder.path().join("pkg/heddle.wasm"), "wasm").unwrap();
        let program = std::env::current_exe().unwrap();
        let linked = libraries(&output(Command::new("ldd").arg(program), SHORT).unwrap()).unwrap();
        let archive = image(b"program", &linked, folder.path()).unwrap().into_archive(&name()).unwrap();
        let outer = files(&archive);
        let manifest: Value = serde_json::from_slice(&outer["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], name());
        let config: Value = serde_json::from_slice(&outer[manifest[0]["Config"].as_str().unwrap()]).unwrap();
        assert_eq!(config["config"]["Entrypoint"][0], "/usr/local/bin/heddle");
        assert_eq!(config["config"]["User"], USER);
        let inner = files(&outer[manifest[0]["Layers"][0].as_str().unwrap()]);
        assert_eq!(inner[PROGRAM], b"program");
        assert_eq!(inner["usr/share/heddle/site/pkg/heddle.wasm"], b"wasm");
        assert!(inner.contains_key("usr/lib/heddle/libc.so.6"), "{:?}", inner.keys());
        assert!(inner.keys().any(|name| name.contains("/ld-linux-")), "{:?}", inner.keys());
    }

    #[test]
    fn portal_chart_and_image_have_one_version_and_one_user() {
        let workspace = include_str!("../../../Cargo.toml");
        assert!(workspace.contains(&format!("[workspace.package]\nversion = \"{VERSION}\"\n")));
        let chart = include_str!("../../deploy/helm/heddle/Chart.yaml");
        assert!(chart.contains(&format!("\nappVersion: \"{VERSION}\"\n")));
        let values = include_str!("../../deploy/helm/heddle/values.yaml");
        assert!(values.contains(&format!("repository: {REPOSITORY}\n")));
        let plain = include_str!("../../deploy/kubernetes/portal.yaml");
        assert!(plain.contains(&format!("image: \"{}\"\n", name())));
        let (user, group) = USER.split_once(':').unwrap();
        assert!(plain.contains(&format!("runAsUser: {user}\n        runAsGroup: {group}\n")));
    }
}

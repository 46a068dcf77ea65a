//! The site: WebAssembly, its JavaScript, the style sheet and public files, ready to be served.
//!
//! cargo compiles; the rest is done here with libraries, because the usual tool downloads programs while it builds.
//! The result is replaced as a whole and only when something it depends on has changed.

mod wasm;

pub use wasm::PRELOADS;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::fingerprint::{self, Fingerprint};
use crate::licences;
use crate::machine;
use crate::paths::Paths;
use crate::report::say;

/// The name of the script, the module and the style sheet; `.cargo/config.toml` tells the pages the same.
const NAME: &str = "heddle";
const EXTENSIONS_TO_COMPRESS: [&str; 6] = ["css", "html", "js", "json", "svg", "wasm"];

/// How much work goes into the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Compiles quickest; for people who change pages.
    Dev,
    /// Optimised by the compiler only: needs nothing but the Rust toolchain.
    Plain,
    /// Also optimised as WebAssembly and compressed: what is shipped. Needs Node.js.
    Release,
}

/// Builds the site unless it is up to date, and returns its folder.
pub fn build(paths: &Paths, quality: Quality) -> Result<PathBuf> {
    let site = paths.site();
    let stamp = paths.target.join("site.stamp");
    let wanted = fingerprint(paths, quality)?;
    if site.is_dir() && fingerprint::matches(&stamp, &wanted) {
        return Ok(site);
    }
    machine::ensure_wasm_target(&paths.root)?;
    let fresh = paths.target.join(format!("site-new-{}", std::process::id()));
    remove(&fresh)?;
    let package = fresh.join("pkg").join("new");
    fs::create_dir_all(&package).with_context(|| format!("{} cannot be made", package.display()))?;
    wasm::build(paths, quality, NAME, &package)?;
    fs::write(package.join(format!("{NAME}.css")), style_sheet(&paths.root.join("style"))?)
        .context("the style sheet cannot be written")?;
    let named = fresh.join("pkg").join(content(&package)?);
    fs::rename(&package, &named).context("the packaged files cannot be named")?;
    copy(&paths.root.join("public"), &fresh)?;
    fs::write(fresh.join("licences.txt"), licences::text(&licences::list(paths)?))
        .context("the list of licences cannot be written")?;
    if quality == Quality::Release {
        compress(&fresh)?;
    }
    // From here on an interruption must not leave a stamp that fits half a site.
    remove_file(&stamp)?;
    remove(&site)?;
    fs::rename(&fresh, &site).context("the site cannot be moved into place")?;
    fs::write(&stamp, wanted).context("the site's stamp cannot be written")?;
    say(format!("the site is ready: {}", sizes(&packaged(&site)?)?));
    Ok(site)
}

/// The folder with the packaged files. It is named by what is in it, so that browsers may keep its files for good: other
/// files have another address.
pub fn packaged(site: &Path) -> Result<PathBuf> {
    let folder = site.join("pkg");
    let mut entries =
        fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let first = entries.next().with_context(|| format!("{} is empty", folder.display()))?;
    Ok(first?.path())
}

/// Sixteen hexadecimal digits that follow from all files of a folder.
fn content(folder: &Path) -> Result<String> {
    let mut content = Fingerprint::of("package 1");
    content.add_path(folder, folder)?;
    Ok(content.finish().chars().take(16).collect())
}

fn fingerprint(paths: &Paths, quality: Quality) -> Result<String> {
    let mut fingerprint = Fingerprint::of(&format!("site 2 {quality:?}"));
    let parts = [
        ".cargo/config.toml",
        "Cargo.lock",
        "Cargo.toml",
        "app",
        "frontend",
        "public",
        "rust-toolchain.toml",
        "server/domain",
        "server/xtask/src/licences.rs",
        "server/xtask/src/site",
        "server/xtask/src/site.rs",
        "server/xtask/tools",
        "style",
    ];
    for part in parts {
        fingerprint.add_path(&paths.root, &paths.root.join(part))?;
    }
    Ok(fingerprint.finish())
}

/// All style files in one: first the tokens that the others use, then by name.
fn style_sheet(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "css") {
            files.push(file);
        }
    }
    files.sort_by_key(|file| (!file.ends_with("tokens.css"), file.clone()));
    let mut sheet = String::new();
    for file in files {
        sheet.push_str(
            &fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?,
        );
        sheet.push('\n');
    }
    Ok(sheet)
}

/// Puts `.br` and `.gz` beside every file that shrinks.
fn compress(folder: &Path) -> Result<()> {
    for file in files(folder)? {
        let extension =
            file.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_owned();
        if !EXTENSIONS_TO_COMPRESS.contains(&extension.as_str()) {
            continue;
        }
        let raw = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        for (suffix, packed) in [("br", brotli(&raw)?), ("gz", gzip(&raw)?)] {
            if packed.len() < raw.len() {
                fs::write(file.with_extension(format!("{extension}.{suffix}")), packed)
                    .context("a compressed file cannot be written")?;
            }
        }
    }
    Ok(())
}

fn brotli(raw: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, size_hint: raw.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &*raw, &mut packed, &params).context("brotli")?;
    Ok(packed)
}

fn gzip(raw: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut encoder, raw).context("gzip")?;
    encoder.finish().context("gzip")
}

/// All files below a folder, sorted.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for file in files(from)? {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        fs::copy(&file, &target).with_context(|| format!("{} cannot be copied", file.display()))?;
    }
    Ok(())
}

fn sizes(package: &Path) -> Result<String> {
    let mut words = Vec::new();
    for file in files(package)? {
        let name = file.strip_prefix(package).unwrap_or(&file).display().to_string();
        words.push(format!("{name} {} kB", file.metadata()?.len().div_ceil(1000)));
    }
    Ok(words.join(", "))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}

fn remove_file(file: &Path) -> Result<()> {
    if file.exists() {
        fs::remove_file(file).with_context(|| format!("{} cannot be removed", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn tokens_come_first_and_the_rest_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b.css", "b"), ("tokens.css", "t"), ("a.css", "a"), ("notes.md", "n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(style_sheet(folder.path()).unwrap(), "t\na\nb\n");
    }

    #[test]
    fn compressed_files_hold_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let text = "a long text that repeats itself, ".repeat(100);
        fs::create_dir(folder.path().join("pkg")).unwrap();
        fs::write(folder.path().join("pkg/x.js"), &text).unwrap();
        fs::write(folder.path().join("short.css"), "a").unwrap();
        fs::write(folder.path().join("x.png"), &text).unwrap();
        compress(folder.path()).unwrap();
        let mut back = String::new();
        let file = fs::File::open(folder.path().join("pkg/x.js.gz")).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
        let mut back = Vec::new();
        let mut file = fs::File::open(folder.path().join("pkg/x.js.br")).unwrap();
        brotli::BrotliDecompress(&mut file, &mut back).unwrap();
        assert_eq!(back, text.as_bytes());
        assert_eq!(files(folder.path()).unwrap().len(), 5, "short files and pictures stay alone");
    }

    #[test]
    fn packaged_files_are_found_under_a_name_that_follows_from_them() {
        let site = tempfile::tempdir().unwrap();
        let folder = site.path().join("pkg").join("new");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.js"), "1").unwrap();
        let first = content(&folder).unwrap();
        assert_eq!(packaged(site.path()).unwrap(), folder);
        fs::write(folder.join("a.js"), "2").unwrap();
        assert!(first.len() == 16 && first != content(&folder).unwrap());
    }

    #[test]
    fn public_files_keep_their_folders() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("icons")).unwrap();
        fs::write(from.path().join("icons/a.svg"), "<svg/>").unwrap();
        copy(from.path(), to.path()).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("icons/a.svg")).unwrap(), "<svg/>");
    }
}

//! Goes through an archive's entries and its packed layers, and refuses what could harm whoever unpacks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, sink};
use std::path::Component;

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::ArchiveError;

/// What an archive may hold at most.
pub(super) struct Limits {
    /// Files and folders.
    pub entries: usize,
    /// Names in a path.
    pub depth: usize,
    /// Bytes of a path.
    pub path: usize,
    /// Bytes of a header's extension, such as a long path.
    pub extension: u64,
    /// Bytes of everything, unpacked.
    pub unpacked: u64,
    /// How many times larger something packed may become …
    pub ratio: u64,
    /// … once it is larger than this.
    pub ratio_from: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 5_000,
            depth: 20,
            path: 255,
            extension: 16 * 1024,
            unpacked: 4 * 1024 * 1024 * 1024,
            ratio: 100,
            ratio_from: 1024 * 1024,
        }
    }
}

/// Where a file's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub at: u64,
    pub size: u64,
}

fn hostile(why: impl Into<String>) -> ArchiveError {
    ArchiveError::Hostile(why.into())
}

fn broken(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Broken(error.to_string())
}

/// Every plain file of the archive, by its path.
pub(super) fn entries(file: &mut File, limits: &Limits) -> Result<BTreeMap<String, Place>, ArchiveError> {
    extensions(file, limits)?;
    file.seek(SeekFrom::Start(0))?;
    let (mut files, mut seen, mut total) = (BTreeMap::new(), BTreeSet::new(), 0_u64);
    let mut archive = Archive::new(&*file);
    for entry in archive.entries_with_seek().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if seen.len() >= limits.entries {
            return Err(hostile(format!("more than {} entries", limits.entries)));
        }
        let path = plain_path(&entry, limits)?;
        let kind = entry.header().entry_type();
        if !matches!(kind, EntryType::Regular | EntryType::Directory) {
            return Err(hostile(format!("{path} is neither a file nor a folder ({kind:?})")));
        }
        // Folders may be named again; files never.
        if !seen.insert(path.clone()) && kind == EntryType::Regular {
            return Err(hostile(format!("{path} is there twice")));
        }
        total = total.saturating_add(entry.size());
        if total > limits.unpacked {
            return Err(ArchiveError::TooLarge(limits.unpacked));
        }
        if kind == EntryType::Regular {
            if files.contains_key(&path) {
                return Err(hostile(format!("{path} is there twice")));
            }
            files.insert(path, Place { at: entry.raw_file_position(), size: entry.size() });
        }
    }
    whole(file, &files)?;
    Ok(files)
}

/// Headers may be extended by as many bytes as they like, and whoever reads them keeps those in memory.
fn extensions(file: &mut File, limits: &Limits) -> Result<(), ArchiveError> {
    file.seek(SeekFrom::Start(0))?;
    let mut archive = Archive::new(&*file);
    let mut headers = 0;
    for entry in archive.entries_with_seek().map_err(broken)?.raw(true) {
        let entry = entry.map_err(broken)?;
        headers += 1;
        if headers > limits.entries.saturating_mul(4) {
            return Err(hostile(format!("more than {} entries", limits.entries)));
        }
        let kind = entry.header().entry_type();
        let extends = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if extends && entry.size() > limits.extension {
            return Err(hostile("a header is larger than any name needs"));
        }
    }
    Ok(())
}

/// Seeking past the end of a file is no error, so the last entry could be cut off.
fn whole(file: &File, files: &BTreeMap<String, Place>) -> Result<(), ArchiveError> {
    let length = file.metadata()?.len();
    match files.iter().find(|(_, place)| place.at.saturating_add(place.size) > length) {
        Some((path, _)) => Err(broken(format!("{path} is cut off"))),
        None => Ok(()),
    }
}

fn plain_path<R: Read>(entry: &tar::Entry<'_, R>, limits: &Limits) -> Result<String, ArchiveError> {
    let path = entry.path().map_err(broken)?;
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                names.push(name.to_str().ok_or_else(|| hostile("a path is not text"))?.to_owned());
            }
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(hostile(format!("{} leads out of the archive", path.display())));
            }
        }
    }
    let plain = names.join("/");
    if names.len() > limits.depth || plain.len() > limits.path {
        return Err(hostile("a path is too long or too deep"));
    }
    if plain.contains(['\0', '\\']) {
        return Err(hostile("a path holds a character that no image needs"));
    }
    Ok(plain)
}

/// Unpacks the layers into nothing, to see how large they become.
pub(super) fn layers(
    file: &mut File,
    entries: &BTreeMap<String, Place>,
    layers: &BTreeSet<String>,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let mut total = entries.values().fold(0_u64, |sum, place| sum.saturating_add(place.size));
    for path in layers {
        let place = entries.get(path).ok_or_else(|| broken(format!("the layer {path} is not in it")))?;
        let magic = super::part(file, place.at, 4)?;
        if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Err(hostile(format!("{path} is packed with zstd, whose size cannot be bounded here")));
        }
        if !magic.starts_with(&[0x1f, 0x8b]) {
            continue;
        }
        let allowed = place.size.saturating_mul(limits.ratio).max(limits.ratio_from);
        let room = allowed.min(limits.unpacked.saturating_sub(total));
        file.seek(SeekFrom::Start(place.at))?;
        let packed = BufReader::with_capacity(256 * 1024, (&*file).take(place.size));
        let mut unpacked = MultiGzDecoder::new(packed).take(room.saturating_add(1));
        let size = std::io::copy(&mut unpacked, &mut sink()).map_err(broken)?;
        if size > allowed {
            return Err(hostile(format!("{path} grows more than {} times when unpacked", limits.ratio)));
        }
        if size > room {
            return Err(ArchiveError::TooLarge(limits.unpacked));
        }
        total = total.saturating_add(size);
    }
    Ok(())
}

//! Looks into an uploaded package without unpacking it to anywhere.
//!
//! The archive is hostile until proven otherwise: sizes are counted while reading, names are checked before
//! they are compared, and the archive inside the archive shares the outer one's budget.

use std::{
    cell::Cell,
    collections::HashSet,
    io::{self, Read},
    rc::Rc,
};

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Deserializer, de};

use super::{CODE_FILE, CONNECTION_FILE, Connection, METADATA_FILE, PackageError, TYPE_CCAAS, is_label};

/// Bounds of what is read; the defaults are those of the portal's uploads.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of the package as uploaded.
    pub package_bytes_max: u64,
    /// Bytes of all archives after decompression, together.
    pub unpacked_bytes_max: u64,
    /// Decompressed bytes per compressed byte, enforced from the first mebibyte on (tar pads small files).
    pub ratio_max: u64,
    /// Entries of all archives, together.
    pub entries_max: usize,
    /// Folders above a file, the file included.
    pub depth_max: usize,
    pub path_bytes_max: usize,
    /// Bytes of `metadata.json` and of `connection.json`, each.
    pub json_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            package_bytes_max: 32 << 20,
            unpacked_bytes_max: 128 << 20,
            ratio_max: 100,
            entries_max: 5_000,
            depth_max: 20,
            path_bytes_max: 255,
            json_bytes_max: 64 << 10,
        }
    }
}

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFacts {
    pub label: String,
    /// `golang`, `node`, `java`, `ccaas` or the name of another builder.
    pub r#type: String,
    /// Where the sources came from; informational.
    pub path: String,
    /// Only for packages of type `ccaas`, which must have one.
    pub connection: Option<Connection>,
    /// Regular files in the code archive.
    pub code_files: usize,
    /// Bytes of both archives after decompression.
    pub unpacked_bytes: u64,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    path: String,
    r#type: String,
    label: String,
}

/// Checks a package and reads label, type and connection.
pub fn inspect(package: &[u8], limits: &Limits) -> Result<PackageFacts, PackageError> {
    let size = u64::try_from(package.len()).unwrap_or(u64::MAX);
    if size > limits.package_bytes_max {
        return Err(PackageError::TooLarge { limit: limits.package_bytes_max });
    }
    let mut budget = Budget { limits, unpacked: Rc::new(Cell::new(0)), entries: 0 };
    let (mut metadata, mut code) = (None, None);
    budget.read(package, Folders::Refused, |path, entry| {
        match path {
            METADATA_FILE => metadata = Some(read_json_file(METADATA_FILE, entry, limits)?),
            CODE_FILE => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(PackageError::Archive)?;
                code = Some(bytes);
            }
            // Peers ignore other files, and so do we; their names and sizes were checked.
            _ => {}
        }
        Ok(())
    })?;
    let metadata = metadata.ok_or(PackageError::Missing(METADATA_FILE))?;
    let code = code.ok_or(PackageError::Missing(CODE_FILE))?;
    let metadata: Metadata = parse(METADATA_FILE, &metadata)?;
    if !is_label(&metadata.label) {
        return Err(PackageError::Label);
    }
    let (mut connection, mut code_files) = (None, 0_usize);
    budget.read(&code, Folders::Allowed, |path, entry| {
        code_files += 1;
        if path == CONNECTION_FILE && metadata.r#type == TYPE_CCAAS {
            connection = Some(read_json_file(CONNECTION_FILE, entry, limits)?);
        }
        Ok(())
    })?;
    let connection = match connection {
        Some(bytes) => Some(read_connection(&bytes)?),
        None if metadata.r#type == TYPE_CCAAS => return Err(PackageError::Missing(CONNECTION_FILE)),
        None => None,
    };
    let unpacked_bytes = budget.unpacked.get();
    let Metadata { path, r#type, label } = metadata;
    Ok(PackageFacts { label, r#type, path, connection, code_files, unpacked_bytes })
}

/// Accepts `10`, `10.5` and `"10s"`: the builder takes a number for nanoseconds.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(de::Error::custom("neither text nor number")),
    }
}

fn read_connection(bytes: &[u8]) -> Result<Connection, PackageError> {
    let connection: Connection = parse(CONNECTION_FILE, bytes)?;
    if super::is_address(&connection.address) {
        Ok(connection)
    } else {
        Err(PackageError::Connection("address"))
    }
}

fn parse<T: de::DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, PackageError> {
    serde_json::from_slice(bytes).map_err(|source| PackageError::Json { file, source })
}

fn read_json_file(
    file: &'static str,
    entry: &mut dyn Read,
    limits: &Limits,
) -> Result<Vec<u8>, PackageError> {
    let mut bytes = Vec::new();
    let mut bounded = entry.take(limits.json_bytes_max + 1);
    bounded.read_to_end(&mut bytes).map_err(PackageError::Archive)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits.json_bytes_max {
        return Err(PackageError::FileTooLarge(file));
    }
    Ok(bytes)
}

/// Peers refuse folder entries in the outer archive and accept them in the code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folders {
    Allowed,
    Refused,
}

/// What is left to read, over the outer and the inner archive.
struct Budget<'a> {
    limits: &'a Limits,
    unpacked: Rc<Cell<u64>>,
    entries: usize,
}

impl Budget<'_> {
    /// Walks over one gzip tar; `visit` sees each regular file with its checked path.
    fn read(
        &mut self,
        archive: &[u8],
        folders: Folders,
        mut visit: impl FnMut(&str, &mut dyn Read) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        let tripped = Rc::new(Cell::new(None));
        let mut counted = Counted {
            inner: MultiGzDecoder::new(archive),
            here: 0,
            ratio_bytes_max: u64::try_from(archive.len())
                .unwrap_or(u64::MAX)
                .saturating_mul(self.limits.ratio_max)
                .max(1 << 20),
            total: Rc::clone(&self.unpacked),
            total_max: self.limits.unpacked_bytes_max,
            tripped: Rc::clone(&tripped),
        };
        let walked = self.walk(&mut counted, folders, &mut visit);
        // What follows the archive's end is read as well, so that it is counted and must be sound gzip.
        let walked = walked
            .and_then(|()| io::copy(&mut counted, &mut io::sink()).map(drop).map_err(PackageError::Archive));
        match tripped.get() {
            Some(Trip::Total) => {
                Err(PackageError::UnpackedTooLarge { limit: self.limits.unpacked_bytes_max })
            }
            Some(Trip::Ratio) => Err(PackageError::Ratio { limit: self.limits.ratio_max }),
            None => walked,
        }
    }

    fn walk(
        &mut self,
        reader: &mut dyn Read,
        folders: Folders,
        visit: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        let mut seen = HashSet::new();
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries().map_err(PackageError::Archive)? {
            let mut entry = entry.map_err(PackageError::Archive)?;
            self.entries += 1;
            if self.entries > self.limits.entries_max {
                return Err(PackageError::TooManyEntries { limit: self.limits.entries_max });
            }
            let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            let is_folder = kind.is_dir() && folders == Folders::Allowed;
            if !kind.is_file() && !is_folder {
                return Err(PackageError::EntryType { path: shown(&raw) });
            }
            let path = self.check_path(&raw, is_folder, folders)?.to_owned();
            if !seen.insert(path.clone()) {
                return Err(PackageError::Duplicate { path: shown(&raw) });
            }
            if kind.is_file() {
                visit(&path, &mut entry)?;
            }
        }
        Ok(())
    }

    /// A relative path of plain names. Inside the code a leading `./` is what many tar programs write.
    fn check_path<'p>(
        &self,
        raw: &'p str,
        is_folder: bool,
        folders: Folders,
    ) -> Result<&'p str, PackageError> {
        let refused = || PackageError::Path { path: shown(raw) };
        let mut path = raw;
        if folders == Folders::Allowed {
            path = path.strip_prefix("./").unwrap_or(path);
        }
        if is_folder {
            path = path.strip_suffix('/').unwrap_or(path);
            if path.is_empty() || path == "." {
                return Ok(path);
            }
        }
        let odd = |c: char| c.is_control() || matches!(c, '\\' | ':' | char::REPLACEMENT_CHARACTER);
        if raw.len() > self.limits.path_bytes_max || path.chars().any(odd) {
            return Err(refused());
        }
        let names = path.split('/');
        if names.clone().count() > self.limits.depth_max {
            return Err(refused());
        }
        if names.into_iter().any(|name| name.is_empty() || name == "." || name == "..") {
            return Err(refused());
        }
        Ok(path)
    }
}

/// A path from a hostile archive, short enough to be shown.
fn shown(path: &str) -> String {
    path.chars().take(100).collect()
}

#[derive(Clone, Copy)]
enum Trip {
    Total,
    Ratio,
}

/// Counts decompressed bytes and fails as soon as there are too many. The reason is kept aside, because the
/// tar reader wraps errors.
struct Counted<R> {
    inner: R,
    here: u64,
    ratio_bytes_max: u64,
    total: Rc<Cell<u64>>,
    total_max: u64,
    tripped: Rc<Cell<Option<Trip>>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let added = u64::try_from(count).unwrap_or(u64::MAX);
        self.here = self.here.saturating_add(added);
        self.total.set(self.total.get().saturating_add(added));
        let trip = if self.total.get() > self.total_max {
            Trip::Total
        } else if self.here > self.ratio_bytes_max {
            Trip::Ratio
        } else {
            return Ok(count);
        };
        self.tripped.set(Some(trip));
        Err(io::Error::other("too much data"))
    }
}

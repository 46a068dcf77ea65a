//! Image archives that people upload: taken in, looked through as a whole, and only then given to a host.
//!
//! An engine unpacks an archive with all the rights it has. So nothing of one reaches an engine before every entry is
//! known to be a plain file or folder with a plain path, the sizes are within bounds, packed layers included, and the
//! archive's own index names what is in it. This module must never unpack anything to a disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use futures::{Stream, StreamExt};

mod check;
mod index;

/// Most bytes of an uploaded archive.
pub const ARCHIVE_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Why an archive is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is larger than allowed, as it is or unpacked.
    #[error("the archive is larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(u64),
    /// It is not an image archive.
    #[error("not an image archive: {0}")]
    Broken(String),
    /// It holds something that an image archive never needs.
    #[error("refused: {0}")]
    Hostile(String),
    /// It could not be read to its end, or not be kept for the check.
    #[error("the archive could not be received: {0}")]
    Io(#[from] io::Error),
}

/// One image of an archive, as its configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedImage {
    /// `sha256:…` of its configuration: what classic engines call the image's id.
    pub config_id: String,
    /// `sha256:…` of its manifest, where the archive has one: what newer engines call the id.
    pub manifest_id: Option<String>,
    /// Names it wants to have on the host.
    pub names: Vec<String>,
    /// CPU architecture in Go's words.
    pub architecture: String,
    /// Paths that it declares as volumes.
    pub volumes: Vec<String>,
}

impl ArchivedImage {
    /// Whether an engine's id means this image.
    pub fn is(&self, id: &str) -> bool {
        self.config_id == id || self.manifest_id.as_deref() == Some(id)
    }
}

/// An archive that passed the check. It lies in a file without a name, which is gone when this is dropped.
#[derive(Debug)]
pub struct CheckedArchive {
    file: File,
    images: Vec<ArchivedImage>,
}

impl CheckedArchive {
    /// What is in it.
    pub fn images(&self) -> &[ArchivedImage] {
        &self.images
    }

    /// The bytes, for one reader at a time.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Takes an archive in and checks it.
pub async fn receive_archive<S, B>(mut upload: S) -> Result<CheckedArchive, ArchiveError>
where
    S: Stream<Item = io::Result<B>> + Unpin,
    B: AsRef<[u8]> + Send + 'static,
{
    let mut file = unnamed()?;
    let mut size = 0;
    while let Some(chunk) = upload.next().await {
        // Whoever sends it stopped or was too slow: the archive is cut short, and `Io` is the portal's own disk.
        let chunk = chunk.map_err(|error| ArchiveError::Broken(error.to_string()))?;
        size += u64::try_from(chunk.as_ref().len()).unwrap_or(u64::MAX);
        if size > ARCHIVE_MAX {
            return Err(ArchiveError::TooLarge(ARCHIVE_MAX));
        }
        // Chunks are small and the file is in the page cache: this does not hold the thread up.
        file.write_all(chunk.as_ref())?;
    }
    tokio::task::spawn_blocking(move || checked(file, check::Limits::default()))
        .await
        .map_err(|error| ArchiveError::Io(io::Error::other(error)))?
}

/// A file that has no name, so that nothing is left of it however this ends.
fn unnamed() -> io::Result<File> {
    tempfile::tempfile()
}

fn checked(mut file: File, limits: check::Limits) -> Result<CheckedArchive, ArchiveError> {
    let entries = check::entries(&mut file, &limits)?;
    let images = index::read(&mut file, &entries)?;
    check::layers(&mut file, &entries, &images.layers, &limits)?;
    Ok(CheckedArchive { file, images: images.images })
}

/// Reads a small part of the file.
fn part(file: &mut File, at: u64, size: u64) -> Result<Vec<u8>, ArchiveError> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

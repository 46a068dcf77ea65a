//! The lock on a data folder: a file beside it that one process holds. The engine's own lock is released late and tells
//! of itself only in words, so it does not decide here.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::StoreError;

/// Beginning of the addresses of folders.
const ON_DISK: &str = "surrealkv://";

/// Where the engine keeps the log of what it has not put into its tables yet.
const LOG: &str = "wal";

/// A held lock. The operating system takes it back when the process ends, however it ends.
pub(crate) struct FolderLock {
    _file: File,
    folder: PathBuf,
}

impl FolderLock {
    /// Locks the folder of an address; none for an address in memory.
    pub(crate) fn take(url: &str) -> Result<Option<Self>, StoreError> {
        let Some(place) = url.strip_prefix(ON_DISK) else { return Ok(None) };
        let folder = place.split_once('?').map_or(place, |(folder, _)| folder);
        let path = PathBuf::from(format!("{}.lock", folder.trim_end_matches('/')));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(StoreError::Folder)?;
        }
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(StoreError::Folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file, folder: PathBuf::from(folder) })),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
            Err(TryLockError::Error(error)) => Err(StoreError::Folder(error)),
        }
    }

    /// Whether whoever had the folder before left a log behind: a database that was closed has everything in its tables.
    pub(crate) fn has_log(&self) -> Result<bool, StoreError> {
        let entries = match std::fs::read_dir(self.folder.join(LOG)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::Folder(error)),
        };
        for entry in entries {
            let length = entry.and_then(|entry| entry.metadata()).map_err(StoreError::Folder)?.len();
            if length > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

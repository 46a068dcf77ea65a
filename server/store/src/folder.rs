//! The lock on a data folder: a file beside it that one process holds. The engine's own lock is released late and tells
//! of itself only in words, so it does not decide here.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use crate::StoreError;

/// Beginning of the addresses of folders.
const ON_DISK: &str = "surrealkv://";

/// A held lock. The operating system takes it back when the process ends, however it ends.
pub(crate) struct FolderLock {
    _file: File,
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
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
            Err(TryLockError::Error(error)) => Err(StoreError::Folder(error)),
        }
    }
}

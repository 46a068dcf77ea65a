//! Old records in files. A segment is a file of lines, one a record, with what proves it at its end; it is written and
//! safe before the store notes it, and noted before its records leave the table. Whatever ends the portal in between, the
//! next round goes on from what is there: a file that nothing notes is written again under the same name, and a noted
//! segment whose records are still in the table loses them once its file has been read and found right.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use domain::audit::AuditView;
use domain::id::UserId;
use serde::{Deserialize, Serialize};
use store::{AuditRecord, SegmentRecord, Store, StoreError};

use super::{keyed, link};
use crate::ControlPlane;

/// Records that are read at a time.
const PAGE: u32 = 1_000;
/// Most records of a segment.
const SEGMENT_MAX: usize = 10_000;
const DAY_MS: i64 = 86_400_000;
/// What the digest of a file begins with, so that it is no link of a record.
const DIGEST: &str = "audit segment/1";

/// Why old records stay where they are.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file {0} cannot be written or read: {1}")]
    File(PathBuf, io::Error),
    #[error("the file {0} is not as it was written: restore it from a backup")]
    Altered(PathBuf),
}

/// The folder of the files.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
}

/// A record as a line.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    view: AuditView,
    user: Option<UserId>,
    hash: String,
}

/// The last line of a file.
#[derive(Serialize, Deserialize)]
struct End {
    segment: Proof,
}

#[derive(Serialize, Deserialize)]
struct Proof {
    first: i64,
    last: i64,
    last_hash: String,
    digest: String,
}

/// A record as a line with its end.
pub(super) fn json_line(record: &AuditRecord) -> String {
    let line = Line { view: record.view.clone(), user: record.user.clone(), hash: record.hash.clone() };
    json(&line)
}

/// Words and numbers alone: it can always be written.
fn json(value: &impl Serialize) -> String {
    format!("{}\n", serde_json::to_string(value).unwrap_or_default())
}

/// The record of a line.
pub(super) fn read_line(line: &str) -> Option<AuditRecord> {
    let Line { view, user, hash } = serde_json::from_str(line).ok()?;
    Some(AuditRecord { view, user, hash })
}

/// The digest of the lines of a segment.
pub(super) fn digest(key: &[u8], segment: &SegmentRecord, lines: &str) -> String {
    let (first, last) = (segment.first.to_string(), segment.last.to_string());
    keyed(key, [DIGEST, &first, &last, &segment.last_hash, lines])
}

/// The lines of a file without what proves it, which has to be the last line and that of this segment.
pub(super) fn lines_of<'a>(content: &'a str, segment: &SegmentRecord) -> Option<&'a str> {
    let whole = content.strip_suffix('\n')?;
    let at = whole.rfind('\n').map_or(0, |at| at + 1);
    let (lines, end) = (whole.get(..at)?, whole.get(at..)?);
    let End { segment: proof } = serde_json::from_str(end).ok()?;
    let same = (proof.first, proof.last) == (segment.first, segment.last)
        && (&proof.last_hash, &proof.digest) == (&segment.last_hash, &segment.digest);
    same.then_some(lines)
}

impl Archive {
    /// The folder; it is made when the first file is written.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The file of the segment that begins with a record.
    pub fn file(&self, first: i64) -> PathBuf {
        self.folder.join(format!("{first:012}.jsonl"))
    }

    /// What is in the file of a segment; none without a file.
    pub(super) async fn read(&self, first: i64) -> Result<Option<String>, ArchiveError> {
        let path = self.file(first);
        match tokio::fs::read(&path).await {
            Ok(content) => Ok(Some(String::from_utf8_lossy(&content).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArchiveError::File(path, error)),
        }
    }

    /// Writes a file whole: it stands under its name once all of it is on the disk.
    async fn write(&self, first: i64, content: String) -> Result<(), ArchiveError> {
        let (folder, path) = (self.folder.clone(), self.file(first));
        let written = tokio::task::spawn_blocking(move || write_whole(&folder, &path, &content));
        let written = written.await.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|error| ArchiveError::File(self.file(first), error))
    }
}

fn write_whole(folder: &Path, path: &Path, content: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    // The name, too, has to be on the disk before the records leave the table; and the folder's own name.
    File::open(folder)?.sync_all()?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Writes the file of some records that follow each other, and returns the segment that they make; none without records.
async fn write_segment(
    archive: &Archive,
    key: &[u8],
    records: &[AuditRecord],
) -> Result<Option<SegmentRecord>, ArchiveError> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(None) };
    let mut segment = SegmentRecord {
        first: first.view.sequence,
        last: last.view.sequence,
        last_hash: last.hash.clone(),
        digest: String::new(),
        emptied: false,
    };
    let mut content: String = records.iter().map(json_line).collect();
    segment.digest = digest(key, &segment, &content);
    content.push_str(&json(&End {
        segment: Proof {
            first: segment.first,
            last: segment.last,
            last_hash: segment.last_hash.clone(),
            digest: segment.digest.clone(),
        },
    }));
    archive.write(segment.first, content).await?;
    Ok(Some(segment))
}

/// Removes the records of closed segments that are still in the table, after a look at the file that holds them.
async fn empty_closed(store: &Store, key: &[u8], archive: &Archive) -> Result<(), ArchiveError> {
    for segment in store.audit_segments().await?.into_iter().filter(|segment| !segment.emptied) {
        let content = archive.read(segment.first).await?.unwrap_or_default();
        let lines = lines_of(&content, &segment);
        if lines.is_none_or(|lines| digest(key, &segment, lines) != segment.digest) {
            return Err(ArchiveError::Altered(archive.file(segment.first)));
        }
        while !store.audit_segment_empty(segment.first).await? {}
    }
    Ok(())
}

/// The oldest records from before a time, as many as a segment holds; never the newest record of all, to which the next
/// one is linked.
async fn old_records(store: &Store, before_ms: i64) -> Result<Vec<AuditRecord>, ArchiveError> {
    let mut old = Vec::new();
    let Some((first, newest)) = store.audit_ends().await? else { return Ok(old) };
    let mut after = first - 1;
    while old.len() < SEGMENT_MAX {
        let records = store.audit_after(after, PAGE).await?;
        let read = records.len();
        let is_old = |record: &AuditRecord| record.view.at_ms < before_ms && record.view.sequence < newest;
        old.extend(records.into_iter().take_while(is_old));
        let reached = old.last().map_or(after, |last| last.view.sequence);
        if read == 0 || reached < after + i64::try_from(read).unwrap_or(i64::MAX) {
            break;
        }
        after = reached;
    }
    old.truncate(SEGMENT_MAX);
    Ok(old)
}

/// One round: finishes what was begun, then closes a segment of records from before a time, if they fill one or wait for
/// a day already. Tells whether there may be more to do.
pub(super) async fn round(
    store: &Store,
    key: &[u8],
    archive: &Archive,
    before_ms: Option<i64>,
) -> Result<bool, ArchiveError> {
    empty_closed(store, key, archive).await?;
    let Some(before_ms) = before_ms else { return Ok(false) };
    let oldest = store.audit_after(0, 1).await?.into_iter().next();
    // Mostly nothing is old: one record tells.
    if oldest.as_ref().is_none_or(|oldest| oldest.view.at_ms >= before_ms) {
        return Ok(false);
    }
    let records = old_records(store, before_ms).await?;
    let is_full = records.len() == SEGMENT_MAX;
    let waits = oldest.is_some_and(|oldest| oldest.view.at_ms < before_ms.saturating_sub(DAY_MS));
    if !is_full && !waits {
        return Ok(false);
    }
    if let Some(segment) = write_segment(archive, key, &records).await? {
        store.audit_segment_close(&segment).await?;
        empty_closed(store, key, archive).await?;
    }
    Ok(is_full)
}

impl ControlPlane {
    /// Puts old records into files, if an admin wants it and the portal has a folder for them.
    pub(crate) async fn reconcile_audit(&self) {
        let Some(archive) = &self.services.archive else { return };
        let days = match self.audit_keep_days().await {
            Ok(days) => days,
            Err(error) => {
                tracing::warn!(%error, "how long the audit is kept cannot be read");
                return;
            }
        };
        let before_ms =
            days.map(|days| self.services.clock.now_ms().saturating_sub(i64::from(days) * DAY_MS));
        loop {
            match round(&self.services.store, &self.audit.key, archive, before_ms).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "old records of the audit stay in the table");
                    return;
                }
            }
        }
    }
}

/// Whether a record has the link of one that follows a record of this link.
pub(super) fn fits(key: &[u8], head: &str, record: &AuditRecord) -> bool {
    record.hash == link(key, head, record)
}

#[cfg(test)]
mod tests;

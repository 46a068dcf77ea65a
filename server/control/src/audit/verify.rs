//! Whether the audit is as it was written: every record's link is computed anew from the one before, in the files of
//! closed segments first and then in the table, as one chain.

use std::fmt;
use std::path::PathBuf;

use store::{AuditRecord, SegmentRecord, Store};

use super::archive::{Archive, ArchiveError, digest, fits, lines_of, read_line};

/// Records that are read at a time.
const PAGE: u32 = 1_000;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many records, the last with this hash. What was cut off behind it shows only in the log of the server, which
    /// names records from time to time.
    Whole { count: i64, head: String },
    /// The record of this number is not the one that was written, or the one before it is not.
    Altered { sequence: i64 },
    /// This number was never given or its record is gone.
    Missing { sequence: i64 },
    /// The file that holds the record of this number and those that follow is gone.
    FileMissing { file: PathBuf, sequence: i64 },
    /// The records in this file are right, and something else in it is not.
    FileAltered { file: PathBuf },
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { count: 0, .. } => write!(out, "the audit is empty"),
            Self::Whole { count, head } => {
                write!(out, "the audit is whole: {count} records, the last with the hash {head}")
            }
            Self::Altered { sequence } => {
                write!(out, "record {sequence} of the audit was altered, or the key file is not its own")
            }
            Self::Missing { sequence } => write!(out, "record {sequence} of the audit is missing"),
            Self::FileMissing { file, sequence } => {
                let file = file.display();
                write!(out, "record {sequence} of the audit is missing with its file {file}")
            }
            Self::FileAltered { file } => write!(out, "the file {} of the audit was altered", file.display()),
        }
    }
}

/// How far the chain of records was followed.
struct Chain<'a> {
    key: &'a [u8],
    count: i64,
    head: String,
}

impl Chain<'_> {
    /// Goes on to the next record, or tells what is wrong with it.
    fn follow(&mut self, record: Option<AuditRecord>) -> Result<(), Verdict> {
        let sequence = self.count + 1;
        let record = record.ok_or(Verdict::Altered { sequence })?;
        if record.view.sequence != sequence {
            return Err(Verdict::Missing { sequence });
        }
        if !fits(self.key, &self.head, &record) {
            return Err(Verdict::Altered { sequence });
        }
        (self.count, self.head) = (sequence, record.hash);
        Ok(())
    }

    /// Follows the records of a file.
    fn follow_file(&mut self, segment: &SegmentRecord, content: &str, file: PathBuf) -> Result<(), Verdict> {
        if segment.first != self.count + 1 {
            return Err(Verdict::Missing { sequence: self.count + 1 });
        }
        let mut lines = content.lines();
        while self.count < segment.last {
            match lines.next() {
                // The end of the file stands where a record should.
                None => return Err(Verdict::Missing { sequence: self.count + 1 }),
                Some(line) if line.starts_with("{\"segment\":") => {
                    return Err(Verdict::Missing { sequence: self.count + 1 });
                }
                Some(line) => self.follow(read_line(line))?,
            }
        }
        let is_whole = lines_of(content, segment)
            .is_some_and(|lines| digest(self.key, segment, lines) == segment.digest)
            && self.head == segment.last_hash;
        if is_whole { Ok(()) } else { Err(Verdict::FileAltered { file }) }
    }
}

/// Reads the whole audit, files first, and names the first record that is not as it was written. Records of a closed
/// segment that are still in the table stand in its file as well, and count there.
pub async fn verify(store: &Store, key: &[u8], archive: &Archive) -> Result<Verdict, ArchiveError> {
    let mut chain = Chain { key, count: 0, head: String::new() };
    for segment in store.audit_segments().await? {
        let file = archive.file(segment.first);
        let Some(content) = archive.read(segment.first).await? else {
            return Ok(Verdict::FileMissing { file, sequence: segment.first });
        };
        if let Err(flaw) = chain.follow_file(&segment, &content, file) {
            return Ok(flaw);
        }
    }
    loop {
        let records = store.audit_after(chain.count, PAGE).await?;
        if records.is_empty() {
            return Ok(Verdict::Whole { count: chain.count, head: chain.head });
        }
        for record in records {
            if let Err(flaw) = chain.follow(Some(record)) {
                return Ok(flaw);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::audit::{AuditView, FieldChange};
    use domain::id::UserId;

    use super::*;
    use crate::audit::link;

    const KEY: &[u8] = b"key";

    fn records(count: i64) -> Vec<AuditRecord> {
        let mut records: Vec<AuditRecord> = Vec::new();
        for sequence in 1..=count {
            let view = AuditView {
                sequence,
                at_ms: sequence,
                who: "ada".to_owned(),
                what: "chain-stop".to_owned(),
                object: format!("chain/c{sequence}"),
                result: "ok".to_owned(),
                request_id: String::new(),
                address: String::new(),
                changes: FieldChange::between("part", &0_i64, &(sequence % 2)).into_iter().collect(),
            };
            let mut record = AuditRecord { view, user: Some(UserId::new("u")), hash: String::new() };
            let head = records.last().map_or(String::new(), |last| last.hash.clone());
            record.hash = link(KEY, &head, &record);
            records.push(record);
        }
        records
    }

    async fn check(records: Vec<AuditRecord>) -> Verdict {
        let store = Store::open("mem://").await.unwrap();
        store.audit_append(records).await.unwrap();
        verify(&store, KEY, &Archive::at("none")).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_written_is_whole() {
        assert_eq!(check(Vec::new()).await, Verdict::Whole { count: 0, head: String::new() });
        let all = records(1_203);
        let head = all[1_202].hash.clone();
        assert_eq!(check(all).await, Verdict::Whole { count: 1_203, head });
    }

    #[tokio::test]
    async fn the_first_flaw_is_named() {
        let change = async |change: fn(&mut Vec<AuditRecord>)| {
            let mut all = records(5);
            change(&mut all);
            check(all).await
        };
        assert_eq!(
            change(|all| all[2].view.result = "denied".to_owned()).await,
            Verdict::Altered { sequence: 3 }
        );
        assert_eq!(change(|all| all[2].view.changes.clear()).await, Verdict::Altered { sequence: 3 });
        let another = |all: &mut Vec<AuditRecord>| {
            all[4].view.changes = FieldChange::between("part", &0_i64, &7_i64).into_iter().collect();
        };
        assert_eq!(change(another).await, Verdict::Altered { sequence: 5 });
        assert_eq!(change(|all| all[3].user = None).await, Verdict::Altered { sequence: 4 });
        assert_eq!(change(|all| drop(all.remove(1))).await, Verdict::Missing { sequence: 2 });
        assert_eq!(change(|all| drop(all.remove(0))).await, Verdict::Missing { sequence: 1 });
        let swapped = change(|all| {
            let object = all[1].view.object.clone();
            all[1].view.object = all[2].view.object.clone();
            all[2].view.object = object;
        });
        assert_eq!(swapped.await, Verdict::Altered { sequence: 2 });
    }
}

//! Old records in files: whole after a crash at any point, and no tampering goes unseen.

use domain::audit::FieldChange;

use super::*;
use crate::audit::{Verdict, tests::record, verify};

const KEY: &[u8] = b"key";
/// Records of the beds; their times are days.
const COUNT: i64 = 30;
/// Records from before this moment are old: the first twenty.
const BEFORE_MS: i64 = 20 * DAY_MS + 1;

struct Bed {
    store: Store,
    folder: tempfile::TempDir,
    archive: Archive,
    all: Vec<AuditRecord>,
}

impl Bed {
    async fn new() -> Self {
        let store = Store::open("mem://").await.unwrap();
        let mut all: Vec<AuditRecord> = Vec::new();
        for sequence in 1..=COUNT {
            let mut record = record(sequence);
            record.view.at_ms = sequence * DAY_MS;
            record.view.object = format!("chain/链{sequence}\n\"");
            record.view.changes = FieldChange::between("part", &0_i64, &(sequence % 2)).into_iter().collect();
            record.user = (sequence % 3 == 0).then(|| UserId::new("u"));
            let head = all.last().map_or(String::new(), |last| last.hash.clone());
            record.hash = link(KEY, &head, &record);
            all.push(record);
        }
        store.audit_append(all.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::at(folder.path().join("audit"));
        Self { store, folder, archive, all }
    }

    async fn archived() -> Self {
        let bed = Self::new().await;
        bed.round().await.unwrap();
        bed
    }

    async fn round(&self) -> Result<bool, ArchiveError> {
        round(&self.store, KEY, &self.archive, Some(BEFORE_MS)).await
    }

    async fn verdict(&self) -> Verdict {
        verify(&self.store, KEY, &self.archive).await.unwrap()
    }

    fn whole(&self) -> Verdict {
        Verdict::Whole { count: COUNT, head: self.all.last().unwrap().hash.clone() }
    }

    /// Everything is there once: the old records in one file, the others in the table.
    async fn check_archived(&self) {
        assert_eq!(self.verdict().await, self.whole());
        let segments = self.store.audit_segments().await.unwrap();
        let told: Vec<_> = segments.iter().map(|one| (one.first, one.last, one.emptied)).collect();
        assert_eq!(told, [(1, 20, true)]);
        assert_eq!(self.store.audit_after(0, 100).await.unwrap(), self.all[20..]);
        let content = fs::read_to_string(self.archive.file(1)).unwrap();
        let lines = lines_of(&content, &segments[0]).unwrap();
        let read: Vec<AuditRecord> = lines.lines().map(|line| read_line(line).unwrap()).collect();
        assert_eq!(read, self.all[..20]);
        let files = fs::read_dir(self.folder.path().join("audit")).unwrap();
        assert_eq!(files.count(), 1, "nothing half written is left");
    }

    fn change_file(&self, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.archive.file(1);
        let content = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = content.lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
}

#[tokio::test]
async fn old_records_move_to_a_file_and_stay_part_of_the_chain() {
    let bed = Bed::archived().await;
    bed.check_archived().await;
    assert!(!bed.round().await.unwrap(), "nothing is left to be done");
    bed.check_archived().await;
    // What comes next is linked to what is in the table.
    assert_eq!(bed.store.audit_last().await.unwrap().unwrap().0, COUNT);
}

#[tokio::test]
async fn what_is_not_old_or_the_newest_stays() {
    let bed = Bed::new().await;
    let round = async |before| round(&bed.store, KEY, &bed.archive, before).await.unwrap();
    assert!(!round(None).await);
    assert!(!round(Some(DAY_MS)).await, "nothing is old");
    assert!(!round(Some(2 * DAY_MS)).await, "a few records wait for a day");
    assert!(bed.store.audit_segments().await.unwrap().is_empty());
    assert!(!round(Some(i64::MAX)).await);
    assert_eq!(bed.store.audit_after(0, 100).await.unwrap(), bed.all[29..], "the newest one stays");
    assert_eq!(bed.verdict().await, bed.whole());
}

#[tokio::test]
async fn a_crash_at_any_point_loses_nothing_and_doubles_nothing() {
    // While the file is being written.
    let bed = Bed::new().await;
    fs::create_dir_all(bed.folder.path().join("audit")).unwrap();
    fs::write(bed.archive.file(1).with_extension("part"), "half a li").unwrap();
    assert_eq!(bed.verdict().await, bed.whole());
    bed.round().await.unwrap();
    bed.check_archived().await;
    // When it is written, also with other records than the next round takes.
    for count in [20, 7] {
        let bed = Bed::new().await;
        let written = write_segment(&bed.archive, KEY, &bed.all[..count]).await.unwrap();
        assert!(written.is_some());
        assert_eq!(bed.verdict().await, bed.whole());
        bed.round().await.unwrap();
        bed.check_archived().await;
    }
    // When it is noted.
    let bed = Bed::new().await;
    let segment = write_segment(&bed.archive, KEY, &bed.all[..20]).await.unwrap().unwrap();
    bed.store.audit_segment_close(&segment).await.unwrap();
    assert_eq!(bed.verdict().await, bed.whole());
    bed.round().await.unwrap();
    bed.check_archived().await;
    // When its records are gone, and this is not noted yet.
    let bed = Bed::new().await;
    let segment = write_segment(&bed.archive, KEY, &bed.all[..20]).await.unwrap().unwrap();
    bed.store.audit_segment_close(&segment).await.unwrap();
    assert!(!bed.store.audit_segment_empty(1).await.unwrap());
    assert_eq!(bed.verdict().await, bed.whole());
    bed.round().await.unwrap();
    bed.check_archived().await;
}

#[tokio::test]
async fn records_stay_in_the_table_while_their_file_is_not_right() {
    let bed = Bed::new().await;
    let segment = write_segment(&bed.archive, KEY, &bed.all[..20]).await.unwrap().unwrap();
    bed.store.audit_segment_close(&segment).await.unwrap();
    bed.change_file(|lines| drop(lines.remove(3)));
    assert!(matches!(bed.round().await, Err(ArchiveError::Altered(_))));
    fs::remove_file(bed.archive.file(1)).unwrap();
    assert!(matches!(bed.round().await, Err(ArchiveError::Altered(_))));
    assert_eq!(bed.store.audit_after(0, 100).await.unwrap(), bed.all);
}

#[tokio::test]
async fn whatever_is_done_to_a_file_is_named() {
    let check = async |change: fn(&mut Vec<String>), wanted: Verdict| {
        let bed = Bed::archived().await;
        bed.change_file(change);
        assert_eq!(bed.verdict().await, wanted);
    };
    let altered = |sequence| Verdict::Altered { sequence };
    let missing = |sequence| Verdict::Missing { sequence };
    check(|lines| lines[4] = lines[4].replace("chain-create", "chain-delete"), altered(5)).await;
    check(|lines| lines[4] = lines[4].replace("\"after\":\"1\"", "\"after\":\"2\""), altered(5)).await;
    check(|lines| lines[4] = "{".to_owned(), altered(5)).await;
    check(|lines| drop(lines.remove(4)), missing(5)).await;
    check(|lines| lines.swap(4, 5), missing(5)).await;
    check(|lines| lines.truncate(12), missing(13)).await;
    check(|lines| drop(lines.remove(19)), missing(20)).await;
    check(Vec::clear, missing(1)).await;
    let bed = Bed::archived().await;
    let file = bed.archive.file(1);
    let changes: [fn(&mut Vec<String>); 4] = [
        |lines| drop(lines.pop()),
        |lines| lines[20] = lines[20].replace("\"digest\":\"", "\"digest\":\"0"),
        |lines| lines.push(lines[20].clone()),
        |lines| lines[4] = lines[4].replacen('{', "{ ", 1),
    ];
    for change in changes {
        let content = fs::read(&file).unwrap();
        bed.change_file(change);
        assert_eq!(bed.verdict().await, Verdict::FileAltered { file: file.clone() });
        fs::write(&file, content).unwrap();
        assert_eq!(bed.verdict().await, bed.whole());
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(bed.verdict().await, Verdict::FileMissing { file, sequence: 1 });
}

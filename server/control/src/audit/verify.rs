//! Whether the audit is as it was written: every record's link is computed anew from the one before.

use std::fmt;

use store::{AuditRecord, Store, StoreError};

use super::link;

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
        }
    }
}

/// Reads the whole audit and names the first record that is not as it was written.
pub async fn verify(store: &Store, key: &[u8]) -> Result<Verdict, StoreError> {
    let (mut count, mut head) = (0, String::new());
    loop {
        let records = store.audit_after(count, PAGE).await?;
        if records.is_empty() {
            return Ok(Verdict::Whole { count, head });
        }
        for record in &records {
            if let Some(found) = flaw(key, count, &head, record) {
                return Ok(found);
            }
            count += 1;
            head.clone_from(&record.hash);
        }
    }
}

/// What is wrong with the record after number `count`.
fn flaw(key: &[u8], count: i64, head: &str, record: &AuditRecord) -> Option<Verdict> {
    let expected = count + 1;
    if record.view.sequence != expected {
        return Some(Verdict::Missing { sequence: expected });
    }
    (record.hash != link(key, head, record)).then_some(Verdict::Altered { sequence: expected })
}

#[cfg(test)]
mod tests {
    use domain::audit::AuditView;
    use domain::id::UserId;

    use super::*;

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
        verify(&store, KEY).await.unwrap()
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

//! Closed segments: records that stand in a file, with what proves that the file is the one. First the file is there,
//! then its segment, and only then are the records removed here, so that no moment is without them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// Records that are removed in one transaction.
const STEP: u32 = 500;

/// Records that stand in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// Number of its first record.
    pub first: i64,
    pub last: i64,
    /// Link of its last record, hexadecimal.
    pub last_hash: String,
    /// Keyed digest of its file, hexadecimal.
    pub digest: String,
    /// Whether its records are removed from the table.
    pub emptied: bool,
}

impl Store {
    /// Every segment, oldest first.
    pub async fn audit_segments(&self) -> Result<Vec<SegmentRecord>, StoreError> {
        self.read(Query::new("SELECT * OMIT id FROM audit_segment ORDER BY first", json!({}))).await
    }

    /// Notes a segment whose file is written. One that is there already is refused.
    pub async fn audit_segment_close(&self, segment: &SegmentRecord) -> Result<(), StoreError> {
        let text = "CREATE type::record('audit_segment', $first) SET first = $first, last = $last,
            last_hash = $last_hash, digest = $digest, emptied = false";
        let bindings = json!({
            "first": segment.first,
            "last": segment.last,
            "last_hash": segment.last_hash,
            "digest": segment.digest,
        });
        self.write(Query::new(text, bindings).apart()).await
    }

    /// Removes some records of a closed segment, and tells whether that was the rest of them. No other record is ever
    /// removed: what no segment holds makes the transaction fail.
    pub async fn audit_segment_empty(&self, first: i64) -> Result<bool, StoreError> {
        let segment = self.audit_segments().await?.into_iter().find(|segment| segment.first == first);
        let segment = segment.ok_or(StoreError::NotFound)?;
        let records = self.audit_after(first - 1, STEP).await?;
        let numbers: Vec<i64> = records.iter().map(|record| record.view.sequence).collect();
        let numbers: Vec<i64> = numbers.into_iter().filter(|number| *number <= segment.last).collect();
        if numbers.is_empty() {
            let text = "UPDATE type::record('audit_segment', $first) SET emptied = true";
            self.write(Query::new(text, json!({ "first": first })).apart()).await?;
            return Ok(true);
        }
        let text = "LET $held = (SELECT VALUE last FROM type::record('audit_segment', $first));
            IF array::len($held) = 0 { THROW 'heddle:open' };
            IF $highest > $held[0] { THROW 'heddle:open' };
            FOR $number IN $numbers { DELETE type::record('audit', $number) }";
        let bindings = json!({ "first": first, "numbers": numbers, "highest": numbers.last() });
        self.write(Query::new(text, bindings).apart()).await?;
        Ok(false)
    }
}

//! The audit. Append only: there is no method that changes a record, and the only one that removes some removes what
//! stands in the file of a closed segment. A test reads the statements of this crate for others.

use domain::audit::{AuditView, FieldChange, Outcome, code_of, family_of, noun_of, root_of};
use domain::id::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Query;
use crate::{Store, StoreError};

mod find;
mod prepare;
mod segment;

pub use find::{AuditFilter, AuditFound};
pub use segment::SegmentRecord;

/// A record with its link of the hash chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    pub view: AuditView,
    pub user: Option<UserId>,
    /// Hexadecimal.
    pub hash: String,
}

/// Which records somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditScope<'a> {
    Everything,
    /// Their own, and what was done to any chain.
    OwnAndChains(&'a UserId),
    Own(&'a UserId),
}

#[derive(Deserialize)]
struct Row {
    user: Option<String>,
    hash: String,
    /// Here and not in the view, for it is kept as text.
    changes: Option<String>,
    #[serde(flatten)]
    view: AuditView,
}

impl From<Row> for AuditRecord {
    fn from(row: Row) -> Self {
        let mut view = row.view;
        view.changes = row.changes.as_deref().map(changes_of).unwrap_or_default();
        Self { view, user: row.user.map(UserId::new), hash: row.hash }
    }
}

/// What cannot be read was not written here: it stands as it is, and the record's link does not fit it.
fn changes_of(text: &str) -> Vec<FieldChange> {
    serde_json::from_str(text).unwrap_or_else(|_| vec![FieldChange::unreadable(text)])
}

pub(crate) fn row(record: &AuditRecord) -> Value {
    let view = &record.view;
    // Text and strings alone: it can always be written.
    let changes =
        (!view.changes.is_empty()).then(|| serde_json::to_string(&view.changes).unwrap_or_default());
    json!({
        "sequence": view.sequence,
        "at_ms": view.at_ms,
        "user": record.user.as_ref().map(UserId::as_str),
        "who": view.who,
        "what": view.what,
        "object": view.object,
        "result": view.result,
        "request_id": view.request_id,
        "address": view.address,
        "changes": changes,
        "hash": record.hash,
        "keys": keys(&view.what, &view.object, &view.result),
    })
}

/// The columns that a record is searched by, made of those that it has.
fn keys(what: &str, object: &str, result: &str) -> Value {
    json!({
        "noun": noun_of(object),
        "base": root_of(object),
        "family": family_of(what),
        "code": code_of(result),
        "outcome": Outcome::of(result).as_str(),
    })
}

/// Takes `$rows` and `$ends`.
pub(crate) const APPEND: &str =
    "FOR $row IN $rows { CREATE type::record('audit', $row.sequence) SET sequence = $row.sequence,
    at_ms = $row.at_ms, user = $row.user ?? NONE, who = $row.who, what = $row.what, object = $row.object,
    result = $row.result, request_id = $row.request_id, address = $row.address, changes = $row.changes ?? NONE,
    hash = $row.hash, noun = $row.keys.noun, base = $row.keys.base, family = $row.keys.family,
    code = $row.keys.code, outcome = $row.keys.outcome };
    FOR $end IN $ends { DELETE type::record('operation_end', $end) }";

impl Store {
    /// Appends a batch: all of it or nothing. The numbers are the caller's; one that exists is refused.
    pub async fn audit_append(&self, records: Vec<AuditRecord>) -> Result<(), StoreError> {
        self.audit_append_ends(records, &[]).await
    }

    /// The same, and the ends of operations that some of the records are about wait for the audit no longer.
    pub async fn audit_append_ends(
        &self,
        records: Vec<AuditRecord>,
        ends: &[String],
    ) -> Result<(), StoreError> {
        let rows: Vec<Value> = records.iter().map(row).collect();
        self.write(Query::new(APPEND, json!({ "rows": rows, "ends": ends })).apart()).await
    }

    /// Number and hash of the last record.
    pub async fn audit_last(&self) -> Result<Option<(i64, String)>, StoreError> {
        let text = "SELECT * OMIT id FROM audit ORDER BY sequence DESC LIMIT 1";
        let last: Option<Row> = self.read_one(Query::new(text, json!({}))).await?;
        Ok(last.map(|row| (row.view.sequence, row.hash)))
    }

    /// The records after a number, oldest first.
    pub async fn audit_after(&self, sequence: i64, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        let text =
            "SELECT * OMIT id FROM audit WHERE sequence > $sequence ORDER BY sequence ASC LIMIT $limit";
        let bindings = json!({ "sequence": sequence, "limit": limit });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        Ok(rows.into_iter().map(AuditRecord::from).collect())
    }

    /// The newest records before a number, as far as somebody sees them.
    pub async fn audit_list(
        &self,
        before: Option<i64>,
        scope: AuditScope<'_>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut records = Vec::new();
        let mut at = before;
        loop {
            let room = limit.saturating_sub(u32::try_from(records.len()).unwrap_or(u32::MAX));
            let found = self.audit_find(&AuditFilter::default(), scope, at, room).await?;
            records.extend(found.records);
            let is_full = u32::try_from(records.len()).is_ok_and(|count| count >= limit);
            match found.next {
                Some(next) if !is_full => at = Some(next),
                _ => return Ok(records),
            }
        }
    }
}

//! The audit. Append only: there is no method that changes or removes a record.

use domain::audit::AuditView;
use domain::id::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Query;
use crate::{Store, StoreError};

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
    #[serde(flatten)]
    view: AuditView,
}

impl From<Row> for AuditRecord {
    fn from(row: Row) -> Self {
        Self { view: row.view, user: row.user.map(UserId::new), hash: row.hash }
    }
}

pub(crate) fn row(record: &AuditRecord) -> Value {
    let view = &record.view;
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
        "hash": record.hash,
    })
}

/// Takes `$rows` and `$ends`.
pub(crate) const APPEND: &str =
    "FOR $row IN $rows { CREATE type::record('audit', $row.sequence) SET sequence = $row.sequence,
    at_ms = $row.at_ms, user = $row.user ?? NONE, who = $row.who, what = $row.what, object = $row.object,
    result = $row.result, request_id = $row.request_id, address = $row.address, hash = $row.hash };
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
        let text = "SELECT * OMIT id FROM audit WHERE sequence < $before
            AND ($user = NULL OR user = $user OR ($chains AND string::starts_with(object, 'chain/')))
            ORDER BY sequence DESC LIMIT $limit";
        let (user, chains) = match scope {
            AuditScope::Everything => (None, false),
            AuditScope::OwnAndChains(user) => (Some(user), true),
            AuditScope::Own(user) => (Some(user), false),
        };
        let bindings = json!({
            "before": before.unwrap_or(i64::MAX),
            "user": user.map(UserId::as_str),
            "chains": chains,
            "limit": limit,
        });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        Ok(rows.into_iter().map(AuditRecord::from).collect())
    }
}

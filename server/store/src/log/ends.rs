//! Ends of operations that wait for their record in the audit. One is written with the state that ends the operation,
//! and removed with the record: no crash in between loses or doubles it.

use serde::Deserialize;
use serde_json::{Value, json};
use workflow::{LogError, OperationRecord, OperationState};

use super::failed;
use crate::Store;
use crate::database::Query;

/// An operation that came to rest, and of which the audit does not tell yet.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationEnd {
    /// What it is removed by; see [`Store::audit_append_ends`].
    pub key: String,
    /// The operation as it is now: it may have been taken up again since.
    pub operation: OperationRecord,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// `done`, `undone`, or the code of the failure.
    pub result: String,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    operation: String,
    at_ms: i64,
    result: String,
}

/// The row of an operation that has just come to rest: once in an epoch, since whoever takes it up raises that.
pub(super) fn row(record: &OperationRecord) -> Value {
    let code = record.error.as_ref().map(|failure| failure.code.as_str());
    let result = match record.state {
        OperationState::Failed => code.unwrap_or(record.state.as_str()),
        other => other.as_str(),
    };
    let key = format!("{}/{}", record.id, record.epoch);
    json!({ "key": key, "at_ms": record.updated_ms, "result": result })
}

impl Store {
    /// Ends of which the audit does not tell yet, oldest first.
    pub async fn operation_ends(&self, limit: u32) -> Result<Vec<OperationEnd>, LogError> {
        let text = "SELECT key, operation, at_ms, result FROM operation_end ORDER BY at_ms, key LIMIT $limit";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "limit": limit }))).await.map_err(failed)?;
        let mut ends = Vec::with_capacity(rows.len());
        for Row { key, operation, at_ms, result } in rows {
            let (operation, _) = self.row(&operation).await?;
            ends.push(OperationEnd { key, operation, at_ms, result });
        }
        Ok(ends)
    }
}

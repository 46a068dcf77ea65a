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
    /// Ends of which the audit does not tell yet, oldest first. One of an operation that is gone or cannot be read is
    /// left out, and hides no other one.
    pub async fn operation_ends(&self, limit: u32) -> Result<Vec<OperationEnd>, LogError> {
        let text = "SELECT key, operation, at_ms, result FROM operation_end ORDER BY at_ms, key LIMIT $limit";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "limit": limit }))).await.map_err(failed)?;
        let mut ends = Vec::with_capacity(rows.len());
        for Row { key, operation, at_ms, result } in rows {
            match self.row(&operation).await {
                Ok((operation, _)) => ends.push(OperationEnd { key, operation, at_ms, result }),
                Err(error @ (LogError::NotFound { .. } | LogError::Unreadable(_))) => {
                    tracing::error!(%error, %key, "the end of an operation cannot be recorded");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ends)
    }
}

#[cfg(test)]
mod tests {
    use workflow::Wanted;

    use super::*;
    use crate::database::encode;

    fn ended(id: &str) -> OperationRecord {
        OperationRecord {
            id: id.to_owned(),
            name: "chain-stop".to_owned(),
            version: 1,
            owner: "ada".to_owned(),
            subject: None,
            idempotency_key: None,
            params: Value::Null,
            state: OperationState::Done,
            epoch: 1,
            lease_until_ms: 0,
            replica: None,
            created_ms: 0,
            updated_ms: 3,
            error: None,
            cancel_requested: false,
            wanted: Wanted::Run,
            superseded_by: None,
        }
    }

    #[tokio::test]
    async fn an_operation_that_cannot_be_read_hides_the_end_of_no_other_one() {
        let store = Store::open("mem://").await.unwrap();
        let text = "CREATE type::record('operation_end', $id)
            SET key = $id, operation = $id, at_ms = $at_ms, result = 'done'";
        for (id, at_ms) in [("torn", 1), ("gone", 2), ("whole", 3)] {
            let bindings = json!({ "id": id, "at_ms": at_ms });
            store.write(Query::new(text, bindings)).await.unwrap();
        }
        let text = "CREATE type::record('operation', $id) SET id_text = $id, owner = 'ada', open = false,
            lease_until_ms = 0, revision = 0, record = $record";
        for (id, record) in [("torn", "{".to_owned()), ("whole", encode(&ended("whole")).unwrap())] {
            let bindings = json!({ "id": id, "record": record });
            store.write(Query::new(text, bindings)).await.unwrap();
        }
        let ends = store.operation_ends(10).await.unwrap();
        let (key, result) = ("whole".to_owned(), "done".to_owned());
        assert_eq!(ends, [OperationEnd { key, operation: ended("whole"), at_ms: 3, result }]);
    }
}

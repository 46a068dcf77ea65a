//! Bringing an audit from before up to date: the columns that records are searched by, in steps of bounded size, then
//! the indexes over them, one after the other. What is interrupted goes on with the next start.

use serde::Deserialize;
use serde_json::{Value, json};

use super::keys;
use crate::StoreError;
use crate::database::{Inner, Query};

/// Records of one step.
const STEP: usize = 1_000;
/// Where it is noted that it is done; a key that the store keeps for itself.
const DONE: &str = "audit-prepared";
/// Each index with the column before the number of the record.
const INDEXES: [(&str, &str); 7] = [
    ("audit_who", "who"),
    ("audit_what", "what"),
    ("audit_noun", "noun"),
    ("audit_base", "base"),
    ("audit_family", "family"),
    ("audit_code", "code"),
    ("audit_outcome", "outcome"),
];

#[derive(Deserialize)]
struct Row {
    sequence: i64,
    what: String,
    object: String,
    result: String,
}

impl Inner {
    /// Does what is left to be done; nothing on a database that is up to date.
    pub(crate) async fn prepare_audit(&self) -> Result<(), StoreError> {
        let note = json!({ "key": DONE });
        let read = Query::new("SELECT content FROM type::record('setting', $key)", note.clone());
        if !self.rows::<Value>(&read).await?.is_empty() {
            return Ok(());
        }
        self.fill_audit().await?;
        for (index, column) in INDEXES {
            // One that is half made by a portal that ended is made anew. Alone and outside of a transaction: the engine
            // then makes it in steps of its own.
            let text = format!("DEFINE INDEX OVERWRITE {index} ON audit FIELDS {column}, sequence");
            self.database.query(text).await?.check()?;
        }
        let done = Query::new("UPSERT type::record('setting', $key) SET content = 'true'", note);
        self.transact(&done).await.map(drop)
    }

    async fn fill_audit(&self) -> Result<(), StoreError> {
        let (mut after, mut filled) = (0, 0_usize);
        loop {
            let text = "SELECT sequence, what, object, result FROM audit WHERE sequence > $after
                ORDER BY sequence ASC LIMIT $limit";
            let rows: Vec<Row> =
                self.rows(&Query::new(text, json!({ "after": after, "limit": STEP }))).await?;
            let Some(last) = rows.last().map(|row| row.sequence) else { return Ok(()) };
            let rows: Vec<Value> = rows.iter().map(filling).collect();
            filled += rows.len();
            let text =
                "FOR $row IN $rows { UPDATE type::record('audit', $row.sequence) SET noun = $row.keys.noun,
                base = $row.keys.base, family = $row.keys.family, code = $row.keys.code,
                outcome = $row.keys.outcome }";
            self.transact(&Query::new(text, json!({ "rows": rows }))).await?;
            if filled % (STEP * 50) == 0 {
                tracing::info!(filled, "records of the audit are made ready to be searched");
            }
            after = last;
        }
    }
}

fn filling(row: &Row) -> Value {
    json!({ "sequence": row.sequence, "keys": keys(&row.what, &row.object, &row.result) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditFilter, AuditScope, Store};

    const COLUMNS: [&str; 5] = ["noun", "base", "family", "code", "outcome"];

    #[tokio::test]
    async fn records_from_before_are_found_like_others() {
        let store = Store::open("mem://").await.unwrap();
        let rows: Vec<Value> = (1..=1_045)
            .map(|sequence| json!({ "sequence": sequence, "object": format!("chain/c{}/channel/x", sequence % 7) }))
            .collect();
        let former = "FOR $row IN $rows { CREATE type::record('audit', $row.sequence) SET
            sequence = $row.sequence, at_ms = 1, who = 'ada', what = 'chain-stop', object = $row.object,
            result = 'ok', request_id = '', address = '', hash = 'h' };
            DELETE type::record('setting', 'audit-prepared')";
        store.inner.transact(&Query::new(former, json!({ "rows": rows }))).await.unwrap();
        for (index, _) in INDEXES {
            let removal = ["REMOVE INDEX ", index, " ON audit"].concat();
            store.inner.database.query(removal).await.unwrap().check().unwrap();
        }
        // What a portal that ended has left is done by the next one, and once is enough.
        for _ in 0..2 {
            store.inner.prepare_audit().await.unwrap();
        }
        let read = Query::new("SELECT * OMIT id FROM audit", json!({}));
        let all: Vec<Value> = store.inner.rows(&read).await.unwrap();
        assert_eq!(all.len(), 1_045);
        for row in all {
            let wanted = keys("chain-stop", row["object"].as_str().unwrap(), "ok");
            assert_eq!(
                COLUMNS.map(|column| row[column].clone()),
                COLUMNS.map(|column| wanted[column].clone())
            );
        }
        let filter = AuditFilter { object: Some("chain/c3".to_owned()), ..AuditFilter::default() };
        let found = store.audit_find(&filter, AuditScope::Everything, None, 20).await.unwrap();
        assert_eq!(found.records.len(), 20);
        assert_eq!(found.records[0].view.sequence, 1_039);
    }
}

//! History of submitted transactions. The record id is made of person and key, so that one key submits once.

use std::collections::BTreeMap;

use domain::id::UserId;
use domain::name::{ChainName, ChannelName};
use domain::stats::day_of;
use domain::transaction::{SubmitView, TransactionState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// A transaction with who submitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    pub view: SubmitView,
    pub user: UserId,
    pub idempotency_key: String,
    /// What else the call brought along, as whoever submitted it sealed it: nobody sees it. None in older rows.
    pub asked: Option<String>,
}

/// How the row keeps them: one text.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    view: &'a SubmitView,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<&'a str>,
}

/// That text as it is read.
#[derive(Deserialize)]
struct Read {
    #[serde(flatten)]
    view: SubmitView,
    #[serde(default)]
    asked: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    user: String,
    idempotency_key: String,
    view: String,
}

#[derive(Deserialize)]
struct OfChain {
    chain: ChainName,
}

impl TryFrom<Row> for TransactionRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Read { view, asked } = decode(&row.view)?;
        Ok(Self { view, user: UserId::new(row.user), idempotency_key: row.idempotency_key, asked })
    }
}

fn state(view: &SubmitView) -> &'static str {
    if view.state == TransactionState::Pending { "pending" } else { "settled" }
}

/// The whole content of a transaction's record, with its key.
pub(crate) fn bindings(record: &TransactionRecord) -> Result<Value, StoreError> {
    Ok(json!({
        "key": format!("{}/{}", record.user, record.idempotency_key),
        "chain": record.view.chain.as_str(),
        "user": record.user.as_str(),
        "tx_id": record.view.id,
        "state": state(&record.view),
        "fails": matches!(record.view.state, TransactionState::Invalid | TransactionState::Refused),
        "idempotency_key": record.idempotency_key,
        "created_ms": record.view.created_ms,
        "view": encode(&Kept { view: &record.view, asked: record.asked.as_deref() })?,
    }))
}

/// What changes in the history.
pub(crate) enum Change {
    Create(Value),
    Save(Value),
}

/// Rows of one commit: made, and saved where nobody knew yet what became of them.
const WRITE: &str = "FOR $row IN $created {
        CREATE type::record('transaction', $row.key) SET chain = $row.chain, user = $row.user, tx_id = $row.tx_id,
            state = $row.state, idempotency_key = $row.idempotency_key, created_ms = $row.created_ms,
            view = $row.view
    };
    FOR $row IN $saved {
        LET $now = (SELECT VALUE state FROM type::record('transaction', $row.key));
        IF array::len($now) = 0 { THROW 'heddle:settled' };
        IF $now[0] != 'pending' { THROW 'heddle:settled' };
        UPDATE type::record('transaction', $row.key) SET state = $row.state, view = $row.view
    };
    FOR $row IN $daily {
        UPSERT type::record('daily', $row.key) SET day = $row.day, chain = $row.chain,
            total = (total ?? 0) + $row.total, failed = (failed ?? 0) + $row.failed
    }";

/// What a commit adds to the numbers of days: those of a chain, and under no name those of all. A row is made once and
/// settled once, so each is counted once, whatever is tried again.
fn daily(created: &[Value], saved: &[Value]) -> Vec<Value> {
    let mut counts = BTreeMap::<(i64, &str), (u64, u64)>::new();
    let rows = created.iter().map(|row| (row, 1)).chain(saved.iter().map(|row| (row, 0)));
    for (row, made) in rows {
        let day = day_of(row["created_ms"].as_i64().unwrap_or_default());
        let fails = u64::from(row["fails"] == true);
        for chain in [row["chain"].as_str().unwrap_or_default(), ""] {
            let count = counts.entry((day, chain)).or_default();
            count.0 += made;
            count.1 += fails;
        }
    }
    let changed = counts.into_iter().filter(|(_, count)| *count != (0, 0));
    let row = |((day, chain), (total, failed)): ((i64, &str), (u64, u64))| json!({ "key": format!("{day}/{chain}"), "day": day, "chain": chain, "total": total, "failed": failed });
    changed.map(row).collect()
}

impl Store {
    /// Adds a transaction; if the person used the key before, the earlier one is returned and nothing is added.
    pub async fn transaction_create(
        &self,
        record: &TransactionRecord,
    ) -> Result<Option<TransactionRecord>, StoreError> {
        let row = bindings(record)?;
        if self.with_others(Change::Create(row.clone())).await {
            return Ok(None);
        }
        match self.write_history(vec![Change::Create(row)]).await {
            Ok(()) => Ok(None),
            Err(error) if error.is_existing() => {
                let earlier = self.transaction_by_key(&record.user, &record.idempotency_key).await?;
                // It may be this very one, written by a commit of which nobody heard.
                Ok(earlier.filter(|earlier| earlier.view.id != record.view.id))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a change is written, together with those of others.
    async fn with_others(&self, change: Change) -> bool {
        self.inner.history.join(change, |changes| self.write_history(changes)).await
    }

    async fn write_history(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let (mut created, mut saved) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Create(row) => created.push(row),
                Change::Save(row) => saved.push(row),
            }
        }
        let daily = daily(&created, &saved);
        let bindings = json!({ "created": created, "saved": saved, "daily": daily });
        self.write(Query::new(WRITE, bindings).apart()).await
    }

    /// The transaction that a person submitted with a key.
    pub async fn transaction_by_key(
        &self,
        user: &UserId,
        idempotency_key: &str,
    ) -> Result<Option<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view FROM type::record('transaction', $key)";
        let query = Query::new(text, json!({ "key": format!("{user}/{idempotency_key}") }));
        self.read_one::<Row>(query).await?.map(TransactionRecord::try_from).transpose()
    }

    /// Saves what became of a transaction. What is settled stays as it is: `NotFound` tells that no such transaction is
    /// pending any more, or that its chain is gone.
    pub async fn transaction_save(&self, record: &TransactionRecord) -> Result<(), StoreError> {
        let row = bindings(record)?;
        if self.with_others(Change::Save(row.clone())).await {
            return Ok(());
        }
        match self.write_history(vec![Change::Save(row)]).await {
            Err(error) if error.thrown("settled") => Err(StoreError::NotFound),
            other => other,
        }
    }

    /// Chain and channel of the submitted transactions that have an id.
    pub async fn transaction_places(
        &self,
        tx_id: &str,
        limit: u32,
    ) -> Result<Vec<(ChainName, ChannelName)>, StoreError> {
        let text = "SELECT user, idempotency_key, view FROM transaction WHERE tx_id = $tx_id LIMIT $limit";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "tx_id": tx_id, "limit": limit }))).await?;
        let records = rows.into_iter().map(TransactionRecord::try_from);
        records.map(|record| record.map(|record| (record.view.chain, record.view.channel))).collect()
    }

    /// The newest transactions of a chain, of one person or of everybody; before a time, if one is given. A page does not
    /// end in the middle of a millisecond, so that the next one may begin before the time of its last row.
    pub async fn transaction_list(
        &self,
        chain: &ChainName,
        user: Option<&UserId>,
        limit: u32,
        before_ms: Option<i64>,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view, created_ms FROM transaction WHERE chain = $chain
            AND ($user = NULL OR user = $user) AND created_ms < $before_ms ORDER BY created_ms DESC LIMIT $limit";
        let bindings = json!({
            "chain": chain.as_str(),
            "user": user.map(UserId::as_str),
            "limit": limit,
            "before_ms": before_ms.unwrap_or(i64::MAX),
        });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        let mut records: Vec<_> =
            rows.into_iter().map(TransactionRecord::try_from).collect::<Result<_, _>>()?;
        let is_full = u32::try_from(records.len()).is_ok_and(|count| count == limit);
        if let Some(last_ms) = records.last().map(|last| last.view.created_ms).filter(|_| is_full) {
            records.retain(|record| record.view.created_ms != last_ms);
            records.extend(self.transactions_at(chain, user, last_ms).await?);
        }
        Ok(records)
    }

    /// Transactions of one millisecond.
    async fn transactions_at(
        &self,
        chain: &ChainName,
        user: Option<&UserId>,
        at_ms: i64,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view FROM transaction WHERE chain = $chain
            AND created_ms = $at_ms AND ($user = NULL OR user = $user)";
        let bindings = json!({ "chain": chain.as_str(), "user": user.map(UserId::as_str), "at_ms": at_ms });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        rows.into_iter().map(TransactionRecord::try_from).collect()
    }

    /// What a person submitted last, on whatever chain.
    pub async fn transactions_of(
        &self,
        user: &UserId,
        limit: u32,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view, created_ms FROM transaction WHERE user = $user
            ORDER BY created_ms DESC LIMIT $limit";
        let bindings = json!({ "user": user.as_str(), "limit": limit });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        rows.into_iter().map(TransactionRecord::try_from).collect()
    }

    /// Chains with transactions from before a time of which nobody knows yet what became of them.
    pub async fn transaction_pending_chains(&self, before_ms: i64) -> Result<Vec<ChainName>, StoreError> {
        let text = "SELECT chain FROM transaction WHERE state = 'pending'
            AND created_ms < $before_ms GROUP BY chain";
        let rows: Vec<OfChain> = self.read(Query::new(text, json!({ "before_ms": before_ms }))).await?;
        Ok(rows.into_iter().map(|row| row.chain).collect())
    }

    /// Transactions of a chain from before a time of which nobody knows yet what became of them, oldest first.
    pub async fn transaction_pending(
        &self,
        chain: &ChainName,
        before_ms: i64,
        limit: u32,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view, created_ms FROM transaction WHERE state = 'pending'
            AND chain = $chain AND created_ms < $before_ms ORDER BY created_ms LIMIT $limit";
        let bindings = json!({ "chain": chain.as_str(), "before_ms": before_ms, "limit": limit });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        rows.into_iter().map(TransactionRecord::try_from).collect()
    }

    /// Every transaction that holds something sealed, in no order.
    pub async fn transaction_sealed(&self) -> Result<Vec<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view FROM transaction";
        let rows: Vec<Row> = self.read(Query::new(text, json!({}))).await?;
        let records: Vec<_> = rows.into_iter().map(TransactionRecord::try_from).collect::<Result<_, _>>()?;
        Ok(records.into_iter().filter(|record| record.asked.is_some()).collect())
    }
}

//! History of submitted transactions. The record id is made of person and key, so that one key submits once.

use domain::id::UserId;
use domain::name::ChainName;
use domain::transaction::{SubmitView, TransactionState};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// A transaction with who submitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    pub view: SubmitView,
    pub user: UserId,
    pub idempotency_key: String,
}

#[derive(Deserialize)]
struct Row {
    user: String,
    idempotency_key: String,
    view: String,
}

impl TryFrom<Row> for TransactionRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            view: decode(&row.view)?,
            user: UserId::new(row.user),
            idempotency_key: row.idempotency_key,
        })
    }
}

fn state(view: &SubmitView) -> &'static str {
    if view.state == TransactionState::Pending { "pending" } else { "settled" }
}

fn bindings(record: &TransactionRecord) -> Result<Value, StoreError> {
    Ok(json!({
        "key": format!("{}/{}", record.user, record.idempotency_key),
        "chain": record.view.chain.as_str(),
        "user": record.user.as_str(),
        "tx_id": record.view.id,
        "state": state(&record.view),
        "idempotency_key": record.idempotency_key,
        "created_ms": record.view.created_ms,
        "view": encode(&record.view)?,
    }))
}

const CREATE: &str =
    "CREATE type::record('transaction', $key) SET chain = $chain, user = $user, tx_id = $tx_id,
    state = $state, idempotency_key = $idempotency_key, created_ms = $created_ms, view = $view";

impl Store {
    /// Adds a transaction; if the person used the key before, the earlier one is returned and nothing is added.
    pub async fn transaction_create(
        &self,
        record: &TransactionRecord,
    ) -> Result<Option<TransactionRecord>, StoreError> {
        match self.write(Query::new(CREATE, bindings(record)?)).await {
            Ok(()) => Ok(None),
            Err(error) if error.is_existing() => {
                self.transaction_by_key(&record.user, &record.idempotency_key).await
            }
            Err(error) => Err(error),
        }
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

    /// Saves what became of a transaction; one whose chain is gone is no error.
    pub async fn transaction_save(&self, record: &TransactionRecord) -> Result<(), StoreError> {
        let text = "UPDATE type::record('transaction', $key) SET state = $state, view = $view";
        self.write(Query::new(text, bindings(record)?)).await
    }

    /// The newest transactions of a chain, of one person or of everybody.
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
        rows.into_iter().map(TransactionRecord::try_from).collect()
    }

    /// Transactions of which nobody knows yet what became of them, oldest first.
    pub async fn transaction_pending(&self, limit: u32) -> Result<Vec<TransactionRecord>, StoreError> {
        let text = "SELECT user, idempotency_key, view, created_ms FROM transaction WHERE state = 'pending'
            ORDER BY created_ms LIMIT $limit";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "limit": limit }))).await?;
        rows.into_iter().map(TransactionRecord::try_from).collect()
    }
}

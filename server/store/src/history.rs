//! How hosts and chains did. A change of a state is kept by the transaction that makes it: none is missing, and none is
//! there twice when two portals saw the same. Of each host and chain the newest are kept.

use domain::chain::Ailment;
use domain::history::{HealthChange, HostChange, KEPT, REASONS_MAX, StateChange};
use domain::id::HostId;
use domain::name::ChainName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// Stands behind statements that set a state to `$became` and let `$was` be the one before, or `NONE` where nothing was
/// written.
const KEEP: &str = "IF $was != NONE AND $was != $became {
        LET $newest = (SELECT number FROM state_change WHERE subject = $subject ORDER BY number DESC LIMIT 1);
        LET $number = IF array::len($newest) = 0 { 1 } ELSE { $newest[0].number + 1 };
        LET $gone = $number - $kept;
        CREATE type::record('state_change', string::concat($subject, '/', <string> $number)) SET
            subject = $subject, number = $number, at_ms = $at_ms, was = $was, became = $became,
            reasons = $reasons, further = $further;
        DELETE state_change WHERE subject = $subject AND number <= $gone
    }";
/// Forgets what is kept of a subject.
pub(crate) const FORGET: &str = "DELETE state_change WHERE subject = $subject";

/// A state as it is seen now; whether it is another one than before is known to the transaction alone.
pub(crate) struct Seen<'a> {
    pub(crate) subject: String,
    /// The word of the state in its column.
    pub(crate) became: &'static str,
    pub(crate) at_ms: i64,
    pub(crate) reasons: &'a [Ailment],
}

impl Seen<'_> {
    /// Statements that write this state, with their bindings, and behind them what keeps the change.
    pub(crate) fn keeping(self, statements: &'static str, bindings: Value) -> Result<Query, StoreError> {
        let reasons = self.reasons.get(..REASONS_MAX).unwrap_or(self.reasons);
        let mut all = json!({
            "subject": self.subject,
            "became": self.became,
            "at_ms": self.at_ms,
            "reasons": encode(&reasons)?,
            "further": self.reasons.len() - reasons.len(),
            "kept": KEPT,
        });
        if let (Value::Object(all), Value::Object(own)) = (&mut all, bindings) {
            all.extend(own);
        }
        Ok(Query::new(format!("{statements}; {KEEP}"), all))
    }
}

/// What is kept of a host.
pub(crate) fn of_host(id: &HostId) -> String {
    format!("host/{id}")
}

/// What is kept of a chain.
pub(crate) fn of_chain(name: &ChainName) -> String {
    format!("chain/{name}")
}

#[derive(Deserialize)]
struct Row<S> {
    at_ms: i64,
    was: S,
    became: S,
    reasons: String,
    further: u32,
}

impl<S> From<Row<S>> for StateChange<S> {
    fn from(row: Row<S>) -> Self {
        // A reason that another version wrote and this one does not know is left out: the change itself is still true.
        let reasons = decode(&row.reasons).unwrap_or_default();
        Self { at_ms: row.at_ms, from: row.was, to: row.became, reasons, further: row.further }
    }
}

impl Store {
    /// How a host did, newest first.
    pub async fn host_history(&self, id: &HostId, limit: u32) -> Result<Vec<HostChange>, StoreError> {
        self.history(&of_host(id), limit).await
    }

    /// How a chain did, newest first.
    pub async fn chain_history(&self, name: &ChainName, limit: u32) -> Result<Vec<HealthChange>, StoreError> {
        self.history(&of_chain(name), limit).await
    }

    async fn history<S: DeserializeOwned>(
        &self,
        subject: &str,
        limit: u32,
    ) -> Result<Vec<StateChange<S>>, StoreError> {
        let text = "SELECT number, at_ms, was, became, reasons, further FROM state_change
            WHERE subject = $subject ORDER BY number DESC LIMIT $limit";
        let query = Query::new(text, json!({ "subject": subject, "limit": limit }));
        let rows: Vec<Row<S>> = self.read(query).await?;
        Ok(rows.into_iter().map(StateChange::from).collect())
    }
}

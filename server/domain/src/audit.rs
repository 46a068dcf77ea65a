//! The record of who did what.

use serde::{Deserialize, Serialize};

/// One record of the audit, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    pub sequence: i64,
    pub at_ms: i64,
    /// Name of who did it; empty for the portal itself.
    pub who: String,
    /// `chain-create`, `sign-in`, …
    pub what: String,
    /// The object it was done to: `chain/demo`.
    pub object: String,
    /// `ok`, or the code of the refusal.
    pub result: String,
    pub request_id: String,
    pub address: String,
}

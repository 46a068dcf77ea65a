//! The record of who did what.

use serde::{Deserialize, Serialize};

/// One record of the audit, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    pub sequence: i64,
    pub at_ms: i64,
    /// Name of who did it; empty for the portal itself and for who did not prove a name. `command line` is nobody's name,
    /// and stands for what was done on the machine of a portal that was stopped.
    pub who: String,
    /// `chain-create`, `sign-in`, …
    pub what: String,
    /// The object it was done to: `chain/demo`.
    pub object: String,
    /// `ok`, or the code of the refusal. `begun` stands before either where something is changed at once; what takes
    /// longer leaves a further record when it ends, such as `chain-create-end`. Refusals of nobody signed in are counted:
    /// `sign-in-failed ×12` stands for twelve further ones from the same address within the same minute.
    pub result: String,
    pub request_id: String,
    pub address: String,
}

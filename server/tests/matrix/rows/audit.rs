//! Of the audit.

use serde_json::json;

use super::{ALL, Row};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    vec![("audit_list", json!({ "before": null }), ALL)]
}

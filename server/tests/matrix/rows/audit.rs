//! Of the audit.

use serde_json::json;

use super::{ALL, Row};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    vec![
        ("audit_keep", json!({}), [401, 403, 403, 200]),
        ("audit_list", json!({ "before": null }), ALL),
        ("audit_page", json!({ "query": {} }), ALL),
    ]
}

//! Of the overview and what it counts.

use serde_json::json;

use super::{ALL, Row};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    vec![
        ("activity_read", json!({}), ALL),
        ("notice_list", json!({}), ALL),
        ("notice_read_all", json!({ "until_ms": 0 }), ALL),
        ("operation_page", json!({ "query": {} }), ALL),
        ("stats_read", json!({ "days": 7, "lang": "en" }), ALL),
        ("wall_read", json!({ "lang": "en" }), [401, 403, 200, 200]),
    ]
}

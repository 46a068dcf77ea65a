//! Of people who may sign in.

use serde_json::json;

use super::Row;
use crate::bed::PASSWORD;

/// One row a server function.
pub fn rows() -> Vec<Row> {
    vec![
        (
            "user_create",
            json!({ "user": { "name": "mona", "role": "user", "password": PASSWORD } }),
            [401, 403, 403, 200],
        ),
        ("user_list", json!({}), [401, 403, 403, 200]),
    ]
}

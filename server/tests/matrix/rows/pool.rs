//! Of the pool of chains.

use serde_json::json;

use super::{ALL, CHAIN, Row};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    let chain = json!({ "name": "none" });
    vec![
        // Nobody waits for anything.
        ("apply_cancel", json!({ "wish": "any" }), [401, 404, 404, 404]),
        // Nothing is free.
        ("chain_apply", json!({ "spec": { "key": "matrix-key" } }), [401, 409, 409, 409]),
        ("chain_delete_claimed", json!({ "name": "none", "typed": "none" }), CHAIN),
        ("chain_extend", json!({ "name": "none", "hours": 1 }), CHAIN),
        ("chain_free", chain.clone(), CHAIN),
        ("chain_holder", chain.clone(), CHAIN),
        ("chain_inherited_dismiss", chain, CHAIN),
        ("chain_owner_set", json!({ "name": "none", "user": "nobody" }), CHAIN),
        ("chain_release", json!({ "name": "none", "typed": "none", "delete": false }), CHAIN),
        ("pool_read", json!({}), ALL),
        ("quota_read", json!({}), ALL),
    ]
}

//! Of templates of chains, and of the pools that are filled from them.

use serde_json::json;

use super::{ADMIN, ALL, Row, STAFF};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    let name = json!({ "name": "none" });
    let template = json!({
        "name": "matrix",
        "title": "Matrix",
        "version": "2.5",
        "consensus": "raft",
        "orderers": 1,
        "organizations": [{ "name": "org1", "peers": 1 }],
        "channel": "mychannel",
        "batch_timeout_ms": 200,
        "resources": { "cpu_milli": 1000, "memory_mib": 512 },
    });
    let id = json!({ "id": "none" });
    vec![
        ("host_autofill", json!({ "id": "none", "template": null }), ADMIN),
        ("host_clean", id.clone(), ADMIN),
        ("host_fill", json!({ "id": "none", "template": "absent", "count": null }), ADMIN),
        ("host_pool", id, STAFF),
        ("host_reset", json!({ "id": "none", "typed": "none" }), ADMIN),
        ("template_create", json!({ "template": template }), [401, 403, 403, 200]),
        ("template_delete", name.clone(), ADMIN),
        ("template_draft", json!({}), [401, 403, 403, 200]),
        // As the row of its creation: there is none of this name but for an admin who has just made it.
        ("template_edit", json!({ "template": template }), [401, 403, 403, 200]),
        ("template_import", json!({ "text": "name: [" }), [401, 403, 403, 422]),
        ("template_list", json!({}), ALL),
        ("template_read", name, [401, 404, 404, 404]),
    ]
}

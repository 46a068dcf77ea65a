//! Of chains and what is on them.

use serde_json::json;

use super::{ALL, CHAIN, Row};

/// One row a server function.
pub fn rows() -> Vec<Row> {
    let chain = json!({ "name": "none" });
    let on_chain = json!({ "chain": "none" });
    let deploy = json!({ "chain": "none", "channel": "mychannel", "name": "example02", "version": "1",
        "image": "heddle.local/none:1", "policy": null, "init_required": false });
    let call = json!({ "call": { "chain": "none", "channel": "mychannel", "chaincode": "example02",
        "organization": "org1", "function": "query", "arguments": ["a"], "idempotency_key": "matrix-key" } });
    let spec = json!({ "name": "matrix", "host": "none", "version": "2.5", "consensus": "raft", "orderers": 1,
        "organizations": [{ "name": "org1", "peers": 1 }], "channel": "mychannel", "batch_timeout_ms": 200,
        "resources": { "cpu_milli": 1000, "memory_mib": 512 } });
    let channel = json!({ "chain": "none", "channel": "mychannel" });
    vec![
        ("block_read", json!({ "chain": "none", "channel": "mychannel", "number": 0 }), CHAIN),
        ("chain_access", on_chain.clone(), CHAIN),
        ("chain_create", json!({ "spec": spec, "key": "matrix-key" }), [401, 403, 422, 422]),
        ("chain_delete", json!({ "name": "none", "typed": "none" }), CHAIN),
        // Without a local engine there is nothing to demonstrate on.
        ("chain_demo", json!({ "key": "matrix-key" }), [401, 403, 403, 422]),
        ("chain_grant", json!({ "chain": "none", "user": "nobody", "level": "use" }), CHAIN),
        ("chain_history", json!({ "name": "none", "whole": false }), CHAIN),
        ("chain_list", json!({}), ALL),
        ("chain_offer", json!({}), [401, 403, 200, 200]),
        ("chain_page", json!({ "query": { "text": "demo", "filters": { "state": "running" } } }), ALL),
        ("chain_plan", json!({ "spec": spec }), [401, 403, 422, 422]),
        ("chain_read", chain.clone(), CHAIN),
        ("chain_restart", chain.clone(), CHAIN),
        ("chain_revoke", json!({ "chain": "none", "user": "nobody" }), CHAIN),
        ("chain_start", chain.clone(), CHAIN),
        ("chain_stop", chain, CHAIN),
        ("chaincode_approve", json!({ "spec": deploy, "organization": "org1" }), CHAIN),
        ("chaincode_commit", json!({ "spec": deploy }), CHAIN),
        ("chaincode_deploy", json!({ "spec": deploy, "key": "matrix-key" }), CHAIN),
        ("chaincode_install", json!({ "spec": deploy, "peers": [] }), CHAIN),
        ("chaincode_list", on_chain.clone(), CHAIN),
        ("chaincode_sample", on_chain.clone(), CHAIN),
        (
            "channel_anchors",
            json!({ "chain": "none", "channel": "mychannel", "organization": "org1", "peers": [] }),
            CHAIN,
        ),
        ("channel_config", channel, CHAIN),
        (
            "channel_create",
            json!({ "spec": { "chain": "none", "name": "other", "members": [{ "organization": "org1",
                "peers": ["peer0-org1"] }] }, "key": "matrix-key" }),
            CHAIN,
        ),
        ("channel_join", json!({ "chain": "none", "channel": "mychannel", "peers": [] }), CHAIN),
        ("channel_list", on_chain.clone(), CHAIN),
        ("node_logs", json!({ "chain": "none", "node": "peer0-org1", "tail": 10 }), CHAIN),
        (
            "node_resize",
            json!({ "chain": "none", "node": "peer0-org1",
                "resources": { "cpu_milli": 500, "memory_mib": 512 } }),
            CHAIN,
        ),
        ("transaction_history", on_chain, CHAIN),
        ("transaction_query", call.clone(), CHAIN),
        ("transaction_read", json!({ "chain": "none", "channel": "mychannel", "id": "0".repeat(64) }), CHAIN),
        ("transaction_submit", call, CHAIN),
    ]
}

//! The permission matrix from outside: every server function and every route, asked by nobody, a user, an operator and
//! an admin. A path without a row fails the test. What is asked for does not exist, or is a foreign chain: whoever may
//! not know of it hears "not found", whoever may not do it at all hears "forbidden".
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "portal/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod bed;

use std::collections::BTreeSet;

// For its server functions, which register themselves.
use app as _;
use bed::{Call, PASSWORD, Portal};
use serde_json::{Value, json};

/// Statuses for nobody, a user, an operator and an admin.
type Row = (&'static str, Value, [u16; 4]);

/// For everybody who is signed in.
const ALL: [u16; 4] = [401, 200, 200, 200];
/// For operators and admins, of a thing that does not exist.
const STAFF: [u16; 4] = [401, 403, 404, 404];
/// For admins, of a thing that does not exist.
const ADMIN: [u16; 4] = [401, 403, 403, 404];
/// Of a chain: who may not know of it, and for whom it does not exist, hear the same.
const CHAIN: [u16; 4] = [401, 404, 404, 404];

fn rows() -> Vec<Row> {
    let mut rows = rows_of_chains();
    rows.extend(rows_of_the_portal());
    rows
}

fn rows_of_chains() -> Vec<Row> {
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
        ("chain_create", json!({ "spec": spec, "key": "matrix-key" }), [401, 403, 422, 422]),
        ("chain_delete", json!({ "name": "none", "typed": "none" }), CHAIN),
        // Without a local engine there is nothing to demonstrate on.
        ("chain_demo", json!({ "key": "matrix-key" }), [401, 403, 403, 422]),
        ("chain_list", json!({}), ALL),
        ("chain_plan", json!({ "spec": spec }), [401, 403, 422, 422]),
        ("chain_read", chain.clone(), CHAIN),
        ("chain_restart", chain.clone(), CHAIN),
        ("chain_start", chain.clone(), CHAIN),
        ("chain_stop", chain, CHAIN),
        ("chaincode_approve", json!({ "spec": deploy, "organization": "org1" }), CHAIN),
        ("chaincode_commit", json!({ "spec": deploy }), CHAIN),
        ("chaincode_deploy", json!({ "spec": deploy, "key": "matrix-key" }), CHAIN),
        ("chaincode_install", json!({ "spec": deploy, "peers": [] }), CHAIN),
        ("chaincode_list", on_chain.clone(), CHAIN),
        ("chaincode_package", json!({ "chain": "none", "package": [] }), CHAIN),
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
        ("transaction_history", on_chain, CHAIN),
        ("transaction_query", call.clone(), CHAIN),
        ("transaction_read", json!({ "chain": "none", "channel": "mychannel", "id": "0".repeat(64) }), CHAIN),
        ("transaction_submit", call, CHAIN),
    ]
}

fn rows_of_the_portal() -> Vec<Row> {
    let host = host();
    let id = json!({ "id": "none" });
    vec![
        ("audit_list", json!({ "before": null }), ALL),
        ("host_add", json!({ "spec": host, "credentials": null }), [401, 403, 403, 422]),
        ("host_edit", json!({ "id": "none", "spec": host, "credentials": null }), ADMIN),
        ("host_images", id.clone(), STAFF),
        ("host_list", json!({}), [401, 403, 200, 200]),
        ("host_local_offer", json!({}), [401, 403, 403, 200]),
        ("host_prepare", json!({ "id": "none", "image": null }), STAFF),
        ("host_probe", json!({ "spec": host, "credentials": null }), [401, 403, 403, 422]),
        ("host_read", id.clone(), STAFF),
        ("host_registry_remove", json!({ "id": "none", "registry": "registry.example" }), ADMIN),
        (
            "host_registry_set",
            json!({ "id": "none", "credentials": { "registry": "registry.example", "user": "u", "password": "p" } }),
            ADMIN,
        ),
        ("host_remove", id.clone(), ADMIN),
        ("host_settings", id.clone(), ADMIN),
        ("host_test", id.clone(), STAFF),
        ("operation_cancel", id.clone(), CHAIN),
        ("operation_list", json!({}), ALL),
        ("operation_read", id.clone(), CHAIN),
        ("operation_resume", id.clone(), CHAIN),
        ("operation_undo", id, CHAIN),
        ("session_read", json!({}), [200; 4]),
        (
            "user_create",
            json!({ "user": { "name": "nobody", "role": "user", "password": "short" } }),
            [401, 403, 403, 422],
        ),
        ("user_list", json!({}), [401, 403, 403, 200]),
    ]
}

fn host() -> Value {
    serde_json::to_value(domain::host::HostSpec::local(
        domain::name::HostName::parse("matrix").unwrap(),
        "/nonexistent/engine.sock",
    ))
    .unwrap()
}

/// Forms; the tests of the process ask them.
const FORMS: [&str; 4] = ["setup_admin", "session_create", "session_delete", "session_delete_all"];

/// Nobody, a user, an operator, an admin.
fn people(portal: &Portal) -> [String; 4] {
    let admin = portal.set_up();
    for (name, role) in [("uma", "user"), ("otto", "operator")] {
        let user = json!({ "user": { "name": name, "role": role, "password": PASSWORD } });
        let made = portal.send(Call::post("/api/user_create").json(&user).cookie(&admin));
        assert_eq!(made.status, 200, "{made:?}");
    }
    [String::new(), portal.sign_in("uma"), portal.sign_in("otto"), admin]
}

#[test]
fn every_server_function_answers_each_role_as_the_table_says() {
    // What the binary registers, this test registers, too: it links the same pages.
    let registered: BTreeSet<String> =
        server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect();
    assert!(registered.len() > 40, "{registered:?}");
    let rows = rows();
    let mut known: BTreeSet<String> = rows.iter().map(|(name, _, _)| format!("/api/{name}")).collect();
    known.extend(FORMS.iter().map(|name| format!("/api/{name}")));
    assert_eq!(registered, known, "a server function without a row, or a row without one");
    let portal = Portal::start(&[]);
    let people = people(&portal);
    let mut wrong = Vec::new();
    for (name, body, expected) in rows {
        for (cookie, expected) in people.iter().zip(expected) {
            let answer = portal.send(Call::post(&format!("/api/{name}")).json(&body).cookie(cookie));
            if answer.status != expected {
                wrong.push(format!("{name}: {} instead of {expected}: {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_route_answers_each_role_as_the_table_says() {
    let portal = Portal::start(&[]);
    let people = people(&portal);
    // Pages send nobody to the sign-in; files and streams refuse.
    let rows: [(&str, [u16; 4]); 32] = [
        ("/healthz", [200; 4]),
        ("/readyz", [200; 4]),
        ("/login", [200, 302, 302, 302]),
        ("/setup", [404; 4]),
        ("/", [302, 200, 200, 200]),
        ("/events", ALL),
        ("/operations", [302, 200, 200, 200]),
        ("/operations/none", [302, 404, 404, 404]),
        ("/audit", [302, 200, 200, 200]),
        ("/users", [302, 403, 403, 200]),
        ("/hosts", [302, 403, 200, 200]),
        ("/hosts/new", [302, 403, 403, 200]),
        ("/hosts/none", [302, 403, 404, 404]),
        ("/hosts/none/edit", [302, 403, 403, 404]),
        ("/chains", [302, 200, 200, 200]),
        ("/chains/new", [302, 403, 200, 200]),
        ("/chains/none", [302, 404, 404, 404]),
        ("/chains/none/channels", [302, 404, 404, 404]),
        ("/chains/none/channels/mychannel", [302, 404, 404, 404]),
        ("/chains/none/chaincode", [302, 404, 404, 404]),
        ("/chains/none/invoke", [302, 404, 404, 404]),
        ("/chains/none/transactions", [302, 404, 404, 404]),
        ("/chains/none/transactions/mychannel/none", [302, 404, 404, 404]),
        ("/chains/none/nodes/peer0-org1", [302, 404, 404, 404]),
        ("/chains/none/blocks/mychannel/0", [302, 404, 404, 404]),
        ("/chains/none/nodes/peer0-org1/logs", CHAIN),
        ("/chains/none/nodes/peer0-org1/log.txt", CHAIN),
        ("/chains/none/profile/org1.json", CHAIN),
        ("/chains/none/profile/org1.yaml", CHAIN),
        ("/chains/none/material/org1.tar", CHAIN),
        ("/pkg/nothing.js", [404; 4]),
        ("/nothing", [404; 4]),
    ];
    let mut wrong = Vec::new();
    for (path, expected) in rows {
        for (cookie, expected) in people.iter().zip(expected) {
            let answer = portal.send(Call::get(path).header("accept", "text/html").cookie(cookie));
            if answer.status != expected {
                wrong.push(format!("{path}: {} instead of {expected}", answer.status));
            }
        }
    }
    for (path, expected) in [("/chains/none/material/org1.tar", CHAIN), ("/hosts/none/images", STAFF)] {
        for (cookie, expected) in people.iter().zip(expected) {
            let answer = portal.send(Call::post(path).form("password=none").cookie(cookie));
            if answer.status != expected {
                wrong.push(format!("POST {path}: {} instead of {expected}: {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever is sent, the answer says what is wrong with it, and nothing breaks.
#[test]
fn malformed_input_is_refused_by_every_server_function() {
    let portal = Portal::start(&[]);
    let admin = portal.set_up();
    let mut wrong = Vec::new();
    for (name, good, _) in rows() {
        let mut bodies = vec!["{".to_owned(), "null".to_owned(), "\u{0}\u{1b}".to_owned()];
        // A list of nothing is as good as no arguments; an option may be missing.
        if good != json!({}) && name != "audit_list" {
            bodies.extend(["[]".to_owned(), "{}".to_owned()]);
        }
        // Every field in turn with a value of a wrong type.
        for field in good.as_object().unwrap().keys() {
            let mut bad = good.clone();
            bad[field] = json!({ "unknown": [true] });
            bodies.push(bad.to_string());
        }
        for body in bodies {
            let answer = portal.send(Call::post(&format!("/api/{name}")).raw(&body).cookie(&admin));
            if answer.status != 400 || !answer.body.contains("malformed") {
                wrong.push(format!("{name}: {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!portal.said().contains("panicked"), "{}", portal.said());
}

//! What each server function and each route answers to each role. A noun that has many has a file of its own.

use domain::host::cluster::ClusterSettings;
use serde_json::{Value, json};

#[path = "rows/account.rs"]
mod account;
#[path = "rows/audit.rs"]
mod audit;
#[path = "rows/chain.rs"]
mod chain;
#[path = "rows/overview.rs"]
mod overview;
#[path = "rows/people.rs"]
mod people;
#[path = "rows/pool.rs"]
mod pool;
#[path = "rows/template.rs"]
mod template;

/// Statuses for nobody, a user, an operator and an admin.
pub type Row = (&'static str, Value, [u16; 4]);

/// For everybody who is signed in.
pub const ALL: [u16; 4] = [401, 200, 200, 200];
/// For operators and admins, of a thing that does not exist.
pub const STAFF: [u16; 4] = [401, 403, 404, 404];
/// For admins, of a thing that does not exist.
pub const ADMIN: [u16; 4] = [401, 403, 403, 404];
/// Of a chain: who may not know of it, and for whom it does not exist, hear the same.
pub const CHAIN: [u16; 4] = [401, 404, 404, 404];

/// Every server function that takes no form.
pub fn rows() -> Vec<Row> {
    [
        chain::rows(),
        rows_of_the_portal(),
        account::rows(),
        audit::rows(),
        overview::rows(),
        people::rows(),
        pool::rows(),
        template::rows(),
    ]
    .concat()
}

fn rows_of_the_portal() -> Vec<Row> {
    let host = host();
    let id = json!({ "id": "none" });
    vec![
        ("help_read", json!({ "section": "hosts", "lang": "en" }), ALL),
        ("host_add", json!({ "spec": host, "credentials": null }), [401, 403, 403, 422]),
        ("host_capacity", id.clone(), STAFF),
        ("host_capacity_page", json!({ "query": { "sort": "name" } }), [401, 403, 200, 200]),
        ("host_choices", json!({}), [401, 403, 200, 200]),
        ("host_edit", json!({ "id": "none", "spec": host, "credentials": null }), ADMIN),
        ("host_history", json!({ "id": "none", "whole": true }), STAFF),
        ("host_image_approvals", id.clone(), STAFF),
        ("host_image_approve", json!({ "id": "none", "image": "heddle.local/none:1" }), STAFF),
        ("host_image_revoke", json!({ "id": "none", "image": "heddle.local/none:1" }), STAFF),
        ("host_images", id.clone(), STAFF),
        ("host_kubeconfig", json!({ "text": " " }), [401, 403, 403, 422]),
        ("host_list", json!({}), [401, 403, 200, 200]),
        ("host_local_offer", json!({}), [401, 403, 403, 200]),
        ("host_page", json!({ "query": { "sort": "name" } }), [401, 403, 200, 200]),
        ("host_prepare", json!({ "id": "none", "image": null }), STAFF),
        ("host_probe", json!({ "spec": host, "credentials": null }), [401, 403, 403, 422]),
        ("host_rbac", json!({ "settings": ClusterSettings::default() }), [401, 403, 403, 200]),
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
        ("search", json!({ "text": "demo" }), ALL),
        ("session_read", json!({}), [200; 4]),
        ("session_times", json!({}), ALL),
    ]
}

fn host() -> Value {
    serde_json::to_value(domain::host::HostSpec::local(
        domain::name::HostName::parse("matrix").unwrap(),
        "/nonexistent/engine.sock",
    ))
    .unwrap()
}

/// Who gets what of a route that is read.
pub type Asked = (&'static str, [u16; 4]);

/// Of a page of a chain: whoever is not signed in is sent to the sign-in.
pub const CHAIN_PAGE: [u16; 4] = [302, 404, 404, 404];

/// Pages send nobody to the sign-in; files and streams refuse.
pub const READ: &[Asked] = &[
    ("/healthz", [200; 4]),
    ("/readyz", [200; 4]),
    ("/login", [200, 302, 302, 302]),
    ("/login/code", [200, 302, 302, 302]),
    ("/account", [302, 200, 200, 200]),
    ("/setup", [404; 4]),
    ("/welcome", [200; 4]),
    // Off until an admin switches it on.
    ("/register", [404; 4]),
    ("/", [302, 200, 200, 200]),
    ("/events", ALL),
    ("/operations", [302, 200, 200, 200]),
    ("/notices", [302, 200, 200, 200]),
    ("/wall", [302, 403, 200, 200]),
    ("/operations/none", CHAIN_PAGE),
    ("/audit", [302, 200, 200, 200]),
    ("/help", [302, 200, 200, 200]),
    ("/help/hosts", [302, 200, 200, 200]),
    ("/users", [302, 403, 403, 200]),
    ("/users/new", [302, 403, 403, 200]),
    ("/users/none", [302, 403, 403, 404]),
    ("/hosts", [302, 403, 200, 200]),
    ("/hosts?view=capacity", [302, 403, 200, 200]),
    ("/hosts/new", [302, 403, 403, 200]),
    ("/hosts/none", [302, 403, 404, 404]),
    ("/hosts/none/edit", [302, 403, 403, 404]),
    ("/apply", [302, 200, 200, 200]),
    ("/chains", [302, 200, 200, 200]),
    ("/chains.csv", ALL),
    ("/chains/new", [302, 403, 200, 200]),
    ("/chains/none", CHAIN_PAGE),
    ("/chains/none/channels", CHAIN_PAGE),
    ("/chains/none/channels/mychannel", CHAIN_PAGE),
    ("/chains/none/chaincode", CHAIN_PAGE),
    ("/chains/none/invoke", CHAIN_PAGE),
    ("/chains/none/transactions", CHAIN_PAGE),
    ("/chains/none/transactions/mychannel/none", CHAIN_PAGE),
    ("/chains/none/nodes/peer0-org1", CHAIN_PAGE),
    ("/chains/none/blocks/mychannel/0", CHAIN_PAGE),
    ("/chains/none/nodes/peer0-org1/logs", CHAIN),
    ("/chains/none/nodes/peer0-org1/log.txt", CHAIN),
    ("/chains/none/profile/org1.json", CHAIN),
    ("/chains/none/profile/org1.yaml", CHAIN),
    ("/chains/none/material/org1.tar", CHAIN),
    ("/templates", [302, 200, 200, 200]),
    ("/templates/new", [302, 403, 403, 200]),
    ("/templates/none", CHAIN_PAGE),
    ("/templates/none/template.yaml", CHAIN),
    // No route at all.
    ("/pkg/nothing.js", [404; 4]),
    ("/nothing", [404; 4]),
];
/// With forms that would be taken, so that a refusal is one of rights.
pub const TAKEN: &[(&str, &str, [u16; 4])] = &[
    ("/chains/none/material/org1.tar", "password=none", CHAIN),
    ("/chains/none/package", "password=none", CHAIN),
    ("/hosts/none/images", "password=none", STAFF),
    ("/users", "name=mona&role=user&password=a+few+plain+words+together", [401, 403, 403, 303]),
    ("/hosts/none/registries", "registry=registry.example&user=u&password=p", ADMIN),
    ("/hosts/none/approvals", "approve-image=registry.example%2Fcode%3A1", STAFF),
    ("/chains/none/access", "access-user=uma&access-level=use", CHAIN),
    ("/audit/export", "format=csv&who=ada&password=a+few+plain+words+together", [401, 403, 403, 200]),
    ("/audit/keep", "days=30", [401, 403, 403, 303]),
    ("/notices", "until_ms=0", [401, 303, 303, 303]),
    // Nothing is free: they wait.
    ("/apply", "apply-peers=2", [401, 303, 303, 303]),
    ("/preferences", "theme=dark", [303; 4]),
];

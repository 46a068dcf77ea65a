//! Whatever changes something leaves one row in the audit, with the word of what was tried, on what, and with what came
//! of it; whatever only looks leaves none. A server function or route that is not known to look has to leave its row.

use serde_json::{Value, json};

use crate::bed::{Answer, Call, PASSWORD, Portal};
use crate::{FORMS, READ, TAKEN, about, fixture, rows, with_chain};

/// Server functions that only look; every other one changes something.
const LOOKS: &[&str] = &[
    "activity_read",
    "audit_keep",
    "audit_list",
    "audit_page",
    "block_read",
    "chain_access",
    "chain_history",
    "chain_holder",
    "chain_list",
    "chain_offer",
    "chain_page",
    "chain_plan",
    "chain_read",
    "chaincode_list",
    "chaincode_sample",
    "channel_config",
    "channel_list",
    "help_read",
    "host_capacity",
    "host_capacity_page",
    "host_choices",
    "host_history",
    "host_image_approvals",
    "host_images",
    "host_kubeconfig",
    "host_list",
    "host_local_offer",
    "host_pool",
    "host_page",
    "host_probe",
    "host_rbac",
    "host_read",
    "host_settings",
    "host_test",
    "mail_read",
    "node_logs",
    "notice_list",
    "operation_list",
    "operation_page",
    "operation_read",
    "registration_read",
    "profile_read",
    "second_factor_read",
    "session_list",
    "pool_read",
    "quota_read",
    "search",
    "session_read",
    "session_times",
    "stats_read",
    "template_draft",
    "template_list",
    "template_read",
    "transaction_history",
    "transaction_query",
    "transaction_read",
    "user_page",
    "user_read",
    "wall_read",
];

/// What an admin can do without an engine: here a row of a refusal would prove too little.
const DONE: &[&str] = &[
    "chain_delete",
    "chain_grant",
    "chain_revoke",
    "host_autofill",
    "host_edit",
    "host_registry_remove",
    "host_registry_set",
    "look_save",
    "notice_read_all",
    "registration_set",
    "second_factor_roles_save",
    "template_create",
    "template_edit",
    "user_create",
    "user_generate",
    "user_invite",
    "user_reset_second_factor",
];

/// Forms of one's own account as an admin sends them, and the word of the audit. Wrong passwords and codes leave their row
/// as well, and the session as it is.
const SETTLED: &[(&str, &str, &str)] = &[
    ("session_code", "code=000000&next=/", "sign-in-code"),
    ("session_prove", "password=a+wrong+one", "session-prove"),
    ("session_end", "id=none", "session-end"),
    (
        "profile_save",
        "display_name=Ada&organization=&location=&bio=&time_zone=&shortcuts=true",
        "profile-save",
    ),
    ("password_change", "old=a+wrong+one&new=other+plain+words+together", "password-change"),
    ("second_factor_begin", "", "second-factor-begin"),
    ("second_factor_confirm", "code=000000", "second-factor-confirm"),
    ("second_factor_remove", "", "second-factor-remove"),
];

/// The word of the audit for a server function that changes something.
fn word(function: &str) -> String {
    match function {
        "chain_grant" => "chain-grant-use".to_owned(),
        "user_create" | "user_generate" => "user-create-user".to_owned(),
        "user_invite" => "user-invite-user".to_owned(),
        other => other.replace('_', "-"),
    }
}

/// What the audit says that a server function changes, of the fixture or of what the matrix asks for.
fn object(function: &str) -> String {
    let (host, chain) = (format!("host/{}", fixture::HOST), format!("chain/{}", fixture::CHAIN));
    match function {
        "setup_admin" => "portal".to_owned(),
        "session_create" => "user/uma".to_owned(),
        "session_code" | "session_delete" | "session_delete_all" | "session_prove" => "session".to_owned(),
        "session_end" => "session/none".to_owned(),
        "look_save" | "profile_save" => "profile".to_owned(),
        "password_change" => "user/ada".to_owned(),
        "second_factor_roles_save" => "setting/second-factor-roles none".to_owned(),
        "second_factor_begin" | "second_factor_confirm" | "second_factor_remove" => {
            "second-factor".to_owned()
        }
        "user_reset_second_factor" => "user/uma".to_owned(),
        "user_create" => "user/mona".to_owned(),
        "user_generate" => "user/gina".to_owned(),
        "user_invite" => "user/ivy".to_owned(),
        "user_register" => "user/eve".to_owned(),
        // Whose link it is, nobody knows.
        "user_welcome" => "user".to_owned(),
        "registration_set" => "setting/registration".to_owned(),
        "chain_create" => "chain/matrix".to_owned(),
        // None is made.
        "chain_demo" => "chain".to_owned(),
        "chain_apply" => "pool/any".to_owned(),
        "apply_cancel" => "pool/queue".to_owned(),
        "chain_grant" | "chain_owner_set" | "chain_revoke" => format!("{chain}/user/uma"),
        "channel_create" => format!("{chain}/channel/other"),
        "host_add" => "host/matrix".to_owned(),
        "host_autofill" => format!("{host} off"),
        "host_fill" => format!("{host} template/absent"),
        // No name can be read from what is sent.
        "template_import" => "template".to_owned(),
        "template_create" | "template_edit" => "template/matrix".to_owned(),
        "template_delete" => "template/none".to_owned(),
        "host_image_approve" | "host_image_revoke" => format!("{host}/image/heddle.local/none:1"),
        "host_registry_remove" | "host_registry_set" => format!("{host}/registry/registry.example"),
        other => match other.split_once('_') {
            Some(("chain", _)) => chain,
            Some(("chaincode" | "transaction", _)) => format!("{chain}/chaincode/example02"),
            Some(("channel", _)) => format!("{chain}/channel/mychannel"),
            Some(("host", _)) => host,
            Some(("mail", _)) => "setting/mail".to_owned(),
            Some(("notice", _)) => "notice".to_owned(),
            Some(("node", _)) => format!("{chain}/node/peer0-org1"),
            // There is nobody of that id.
            Some(("user", _)) => format!("user/{}", fixture::CHAIN),
            Some(("operation", _)) => format!("{chain}/operation/{}", fixture::OPERATION),
            _ => panic!("what {other} changes is not said"),
        },
    }
}

/// The same of a route.
fn object_of(path: &str) -> String {
    let (host, chain) = (format!("host/{}", fixture::HOST), format!("chain/{}", fixture::CHAIN));
    match path {
        "/users" => "user/mona".to_owned(),
        "/preferences" => "profile".to_owned(),
        "/notices" => "notice".to_owned(),
        "/apply" => "pool/any".to_owned(),
        "/hosts/none/images" => host,
        "/hosts/none/registries" => format!("{host}/registry/registry.example"),
        "/hosts/none/approvals" => format!("{host}/image/registry.example/code:1"),
        "/chains/none/access" => format!("{chain}/user/uma"),
        "/audit/export" => "audit".to_owned(),
        "/audit/keep" => "setting/audit".to_owned(),
        path if path.starts_with("/chains/none/") => format!("{chain}/organization/org1"),
        other => panic!("what {other} is about is not said"),
    }
}

/// The word of the audit for a route that takes something in; none for one that only looks into it.
fn word_of_taken(path: &str) -> Option<&'static str> {
    match path {
        "/chains/none/package" => None,
        "/preferences" => Some("look-save"),
        "/chains/none/material/org1.tar" => Some("admin-key-export"),
        "/hosts/none/images" => Some("host-image-upload"),
        "/users" => Some("user-create-user"),
        "/apply" => Some("chain-apply"),
        "/hosts/none/registries" => Some("host-registry-set"),
        "/hosts/none/approvals" => Some("host-image-approve"),
        "/chains/none/access" => Some("chain-grant-use"),
        "/audit/export" => Some("audit-export"),
        "/audit/keep" => Some("audit-keep-set"),
        "/notices" => Some("notice-read-all"),
        other => panic!("whether {other} changes something is not said"),
    }
}

/// The word of the audit for a route that is read: what is taken away is recorded.
fn word_of_read(path: &str) -> Option<&'static str> {
    match path {
        path if path.contains("/profile/") => Some("profile-export"),
        path if path.contains("/material/") => Some("material-export"),
        _ => None,
    }
}

/// The audit as an admin reads it, from one look to the next.
struct Audit<'a> {
    portal: &'a Portal,
    admin: &'a str,
    seen: i64,
    wrong: Vec<String>,
}

impl<'a> Audit<'a> {
    fn new(portal: &'a Portal, admin: &'a str) -> Self {
        Self { portal, admin, seen: 0, wrong: Vec::new() }
    }

    /// The rows since the last look, newest first.
    fn fresh(&mut self) -> Vec<Value> {
        let list = Call::post("/api/audit_list").json(&json!({ "before": null })).cookie(self.admin);
        let answer = self.portal.send(list);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut rows: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
        let seen = self.seen;
        rows.retain(|row| row["sequence"].as_i64().unwrap() > seen);
        self.seen = rows.first().map_or(seen, |row| row["sequence"].as_i64().unwrap());
        // How an operation ends is recorded when it does.
        let is_of_operation = |what: &str| what.ends_with("-end") && what != "session-end";
        rows.retain(|row| !is_of_operation(row["what"].as_str().unwrap()));
        rows
    }

    /// Notes an answer that left something else in the audit than it should have.
    fn check(&mut self, asked: &str, answer: &Answer, wanted: Option<(&str, String)>) -> usize {
        // What is about to be changed at once is recorded before it is, in the same words.
        let (begun, rows): (Vec<Value>, Vec<Value>) =
            self.fresh().into_iter().partition(|row| row["result"] == "begun");
        let same = |one: &Value, other: &Value| {
            ["what", "object", "who", "request_id"].iter().all(|field| one[field] == other[field])
        };
        if !begun.iter().all(|begun| rows.iter().any(|row| same(begun, row))) {
            self.wrong.push(format!("{asked}: {begun:?} came to {rows:?}"));
        }
        let is_right = match (wanted, rows.as_slice()) {
            (None, []) => true,
            (Some((what, object)), [row]) => {
                let result = row["result"].as_str().unwrap();
                let told = if answer.status < 400 { result == "ok" } else { answer.body.contains(result) };
                row["what"] == what && row["object"] == object && told
            }
            _ => false,
        };
        if !is_right {
            let body: String = answer.body.chars().take(200).collect();
            self.wrong.push(format!("{asked}: {} {body} left {rows:?}", answer.status));
        }
        begun.len()
    }
}

#[test]
fn every_server_function_that_changes_something_leaves_a_row() {
    let (portal, [stranger, friend, admin]) = with_chain();
    let mut audit = Audit::new(&portal, &admin);
    let before = audit.fresh();
    assert!(before.iter().any(|row| row["what"] == "setup" && row["result"] == "ok"), "{before:?}");
    let mut rows = rows();
    assert!(LOOKS.iter().all(|looks| rows.iter().any(|(name, _, _)| name == looks)));
    // What takes away what the others are about comes last.
    rows.sort_by_key(|(name, _, _)| match *name {
        "chain_delete" => 1,
        "chain_delete_claimed" | "chain_owner_set" | "host_remove" => 2,
        name if name.starts_with("operation_") => 2,
        _ => 0,
    });
    for (name, body, _) in rows {
        let id = match name {
            name if name.starts_with("host_") => fixture::HOST,
            name if name.starts_with("operation_") => fixture::OPERATION,
            name if name.starts_with("template_") => "none",
            _ => fixture::CHAIN,
        };
        let mut body = about(&body, id);
        if body["user"] == "nobody" {
            body["user"] = json!("uma");
        }
        let answer = portal.send(Call::post(&format!("/api/{name}")).json(&body).cookie(&admin));
        let what = (!LOOKS.contains(&name)).then(|| word(name));
        let begun = audit.check(name, &answer, what.as_deref().map(|what| (what, object(name))));
        if DONE.contains(&name) {
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            // An operation leaves a record when it ends.
            assert_eq!(
                begun,
                usize::from(name != "chain_delete"),
                "{name} is not recorded before it is done"
            );
        }
    }
    let password = PASSWORD.replace(' ', "+");
    for &name in FORMS {
        let (form, cookie, what) = match name {
            "setup_admin" => (format!("token=none&name=eve&password={password}"), admin.as_str(), "setup"),
            "session_create" => (format!("name=uma&password={password}&next=/"), "", "sign-in"),
            "user_register" => {
                (format!("name=eve&email=eve%40example.org&password={password}"), "", "user-register")
            }
            "user_welcome" => (format!("token=none&password={password}"), "", "user-welcome"),
            other if SETTLED.iter().any(|(form, _, _)| *form == other) => {
                let (_, form, what) = SETTLED.iter().find(|(form, _, _)| *form == other).unwrap();
                ((*form).to_owned(), admin.as_str(), *what)
            }
            "session_delete" => (String::new(), stranger.as_str(), "sign-out"),
            "session_delete_all" => (String::new(), friend.as_str(), "sign-out-everywhere"),
            other => panic!("what {other} leaves in the audit is not said"),
        };
        let answer = portal.send(Call::post(&format!("/api/{name}")).form(&form).cookie(cookie));
        audit.check(name, &answer, Some((what, object(name))));
    }
    assert!(audit.wrong.is_empty(), "{}", audit.wrong.join("\n"));
}

#[test]
fn every_route_that_changes_something_or_gives_it_away_leaves_a_row() {
    let (portal, [_, _, admin]) = with_chain();
    let mut audit = Audit::new(&portal, &admin);
    audit.fresh();
    let of_fixture = |path: &str| {
        let id = match path {
            path if path.starts_with("/hosts") => fixture::HOST,
            path if path.starts_with("/operations") => fixture::OPERATION,
            path if path.starts_with("/templates") => "none",
            _ => fixture::CHAIN,
        };
        path.replacen("none", id, 1)
    };
    for (path, _) in READ {
        let call = Call::get(&of_fixture(path)).header("accept", "text/html").cookie(&admin);
        let wanted = word_of_read(path).map(|what| (what, object_of(path)));
        audit.check(path, &portal.send(call), wanted);
    }
    for (path, form, _) in TAKEN {
        let answer = portal.send(Call::post(&of_fixture(path)).form(form).cookie(&admin));
        let wanted = word_of_taken(path).map(|what| (what, object_of(path)));
        audit.check(&format!("POST {path}"), &answer, wanted);
    }
    assert!(audit.wrong.is_empty(), "{}", audit.wrong.join("\n"));
}

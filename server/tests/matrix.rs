//! The permission matrix from outside: every server function and every route, asked by nobody, a user, an operator and
//! an admin. A path without a row fails the test. What is asked for does not exist, or is a foreign chain: whoever may
//! not know of it hears "not found", whoever may not do it at all hears "forbidden".
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "matrix/assigned.rs"]
mod assigned;
#[path = "matrix/audited.rs"]
mod audited;
#[path = "portal/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod bed;
#[path = "portal/fixture.rs"]
mod fixture;
#[path = "../src/routes.rs"]
#[expect(dead_code, reason = "the router uses all of it")]
mod routes;
#[path = "matrix/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

// For its server functions, which register themselves.
use app as _;
use bed::{Call, PASSWORD, Portal};
use routes::Route;
use rows::{ADMIN, Asked, CHAIN, CHAIN_PAGE, READ, STAFF, TAKEN, rows};
use serde_json::{Value, json};

/// Forms; the tests of the process ask them.
const FORMS: &[&str] = &[
    "setup_admin",
    "session_create",
    "session_code",
    "session_prove",
    "session_end",
    "profile_save",
    "password_change",
    "second_factor_begin",
    "second_factor_confirm",
    "second_factor_remove",
    "session_delete",
    "session_delete_all",
    "user_register",
    "user_welcome",
];

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

/// The route that answers a path: the one with the fewest parameters that fits.
fn route_of<'a>(path: &str, routes: &'a BTreeSet<String>) -> Option<&'a str> {
    let fits = |route: &&String| {
        let (mut wanted, mut given) = (route.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(found)) if part == found || part.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    routes.iter().filter(fits).min_by_key(|route| route.matches('{').count()).map(String::as_str)
}

#[tokio::test]
async fn every_page_and_route_has_a_row() {
    let pages = leptos_axum::generate_route_list(app::App);
    assert!(pages.len() > 20, "{pages:?}");
    let path = |path: &str| match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    let mut read: BTreeSet<String> = pages.iter().map(|page| path(page.path())).collect();
    let mut taken = BTreeSet::new();
    for route in Route::ALL {
        let routes = if route.is_post() { &mut taken } else { &mut read };
        assert!(routes.insert(route.path().to_owned()), "{} is there twice", route.path());
    }
    let covered = |paths: &[&str], routes: &BTreeSet<String>| -> BTreeSet<String> {
        paths.iter().filter_map(|path| route_of(path, routes)).map(str::to_owned).collect()
    };
    let read_paths: Vec<&str> = READ.iter().map(|(path, _)| *path).collect();
    let taken_paths: Vec<&str> = TAKEN.iter().map(|(path, _, _)| *path).collect();
    assert_eq!(covered(&read_paths, &read), read, "a page or a route without a row");
    assert_eq!(covered(&taken_paths, &taken), taken, "a route without a row");
    // The router has no routes but those of the table, the pages and the folder of scripts.
    let router = include_str!("../src/router.rs");
    let made = |word: &str| router.matches(word).count();
    assert_eq!(
        (made(".route("), made(".nest"), made(".route_service("), made("leptos_routes(")),
        (1, 1, 0, 1),
        "a route belongs in the table"
    );
}

#[test]
fn every_route_answers_each_role_as_the_table_says() {
    let portal = Portal::start(&[]);
    let people = people(&portal);
    let mut wrong = Vec::new();
    for (path, expected) in READ {
        for (cookie, expected) in people.iter().zip(*expected) {
            let answer = portal.send(Call::get(path).header("accept", "text/html").cookie(cookie));
            if answer.status != expected {
                wrong.push(format!("{path}: {} instead of {expected}", answer.status));
            }
        }
    }
    for (path, form, expected) in TAKEN {
        for (cookie, expected) in people.iter().zip(*expected) {
            let answer = portal.send(Call::post(path).form(form).cookie(cookie));
            if answer.status != expected {
                wrong.push(format!("POST {path}: {} instead of {expected}: {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same question about something that exists.
fn about(value: &Value, id: &str) -> Value {
    match value {
        Value::String(text) if text == "none" => json!(id),
        Value::Array(values) => values.iter().map(|value| about(value, id)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), about(value, id))).collect()
        }
        other => other.clone(),
    }
}

/// What somebody with the right to manage a stopped chain hears; its host does not answer, and it has no keys.
fn managed(name: &str) -> u16 {
    match name {
        "chain_delete" | "chain_restart" | "chain_start" | "chain_stop" | "node_resize" => 403,
        "chain_delete_claimed" | "chain_extend" | "chain_free" | "chain_owner_set" | "chain_release" => 403,
        "operation_cancel" | "operation_resume" | "operation_undo" => 403,
        "chain_access"
        | "chain_history"
        | "chain_holder"
        | "chain_inherited_dismiss"
        | "chain_read"
        | "chaincode_list"
        | "chaincode_sample"
        | "channel_list"
        | "operation_read"
        | "transaction_history" => 200,
        // Nobody waits for anything.
        "apply_cancel" => 404,
        // There is nobody of that name.
        "chain_grant" | "chain_revoke" => 422,
        "node_logs" => 500,
        // It is no chain.
        "template_read" => 404,
        // The chain is stopped.
        _ => 409,
    }
}

/// A portal with a chain; a user who has nothing to do with it, one who may manage it, and an admin.
fn with_chain() -> (Portal, [String; 3]) {
    let mut portal = Portal::start(&[]);
    let [_, stranger, _, admin] = people(&portal);
    let user = json!({ "user": { "name": "gus", "role": "user", "password": PASSWORD } });
    assert_eq!(portal.send(Call::post("/api/user_create").json(&user).cookie(&admin)).status, 200);
    let friend = portal.sign_in("gus");
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| fixture::fill(store, "gus").await);
    portal.restart();
    (portal, [stranger, friend, admin])
}

#[test]
fn the_stream_of_events_names_no_foreign_chain() {
    let (portal, [stranger, friend, admin]) = with_chain();
    let [stranger, friend] = thread::scope(|scope| {
        let (portal, cookies) = (&portal, [&stranger, &friend]);
        let stream = |cookie| move || portal.read_to_end(Call::get("/events").cookie(cookie));
        let streams = cookies.map(|cookie: &String| scope.spawn(stream(cookie)));
        // The streams have to stand before something happens.
        thread::sleep(Duration::from_secs(2));
        let delete = json!({ "name": fixture::CHAIN, "typed": fixture::CHAIN });
        let deleted = portal.send(Call::post("/api/chain_delete").json(&delete).cookie(&admin));
        assert_eq!(deleted.status, 200, "{deleted:?}");
        thread::sleep(Duration::from_secs(2));
        for cookie in cookies {
            portal.send(Call::post("/api/session_delete_all").form("").cookie(cookie));
        }
        streams.map(|stream| stream.join().unwrap())
    });
    assert!(friend.contains("event: changed") && friend.contains("event: operation"), "{friend}");
    assert!(friend.contains(fixture::CHAIN), "{friend}");
    assert!(!stranger.contains("event:") && !stranger.contains(fixture::CHAIN), "{stranger}");
}

#[test]
fn what_exists_is_hidden_from_strangers_and_shown_to_who_may_see_it() {
    let (portal, [stranger, friend, _]) = with_chain();
    let mut wrong = Vec::new();
    let mut check = |asked: String, found: bed::Answer, expected: u16| {
        if found.status != expected {
            wrong.push(format!("{asked}: {} instead of {expected}: {}", found.status, found.body));
        }
    };
    for (name, body, expected) in rows() {
        let id = match name {
            name if name.starts_with("host_") => fixture::HOST,
            name if name.starts_with("operation_") => fixture::OPERATION,
            _ => fixture::CHAIN,
        };
        let ask = |cookie: &str| {
            portal.send(Call::post(&format!("/api/{name}")).json(&about(&body, id)).cookie(cookie))
        };
        // A thing that exists is the same to a stranger as one that does not.
        if [CHAIN, STAFF, ADMIN].contains(&expected) {
            check(format!("{name} by a stranger"), ask(&stranger), expected[1]);
        }
        if expected == CHAIN {
            check(format!("{name} by a friend"), ask(&friend), managed(name));
        }
    }
    let chains = |path: &&Asked| [CHAIN, CHAIN_PAGE].contains(&path.1);
    for (path, _) in READ.iter().filter(chains) {
        let id = if path.starts_with("/operations") { fixture::OPERATION } else { fixture::CHAIN };
        let path = path.replacen("none", id, 1);
        let ask = |cookie: &str| portal.send(Call::get(&path).header("accept", "text/html").cookie(cookie));
        check(format!("{path} by a stranger"), ask(&stranger), 404);
        check(format!("{path} by a friend"), ask(&friend), managed_page(&path));
    }
    for (path, form, expected) in TAKEN.iter().filter(|(path, _, _)| path.contains("none")) {
        let id = if path.starts_with("/hosts") { fixture::HOST } else { fixture::CHAIN };
        let path = path.replacen("none", id, 1);
        let answer = portal.send(Call::post(&path).form(form).cookie(&stranger));
        check(format!("POST {path} by a stranger"), answer, expected[1]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The list of chains, too, and a chain that is in it is no way to others.
    let list = |cookie: &str| portal.send(Call::post("/api/chain_list").json(&json!({})).cookie(cookie)).body;
    assert_eq!(list(&stranger), "[]");
    assert!(list(&friend).contains(fixture::CHAIN));
}

/// The same for the pages and files of the chain.
fn managed_page(path: &str) -> u16 {
    match path {
        path if path.starts_with("/templates/") => 404,
        path if path.contains("/nodes/peer0-org1/log") => 503,
        path if path.contains("/profile/") || path.contains("/material/") => 500,
        path if path.contains("/blocks/") => 409,
        path if path.contains("/transactions/") => 409,
        _ => 200,
    }
}

#[test]
fn access_is_given_and_taken_by_forms_without_a_script() {
    let (portal, [stranger, friend, _]) = with_chain();
    let (page, access) =
        (format!("/chains/{}", fixture::CHAIN), format!("/chains/{}/access", fixture::CHAIN));
    let send = |path: &str, fields: &str, cookie: &str| {
        portal.send(Call::post(path).form(fields).cookie(cookie)).status
    };
    let reach = || portal.send(Call::get(&page).header("accept", "text/html").cookie(&stranger)).status;
    let give = "access-user=uma&access-level=use";
    assert_eq!((send(&access, give, &stranger), reach()), (404, 404), "whoever has no access gives none");
    assert_eq!((send(&access, "access-user=uma&access-level=owner", &friend), reach()), (422, 404));
    assert_eq!((send(&access, give, &friend), reach()), (303, 200));
    assert_eq!(
        (send(&access, "access-user=uma", &friend), reach()),
        (303, 404),
        "without a level it is taken"
    );
    let approvals = format!("/hosts/{}/approvals", fixture::HOST);
    for fields in ["approve-image=heddle.local%2Fnone%3A1", "revoke=heddle.local%2Fnone%3A1"] {
        assert_eq!(send(&approvals, fields, &friend), 403, "{fields}");
        assert_eq!(send(&approvals, fields, ""), 401, "{fields}");
    }
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

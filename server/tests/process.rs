//! The binary as a process: one data folder, one portal; an orderly end; who may ask.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "portal/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod bed;

use std::process::Command;
use std::thread;
use std::time::Duration;

use bed::{Call, PASSWORD, Portal};
use serde_json::{Value, json};

#[test]
fn a_second_portal_on_the_same_data_refuses() {
    let portal = Portal::start(&[]);
    let (status, said) = portal.second();
    assert!(!status.success());
    assert!(said.contains("another portal has"), "{said}");
    assert_eq!(portal.send(Call::get("/readyz")).status, 200);
}

#[test]
fn sigterm_ends_it_in_time_although_a_stream_is_open() {
    let mut portal = Portal::start(&[]);
    let cookie = portal.set_up();
    let stream = portal.send(Call::get("/events").cookie(&cookie));
    assert_eq!(stream.status, 200);
    let (status, took) = portal.terminate();
    assert!(status.success(), "{status}: {}", portal.said());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn signing_out_everywhere_ends_every_session_and_stream() {
    let portal = Portal::start(&[]);
    let (first, second) = (portal.set_up(), portal.sign_in("ada"));
    assert_ne!(first, second);
    let read =
        |cookie: &str| portal.send(Call::post("/api/user_list").json(&json!({})).cookie(cookie)).status;
    assert_eq!((read(&first), read(&second)), (200, 200));
    thread::scope(|scope| {
        let stream = scope.spawn(|| portal.read_to_end(Call::get("/events").cookie(&first)));
        let answer = portal.send(Call::post("/api/session_delete_all").form("").cookie(&second));
        assert!([200, 302].contains(&answer.status), "{answer:?}");
        assert_eq!((read(&first), read(&second)), (401, 401));
        stream.join().unwrap();
    });
    assert_eq!(portal.send(Call::post("/api/session_delete_all").form("")).status, 401);
}

#[test]
fn a_session_in_use_goes_on() {
    let portal = Portal::start(&[]);
    let cookie = portal.set_up();
    let ask = || portal.send(Call::post("/api/chain_list").json(&json!({})).cookie(&cookie));
    let first = ask();
    let extended = first.header("set-cookie").expect("the first use puts the end off");
    assert!(extended.starts_with(&cookie) && extended.contains("Max-Age=1800"), "{extended}");
    // Not every request writes; the next minute may begin once in between.
    assert!((0..3).filter(|_| ask().header("set-cookie").is_some()).count() <= 1);
}

#[test]
fn the_audit_is_verified_beside_the_portal() {
    let mut portal = Portal::start(&[]);
    let cookie = portal.set_up();
    let user = json!({ "user": { "name": "uma", "role": "user", "password": PASSWORD } });
    assert_eq!(portal.send(Call::post("/api/user_create").json(&user).cookie(&cookie)).status, 200);
    // What was answered is recorded, though the portal dies in the next moment.
    portal.restart();
    let list = Call::post("/api/audit_list").json(&json!({ "before": null })).cookie(&cookie);
    assert!(portal.send(list).body.contains("user-create"));
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(!status.success() && said.contains("another portal has"), "{said}");
    assert!(portal.terminate().0.success());
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(status.success() && said.contains("the audit is whole: 2 records"), "{said}");
    portal.replace_key();
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(!status.success() && said.contains("record 1 of the audit was altered"), "{said}");
}

#[test]
fn the_admin_outlives_a_kill_and_the_set_up_does_not_come_back() {
    let mut portal = Portal::start(&[]);
    let cookie = portal.set_up();
    portal.restart();
    assert_eq!(portal.send(Call::get("/setup")).status, 404);
    assert_eq!(portal.send(Call::post("/api/user_list").json(&json!({})).cookie(&cookie)).status, 200);
    assert!(!portal.said().contains("setup token"));
}

#[test]
fn a_foreign_name_or_page_is_refused() {
    let portal = Portal::start(&[]);
    let cookie = portal.set_up();
    assert_eq!(portal.send(Call::get("/").host("evil.example")).status, 421);
    let write = || Call::post("/api/user_list").json(&json!({})).cookie(&cookie);
    assert_eq!(portal.send(write()).status, 200);
    assert_eq!(portal.send(write().header("origin", "https://evil.example")).status, 403);
    assert_eq!(
        portal.send(write().header("origin", "null").header("sec-fetch-site", "cross-site")).status,
        403
    );
}

#[test]
fn every_answer_carries_the_headers_that_protect_it() {
    let portal = Portal::start(&[]);
    for path in ["/login", "/setup", "/healthz", "/nothing"] {
        let answer = portal.send(Call::get(path));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
    }
    let cookie = portal.send(Call::post("/api/setup_admin").form(&format!(
        "token={}&name=ada&password={}",
        portal.token(),
        PASSWORD.replace(' ', "+")
    )));
    let set = cookie.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
}

/// Pages and files that are answered at the same time keep to their own headers and statuses.
#[test]
fn answers_do_not_mix() {
    let portal = Portal::start(&["--site", concat!(env!("CARGO_MANIFEST_DIR"), "/../public")]);
    let admin = portal.set_up();
    let user = json!({ "user": { "name": "otto", "role": "operator", "password": PASSWORD } });
    assert_eq!(portal.send(Call::post("/api/user_create").json(&user).cookie(&admin)).status, 200);
    let otto = portal.sign_in("otto");
    let ask = |path: &str, status: u16, is_page: bool| {
        for _ in 0..150 {
            let answer = portal.send(Call::get(path).header("accept", "text/html").cookie(&otto));
            assert_eq!(answer.status, status, "{path}");
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert_eq!(policy.contains("'nonce-"), is_page, "{path}: {policy}");
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| ask("/users", 403, true));
            scope.spawn(|| ask("/audit", 200, true));
            scope.spawn(|| ask("/favicon.svg", 200, false));
        }
    });
    assert!(!portal.said().contains("panicked"), "{}", portal.said());
}

#[test]
fn a_wrong_password_says_nothing_and_soon_waits() {
    let portal = Portal::start(&[]);
    portal.set_up();
    let attempt = |name: &str| {
        let form = format!("name={name}&password=wrong&next=/");
        portal.send(Call::post("/api/session_create").form(&form).header("accept", "application/json"))
    };
    let (known, unknown) = (attempt("ada"), attempt("nobody"));
    assert_eq!((known.status, unknown.status), (403, 403));
    let code = |body: &str| -> Option<String> {
        let value: Value = serde_json::from_str(body).ok()?;
        Some(value["problem"]["refused"]["code"].as_str()?.to_owned())
    };
    assert_eq!(code(&known.body), code(&unknown.body), "{} {}", known.body, unknown.body);
    let waits = (0..12).any(|_| attempt("ada").status == 429);
    assert!(waits, "guessing is not slowed down");
}

#[test]
fn a_wrong_option_is_refused_with_the_nearest_right_one() {
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_heddle")).args(args).output().unwrap();
    let wrong = run(&["--lissten", "127.0.0.1:0"]);
    assert!(!wrong.status.success());
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("--listen"), "{said}");
    let public = run(&["--listen", "0.0.0.0:0", "--data", "/nonexistent/heddle"]);
    assert!(!public.status.success());
    let help = run(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(
        ["--listen", "--data", "--key-file", "--local-engine"].iter().all(|flag| text.contains(flag)),
        "{text}"
    );
}

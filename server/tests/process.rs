//! The binary as a process: one data folder, one portal; an orderly end; who may ask.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "process/account.rs"]
mod account;
#[path = "portal/bed.rs"]
mod bed;
#[path = "process/keys.rs"]
mod keys;
#[path = "process/mail.rs"]
mod mail;
#[path = "process/presence.rs"]
mod presence;
#[path = "process/sessions.rs"]
mod sessions;
#[path = "process/stream.rs"]
mod stream;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bed::{Call, PASSWORD, Portal};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{SessionRecord, Store};

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

/// Half of what somebody asks is there when the portal is told to stop: they hear the answer all the same.
#[test]
fn sigterm_waits_for_who_has_begun_to_ask() {
    let mut portal = Portal::start(&[]);
    let (cookie, port) = (portal.set_up(), portal.port());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = json!({ "before": null }).to_string();
    let (begin, rest) = body.split_at(4);
    let head = format!(
        "POST /api/audit_list HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{begin}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Behind it in the line of what is asked: when this is answered, the other has begun.
    assert_eq!(
        portal.send(Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(&cookie)).status,
        200
    );
    thread::scope(|scope| {
        let answer = scope.spawn(move || {
            // Longer than connections are waited for on which nothing is asked.
            thread::sleep(Duration::from_secs(3));
            stream.write_all(rest.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let (status, took) = portal.terminate();
        assert!(status.success() && took < Duration::from_secs(10), "{status} {took:?}: {}", portal.said());
        let text = answer.join().unwrap();
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("setup"), "{text}");
    });
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
fn how_long_a_session_lasts_is_an_option() {
    let mut portal = Portal::start(&["--session-idle=7", "--session-max=9", "--session-max-admin=8"]);
    let cookie = portal.set_up();
    let user = json!({ "user": { "name": "uma", "role": "user", "password": PASSWORD } });
    let made = portal.send(Call::post("/api/user_create").json(&user).cookie(&cookie));
    assert!(made.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=420")), "{made:?}");
    let cookies = [cookie, portal.sign_in("uma")];
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| {
        for (cookie, minutes) in cookies.iter().zip([8, 9]) {
            let (_, id) = cookie.split_once('=').unwrap();
            let session = store.session_read(&hex::encode(Sha256::digest(id)), 0).await.unwrap().unwrap();
            assert_eq!(session.absolute_expires_ms - session.created_ms, minutes * 60_000);
        }
    });
}

/// Notes other ends of a session than it has, in the store of a portal that has ended.
async fn end_session(store: &Store, cookie: &str, idle_ms: i64, absolute_ms: i64) {
    let (_, id) = cookie.split_once('=').unwrap();
    let hash = hex::encode(Sha256::digest(id));
    let session = store.session_read(&hash, 0).await.unwrap().expect("the session of the cookie");
    let session = SessionRecord { expires_ms: idle_ms, absolute_expires_ms: absolute_ms, ..session };
    store.session_delete(&hash).await.unwrap();
    store.session_create(&session).await.unwrap();
}

#[test]
fn a_session_ends_when_it_idles_and_when_it_is_old() {
    let mut portal = Portal::start(&[]);
    let cookies = [portal.set_up(), portal.sign_in("ada"), portal.sign_in("ada")];
    let read = |portal: &Portal| {
        let ask = |cookie: &String| Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(cookie);
        cookies.each_ref().map(|cookie| portal.send(ask(cookie)).status)
    };
    assert_eq!(read(&portal), [200; 3]);
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let (past, later) = (i64::try_from(now).unwrap() - 1, i64::try_from(now).unwrap() + 3_600_000);
        end_session(store, &cookies[0], past, later).await;
        end_session(store, &cookies[1], later, past).await;
        end_session(store, &cookies[2], later, later).await;
    });
    portal.restart();
    assert_eq!(read(&portal), [401, 401, 200]);
}

#[test]
fn with_tls_the_cookie_is_bound_to_it_and_nothing_else_is_spoken() {
    let portal = Portal::start_tls();
    let form = format!("token={}&name=ada&password={}", portal.token(), PASSWORD.replace(' ', "+"));
    let made = portal.send(Call::post("/api/setup_admin").form(&form));
    let cookie = made.header("set-cookie").unwrap_or_else(|| panic!("{made:?}"));
    assert!(cookie.starts_with("__Host-heddle_sid=") && !cookie.contains("Domain"), "{cookie}");
    assert!(
        ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"].iter().all(|word| cookie.contains(word)),
        "{cookie}"
    );
    for path in ["/", "/login", "/healthz", "/pkg/nothing.js", "/nothing"] {
        let answer = portal.send(Call::get(path));
        let strict = answer.header("strict-transport-security");
        assert_eq!(strict, Some("max-age=31536000; includeSubDomains"), "{path}");
    }
    let read = Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(&made.cookie().unwrap());
    assert_eq!(portal.send(read).status, 200);
}

#[test]
fn without_tls_neither_is_claimed() {
    let portal = Portal::start(&[]);
    assert!(portal.set_up().starts_with("heddle_sid_"));
    assert_eq!(portal.send(Call::get("/login")).header("strict-transport-security"), None);
}

#[test]
fn signing_out_clears_what_the_browser_kept() {
    let portal = Portal::start(&[]);
    for (path, cookie) in
        [("/api/session_delete", portal.set_up()), ("/api/session_delete_all", portal.sign_in("ada"))]
    {
        let page = portal.send(Call::get("/").cookie(&cookie));
        assert_eq!(page.header("clear-site-data"), None);
        let out = portal.send(Call::post(path).form("").cookie(&cookie).header("accept", "text/html"));
        assert_eq!(out.status, 302);
        // Without the cookies, which hold language and theme.
        assert_eq!(out.header("clear-site-data"), Some("\"cache\", \"storage\""), "{path}");
    }
}

/// Whoever is refused leaves one row, by whichever way they came.
#[test]
fn refusals_stand_in_the_audit_once_each() {
    let portal = Portal::start(&[]);
    let admin = portal.set_up();
    let user = json!({ "user": { "name": "uma", "role": "user", "password": PASSWORD } });
    assert_eq!(portal.send(Call::post("/api/user_create").json(&user).cookie(&admin)).status, 200);
    let uma = portal.sign_in("uma");
    let call = |name: &str, body: Value| Call::post(&format!("/api/{name}")).json(&body);
    let page = |path: &str| Call::get(path).header("accept", "text/html");
    let chain = "chain/none";
    let asked = [
        (call("host_list", json!({})), 403, "host-list", "host"),
        (call("chain_read", json!({ "name": "none" })), 404, "chain-read", chain),
        (call("chain_stop", json!({ "name": "none" })), 404, "chain-stop", chain),
        (page("/users"), 403, "user-list", "user"),
        (page("/chains/none"), 404, "chain-read", chain),
        (Call::get("/chains/none/nodes/peer0-org1/log.txt"), 404, "node-read", chain),
        (Call::get("/chains/none/nodes/peer0-org1/logs"), 404, "node-read", chain),
        (Call::get("/chains/none/profile/org1.json"), 404, "profile-export", "chain/none/organization/org1"),
        (Call::get("/chains/none/material/org1.tar"), 404, "material-export", "chain/none/organization/org1"),
        (Call::post("/chains/none/package").raw("x"), 404, "chaincode-deploy", chain),
        (Call::post("/hosts/none/images").raw("x"), 403, "host-image-upload", "host/none"),
    ];
    let mut expected = vec![("sign-in".to_owned(), "user/uma".to_owned(), "ok".to_owned())];
    for (call, status, what, object) in asked {
        assert_eq!(portal.send(call.cookie(&uma)).status, status, "{what} {object}");
        let result = if status == 403 { "not-allowed" } else { "not-found" };
        expected.push((what.to_owned(), object.to_owned(), result.to_owned()));
    }
    let list = portal.send(call("audit_list", json!({ "before": null })).cookie(&admin));
    let rows: Vec<Value> = serde_json::from_str(&list.body).unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let of_uma = rows.iter().rev().filter(|row| row["who"] == "uma");
    let found: Vec<_> =
        of_uma.map(|row| (text(row, "what"), text(row, "object"), text(row, "result"))).collect();
    assert_eq!(found, expected);
    assert_eq!(
        rows.last().map(|row| (text(row, "who"), text(row, "what"))),
        Some(("ada".to_owned(), "setup".to_owned()))
    );
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
    assert!(portal.send(list).body.contains("user-create-user"));
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(!status.success() && said.contains("another portal has"), "{said}");
    assert!(portal.terminate().0.success());
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(status.success() && said.contains("the audit is whole: 4 records"), "{said}");
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
    assert_eq!(
        portal.send(Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(&cookie)).status,
        200
    );
    assert!(!portal.said().contains("setup token"));
}

#[test]
fn a_foreign_name_or_page_is_refused() {
    let portal = Portal::start(&[]);
    let cookie = portal.set_up();
    assert_eq!(portal.send(Call::get("/").host("evil.example")).status, 421);
    let write = || Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(&cookie);
    assert_eq!(portal.send(write()).status, 200);
    assert_eq!(portal.send(write().header("origin", "https://evil.example")).status, 403);
    assert_eq!(
        portal.send(write().header("origin", "null").header("sec-fetch-site", "cross-site")).status,
        403
    );
}

/// Another port of this machine is the same site: the browser sends the cookie along.
#[test]
fn what_another_site_asks_is_refused_and_recorded() {
    let portal = Portal::start(&[]);
    let cookie = portal.set_up();
    let from = |call: Call, site: &str, mode: &str, dest: &str| {
        let call = call.cookie(&cookie).header("origin", "http://127.0.0.1:9").header("sec-fetch-site", site);
        portal.send(call.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest)).status
    };
    let write = Call::post("/api/user_page").json(&json!({ "query": {} }));
    assert_eq!(from(write.clone(), "same-site", "cors", "empty"), 403);
    assert_eq!(from(Call::get("/events"), "same-site", "cors", "empty"), 403);
    let material = Call::get("/chains/none/material/org1.tar");
    assert_eq!(from(material.clone(), "cross-site", "navigate", "document"), 403);
    assert_eq!(from(Call::get("/users"), "cross-site", "no-cors", "image"), 403);
    // Links lead to pages; what the portal's own pages ask is answered, and nobody unknown is recorded.
    assert_eq!(from(Call::get("/users"), "cross-site", "navigate", "document"), 200);
    assert_eq!(from(material, "same-origin", "navigate", "document"), 404);
    assert_eq!(portal.send(write.clone().header("origin", "http://127.0.0.1:9")).status, 403);
    let list = Call::post("/api/audit_list").json(&json!({ "before": null })).cookie(&cookie);
    let rows: Vec<Value> = serde_json::from_str(&portal.send(list).body).unwrap();
    let refused = rows.iter().rev().filter(|row| row["what"] == "foreign-request");
    let refused: Vec<_> = refused.map(|row| (&row["who"], &row["object"], &row["result"])).collect();
    let (who, result) = (json!("ada"), json!("foreign-request"));
    let paths =
        ["/api/user_page", "/events", "/chains/none/material/org1.tar", "/users"].map(|path| json!(path));
    assert_eq!(refused, paths.iter().map(|path| (&who, path, &result)).collect::<Vec<_>>());
}

#[test]
fn there_is_one_set_up_and_a_new_session_for_each_sign_in() {
    let portal = Portal::start(&[]);
    let (token, first) = (portal.token(), portal.set_up());
    for token in [token.as_str(), "guessed"] {
        let form = format!("token={token}&name=eve&password={}", PASSWORD.replace(' ', "+"));
        let again = Call::post("/api/setup_admin").form(&form).header("accept", "application/json");
        let answer = portal.send(again);
        assert!(answer.status == 404 && answer.body.contains("setup-closed"), "{answer:?}");
        assert_eq!(answer.cookie(), None);
    }
    let form = format!("name=ada&password={}&next=/", PASSWORD.replace(' ', "+"));
    let answer = portal.send(Call::post("/api/session_create").form(&form).cookie(&first));
    let second = answer.cookie().unwrap_or_else(|| panic!("{answer:?}"));
    assert_ne!(first, second);
    let read = |cookie: &str| {
        portal.send(Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(cookie)).status
    };
    assert_eq!((read(&first), read(&second)), (401, 200), "an id known before is worth nothing");
}

#[test]
fn every_answer_carries_the_headers_that_protect_it() {
    let portal = Portal::start(&["--site", concat!(env!("CARGO_MANIFEST_DIR"), "/../public")]);
    let forged =
        Call::post("/api/user_page").json(&json!({ "query": {} })).header("origin", "https://evil.example");
    let asked = [
        (Call::get("/setup"), 200),
        (Call::get("/healthz"), 200),
        (Call::get("/favicon.svg"), 200),
        (Call::get("/nothing"), 404),
        (Call::get("/pkg/nothing.js"), 404),
        (Call::get("/chains/none/profile/org1.json"), 401),
        (Call::get("/events"), 401),
        (Call::post("/api/session_read").json(&json!({})), 200),
        (Call::post("/api/user_page").json(&json!({ "query": {} })), 401),
        (forged, 403),
        (Call::get("/login").host("evil.example"), 421),
    ];
    for (call, status) in asked {
        let (shown, answer) = (format!("{call:?}"), portal.send(call));
        assert_eq!(answer.status, status, "{shown}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {shown}");
        }
        assert!(answer.header("permissions-policy").is_some_and(|it| it.contains("camera=()")), "{shown}");
        assert!(answer.header("cache-control").is_some_and(|it| it.starts_with("no-")), "{shown}");
        let untold =
            ["server", "x-powered-by", "access-control-allow-origin"].map(|name| answer.header(name));
        assert_eq!(untold, [None; 3], "{shown}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{shown}"
        );
        assert!(!policy.contains("unsafe-inline"), "{shown}: {policy}");
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
fn the_token_is_told_however_little_is_logged() {
    let portal = Portal::start(&["--log", "off"]);
    assert!(portal.token().len() >= 16);
    assert!(portal.said().contains("listening on 127.0.0.1:"), "{}", portal.said());
}

#[test]
fn a_mistyped_variable_and_a_wrong_level_are_refused() {
    let with = |variable: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
        let told = command.env(variable, "x").args(["config", "print"]).output().unwrap();
        (told.status.success(), String::from_utf8_lossy(&told.stderr).into_owned())
    };
    let (started, said) = with("HEDDLE_DATTA");
    assert!(!started && said.contains("did you mean HEDDLE_DATA?"), "{said}");
    let (started, said) = with("HEDDLE_SERVICE_HOST");
    assert!(started && said.contains("no option reads HEDDLE_SERVICE_HOST"), "{said}");
    for wrong in ["verbose", "info,control=loud"] {
        let refused = Command::new(env!("CARGO_BIN_EXE_heddle"))
            .args(["--log", wrong, "--data", "/nonexistent/heddle"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("is no level"), "{said}");
    }
}

#[test]
fn options_are_shown_with_their_origin_and_without_the_content_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let (key, secret) = (folder.path().join("portal.key"), "5e".repeat(32));
    std::fs::write(&key, &secret).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
    command.env("HEDDLE_KEY_FILE", &key).arg("--tls-key").arg(&key).args(["config", "print"]);
    let shown = command.output().unwrap();
    let said = String::from_utf8_lossy(&[shown.stdout, shown.stderr].concat()).into_owned();
    assert!(shown.status.success(), "{said}");
    let path = key.display().to_string();
    for line in [format!("key-file = {path:?}  # environment"), format!("tls-key = {path:?}  # flag")] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    assert!(!said.contains(&secret), "{said}");
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

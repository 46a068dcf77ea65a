//! What a stolen, planted or old cookie is worth: nothing, and what ends a session.

use std::io::Read;
use std::thread;

use serde_json::json;

use crate::bed::{Call, PASSWORD, Portal};

fn status(portal: &Portal, cookie: &str) -> u16 {
    portal.send(Call::post("/api/chain_list").json(&json!({})).cookie(cookie)).status
}

/// Reads a stream up to the blank line behind its head, so that it stands.
fn head(stream: &mut dyn Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn v7_2_4_an_id_that_somebody_chose_before_signs_nobody_in() {
    let portal = Portal::start(&[]);
    let cookie = portal.set_up();
    let (name, _) = cookie.split_once('=').unwrap();
    let sign_in = |cookie: &str| {
        let form = format!("name=ada&password={}&next=/", PASSWORD.replace(' ', "+"));
        let answer = portal.send(Call::post("/api/session_create").form(&form).cookie(cookie));
        answer.cookie().unwrap_or_else(|| panic!("{answer:?}"))
    };
    // Well formed, malformed and empty, each twice in one request: the one that counts is made at the sign-in.
    let planted = ["A".repeat(22), "x".to_owned(), String::new()];
    for planted in planted.map(|id| format!("{name}={id}")) {
        let given = sign_in(&format!("{planted}; {planted}"));
        assert_ne!(given, planted);
        // 128 bits in six of a letter.
        assert!(given.len() >= name.len() + 1 + 22, "{given}");
        assert_eq!((status(&portal, &planted), status(&portal, &given)), (401, 200), "{planted}");
    }
}

#[test]
fn v7_4_1_a_cookie_is_worth_nothing_after_the_sign_out_also_in_a_stream() {
    let portal = Portal::start(&[]);
    let (cookie, other) = (portal.set_up(), portal.sign_in("ada"));
    let mut stream = portal.begin(Call::get("/events").cookie(&cookie));
    assert!(head(&mut stream).starts_with("HTTP/1.1 200"));
    let out = portal.send(Call::post("/api/session_delete").form("").cookie(&cookie));
    assert!([200, 302].contains(&out.status), "{out:?}");
    // Replayed while the stream that it opened may still stand.
    let ask = |call: Call| portal.send(call.cookie(&cookie)).status;
    assert_eq!((status(&portal, &cookie), ask(Call::get("/events"))), (401, 401));
    assert_eq!(ask(Call::get("/chains").header("accept", "text/html")), 302);
    assert_eq!(ask(Call::get("/chains/none/material/org1.tar")), 401);
    // The stream ends by itself, and ending the session once more brings nothing back.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    portal.send(Call::post("/api/session_delete").form("").cookie(&cookie));
    assert_eq!(status(&portal, &cookie), 401);
    assert_eq!(status(&portal, &other), 200, "another session of the same person goes on");
}

#[test]
fn signing_out_everywhere_ends_every_session_and_stream() {
    let portal = Portal::start(&[]);
    let (first, second) = (portal.set_up(), portal.sign_in("ada"));
    assert_ne!(first, second);
    let read = |cookie: &str| {
        portal.send(Call::post("/api/user_page").json(&json!({ "query": {} })).cookie(cookie)).status
    };
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

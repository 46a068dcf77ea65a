//! What keeps a session alive: somebody, and no page by itself.

use serde_json::json;

use crate::bed::{Call, Portal};

#[test]
fn what_a_page_asks_by_itself_keeps_no_session_alive() {
    let portal = Portal::start(&[]);
    let session = portal.set_up();
    let ask = |others: &str| {
        let call = Call::post("/api/chain_list").json(&json!({})).header("accept", "application/json");
        let answer = portal.send(call.cookie(&format!("{session}; {others}")));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("set-cookie").is_some()
    };
    // A session that was never used is put off by the first one that somebody is behind.
    assert!(!ask("heddle_script=1"));
    assert!(ask("heddle_script=1; heddle_here=1"));
    // Whoever follows a link is there, whatever their browser has told before.
    let session = portal.sign_in("ada");
    let page =
        Call::get("/chains").header("accept", "text/html").cookie(&format!("{session}; heddle_script=1"));
    assert!(portal.send(page).header("set-cookie").is_some());
}

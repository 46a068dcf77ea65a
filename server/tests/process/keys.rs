//! Another key for a portal that is stopped.

use serde_json::json;

use crate::bed::{Call, PASSWORD, Portal};

/// The text of the only key beside the data.
fn key(portal: &Portal) -> String {
    let files = portal.files();
    let mut keys = files.iter().filter(|path| path.to_string_lossy().contains(".key"));
    let key = std::fs::read_to_string(keys.next().unwrap()).unwrap();
    assert_eq!(keys.next(), None);
    key
}

#[test]
fn a_new_key_takes_the_place_of_the_former_one() {
    let mut portal = Portal::start(&[]);
    let cookie = portal.set_up();
    let former = key(&portal);
    let (status, said) = portal.command(&["key", "rotate"]);
    assert!(!status.success() && said.contains("another portal has"), "{said}");
    assert!(portal.terminate().0.success());
    assert_eq!(key(&portal), former);
    for _ in 0..2 {
        let before = key(&portal);
        let (status, said) = portal.command(&["key", "rotate"]);
        assert!(status.success() && said.contains("sealed with a new key"), "{said}");
        // The database is closed, and not merely left.
        assert!(!said.contains("ERROR"), "{said}");
        assert_ne!(key(&portal), before);
    }
    // What was recorded before is linked with what is recorded now.
    portal.restart();
    let user = json!({ "user": { "name": "uma", "role": "user", "password": PASSWORD } });
    assert_eq!(portal.send(Call::post("/api/user_create").json(&user).cookie(&cookie)).status, 200);
    let list = Call::post("/api/audit_list").json(&json!({ "before": null })).cookie(&cookie);
    let records: Vec<serde_json::Value> = serde_json::from_str(&portal.send(list).body).unwrap();
    let rotated = records.iter().filter(|record| record["what"] == "key-rotate");
    assert_eq!(
        rotated.map(|record| record["who"].as_str().unwrap()).collect::<Vec<_>>(),
        ["command line"; 2]
    );
    assert!(portal.terminate().0.success());
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(status.success() && said.contains("the audit is whole: 6 records"), "{said}");
    portal.replace_key();
    let (status, said) = portal.command(&["audit", "verify"]);
    assert!(!status.success() && said.contains("holds another key"), "{said}");
}

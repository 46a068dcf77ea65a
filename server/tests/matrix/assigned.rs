//! Fields that nobody asked for: a role, an owner, an id, a state beside what a form holds. Beside the arguments of a call
//! they are ignored, inside of what is sent they make it malformed, and in neither case do they change anything.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::bed::{Answer, Call, PASSWORD, Portal};
use crate::{people, rows};

/// What is put beside what belongs there.
fn smuggled() -> Map<String, Value> {
    let fields = json!({
        "role": "admin",
        "id": "none",
        "owner": "uma",
        "user": "ada",
        "state": "active",
        "is_admin": true,
        "caller": { "user": { "role": "admin" } },
        "proved_ms": i64::MAX,
        "quota": null,
        "password_hash": "",
        "created_ms": 0,
    });
    fields.as_object().unwrap().clone()
}

/// Puts it beside the arguments.
fn beside(body: &Value) -> Value {
    let mut fields = smuggled();
    fields.extend(body.as_object().unwrap().clone());
    Value::Object(fields)
}

/// Puts it into everything that is sent as an argument. The filters of a list are no fields: a list knows its own.
fn inside(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(inside).collect(),
        Value::Object(fields) => {
            let mut all = smuggled();
            let kept =
                |name: &str, value: &Value| if name == "filters" { value.clone() } else { inside(value) };
            all.extend(fields.iter().map(|(name, value)| (name.clone(), kept(name, value))));
            Value::Object(all)
        }
        other => other.clone(),
    }
}

fn ask(portal: &Portal, name: &str, body: &Value, cookie: &str) -> Answer {
    portal.send(Call::post(&format!("/api/{name}")).json(body).cookie(cookie))
}

/// Id, role and state of everybody, by name.
fn everybody(portal: &Portal, admin: &str) -> BTreeMap<String, [String; 3]> {
    let answer = ask(portal, "user_page", &json!({ "query": {} }), admin);
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let line = |row: &Value| (text(row, "name"), ["id", "role", "state"].map(|key| text(row, key)));
    page["rows"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn v15_3_3_fields_that_nobody_asked_for_change_nothing() {
    let portal = Portal::start(&[]);
    let everyone = people(&portal);
    let [_, uma, _, admin] = &everyone;
    let (before, mut wrong) = (everybody(&portal, admin), Vec::new());
    for (name, body, expected) in rows() {
        for (cookie, expected) in everyone.iter().zip(expected).skip(1) {
            let answer = ask(&portal, name, &beside(&body), cookie);
            if answer.status != expected {
                wrong.push(format!("{name}: {} instead of {expected}: {}", answer.status, answer.body));
            }
        }
        let nested: Map<String, Value> =
            body.as_object().unwrap().iter().map(|(name, value)| (name.clone(), inside(value))).collect();
        let nested = Value::Object(nested);
        // What holds nothing but single values is the same as before.
        if nested != body {
            let answer = ask(&portal, name, &nested, admin);
            if answer.status != 400 || !answer.body.contains("malformed") {
                wrong.push(format!("{name} with more inside: {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let after = everybody(&portal, admin);
    assert!(before.iter().all(|(name, line)| after.get(name) == Some(line)), "{before:?} became {after:?}");
    let [id, role, _] = &after["mona"];
    assert!(role == "user" && id != "none", "{after:?}");
    assert_eq!((after["ivy"][1].as_str(), after["ivy"][2].as_str()), ("user", "invited"));
    assert_eq!(ask(&portal, "user_page", &json!({ "query": {} }), uma).status, 403);
}

/// What changes something is sent in a body: an address that somebody follows does nothing, whoever they are.
#[test]
fn v3_5_3_no_server_function_is_asked_by_an_address() {
    let portal = Portal::start(&[]);
    let admin = portal.set_up();
    for (name, _, _) in rows() {
        let answer = portal.send(Call::get(&format!("/api/{name}")).cookie(&admin));
        assert!([404, 405].contains(&answer.status), "{name}: {}", answer.status);
    }
}

#[test]
fn v15_3_3_forms_are_of_who_sends_them_whatever_they_name() {
    let portal = Portal::start(&[]);
    let [_, uma, _, admin] = people(&portal);
    let before = everybody(&portal, &admin);
    let (ada, password) = (&before["ada"][0], PASSWORD.replace(' ', "+"));
    let more = format!("role=admin&id={ada}&user={ada}&owner={ada}&state=active&is_admin=true");
    let send = |path: &str, fields: &str, cookie: &str| {
        portal.send(Call::post(path).form(&format!("{fields}&{more}")).cookie(cookie))
    };
    let profile = ask(&portal, "profile_read", &json!({}), &admin).body;
    let fields = "display_name=Changed&organization=&location=&bio=&time_zone=&shortcuts=true";
    assert!([200, 302].contains(&send("/api/profile_save", fields, &uma).status));
    assert!(ask(&portal, "profile_read", &json!({}), &uma).body.contains("Changed"));
    assert_eq!(ask(&portal, "profile_read", &json!({}), &admin).body, profile);
    let fields = format!("old={password}&new=other+plain+words+together");
    let uma = send("/api/password_change", &fields, &uma).cookie().unwrap();
    assert_eq!(ask(&portal, "user_page", &json!({ "query": {} }), &uma).status, 403);
    // Hers was changed, and nobody else's.
    portal.sign_in("ada");
    let made = send("/users", &format!("name=mia&password={password}&role=user"), "");
    assert_eq!(made.status, 401, "{made:?}");
    assert_eq!(ask(&portal, "registration_set", &json!({ "open": true }), &admin).status, 200);
    let asked =
        send("/api/user_register", &format!("name=eve&email=eve%40example.org&password={password}"), "");
    assert!([200, 302].contains(&asked.status), "{asked:?}");
    let after = everybody(&portal, &admin);
    assert!(before.iter().all(|(name, line)| after.get(name) == Some(line)), "{before:?} became {after:?}");
    assert_eq!((after["eve"][1].as_str(), after["eve"][2].as_str()), ("user", "waiting"));
}

//! One's own account over HTTP: a session gets another id with every step up, what stands before everything else answers
//! nothing, and a session that is ended is ended in its streams, too.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::bed::{Answer, Call, PASSWORD, Portal};

/// A session ends in its streams within this time, with some patience for slow machines.
const ENDS: Duration = Duration::from_secs(10);
const OTHER: &str = "other plain words together";

fn form(portal: &Portal, name: &str, fields: &str, cookie: &str) -> Answer {
    portal.send(Call::post(&format!("/api/{name}")).form(fields).cookie(cookie))
}

fn ask(portal: &Portal, name: &str, body: &Value, cookie: &str) -> Answer {
    portal.send(Call::post(&format!("/api/{name}")).json(body).cookie(cookie))
}

fn status(portal: &Portal, cookie: &str) -> u16 {
    ask(portal, "chain_list", &json!({}), cookie).status
}

/// Text as a form sends it.
fn typed(text: &str) -> String {
    text.replace(' ', "+")
}

/// A portal with an admin, and a user whose cookie it is.
fn with_uma() -> (Portal, String, String) {
    let portal = Portal::start(&[]);
    let admin = portal.set_up();
    let user = json!({ "user": { "name": "uma", "role": "user", "password": PASSWORD } });
    assert_eq!(ask(&portal, "user_create", &user, &admin).status, 200);
    let uma = portal.sign_in("uma");
    (portal, admin, uma)
}

/// What an app shows for a secret, some half minutes from now.
fn code(secret: &str, ahead: u64) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret
        .chars()
        .filter_map(|letter| ALPHABET.find(letter))
        .map(|value| format!("{value:05b}"))
        .collect();
    let bytes: Vec<u8> =
        (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap()).collect();
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + ahead;
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(&bytes).unwrap();
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[19] & 0x0f);
    let number = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Sets a second factor up for whoever has just signed in; the secret and a recovery code.
fn enrol(portal: &Portal, cookie: &str) -> (String, String) {
    assert_eq!(form(portal, "second_factor_begin", "", cookie).status, 200);
    let view: Value =
        serde_json::from_str(&ask(portal, "second_factor_read", &json!({}), cookie).body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let secret = text(&view["enrolment"]["secret"]);
    let recovery = text(&view["enrolment"]["recovery"][0]);
    let confirmed = form(portal, "second_factor_confirm", &format!("code={}", code(&secret, 0)), cookie);
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    let after = ask(portal, "second_factor_read", &json!({}), cookie).body;
    assert!(!after.contains(&secret) && !after.contains(&recovery), "shown once: {after}");
    (secret, recovery)
}

/// The cookie after a right password, and whether it leads to the code.
fn password(portal: &Portal, name: &str, before: &str) -> (String, bool) {
    let fields = format!("name={name}&password={}&next=/", typed(PASSWORD));
    let call = Call::post("/api/session_create").form(&fields).cookie(before).header("accept", "text/html");
    let answer = portal.send(call);
    let leads = answer.header("location").is_some_and(|to| to.starts_with("/login/code"));
    (answer.cookie().unwrap_or_else(|| panic!("{answer:?}")), leads)
}

#[test]
fn every_step_up_gives_a_session_another_id() {
    let (portal, _, uma) = with_uma();
    let is_dead = |cookie: &str| assert_eq!(status(&portal, cookie), 401, "an id from before");
    let proved = form(&portal, "session_prove", &format!("password={}", typed(PASSWORD)), &uma);
    let second = proved.cookie().unwrap_or_else(|| panic!("{proved:?}"));
    is_dead(&uma);
    let fields = format!("old={}&new={}", typed(PASSWORD), typed(OTHER));
    let changed = form(&portal, "password_change", &fields, &second);
    let third = changed.cookie().unwrap_or_else(|| panic!("{changed:?}"));
    is_dead(&second);
    assert_eq!(status(&portal, &third), 200);
    assert_eq!(form(&portal, "session_prove", "password=a+wrong+one", &third).status, 403);
    assert_eq!(status(&portal, &third), 200, "a refusal leaves the session as it is");
}

#[test]
fn a_code_follows_the_password_in_a_session_that_answers_nothing_else() {
    let (portal, _, uma) = with_uma();
    let (secret, recovery) = enrol(&portal, &uma);
    let (half, leads) = password(&portal, "uma", &uma);
    assert!(leads && half != uma);
    assert_eq!((status(&portal, &uma), status(&portal, &half)), (401, 401));
    // A page that is there asks for the code itself, and is not led away.
    let fields = format!("name=uma&password={}&next=/chains&in_place=true", typed(PASSWORD));
    let stays = form(&portal, "session_create", &fields, "");
    assert_eq!((stays.status, stays.header("location")), (200, None), "{stays:?}");
    assert_eq!(status(&portal, &stays.cookie().unwrap()), 401, "half of a sign-in is none");
    let page = |path: &str| Call::get(path).header("accept", "text/html").cookie(&half);
    assert_eq!((portal.send(page("/")).status, portal.send(page("/login/code")).status), (302, 200));
    assert_eq!(portal.send(page("/events")).status, 401);
    let send =
        |code: &str, cookie: &str| form(&portal, "session_code", &format!("code={code}&next=/"), cookie);
    assert_eq!(send(&code(&secret, 0), "").status, 403, "without the password");
    assert_eq!(send("000000", &half).status, 403);
    // That of the step in which it was confirmed is used up; the next one counts already.
    let next = code(&secret, 1);
    let whole = send(&next, &half);
    let cookie = whole.cookie().unwrap_or_else(|| panic!("{whole:?}"));
    assert_ne!(cookie, half);
    assert_eq!((status(&portal, &half), status(&portal, &cookie)), (401, 200));
    let (half, _) = password(&portal, "uma", "");
    assert_eq!(send(&next, &half).status, 403, "replayed");
    let whole = send(&recovery, &half).cookie().unwrap();
    assert_eq!(status(&portal, &whole), 200);
    let (half, _) = password(&portal, "uma", "");
    assert_eq!(send(&recovery, &half).status, 403, "each once");
    let listed: Value = serde_json::from_str(&ask(&portal, "session_list", &json!({}), &whole).body).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "one that waits for its code is none yet: {listed}");
}

#[test]
fn what_somebody_chose_comes_with_the_next_sign_in() {
    let (portal, _, uma) = with_uma();
    let look = json!({ "language": "zh-CN", "theme": "dark" });
    assert_eq!(ask(&portal, "look_save", &look, &uma).status, 200);
    let fields = "display_name=&organization=&location=&bio=&time_zone=Asia%2FTokyo&shortcuts=false";
    let saved = form(&portal, "profile_save", fields, &uma);
    let cookies = |answer: &Answer| -> Vec<String> {
        let lines = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        lines.filter_map(|(_, line)| line.split(';').next().map(str::to_owned)).collect()
    };
    assert!(cookies(&saved).contains(&"heddle_zone=Asia/Tokyo".to_owned()), "{saved:?}");
    let fields = format!("name=uma&password={}&next=/", typed(PASSWORD));
    let told = cookies(&form(&portal, "session_create", &fields, ""));
    for wanted in ["heddle_lang=zh-CN", "heddle_theme=dark", "heddle_zone=Asia/Tokyo"] {
        assert!(told.iter().any(|cookie| cookie == wanted), "{wanted}: {told:?}");
    }
    // Somebody else in the same browser gets none of it but what they chose.
    let fields = format!("name=ada&password={}&next=/", typed(PASSWORD));
    let told = cookies(&form(&portal, "session_create", &fields, "heddle_zone=Asia/Tokyo"));
    assert!(told.contains(&"heddle_zone=".to_owned()), "{told:?}");
    assert!(!told.iter().any(|cookie| cookie.starts_with("heddle_theme")), "{told:?}");
}

#[test]
fn one_session_of_several_is_ended_with_its_streams() {
    let (portal, admin, uma) = with_uma();
    let other = portal.sign_in("uma");
    let list = |cookie: &str| -> Vec<Value> {
        serde_json::from_str(&ask(&portal, "session_list", &json!({}), cookie).body).unwrap()
    };
    let lines = list(&other);
    let find = |is_this: bool| lines.iter().find(|line| line["is_this"] == is_this).unwrap()["id"].clone();
    let (own, first) = (find(true), find(false));
    let end = |id: &Value, cookie: &str| {
        form(&portal, "session_end", &format!("id={}", id.as_str().unwrap()), cookie).status
    };
    assert_eq!(end(&own, &admin), 404, "somebody else's does not exist");
    thread::scope(|scope| {
        let stream = scope.spawn(|| portal.read_to_end(Call::get("/events").cookie(&uma)));
        // The stream has to stand before its session ends.
        thread::sleep(Duration::from_secs(1));
        let begin = Instant::now();
        assert_eq!(end(&first, &other), 200);
        assert_eq!((status(&portal, &uma), status(&portal, &other)), (401, 200));
        stream.join().unwrap();
        assert!(begin.elapsed() < ENDS, "{:?}", begin.elapsed());
    });
    assert_eq!(end(&own, &other), 200);
    assert_eq!(status(&portal, &other), 401);
}

#[test]
fn a_password_that_was_made_for_somebody_is_changed_first() {
    let (mut portal, _, _) = with_uma();
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| {
        let uma = store.user_by_name("uma").await.unwrap().unwrap();
        store.user_password_set(&uma.id, &uma.password_hash, true, None).await.unwrap();
    });
    portal.restart();
    let uma = portal.sign_in("uma");
    let refused = ask(&portal, "chain_list", &json!({}), &uma);
    assert!(refused.status == 403 && refused.body.contains("password-must-change"), "{refused:?}");
    let page = |path: &str| portal.send(Call::get(path).header("accept", "text/html").cookie(&uma));
    let led = page("/chains");
    assert_eq!((led.status, led.header("location")), (302, Some("/account")));
    let account = page("/account");
    assert!(account.status == 200 && account.body.contains("Present password"), "{}", account.status);
    assert!(!account.body.contains("Sessions"), "nothing else is there");
    let looks = portal.send(Call::post("/preferences").form("theme=dark").cookie(&uma));
    assert_eq!(looks.status, 303);
    assert_eq!(page("/chains/none/profile/org1.json").status, 403);
    let fields = format!("old={}&new={}", typed(PASSWORD), typed(OTHER));
    let changed = form(&portal, "password_change", &fields, &uma).cookie().unwrap();
    assert_eq!(status(&portal, &changed), 200);
}

#[test]
fn a_role_that_needs_a_second_factor_gets_nothing_else_without_one() {
    let (portal, admin, uma) = with_uma();
    let set =
        |roles: Value| ask(&portal, "second_factor_roles_save", &json!({ "roles": roles }), &admin).status;
    assert_eq!(set(json!(["user"])), 200);
    let refused = ask(&portal, "chain_list", &json!({}), &uma);
    assert!(refused.status == 403 && refused.body.contains("second-factor-needed"), "{refused:?}");
    assert_eq!(status(&portal, &admin), 200, "other roles need none");
    enrol(&portal, &uma);
    assert_eq!(status(&portal, &uma), 200);
}

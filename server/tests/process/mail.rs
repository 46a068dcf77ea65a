//! Mail from the options to a server: an invitation arrives with a link by which its person gets in.

use serde_json::{Value, json};
use smtp::Peer;

use crate::bed::{Call, PASSWORD, Portal, until};

#[path = "../portal/smtp.rs"]
mod smtp;

#[test]
fn an_invitation_arrives_and_its_link_lets_in() {
    let peer = Peer::start("250 fine", None);
    let url = format!("smtp://127.0.0.1:{}", peer.port);
    let public = "http://localhost:3000";
    let flags = ["--smtp-url", &url, "--mail-from", "portal@p.example", "--public-url", public];
    let portal = Portal::start(&flags);
    let admin = portal.set_up();
    let ask = |name: &str, body: &Value| {
        let answer = portal.send(Call::post(&format!("/api/{name}")).json(body).cookie(&admin));
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    let setting = ask("mail_read", &json!({}));
    assert_eq!(setting["sender"]["server"], format!("127.0.0.1:{}", peer.port));
    let invitation = json!({ "name": "ivy", "role": "user", "email": "ivy@p.example" });
    let shown = ask("user_invite", &json!({ "invitation": invitation }));
    assert_eq!(shown["mailed_to"], "ivy@p.example");
    let letter = until(|| peer.letters().first().map(|letter| readable(letter)));
    assert!(peer.commands().contains(&"RCPT TO:<ivy@p.example>".to_owned()), "{:?}", peer.commands());
    let begin = format!("{public}/welcome?token=");
    let link = letter.lines().find_map(|line| line.trim_end().strip_prefix(&begin)).unwrap();
    assert_eq!(shown["secret"], format!("{begin}{link}"));
    let form = format!("token={link}&password={}", PASSWORD.replace(' ', "+"));
    let welcome = portal.send(Call::post("/api/user_welcome").form(&form));
    assert!(welcome.status < 400, "{welcome:?}");
    assert!(!portal.sign_in("ivy").is_empty());
    let sent = until(|| {
        let read = ask("user_read", &json!({ "id": shown["id"] }));
        (read["mail"]["state"] == "sent").then(|| read["mail"]["to"].clone())
    });
    assert_eq!(sent, "ivy@p.example");
    assert!(!portal.said().contains(link), "a link is in the log: {}", portal.said());
}

/// Undoes the encoding of long lines and of what is not ASCII (quoted-printable, RFC 2045 §6.7).
fn readable(letter: &str) -> String {
    if !letter.contains("quoted-printable") {
        return letter.to_owned();
    }
    let joined = letter.replace("=\r\n", "");
    let mut parts = joined.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        // An equals sign that begins no byte stands in the head, which is not encoded this way.
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'=');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

//! Text of others on the portal's pages: whatever it is, it stays text. Pages are taken apart as a browser does it, so that
//! what counts is what it would make of them. In the browser itself nothing else is written: texts go into properties
//! and text nodes, which the rules of the sources see to.

use crate::bed::{Call, PASSWORD, Portal};
use crate::corpus::{MARK, STRINGS, corpus, marks};
use crate::html::{Piece, decoded, pieces};
use crate::{fixture, stored};

/// Attributes that lead somewhere.
const ADDRESSES: [&str; 6] = ["href", "src", "action", "formaction", "xlink:href", "data"];
/// Schemes that run what they carry.
const RUNNING: [&str; 3] = ["javascript:", "vbscript:", "data:"];

/// Whether a string would be markup, or an entity, as it is.
fn is_markup(text: &str) -> bool {
    text.contains(['<', '&'])
}

/// Whether a string of the corpus stands in what is written as it is.
fn is_bare(written: &str, strings: &[String]) -> bool {
    written.contains(MARK) && strings.iter().any(|text| is_markup(text) && written.contains(text.as_str()))
}

/// Whether an address runs something; blanks and line ends in it do not hinder that.
fn runs(address: &str) -> bool {
    let bare: String = decoded(address).chars().filter(|letter| !letter.is_whitespace()).collect();
    let bare = bare.to_ascii_lowercase();
    RUNNING.iter().any(|scheme| bare.starts_with(scheme)) && bare.contains(MARK)
}

/// Whether a string gets out of the text in a script that it stands in: by markup, or by a quote with nothing before it
/// that makes it part of the text.
fn leaves_script(script: &str, strings: &[String]) -> bool {
    let is_open = |at: usize| {
        let before = script[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before.is_multiple_of(2)
    };
    strings.iter().any(|text| {
        if text.contains('<') {
            return script.contains(text.as_str());
        }
        let quoted = text.find('"').map(|at| &text[at..]);
        quoted.is_some_and(|tail| script.match_indices(tail).any(|(at, _)| is_open(at)))
    })
}

/// What is wrong with an element.
fn wrong_tag(name: &str, attributes: &[(String, &str)], strings: &[String]) -> bool {
    // The portal's own scripts show the number that its policy names; there are no others, and no handlers.
    let is_strange =
        name == "script" && !attributes.iter().any(|(key, value)| key == "nonce" && !value.is_empty());
    let is_wrong = |(key, value): &(String, &str)| {
        key.contains(MARK)
            || key.starts_with("on")
            || (["style", "srcdoc"].contains(&key.as_str()) && value.contains(MARK))
            || is_bare(value, strings)
            || (ADDRESSES.contains(&key.as_str()) && runs(value))
    };
    is_strange || name.contains(MARK) || attributes.iter().any(is_wrong)
}

/// Every piece of a page in which a string of the corpus is more than text.
fn wrong_pieces(page: &str, strings: &[String]) -> Vec<String> {
    let is_wrong = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => is_bare(text, strings),
        Piece::Raw(element, text) if element == "script" => leaves_script(text, strings),
        Piece::Raw(_, text) | Piece::Comment(text) => text.contains(MARK),
        Piece::Open(name, attributes) => wrong_tag(name, attributes, strings),
        Piece::Close(name) => name.contains(MARK),
    };
    let wrong = pieces(page).into_iter().filter(is_wrong);
    wrong.map(|piece| format!("{piece:?}").chars().take(300).collect()).collect()
}

fn bare(text: &str) -> String {
    text.to_owned()
}

fn safe(text: &str) -> String {
    let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")];
    pairs.iter().fold(bare(text), |text, (from, to)| text.replace(from, to))
}

/// As a text of a script.
fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('<', "\\u003c")
}

#[test]
fn what_is_written_as_it_is_would_be_found() {
    let strings = corpus();
    let within = |before: &str, after: &str, written: fn(&str) -> String| {
        let page: String = strings.iter().map(|text| format!("{before}{}{after}", written(text))).collect();
        wrong_pieces(&page, &strings).len()
    };
    let places =
        [("<p>", "</p>"), ("<input value=\"", "\">"), ("<textarea>", "</textarea>"), ("<title>", "</title>")];
    for (before, after) in places {
        assert!(within(before, after, bare) > 20, "{before}");
        assert_eq!(within(before, after, safe), 0, "{before}");
    }
    // Where no writing of entities helps: these places are none for text at all, or take another writing.
    let none =
        [("<!--", "-->"), ("<script nonce=\"1\">x = \"", "\"</script>"), ("<b ", ">"), ("<a href=\"", "\">")];
    for (before, after) in none {
        assert!(within(before, after, bare) > 20, "{before}");
    }
    assert!(
        within("<a href=\"", "\">", safe) > 0,
        "an address that runs something is one however it is written"
    );
    assert_eq!(within("<script nonce=\"1\">x = ", "</script>", json), 0);
}

/// A portal full of hostile texts, and the cookie of its admin.
fn hostile_portal() -> (Portal, String) {
    let mut portal = Portal::start(&["--local-engine", "unix:///nonexistent/engine.sock"]);
    let admin = portal.set_up();
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| {
        fixture::fill(store, "ada").await;
        stored::fill(store).await;
    });
    portal.restart();
    (portal, admin)
}

/// Pages with stored texts, and how many of the strings have to be on each: as many as it reads in any case.
fn pages() -> Vec<(String, usize)> {
    let chain = format!("/chains/{}", fixture::CHAIN);
    let all = [
        "/account".to_owned(),
        "/audit".to_owned(),
        "/notices".to_owned(),
        "/templates".to_owned(),
        "/templates/small".to_owned(),
        format!("/hosts/{}/edit", stored::HOST),
        format!("/operations/{}", stored::OPERATION),
        format!("{chain}/transactions"),
    ];
    let others = [
        "/".to_owned(),
        "/apply".to_owned(),
        "/chains".to_owned(),
        "/chains/new".to_owned(),
        "/hosts".to_owned(),
        "/hosts/new".to_owned(),
        "/operations".to_owned(),
        "/users".to_owned(),
        "/wall".to_owned(),
        format!("/hosts/{}", stored::HOST),
        chain.clone(),
        format!("{chain}/chaincode"),
        format!("{chain}/channels"),
        format!("{chain}/channels/mychannel"),
        format!("{chain}/invoke"),
    ];
    all.into_iter().map(|page| (page, STRINGS)).chain(others.into_iter().map(|page| (page, 0))).collect()
}

/// A text as a part of an address.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What a page makes of its address: every parameter that any page reads, and one that none does.
fn address(path: &str, text: &str) -> String {
    let text = escaped(text);
    let keys = [
        "text", "sort", "after", "rows", "state", "who", "what", "object", "result", "from", "to", "owner",
        "name", "days", "before", "next", "token", "sent", "__path", "__err",
    ];
    let pairs: Vec<String> = keys.iter().map(|key| format!("{key}={text}")).collect();
    format!("{path}?{}&{text}={text}", pairs.join("&"))
}

/// Pages that read their address, and whether somebody signed in asks.
const READING: [(&str, bool); 10] = [
    ("/", true),
    ("/audit", true),
    ("/chains", true),
    ("/hosts", true),
    ("/operations", true),
    ("/users", true),
    ("/login", false),
    ("/register", false),
    ("/welcome", false),
    ("/nothing", false),
];

#[test]
fn v1_2_1_two_hundred_strings_in_every_text_stay_text() {
    let ((portal, admin), strings) = (hostile_portal(), corpus());
    let ask =
        |path: &str, cookie: &str| portal.send(Call::get(path).header("accept", "text/html").cookie(cookie));
    let mut wrong = Vec::new();
    for (path, wanted) in pages() {
        let answer = ask(&path, &admin);
        let found = marks(&answer.body);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        if wanted > 0 && (answer.status, found) != (200, wanted) {
            wrong.push(format!("{path}: {} with {found} of {wanted} strings", answer.status));
        }
        wrong.extend(wrong_pieces(&answer.body, &strings).iter().map(|piece| format!("{path}: {piece}")));
    }
    // In addresses: each string on one page, so that every page gets twenty, of every way to write them.
    for (number, text) in strings.iter().enumerate() {
        let (path, is_signed_in) = READING[(number + number / READING.len()) % READING.len()];
        let answer = ask(&address(path, text), if is_signed_in { admin.as_str() } else { "" });
        wrong.extend(wrong_pieces(&answer.body, &strings).iter().map(|piece| format!("{path}: {piece}")));
        if answer.header("location").is_some_and(|to| runs(to) || to.starts_with("//")) {
            wrong.push(format!("{path} leads to {:?}", answer.header("location")));
        }
    }
    // In a path, and in a form that is refused.
    for text in strings.iter().step_by(9) {
        let below = ask(&format!("/chains/{}", escaped(text)), &admin);
        let form = format!("name={}&role=user&password={}", escaped(text), PASSWORD.replace(' ', "+"));
        let call = Call::post("/users").form(&form).header("accept", "text/html").cookie(&admin);
        for answer in [below, portal.send(call)] {
            assert!((400..500).contains(&answer.status) || answer.status == 303, "{text}: {}", answer.status);
            wrong.extend(wrong_pieces(&answer.body, &strings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!portal.said().contains("panicked"), "{}", portal.said());
}

//! The tables agree with each other.

use std::collections::BTreeSet;

use domain::Error;

use super::*;

fn holes(text: &str) -> BTreeSet<String> {
    text.split('{').skip(1).filter_map(|p| p.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn both_languages_fill_the_same_places() {
    for ((name, en), (_, zh)) in Lang::En.text().entries().into_iter().zip(Lang::Zh.text().entries()) {
        assert_eq!(holes(en), holes(zh), "{name}");
        assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{name}");
    }
}

#[test]
fn nothing_is_left_in_the_other_language() {
    let same_in_both = ["brand", "tls_pem", "fabric"];
    for ((name, en), (_, zh)) in Lang::En.text().entries().into_iter().zip(Lang::Zh.text().entries()) {
        assert!(en.is_ascii() || en.chars().all(|c| !('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}");
        let chinese = zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(chinese || same_in_both.contains(&name), "{name} is not translated");
    }
}

/// Codes in the order of the domain; serde reads each back from its word, so none can be misspelt here.
fn codes() -> Vec<Code> {
    let source = include_str!("../../../server/domain/src/error.rs");
    let body = source.split("pub enum Code {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    body.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//") && line.ends_with(','))
        .map(|line| {
            let mut word = String::new();
            for letter in line.trim_end_matches(',').chars() {
                if letter.is_ascii_uppercase() && !word.is_empty() {
                    word.push('-');
                }
                word.push(letter.to_ascii_lowercase());
            }
            serde_json::from_value(serde_json::Value::String(word)).unwrap()
        })
        .collect()
}

#[test]
fn every_code_has_a_sentence_in_both_languages() {
    let codes = codes();
    assert!(codes.len() > 60);
    for code in codes {
        let (en, zh) = (Lang::En.code(code), Lang::Zh.code(code));
        assert_eq!(holes(en), holes(zh), "{code:?}");
        assert!(en.ends_with('.') && zh.ends_with('。'), "{code:?}");
    }
}

#[test]
fn values_stand_in_the_sentence() {
    let error = Error::invalid(Code::TooManyPeers).with("max", 26).with("count", 27);
    for lang in Lang::ALL {
        let text = refusal_text(lang, &error);
        assert!(text.contains("26") && text.contains("27") && !text.contains('{'), "{text}");
    }
    let bare = refusal_text(Lang::En, &Error::invalid(Code::TooManyPeers));
    assert!(!bare.contains('{'), "{bare}");
}

#[test]
fn what_the_sentence_does_not_name_stands_behind_it() {
    let error = Error::unavailable(Code::HostEngine).with("why", "bad handshake");
    assert!(refusal_text(Lang::En, &error).ends_with("(bad handshake)"));
}

#[test]
fn the_language_follows_the_header() {
    for (header, lang) in [
        ("", Lang::En),
        ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
        ("fr, en;q=0.5, zh;q=0.7", Lang::Zh),
        ("de", Lang::En),
        ("en-GB;q=1.0, zh", Lang::En),
        ("zh;q=x", Lang::En),
    ] {
        assert_eq!(Lang::accepted(header), lang, "{header}");
    }
}

//! The tables agree with each other.

use std::collections::BTreeSet;

use domain::Error;

use super::*;

fn holes(text: &str) -> BTreeSet<String> {
    text.split('{').skip(1).filter_map(|p| p.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

/// Every text of a language with its name.
fn all(lang: Lang) -> table::Entries {
    let text = lang.text();
    [
        text.entries(),
        text.own().entries(),
        text.allowance().entries(),
        text.audit().entries(),
        text.cluster().entries(),
        text.code().entries(),
        text.deploying().entries(),
        text.expiry().entries(),
        text.history().entries(),
        text.holder().entries(),
        text.hosting().entries(),
        text.keys().entries(),
        text.list().entries(),
        text.node().entries(),
        text.notice().entries(),
        text.people().entries(),
        text.pool().entries(),
        text.stats().entries(),
        text.template().entries(),
    ]
    .concat()
}

#[test]
fn both_languages_fill_the_same_places() {
    for ((name, en), (_, zh)) in all(Lang::En).into_iter().zip(all(Lang::Zh)) {
        assert_eq!(holes(en), holes(zh), "{name}");
        assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{name}");
    }
}

#[test]
fn nothing_is_left_in_the_other_language() {
    let same_in_both = ["brand", "tls_pem", "fabric"];
    for ((name, en), (_, zh)) in all(Lang::En).into_iter().zip(all(Lang::Zh)) {
        assert!(en.is_ascii() || en.chars().all(|c| !('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}");
        let chinese = zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(chinese || same_in_both.contains(&name), "{name} is not translated");
    }
}

/// Codes in the order of the domain; serde reads each back from its word, so none can be misspelt here.
fn codes() -> Vec<Code> {
    let source = include_str!("../../../server/domain/src/error/code.rs");
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
fn states_are_words_of_the_language() {
    let error = Error::conflict(Code::ChainState).with("state", "stopped").with("allowed", "running, failed");
    let zh = refusal_text(Lang::Zh, &error);
    assert!(zh.contains("已停止") && zh.contains("运行中、失败") && !zh.contains("stopped"), "{zh}");
    assert!(refusal_text(Lang::En, &error).contains("when it is: running, failed"));
}

#[test]
fn why_a_node_ails_is_told_in_the_language_of_the_page() {
    let check = |why: Error, en: &str, zh: &str| {
        assert_eq!(refusal_text(Lang::En, &why).split_inclusive(['.', ';']).next(), Some(en));
        assert_eq!(refusal_text(Lang::Zh, &why).split_inclusive('。').next(), Some(zh));
    };
    for state in NodeState::ALL {
        let why = Error::unavailable(Code::NodeNotRunning).with("state", state.as_str());
        assert!(!refusal_text(Lang::Zh, &why).contains(state.as_str()), "{state:?}");
    }
    let stopped = Error::unavailable(Code::NodeNotRunning).with("state", "stopped");
    check(stopped, "The node does not run;", "节点未运行（已停止）。");
    let silent = Error::unavailable(Code::NodeSilent);
    check(silent, "The node runs, but does not answer.", "节点在运行，但没有响应。");
    let unwell = Error::unavailable(Code::NodeUnwell).with("why", "couchdb: down");
    assert!(refusal_text(Lang::Zh, &unwell).ends_with("(couchdb: down)"));
}

#[test]
fn what_the_sentence_does_not_name_stands_behind_it() {
    let error = Error::unavailable(Code::HostEngine).with("why", "bad handshake");
    assert!(refusal_text(Lang::En, &error).ends_with("(bad handshake)"));
}

#[test]
fn braces_of_values_and_examples_stay() {
    assert_eq!(fill("{a} and {b}, {c}", &[("a", "{b}"), ("b", "{x")]), "{b} and {x, …");
    let said = r#"{"error":"{max} of {count}"}"#;
    let error = Error::invalid(Code::PackageHostile).with("why", said).with("more", "{}");
    for lang in Lang::ALL {
        let text = refusal_text(lang, &error);
        assert!(text.contains(said) && text.ends_with("({})"), "{text}");
        let example = refusal_text(lang, &Error::invalid(Code::TransientMalformed));
        assert!(example.contains(r#"{"name":"value"}"#), "{example}");
    }
}

#[test]
fn what_fabric_keeps_is_told_in_both_languages() {
    let said = [("organization", "Org1MSP"), ("name", "example02"), ("version", "1.0"), ("sequence", "7")];
    let values = said.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let approval = |lang| code_text(lang, "approval-kept", &values).unwrap();
    let (en, zh) = (approval(Lang::En), approval(Lang::Zh));
    assert!(en.starts_with("Org1MSP has approved definition example02 1.0, sequence 7, and Fabric"), "{en}");
    assert!(zh.starts_with("Org1MSP 已批准定义 example02 1.0（序号 7），Fabric 无法撤回批准。"), "{zh}");
}

#[test]
fn a_failure_is_worded_like_a_refusal() {
    let refusals = [
        Error::conflict(Code::ChainState).with("state", "stopped").with("allowed", "running"),
        Error::unavailable(Code::HostEngineFailed).with("why", "bad {handshake}"),
        Error::invalid(Code::TooManyPeers),
    ];
    for (lang, error) in Lang::ALL.into_iter().flat_map(|lang| refusals.iter().map(move |one| (lang, one))) {
        let text = code_text(lang, &error.code.as_text(), &error.values);
        assert_eq!(text, Some(refusal_text(lang, error)));
    }
    let zh = code_text(Lang::Zh, "chain-state", &refusals[0].values).unwrap();
    assert!(zh.contains("已停止"), "{zh}");
    assert_eq!(code_text(Lang::En, "of-another-version", &refusals[0].values), None);
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

//! Rules that look at lines: promises without an issue, and markup that would break the pages' security policy.

use super::Finding;

/// Put together, so that this file does not find itself.
const PROMISES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// Files that others write.
const FOREIGN: [&str; 4] = ["Cargo.lock", "package-lock.json", "go.sum", "LICENSE"];

/// What a page must not contain, and why.
const MARKUP: [(&str, &str); 3] = [
    ("inner_html", "text is never set as markup"),
    (
        "<textarea>{",
        "a text area takes its content as the property `value`, or it loses its first line break",
    ),
    (" style=", "inline styles are refused by the security policy: use a class"),
];

/// How a form of a page may be sent. Without its script a form that says nothing puts what was typed into the address.
const SENDING: [&str; 2] = ["<form method=\"post\"", "<form method=\"dialog\""];

/// Checks one text file.
pub fn check(name: &str, content: &str) -> Vec<Finding> {
    if FOREIGN.iter().any(|file| name == *file || name.ends_with(&format!("/{file}"))) {
        return Vec::new();
    }
    let page = name.starts_with("app/src/") && name.ends_with(".rs");
    let mut findings = Vec::new();
    for (index, line) in content.lines().enumerate() {
        let number = index + 1;
        if PROMISES.iter().any(|word| promises(line, word)) {
            findings.push(Finding::at(name, number, "a promise needs the number of an issue, as in (#12)"));
        }
        if page && !line.trim_start().starts_with("//") {
            let bad = MARKUP.iter().filter(|(pattern, _)| line.contains(pattern));
            findings.extend(bad.map(|(_, reason)| Finding::at(name, number, *reason)));
            if has_form(line) && !SENDING.iter().any(|begin| line.contains(begin)) {
                let reason =
                    "a form begins with method=\"post\" or \"dialog\", or secrets end up in addresses";
                findings.push(Finding::at(name, number, reason));
            }
        }
    }
    findings
}

/// True when the line begins a form; the components whose names begin like one are not meant.
fn has_form(line: &str) -> bool {
    line.match_indices("<form").any(|(begin, word)| {
        !line[begin + word.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
    })
}

/// True when the word stands alone in the line and no issue number follows it.
fn promises(line: &str, word: &str) -> bool {
    let inside =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(word).any(|(begin, _)| {
        let (before, after) = (&line[..begin], &line[begin + word.len()..]);
        let alone = !inside(before.chars().next_back()) && !inside(after.chars().next());
        alone && !after.split('#').skip(1).any(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_need_an_issue() {
        let word = PROMISES[0];
        let cases = [
            (format!("// {word}: later"), 1),
            (format!("# {word}"), 1),
            (format!("// {word} (#12): later"), 0),
            (format!("// {word} #7 later"), 0),
            (format!("// {word} # later"), 1),
            (format!("let {word}S = 1;"), 0),
            (format!("clippy::{}", word.to_lowercase()), 0),
        ];
        for (line, expect) in cases {
            assert_eq!(check("server/src/a.rs", &line).len(), expect, "{line}");
        }
        assert!(check("end2end/package-lock.json", word).is_empty());
    }

    #[test]
    fn markup_that_pages_must_not_have() {
        for bad in ["<div inner_html=x/>", "<textarea>{text}</textarea>", "<p style=\"color: red\">"] {
            assert_eq!(check("app/src/pages/a.rs", bad).len(), 1, "{bad}");
            assert!(check("server/src/a.rs", bad).is_empty(), "{bad}");
        }
        for good in ["// never inner_html", "<link rel=stylesheet/>", "<textarea prop:value=x>"] {
            assert!(check("app/src/pages/a.rs", good).is_empty(), "{good}");
        }
    }

    #[test]
    fn forms_say_how_they_are_sent() {
        for bad in ["<form>", "<form class=\"card\">", "<form", "<form method=\"get\">"] {
            assert_eq!(check("app/src/pages/a.rs", bad).len(), 1, "{bad}");
        }
        for good in
            ["<form method=\"post\" class=x>", "<form method=\"dialog\">", "</form>", "<Form/>", "<formula>"]
        {
            assert!(check("app/src/pages/a.rs", good).is_empty(), "{good}");
        }
    }
}

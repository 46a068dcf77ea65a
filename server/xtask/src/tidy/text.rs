//! Rules that look at text: promises without an issue, and markup that would break the pages' security policy.

use super::Finding;

/// Put together, so that this file does not find itself.
const PROMISES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// Files that others write.
const FOREIGN: [&str; 4] = ["Cargo.lock", "package-lock.json", "go.sum", "LICENSE"];

/// What puts markup into a page as it is, and the one file that does so with what the server has drawn.
const AS_IT_IS: &str = "inner_html";
const DRAWN: &str = "app/src/components/drawn.rs";

/// What a page must not contain, and why.
const MARKUP: [(&str, &str); 2] = [
    (AS_IT_IS, "text is never set as markup"),
    (" style=", "inline styles are refused by the security policy: use a class"),
];

/// The one element whose content the server's pages do not escape.
const AREA: (&str, &str) = ("<textarea", "</textarea>");

/// What leads elsewhere, and how an address may begin there that needs no further look.
const ADDRESSES: [&str; 3] = [" href=", " src=", " formaction="];
const OWN: [&str; 3] = ["\"", "format!(\"/", "safe_url("];

/// How a form of a page may be sent. Without its script a form that says nothing puts what was typed into the address,
/// where only what is searched for belongs.
const SENDING: [&str; 3] =
    ["<form method=\"post\"", "<form method=\"dialog\"", "<form method=\"get\" role=\"search\""];

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
            let is_drawn = |pattern: &str| name == DRAWN && pattern == AS_IT_IS;
            let bad = MARKUP.iter().filter(|(pattern, _)| line.contains(pattern) && !is_drawn(pattern));
            findings.extend(bad.map(|(_, reason)| Finding::at(name, number, *reason)));
            if has_foreign_address(line) {
                let reason = "an address out of data goes through `safe_url`, or it may be a script";
                findings.push(Finding::at(name, number, reason));
            }
            if has_form(line) && !SENDING.iter().any(|begin| line.contains(begin)) {
                let reason = "a form begins with method=\"post\" or \"dialog\", a search with \"get\", or secrets end up in addresses";
                findings.push(Finding::at(name, number, reason));
            }
        }
    }
    if page {
        findings.extend(filled_areas(content).into_iter().map(|number| {
            let reason =
                "a text area takes its content as the property `value`: as children it is not escaped";
            Finding::at(name, number, reason)
        }));
    }
    findings
}

/// Lines where a text area begins that has content, or whose end cannot be found.
fn filled_areas(content: &str) -> Vec<usize> {
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let code: Vec<&str> = content.lines().map(|line| if is_comment(line) { "" } else { line }).collect();
    let code = code.join("\n");
    let filled = |begin: usize| {
        let tag = &code[begin + AREA.0.len()..];
        let Some(end) = end_of_tag(tag) else { return true };
        let closed = tag[..end].ends_with('/');
        !closed && tag[end + 1..].split_once(AREA.1).is_none_or(|(inside, _)| !inside.trim().is_empty())
    };
    let begins = code.match_indices(AREA.0).map(|(begin, _)| begin).filter(|begin| filled(*begin));
    begins.map(|begin| code[..begin].matches('\n').count() + 1).collect()
}

/// Where the bracket stands that ends a tag. Those within brackets and texts, and in arrows, do not count.
fn end_of_tag(tag: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut before) = (0_usize, false, ' ');
    for (at, letter) in tag.char_indices() {
        match letter {
            '"' if before != '\\' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '>' if depth == 0 && !matches!(before, '-' | '=') => return Some(at),
            _ => {}
        }
        before = letter;
    }
    None
}

/// True when an address is read out of data where it stands, or computed there. A name alone passes: what it is bound to
/// cannot be seen in the line.
fn has_foreign_address(line: &str) -> bool {
    let values = ADDRESSES.iter().flat_map(|attribute| line.split(attribute).skip(1));
    values.filter(|value| !OWN.iter().any(|begin| value.starts_with(begin))).any(|value| {
        let word = value.split(|next: char| next.is_whitespace() || next == '>').next().unwrap_or_default();
        word == "move" || word.contains(['.', '{', '|', '!'])
    })
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
        for bad in ["<div inner_html=x/>", "<p style=\"color: red\">"] {
            assert_eq!(check("app/src/pages/a.rs", bad).len(), 1, "{bad}");
            assert!(check("server/src/a.rs", bad).is_empty(), "{bad}");
        }
        for good in ["// never inner_html", "<link rel=stylesheet/>"] {
            assert!(check("app/src/pages/a.rs", good).is_empty(), "{good}");
        }
        assert!(check(DRAWN, "<div inner_html=x/>").is_empty());
        assert_eq!(check(DRAWN, "<p style=\"color: red\">").len(), 1);
    }

    #[test]
    fn text_areas_have_no_content() {
        let bad = [
            ("<textarea>{text}</textarea>", 1),
            ("<textarea class=\"a>b\" rows=3>{text}</textarea>", 1),
            ("view! {\n  <textarea\n    name=name\n  >\n    {text}\n  </textarea>\n}", 2),
            (
                "<textarea></textarea>\n<textarea on:input=move |_| { a > b; }>{move || text.get()}</textarea>",
                2,
            ),
            ("<textarea on:input=|_| -> () { done() } id=x>words</textarea>", 1),
            ("<textarea prop:value=x>", 1),
            ("<textarea prop:value=x", 1),
        ];
        for (text, line) in bad {
            let found: Vec<String> =
                check("app/src/pages/a.rs", text).into_iter().map(|finding| finding.place).collect();
            assert_eq!(found, [format!("app/src/pages/a.rs:{line}")], "{text}");
            assert!(check("server/src/a.rs", text).is_empty(), "{text}");
        }
        for good in [
            "<textarea prop:value=x/>{text}",
            "<textarea\n  prop:value={move || if a > b { \"}\" } else { c }}\n></textarea>{text}",
            "<textarea>\n</textarea>",
            "// never <textarea>{text}</textarea>",
        ] {
            assert!(check("app/src/pages/a.rs", good).is_empty(), "{good}");
        }
    }

    #[test]
    fn addresses_out_of_data_are_made_safe() {
        for bad in [
            "<a href=one.url.clone()>",
            "<a class=\"x\" href={address}>",
            "<img src=move || address.get()/>",
            "<a href=format!(\"{url}\")>",
            "<a href=\"/\">{x}</a> <a href=one.url>",
        ] {
            assert_eq!(check("app/src/pages/a.rs", bad).len(), 1, "{bad}");
            assert!(check("server/src/a.rs", bad).is_empty(), "{bad}");
        }
        for good in [
            "<a href=\"/hosts\">",
            "<a href=format!(\"/hosts/{}\", one.id)>",
            "<a href=safe_url(&one.url).to_owned()>",
            "<a href=address>{one.url}</a>",
            "<a href=file(\"profile\", \"json\") rel=\"external\">",
            "<link rel=\"stylesheet\" href=style/>",
        ] {
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

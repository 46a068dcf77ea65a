//! A page taken apart as a browser does it: as much of the tokenizer of HTML as tells what is markup and what is not.

/// A piece of a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text, with its entities; also that of a text area or a title.
    Text(&'a str),
    /// What stands between the tags of a script or a style.
    Raw(String, &'a str),
    /// The beginning of an element, its attributes with the values as they are written.
    Open(String, Vec<(String, &'a str)>),
    Close(String),
    Comment(&'a str),
}

/// Elements whose content is no markup: in the first two not even an entity is one.
const CLOSED: [&str; 4] = ["script", "style", "textarea", "title"];

/// All pieces, in order.
pub fn pieces(page: &str) -> Vec<Piece<'_>> {
    let (mut found, mut rest) = (Vec::new(), page);
    while !rest.is_empty() {
        let (text, behind) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        if !text.is_empty() {
            found.push(Piece::Text(text));
        }
        rest = if behind.is_empty() { behind } else { tag(behind, &mut found) };
    }
    found
}

/// Up to a delimiter, and behind it; everything where there is none.
fn cut<'a>(text: &'a str, end: &str) -> (&'a str, &'a str) {
    text.split_once(end).unwrap_or((text, ""))
}

/// Whether what stands here is a name.
fn begins_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

/// Takes what begins with `<`, and with it the content of an element that holds no markup; returns what is left.
fn tag<'a>(text: &'a str, found: &mut Vec<Piece<'a>>) -> &'a str {
    let inside = text.strip_prefix('<').unwrap_or(text);
    if let Some(comment) = inside.strip_prefix("!--") {
        let (comment, rest) = cut(comment, "-->");
        found.push(Piece::Comment(comment));
        return rest;
    }
    if inside.starts_with(['!', '?']) {
        let (comment, rest) = cut(inside, ">");
        found.push(Piece::Comment(comment));
        return rest;
    }
    if let Some(name) = inside.strip_prefix('/').filter(|name| begins_name(name)) {
        let (name, rest) = cut(name, ">");
        found.push(Piece::Close(name.trim().to_ascii_lowercase()));
        return rest;
    }
    if !begins_name(inside) {
        let (text, rest) = text.split_at(1);
        found.push(Piece::Text(text));
        return rest;
    }
    let end = inside.find(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '>'));
    let (name, rest) = inside.split_at(end.unwrap_or(inside.len()));
    let name = name.to_ascii_lowercase();
    let (attributes, rest) = attributes(rest);
    let is_closed = CLOSED.contains(&name.as_str());
    found.push(Piece::Open(name.clone(), attributes));
    if !is_closed {
        return rest;
    }
    // Letters of other scripts keep their place where those of ASCII are made small.
    let end = rest.to_ascii_lowercase().find(&format!("</{name}")).unwrap_or(rest.len());
    let (content, rest) = rest.split_at(end);
    let is_raw = matches!(name.as_str(), "script" | "style");
    found.push(if is_raw { Piece::Raw(name, content) } else { Piece::Text(content) });
    rest
}

/// The attributes of a tag, and what stands behind it.
fn attributes(mut rest: &str) -> (Vec<(String, &str)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(behind) = rest.strip_prefix('>') {
            return (found, behind);
        }
        let ends = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '>' | '=');
        // Only an equals sign can stand at the very beginning, and there it is part of the name.
        let end = rest.find(ends).unwrap_or(rest.len()).max(1);
        let (name, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let (value, behind) = match behind.strip_prefix('=') {
            Some(written) => value(written.trim_start()),
            None => ("", behind),
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = behind;
    }
}

/// The value of an attribute, and what stands behind it.
fn value(written: &str) -> (&str, &str) {
    for quote in ["\"", "'"] {
        if let Some(inside) = written.strip_prefix(quote) {
            return cut(inside, quote);
        }
    }
    let end = written.find(|letter: char| letter.is_ascii_whitespace() || letter == '>');
    written.split_at(end.unwrap_or(written.len()))
}

/// The text that a browser makes of entities; those that the portal writes, and a few more.
pub fn decoded(written: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&colon;", ":"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(written.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn a_page_comes_apart_into_its_pieces() {
    let page = "<!DOCTYPE html><p class=\"a&lt;b\" hidden x='>'>1 < 2<br/></P><!-- c --><!>\
        <TEXTAREA id=t><b>\"</TEXTAREA><script>if (a<b) {}</script><a href=/x>y</a>";
    let open = |name: &str, attributes: &[(&str, &'static str)]| {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), *value));
        Piece::Open(name.to_owned(), attributes.collect())
    };
    let close = |name: &str| Piece::Close(name.to_owned());
    let expected = [
        Piece::Comment("!DOCTYPE html"),
        open("p", &[("class", "a&lt;b"), ("hidden", ""), ("x", ">")]),
        Piece::Text("1 "),
        Piece::Text("<"),
        Piece::Text(" 2"),
        open("br", &[]),
        close("p"),
        Piece::Comment(" c "),
        Piece::Comment("!"),
        open("textarea", &[("id", "t")]),
        Piece::Text("<b>\""),
        close("textarea"),
        open("script", &[]),
        Piece::Raw("script".to_owned(), "if (a<b) {}"),
        close("script"),
        open("a", &[("href", "/x")]),
        Piece::Text("y"),
        close("a"),
    ];
    assert_eq!(pieces(page), expected);
    assert_eq!(decoded("&lt;a&gt; &amp;lt; &quot;&#x27;"), "<a> &lt; \"'");
}

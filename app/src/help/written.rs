//! Reads a section as it is written: headings, paragraphs, lists, blocks of code; in a line strong words, code and links.
//! Of Markdown this is all that the manual uses, and all that is understood.

use super::{Block, Span};

/// The parts of a section.
pub fn parsed(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if let Some((level, words)) = heading(line) {
            blocks.push(Block::Heading(level, words.to_owned()));
        } else if let Some((is_ordered, first)) = item(line) {
            let mut items = vec![first.to_owned()];
            while let Some(next) = lines.next_if(|line| !line.trim().is_empty()) {
                match (item(next), items.last_mut()) {
                    (Some((_, words)), _) => items.push(words.to_owned()),
                    (None, Some(last)) => join(last, next),
                    (None, None) => {}
                }
            }
            let items = items.iter().map(|item| spans(item)).collect();
            blocks.push(Block::List { is_ordered, items });
        } else {
            let mut words = line.trim().to_owned();
            while let Some(next) = lines.next_if(|line| !line.trim().is_empty()) {
                join(&mut words, next);
            }
            blocks.push(Block::Paragraph(spans(&words)));
        }
    }
    blocks
}

/// Puts lines together; Chinese ones have no space between them.
fn join(words: &mut String, next: &str) {
    let is_wide = words.chars().last().is_some_and(|last| last >= '\u{2e80}');
    if !is_wide {
        words.push(' ');
    }
    words.push_str(next.trim());
}

fn heading(line: &str) -> Option<(u8, &str)> {
    [(1, "# "), (2, "## "), (3, "### ")]
        .into_iter()
        .find_map(|(level, mark)| line.strip_prefix(mark).map(|words| (level, words.trim())))
}

/// The words of an item, and whether its list is in order.
fn item(line: &str) -> Option<(bool, &str)> {
    if let Some(words) = line.strip_prefix("- ") {
        return Some((false, words.trim()));
    }
    let (number, words) = line.split_once(". ")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (true, words.trim()))
}

/// The parts of a line. A mark that nothing closes is a letter like any other.
fn spans(line: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let Some((span, behind)) = marked(rest) else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if !plain.is_empty() {
            spans.push(Span::Text(std::mem::take(&mut plain)));
        }
        spans.push(span);
        rest = behind;
    }
    if !plain.is_empty() {
        spans.push(Span::Text(plain));
    }
    spans
}

/// The marked part at the beginning, and what is behind it.
fn marked(text: &str) -> Option<(Span, &str)> {
    if let Some((words, behind)) = text.strip_prefix("**").and_then(|rest| rest.split_once("**")) {
        return Some((Span::Strong(words.to_owned()), behind));
    }
    if let Some((words, behind)) = text.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        return Some((Span::Code(words.to_owned()), behind));
    }
    let (words, behind) = text.strip_prefix('[')?.split_once("](")?;
    let (address, behind) = behind.split_once(')')?;
    // Only paths of the portal: the manual leads nowhere else.
    let is_path = crate::session::safe_next(address) == address;
    is_path.then(|| (Span::Link(words.to_owned(), address.to_owned()), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str) -> Span {
        Span::Text(words.to_owned())
    }

    #[test]
    fn what_is_written_is_read_as_its_parts() {
        let written = "# Title\n\nOne line\nand another.\n\n- a\n- b\n  goes on\n\n1. first\n2. second\n\n```\nlet x;\n\ny\n```\n";
        let list = |is_ordered, items: [&str; 2]| Block::List {
            is_ordered,
            items: items.map(|item| vec![text(item)]).into(),
        };
        let expected = [
            Block::Heading(1, "Title".to_owned()),
            Block::Paragraph(vec![text("One line and another.")]),
            list(false, ["a", "b goes on"]),
            list(true, ["first", "second"]),
            Block::Code("let x;\n\ny".to_owned()),
        ];
        assert_eq!(parsed(written), expected);
        assert_eq!(parsed("第一行\n第二行"), [Block::Paragraph(vec![text("第一行第二行")])]);
    }

    #[test]
    fn parts_of_a_line_are_told_apart() {
        let strong = Span::Strong("b".to_owned());
        let code = Span::Code("c*d".to_owned());
        let link = Span::Link("there".to_owned(), "/help/hosts".to_owned());
        assert_eq!(
            spans("a **b** `c*d` [there](/help/hosts)."),
            [text("a "), strong, text(" "), code, text(" "), link, text(".")]
        );
        for plain in [
            "a ** b",
            "2 * 3",
            "`",
            "[a](b",
            "[x](javascript:alert(1))",
            "[x](https://example.org)",
            "[x](//evil)",
        ] {
            assert!(spans(plain).iter().all(|span| matches!(span, Span::Text(_))), "{plain}");
        }
    }
}

//! Comparisons of roles in what a macro is given, such as the views of pages. That is no syntax tree: it is looked at
//! piece by piece. A `match` on a role stays allowed everywhere, because it treats every role.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// Signs of a comparison in front of a role.
const BEFORE: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
/// The same behind a role, without the one that may also end a tag.
const BEHIND: [&str; 5] = ["==", "!=", "<", "<=", ">="];

/// The lines of a macro that compare a role.
pub fn compared(found: &syn::Macro) -> Vec<usize> {
    let mut lines = Vec::new();
    if found.path.segments.last().is_some_and(|last| last.ident == "matches") {
        lines.extend(in_pattern(&pieces(&found.tokens)));
    }
    look(&found.tokens, &mut lines);
    lines
}

/// A word, a sign of one or more characters, or brackets with what stands in them.
struct Piece {
    text: String,
    line: usize,
    inside: Option<TokenStream>,
}

fn pieces(tokens: &TokenStream) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut is_open = false;
    for token in tokens.clone() {
        let line = token.span().start().line;
        let goes_on = std::mem::take(&mut is_open);
        let (text, inside) = match token {
            TokenTree::Group(group) => {
                let bracket = if group.delimiter() == Delimiter::Bracket { "[" } else { "(" };
                (bracket.to_owned(), Some(group.stream()))
            }
            TokenTree::Punct(sign) => {
                is_open = sign.spacing() == Spacing::Joint;
                if goes_on && let Some(last) = pieces.last_mut() {
                    last.text.push(sign.as_char());
                    continue;
                }
                (sign.as_char().to_string(), None)
            }
            TokenTree::Ident(word) => (word.to_string(), None),
            TokenTree::Literal(value) => (value.to_string(), None),
        };
        pieces.push(Piece { text, line, inside });
    }
    pieces
}

fn text(pieces: &[Piece], at: usize) -> &str {
    pieces.get(at).map_or("", |piece| piece.text.as_str())
}

fn look(tokens: &TokenStream, lines: &mut Vec<usize>) {
    let pieces = pieces(tokens);
    for (at, piece) in pieces.iter().enumerate() {
        let Some(inside) = &piece.inside else {
            if is_role(&pieces, at) && is_compared(&pieces, at) {
                lines.push(piece.line);
            }
            continue;
        };
        if at >= 2 && text(&pieces, at - 1) == "!" && text(&pieces, at - 2) == "matches" {
            lines.extend(in_pattern(&self::pieces(inside)));
        }
        let is_searched = text(&pieces, at + 1) == "." && text(&pieces, at + 2) == "contains";
        if piece.text == "[" && is_searched && names_role(&self::pieces(inside)) {
            lines.push(piece.line);
        }
        look(inside, lines);
    }
}

/// Whether `Role::Admin` or the like begins at a place.
fn is_role(pieces: &[Piece], at: usize) -> bool {
    text(pieces, at) == "Role"
        && text(pieces, at + 1) == "::"
        && text(pieces, at + 2).starts_with(|first: char| first.is_ascii_uppercase())
}

/// Whether a sign of a comparison stands beside the role at a place.
fn is_compared(pieces: &[Piece], at: usize) -> bool {
    let mut begin = at;
    while begin >= 2 && text(pieces, begin - 1) == "::" {
        begin -= 2;
    }
    while begin >= 1 && text(pieces, begin - 1) == "&" {
        begin -= 1;
    }
    (begin >= 1 && BEFORE.contains(&text(pieces, begin - 1))) || BEHIND.contains(&text(pieces, at + 3))
}

fn names_role(found: &[Piece]) -> bool {
    found.iter().enumerate().any(|(at, piece)| {
        is_role(found, at) || piece.inside.as_ref().is_some_and(|inside| names_role(&pieces(inside)))
    })
}

/// The line of the pattern of a `matches!` that names a role.
fn in_pattern(found: &[Piece]) -> Option<usize> {
    let comma = found.iter().position(|piece| piece.text == ",")?;
    let pattern = found.get(comma + 1..)?;
    names_role(pattern).then(|| pattern.first().map(|first| first.line)).flatten()
}

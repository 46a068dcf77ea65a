//! Lines of a table that spreadsheets open: quoted as RFC 4180 says, and with nothing that a spreadsheet would take for a
//! formula, since names in it are whatever somebody asked for.

/// First characters of what spreadsheets compute.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One line with its end.
pub(super) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

fn cell(text: &str) -> String {
    let mark = if text.starts_with(FORMULA) { "'" } else { "" };
    let needs_quotes = text.contains(['"', ',', '\r', '\n']);
    if needs_quotes { format!("\"{mark}{}\"", text.replace('"', "\"\"")) } else { format!("{mark}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_a_cell_stays_text_in_its_cell() {
        for (text, written) in [
            ("", ""),
            ("chain/demo", "chain/demo"),
            ("链 一,二", "\"链 一,二\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum(a1)", "'@sum(a1)"),
            ("\ttab", "'\ttab"),
            ("\rreturn", "\"'\rreturn\""),
            ("=cmd|' /c calc'!a1,\"x\"", "\"'=cmd|' /c calc'!a1,\"\"x\"\"\""),
            ("a=1", "a=1"),
            ("’=1", "’=1"),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
        assert_eq!(line(["a", "", "b,c"]), "a,,\"b,c\"\r\n");
    }
}

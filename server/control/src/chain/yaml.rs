//! JSON values as YAML: block style, certificates as literal blocks, every other text quoted as JSON quotes it, which
//! YAML reads alike. Nothing is guessed: no text can turn into a number or a boolean.

use serde_json::Value;

/// The document.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a value on lines of its own.
fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                out.push_str(&format!("{indent}{}:", quoted(key)));
                inner(member, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{indent}-"));
                inner(item, depth, out);
            }
        }
        other => out.push_str(&format!("{indent}{}\n", flat(other))),
    }
}

/// Writes what stands behind a key or a dash.
fn inner(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        Value::String(text) if is_literal(text) => {
            out.push_str(" |\n");
            let indent = "  ".repeat(depth + 1);
            for line in text.lines() {
                out.push_str(&format!("{indent}{line}\n"));
            }
        }
        other => out.push_str(&format!(" {}\n", flat(other))),
    }
}

/// Several lines, each of which a literal block gives back unchanged.
fn is_literal(text: &str) -> bool {
    let plain = |line: &str| !line.starts_with(' ') && !line.is_empty() && !line.contains(char::is_control);
    text.ends_with('\n') && text.lines().count() > 1 && text.lines().all(plain)
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_has_its_form() {
        let value = json!({
            "a": { "pem": "-----BEGIN\nx\n", "port": 7051, "yes": "yes" },
            "list": ["one", { "two": null }, [true]],
            "none": {},
        });
        let expected = concat!(
            "\"a\":\n  \"pem\": |\n    -----BEGIN\n    x\n  \"port\": 7051\n  \"yes\": \"yes\"\n",
            "\"list\":\n  - \"one\"\n  -\n    \"two\": null\n  -\n    - true\n",
            "\"none\": {}\n",
        );
        assert_eq!(document(&value), expected);
    }

    #[test]
    fn odd_texts_are_quoted() {
        for odd in [" leading\nx\n", "a\n\nb\n", "no end\nx", "tab\t\nx\n", "key: value", "# no comment"] {
            let text = document(&json!({ "k": odd }));
            assert_eq!(text, format!("\"k\": {}\n", Value::String(odd.to_owned())));
        }
    }
}

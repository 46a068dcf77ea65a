//! Arguments as people type them: one per line, or a JSON array.

use std::collections::BTreeMap;

use domain::{Code, Error};
use serde_json::Value;

/// Reads one argument per line; an empty field is no argument.
pub fn from_lines(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.lines().map(str::to_owned).collect() }
}

/// Reads a JSON array. Texts go as they are; everything else goes as its JSON.
pub fn from_json(text: &str) -> Result<Vec<String>, Error> {
    let refused = || Error::invalid(Code::ArgumentsNotJson).on("arguments");
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<Value> = serde_json::from_str(text).map_err(|_| refused())?;
    Ok(values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        })
        .collect())
}

/// Reads transient data: a JSON object. Texts go as they are; everything else goes as its JSON.
pub fn transient_from_json(text: &str) -> Result<BTreeMap<String, String>, Error> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let values: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|_| Error::invalid(Code::TransientMalformed).on("transient"))?;
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(values.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// An answer as pretty JSON, if it is JSON.
pub fn pretty(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_arguments() {
        assert_eq!(from_lines("a\n100\n\nb"), ["a", "100", "", "b"]);
        assert!(from_lines("").is_empty());
    }

    #[test]
    fn a_json_array_is_arguments() {
        assert_eq!(
            from_json(r#"["a", 100, {"k": true}, "链"]"#).unwrap(),
            ["a", "100", r#"{"k":true}"#, "链"]
        );
        assert!(from_json("  ").unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_refused_with_its_field() {
        for bad in ["a,b", "{\"a\":1}", "[\"a\"", "\"a\""] {
            let error = from_json(bad).unwrap_err();
            assert_eq!(
                (error.code, error.field.as_deref()),
                (Code::ArgumentsNotJson, Some("arguments")),
                "{bad}"
            );
        }
    }

    #[test]
    fn transient_data_are_an_object_of_texts() {
        let read = transient_from_json(r#"{"pin":"1234","terms":{"days":3}}"#).unwrap();
        assert_eq!((read["pin"].as_str(), read["terms"].as_str()), ("1234", r#"{"days":3}"#));
        assert!(transient_from_json("").unwrap().is_empty());
        for bad in ["[1]", "{", "\"a\"", "{1:2}"] {
            let error = transient_from_json(bad).unwrap_err();
            assert_eq!((error.code, error.field.as_deref()), (Code::TransientMalformed, Some("transient")));
        }
    }

    #[test]
    fn an_answer_is_shown_as_json_only_if_it_is() {
        assert_eq!(pretty("{\"a\":1}").unwrap(), "{\n  \"a\": 1\n}");
        assert_eq!(pretty("not json"), None);
    }
}

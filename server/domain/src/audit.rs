//! The record of who did what: what a row holds, what can be looked for in it, and what may be told of a change.

use serde::{Deserialize, Serialize};

mod change;
mod day;

pub use change::{FieldChange, Open, Public};
pub use day::{TimeOfList, parse_time, utc};

/// Filters of the list of records, as they stand in the page's address.
pub const FILTERS: [&str; 7] = ["who", "what", "object", "result", "from", "to", "own"];

/// Results by which a right or a proof of identity was denied, as opposed to what was tried and did not work.
const REFUSALS: [&str; 17] = [
    "not-allowed",
    "not-found",
    "session-missing",
    "foreign-request",
    "password-again",
    "password-must-change",
    "second-factor-needed",
    "code-wrong",
    "sign-in-failed",
    "sign-in-delayed",
    "sign-in-expired",
    "registration-closed",
    "setup-closed",
    "setup-token-wrong",
    "image-outside-rules",
    "level-not-given",
    "link-unusable",
];
/// Results of what went well: at once, of a transaction, of an operation.
const SUCCESSES: [&str; 3] = ["ok", "valid", "done"];

/// One record of the audit, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    pub sequence: i64,
    pub at_ms: i64,
    /// Name of who did it; empty for the portal itself and for who did not prove a name. `command line` is nobody's name,
    /// and stands for what was done on the machine of a portal that was stopped.
    pub who: String,
    /// `chain-create`, `sign-in`, …
    pub what: String,
    /// The object it was done to: `chain/demo`.
    pub object: String,
    /// `ok`, or the code of the refusal. `begun` stands before either where something is changed at once; what takes
    /// longer leaves a further record when it ends, such as `chain-create-end`. Refusals of nobody signed in are counted:
    /// `sign-in-failed ×12` stands for twelve further ones from the same address within the same minute.
    pub result: String,
    pub request_id: String,
    pub address: String,
    /// What was different afterwards, as far as the use case tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    pub rows: Vec<AuditView>,
    /// For `after` of the next page; none where nothing older is left.
    pub next: Option<String>,
    /// When the oldest record that was looked at was made, unix milliseconds; set where the search stopped before the page
    /// was full, since a request reads only so many records.
    pub searched_ms: Option<i64>,
}

/// What came of something, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Begun,
    Refused,
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Begun, Self::Refused, Self::Failed];

    /// The outcome that the result of a record stands for.
    pub fn of(result: &str) -> Self {
        match code_of(result) {
            "begun" => Self::Begun,
            code if SUCCESSES.contains(&code) => Self::Ok,
            code if REFUSALS.contains(&code) => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// The word that is stored and looked for.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Begun => "begun",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// The code of a result, without how often it was counted.
pub fn code_of(result: &str) -> &str {
    before(result, ' ')
}

/// What an action is on, the first word of its name: `chain` of `chain-create`.
pub fn family_of(what: &str) -> &str {
    before(what, '-')
}

/// What sort an object is of: `chain` of `chain/demo/channel/mychannel`.
pub fn noun_of(object: &str) -> &str {
    before(before(object, ' '), '/')
}

/// The thing that an object is or belongs to: `chain/demo` of `chain/demo/channel/mychannel`.
pub fn root_of(object: &str) -> &str {
    let object = before(object, ' ');
    match object.match_indices('/').nth(1) {
        Some((at, _)) => object.get(..at).unwrap_or(object),
        None => object,
    }
}

fn before(text: &str, end: char) -> &str {
    text.split(end).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_has_an_outcome_and_a_code() {
        for (result, outcome, code) in [
            ("ok", Outcome::Ok, "ok"),
            ("valid", Outcome::Ok, "valid"),
            ("begun", Outcome::Begun, "begun"),
            ("not-allowed", Outcome::Refused, "not-allowed"),
            ("sign-in-failed ×12", Outcome::Refused, "sign-in-failed"),
            ("host-unreachable", Outcome::Failed, "host-unreachable"),
            ("", Outcome::Failed, ""),
        ] {
            assert_eq!((Outcome::of(result), code_of(result)), (outcome, code), "{result}");
        }
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::parse("denied"), None);
    }

    #[test]
    fn what_counts_as_denied_is_a_code_that_there_is() {
        for word in REFUSALS {
            let code = serde_json::from_value::<crate::Code>(serde_json::json!(word));
            assert!(code.is_ok_and(|code| code.as_text() == word), "{word}");
        }
    }

    #[test]
    fn an_object_has_a_noun_and_a_root() {
        for (object, noun, root) in [
            ("chain/demo", "chain", "chain/demo"),
            ("chain/demo/channel/mychannel", "chain", "chain/demo"),
            ("host/1f name here→there, rule -r.example/a", "host", "host/1f"),
            ("portal", "portal", "portal"),
            ("/api/user_list", "", "/api"),
            ("", "", ""),
        ] {
            assert_eq!((noun_of(object), root_of(object)), (noun, root), "{object}");
        }
        assert_eq!([family_of("chain-create"), family_of("setup")], ["chain", "setup"]);
    }
}

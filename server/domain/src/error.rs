//! The one error that leaves the façade: a closed kind, a stable code that the texts translate, and the values
//! that the text names. It never carries the text of an internal error.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::permission::{Action, Noun};

mod code;

pub use code::Code;

/// What sort of refusal it is; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// There is no such object, or the caller may not know of it: 404.
    NotFound,
    /// The object's state, or somebody else's action, stands against it: 409.
    Conflict,
    /// The input is wrong: 422.
    Invalid,
    /// Visible but not allowed: 403; without a session 401.
    Forbidden,
    /// Something outside does not answer: 503.
    Unavailable,
    /// Our own fault; the details are in the log under the request id: 500.
    Internal,
}

/// `HostFull` as `host-full`.
fn kebab(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// What the permission table refused to somebody: for the record, never for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub action: Action,
    pub noun: Noun,
    /// `chain/demo`; none where it was about the noun as a whole.
    pub object: Option<String>,
}

impl Refusal {
    /// What was tried: `host-list`.
    pub fn what(&self) -> String {
        kebab(&format!("{:?}{:?}", self.noun, self.action))
    }

    /// What it was tried on: an object, or the noun.
    pub fn object(&self) -> String {
        self.object.clone().unwrap_or_else(|| kebab(&format!("{:?}", self.noun)))
    }
}

/// An error of the façade, safe to show to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Error {
    /// What sort of refusal it is.
    pub kind: ErrorKind,
    /// Why.
    pub code: Code,
    /// Values that the text names, by their place-holder: `max` → `10`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// The form field it is about, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the permission table refused, if it was the table. It stays in the portal: who asks for what they may not
    /// know of hears what they would hear if it did not exist.
    #[serde(skip)]
    pub refusal: Option<Box<Refusal>>,
}

impl Error {
    /// An error without values.
    pub fn new(kind: ErrorKind, code: Code) -> Self {
        Self { kind, code, values: BTreeMap::new(), field: None, refusal: None }
    }

    /// Wrong input.
    pub fn invalid(code: Code) -> Self {
        Self::new(ErrorKind::Invalid, code)
    }

    /// A state or another action stands against it.
    pub fn conflict(code: Code) -> Self {
        Self::new(ErrorKind::Conflict, code)
    }

    /// Not there, or not to be known.
    pub fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, Code::NotFound)
    }

    /// Not there, with a reason of its own.
    pub fn not_found_as(code: Code) -> Self {
        Self::new(ErrorKind::NotFound, code)
    }

    /// Visible, but not allowed.
    pub fn forbidden() -> Self {
        Self::new(ErrorKind::Forbidden, Code::NotAllowed)
    }

    /// Something outside does not answer.
    pub fn unavailable(code: Code) -> Self {
        Self::new(ErrorKind::Unavailable, code)
    }

    /// Our own fault; log the cause where this is made.
    pub fn internal() -> Self {
        Self::new(ErrorKind::Internal, Code::Internal)
    }

    /// Adds a value that the text names.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.values.insert(key.to_owned(), value.to_string());
        self
    }

    /// Names the form field that is wrong.
    #[must_use]
    pub fn on(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// Notes that the permission table refused it.
    #[must_use]
    pub fn refused(mut self, action: Action, noun: Noun) -> Self {
        self.refusal = Some(Box::new(Refusal { action, noun, object: None }));
        self
    }

    /// Names the object of a refusal; any other error stays as it is.
    #[must_use]
    pub fn about(mut self, object: impl fmt::Display) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.object = Some(object.to_string());
        }
        self
    }

    /// The HTTP status that answers it.
    pub fn status(&self) -> u16 {
        match self.kind {
            ErrorKind::NotFound => 404,
            ErrorKind::Conflict => 409,
            ErrorKind::Invalid => 422,
            ErrorKind::Forbidden if self.code == Code::SessionMissing => 401,
            ErrorKind::Forbidden if matches!(self.code, Code::SignInDelayed | Code::QuotaInvocations) => 429,
            ErrorKind::Forbidden => 403,
            ErrorKind::Unavailable => 503,
            ErrorKind::Internal => 500,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code.as_text())?;
        for (key, value) in &self.values {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_like_a_word() {
        assert_eq!(Code::HostFull.as_text(), "host-full");
        assert_eq!(Code::BftNeedsVersion3.as_text(), "bft-needs-version3");
    }

    #[test]
    fn what_the_table_refused_stays_inside() {
        let hidden = Error::not_found().refused(Action::SignIn, Noun::AdminKey).about("chain/demo");
        let json = |error: &Error| serde_json::to_string(error).unwrap();
        assert_eq!(json(&hidden), json(&Error::not_found()));
        let refusal = hidden.refusal.unwrap();
        assert_eq!(
            (refusal.what(), refusal.object()),
            ("admin-key-sign-in".to_owned(), "chain/demo".to_owned())
        );
        let whole = Error::forbidden().refused(Action::List, Noun::Host).refusal.unwrap();
        assert_eq!((whole.what(), whole.object()), ("host-list".to_owned(), "host".to_owned()));
        assert_eq!(Error::not_found().about("chain/demo"), Error::not_found());
    }

    #[test]
    fn a_missing_session_is_not_a_missing_right() {
        assert_eq!(Error::forbidden().status(), 403);
        assert_eq!(Error::new(ErrorKind::Forbidden, Code::SessionMissing).status(), 401);
    }
}

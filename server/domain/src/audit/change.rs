//! What was different after a change, field by field. No secret can stand here: a value gets in only through [`Open`],
//! which nothing has that holds a secret, and of credentials it is told only that others came in their place.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::host::{Endpoint, Subnet};
use crate::id::{HostId, UserId};
use crate::name::{ChainName, HostName, UserName};
use crate::permission::{Grant, Role};

/// Characters that are kept of a value.
const VALUE_MAX: usize = 200;
/// What stands for a value of which nothing may be told.
const REPLACED: &str = "replaced";

/// One field, what it was and what it is. Either is empty where there was or is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    field: String,
    before: String,
    after: String,
}

/// A value that whoever may read the audit may read.
pub trait Open {
    /// The value as text.
    fn told(&self) -> String;
}

/// Text of which whoever writes this says that it is no secret.
#[derive(Clone, Copy, Debug)]
pub struct Public<'a>(pub &'a str);

macro_rules! open {
    ($($kind:ty),* $(,)?) => {
        $(impl Open for $kind {
            fn told(&self) -> String {
                self.to_string()
            }
        })*
    };
}

open!(bool, i64, u16, u32, u64, ChainName, HostId, HostName, Subnet, UserId, UserName);

impl Open for Public<'_> {
    fn told(&self) -> String {
        self.0.to_owned()
    }
}

impl Open for Role {
    fn told(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Open for Grant {
    fn told(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Open for Endpoint {
    fn told(&self) -> String {
        self.canonical()
    }
}

/// Nothing is told as no text.
impl<T: Open> Open for Option<T> {
    fn told(&self) -> String {
        self.as_ref().map(Open::told).unwrap_or_default()
    }
}

impl FieldChange {
    /// A field with what it was and what it is; none where that is the same.
    pub fn between(field: &str, before: &impl Open, after: &impl Open) -> Option<Self> {
        let (before, after) = (before.told(), after.told());
        (before != after).then(|| Self::of(field, &before, &after))
    }

    /// A field of which nothing is told but that something else stands there now.
    pub fn replaced(field: &str) -> Self {
        Self::of(field, "", REPLACED)
    }

    /// What stands in the place of a stored text that tells no changes: somebody else wrote it.
    pub fn unreadable(text: &str) -> Self {
        Self::of("?", "", text)
    }

    fn of(field: &str, before: &str, after: &str) -> Self {
        Self { field: field.to_owned(), before: cut(before), after: cut(after) }
    }

    /// Which field: `capacity`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What it was.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// What it is.
    pub fn after(&self) -> &str {
        &self.after
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}→{}", self.field, self.before, self.after)
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= VALUE_MAX {
        return text.to_owned();
    }
    text.chars().take(VALUE_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_different_is_told_and_no_more_than_fits() {
        assert_eq!(FieldChange::between("capacity", &3_u16, &3_u16), None);
        let change = FieldChange::between("capacity", &3_u16, &5_u16).unwrap();
        assert_eq!((change.field(), change.before(), change.after()), ("capacity", "3", "5"));
        assert_eq!(change.to_string(), "capacity 3→5");
        let given = FieldChange::between("level", &None::<Grant>, &Some(Grant::Use)).unwrap();
        assert_eq!((given.before(), given.after()), ("", "use"));
        let long = FieldChange::between("name", &Public(""), &Public(&"链".repeat(500))).unwrap();
        assert_eq!(long.after().chars().count(), VALUE_MAX);
        assert!(long.after().ends_with('…'));
        assert_eq!(FieldChange::replaced("credentials").to_string(), "credentials →replaced");
    }
}

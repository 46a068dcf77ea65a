//! What is found by a word: a link to its page, and what it is.

use serde::{Deserialize, Serialize};

/// Longest text that is searched for, in characters.
pub const SEARCH_TEXT_MAX: usize = 128;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HitKind {
    Chain,
    Host,
    Node,
    Operation,
    Transaction,
    Block,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub kind: HitKind,
    /// Its name or id.
    pub label: String,
    /// Path of its page.
    pub href: String,
    /// Where it belongs, such as its chain; may be empty.
    pub detail: String,
}

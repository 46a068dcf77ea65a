//! Notices: what somebody is told of what happened while they looked elsewhere.

use serde::{Deserialize, Serialize};

use crate::id::OperationId;

/// Notices that are kept for a person; older ones go.
pub const KEPT: u32 = 200;

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    OperationDone,
    OperationUndone,
    /// It waits for a person who resumes or undoes it.
    OperationFailed,
    /// A chain of theirs is not well any more.
    ChainUnwell,
    /// A chain of theirs is released soon.
    ChainEnding,
    /// A mail that goes back to something they did could not be sent.
    MailFailed,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::OperationDone,
        Self::OperationUndone,
        Self::OperationFailed,
        Self::ChainUnwell,
        Self::ChainEnding,
        Self::MailFailed,
    ];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OperationDone => "operation-done",
            Self::OperationUndone => "operation-undone",
            Self::OperationFailed => "operation-failed",
            Self::ChainUnwell => "chain-unwell",
            Self::ChainEnding => "chain-ending",
            Self::MailFailed => "mail-failed",
        }
    }
}

/// A notice as its person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub kind: NoticeKind,
    /// What it is about: `chain/demo`.
    pub subject: String,
    /// The operation that it is about, if it is about one.
    pub operation: Option<OperationId>,
    /// That operation's name, such as `chain-create`, or that of the person to whom a mail was; else empty.
    pub name: String,
    pub is_read: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_stored_under_the_word_it_is_sent_by() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}

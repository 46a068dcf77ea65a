//! E-mail that the portal sends: what it is about, and what became of it. What stands in it is known to nobody here.

use serde::{Deserialize, Serialize};

use crate::user::Email;

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// The link by which somebody sets their first password.
    Invite,
    /// The link by which somebody sets another password.
    Reset,
    /// A chain of theirs is released soon.
    Ending,
}

impl MailKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Invite, Self::Reset, Self::Ending];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Reset => "reset",
            Self::Ending => "ending",
        }
    }
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailState {
    /// It is tried, or tried again.
    Waiting,
    /// A server has taken it.
    Sent,
    /// It is tried no more.
    Failed,
}

impl MailState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sent, Self::Failed];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// A mail as an admin sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailView {
    pub kind: MailKind,
    pub state: MailState,
    pub to: Email,
    /// When it was written; of one that ended, when it did. Unix milliseconds.
    pub at_ms: i64,
    /// What stood against it at the last try, in the server's own words.
    pub said: Option<String>,
}

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSender {
    /// Whom it is from.
    pub from: Email,
    /// The server that takes it: host and port.
    pub server: String,
}

/// What an admin sees of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSetting {
    /// None: no mail is sent.
    pub sender: Option<MailSender>,
}

/// What came of a mail that was sent to see whether it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTest {
    /// The server has taken it, for this address.
    Sent(Email),
    /// Whoever asked has no address.
    NoAddress,
    /// In the words of whoever refused it.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stored_as_they_are_sent() {
        for kind in MailKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for state in MailState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}

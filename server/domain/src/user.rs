//! People who sign in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::id::UserId;
use crate::mail::MailView;
use crate::name::{ChainName, UserName};
use crate::permission::{Action, Noun, Role};

/// Shortest password of a user or operator, in characters.
pub const PASSWORD_MIN: usize = 12;
/// Shortest password of an admin, in characters.
pub const PASSWORD_MIN_ADMIN: usize = 15;
/// Longest password, in characters of any script.
pub const PASSWORD_MAX: usize = 128;

/// Longest e-mail address, in characters.
pub const EMAIL_MAX: usize = 254;
/// How long a generated password and a one-time link are good for.
pub const FIRST_SIGN_IN_MS: i64 = 24 * 60 * 60 * 1_000;

/// Columns by which people can be sorted.
pub const USER_SORTS: [&str; 4] = ["name", "role", "created", "last_sign_in"];
/// What people can be filtered by.
pub const USER_FILTERS: [&str; 2] = ["role", "state"];

/// Most chains that a quota can allow.
pub const QUOTA_CHAINS_MAX: u16 = 1_000;
/// Longest lifetime of a chain that a quota can set, in hours: ten years.
pub const QUOTA_HOURS_MAX: u32 = 87_600;
/// Most invocations a minute that a quota can set.
pub const QUOTA_INVOCATIONS_MAX: u32 = 1_000_000;

/// How an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserState {
    /// Signs in.
    Active,
    /// Has a one-time link and no password yet.
    Invited,
    /// Has registered; an admin has not decided yet.
    Waiting,
    /// Does not sign in until an admin says so.
    Disabled,
}

impl UserState {
    /// Every state, in the order of the filter.
    pub const ALL: [Self; 4] = [Self::Active, Self::Invited, Self::Waiting, Self::Disabled];

    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::Waiting => "waiting",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// An e-mail address, in lower case. Whether it exists only a message to it can tell: this refuses what cannot be one, and
/// whatever could change the head of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Parses an address; the error is about the field `email`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim().to_ascii_lowercase();
        let malformed = || Error::invalid(Code::EmailMalformed).on("email");
        let (local, host) = text.rsplit_once('@').ok_or_else(malformed)?;
        let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let legal = text.len() <= EMAIL_MAX
            && (1..=64).contains(&local.len())
            && local.chars().all(is_local)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && host.split('.').all(is_label);
        if legal { Ok(Self(text)) } else { Err(malformed()) }
    }

    /// Reads what somebody may have left empty.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, Error> {
        if text.trim().is_empty() { Ok(None) } else { Self::parse(text).map(Some) }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much somebody may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Chains at the same time.
    pub chains: u16,
    /// Hours after which a chain from the pool is released; none: it stays.
    pub lifetime_hours: Option<u32>,
    /// None: as many as the nodes take.
    pub invocations_per_minute: Option<u32>,
}

impl Quota {
    /// What a role has unless an admin says otherwise: the only place that knows. Users try chains out for a day; staff
    /// keep what they make.
    pub fn of_role(role: Role) -> Self {
        match role {
            Role::User => Self { chains: 2, lifetime_hours: Some(24), invocations_per_minute: Some(600) },
            Role::Operator | Role::Admin => {
                Self { chains: QUOTA_CHAINS_MAX, lifetime_hours: None, invocations_per_minute: None }
            }
        }
    }

    /// Checks the limits of each part.
    pub fn check(&self) -> Result<(), Error> {
        let refused =
            |field: &str, max: u32| Err(Error::invalid(Code::QuotaOutOfRange).with("max", max).on(field));
        let fits = |value: Option<u32>, max: u32| value.is_none_or(|value| (1..=max).contains(&value));
        if self.chains > QUOTA_CHAINS_MAX {
            return refused("quota-chains", QUOTA_CHAINS_MAX.into());
        }
        if !fits(self.lifetime_hours, QUOTA_HOURS_MAX) {
            return refused("quota-hours", QUOTA_HOURS_MAX);
        }
        if !fits(self.invocations_per_minute, QUOTA_INVOCATIONS_MAX) {
            return refused("quota-invocations", QUOTA_INVOCATIONS_MAX);
        }
        Ok(())
    }
}

impl fmt::Display for Quota {
    /// `2/24/600`, with a dash for what has no limit: how the audit names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        write!(f, "{}/{}/{}", self.chains, part(self.lifetime_hours), part(self.invocations_per_minute))
    }
}

/// A person as an admin sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    pub id: UserId,
    pub name: UserName,
    pub role: Role,
    pub state: UserState,
    pub email: Option<Email>,
    /// What an admin has set; none: [`Quota::of_role`].
    pub quota: Option<Quota>,
    /// Whether signing in takes more than a password.
    pub second_factor: bool,
    /// Chains that are theirs, where that was asked for.
    pub chains: u32,
    pub created_ms: i64,
    pub last_sign_in_ms: Option<i64>,
}

impl UserView {
    /// The quota that counts.
    pub fn quota(&self) -> Quota {
        self.quota.unwrap_or_else(|| Quota::of_role(self.role))
    }
}

/// One person with what their page tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    pub user: UserView,
    /// Until when wrong passwords keep the account waiting.
    pub locked_until_ms: Option<i64>,
    /// Until when a generated password or a one-time link is good; none: there is none, or they have used it.
    pub first_sign_in_until_ms: Option<i64>,
    /// The newest mail to them that is remembered.
    pub mail: Option<MailView>,
    /// Chains that are theirs: each needs another owner before the account can go.
    pub chains: Vec<ChainName>,
    /// Whether it is the one who looks.
    pub is_own: bool,
    /// Whether no other admin could sign in without them.
    pub is_last_admin: bool,
}

/// Somebody who is to get an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    pub name: UserName,
    pub role: Role,
    pub email: Option<Email>,
}

/// Somebody who asks for an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub name: UserName,
    pub email: Email,
    pub password: String,
}

/// What an admin changes of an account; the name stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEdit {
    pub role: Role,
    pub email: Option<Email>,
    /// None: as the role has it.
    pub quota: Option<Quota>,
}

/// What lets somebody in for the first time, or again. It is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSignIn {
    pub id: UserId,
    /// A link or a password.
    pub secret: String,
    pub expires_ms: i64,
    /// Where it is sent as well; none: it is handed over by whoever sees it.
    pub mailed_to: Option<Email>,
}

impl fmt::Debug for FirstSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstSignIn({})", self.id)
    }
}

/// Who is signed in and what the pages may offer them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    pub user: UserId,
    pub name: UserName,
    pub role: Role,
    /// What the table grants the role as a whole; rights on single chains come with the chain.
    pub offers: Vec<(Action, Noun)>,
    /// What has to be done before anything else answers.
    pub wall: Option<Wall>,
    /// Whether keys of the keyboard do things.
    pub shortcuts: bool,
}

/// What somebody has to do before the portal does anything else for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wall {
    /// Choose a password: the present one was made for them.
    Password,
    /// Set up a second factor: their role needs one.
    SecondFactor,
}

impl SessionView {
    /// Whether a page should offer it. The server decides again when it is done.
    pub fn can(&self, action: Action, noun: Noun) -> bool {
        self.offers.contains(&(action, noun))
    }
}

/// When a session ends, unix milliseconds by the portal's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTimes {
    pub now_ms: i64,
    /// Unless somebody uses the portal before.
    pub idle_end_ms: i64,
    /// In any case.
    pub end_ms: i64,
}

/// A new person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub name: UserName,
    pub role: Role,
    pub password: String,
}

/// Checks a password's length for a role. Which words are too common is the server's to know.
pub fn check_password(password: &str, role: Role) -> Result<(), Error> {
    let min = match role {
        Role::Admin => PASSWORD_MIN_ADMIN,
        Role::Operator | Role::User => PASSWORD_MIN,
    };
    let length = password.chars().count();
    if length < min {
        return Err(Error::invalid(Code::PasswordTooShort).with("min", min).on("password"));
    }
    if length > PASSWORD_MAX {
        return Err(Error::invalid(Code::PasswordTooLong).with("max", PASSWORD_MAX).on("password"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(check_password(&"密".repeat(12), Role::User).is_ok());
        assert!(check_password(&"密".repeat(11), Role::User).is_err());
        assert!(check_password(&"a".repeat(14), Role::Admin).is_err());
        assert!(check_password(&"a".repeat(129), Role::User).is_err());
    }

    #[test]
    fn addresses_are_read_in_lower_case() {
        for (text, read) in [
            ("Ada@Example.org", "ada@example.org"),
            (" o'brien+x@mail.example ", "o'brien+x@mail.example"),
            ("root@localhost", "root@localhost"),
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), read);
        }
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a da@example.org",
            "ada@example..org",
            "ada@-example.org",
            ".ada@example.org",
            "a..da@example.org",
            "ada@example.org\r\nBcc: all@example.org",
            "<ada@example.org>",
            "ada@b@example.org",
            "阿@example.org",
        ] {
            assert_eq!(Email::parse(bad).unwrap_err().code, Code::EmailMalformed, "{bad}");
        }
        assert!(Email::parse(&format!("a@{}.org", "b".repeat(300))).is_err());
        assert_eq!(Email::parse_optional("  "), Ok(None));
    }

    #[test]
    fn users_try_chains_for_a_day_and_staff_keep_theirs() {
        assert_eq!(Quota::of_role(Role::User).lifetime_hours, Some(24));
        for role in [Role::Operator, Role::Admin] {
            assert_eq!(Quota::of_role(role).lifetime_hours, None);
        }
        for role in Role::ALL {
            assert_eq!(Quota::of_role(role).check(), Ok(()));
        }
    }

    #[test]
    fn a_quota_has_limits() {
        let good = Quota { chains: 0, lifetime_hours: None, invocations_per_minute: Some(1) };
        assert_eq!(good.check(), Ok(()));
        for bad in [
            Quota { chains: QUOTA_CHAINS_MAX + 1, ..good },
            Quota { lifetime_hours: Some(0), ..good },
            Quota { lifetime_hours: Some(QUOTA_HOURS_MAX + 1), ..good },
            Quota { invocations_per_minute: Some(0), ..good },
        ] {
            assert_eq!(bad.check().unwrap_err().code, Code::QuotaOutOfRange, "{bad}");
        }
        assert_eq!(good.to_string(), "0/-/1");
    }

    #[test]
    fn states_are_read_back() {
        for state in UserState::ALL {
            assert_eq!(UserState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn what_is_shown_once_is_in_no_log() {
        let secret = "open sesame".to_owned();
        let shown = FirstSignIn { id: UserId::new("u"), secret, expires_ms: 1, mailed_to: None };
        assert!(!format!("{shown:?}").contains("sesame"));
    }
}

//! People who sign in.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::id::UserId;
use crate::name::UserName;
use crate::permission::{Action, Noun, Role};

/// Shortest password of a user or operator, in characters.
pub const PASSWORD_MIN: usize = 12;
/// Shortest password of an admin, in characters.
pub const PASSWORD_MIN_ADMIN: usize = 15;
/// Longest password, in characters of any script.
pub const PASSWORD_MAX: usize = 128;

/// A person as others may see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    pub id: UserId,
    pub name: UserName,
    pub role: Role,
    pub enabled: bool,
    pub created_ms: i64,
    pub last_sign_in_ms: Option<i64>,
}

/// Who is signed in and what the pages may offer them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    pub user: UserId,
    pub name: UserName,
    pub role: Role,
    /// What the table grants the role as a whole; rights on single chains come with the chain.
    pub offers: Vec<(Action, Noun)>,
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
}

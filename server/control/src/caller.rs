//! Who asks. Made once per request by the HTTP layer; everything the policy needs to know of a person.

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::Role;
use domain::{Code, Error, ErrorKind};
use store::UserRecord;

/// A signed-in person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerUser {
    pub id: UserId,
    pub name: UserName,
    pub role: Role,
}

/// Who asks, and the request they ask in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// None: nobody is signed in.
    pub user: Option<CallerUser>,
    /// Stands in the log, the audit and the error page.
    pub request_id: String,
    /// Address of the client, as far as the trusted proxies can be believed.
    pub address: String,
}

/// The hash of the id of the session of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey(pub String);

impl Caller {
    /// A request of nobody.
    pub fn anonymous(request_id: &str, address: &str) -> Self {
        Self { user: None, request_id: request_id.to_owned(), address: address.to_owned() }
    }

    /// The same request as one of whoever has just proved who they are, for the record.
    pub(crate) fn named(&self, proved: &Result<UserRecord, Error>) -> Self {
        let user = match proved {
            Ok(user) => Some(CallerUser { id: user.id.clone(), name: user.name.clone(), role: user.role }),
            Err(_) => self.user.clone(),
        };
        Self { user, ..self.clone() }
    }

    /// The signed-in person, or the refusal that leads to the sign-in page.
    pub fn require_user(&self) -> Result<&CallerUser, Error> {
        self.user.as_ref().ok_or_else(|| Error::new(ErrorKind::Forbidden, Code::SessionMissing))
    }

    /// The role, if somebody is signed in.
    pub fn role(&self) -> Option<Role> {
        self.user.as_ref().map(|user| user.role)
    }
}

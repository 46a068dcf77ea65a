//! Who asks. Made once per request by the HTTP layer; everything the policy needs to know of a person.

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::Role;
use domain::user::Wall;
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
    /// Hash of the session's id; none where there is no session.
    pub session: Option<String>,
    /// When this session last proved who they are, unix milliseconds; none if it never did.
    pub proved_ms: Option<i64>,
    /// What they have to do before anything else answers.
    pub wall: Option<Wall>,
}

/// The hash of the id of the session of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey(pub String);

impl Caller {
    /// A request of nobody.
    pub fn anonymous(request_id: &str, address: &str) -> Self {
        let (request_id, address) = (request_id.to_owned(), address.to_owned());
        Self { user: None, request_id, address, session: None, proved_ms: None, wall: None }
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

//! Sessions: who is behind one, proving again who one is, and ending them. How a browser holds a session is the HTTP
//! layer's; here it is known by the hash of its id only.

use domain::id::UserId;
use domain::permission::{Action, Noun};
use domain::session::{Device, SessionLine};
use domain::user::{SessionTimes, SessionView, UserState, UserView, Wall};
use domain::{Code, Error, ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{SessionRecord, UserRecord};

use crate::ControlPlane;
use crate::caller::{Caller, CallerUser, SessionKey};
use crate::policy::{self, Resource};

/// How long a proof of who somebody is counts.
const PROOF_MS: i64 = 5 * 60 * 1_000;
/// How long a right password waits for its code.
const HALF_MS: i64 = 5 * 60 * 1_000;
/// Bytes of the name of a session that its owner sees.
const HANDLE_LEN: usize = 12;
/// Where the data of a session tell of a sign-in that waits for its code.
pub const HALF: &str = "half";

/// A sign-in whose password was right and whose code is still to come. It stands in a session that answers nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    pub user: UserId,
    /// When the password was right, unix milliseconds.
    pub since_ms: i64,
}

/// Names a session to its owner. From it nobody finds the hash under which the session is kept.
fn handle(id_hash: &str) -> String {
    let digest = Sha256::new().chain_update(b"session\x1f").chain_update(id_hash.as_bytes()).finalize();
    hex::encode(digest.iter().take(HANDLE_LEN).copied().collect::<Vec<u8>>())
}

/// Whether somebody is signed in with a session, and not only about to be.
fn is_whole(session: &SessionRecord) -> bool {
    session.data.get(HALF).is_none()
}

impl ControlPlane {
    /// When the caller's session ends.
    pub async fn session_times(&self, caller: &Caller, key: &SessionKey) -> Result<SessionTimes, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let now_ms = self.services.clock.now_ms();
        let found = self.services.store.session_read(&key.0, now_ms).await.map_err(crate::error::store)?;
        let own = found.filter(|session| session.user.as_ref() == Some(&user.id));
        let missing = || Error::new(ErrorKind::Forbidden, Code::SessionMissing);
        let session = own.ok_or_else(missing)?;
        Ok(SessionTimes { now_ms, idle_end_ms: session.expires_ms, end_ms: session.absolute_expires_ms })
    }

    /// Now, by the portal's clock, unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.services.clock.now_ms()
    }

    /// The person behind a session, as they are now, and what they have to do first: a disabled or deleted one is nobody.
    pub async fn session_user(&self, id: &UserId) -> Result<Option<(CallerUser, Option<Wall>)>, Error> {
        let user = self.services.store.user_read(id).await.map_err(crate::error::store)?;
        let Some(user) = user.filter(|user| user.state == UserState::Active) else { return Ok(None) };
        let wall = self.wall(&user).await?;
        Ok(Some((CallerUser { id: user.id, name: user.name, role: user.role }, wall)))
    }

    async fn wall(&self, user: &UserRecord) -> Result<Option<Wall>, Error> {
        if user.password_must_change {
            return Ok(Some(Wall::Password));
        }
        let is_missing = !user.has_second_factor && self.needs_second_factor(user.role).await?;
        Ok(is_missing.then_some(Wall::SecondFactor))
    }

    /// Who is signed in, and what pages may offer them.
    pub async fn session(&self, caller: &Caller) -> Result<SessionView, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let profile = self.services.store.profile_read(&user.id).await.map_err(crate::error::store)?;
        let offers = if caller.wall.is_none() { policy::offers(user.role) } else { Vec::new() };
        Ok(SessionView {
            user: user.id.clone(),
            name: user.name.clone(),
            role: user.role,
            offers,
            wall: caller.wall,
            shortcuts: profile.unwrap_or_default().shortcuts,
        })
    }

    /// Whether the session proved within the last minutes who is behind it: asked for before what cannot be taken back,
    /// after the right to it.
    ///
    /// # Errors
    /// [`Code::PasswordAgain`]; [`Code::PasswordMustChange`] for a password that somebody else knows, which proves nothing.
    pub fn stepped_up(&self, caller: &Caller) -> Result<(), Error> {
        if caller.wall == Some(Wall::Password) {
            return Err(Error::new(ErrorKind::Forbidden, Code::PasswordMustChange));
        }
        let now = self.services.clock.now_ms();
        if caller.proved_ms.is_some_and(|proved| now.saturating_sub(proved) < PROOF_MS) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden, Code::PasswordAgain))
    }

    /// The same for a form that brings the password itself. An empty one stands for a session that proved it lately.
    pub(crate) async fn stepped_up_by(&self, caller: &Caller, password: String) -> Result<(), Error> {
        if password.is_empty() {
            return self.stepped_up(caller);
        }
        let name = caller.require_user()?.name.to_string();
        self.sign_in_checked(caller, &name, password).await.map(drop)
    }

    /// Proves again who the caller is, by their password, or without one by a code of their second factor. Guesses are
    /// slowed down as at the sign-in. Tells when it was, for the session to keep.
    pub async fn session_prove(
        &self,
        caller: &Caller,
        password: String,
        code: Option<String>,
    ) -> Result<i64, Error> {
        let result = self.session_prove_checked(caller, password, code).await;
        self.audit.record(caller, "session-prove", "session", &result).await;
        result
    }

    async fn session_prove_checked(
        &self,
        caller: &Caller,
        password: String,
        code: Option<String>,
    ) -> Result<i64, Error> {
        policy::authorize(caller, Action::SignIn, Resource::any(Noun::Session))?;
        let user = caller.require_user()?;
        match code.filter(|code| password.is_empty() && !code.is_empty()) {
            Some(code) => self.use_code(&user.id, &code).await?,
            None => self.sign_in_checked(caller, user.name.as_str(), password).await.map(drop)?,
        }
        Ok(self.services.clock.now_ms())
    }

    /// The second half of a sign-in: a code of the second factor, or a recovery code.
    ///
    /// # Errors
    /// [`Code::SignInExpired`] when the password was right too long ago, or never.
    pub async fn sign_in_code(
        &self,
        caller: &Caller,
        half: Option<Half>,
        code: &str,
    ) -> Result<UserView, Error> {
        let mut object = "session".to_owned();
        let result = self.sign_in_code_checked(caller, half, code, &mut object).await;
        self.audit.record(&caller.named(&result), "sign-in-code", &object, &result).await;
        result.map(|user| user.view())
    }

    async fn sign_in_code_checked(
        &self,
        caller: &Caller,
        half: Option<Half>,
        code: &str,
        object: &mut String,
    ) -> Result<UserRecord, Error> {
        policy::authorize(caller, Action::SignIn, Resource::any(Noun::Session))?;
        let expired = || Error::new(ErrorKind::Forbidden, Code::SignInExpired);
        let now = self.services.clock.now_ms();
        let half = half.filter(|half| now.saturating_sub(half.since_ms) < HALF_MS).ok_or_else(expired)?;
        let user = self.services.store.user_read(&half.user).await.map_err(crate::error::store)?;
        let user = user.filter(|user| user.state == UserState::Active).ok_or_else(expired)?;
        *object = format!("user/{}", user.name);
        // Taken away meanwhile by an admin: the password begins anew, and is enough then.
        if !user.has_second_factor {
            return Err(expired());
        }
        self.use_code(&user.id, code).await?;
        Ok(user)
    }

    /// Records that somebody signed out.
    pub async fn sign_out(&self, caller: &Caller) {
        if caller.user.is_some() {
            self.audit.record(caller, "sign-out", "session", &Ok::<(), Error>(())).await;
        }
    }

    /// Ends every session of the caller; streams that are open end with them.
    pub async fn sign_out_everywhere(&self, caller: &Caller) -> Result<(), Error> {
        let result = self.sign_out_everywhere_checked(caller).await;
        self.audit.record(caller, "sign-out-everywhere", "session", &result).await;
        result
    }

    async fn sign_out_everywhere_checked(&self, caller: &Caller) -> Result<(), Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::Session))?;
        let user = caller.require_user()?;
        self.audit.begin(caller, "sign-out-everywhere", "session").await;
        self.services.store.session_delete_of_user(&user.id).await.map_err(crate::error::store)
    }

    /// The caller's sessions, the last used first.
    pub async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionLine>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Session))?;
        let sessions = self.own_sessions(caller).await?;
        let line = |session: SessionRecord| SessionLine {
            id: handle(&session.id_hash),
            device: Device::of(&session.agent),
            is_this: caller.session.as_ref() == Some(&session.id_hash),
            address: session.address,
            created_ms: session.created_ms,
            last_seen_ms: session.last_seen_ms,
        };
        Ok(sessions.into_iter().map(line).collect())
    }

    async fn own_sessions(&self, caller: &Caller) -> Result<Vec<SessionRecord>, Error> {
        let user = caller.require_user()?;
        let now = self.services.clock.now_ms();
        let found = self.services.store.session_list(&user.id, now).await.map_err(crate::error::store)?;
        Ok(found.into_iter().filter(is_whole).collect())
    }

    /// Ends one of the caller's sessions; its streams end within seconds. One of somebody else does not exist.
    pub async fn session_end(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        // Whatever was sent is bounded before it is recorded.
        let object = format!("session/{}", id.chars().take(HANDLE_LEN * 2).collect::<String>());
        let result = self.session_end_checked(caller, id, &object).await;
        self.audit.record(caller, "session-end", &object, &result).await;
        result
    }

    async fn session_end_checked(&self, caller: &Caller, id: &str, object: &str) -> Result<(), Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::Session))?;
        let sessions = self.own_sessions(caller).await?;
        let found = sessions.into_iter().find(|session| handle(&session.id_hash) == id);
        let session = found.ok_or_else(Error::not_found)?;
        self.audit.begin(caller, "session-end", object).await;
        self.services.store.session_delete(&session.id_hash).await.map_err(crate::error::store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_no_hash_of_a_cookie() {
        let hash = "ab".repeat(32);
        let named = handle(&hash);
        assert_eq!(named.len(), HANDLE_LEN * 2);
        assert!(!hash.contains(&named) && named == handle(&hash) && named != handle("other"));
    }
}

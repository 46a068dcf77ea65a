//! People: signing in, listing, creating.

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::{Action, Noun, Role};
use domain::user::{NewUser, SessionTimes, SessionView, UserView};
use domain::{Code, Error, ErrorKind};
use store::{StoreError, UserRecord};

use crate::ControlPlane;
use crate::audit::neighbourhood;
use crate::caller::{Caller, CallerUser, SessionKey};
use crate::policy::{self, Resource};
use crate::secrets::random;

/// Failures of an account after which a wait begins.
const FREE_FAILURES: u32 = 3;
/// The same for an address, behind which there may be many people; no success makes it forget.
const FREE_FAILURES_ADDRESS: u32 = 10;
/// First wait; it doubles with every further failure.
const DELAY_FIRST_MS: i64 = 1_000;
/// Longest wait.
const DELAY_LONGEST_MS: i64 = 60_000;
/// How long an address is somebody's own after they signed in from it: there the failures of strangers do not count, so
/// that nobody is kept out by whoever guesses again after each wait.
const OWN_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// A user's row with a fresh id.
pub(crate) fn new_record(name: UserName, role: Role, hash: String, now_ms: i64) -> Result<UserRecord, Error> {
    let id = random::<10>().map_err(|_| Error::internal())?;
    Ok(UserRecord {
        id: UserId::new(hex::encode(id)),
        name,
        role,
        password_hash: hash,
        enabled: true,
        created_ms: now_ms,
        last_sign_in_ms: None,
    })
}

impl ControlPlane {
    /// Checks name and password; one generic refusal, whatever was wrong.
    pub async fn sign_in(&self, caller: &Caller, name: &str, password: String) -> Result<UserView, Error> {
        let result = self.sign_in_checked(caller, name, password).await;
        let named = caller.named(&result);
        // The name that was tried is part of the record even if nobody has it; it is cut, since anybody may send anything.
        self.audit.record(&named, "sign-in", &format!("user/{}", short(name)), &result).await;
        result.map(|user| user.view())
    }

    /// Checks name and password, without a record of its own in the audit.
    pub(crate) async fn sign_in_checked(
        &self,
        caller: &Caller,
        name: &str,
        password: String,
    ) -> Result<UserRecord, Error> {
        policy::authorize(caller, Action::SignIn, Resource::any(Noun::Session))?;
        let store = &self.services.store;
        let folded = name.trim().to_lowercase();
        let (name, sender) = (short(&folded), neighbourhood(&caller.address));
        let address = format!("address:{sender}");
        let own = format!("own:{sender} {name}");
        let is_own = self.is_own(&own).await?;
        let account = if is_own { format!("account-at:{sender} {name}") } else { format!("account:{name}") };
        let mut keys = vec![(account.as_str(), FREE_FAILURES)];
        // Behind one address may be a whole office: whoever guesses there keeps nobody out who was in before.
        if !is_own {
            keys.push((address.as_str(), FREE_FAILURES_ADDRESS));
        }
        // Who has to wait anyway does not stand in line.
        self.not_delayed(&keys).await?;
        let turn = self.passwords.turn().await?;
        // Asked again within the turn: those before in the line may have failed meanwhile.
        self.not_delayed(&keys).await?;
        let record =
            store.user_by_name(&folded).await.map_err(crate::error::store)?.filter(|user| user.enabled);
        let too_long = password.chars().count() > domain::user::PASSWORD_MAX;
        let password = if too_long { String::new() } else { password };
        let hash = record.as_ref().map(|user| user.password_hash.clone());
        let fits = self.passwords.verify(&turn, password, hash).await?;
        let now = self.services.clock.now_ms();
        let Some(user) = record.filter(|_| fits) else {
            for (key, free) in keys {
                store
                    .delay_failed(key, now, free, DELAY_FIRST_MS, DELAY_LONGEST_MS)
                    .await
                    .map_err(crate::error::store)?;
            }
            return Err(Error::new(ErrorKind::Forbidden, Code::SignInFailed));
        };
        // Not the address's: with an account of their own somebody would go on guessing those of others without a wait.
        store.delay_clear(&account).await.map_err(crate::error::store)?;
        store.delay_own(&own, now.saturating_add(OWN_MS)).await.map_err(crate::error::store)?;
        store.user_signed_in(&user.id, now).await.map_err(crate::error::store)?;
        Ok(user)
    }

    /// Whether somebody has signed in from an address of late, by the key of both.
    async fn is_own(&self, key: &str) -> Result<bool, Error> {
        let own = self.services.store.delay_read(key).await.map_err(crate::error::store)?;
        Ok(own.is_some_and(|own| own.until_ms > self.services.clock.now_ms()))
    }

    /// Refuses while one of the keys has to wait.
    async fn not_delayed(&self, keys: &[(&str, u32)]) -> Result<(), Error> {
        let now = self.services.clock.now_ms();
        for (key, _) in keys {
            let delay = self.services.store.delay_read(key).await.map_err(crate::error::store)?;
            let left_ms = delay.map_or(0, |delay| delay.until_ms.saturating_sub(now));
            // A wait longer than any wait is of a clock that was set back since: nobody is locked out for that.
            if (1..=DELAY_LONGEST_MS).contains(&left_ms) {
                let seconds = (left_ms + 999) / 1_000;
                return Err(Error::new(ErrorKind::Forbidden, Code::SignInDelayed).with("seconds", seconds));
            }
        }
        Ok(())
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

    /// The person behind a session, as they are now: a disabled or deleted one is nobody.
    pub async fn session_user(&self, id: &UserId) -> Result<Option<CallerUser>, Error> {
        let user = self.services.store.user_read(id).await.map_err(crate::error::store)?;
        Ok(user.filter(|user| user.enabled).map(|user| CallerUser {
            id: user.id.clone(),
            name: user.name.clone(),
            role: user.role,
        }))
    }

    /// Who is signed in, and what pages may offer them.
    pub async fn session(&self, caller: &Caller) -> Result<SessionView, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        Ok(SessionView {
            user: user.id.clone(),
            name: user.name.clone(),
            role: user.role,
            offers: policy::offers(user.role),
        })
    }

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

    /// Everybody who can sign in.
    pub async fn user_list(&self, caller: &Caller) -> Result<Vec<UserView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::User))?;
        let users = self.services.store.user_list().await.map_err(crate::error::store)?;
        Ok(users.iter().map(UserRecord::view).collect())
    }

    /// Makes a further user.
    pub async fn user_create(&self, caller: &Caller, new: NewUser) -> Result<UserView, Error> {
        let (what, object) = (format!("user-create-{}", new.role.as_str()), format!("user/{}", new.name));
        let result = self.user_create_checked(caller, new, &what, &object).await;
        self.audit.record(caller, &what, &object, &result).await;
        result
    }

    async fn user_create_checked(
        &self,
        caller: &Caller,
        new: NewUser,
        what: &str,
        object: &str,
    ) -> Result<UserView, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::User))?;
        let hash = self.passwords.hash(new.password, new.role).await?;
        let record = new_record(new.name, new.role, hash, self.services.clock.now_ms())?;
        self.audit.begin(caller, what, object).await;
        match self.services.store.user_create(&record).await {
            Ok(()) => Ok(record.view()),
            Err(StoreError::Taken { .. }) => Err(Error::conflict(Code::UserNameTaken).on("name")),
            Err(error) => Err(crate::error::store(error)),
        }
    }
}

/// A key of bounded length for whatever somebody typed.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

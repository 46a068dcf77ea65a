//! The second factor of somebody's sign-in: setting it up, using its codes once each, taking it away, and which roles
//! need one.

use std::sync::{Mutex, PoisonError};

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::{Action, Noun, Role};
use domain::second_factor::{DIGITS, Enrolment, RECOVERY_CODES, SecondFactorView};
use domain::{Code, Error, ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{SecondFactorRecord, StoreError};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::secrets::random;
use crate::user::{DELAY_FIRST_MS, DELAY_LONGEST_MS, FREE_FAILURES};

mod totp;

/// Setting up has to be confirmed within this time.
const DRAFT_MS: i64 = 10 * 60 * 1_000;
/// Bytes of a secret, as many as the hash has.
const SECRET_LEN: usize = 20;
/// Bytes of a recovery code: 80 bits, so that a plain hash is enough; nobody tries that many.
const RECOVERY_LEN: usize = 10;
/// Who an app says that a code is for.
const ISSUER: &str = "Heddle";
/// Where it is noted which roles need a second factor.
const SETTING: &str = "second_factor_roles";
/// For how long what was read of it counts: another portal on the same database may change it.
const FRESH_MS: i64 = 5_000;

/// What is being set up, sealed until it is confirmed.
#[derive(Serialize, Deserialize)]
struct Draft {
    /// Hexadecimal.
    secret: String,
    recovery: Vec<String>,
    until_ms: i64,
}

/// The roles that need a second factor, with when they were read.
#[derive(Default)]
pub(crate) struct Required(Mutex<Option<(i64, Vec<Role>)>>);

impl Required {
    fn known(&self, now_ms: i64) -> Option<Vec<Role>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.as_ref().filter(|(at, _)| (0..FRESH_MS).contains(&now_ms.saturating_sub(*at)));
        fresh.map(|(_, roles)| roles.clone())
    }

    fn keep(&self, now_ms: i64, roles: &[Role]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now_ms, roles.to_vec()));
    }
}

/// The secrets that go with a person.
pub(crate) fn secrets_of(user: &UserId) -> [String; 2] {
    [secret_key(user), draft_key(user)]
}

fn secret_key(user: &UserId) -> String {
    format!("user/{user}/second-factor")
}

fn draft_key(user: &UserId) -> String {
    format!("user/{user}/second-factor-draft")
}

/// The key under which wrong codes are counted.
pub(crate) fn code_key(user: &UserId) -> String {
    format!("code:{user}")
}

/// How a recovery code is kept, however it is written.
fn hash(code: &str) -> String {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    hex::encode(Sha256::digest(letters.to_ascii_uppercase().as_bytes()))
}

/// Letters in groups of four, for whoever copies them by hand.
fn grouped(letters: &str, between: &str) -> String {
    let letters: Vec<char> = letters.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(between)
}

fn recovery_code() -> Result<String, Error> {
    let bytes = random::<RECOVERY_LEN>().map_err(|_| Error::internal())?;
    Ok(grouped(&totp::base32(&bytes).to_ascii_lowercase(), "-"))
}

fn secret_of(text: &str) -> Result<Vec<u8>, Error> {
    hex::decode(text).map_err(|_| crate::error::internal("read a second factor", "not hexadecimal"))
}

/// What an app shows that was given a secret, as it is read there: for tests, which have no app.
#[cfg(any(test, feature = "testkit"))]
pub fn shown_by_app(secret: &str, now_ms: i64) -> Option<String> {
    totp::code(&totp::bytes_of(secret), totp::step_at(now_ms))
}

/// The step of a code: the present one, or one beside it, since clocks differ.
fn step_of(secret: &[u8], code: &str, now_ms: i64) -> Option<i64> {
    let now = totp::step_at(now_ms);
    [now, now - 1, now + 1].into_iter().find(|step| totp::code(secret, *step).as_deref() == Some(code))
}

/// What was typed without the spaces and strokes that people put in.
fn bare(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

impl ControlPlane {
    /// The caller's own second factor; what is being set up is shown only to who proved lately who they are.
    pub async fn second_factor_read(&self, caller: &Caller) -> Result<SecondFactorView, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let record = self.services.store.second_factor_read(&user.id).await.map_err(crate::error::store)?;
        let is_proved = self.stepped_up(caller).is_ok();
        let draft = if is_proved && record.is_none() { self.draft(&user.id).await? } else { None };
        let enrolment = draft.map(|draft| enrolment(&user.name, draft)).transpose()?;
        let sets_roles = policy::allows(caller, Action::Edit, Resource::any(Noun::Setting));
        let required_roles = if sets_roles { Some(self.required_roles().await?) } else { None };
        Ok(SecondFactorView {
            since_ms: record.as_ref().map(|record| record.since_ms),
            recovery_left: record.as_ref().map_or(0, |record| record.recovery.len()),
            is_required: self.needs_second_factor(user.role).await?,
            is_proved,
            enrolment,
            required_roles,
        })
    }

    async fn draft(&self, user: &UserId) -> Result<Option<Draft>, Error> {
        let draft: Option<Draft> = self.services.secret(&draft_key(user)).await?;
        Ok(draft.filter(|draft| draft.until_ms > self.services.clock.now_ms()))
    }

    /// Begins to set a second factor up; nothing asks for it before a code has confirmed it.
    pub async fn second_factor_begin(&self, caller: &Caller) -> Result<(), Error> {
        let result = self.second_factor_begin_checked(caller).await;
        self.audit.record(caller, "second-factor-begin", "second-factor", &result).await;
        result
    }

    async fn second_factor_begin_checked(&self, caller: &Caller) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        self.stepped_up(caller)?;
        let store = &self.services.store;
        if store.second_factor_read(&user.id).await.map_err(crate::error::store)?.is_some() {
            return Err(Error::conflict(Code::SecondFactorThere));
        }
        let secret = random::<SECRET_LEN>().map_err(|_| Error::internal())?;
        let recovery = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
        let until_ms = self.services.clock.now_ms().saturating_add(DRAFT_MS);
        let draft = Draft { secret: hex::encode(secret), recovery, until_ms };
        let sealed = self.services.seal(&draft_key(&user.id), &draft)?;
        self.audit.begin(caller, "second-factor-begin", "second-factor").await;
        store.secret_put(&sealed).await.map_err(crate::error::store)
    }

    /// Confirms what is being set up by a code of it; from now on the sign-in asks for one.
    pub async fn second_factor_confirm(&self, caller: &Caller, code: &str) -> Result<(), Error> {
        let result = self.second_factor_confirm_checked(caller, code).await;
        self.audit.record(caller, "second-factor-confirm", "second-factor", &result).await;
        result
    }

    async fn second_factor_confirm_checked(&self, caller: &Caller, code: &str) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        self.stepped_up(caller)?;
        let expired = || Error::conflict(Code::EnrolmentExpired);
        let draft = self.draft(&user.id).await?.ok_or_else(expired)?;
        let now = self.services.clock.now_ms();
        // Whoever guesses here has the secret before them: there is nothing to slow down.
        let step = step_of(&secret_of(&draft.secret)?, &bare(code), now);
        let last_step = step.ok_or_else(|| Error::new(ErrorKind::Forbidden, Code::CodeWrong).on("code"))?;
        let recovery = draft.recovery.iter().map(|code| hash(code)).collect();
        let record = SecondFactorRecord { since_ms: now, last_step, recovery };
        let sealed = self.services.seal(&secret_key(&user.id), &draft.secret)?;
        self.audit.begin(caller, "second-factor-confirm", "second-factor").await;
        let store = &self.services.store;
        match store.second_factor_create(&user.id, &record, &sealed, &draft_key(&user.id)).await {
            Err(StoreError::Taken { .. }) => Err(Error::conflict(Code::SecondFactorThere)),
            other => other.map_err(crate::error::store),
        }
    }

    /// Takes the caller's own second factor away.
    pub async fn second_factor_remove(&self, caller: &Caller) -> Result<(), Error> {
        let result = self.second_factor_remove_checked(caller).await;
        self.audit.record(caller, "second-factor-remove", "second-factor", &result).await;
        result
    }

    async fn second_factor_remove_checked(&self, caller: &Caller) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        self.stepped_up(caller)?;
        let found = self.services.store.second_factor_read(&user.id).await.map_err(crate::error::store)?;
        if found.is_none() {
            return Err(Error::conflict(Code::SecondFactorNone));
        }
        self.audit.begin(caller, "second-factor-remove", "second-factor").await;
        self.second_factor_forget(&user.id).await
    }

    /// Takes somebody else's second factor away, who has lost it; whether there was one is not told.
    pub async fn user_reset_second_factor(&self, caller: &Caller, user: &UserName) -> Result<(), Error> {
        let object = format!("user/{user}");
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::User))?;
            let found = self.services.store.user_by_name(user.as_str()).await.map_err(crate::error::store)?;
            let found = found.ok_or_else(Error::not_found)?;
            self.stepped_up(caller)?;
            self.audit.begin(caller, "user-reset-second-factor", &object).await;
            self.second_factor_forget(&found.id).await?;
            self.services.changed("user", &found.id);
            Ok(())
        }
        .await;
        self.audit.record(caller, "user-reset-second-factor", &object, &result).await;
        result
    }

    /// Removes everything of somebody's second factor.
    async fn second_factor_forget(&self, user: &UserId) -> Result<(), Error> {
        let (key, draft) = (secret_key(user), draft_key(user));
        self.services.store.second_factor_remove(user, &key, &draft).await.map_err(crate::error::store)
    }

    /// Uses a code up: one of the app, or a recovery code. Guesses are slowed down as those of a password.
    ///
    /// # Errors
    /// [`Code::CodeWrong`] for one that is wrong or was used before; [`Code::SignInDelayed`] while there is a wait.
    pub(crate) async fn use_code(&self, user: &UserId, code: &str) -> Result<(), Error> {
        let key = code_key(user);
        let keys = [(key.as_str(), FREE_FAILURES)];
        // As with passwords: looked at and counted within one's turn, so that guesses do not slip through together.
        self.not_delayed(&keys).await?;
        let turn = self.passwords.turn().await?;
        self.not_delayed(&keys).await?;
        let counts = self.code_counts(user, &bare(code)).await?;
        let store = &self.services.store;
        if counts {
            store.delay_clear(&key).await.map_err(crate::error::store)?;
        } else {
            let now = self.services.clock.now_ms();
            let failed = store.delay_failed(&key, now, FREE_FAILURES, DELAY_FIRST_MS, DELAY_LONGEST_MS);
            failed.await.map_err(crate::error::store)?;
        }
        drop(turn);
        let wrong = || Error::new(ErrorKind::Forbidden, Code::CodeWrong).on("code");
        if counts { Ok(()) } else { Err(wrong()) }
    }

    async fn code_counts(&self, user: &UserId, code: &str) -> Result<bool, Error> {
        let store = &self.services.store;
        let is_of_app = code.len() == DIGITS && code.bytes().all(|digit| digit.is_ascii_digit());
        if !is_of_app {
            let used = store.second_factor_use_recovery(user, &hash(code)).await;
            return used.map_err(crate::error::store);
        }
        let Some(secret) = self.services.secret::<String>(&secret_key(user)).await? else { return Ok(false) };
        match step_of(&secret_of(&secret)?, code, self.services.clock.now_ms()) {
            Some(step) => store.second_factor_use_step(user, step).await.map_err(crate::error::store),
            None => Ok(false),
        }
    }

    /// Whether a role needs a second factor. Asked with every request, and therefore kept for moments.
    pub(crate) async fn needs_second_factor(&self, role: Role) -> Result<bool, Error> {
        let now = self.services.clock.now_ms();
        if let Some(roles) = self.second_factor_roles.known(now) {
            return Ok(roles.contains(&role));
        }
        let roles = self.required_roles().await?;
        self.second_factor_roles.keep(now, &roles);
        Ok(roles.contains(&role))
    }

    async fn required_roles(&self) -> Result<Vec<Role>, Error> {
        match self.services.store.setting_read(SETTING).await.map_err(crate::error::store)? {
            Some(stored) => serde_json::from_value(stored)
                .map_err(|_| crate::error::internal("read the roles", "not a list of roles")),
            None => Ok(Vec::new()),
        }
    }

    /// Sets the roles that need a second factor: who has none gets nothing but the page to set it up, from their next
    /// request on.
    pub async fn second_factor_roles_save(&self, caller: &Caller, roles: Vec<Role>) -> Result<(), Error> {
        let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let words = if words.is_empty() { "none".to_owned() } else { words.join(",") };
        let object = format!("setting/second-factor-roles {words}");
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::Setting))?;
            self.stepped_up(caller)?;
            let mut roles = roles;
            roles.sort_unstable();
            roles.dedup();
            let stored = serde_json::to_value(&roles).map_err(|_| Error::internal())?;
            self.audit.begin(caller, "second-factor-roles-save", &object).await;
            self.services.store.setting_put(SETTING, &stored).await.map_err(crate::error::store)?;
            self.second_factor_roles.keep(self.services.clock.now_ms(), &roles);
            Ok(())
        }
        .await;
        self.audit.record(caller, "second-factor-roles-save", &object, &result).await;
        result
    }
}

fn enrolment(name: &UserName, draft: Draft) -> Result<Enrolment, Error> {
    let secret = secret_of(&draft.secret)?;
    let picture = totp::picture(&totp::address(ISSUER, name.as_str(), &secret));
    let picture = picture.ok_or_else(|| crate::error::internal("draw a second factor", "too long"))?;
    Ok(Enrolment { secret: grouped(&totp::base32(&secret), " "), picture, recovery: draft.recovery })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_one_step_before_and_after_its_own() {
        let (secret, now_ms) = ([7; SECRET_LEN], 1_700_000_010_000);
        let step = totp::step_at(now_ms);
        let code = totp::code(&secret, step).unwrap();
        for (seconds, counts) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let found = step_of(&secret, &code, now_ms + seconds * 1_000);
            assert_eq!(found, counts.then_some(step), "{seconds}");
        }
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_written() {
        let code = recovery_code().unwrap();
        assert_eq!((code.len(), code.matches('-').count()), (19, 3), "{code}");
        assert_eq!(hash(&code), hash(&code.to_uppercase().replace('-', " ")));
        assert_eq!(hash(&bare(&code)), hash(&code));
        assert_ne!(hash(&code), hash(&recovery_code().unwrap()));
    }
}

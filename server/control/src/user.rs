//! People: signing in, listing, creating. How an admin keeps them, and how somebody gets in for the first time, stands in
//! files of its own; what people do with their own account is in [`crate::session`], [`crate::profile`] and
//! [`crate::second_factor`].

use domain::id::UserId;
use domain::list::{ListPage, ListQuery};
use domain::name::UserName;
use domain::permission::{Action, Noun, Role};
use domain::user::{NewUser, USER_FILTERS, USER_SORTS, UserState, UserView};
use domain::{Code, Error, ErrorKind};
use store::{StoreError, UserRecord};

use crate::ControlPlane;
use crate::audit::neighbourhood;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::secrets::random;

mod keep;
mod link;
mod registration;

pub(crate) use link::link_hash;

/// Failures of an account after which a wait begins.
pub(crate) const FREE_FAILURES: u32 = 3;
/// The same for an address, behind which there may be many people; no success makes it forget.
const FREE_FAILURES_ADDRESS: u32 = 10;
/// First wait; it doubles with every further failure.
pub(crate) const DELAY_FIRST_MS: i64 = 1_000;
/// Longest wait.
pub(crate) const DELAY_LONGEST_MS: i64 = 60_000;
/// How long an address is somebody's own after they signed in from it: there the failures of strangers do not count, so
/// that nobody is kept out by whoever guesses again after each wait.
const OWN_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// A user's row with a fresh id.
pub(crate) fn new_record(name: UserName, role: Role, hash: String, now_ms: i64) -> Result<UserRecord, Error> {
    let id = random::<10>().map_err(|_| Error::internal())?;
    Ok(UserRecord::new(UserId::new(hex::encode(id)), name, role, hash, now_ms))
}

/// Whether somebody signs in at all: neither by a disabled account, nor without a password, nor by one that was made for
/// them and that they have not replaced in time.
fn signs_in(user: &UserRecord, now_ms: i64) -> bool {
    user.state == UserState::Active
        && !user.password_hash.is_empty()
        && user.password_until_ms.is_none_or(|until_ms| until_ms > now_ms)
}

/// The key under which failures of an account are counted.
fn account_key(name: &str) -> String {
    format!("account:{name}")
}

/// The key of an address.
fn address_key(sender: &str) -> String {
    format!("address:{sender}")
}

/// Somebody whose password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub user: UserView,
    /// Their second factor is asked for before they are in.
    pub needs_code: bool,
}

impl ControlPlane {
    /// Checks name and password; one generic refusal, whatever was wrong.
    pub async fn sign_in(&self, caller: &Caller, name: &str, password: String) -> Result<SignedIn, Error> {
        let result = self.sign_in_checked(caller, name, password).await;
        let needs_code = result.as_ref().is_ok_and(|user| user.has_second_factor);
        let named = caller.named(&result);
        // Half of it, where a code has to follow.
        let what = if needs_code { "sign-in-password" } else { "sign-in" };
        // The name that was tried is part of the record even if nobody has it; it is cut, since anybody may send anything.
        self.audit.record(&named, what, &format!("user/{}", short(name)), &result).await;
        result.map(|user| SignedIn { user: user.view(), needs_code })
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
        let address = address_key(&sender);
        let own = format!("own:{sender} {name}");
        let is_own = self.is_own(&own).await?;
        let account = if is_own { format!("account-at:{sender} {name}") } else { account_key(&name) };
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
        let asked_ms = self.services.clock.now_ms();
        let record = store.user_by_name(&folded).await.map_err(crate::error::store)?;
        let record = record.filter(|user| signs_in(user, asked_ms));
        let too_long = password.chars().count() > domain::user::PASSWORD_MAX;
        let password = if too_long { String::new() } else { password };
        let hash = record.as_ref().map(|user| user.password_hash.clone());
        let fits = self.passwords.verify(&turn, password, hash).await?;
        let now = self.services.clock.now_ms();
        let found = record.filter(|_| fits);
        let is_still = match &found {
            Some(user) => self.is_unchanged(user).await?,
            None => false,
        };
        let Some(user) = found.filter(|_| is_still) else {
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

    /// Whether the password that was looked at is still theirs. Looking takes a while, in which it may have been changed or
    /// taken away, and the sessions ended: one that begins afterwards would outlast it.
    async fn is_unchanged(&self, user: &UserRecord) -> Result<bool, Error> {
        let now = self.services.store.user_read(&user.id).await.map_err(crate::error::store)?;
        Ok(now.is_some_and(|now| now.state == user.state && now.password_hash == user.password_hash))
    }

    /// Whether somebody has signed in from an address of late, by the key of both.
    async fn is_own(&self, key: &str) -> Result<bool, Error> {
        let own = self.services.store.delay_read(key).await.map_err(crate::error::store)?;
        Ok(own.is_some_and(|own| own.until_ms > self.services.clock.now_ms()))
    }

    /// Refuses while one of the keys has to wait.
    pub(crate) async fn not_delayed(&self, keys: &[(&str, u32)]) -> Result<(), Error> {
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

    /// A page of people, each with the number of chains that are theirs.
    pub async fn user_page(&self, caller: &Caller, query: &ListQuery) -> Result<ListPage<UserView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::User))?;
        query.check(&USER_SORTS, &USER_FILTERS)?;
        let store = &self.services.store;
        let page = store.user_page(query).await.map_err(crate::error::store)?;
        let ids: Vec<UserId> = page.rows.iter().map(|user| user.id.clone()).collect();
        let counts = store.chain_counts(&ids).await.map_err(crate::error::store)?;
        let view = |user: &UserRecord| UserView {
            chains: counts.get(&user.id).copied().unwrap_or_default(),
            ..user.view()
        };
        Ok(ListPage { rows: page.rows.iter().map(view).collect(), next: page.next })
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
        self.services.store.user_create(&record).await.map_err(name_taken)?;
        self.services.changed("user", &record.id);
        Ok(record.view())
    }
}

/// The refusal of a person whose name exists.
fn name_taken(error: StoreError) -> Error {
    match error {
        StoreError::Taken { .. } => Error::conflict(Code::UserNameTaken).on("name"),
        other => crate::error::store(other),
    }
}

/// A key of bounded length for whatever somebody typed.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;

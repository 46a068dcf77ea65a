//! Somebody's own account: what they say of themselves, how the pages look for them, and their password.

use domain::permission::{Action, Noun};
use domain::profile::Profile;
use domain::{Code, Error, id::UserId};
use store::Look;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// What a browser is told of somebody's wishes when they sign in with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Tag of a language, as it was chosen.
    pub language: Option<String>,
    /// Word of a theme, as it was chosen.
    pub theme: Option<String>,
    /// IANA name; empty: the browser's own.
    pub time_zone: String,
}

/// Longest word of a language or a theme.
const WORD_MAX: usize = 16;

impl ControlPlane {
    /// The caller's profile.
    pub async fn profile_read(&self, caller: &Caller) -> Result<Profile, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let found = self.services.store.profile_read(&user.id).await.map_err(crate::error::store)?;
        Ok(found.unwrap_or_default())
    }

    /// Saves the caller's profile, and gives it back as it is kept.
    pub async fn profile_save(&self, caller: &Caller, profile: Profile) -> Result<Profile, Error> {
        let result = self.profile_save_checked(caller, profile).await;
        self.audit.record(caller, "profile-save", "profile", &result).await;
        result
    }

    async fn profile_save_checked(&self, caller: &Caller, profile: Profile) -> Result<Profile, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let profile = profile.checked()?;
        self.audit.begin(caller, "profile-save", "profile").await;
        self.services.store.profile_save(&user.id, &profile).await.map_err(crate::error::store)?;
        Ok(profile)
    }

    /// Notes the language and the theme that the caller chose; what is none stays as it was.
    pub async fn look_save(
        &self,
        caller: &Caller,
        language: Option<String>,
        theme: Option<String>,
    ) -> Result<(), Error> {
        let result = self.look_save_checked(caller, Look { language, theme }).await;
        self.audit.record(caller, "look-save", "profile", &result).await;
        result
    }

    async fn look_save_checked(&self, caller: &Caller, look: Look) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let is_word = |word: &Option<String>| word.as_ref().is_none_or(|word| word.len() <= WORD_MAX);
        if !is_word(&look.language) || !is_word(&look.theme) {
            return Err(Error::invalid(Code::TextTooLong).with("max", WORD_MAX));
        }
        self.audit.begin(caller, "look-save", "profile").await;
        self.services.store.look_save(&user.id, &look).await.map_err(crate::error::store)
    }

    /// What somebody who has just signed in wants their browser to know.
    pub async fn wishes(&self, user: &UserId) -> Result<Wishes, Error> {
        let store = &self.services.store;
        let look = store.look_read(user).await.map_err(crate::error::store)?;
        let profile = store.profile_read(user).await.map_err(crate::error::store)?.unwrap_or_default();
        Ok(Wishes { language: look.language, theme: look.theme, time_zone: profile.time_zone })
    }

    /// Changes the caller's password. The old one is asked for, which proves who they are; their other sessions end. Tells
    /// when it was, for the session that stays.
    pub async fn password_change(&self, caller: &Caller, old: String, new: String) -> Result<i64, Error> {
        let object = format!("user/{}", caller.user.as_ref().map_or("", |user| user.name.as_str()));
        let result = self.password_change_checked(caller, old, new, &object).await;
        self.audit.record(caller, "password-change", &object, &result).await;
        result
    }

    async fn password_change_checked(
        &self,
        caller: &Caller,
        old: String,
        new: String,
        object: &str,
    ) -> Result<i64, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))?;
        let user = caller.require_user()?;
        let is_same = old == new;
        self.sign_in_checked(caller, user.name.as_str(), old).await.map_err(|error| error.on("old"))?;
        if is_same {
            return Err(Error::invalid(Code::PasswordUnchanged).on("password"));
        }
        let hash = self.passwords.hash(new, user.role).await?;
        self.audit.begin(caller, "password-change", object).await;
        let store = &self.services.store;
        store
            .user_password_set(&user.id, &hash, false, caller.session.as_deref())
            .await
            .map_err(crate::error::store)?;
        Ok(self.services.clock.now_ms())
    }
}

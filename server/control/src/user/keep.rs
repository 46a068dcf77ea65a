//! How an admin keeps people: roles, quotas, who may sign in, and who goes. Nobody takes rights from themselves, and the
//! last admin who can sign in stays one.

use domain::audit::{FieldChange, Public};
use domain::id::UserId;
use domain::permission::{Action, Noun};
use domain::user::{UserDetail, UserEdit, UserState, UserView};
use domain::{Code, Error};
use store::{LinkRecord, NewMail, UserRecord, UserRefusal};

use super::account_key;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::second_factor::{code_key, secrets_of};

/// A change that was decided.
pub(super) struct Decided<'a> {
    /// The word of the audit.
    pub what: &'static str,
    pub before: UserRecord,
    pub after: UserRecord,
    pub ends_sessions: bool,
    pub link: Option<&'a LinkRecord>,
    /// What brings the link to its person.
    pub mail: Option<&'a NewMail>,
}

impl ControlPlane {
    /// One person.
    pub async fn user_read(&self, caller: &Caller, id: &UserId) -> Result<UserDetail, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::User))?;
        let user = self.user_record(id).await?;
        let store = &self.services.store;
        let now_ms = self.services.clock.now_ms();
        let mut locked_until_ms = None::<i64>;
        for key in [account_key(user.name.as_str()), code_key(id)] {
            let delay = store.delay_read(&key).await.map_err(crate::error::store)?;
            locked_until_ms = locked_until_ms.max(delay.map(|delay| delay.until_ms));
        }
        let link = store.link_expiry(id, now_ms).await.map_err(crate::error::store)?;
        let chains = store.chains_of_owner(id).await.map_err(crate::error::store)?;
        let is_last_admin = store.user_is_last_admin(&user).await.map_err(crate::error::store)?;
        let mail = store.mail_newest(id).await.map_err(crate::error::store)?;
        let later = |at_ms: &i64| *at_ms > now_ms;
        Ok(UserDetail {
            locked_until_ms: locked_until_ms.filter(later),
            first_sign_in_until_ms: link.or(user.password_until_ms).filter(later),
            mail: mail.map(|mail| mail.view()),
            is_own: is_own(caller, &user),
            is_last_admin,
            user: UserView { chains: u32::try_from(chains.len()).unwrap_or(u32::MAX), ..user.view() },
            chains,
        })
    }

    /// Changes role, e-mail address and quota. Another role ends the sessions: how long they last hangs on it.
    pub async fn user_edit(&self, caller: &Caller, id: &UserId, edit: UserEdit) -> Result<(), Error> {
        let (mut object, mut changes) = (format!("user/{id}"), Vec::new());
        let result = self.user_edit_checked(caller, id, edit, &mut object, &mut changes).await;
        self.audit.record_change(caller, "user-edit", &object, changes, &result).await;
        result
    }

    async fn user_edit_checked(
        &self,
        caller: &Caller,
        id: &UserId,
        edit: UserEdit,
        object: &mut String,
        changes: &mut Vec<FieldChange>,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::User))?;
        let before = self.user_named(id, object).await?;
        if let Some(quota) = &edit.quota {
            quota.check()?;
        }
        let after = UserRecord { role: edit.role, email: edit.email, quota: edit.quota, ..before.clone() };
        let is_other_role = after.role != before.role;
        if is_other_role {
            not_own(caller, &before)?;
            self.stepped_up(caller)?;
        }
        let ends_sessions = is_other_role && before.state == UserState::Active;
        let decided = Decided { what: "user-edit", before, after, ends_sessions, link: None, mail: None };
        self.user_decided(caller, decided, object, changes).await
    }

    /// Lets somebody sign in: again, or for the first time after they registered. Whoever has no password yet needs a link.
    pub async fn user_enable(&self, caller: &Caller, id: &UserId) -> Result<(), Error> {
        let (mut object, mut changes) = (format!("user/{id}"), Vec::new());
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::User))?;
            let before = self.user_named(id, &mut object).await?;
            in_state(&before, &[UserState::Disabled, UserState::Waiting])?;
            let state = match before.password_hash.is_empty() {
                true => UserState::Invited,
                false => UserState::Active,
            };
            let after = UserRecord { state, ..before.clone() };
            let decided =
                Decided { what: "user-enable", before, after, ends_sessions: false, link: None, mail: None };
            self.user_decided(caller, decided, &object, &mut changes).await
        }
        .await;
        self.audit.record_change(caller, "user-enable", &object, changes, &result).await;
        result
    }

    /// Keeps somebody out: their sessions end with it, what they have open within seconds.
    pub async fn user_disable(&self, caller: &Caller, id: &UserId) -> Result<(), Error> {
        let (mut object, mut changes) = (format!("user/{id}"), Vec::new());
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::User))?;
            let before = self.user_named(id, &mut object).await?;
            not_own(caller, &before)?;
            in_state(&before, &[UserState::Active, UserState::Invited])?;
            let after = UserRecord { state: UserState::Disabled, ..before.clone() };
            let decided =
                Decided { what: "user-disable", before, after, ends_sessions: true, link: None, mail: None };
            self.user_decided(caller, decided, &object, &mut changes).await
        }
        .await;
        self.audit.record_change(caller, "user-disable", &object, changes, &result).await;
        result
    }

    /// Ends the wait of an account after wrong passwords or codes.
    pub async fn user_unlock(&self, caller: &Caller, id: &UserId) -> Result<(), Error> {
        let mut object = format!("user/{id}");
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::User))?;
            let user = self.user_named(id, &mut object).await?;
            self.audit.begin(caller, "user-unlock", &object).await;
            for key in [account_key(user.name.as_str()), code_key(id)] {
                self.services.store.delay_clear(&key).await.map_err(crate::error::store)?;
            }
            self.services.changed("user", id);
            Ok(())
        }
        .await;
        self.audit.record(caller, "user-unlock", &object, &result).await;
        result
    }

    /// Removes somebody with their sessions and grants, or refuses whoever has registered. Chains that are theirs need
    /// another owner first.
    pub async fn user_delete(&self, caller: &Caller, id: &UserId) -> Result<(), Error> {
        let mut object = format!("user/{id}");
        let result = self.user_delete_checked(caller, id, &mut object).await;
        self.audit.record(caller, "user-delete", &object, &result).await;
        result
    }

    async fn user_delete_checked(
        &self,
        caller: &Caller,
        id: &UserId,
        object: &mut String,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::User))?;
        let user = self.user_named(id, object).await?;
        not_own(caller, &user)?;
        self.stepped_up(caller)?;
        self.audit.begin(caller, "user-delete", object).await;
        let deleted = self.services.store.user_delete(&user, &secrets_of(&user.id)).await;
        let deleted = deleted.map_err(crate::error::store)?;
        if let Err(refusal) = deleted {
            return Err(self.refused_change(id, refusal).await?);
        }
        self.services.changed("user", id);
        Ok(())
    }

    /// The person of an id.
    pub(super) async fn user_record(&self, id: &UserId) -> Result<UserRecord, Error> {
        let found = self.services.store.user_read(id).await.map_err(crate::error::store)?;
        found.ok_or_else(Error::not_found)
    }

    /// The same for a change, whose record names them by name.
    pub(super) async fn user_named(&self, id: &UserId, object: &mut String) -> Result<UserRecord, Error> {
        let user = self.user_record(id).await?;
        *object = format!("user/{}", user.name);
        Ok(user)
    }

    /// Does what was decided, and tells for its record what becomes of what.
    pub(super) async fn user_decided(
        &self,
        caller: &Caller,
        decided: Decided<'_>,
        object: &str,
        changes: &mut Vec<FieldChange>,
    ) -> Result<(), Error> {
        let Decided { what, before, after, ends_sessions, link, mail } = decided;
        *changes = told(&before, &after);
        self.audit.begin_change(caller, what, object, changes.clone()).await;
        let saved = self.services.store.user_save(&before, &after, ends_sessions, link, mail).await;
        if let Err(refusal) = saved.map_err(crate::error::store)? {
            return Err(self.refused_change(&before.id, refusal).await?);
        }
        self.services.changed("user", &before.id);
        Ok(())
    }

    /// What stands against a change, in words.
    async fn refused_change(&self, id: &UserId, refusal: UserRefusal) -> Result<Error, Error> {
        Ok(match refusal {
            UserRefusal::Absent => Error::not_found(),
            UserRefusal::Changed => Error::conflict(Code::UserChanged),
            UserRefusal::LastAdmin => Error::conflict(Code::LastAdmin),
            UserRefusal::OwnsChains => {
                let chains = self.services.store.chains_of_owner(id).await.map_err(crate::error::store)?;
                let names: Vec<&str> = chains.iter().map(|chain| chain.as_str()).collect();
                Error::conflict(Code::UserOwnsChains).with("chains", names.join(", "))
            }
        })
    }
}

fn is_own(caller: &Caller, user: &UserRecord) -> bool {
    caller.user.as_ref().is_some_and(|own| own.id == user.id)
}

/// Refuses what nobody does to themselves.
pub(super) fn not_own(caller: &Caller, user: &UserRecord) -> Result<(), Error> {
    if is_own(caller, user) { Err(Error::conflict(Code::OwnAccount)) } else { Ok(()) }
}

/// Refuses what an account in this state is not there for.
pub(super) fn in_state(user: &UserRecord, allowed: &[UserState]) -> Result<(), Error> {
    if allowed.contains(&user.state) {
        return Ok(());
    }
    Err(Error::conflict(Code::UserState))
}

/// What becomes of what: role, state and quota by their values; of an e-mail address that it is another one.
fn told(before: &UserRecord, after: &UserRecord) -> Vec<FieldChange> {
    let quota = |user: &UserRecord| user.quota.map_or_else(|| "role's".to_owned(), |own| own.to_string());
    let values = [
        ("role", before.role.as_str().to_owned(), after.role.as_str().to_owned()),
        ("state", before.state.as_str().to_owned(), after.state.as_str().to_owned()),
        ("quota", quota(before), quota(after)),
    ];
    let changed =
        values.iter().filter_map(|(name, was, is)| FieldChange::between(name, &Public(was), &Public(is)));
    let mut changes: Vec<FieldChange> = changed.collect();
    changes.extend((before.email != after.email).then(|| FieldChange::replaced("e-mail")));
    changes
}

#[cfg(test)]
mod tests {
    use domain::name::UserName;
    use domain::permission::Role;
    use domain::user::{Email, Quota};

    use super::*;

    #[test]
    fn the_record_names_what_becomes_of_what() {
        let name = UserName::parse("uma").unwrap();
        let before = UserRecord::new(UserId::new("u"), name, Role::User, "$argon2id$secret".to_owned(), 1);
        let mut after = before.clone();
        assert!(told(&before, &after).is_empty());
        after.password_hash = "$argon2id$other".to_owned();
        assert!(told(&before, &after).is_empty(), "nothing of a password is recorded");
        (after.role, after.state) = (Role::Operator, UserState::Disabled);
        after.quota = Some(Quota { chains: 3, lifetime_hours: Some(48), invocations_per_minute: None });
        after.email = Some(Email::parse("uma@example.org").unwrap());
        let text: Vec<String> = told(&before, &after).iter().map(ToString::to_string).collect();
        let wanted =
            ["role user→operator", "state active→disabled", "quota role's→3/48/-", "e-mail →replaced"];
        assert_eq!(text, wanted);
    }
}

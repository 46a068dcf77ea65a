//! Who may do what with a chain: given by its owner, by whoever manages it, and by staff.

use domain::audit::FieldChange;
use domain::name::{ChainName, UserName};
use domain::permission::{AccessView, Action, Grant, Noun};
use domain::{Code, Error};
use store::UserRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operation::subject;

impl ControlPlane {
    /// Everybody who was given access to a chain, by name.
    pub async fn chain_access(&self, caller: &Caller, chain: &ChainName) -> Result<Vec<AccessView>, Error> {
        self.chain_for(caller, Action::Grant, Noun::Chain, chain).await?;
        let store = &self.services.store;
        let mut views = Vec::new();
        for (user, level) in store.grant_list(chain).await.map_err(crate::error::store)? {
            // Who is gone has nothing to show.
            if let Some(user) = store.user_read(&user).await.map_err(crate::error::store)? {
                views.push(AccessView { user: user.name, level });
            }
        }
        views.sort_by(|one, other| one.user.as_str().cmp(other.user.as_str()));
        Ok(views)
    }

    /// Gives somebody a level on a chain, instead of what they had.
    pub async fn chain_grant(
        &self,
        caller: &Caller,
        chain: &ChainName,
        user: &UserName,
        level: Grant,
    ) -> Result<(), Error> {
        let (what, object) =
            (format!("chain-grant-{}", level.as_str()), format!("{}/user/{user}", subject(chain)));
        let mut changes = Vec::new();
        let result = async {
            self.chain_for(caller, Action::Grant, Noun::Chain, chain).await?;
            if !Grant::GIVEN.contains(&level) {
                return Err(Error::invalid(Code::LevelNotGiven).on("level"));
            }
            let user = self.person(user).await?;
            let store = &self.services.store;
            let before = store.grant_read(chain, &user.id).await.map_err(crate::error::store)?;
            changes.extend(FieldChange::between("level", &before, &level));
            self.audit.begin_change(caller, &what, &object, changes.clone()).await;
            store.grant_put(chain, &user.id, level).await.map_err(crate::error::store)?;
            self.access_changed(chain);
            Ok(())
        }
        .await;
        self.audit.record_change(caller, &what, &object, changes, &result).await;
        result
    }

    /// Takes somebody's access to a chain away; what they have open ends with the next request.
    pub async fn chain_revoke(
        &self,
        caller: &Caller,
        chain: &ChainName,
        user: &UserName,
    ) -> Result<(), Error> {
        let object = format!("{}/user/{user}", subject(chain));
        let mut changes = Vec::new();
        let result = async {
            self.chain_for(caller, Action::Grant, Noun::Chain, chain).await?;
            let user = self.person(user).await?;
            let before = self.services.store.grant_read(chain, &user.id).await;
            let before = before.map_err(crate::error::store)?;
            changes.extend(FieldChange::between("level", &before, &None::<Grant>));
            self.audit.begin_change(caller, "chain-revoke", &object, changes.clone()).await;
            self.services.store.grant_delete(chain, &user.id).await.map_err(crate::error::store)?;
            self.access_changed(chain);
            Ok(())
        }
        .await;
        self.audit.record_change(caller, "chain-revoke", &object, changes, &result).await;
        result
    }

    /// Tells those who have, had or may give access.
    fn access_changed(&self, chain: &ChainName) {
        self.services.changed("chain", chain);
        self.services.changed("access", chain);
    }

    /// Somebody by name; the refusal is about the field `user`.
    pub(crate) async fn person(&self, name: &UserName) -> Result<UserRecord, Error> {
        let found = self.services.store.user_by_name(name.as_str()).await.map_err(crate::error::store)?;
        found.ok_or_else(|| Error::invalid(Code::UserUnknown).with("name", name).on("user"))
    }
}

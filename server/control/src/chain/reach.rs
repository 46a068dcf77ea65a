//! What a caller holds on chains, read once for everything that is listed.

use std::collections::HashMap;

use domain::Error;
use domain::id::UserId;
use domain::name::ChainName;
use domain::permission::{Action, Grant, Noun};
use store::ChainRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// A caller's grants and ownership.
pub(crate) struct Reach {
    user: Option<UserId>,
    grants: HashMap<ChainName, Grant>,
}

impl Reach {
    /// What is held on a chain; staff hold everything without a grant.
    pub(crate) fn on(&self, record: &ChainRecord) -> Option<Grant> {
        if self.user.is_some() && record.owner == self.user {
            return Some(Grant::Owner);
        }
        self.grants.get(&record.name).copied()
    }
}

impl ControlPlane {
    /// What the caller holds on every chain.
    pub(crate) async fn reach(&self, caller: &Caller) -> Result<Reach, Error> {
        let user = caller.user.as_ref().map(|user| user.id.clone());
        let grants = match &user {
            Some(user) => self.services.store.grants_of(user).await.map_err(crate::error::store)?,
            None => Vec::new(),
        };
        Ok(Reach { user, grants: grants.into_iter().collect() })
    }

    /// The chains on which the caller may read objects of a kind; none where they may read those of all chains. It reads
    /// what they own and what they were granted, and no other chain.
    pub(crate) async fn chains_in_reach(
        &self,
        caller: &Caller,
        noun: Noun,
    ) -> Result<Option<Vec<ChainName>>, Error> {
        let readable = |grant| policy::allows(caller, Action::Read, Resource::owned(noun, false, grant));
        if readable(None) {
            return Ok(None);
        }
        let user = &caller.require_user()?.id;
        let store = &self.services.store;
        let owned = store.chains_owned(user).await.map_err(crate::error::store)?;
        let granted = store.grants_of(user).await.map_err(crate::error::store)?;
        let granted = granted.into_iter().filter(|(_, level)| readable(Some(*level))).map(|(name, _)| name);
        let owned = owned.into_iter().filter(|_| readable(Some(Grant::Owner)));
        let names: std::collections::BTreeSet<ChainName> = owned.chain(granted).collect();
        Ok(Some(names.into_iter().collect()))
    }
}

//! Which chains a caller reaches, for everything that is listed.

use std::collections::BTreeSet;

use domain::Error;
use domain::name::ChainName;
use domain::permission::{Action, Grant, Noun};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

impl ControlPlane {
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
        let names: BTreeSet<ChainName> = owned.chain(granted).collect();
        Ok(Some(names.into_iter().collect()))
    }
}

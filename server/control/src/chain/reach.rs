//! What a caller holds on chains, read once for everything that is listed.

use std::collections::HashMap;

use domain::Error;
use domain::id::UserId;
use domain::name::ChainName;
use domain::permission::Grant;
use store::ChainRecord;

use crate::ControlPlane;
use crate::caller::Caller;

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
}

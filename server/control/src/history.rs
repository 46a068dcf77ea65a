//! How hosts and chains did: what the reconcilers saw of them, change by change.

use domain::Error;
use domain::history::{HealthChange, HostChange, KEPT, SHOWN};
use domain::id::HostId;
use domain::name::ChainName;
use domain::permission::{Action, Noun};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

impl ControlPlane {
    /// When a host answered and when it did not, newest first: all that is kept, or only the newest changes.
    pub async fn host_history(
        &self,
        caller: &Caller,
        id: &HostId,
        whole: bool,
    ) -> Result<Vec<HostChange>, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        self.host_record(id).await?;
        self.services.store.host_history(id, limit(whole)).await.map_err(crate::error::store)
    }

    /// The same of the health of a chain, for whoever may see the chain.
    pub async fn chain_history(
        &self,
        caller: &Caller,
        name: &ChainName,
        whole: bool,
    ) -> Result<Vec<HealthChange>, Error> {
        self.chain_for(caller, Action::Read, Noun::Chain, name).await?;
        self.services.store.chain_history(name, limit(whole)).await.map_err(crate::error::store)
    }
}

fn limit(whole: bool) -> u32 {
    if whole { KEPT } else { SHOWN }
}

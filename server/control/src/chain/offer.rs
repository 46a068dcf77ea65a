//! What the wizard begins with: a name that is free and a host that takes one more chain, so that "next, next, create"
//! creates a chain however many there are.

use domain::Error;
use domain::chain::ChainOffer;
use domain::host::{Endpoint, HostState};
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use store::HostRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operations::demo_create::next_name;
use crate::policy::{self, Resource};

/// Name of the first chain; others get a number behind it.
const STEM: &str = "first";

impl ControlPlane {
    /// Name and host of the chain that the wizard's defaults create now, and the names that it cannot have.
    pub async fn chain_offer(&self, caller: &Caller) -> Result<ChainOffer, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Chain))?;
        let store = &self.services.store;
        let chains = store.chain_list().await.map_err(crate::error::store)?;
        let taken: Vec<ChainName> = chains.into_iter().map(|chain| chain.name).collect();
        let mut ranked = Vec::new();
        for host in store.host_list().await.map_err(crate::error::store)? {
            let held = store.host_claims(&host.id).await.map_err(crate::error::store)?.len();
            ranked.push((rank(&host, held), host.id));
        }
        let best = ranked.into_iter().min_by_key(|(rank, _)| *rank);
        Ok(ChainOffer { name: next_name(STEM, &taken)?, host: best.map(|(_, id)| id), taken })
    }
}

/// What speaks against a host, the weightiest first: it does not answer, it is full, nobody has looked at it yet
/// or it lacks something, it is far away.
fn rank(host: &HostRecord, held: usize) -> [bool; 4] {
    let state = host.status.state;
    let is_full = !host.spec.schedulable || held >= usize::from(host.spec.capacity);
    let is_doubtful = state != HostState::Active || host.status.reason.is_some();
    [state == HostState::Inactive, is_full, is_doubtful, !is_local(host)]
}

/// Whether a host is the engine of the machine on which the portal runs.
pub(super) fn is_local(host: &HostRecord) -> bool {
    matches!(host.spec.endpoint, Endpoint::Local { .. })
}

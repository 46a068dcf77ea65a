//! `host-reset`: removes from a host what carries this installation's labels and belongs to no chain: what a removal that
//! was cut off, or a database of yesterday, left there. Chains and everything foreign stay.

use std::collections::BTreeSet;

use domain::id::HostId;
use domain::name::ChainName;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::{agent_error, step_error, store_error};
use crate::services::Services;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostReset {
    pub host: HostId,
}

/// Names of the chains of which something was removed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Removed {
    chains: Vec<String>,
}

impl StepOutput for Removed {
    const STEP: &'static str = "remove-leftovers";
}

impl Operation for HostReset {
    type Env = Services;

    fn plan() -> Plan<Self> {
        // What was removed does not come back.
        Plan::named("host-reset", 1).step("remove-leftovers", remove_leftovers, keep).timeout_ms(1_800_000)
    }
}

async fn remove_leftovers(ctx: Context<HostReset>) -> Result<Removed, StepError> {
    let (services, host) = (ctx.env(), &ctx.params().host);
    let agent = services.agent(host).await.map_err(step_error)?;
    // Before the chains are read: whatever is on a host was preceded by its chain's record.
    let found = agent.list_spaces(&services.installation).await.map_err(agent_error)?;
    let chains = services.store.chains_on(host).await.map_err(store_error)?;
    if chains.iter().any(|chain| chain.owner.is_some()) {
        return Err(step_error(Error::conflict(Code::HostChainsOwned)));
    }
    let known: BTreeSet<&str> = chains.iter().map(|chain| chain.name.as_str()).collect();
    let mut removed = Vec::new();
    for chain in found.into_iter().filter(|chain| !known.contains(chain.as_str())) {
        // Read once more right before: its removal may take long, and its name may have been given again.
        if let Ok(name) = ChainName::parse(&chain)
            && let Some(record) = services.store.chain_read(&name).await.map_err(store_error)?
            && record.host == *host
        {
            continue;
        }
        agent.remove_space(&services.installation, &chain).await.map_err(agent_error)?;
        ctx.note(format!("what was left of {chain} is removed")).await;
        removed.push(chain);
    }
    services.changed("host", host);
    Ok(Removed { chains: removed })
}

//! `chain-free`: a chain goes back to the pool as it is. Its owner and everybody else lose it, the identities that were
//! handed out are revoked in every channel and on every peer, and whoever gets it next is told that its ledger is not empty.

use domain::id::UserId;
use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_give::{OwnerRead, read_owner, restore, tell};
use super::revocation::{RevokesIdentities, former_revoke_steps, revoke_steps};
use super::store_error;
use crate::services::Services;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainFree {
    pub chain: ChainName,
}

impl Operation for ChainFree {
    type Env = Services;

    fn plan() -> Plan<Self> {
        revoke_steps(free_steps(Plan::named("chain-free", 2)))
    }
}

impl ChainFree {
    /// The plan of version 1: what was begun under it is resumed and undone.
    pub fn former_plan() -> Plan<Self> {
        former_revoke_steps(free_steps(Plan::named("chain-free", 1)))
    }
}

impl RevokesIdentities for ChainFree {
    fn chain(&self) -> &ChainName {
        &self.chain
    }

    fn whose(&self) -> Option<&UserId> {
        None
    }
}

fn free_steps(plan: Plan<ChainFree>) -> Plan<ChainFree> {
    plan.step("read-owner", read_owner, keep).step("hand-back", hand_back, give_again)
}

/// From now on it is nobody's, and nobody can claim it before its identities are revoked.
async fn hand_back(ctx: Context<ChainFree>) -> Result<(), StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain);
    services.store.pool_set_free(chain, ctx.now_ms()).await.map_err(store_error)?;
    tell(&ctx);
    Ok(())
}

async fn give_again(ctx: Context<ChainFree>) -> Result<(), StepError> {
    match ctx.try_output::<OwnerRead>()? {
        Some(read) => restore(&ctx, read, None).await,
        None => Ok(()),
    }
}

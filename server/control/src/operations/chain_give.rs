//! `chain-give`: a chain that somebody has gets another owner, as it is. The former owner loses it at once, and what they
//! were handed out, the keys of admins included, is revoked in every channel and on every peer. Whoever else was granted
//! something keeps it. The new owner is told that the ledger is not empty.

use domain::chain::ChainState;
use domain::id::UserId;
use domain::name::ChainName;
use domain::permission::Grant;
use domain::pool::{PoolVerb, ends_ms};
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::{GiveRefusal, Tenure};
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::revocation::{RevokesIdentities, revoke_steps};
use super::{step_error, store_error};
use crate::services::Services;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainGive {
    pub chain: ChainName,
    /// Whose it is until then.
    pub former: UserId,
    /// Whose it is from then on.
    pub user: UserId,
    /// For how long; none: it has no end.
    pub lifetime_hours: Option<u32>,
}

impl Operation for ChainGive {
    type Env = Services;

    fn plan() -> Plan<Self> {
        let plan = Plan::named("chain-give", 1);
        revoke_steps(plan.step("read-owner", read_owner, keep).step("hand-over", hand_over, give_again))
    }
}

impl RevokesIdentities for ChainGive {
    fn chain(&self) -> &ChainName {
        &self.chain
    }

    fn whose(&self) -> Option<&UserId> {
        Some(&self.former)
    }
}

/// Who had it, before anything is changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OwnerRead {
    owner: Option<UserId>,
    claimed_ms: Option<i64>,
    claim_key: Option<String>,
    expires_ms: Option<i64>,
    warned_ms: Option<i64>,
    inherited_ms: Option<i64>,
    grants: Vec<(UserId, Grant)>,
}

impl StepOutput for OwnerRead {
    const STEP: &'static str = "read-owner";
}

pub(super) async fn read_owner<P: RevokesIdentities>(ctx: Context<P>) -> Result<OwnerRead, StepError> {
    let (services, chain) = (ctx.env(), ctx.params().chain());
    let record = services.store.chain_read(chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    let Tenure { claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms } = record.tenure;
    let grants = services.store.grant_list(chain).await.map_err(store_error)?;
    let owner = record.owner;
    Ok(OwnerRead { owner, claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms, grants })
}

/// Puts a chain, which `holder` has by now, back to whoever had it.
pub(super) async fn restore<P: RevokesIdentities>(
    ctx: &Context<P>,
    read: OwnerRead,
    holder: Option<&UserId>,
) -> Result<(), StepError> {
    let OwnerRead { owner, claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms, grants } = read;
    let tenure = Tenure { claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms };
    let (services, chain) = (ctx.env(), ctx.params().chain());
    let restored = services.store.pool_restore(chain, holder, owner.as_ref(), &tenure, &grants).await;
    restored.map_err(store_error)?;
    tell(ctx);
    Ok(())
}

pub(super) fn tell<P: RevokesIdentities>(ctx: &Context<P>) {
    ctx.env().changed("chain", ctx.params().chain());
    ctx.env().changed("access", ctx.params().chain());
}

/// From now on it is the new owner's.
async fn hand_over(ctx: Context<ChainGive>) -> Result<(), StepError> {
    let (services, params, now_ms) = (ctx.env(), ctx.params(), ctx.now_ms());
    let record = services.store.chain_read(&params.chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    // It may have been stopped between the request and this. An earlier try of this has begun to change it.
    if record.state != ChainState::Updating {
        PoolVerb::Free.check(record.state).map_err(step_error)?;
    }
    let end_ms = ends_ms(now_ms, params.lifetime_hours);
    let (former, user) = (&params.former, &params.user);
    let given = services.store.pool_hand_over(&params.chain, former, user, now_ms, end_ms).await;
    let refused = |refusal| match refusal {
        GiveRefusal::Nobody => step_error(Error::conflict(Code::UserChanged)),
        GiveRefusal::Owned => step_error(Error::conflict(Code::PoolChainTaken).with("name", &params.chain)),
    };
    given.map_err(store_error)?.map_err(refused)?;
    tell(&ctx);
    Ok(())
}

async fn give_again(ctx: Context<ChainGive>) -> Result<(), StepError> {
    match ctx.try_output::<OwnerRead>()? {
        Some(read) => restore(&ctx, read, Some(&ctx.params().user)).await,
        None => Ok(()),
    }
}

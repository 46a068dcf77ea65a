//! `pool-clean`: removes the free chains of a host, each by a deletion of its own. Autofill is switched off first, or they
//! would come back.

use domain::host::pool::PoolRow;
use domain::id::HostId;
use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use store::StoreError;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::pool_fill::{Chosen, removal_ended, remove_free};
use super::{children, store_error};
use crate::services::Services;

/// Longest time for all chains.
const CLEAN_MAX_MS: u64 = 6 * 60 * 60 * 1_000;

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolClean {
    pub host: HostId,
    /// Who started it, as the owner of what it starts.
    pub owner: String,
}

/// What came of each chain.
#[derive(Serialize, Deserialize)]
pub(crate) struct Cleaned {
    pub(crate) rows: Vec<PoolRow>,
}

impl StepOutput for Cleaned {
    const STEP: &'static str = "remove-chains";
}

impl Operation for PoolClean {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("pool-clean", 1)
            .step("stop-autofill", stop_autofill, keep)
            .step("choose-chains", choose_chains, keep)
            .step("remove-chains", remove_chains, await_removals)
            .timeout_ms(CLEAN_MAX_MS)
    }
}

async fn stop_autofill(ctx: Context<PoolClean>) -> Result<(), StepError> {
    let (services, host) = (ctx.env(), &ctx.params().host);
    match services.store.host_autofill_save(host, None).await {
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(store_error(error)),
    }
    services.changed("host", host);
    Ok(())
}

async fn choose_chains(ctx: Context<PoolClean>) -> Result<Chosen, StepError> {
    let chains = ctx.env().store.chains_on(&ctx.params().host).await.map_err(store_error)?;
    let free = chains.into_iter().filter(|chain| chain.pool.is_some() && chain.owner.is_none());
    Ok(Chosen { chains: free.map(|chain| chain.name).collect() })
}

async fn remove_chains(ctx: Context<PoolClean>) -> Result<Cleaned, StepError> {
    let chosen: Chosen = ctx.output()?;
    let each = chosen.chains.into_iter().map(|chain| remove_one(ctx.clone(), chain)).collect();
    let rows = children::few_at_a_time(each).await?;
    ctx.env().changed("host", &ctx.params().host);
    Ok(Cleaned { rows })
}

async fn remove_one(ctx: Context<PoolClean>, chain: ChainName) -> Result<PoolRow, StepError> {
    if ctx.cancelled() {
        return Ok(PoolRow { chain, operation: None, ended: true, failure: None });
    }
    let row = remove_free(ctx.env(), ctx.operation_id(), &ctx.params().owner, &chain).await;
    ctx.env().changed("host", &ctx.params().host);
    row
}

/// What was removed does not come back, and what is being removed comes to its end.
async fn await_removals(ctx: Context<PoolClean>) -> Result<(), StepError> {
    let chosen = ctx.try_output::<Chosen>()?;
    for chain in chosen.map_or_else(Vec::new, |chosen| chosen.chains) {
        removal_ended(ctx.env(), ctx.operation_id(), &chain).await?;
    }
    Ok(())
}

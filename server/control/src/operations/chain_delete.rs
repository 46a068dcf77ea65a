//! `chain-delete`: containers, volumes, networks, ports, keys and the record; nothing else on the host.

use domain::chain::{ChainSpec, ChainState};
use domain::name::ChainName;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::StoreError;
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::{discard_secrets, forget_chain, remove_space, set_state};
use super::{agent_error, step_error, store_error};
use crate::services::Services;

/// Parameters: the specification, since the record itself goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainDelete {
    pub spec: ChainSpec,
    /// The folders of its data are put aside instead of removed; only where the host keeps data in folders.
    #[serde(default)]
    pub keep_data: bool,
    /// Only if the chain is free in the pool when the deletion begins: nobody's chain goes by the portal's own decision.
    #[serde(default)]
    pub only_free: bool,
}

impl Operation for ChainDelete {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-delete", 1)
            .step("mark-deleting", mark_deleting, mark_failed)
            .step("remove-nodes", remove_nodes, keep)
            .timeout_ms(300_000)
            .step("discard-identities", discard_identities, keep)
            .step("release-ports", release_ports, keep)
    }
}

async fn mark_deleting(ctx: Context<ChainDelete>) -> Result<(), StepError> {
    let chain = &ctx.params().spec.name;
    if ctx.params().only_free {
        return retire(ctx.env(), chain).await;
    }
    // A deletion that was started again after it had ended finds nothing to mark.
    match state_of(&ctx).await? {
        Some(_) => set_state(ctx.env(), chain, &ChainState::ALL, ChainState::Deleting).await,
        None => Ok(()),
    }
}

/// The same for a chain of the pool, in one transaction with the look at its owner.
async fn retire(services: &Services, chain: &ChainName) -> Result<(), StepError> {
    match services.store.chain_pool_retire(chain).await {
        Ok(()) => services.changed("chain", chain),
        Err(StoreError::NotFound) => {}
        Err(StoreError::Conflict { .. }) => {
            return Err(step_error(Error::conflict(Code::PoolChainTaken).with("name", chain)));
        }
        Err(error) => return Err(store_error(error)),
    }
    Ok(())
}

/// What was removed does not come back: a chain whose deletion began can only be deleted again.
async fn mark_failed(ctx: Context<ChainDelete>) -> Result<(), StepError> {
    let chain = &ctx.params().spec.name;
    match state_of(&ctx).await? {
        Some(ChainState::Deleting) => {
            set_state(ctx.env(), chain, &[ChainState::Deleting], ChainState::Failed).await
        }
        _ => Ok(()),
    }
}

async fn state_of(ctx: &Context<ChainDelete>) -> Result<Option<ChainState>, StepError> {
    let record = ctx.env().store.chain_read(&ctx.params().spec.name).await.map_err(store_error)?;
    Ok(record.map(|record| record.state))
}

async fn remove_nodes(ctx: Context<ChainDelete>) -> Result<(), StepError> {
    let (params, services) = (ctx.params(), ctx.env());
    if !params.keep_data {
        return remove_space(&params.spec, services).await;
    }
    // The operation's name marks the folders: another try finds the same ones, a later chain of this name none.
    let agent = services.agent(&params.spec.host).await.map_err(step_error)?;
    let (installation, chain) = (&services.installation, params.spec.name.as_str());
    let removed = agent.release_space(installation, chain, ctx.operation_id()).await.map_err(agent_error)?;
    for folder in removed.kept {
        ctx.note(format!("the data is kept in {folder}")).await;
    }
    Ok(())
}

async fn discard_identities(ctx: Context<ChainDelete>) -> Result<(), StepError> {
    discard_secrets(ctx.env(), &ctx.params().spec.name).await
}

async fn release_ports(ctx: Context<ChainDelete>) -> Result<(), StepError> {
    let spec = &ctx.params().spec;
    if ctx.env().store.chain_read(&spec.name).await.map_err(store_error)?.is_none() {
        return Ok(());
    }
    forget_chain(ctx.env(), spec).await
}

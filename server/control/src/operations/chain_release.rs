//! `chain-release`: a chain of the pool is taken from its owner and made anew under its name, with new keys and an empty
//! ledger, from what its template says now. Nothing of what was on it remains. `chain-release-deploy` does the same where
//! the template has chaincode.
//!
//! The owner loses the chain with the first step. What an undo leaves is a chain of the pool that failed, which the portal
//! makes anew, or none: what was removed does not come back.

use domain::chain::{ChainSpec, ChainState};
use domain::chaincode::DeploySpec;
use domain::name::TemplateName;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::{CreatesChain, create_steps, discard_secrets, remove_space, set_state};
use super::chaincode_deploy::{DeploysChaincode, deploy_steps};
use super::store_error;
use crate::services::Services;

/// Parameters of a chain without chaincode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainRelease {
    /// What it is made anew as; its name and its host are those that it has.
    pub spec: ChainSpec,
    /// Of which it is in the pool afterwards.
    pub template: TemplateName,
}

/// Parameters of a chain with chaincode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainReleaseDeploy {
    /// What it is made anew as; its name and its host are those that it has.
    pub spec: ChainSpec,
    /// Of which it is in the pool afterwards.
    pub template: TemplateName,
    pub deploy: DeploySpec,
}

/// An operation that makes a chain of the pool anew.
trait ReleasesChain: CreatesChain {
    /// Of which it is in the pool afterwards.
    fn template(&self) -> &TemplateName;
}

impl Operation for ChainRelease {
    type Env = Services;

    fn plan() -> Plan<Self> {
        return_step(create_steps(remove_steps(Plan::named("chain-release", 1))))
    }
}

impl CreatesChain for ChainRelease {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

impl ReleasesChain for ChainRelease {
    fn template(&self) -> &TemplateName {
        &self.template
    }
}

impl Operation for ChainReleaseDeploy {
    type Env = Services;

    fn plan() -> Plan<Self> {
        return_step(deploy_steps(create_steps(remove_steps(Plan::named("chain-release-deploy", 1)))))
    }
}

impl CreatesChain for ChainReleaseDeploy {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

impl DeploysChaincode for ChainReleaseDeploy {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.deploy
    }
}

impl ReleasesChain for ChainReleaseDeploy {
    fn template(&self) -> &TemplateName {
        &self.template
    }
}

/// Adds the steps after which nothing of the chain is left but its name and its ports.
fn remove_steps<P: ReleasesChain>(plan: Plan<P>) -> Plan<P> {
    plan.step("take-back", take_back, mark_failed)
        .step("remove-nodes", remove_nodes, keep)
        .timeout_ms(300_000)
        .step("discard-identities", discard_identities, keep)
        .step("begin-anew", begin_anew, keep)
}

/// Adds the step with which the chain is free.
fn return_step<P: ReleasesChain>(plan: Plan<P>) -> Plan<P> {
    plan.step("return-to-pool", return_to_pool, keep)
}

/// Its owner and everybody else lose it at once, with channels, chaincode and history; from now on it is this operation's.
async fn take_back<P: ReleasesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain_spec().name);
    let taken = services.store.pool_take_back(chain, ctx.operation_id(), ctx.now_ms()).await;
    taken.map_err(store_error)?;
    services.changed("chain", chain);
    services.changed("access", chain);
    Ok(())
}

/// What was removed does not come back.
async fn mark_failed<P: ReleasesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain_spec().name);
    let record = services.store.chain_read(chain).await.map_err(store_error)?;
    let begun = [ChainState::Deleting, ChainState::Creating];
    match record.filter(|record| begun.contains(&record.state)) {
        Some(_) => {
            // First: what failed and is free in the pool is made anew by the portal, whoever called the release off.
            services.store.pool_return(chain, ctx.params().template()).await.map_err(store_error)?;
            set_state(services, chain, &begun, ChainState::Failed).await
        }
        None => Ok(()),
    }
}

async fn remove_nodes<P: ReleasesChain>(ctx: Context<P>) -> Result<(), StepError> {
    remove_space(ctx.params().chain_spec(), ctx.env()).await
}

async fn discard_identities<P: ReleasesChain>(ctx: Context<P>) -> Result<(), StepError> {
    discard_secrets(ctx.env(), &ctx.params().chain_spec().name).await
}

async fn begin_anew<P: ReleasesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    services.store.pool_begin_anew(spec).await.map_err(store_error)?;
    services.changed("chain", &spec.name);
    Ok(())
}

async fn return_to_pool<P: ReleasesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let name = &params.chain_spec().name;
    services.store.pool_return(name, params.template()).await.map_err(store_error)?;
    services.changed("chain", name);
    services.changed("host", &params.chain_spec().host);
    Ok(())
}

//! `pool-create` and `pool-deploy`: a chain for the pool, the second with chaincode on it. It enters the pool with the last
//! step: nobody is given a chain on which something is still being done.

use domain::chain::ChainSpec;
use domain::chaincode::DeploySpec;
use domain::name::TemplateName;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::StoreError;
use workflow::{Context, Operation, Plan, StepError};

use super::chain_create::{CreatesChain, create_steps};
use super::chaincode_deploy::{DeploysChaincode, Starter, deploy_steps};
use super::{step_error, store_error};
use crate::services::Services;

/// Parameters of a chain without chaincode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolCreate {
    pub spec: ChainSpec,
    /// What it was made from.
    pub template: TemplateName,
}

/// Parameters of a chain with chaincode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolDeploy {
    pub spec: ChainSpec,
    /// What it was made from.
    pub template: TemplateName,
    pub deploy: DeploySpec,
    /// Whose choice approves the image; none: the portal fills the pool by itself.
    #[serde(default)]
    pub starter: Option<Starter>,
}

/// An operation that makes a chain for the pool.
trait ForPool: CreatesChain {
    /// What it is made from.
    fn template(&self) -> &TemplateName;
}

impl Operation for PoolCreate {
    type Env = Services;

    fn plan() -> Plan<Self> {
        create_steps(Plan::<Self>::named("pool-create", 1)).step("enter-pool", enter_pool, leave_pool)
    }
}

impl CreatesChain for PoolCreate {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

impl ForPool for PoolCreate {
    fn template(&self) -> &TemplateName {
        &self.template
    }
}

impl Operation for PoolDeploy {
    type Env = Services;

    fn plan() -> Plan<Self> {
        let plan = deploy_steps(create_steps(Plan::<Self>::named("pool-deploy", 1)));
        plan.step("enter-pool", enter_pool, leave_pool)
    }
}

impl CreatesChain for PoolDeploy {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

impl DeploysChaincode for PoolDeploy {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.deploy
    }

    fn starter(&self) -> Option<&Starter> {
        self.starter.as_ref()
    }
}

impl ForPool for PoolDeploy {
    fn template(&self) -> &TemplateName {
        &self.template
    }
}

async fn enter_pool<P: ForPool>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let name = &params.chain_spec().name;
    services.store.chain_pool_enter(name, params.template()).await.map_err(store_error)?;
    services.changed("chain", name);
    services.changed("host", &params.chain_spec().host);
    Ok(())
}

/// A chain that somebody got in the moment before is theirs, and is not undone.
async fn leave_pool<P: ForPool>(ctx: Context<P>) -> Result<(), StepError> {
    let name = &ctx.params().chain_spec().name;
    match ctx.env().store.chain_pool_leave(name).await {
        Ok(()) => {
            ctx.env().changed("chain", name);
            Ok(())
        }
        Err(StoreError::Conflict { .. }) => {
            Err(step_error(Error::conflict(Code::PoolChainTaken).with("name", name)))
        }
        Err(error) => Err(store_error(error)),
    }
}

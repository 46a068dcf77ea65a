//! `chain-create`: from a specification to running nodes that have joined the first channel.

use domain::chain::{ChainSpec, ChainState, HealthView};
use domain::id::OperationId;
use domain::name::ChainName;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::ChainRecord;
use workflow::{Context, Operation, Plan, StepError, keep};

use super::{fabric_error, step_error, store_error};
use crate::material::Places;
use crate::services::Services;
use crate::topology::PlannedNode;

mod genesis;
mod join;
mod nodes;
mod ports;

pub use genesis::GENESIS;
pub(crate) use genesis::genesis_block;
use genesis::{discard_genesis, make_genesis};
use join::{close_chain, join_channel};
pub use nodes::{CONFIG_PATH, DATA_PATH};
use nodes::{ensure_images, remove_nodes, start_nodes};
pub(crate) use nodes::{limits, network_of, remove_space, spec_anew};
pub(crate) use ports::to_value;
use ports::{planned, reserve_ports};

/// Parameters: the specification. The first step makes the chain's record, which holds the name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainCreate {
    pub spec: ChainSpec,
}

impl Operation for ChainCreate {
    type Env = Services;

    fn plan() -> Plan<Self> {
        create_steps(Plan::named("chain-create", 1))
    }
}

/// An operation that creates a chain, perhaps among other things.
pub trait CreatesChain: Operation<Env = Services> {
    /// What is created.
    fn chain_spec(&self) -> &ChainSpec;
}

impl CreatesChain for ChainCreate {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

/// Adds the steps that create a chain.
pub fn create_steps<P: CreatesChain>(plan: Plan<P>) -> Plan<P> {
    plan.step("reserve-ports", reserve_ports, release_ports)
        .step("issue-identities", issue_identities, discard_identities)
        .step("make-genesis", make_genesis, discard_genesis)
        .step("ensure-images", ensure_images, keep)
        .timeout_ms(1_800_000)
        .step("start-nodes", start_nodes, remove_nodes)
        .timeout_ms(600_000)
        .step("join-channel", join_channel, close_chain)
        .timeout_ms(600_000)
}

/// Makes the chain's record; one that this operation made before is its own.
async fn hold_name<P: CreatesChain>(ctx: &Context<P>, spec: &ChainSpec) -> Result<(), StepError> {
    let services = ctx.env();
    let record = new_record(spec, ctx.operation_id(), ctx.now_ms());
    match services.store.chain_create(&record).await {
        Ok(()) => services.changed("chain", &spec.name),
        Err(store::StoreError::Taken { .. }) => {
            let holder = services.store.chain_read(&spec.name).await.map_err(store_error)?;
            if holder.is_none_or(|holder| holder.operation != record.operation) {
                let refusal = Error::conflict(Code::ChainNameTaken).with("name", &spec.name);
                return Err(step_error(refusal));
            }
        }
        Err(error) => return Err(store_error(error)),
    }
    Ok(())
}

/// A chain's record before anything of it exists.
fn new_record(spec: &ChainSpec, operation: &str, now_ms: i64) -> ChainRecord {
    ChainRecord {
        name: spec.name.clone(),
        spec: spec.clone(),
        plan: serde_json::Value::Null.into(),
        state: ChainState::Creating,
        health: HealthView::default(),
        owner: None,
        tenure: store::Tenure::default(),
        host: spec.host.clone(),
        created_ms: now_ms,
        operation: Some(OperationId::new(operation)),
        pool: None,
    }
}

async fn release_ports<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().chain_spec();
    let holder = ctx.env().store.chain_read(&spec.name).await.map_err(store_error)?;
    // Somebody else's chain of this name, on which the first step failed, is not ours to forget.
    if holder.is_some_and(|holder| holder.operation != Some(OperationId::new(ctx.operation_id()))) {
        return Ok(());
    }
    forget_chain(ctx.env(), spec).await
}

/// The last of an undo or a deletion: ports and name are free again.
pub(crate) async fn forget_chain(services: &Services, spec: &ChainSpec) -> Result<(), StepError> {
    services.store.release_block(&spec.host, &spec.name).await.map_err(store_error)?;
    services.store.chain_delete(&spec.name).await.map_err(store_error)?;
    services.changed("chain", &spec.name);
    Ok(())
}

async fn issue_identities<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let plan = planned(&ctx).await?;
    ctx.env().issue_chain(&plan).await.map_err(step_error)
}

async fn discard_identities<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    discard_secrets(ctx.env(), &ctx.params().chain_spec().name).await
}

/// Removes every key of a chain.
pub(crate) async fn discard_secrets(services: &Services, chain: &ChainName) -> Result<(), StepError> {
    services.keyring.forget(chain);
    services.store.secret_delete_prefix(&Places(chain).all()).await.map_err(store_error)?;
    Ok(())
}

/// Moves a chain to another state and tells the pages.
pub(crate) async fn set_state(
    services: &Services,
    chain: &ChainName,
    from: &[ChainState],
    to: ChainState,
) -> Result<(), StepError> {
    services.store.chain_state_save(chain, from, to).await.map_err(store_error)?;
    services.changed("chain", chain);
    Ok(())
}

/// Explains an error of a node that is not part of waiting.
pub(crate) fn node_error(node: &PlannedNode, error: &fabric::error::FabricError) -> StepError {
    fabric_error(node.name.as_str(), error)
}

//! Ports of a new chain: a block that it claims, and the next one when somebody else turns out to sit in it. The chain's
//! record holds the plan, because it may change until the nodes run.

use domain::host::{HostSpec, PORTS_PER_CHAIN};
use domain::{Code, Error};
use serde_json::Value;
use store::StoreError;
use workflow::{Context, StepError};

use super::{CreatesChain, hold_name};
use crate::chain::plan_of;
use crate::error::internal;
use crate::operations::{agent_error, step_error, store_error};
use crate::preflight::busy_blocks;
use crate::secrets::random;
use crate::topology::{self, ChainPlan};

/// Holds the name, claims a block of ports, and works the chain out on it.
pub(super) async fn reserve_ports<P: CreatesChain>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let host = host_spec(&ctx).await?;
    hold_name(&ctx, spec).await?;
    let agent = services.agent(&spec.host).await.map_err(step_error)?;
    let blocks: Vec<u16> = host.blocks().collect();
    let claims = services.store.host_claims(&spec.host).await.map_err(store_error)?;
    // A block with a foreign port in it is passed over as a whole; our own claim from an earlier try is not foreign.
    let claimed: Vec<u16> = claims.iter().map(|claim| claim.block).collect();
    let skip = busy_blocks(agent.as_ref(), &blocks, &claimed).await.map_err(agent_error)?;
    let block = services
        .store
        .claim_block(&spec.host, &spec.name, &host, &skip)
        .await
        .map_err(|error| step_error(claim_error(error, host.capacity)))?;
    let plan = topology::plan(spec, &host, block).map_err(step_error)?;
    let stored = to_value(&plan)?;
    services.store.chain_plan_save(&spec.name, stored).await.map_err(store_error)?;
    ctx.note(format!("ports {block}–{}", block + PORTS_PER_CHAIN - 1)).await;
    Ok(())
}

/// The chain, worked out on the block that it holds now.
pub(super) async fn planned<P: CreatesChain>(ctx: &Context<P>) -> Result<ChainPlan, StepError> {
    let name = &ctx.params().chain_spec().name;
    let record = ctx.env().store.chain_read(name).await.map_err(store_error)?;
    let plan = match &record {
        Some(record) => plan_of(record).map_err(step_error)?,
        None => None,
    };
    plan.ok_or_else(|| step_error(internal("read a chain's plan", name)))
}

/// Moves the chain from a block in which a port is taken to the next free one that was not tried; after the last block
/// comes the first, and after some moves any such.
pub(super) async fn move_ports<P: CreatesChain>(
    ctx: &Context<P>,
    plan: &ChainPlan,
    tried: &[u16],
) -> Result<ChainPlan, StepError> {
    let (services, spec) = (ctx.env(), ctx.params().chain_spec());
    let host = host_spec(ctx).await?;
    let agent = services.agent(&spec.host).await.map_err(step_error)?;
    let claims = services.store.host_claims(&spec.host).await.map_err(store_error)?;
    let claimed: Vec<u16> = claims.iter().map(|claim| claim.block).collect();
    let (before, after): (Vec<u16>, Vec<u16>) = host.blocks().partition(|block| *block < plan.port_block);
    let passed_by = |block: &u16| tried.contains(block) || claimed.contains(block);
    let open: Vec<u16> = after.into_iter().chain(before).filter(|block| !passed_by(block)).collect();
    let busy = busy_blocks(agent.as_ref(), &open, &[]).await.map_err(agent_error)?;
    let mut free: Vec<u16> = open.into_iter().filter(|block| !busy.contains(block)).collect();
    if tried.len() > 2 && !free.is_empty() {
        // Whoever meets somebody again and again goes on anywhere: two that go on alike would meet in every block.
        let [chance] = random::<1>().map_err(|error| step_error(internal("choose a block", error)))?;
        let by = usize::from(chance) % free.len();
        free.rotate_left(by);
    }
    for block in free {
        let mut moved = topology::plan(spec, &host, block).map_err(step_error)?;
        moved.images.clone_from(&plan.images);
        let stored = to_value(&moved)?;
        match services.store.claim_move(&spec.host, &spec.name, plan.port_block, block, &stored).await {
            Ok(()) => {
                services.changed("chain", &spec.name);
                return Ok(moved);
            }
            Err(StoreError::Taken { .. }) => {}
            Err(error) => return Err(step_error(claim_error(error, host.capacity))),
        }
    }
    Err(step_error(Error::conflict(Code::HostPortsUsed)))
}

async fn host_spec<P: CreatesChain>(ctx: &Context<P>) -> Result<HostSpec, StepError> {
    let host = ctx.env().store.host_read(&ctx.params().chain_spec().host).await.map_err(store_error)?;
    Ok(host.ok_or_else(|| step_error(Error::invalid(Code::HostMissing)))?.spec)
}

/// A plan as the store keeps it.
pub(crate) fn to_value(plan: &ChainPlan) -> Result<Value, StepError> {
    serde_json::to_value(plan).map_err(|error| step_error(internal("store a plan", error)))
}

/// A refused claim in the words of the portal.
pub(crate) fn claim_error(error: store::StoreError, capacity: u16) -> Error {
    match error {
        store::StoreError::HostFull => Error::conflict(Code::HostFull).with("capacity", capacity),
        store::StoreError::HostClosed => Error::conflict(Code::HostNotSchedulable),
        store::StoreError::NoBlock => Error::conflict(Code::HostPortsUsed),
        // Somebody changed the host while its ports were looked at: the step looks again.
        store::StoreError::Conflict { .. } => Error::unavailable(Code::HostChanged),
        other => crate::error::store(other),
    }
}

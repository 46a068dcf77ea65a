//! `pool-fill`: starts chains from a template up to the host's capacity, each as an operation of its own. That one of them
//! fails is told in its row and ends nothing. A free chain that is to be replaced is removed first.

use std::collections::HashSet;

use domain::host::pool::PoolRow;
use domain::id::{HostId, OperationId};
use domain::name::ChainName;
use domain::template::Template;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use store::HostRecord;
use workflow::{Context, LogError, Operation, OperationState, Plan, Start, StepError, StepOutput, keep};

use super::chain_delete::ChainDelete;
use super::chaincode_deploy::Starter;
use super::children::{self, Begun, Child};
use super::pool_create::{PoolCreate, PoolDeploy};
use super::{left_behind, step_error, store_error};
use crate::operation::subject;
use crate::services::Services;

/// Longest time for all chains of one fillup.
const FILL_MAX_MS: u64 = 6 * 60 * 60 * 1_000;
/// Tries to remove a chain again while somebody else works on it.
const REMOVE_TRIES: u32 = 5;

/// Parameters. The template is what it was when this began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolFill {
    pub host: HostId,
    pub template: Template,
    /// Most chains; none: as many as there is room for.
    pub count: Option<u16>,
    /// A free chain in the place of which one is made.
    #[serde(default)]
    pub replaces: Option<ChainName>,
    /// Who started it, as the owner of what it starts.
    pub owner: String,
    /// Whose choice approves the template's image; none: the portal fills by itself.
    #[serde(default)]
    pub starter: Option<Starter>,
}

/// What came of the chain that is replaced; none: there is none.
#[derive(Serialize, Deserialize)]
pub(crate) struct MadeRoom {
    pub(crate) row: Option<PoolRow>,
}

impl StepOutput for MadeRoom {
    const STEP: &'static str = "make-room";
}

/// The chains of a fillup or a clean, by name.
#[derive(Serialize, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) chains: Vec<ChainName>,
}

impl StepOutput for Chosen {
    const STEP: &'static str = "choose-chains";
}

/// What came of each chain.
#[derive(Serialize, Deserialize)]
pub(crate) struct Filled {
    pub(crate) rows: Vec<PoolRow>,
}

impl StepOutput for Filled {
    const STEP: &'static str = "start-chains";
}

impl Operation for PoolFill {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("pool-fill", 1)
            .step("make-room", make_room, leave_room)
            .timeout_ms(FILL_MAX_MS)
            .step("choose-chains", choose_chains, keep)
            .step("start-chains", start_chains, remove_chains)
            .timeout_ms(FILL_MAX_MS)
    }
}

async fn make_room(ctx: Context<PoolFill>) -> Result<MadeRoom, StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let Some(chain) = &params.replaces else { return Ok(MadeRoom { row: None }) };
    let row = remove_free(services, ctx.operation_id(), &params.owner, chain).await?;
    Ok(MadeRoom { row: Some(row) })
}

/// Removes a chain of the pool, if it is still free.
pub(crate) async fn remove_free(
    services: &Services,
    parent: &str,
    owner: &str,
    chain: &ChainName,
) -> Result<PoolRow, StepError> {
    let gone = PoolRow { chain: chain.clone(), operation: None, ended: true, failure: None };
    let key = children::removal_key(parent, chain);
    let before = children::find(services, chain, &key).await.map_err(|error| children::unreadable(&error))?;
    let Some(record) = services.store.chain_read(chain).await.map_err(store_error)? else {
        let operation = before.map(|operation| OperationId::new(operation.id));
        return Ok(PoolRow { operation, ..gone });
    };
    let holder = services.store.holder(&subject(chain)).await;
    let holder = holder.map_err(|error| children::unreadable(&error))?;
    // What failed on a free chain makes way; our own earlier try is found by its key.
    let failed = holder.filter(|held| held.state == OperationState::Failed && before.is_none());
    let child = Child {
        chain: chain.clone(),
        owner: owner.to_owned(),
        key,
        supersede: failed.map(|held| held.id),
        params: ChainDelete { spec: record.spec, keep_data: false, only_free: true },
    };
    children::run(services, child).await
}

/// Waits for the removal of a chain, if one was begun: nothing is done to a host behind the back of whoever undoes.
pub(crate) async fn removal_ended(
    services: &Services,
    parent: &str,
    chain: &ChainName,
) -> Result<(), StepError> {
    let key = children::removal_key(parent, chain);
    let begun = children::find(services, chain, &key).await.map_err(|error| children::unreadable(&error))?;
    if let Some(begun) = begun {
        let mut events = children::engine(services)?.subscribe();
        children::end(services, &mut events, &begun.id).await?;
    }
    Ok(())
}

/// What was removed does not come back.
async fn leave_room(ctx: Context<PoolFill>) -> Result<(), StepError> {
    match &ctx.params().replaces {
        Some(chain) => removal_ended(ctx.env(), ctx.operation_id(), chain).await,
        None => Ok(()),
    }
}

/// Names are chosen once: whoever takes one meanwhile makes that chain fail, and no other.
async fn choose_chains(ctx: Context<PoolFill>) -> Result<Chosen, StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let room: MadeRoom = ctx.output()?;
    if room.row.is_some_and(|row| row.failure.is_some()) {
        return Ok(Chosen { chains: Vec::new() });
    }
    let host = host_of(services, &params.host).await?;
    let held = services.store.host_claims(&params.host).await.map_err(store_error)?.len();
    let free = usize::from(host.spec.capacity).saturating_sub(held);
    let count = params.count.map_or(free, |count| free.min(usize::from(count)));
    let chains = services.store.chain_list().await.map_err(store_error)?;
    let taken: HashSet<ChainName> = chains.into_iter().map(|chain| chain.name).collect();
    let mut names = Vec::new();
    let mut number = 0_u32;
    while names.len() < count {
        number += 1;
        let name = params.template.chain_name(number).map_err(step_error)?;
        if !taken.contains(&name) {
            names.push(name);
        }
    }
    Ok(Chosen { chains: names })
}

async fn host_of(services: &Services, host: &HostId) -> Result<HostRecord, StepError> {
    let host = services.store.host_read(host).await.map_err(store_error)?;
    host.ok_or_else(|| step_error(Error::invalid(Code::HostMissing)))
}

async fn start_chains(ctx: Context<PoolFill>) -> Result<Filled, StepError> {
    let chosen: Chosen = ctx.output()?;
    let host = host_of(ctx.env(), &ctx.params().host).await?;
    let each = chosen.chains.into_iter().map(|name| start_one(ctx.clone(), host.clone(), name)).collect();
    let rows = children::few_at_a_time(each).await?;
    ctx.env().changed("host", &ctx.params().host);
    Ok(Filled { rows })
}

async fn start_one(ctx: Context<PoolFill>, host: HostRecord, chain: ChainName) -> Result<PoolRow, StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    if ctx.cancelled() {
        return Ok(PoolRow { chain, operation: None, ended: true, failure: None });
    }
    let template = params.template.name.clone();
    let spec = params.template.spec(chain.clone(), params.host.clone());
    let (owner, key) = (params.owner.clone(), children::key(ctx.operation_id(), &chain));
    let row = match params.template.deploy(&chain, &host.spec) {
        None => {
            let params = PoolCreate { spec, template };
            children::run(services, Child { chain, owner, key, supersede: None, params }).await
        }
        Some(deploy) => {
            let params = PoolDeploy { spec, template, deploy, starter: params.starter.clone() };
            children::run(services, Child { chain, owner, key, supersede: None, params }).await
        }
    };
    services.changed("host", &host.id);
    row
}

/// What was made is removed again, as far as nobody has it.
async fn remove_chains(ctx: Context<PoolFill>) -> Result<(), StepError> {
    let Some(chosen) = ctx.try_output::<Chosen>()? else { return Ok(()) };
    let each = chosen.chains.into_iter().map(|name| remove_one(ctx.clone(), name)).collect();
    children::few_at_a_time(each).await?;
    ctx.env().changed("host", &ctx.params().host);
    Ok(())
}

async fn remove_one(ctx: Context<PoolFill>, chain: ChainName) -> Result<(), StepError> {
    let services = ctx.env();
    let key = children::key(ctx.operation_id(), &chain);
    let made = children::find(services, &chain, &key).await.map_err(|error| children::unreadable(&error))?;
    let Some(made) = made else { return Ok(()) };
    let mut events = children::engine(services)?.subscribe();
    if made.state.is_open() {
        match children::engine(services)?.cancel(&made.id).await {
            Ok(_) | Err(LogError::NotAllowed { .. }) => {}
            Err(error) => return Err(children::unreadable(&error)),
        }
    }
    children::end(services, &mut events, &made.id).await?;
    for _ in 0..REMOVE_TRIES {
        let record = services.store.chain_read(&chain).await.map_err(store_error)?;
        let ours = |id: &OperationId| id.as_str() == made.id;
        let Some(record) = record.filter(|record| record.operation.as_ref().is_some_and(ours)) else {
            return Ok(());
        };
        if record.owner.is_some() {
            let kept = Error::conflict(Code::PoolChainTaken).with("name", &chain);
            left_behind(&ctx, kept, format!("the chain {chain} is somebody's")).await;
            return Ok(());
        }
        let params = ChainDelete { spec: record.spec, keep_data: false, only_free: true };
        let start = Start::new(ctx.params().owner.clone(), params).on(subject(&chain));
        match children::begin(services, start).await? {
            Begun::Started(id, mut events) => {
                children::end(services, &mut events, &id).await?;
            }
            // Perhaps by an earlier try of this undo.
            Begun::Busy(by) => {
                children::end(services, &mut events, &by).await?;
            }
        }
    }
    Err(StepError::retry(Code::ChainBusy.as_text(), format!("the chain {chain} cannot be removed now")))
}

//! Durable operations, one file each: parameters, plan, steps. What several of them need is here: reaching a chain,
//! waiting on conditions, and turning errors into what the workflow and people understand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use agents::{NodeRef, Selector};
use domain::name::ChainName;
use domain::node::NodeKind;
use domain::{Code, Error, ErrorKind};
use fabric::error::FabricError;
use futures::StreamExt;
use store::ChainRecord;
use workflow::{Context, Operation, StepError};

pub(crate) use crate::explain::{fabric_code, full_text};
use crate::keyring::Opened;
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedNode};

pub mod chain_create;
pub mod chain_delete;
pub mod chain_free;
pub mod chain_give;
pub mod chain_release;
pub mod chain_restart;
pub mod chain_start;
pub mod chain_stop;
pub mod chaincode_deploy;
pub mod chaincode_steps;
pub mod channel_anchors;
pub mod channel_create;
pub mod channel_join;
pub(crate) mod children;
pub mod demo_create;
pub mod host_prepare;
pub mod host_reset;
mod leader;
pub mod node_resize;
pub mod pool_clean;
pub mod pool_create;
pub mod pool_fill;
mod revocation;
mod rolling;

/// Nodes that are worked on side by side.
pub(crate) const SIDE_BY_SIDE: usize = 8;
/// Time that nodes under work get after another one failed.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for one condition, such as a node's health.
const CONDITION_TIMEOUT_MS: i64 = 90_000;
/// Pause between two looks at a condition.
const CONDITION_PAUSE_MS: u64 = 40;
/// Most looks at a condition: as many as fit into the longest wait.
const CONDITION_LOOKS_MAX: u32 = 2_250;
/// What no further try of ours cures: a person has to, or nobody can. A registry that does not answer now may be gone
/// for good, and what waits for its image is looked after by the reconciler.
const GIVEN_UP: [Code; 6] = [
    Code::NotFound,
    Code::NodeDataLost,
    Code::ImageMissing,
    Code::ImageNotInRegistry,
    Code::RegistryDenied,
    Code::RegistryUnreachable,
];
/// Lines of a node's output that explain a failure.
const EVIDENCE_LINES: u32 = 50;

/// An error of the façade as a step's error: what may pass by itself is tried again.
pub(crate) fn step_error(error: Error) -> StepError {
    let (code, text) = (error.code.as_text(), error.to_string());
    let failed = match error.kind {
        ErrorKind::Unavailable if error.code != Code::ImageMissing => StepError::retry(code, text),
        _ => StepError::stop(code, text),
    };
    failed.with_values(error.values)
}

/// A store error as a step's error.
pub(crate) fn store_error(error: store::StoreError) -> StepError {
    step_error(crate::error::store(error))
}

/// An agent's error as a step's error.
pub(crate) fn agent_error(error: agents::AgentError) -> StepError {
    let (retryable, text) = (error.is_retryable(), error.to_string());
    let error = crate::error::agent(error);
    let code = error.code.as_text();
    let failed = if retryable { StepError::retry(code, text) } else { StepError::stop(code, text) };
    failed.with_values(error.values)
}

/// A node's error as a step's error.
pub(crate) fn fabric_error(what: &str, error: &FabricError) -> StepError {
    let code = fabric_code(error).as_text();
    let text = format!("{what}: {}", full_text(error));
    if error.is_retryable() { StepError::retry(code, text) } else { StepError::stop(code, text) }
}

/// The words of an error that no further try cures; any other error as it is.
pub(crate) fn given_up(error: StepError) -> Result<String, StepError> {
    if !GIVEN_UP.iter().any(|code| code.as_text() == error.code()) {
        return Err(error);
    }
    let (StepError::Retry { message, .. } | StepError::Stop { message, .. }) = error;
    Ok(message)
}

/// A chain as its record says, ready to be spoken with.
pub(crate) async fn link(services: &Services, chain: &ChainName) -> Result<ChainLink, Error> {
    let record =
        services.store.chain_read(chain).await.map_err(crate::error::store)?.ok_or_else(Error::not_found)?;
    link_to(services, &record).await
}

/// A chain of which the record is at hand, ready to be spoken with.
pub(crate) async fn link_to(services: &Services, record: &ChainRecord) -> Result<ChainLink, Error> {
    let Opened { plan, trust } = services.opened(record).await?;
    let agent = services.agent(&plan.host).await?;
    Ok(ChainLink { agent, installation: services.installation.clone(), plan, trust })
}

/// A planned chain, ready to be spoken with.
pub async fn link_of(services: &Services, plan: ChainPlan) -> Result<ChainLink, Error> {
    let agent = services.agent(&plan.host).await?;
    let trust = services.trust(&plan).await?;
    Ok(ChainLink {
        agent,
        installation: services.installation.clone(),
        plan: Arc::new(plan),
        trust: Arc::new(trust),
    })
}

/// Tells what an undo leaves because Fabric cannot take it back: a line of the record, and a code for the page.
pub(crate) async fn left_behind<P: Operation>(ctx: &Context<P>, kept: Error, text: String) {
    ctx.note_as(kept.code.as_text(), kept.values, text).await;
}

/// Waits until a look at something succeeds; the last error tells why it did not. Errors that no waiting cures end
/// it at once.
pub(crate) async fn until<P, T, F, Fut>(ctx: &Context<P>, what: &str, mut look: F) -> Result<T, StepError>
where
    P: Operation,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>, FabricError>>,
{
    let deadline = ctx.now_ms() + CONDITION_TIMEOUT_MS;
    let mut looks = 0;
    loop {
        let last = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => StepError::retry(Code::NodeNotHealthy.as_text(), format!("{what}: not yet")),
            Err(error) if error.is_retryable() => fabric_error(what, &error),
            Err(error) => return Err(fabric_error(what, &error)),
        };
        looks += 1;
        // Counted, too, for a clock that is set back meanwhile never comes to the deadline.
        if ctx.now_ms() > deadline || looks > CONDITION_LOOKS_MAX || ctx.cancelled() {
            return Err(last);
        }
        ctx.sleep(CONDITION_PAUSE_MS).await;
    }
}

/// The same about a node: an error carries the last lines that the node printed.
pub(crate) async fn until_at<P, T, F, Fut>(
    ctx: &Context<P>,
    link: &ChainLink,
    node: &PlannedNode,
    look: F,
) -> Result<T, StepError>
where
    P: Operation,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>, FabricError>>,
{
    match until(ctx, node.name.as_str(), look).await {
        Ok(found) => Ok(found),
        Err(error) => Err(with_logs(link, node, error).await),
    }
}

/// Does a bounded number of things at a time, and gives what came of each, in their order.
pub(crate) async fn side_by_side<F: Future>(work: Vec<F>) -> Vec<F::Output> {
    futures::stream::iter(work).buffered(SIDE_BY_SIDE).collect().await
}

/// Does something to every node, a bounded number at a time, and counts. The first error counts; nodes that are being
/// worked on then may finish, so that no host acts behind the back of whoever retries or undoes.
pub(crate) async fn for_each_node<P, F, Fut, E>(
    ctx: &Context<P>,
    nodes: Vec<PlannedNode>,
    work: F,
) -> Result<(), E>
where
    P: Operation,
    F: Fn(PlannedNode) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let total = u64::try_from(nodes.len()).unwrap_or(u64::MAX);
    let (done, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    ctx.progress(0, total).await;
    let (done, failed, work) = (&done, &failed, &work);
    // Reporting is part of each node's future: nothing may wait outside while these futures are not polled, for one
    // of them may hold what the outside waits for.
    let each = nodes.into_iter().map(|node| async move {
        if failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let result = work(node).await;
        match &result {
            Ok(()) => ctx.progress(done.fetch_add(1, Ordering::AcqRel) + 1, total).await,
            Err(_) => failed.store(true, Ordering::Release),
        }
        result
    });
    let mut running = futures::stream::iter(each).buffer_unordered(SIDE_BY_SIDE);
    while let Some(result) = running.next().await {
        if result.is_err() {
            let rest = running.for_each(|_| std::future::ready(()));
            let _in_time = tokio::time::timeout(FINISH_TIMEOUT, rest).await.is_ok();
            return result;
        }
    }
    Ok(())
}

/// The chaincode containers of a chain that are on its host; they are not part of its plan.
pub(crate) async fn chaincode_nodes(link: &ChainLink) -> Result<Vec<NodeRef>, StepError> {
    let present = link.agent.list_nodes(&selector(link)).await.map_err(agent_error)?;
    let chaincode = present.into_iter().filter(|status| status.kind == NodeKind::Chaincode.as_str());
    Ok(chaincode.map(|status| status.node).collect())
}

/// Everything of a chain on its host.
pub(crate) fn selector(link: &ChainLink) -> Selector {
    Selector { installation: link.installation.clone(), chain: Some(link.plan.chain.to_string()) }
}

/// Adds the last lines of a node's output to an error.
pub(crate) async fn with_logs(link: &ChainLink, node: &PlannedNode, error: StepError) -> StepError {
    with_lines_of(link, &link.node_ref(node), error).await
}

/// Adds the last lines of what a container printed to an error.
pub(crate) async fn with_lines_of(link: &ChainLink, place: &NodeRef, error: StepError) -> StepError {
    let lines = lines_of(link, place, EVIDENCE_LINES).await;
    if lines.is_empty() { error } else { error.with_evidence(lines) }
}

/// The last lines of a node's output; none if the host does not answer.
pub(crate) async fn node_lines(link: &ChainLink, node: &PlannedNode, tail: u32) -> Vec<String> {
    lines_of(link, &link.node_ref(node), tail).await
}

async fn lines_of(link: &ChainLink, place: &NodeRef, tail: u32) -> Vec<String> {
    let options = agents::LogOptions { tail: Some(tail), ..agents::LogOptions::default() };
    let Ok(stream) = link.agent.logs(place, &options).await else { return Vec::new() };
    let limit = usize::try_from(tail).unwrap_or(usize::MAX);
    let lines =
        stream.filter_map(|line| std::future::ready(line.ok())).map(|line| line.text).take(limit).collect();
    tokio::time::timeout(Duration::from_secs(10), lines).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use agents::{AgentError, MissingWhy};

    use super::*;

    #[test]
    fn only_what_a_further_try_does_not_cure_is_given_up() {
        let missing = |why| AgentError::ImageMissing { reference: "one:1".to_owned(), why };
        let absent = missing(MissingWhy::NotInRegistry("no such tag".to_owned()));
        let silent = missing(MissingWhy::RegistryUnreachable("no route".to_owned()));
        let lost = AgentError::DataLost("peer0-org1".to_owned());
        for error in [lost, missing(MissingWhy::NotOnHost), absent, silent] {
            let text = error.to_string();
            assert_eq!(given_up(agent_error(error)), Ok(text));
        }
        for error in [AgentError::Unreachable("x".to_owned()), AgentError::Refused("x".to_owned())] {
            let error = agent_error(error);
            assert_eq!(given_up(error.clone()), Err(error));
        }
    }
}

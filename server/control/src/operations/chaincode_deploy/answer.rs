//! The first question to a chaincode that was just committed. The lifecycle never speaks with a container: that one
//! answers is only known when it has.

use std::collections::BTreeMap;

use fabric::error::{ErrorKind, FabricError};
use workflow::{Context, StepError};

use super::{DeploysChaincode, ImageResolved, Member, definition, failed_at};
use crate::error::internal;
use crate::network::{Call, ChainLink};
use crate::operations::chain_create::node_error;
use crate::operations::{fabric_code, side_by_side, step_error, with_lines_of, with_logs};
use crate::topology::PlannedNode;

/// Chaincode made with Fabric's contract interface describes itself when asked so, other chaincode refuses the unknown
/// function. Both are answers, and nothing is written.
const QUESTION: &str = "org.hyperledger.fabric:GetMetadata";
/// Longest wait for an answer.
const PATIENCE_MS: i64 = 30_000;
/// Pause between two questions.
const PAUSE_MS: u64 = 100;

/// Asks once in every organization that has the package, side by side.
pub(super) async fn await_answers<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    members: &[Member],
    packages: &BTreeMap<String, String>,
) -> Result<(), StepError> {
    let asked = members.iter().map(|member| {
        let package = packages.get(&member.msp_id).map(String::as_str).unwrap_or_default();
        await_member(ctx, link, member, package)
    });
    side_by_side(asked.collect()).await.into_iter().collect()
}

/// Asks the chaincode of an organization through the first of its peers that holds the package.
async fn await_member<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    member: &Member,
    package: &str,
) -> Result<(), StepError> {
    let Some(peer) = holder(ctx, link, member, package).await? else {
        // An organization may agree to a definition and not serve it.
        ctx.note(format!("no peer of {} has the package", member.organization)).await;
        return Ok(());
    };
    // Commits may go ahead of approvals: an organization's peers serve what it has agreed to.
    if approves(ctx, link, peer).await? {
        await_answer(ctx, link, member, peer).await?;
        ctx.note(format!("{} answers {}", member.server, peer.name)).await;
    } else {
        ctx.note(format!("{} has not approved: its peers do not serve it yet", member.organization)).await;
    }
    Ok(())
}

/// Whether the organization of a peer has approved what was committed.
async fn approves<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    peer: &PlannedNode,
) -> Result<bool, StepError> {
    let spec = ctx.params().deploy_spec();
    let wanted = definition(spec, ctx.output::<ImageResolved>()?.sequence);
    match ctx.env().network.approved(link, peer, spec.channel.as_str(), &wanted).await {
        Ok(approved) => Ok(approved),
        Err(error) => Err(failed_at(link, peer, &error).await),
    }
}

async fn holder<'a, P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    member: &'a Member,
    package: &str,
) -> Result<Option<&'a PlannedNode>, StepError> {
    let mut unanswered = None;
    for peer in &member.peers {
        match ctx.env().network.installed(link, peer).await {
            Ok(ids) if ids.iter().any(|id| id == package) => return Ok(Some(peer)),
            Ok(_) => {}
            Err(error) => unanswered = Some((peer, error)),
        }
    }
    match unanswered {
        None => Ok(None),
        Some((peer, error)) => Err(with_logs(link, peer, node_error(peer, &error)).await),
    }
}

async fn await_answer<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    member: &Member,
    peer: &PlannedNode,
) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let admin = link.trust.admins.get(&member.msp_id);
    let admin =
        admin.ok_or_else(|| step_error(internal("ask a chaincode", "no admin of the organization")))?;
    let mut call = Call {
        channel: spec.channel.to_string(),
        chaincode: spec.name.to_string(),
        arguments: vec![QUESTION.as_bytes().to_vec()],
        organizations: vec![member.msp_id.clone()],
        is_init: spec.init_required,
        ..Call::default()
    };
    let begin_ms = ctx.now_ms();
    loop {
        let Err(error) = ctx.env().network.evaluate(link, peer, admin, &call).await else { return Ok(()) };
        match error.kind() {
            ErrorKind::ChaincodeError { .. } => return Ok(()),
            // It refused the question as an init call, or that would not have come this far; other calls are not for it yet.
            ErrorKind::NotInitialized if spec.init_required => return Ok(()),
            kind if kind.is_retryable() => {
                if ctx.now_ms() - begin_ms > PATIENCE_MS || ctx.cancelled() {
                    return Err(unanswered(link, member, peer, &error).await);
                }
                ctx.sleep(PAUSE_MS).await;
            }
            // Somebody has initialised it already: then it takes ordinary calls.
            _ if call.is_init => call.is_init = false,
            _ => return Err(unanswered(link, member, peer, &error).await),
        }
    }
}

/// The container's last lines say why it does not answer; for everything else it is the peer's.
async fn unanswered(link: &ChainLink, member: &Member, peer: &PlannedNode, error: &FabricError) -> StepError {
    let plain = node_error(peer, error);
    match error.kind() {
        ErrorKind::ChaincodeUnreachable | ErrorKind::ExecutionTimeout => {
            let text = format!("{} does not answer: {error}", member.server);
            // The same container would be asked again: waiting any longer cures nothing.
            let stop = StepError::stop(fabric_code(error).as_text(), text);
            with_lines_of(link, &member.place(link), stop).await
        }
        _ => with_logs(link, peer, plain).await,
    }
}

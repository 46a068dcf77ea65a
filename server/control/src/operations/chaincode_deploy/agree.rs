//! What organizations agree on: each approves a definition by itself, and one commits it for all once enough have. None
//! of it can be taken back, so that an undo says what stays.

use std::collections::BTreeMap;

use domain::chaincode::DeploySpec;
use domain::{Code, Error};
use fabric::error::ErrorKind;
use workflow::{Context, StepError};

use super::members::{LOOK_TIMEOUT, Member, members};
use super::settle::await_settled;
use super::{
    DeploysChaincode, ImageResolved, PackagesMade, committed, definition, failed_at, first_peer, in_force,
    record_definition,
};
use crate::network::{ChainLink, DefinitionSpec};
use crate::operations::chain_create::node_error;
use crate::operations::{
    for_each_node, left_behind, link, side_by_side, step_error, until, until_at, with_logs,
};
use crate::topology::PlannedNode;

/// How long approvals that are too few may still become more by being seen. They were made by operations that ended
/// before.
const SEEN_AFTER_MS: i64 = 20_000;

/// The organizations that this operation approves for, each through one of its peers.
async fn representatives<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    sequence: i64,
) -> Result<Vec<PlannedNode>, StepError> {
    let chosen = ctx.params().chosen_organization();
    let members = members(ctx.env(), link, ctx.params().deploy_spec(), sequence).await?;
    let members = members.into_iter().filter(|member| chosen.is_none_or(|name| *name == member.organization));
    Ok(members.filter_map(|member| member.peers.into_iter().next()).collect())
}

pub(in crate::operations) async fn approve_definition<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let packages = ctx.output::<PackagesMade>()?;
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let wanted = definition(spec, sequence);
    let representatives = representatives(&ctx, &link, sequence).await?;
    // One that left the channel meanwhile approves nothing there.
    if representatives.is_empty() {
        return Err(step_error(Error::not_found_as(Code::ChannelUnknown)));
    }
    let (ctx_ref, link_ref, wanted_ref, packages_ref) = (&ctx, &link, &wanted, &packages);
    for_each_node(&ctx, representatives, |peer| async move {
        let id = packages_ref.ids.get(&peer.msp_id).map(String::as_str).unwrap_or_default();
        let channel = ctx_ref.params().deploy_spec().channel.as_str();
        let network = &ctx_ref.env().network;
        if let Err(error) = network.approve(link_ref, &peer, channel, wanted_ref, id).await {
            return Err(failed_at(link_ref, &peer, &error).await);
        }
        ctx_ref.note(format!("approved by {}", peer.msp_id)).await;
        Ok(())
    })
    .await
}

/// Fabric has no way to withdraw an approval: an undo says who has approved what. Of a definition in force there is
/// nothing to say, for it stays as a whole.
pub(in crate::operations) async fn list_approved<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    let sequence = resolved.sequence;
    if in_force(ctx.env(), spec, sequence).await? {
        return Ok(());
    }
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let (wanted, channel) = (definition(spec, sequence), spec.channel.as_str());
    let what = format!("approval of definition {} {}, sequence {sequence}", spec.name, spec.version);
    let (network, link, wanted) = (&ctx.env().network, &link, &wanted);
    let asked = |peer: PlannedNode| async move {
        let approved = network.approved(link, &peer, channel, wanted);
        (tokio::time::timeout(LOOK_TIMEOUT, approved).await, peer.msp_id)
    };
    let asked = representatives(&ctx, link, sequence).await?.into_iter().map(asked).collect();
    // What is not known holds no undo up.
    let perhaps = |by: &str, why: String| {
        let text = format!("perhaps left behind: {what}, by {by} ({why})");
        (Error::conflict(Code::ApprovalPerhapsKept).with("why", why), text)
    };
    for (approved, by) in side_by_side(asked).await {
        let (kept, text) = match approved {
            Ok(Ok(false)) => continue,
            Ok(Ok(true)) => (
                Error::conflict(Code::ApprovalKept),
                format!("left behind: {what}, by {by} (Fabric cannot withdraw an approval)"),
            ),
            Ok(Err(error)) => perhaps(&by, error.to_string()),
            Err(elapsed) => perhaps(&by, elapsed.to_string()),
        };
        left_behind(&ctx, of_definition(kept, spec, sequence).with("organization", &by), text).await;
    }
    Ok(())
}

/// Names a definition.
fn of_definition(kept: Error, spec: &DeploySpec, sequence: i64) -> Error {
    kept.with("name", &spec.name).with("version", &spec.version).with("sequence", sequence)
}

pub(in crate::operations) async fn commit_definition<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let wanted = definition(spec, sequence);
    let members = members(services, &link, spec, sequence).await?;
    let peer = first_peer(&members)?;
    // After an earlier try that got through, peers refuse the question who has approved: the sequence is used up. Then
    // one that knows so is enough to tell whether it is the same definition.
    let msp_ids = match committed(&ctx, &link, peer).await? {
        Some(in_force) if in_force.sequence >= sequence => vec![peer.msp_id.clone()],
        _ => {
            let approvals = await_approvals(&ctx, &link, (peer, members.as_slice()), &wanted);
            let (up, approvals) = futures::join!(await_settled(&ctx, &link), approvals);
            up?;
            approvals?
        }
    };
    // Right after the chain was made the peers of one organization may not have found those of the others yet.
    until_at(&ctx, &link, peer, || async {
        services.network.commit(&link, peer, spec.channel.as_str(), &wanted, &msp_ids).await.map(Some)
    })
    .await
}

/// Who has approved, as soon as they are enough: all where this operation approves for all, else the majority that the
/// channel's lifecycle policy asks for.
async fn await_approvals<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    (peer, members): (&PlannedNode, &[Member]),
    wanted: &DefinitionSpec,
) -> Result<Vec<String>, StepError> {
    let of_all = ctx.params().approves_for_all();
    let needed = if of_all { members.len() } else { members.len() / 2 + 1 };
    let (channel, begun_ms) = (ctx.params().deploy_spec().channel.as_str(), ctx.now_ms());
    // An approval is a transaction: other organizations' peers see it a moment later than the one that sent it.
    let seen = until(ctx, "approvals", || async {
        let approvals = match ctx.env().network.readiness(link, peer, channel, wanted).await {
            Ok(approvals) => approvals,
            // An earlier try got through meanwhile: the commit tells whether it was of the same definition.
            Err(error) if matches!(error.kind(), ErrorKind::SequenceConflict { .. }) => {
                return Ok(Some(members.iter().map(|member| member.msp_id.clone()).collect()));
            }
            Err(error) => return Err(error),
        };
        let approved = those_who_approved(members, &approvals);
        let is_enough = approved.len() >= needed;
        let is_final = !of_all && ctx.now_ms() - begun_ms > SEEN_AFTER_MS;
        Ok((is_enough || is_final).then_some(approved))
    });
    match seen.await {
        Ok(approved) if approved.len() >= needed => Ok(approved),
        Ok(_) => Err(step_error(Error::conflict(Code::NotApproved))),
        Err(error) => Err(with_logs(link, peer, error).await),
    }
}

fn those_who_approved(members: &[Member], approvals: &BTreeMap<String, bool>) -> Vec<String> {
    let msp_ids = members.iter().map(|member| &member.msp_id);
    msp_ids.filter(|msp_id| approvals.get(*msp_id).copied().unwrap_or(false)).cloned().collect()
}

/// A definition that was committed cannot be taken back: it is said so, and it stays served, for the one before it is
/// out of force.
pub(in crate::operations) async fn keep_committed<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    let (mut answered, mut unanswered) = (false, None);
    let members = members(ctx.env(), &link, spec, resolved.sequence).await?;
    for peer in members.iter().flat_map(|member| &member.peers) {
        match ctx.env().network.committed(&link, peer, channel, name).await {
            Err(error) => unanswered = Some(node_error(peer, &error)),
            Ok(Some(found)) if found.sequence == resolved.sequence => {
                let (version, sequence) = (&spec.version, resolved.sequence);
                let text = format!(
                    "left behind: definition {name} {version}, sequence {sequence}, with what serves it (Fabric cannot take it back)"
                );
                let kept = of_definition(Error::conflict(Code::DefinitionKept), spec, sequence);
                left_behind(&ctx, kept, text).await;
                return record_definition(&ctx, &link, resolved).await;
            }
            // A peer may be behind the one that has it.
            Ok(_) => answered = true,
        }
    }
    unanswered.filter(|_| !answered).map_or(Ok(()), Err)
}

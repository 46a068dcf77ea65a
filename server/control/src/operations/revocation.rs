//! What ends when a chain is taken from somebody without being made anew: the identities that were handed out are revoked in
//! every channel and on every peer, and the portal uses other admins from then on.
//!
//! The channels alone do not suffice. What is sent to a channel is judged by its configuration, into which an update puts
//! the list. What is asked of a peer itself is judged by the peer's own folder, which it reads when it starts: its admins
//! install chaincode on it, and have it join channels of anybody's making. So each peer finds the list among its files, and
//! is made anew around its data for that. Orderers judge by channels only, and their administration knows no admin of an
//! organization, but the portal's own authority.

use std::collections::BTreeMap;

use agents::DataVolume;
use domain::Code;
use domain::chain::ChainState;
use domain::id::UserId;
use domain::name::{ChainName, OrganizationName};
use domain::node::NodeKind;
use fabric::error::ErrorKind;
use workflow::{Context, Operation, Plan, StepError, keep};

use super::chain_create::set_state;
use super::chain_start::{look, spec_around_data, start_everything, status_of};
use super::rolling::await_back;
use super::{agent_error, link, link_of, step_error, store_error, until_at};
use crate::error::internal;
use crate::material::Revoked;
use crate::network::ChainLink;
use crate::services::Services;
use crate::topology::{ChainPlan, PlannedNode};

/// An operation that takes a chain from somebody and leaves it as it is.
pub(super) trait RevokesIdentities: Operation<Env = Services> {
    fn chain(&self) -> &ChainName;

    /// Whose identities end; none: everybody's.
    fn whose(&self) -> Option<&UserId>;
}

/// Adds the steps after which nothing that was handed out is good for anything, and the chain runs again.
pub(super) fn revoke_steps<P: RevokesIdentities>(plan: Plan<P>) -> Plan<P> {
    let plan = plan
        .step("revoke-identities", revoke_identities, discard_identities)
        .timeout_ms(300_000)
        .step("renew-peers", renew_peers, start_again)
        .timeout_ms(3_600_000);
    open_steps(plan)
}

/// The same as former versions did it, who left the peers as they were.
pub(super) fn former_revoke_steps<P: RevokesIdentities>(plan: Plan<P>) -> Plan<P> {
    open_steps(plan.step("revoke-identities", revoke_identities, discard_identities).timeout_ms(300_000))
}

fn open_steps<P: RevokesIdentities>(plan: Plan<P>) -> Plan<P> {
    plan.step("discard-identities", discard_identities, keep).step("open-again", open_again, keep)
}

/// Gives organizations other admins, puts the serial numbers of the certificates on their lists, and the lists into every
/// channel. Owners may have the keys of admins, too.
async fn revoke_identities<P: RevokesIdentities>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, chain) = (ctx.env(), ctx.params().chain());
    let before = link(services, chain).await.map_err(step_error)?;
    let revoked = revoked_by_now(&ctx, &before).await?;
    for (_, organization) in before.plan.members().collect::<Vec<_>>() {
        let admin = services.admin_key(&before.plan, &organization.msp_id).await.map_err(step_error)?;
        if revoked.admins.get(&organization.msp_id) == Some(&serial_of(&admin.cert_pem)?) {
            services.renew_admin(&before.plan, organization).await.map_err(step_error)?;
        }
    }
    // With the new admins: in a channel that has the list already, the old ones sign nothing.
    let link = link(services, chain).await.map_err(step_error)?;
    let channels = services.store.channel_list(chain).await.map_err(store_error)?;
    let members: Vec<_> = link.plan.members().collect();
    for (name, organization) in members {
        let msp_id = &organization.msp_id;
        let (Some(serials), Some(list)) = (revoked.serials.get(msp_id), revoked.lists.get(msp_id)) else {
            continue;
        };
        for channel in &channels {
            if channel.organizations.contains(name) {
                ensure(&ctx, &link, name, channel.name.as_str(), serials, list).await?;
            }
        }
    }
    Ok(())
}

fn serial_of(cert_pem: &str) -> Result<String, StepError> {
    let facts = fabric::material::describe(cert_pem);
    facts.map(|facts| facts.serial_hex).map_err(|error| step_error(internal("read a certificate", error)))
}

/// Everything that is revoked by now: what was before, what those whose identities end hold, and the admins that there were
/// when this operation began. It is kept before it is used, so that a further try, for which some keys may be gone, forgets
/// none.
async fn revoked_by_now<P: RevokesIdentities>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<Revoked, StepError> {
    let (services, params) = (ctx.env(), ctx.params());
    let mut revoked = services.revoked(params.chain()).await.map_err(step_error)?;
    let members: Vec<_> = link.plan.members().collect();
    if revoked.operation != ctx.operation_id() {
        revoked.admins = BTreeMap::new();
        for (_, organization) in &members {
            let msp_id = &organization.msp_id;
            let admin = services.admin_key(&link.plan, msp_id).await.map_err(step_error)?;
            revoked.admins.insert(msp_id.clone(), serial_of(&admin.cert_pem)?);
        }
        ctx.operation_id().clone_into(&mut revoked.operation);
    }
    for (_, organization) in members {
        let msp_id = &organization.msp_id;
        let mut found: Vec<String> = revoked.admins.get(msp_id).cloned().into_iter().collect();
        let held =
            services.user_certificates(&link.plan, msp_id, params.whose()).await.map_err(step_error)?;
        for cert_pem in held {
            found.push(serial_of(&cert_pem)?);
        }
        let serials = revoked.serials.entry(msp_id.clone()).or_default();
        found.retain(|serial| !serials.contains(serial));
        // A further try finds the list of the first: another one of the same would make every peer anew again.
        if found.is_empty() && revoked.lists.contains_key(msp_id) {
            continue;
        }
        serials.extend(found);
        let authority = services.sign_authority(&link.plan, msp_id).await.map_err(step_error)?;
        let number = u64::try_from(serials.len()).unwrap_or(u64::MAX);
        let list = authority
            .revocation_list(serials, number, ctx.now_ms() / 1_000)
            .map_err(|error| step_error(internal("make a revocation list", error)))?;
        revoked.lists.insert(msp_id.clone(), list);
    }
    services.revoked_save(params.chain(), &revoked).await.map_err(step_error)?;
    Ok(revoked)
}

/// Submits the update and waits until the peer has the list; somebody else's update in between makes it be worked out
/// anew.
async fn ensure<P: RevokesIdentities>(
    ctx: &Context<P>,
    link: &ChainLink,
    organization: &OrganizationName,
    channel: &str,
    serials: &[String],
    list: &str,
) -> Result<(), StepError> {
    let network = &ctx.env().network;
    // An organization without peers has nobody who could be asked, and nothing to be kept from.
    let Some(peer) = link.plan.peers_of(organization).next().cloned() else { return Ok(()) };
    let mut wanted = serials.to_vec();
    wanted.sort();
    until_at(ctx, link, &peer, || async {
        let lists = network.revocations(link, &peer, channel).await?;
        let read = |list: &String| fabric::material::revoked_serials(list).unwrap_or_default();
        let mut now: Vec<String> = lists.iter().flat_map(read).collect();
        now.sort();
        if now == wanted {
            return Ok(Some(()));
        }
        match network.set_revocations(link, &peer, channel, list).await {
            // An update is with the orderers already, and the peer has not seen it yet.
            Err(error) if matches!(error.kind(), ErrorKind::ConfigConflict | ErrorKind::ConfigUnchanged) => {
                Ok(None)
            }
            other => other.map(|()| None),
        }
    })
    .await
}

/// Makes every peer anew with the list among its files, one after another; one that has it already is left.
async fn renew_peers<P: RevokesIdentities>(ctx: Context<P>) -> Result<(), StepError> {
    let services = ctx.env();
    let plan = link(services, ctx.params().chain()).await.map_err(step_error)?.plan;
    // Opened anew: what is kept in memory may be older than the list.
    let link = link_of(services, ChainPlan::clone(&plan)).await.map_err(step_error)?;
    let peers: Vec<&PlannedNode> = link.plan.of_kind(NodeKind::Peer).collect();
    let total = u64::try_from(peers.len()).unwrap_or(u64::MAX);
    for (done, peer) in (0_u64..).zip(peers) {
        ctx.progress(done, total).await;
        if ctx.cancelled() {
            let code = Code::OperationInterrupted.as_text();
            return Err(StepError::stop(code, "it was called off between two peers"));
        }
        renew_peer(&ctx, &link, peer).await?;
    }
    ctx.progress(total, total).await;
    Ok(())
}

/// One peer. What has lost its data is the reconciler's to show, and serves nobody.
async fn renew_peer<P: RevokesIdentities>(
    ctx: &Context<P>,
    link: &ChainLink,
    peer: &PlannedNode,
) -> Result<(), StepError> {
    let present = look(ctx, link).await?;
    if status_of(link, peer, &present).is_none_or(|status| status.data_volume == DataVolume::Missing) {
        ctx.note(format!("{} has lost its data: it is left", peer.name)).await;
        return Ok(());
    }
    let spec = spec_around_data(ctx.env(), link, peer, &present).await?;
    link.agent.ensure_node(&spec).await.map(drop).map_err(agent_error)?;
    await_back(ctx, link, peer).await
}

/// Whatever was down when it was called off runs on.
async fn start_again<P: RevokesIdentities>(ctx: Context<P>) -> Result<(), StepError> {
    let link = link(ctx.env(), ctx.params().chain()).await.map_err(step_error)?;
    start_everything(&ctx, &link).await
}

/// Also as an undo, for what is revoked stays so: whoever gets the chain again gets new identities.
async fn discard_identities<P: RevokesIdentities>(ctx: Context<P>) -> Result<(), StepError> {
    let params = ctx.params();
    ctx.env().discard_user_keys(params.chain(), params.whose()).await.map_err(step_error)
}

async fn open_again<P: RevokesIdentities>(ctx: Context<P>) -> Result<(), StepError> {
    let open = [ChainState::Updating, ChainState::Running];
    set_state(ctx.env(), ctx.params().chain(), &open, ChainState::Running).await
}

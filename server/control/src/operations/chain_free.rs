//! `chain-free`: a chain goes back to the pool as it is. Its owner and everybody else lose it, the identities that were
//! handed out are revoked in every channel, and whoever gets it next is told that its ledger is not empty.

use std::collections::BTreeMap;

use domain::Error;
use domain::chain::ChainState;
use domain::id::UserId;
use domain::name::{ChainName, OrganizationName};
use domain::permission::Grant;
use fabric::error::ErrorKind;
use serde::{Deserialize, Serialize};
use store::Tenure;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chain_create::set_state;
use super::{link, step_error, store_error, until_at};
use crate::error::internal;
use crate::network::ChainLink;
use crate::services::Services;

/// Document that names what was revoked.
const REVOKED: &str = "revoked";

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChainFree {
    pub chain: ChainName,
}

impl Operation for ChainFree {
    type Env = Services;

    fn plan() -> Plan<Self> {
        Plan::named("chain-free", 1)
            .step("read-owner", read_owner, keep)
            .step("hand-back", hand_back, give_again)
            .step("revoke-identities", revoke_identities, renew_identities)
            .timeout_ms(300_000)
            .step("discard-identities", discard_identities, keep)
            .step("open-again", open_again, keep)
    }
}

/// Who had it, before anything is changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OwnerRead {
    owner: Option<UserId>,
    claimed_ms: Option<i64>,
    claim_key: Option<String>,
    expires_ms: Option<i64>,
    warned_ms: Option<i64>,
    inherited_ms: Option<i64>,
    grants: Vec<(UserId, Grant)>,
}

impl StepOutput for OwnerRead {
    const STEP: &'static str = "read-owner";
}

async fn read_owner(ctx: Context<ChainFree>) -> Result<OwnerRead, StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain);
    let record = services.store.chain_read(chain).await.map_err(store_error)?;
    let record = record.ok_or_else(|| step_error(Error::not_found()))?;
    let Tenure { claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms } = record.tenure;
    let grants = services.store.grant_list(chain).await.map_err(store_error)?;
    let owner = record.owner;
    Ok(OwnerRead { owner, claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms, grants })
}

/// From now on it is nobody's, and nobody can claim it before its identities are revoked.
async fn hand_back(ctx: Context<ChainFree>) -> Result<(), StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain);
    services.store.pool_set_free(chain, ctx.now_ms()).await.map_err(store_error)?;
    tell(&ctx);
    Ok(())
}

fn tell(ctx: &Context<ChainFree>) {
    ctx.env().changed("chain", &ctx.params().chain);
    ctx.env().changed("access", &ctx.params().chain);
}

async fn give_again(ctx: Context<ChainFree>) -> Result<(), StepError> {
    let Some(read) = ctx.try_output::<OwnerRead>()? else { return Ok(()) };
    let OwnerRead { owner, claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms, grants } = read;
    let tenure = Tenure { claimed_ms, claim_key, expires_ms, warned_ms, inherited_ms };
    let (services, chain) = (ctx.env(), &ctx.params().chain);
    services.store.pool_restore(chain, owner.as_ref(), &tenure, &grants).await.map_err(store_error)?;
    tell(&ctx);
    Ok(())
}

/// What is revoked of a chain.
#[derive(Default, Serialize, Deserialize)]
struct Revoked {
    /// The operation that revoked last, and the admins (serial number by MSP ID) whom it found.
    operation: String,
    admins: BTreeMap<String, String>,
    /// Every serial number that is revoked, by MSP ID. A list of a channel names all of them.
    serials: BTreeMap<String, Vec<String>>,
}

/// Gives organizations other admins, puts the serial numbers of everybody's certificates on their lists, and the lists into
/// every channel. Owners may have the keys of admins, too.
async fn revoke_identities(ctx: Context<ChainFree>) -> Result<(), StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain);
    let before = link(services, chain).await.map_err(step_error)?;
    let revoked = revoked_by_now(&ctx, &before).await?;
    let members: Vec<_> = before.plan.members().collect();
    for (_, organization) in members {
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
        let Some(serials) = revoked.serials.get(&organization.msp_id) else { continue };
        let authority =
            services.sign_authority(&link.plan, &organization.msp_id).await.map_err(step_error)?;
        let number = u64::try_from(serials.len()).unwrap_or(u64::MAX);
        let list = authority
            .revocation_list(serials, number, ctx.now_ms() / 1_000)
            .map_err(|error| step_error(internal("make a revocation list", error)))?;
        for channel in &channels {
            if channel.organizations.contains(name) {
                ensure(&ctx, &link, name, channel.name.as_str(), serials, &list).await?;
            }
        }
    }
    Ok(())
}

fn serial_of(cert_pem: &str) -> Result<String, StepError> {
    let facts = fabric::material::describe(cert_pem);
    facts.map(|facts| facts.serial_hex).map_err(|error| step_error(internal("read a certificate", error)))
}

/// Everything that is revoked by now: what was before, what people hold, and the admins that there were when this operation
/// began. It is kept before it is used, so that a further try, for which some keys may be gone, forgets none.
async fn revoked_by_now(ctx: &Context<ChainFree>, link: &ChainLink) -> Result<Revoked, StepError> {
    let (services, chain) = (ctx.env(), &ctx.params().chain);
    let known = services.store.document_read(chain, REVOKED).await.map_err(store_error)?;
    let mut revoked: Revoked = match known {
        Some(text) => serde_json::from_slice(&text)
            .map_err(|error| step_error(internal("read what is revoked", error)))?,
        None => Revoked::default(),
    };
    let members: Vec<_> = link.plan.members().collect();
    if revoked.operation != ctx.operation_id() {
        revoked.admins.clear();
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
        for cert_pem in services.user_certificates(&link.plan, msp_id).await.map_err(step_error)? {
            found.push(serial_of(&cert_pem)?);
        }
        let serials = revoked.serials.entry(msp_id.clone()).or_default();
        found.retain(|serial| !serials.contains(serial));
        serials.extend(found);
    }
    let text =
        serde_json::to_vec(&revoked).map_err(|error| step_error(internal("keep what is revoked", error)))?;
    services.store.document_put(chain, REVOKED, &text).await.map_err(store_error)?;
    Ok(revoked)
}

/// Submits the update and waits until the peer has the list; somebody else's update in between makes it be worked out
/// anew.
async fn ensure(
    ctx: &Context<ChainFree>,
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

/// What is revoked stays so: whoever gets the chain again gets new identities.
async fn renew_identities(ctx: Context<ChainFree>) -> Result<(), StepError> {
    ctx.env().discard_user_keys(&ctx.params().chain).await.map_err(step_error)
}

async fn discard_identities(ctx: Context<ChainFree>) -> Result<(), StepError> {
    ctx.env().discard_user_keys(&ctx.params().chain).await.map_err(step_error)
}

async fn open_again(ctx: Context<ChainFree>) -> Result<(), StepError> {
    let open = [ChainState::Updating, ChainState::Running];
    set_state(ctx.env(), &ctx.params().chain, &open, ChainState::Running).await
}

//! `chaincode-deploy`: package, install, approve and commit a chaincode that runs as a service, one container per
//! organization. An upgrade is the same with the next sequence.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::chaincode::DeploySpec;
use domain::name::{NodeName, OrganizationName};
use domain::{Code, Error};
use fabric::error::ErrorKind as FabricKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::ChaincodeRecord;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chain_create::node_error;
use super::host_prepare::pull;
use super::{for_each_node, link, step_error, store_error, until};
use crate::error::internal;
use crate::host::images::no_volumes;
use crate::network::{ChainLink, DefinitionSpec};
use crate::services::Services;
use crate::topology::PlannedNode;

pub(crate) mod drafts;
mod package;
mod server;

pub(super) use package::{discard_packages, make_packages};
use package::{package_secret, retire_packages};
use server::retire_servers;
pub(super) use server::{remove_chaincode, start_chaincode};

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChaincodeDeploy {
    pub spec: DeploySpec,
}

impl Operation for ChaincodeDeploy {
    type Env = Services;

    fn plan() -> Plan<Self> {
        deploy_steps(Plan::named("chaincode-deploy", 1))
    }
}

/// An operation that deploys a chaincode, perhaps among other things.
pub trait DeploysChaincode: Operation<Env = Services> {
    /// What is deployed.
    fn deploy_spec(&self) -> &DeploySpec;

    /// Peers that get the package; none: all that serve the channel.
    fn chosen_peers(&self) -> Option<&[NodeName]> {
        None
    }

    /// Whether a definition of this version that is in force already is what is wanted.
    fn may_be_done(&self) -> bool {
        false
    }

    /// Organization that approves; none: all of the channel.
    fn chosen_organization(&self) -> Option<&OrganizationName> {
        None
    }
}

impl DeploysChaincode for ChaincodeDeploy {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.spec
    }
}

/// Adds the steps that deploy a chaincode.
pub fn deploy_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    plan.step("resolve-image", resolve_image, keep)
        .timeout_ms(1_800_000)
        .step("make-packages", make_packages, discard_packages)
        .step("start-chaincode", start_chaincode, remove_chaincode)
        .timeout_ms(300_000)
        .step("install-packages", install_packages, list_installed)
        .timeout_ms(600_000)
        .step("approve-definition", approve_definition, keep)
        .timeout_ms(300_000)
        .step("commit-definition", commit_definition, keep_committed)
        .timeout_ms(300_000)
        .step("await-definition", await_definition, keep)
        .timeout_ms(300_000)
}

/// What is deployed: the image as it was resolved, and the sequence that follows the committed one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImageResolved {
    pub image_id: String,
    pub sequence: i64,
}

impl StepOutput for ImageResolved {
    const STEP: &'static str = "resolve-image";
}

/// Package ids by MSP ID.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PackagesMade {
    pub ids: BTreeMap<String, String>,
}

impl StepOutput for PackagesMade {
    const STEP: &'static str = "make-packages";
}

/// One organization's part in a deployment.
struct Member {
    msp_id: String,
    organization: OrganizationName,
    peers: Vec<PlannedNode>,
    /// Name of its chaincode container, by which its peers reach it.
    server: String,
}

/// Every organization that may have a part in a deployment, without its peers: what an undo looks through.
fn possible_members(link: &ChainLink, spec: &DeploySpec, sequence: i64) -> Vec<Member> {
    let members = link.plan.members().map(|(name, organization)| Member {
        msp_id: organization.msp_id.clone(),
        organization: name.clone(),
        peers: Vec::new(),
        server: server_name(spec, sequence, name),
    });
    members.collect()
}

/// The channel's organizations with their peers that serve it. A peer that does not answer counts: what has to be done
/// there is tried again until it does.
async fn members(
    services: &Services,
    link: &ChainLink,
    spec: &DeploySpec,
    sequence: i64,
) -> Result<Vec<Member>, StepError> {
    let channels = services.store.channel_list(&spec.chain).await.map_err(store_error)?;
    let channel = channels.into_iter().find(|channel| channel.name == spec.channel);
    let channel = channel.ok_or_else(|| step_error(Error::not_found_as(Code::ChannelUnknown)))?;
    let mut members = Vec::new();
    for (name, organization) in link.plan.members() {
        if !channel.organizations.contains(name) {
            continue;
        }
        let mut peers = Vec::new();
        for peer in link.plan.peers_of(name) {
            let height = services.network.height(link, peer, spec.channel.as_str()).await;
            if !height.is_err_and(|error| error.kind() == FabricKind::ChannelUnknown) {
                peers.push(peer.clone());
            }
        }
        members.push(Member {
            msp_id: organization.msp_id.clone(),
            organization: name.clone(),
            peers,
            server: server_name(spec, sequence, name),
        });
    }
    Ok(members)
}

/// `cc-1f2e3d4c-org1`: short enough for every name, and the same on every try.
pub fn server_name(spec: &DeploySpec, sequence: i64, organization: &OrganizationName) -> String {
    let digest = Sha256::digest(format!("{}/{}/{sequence}", spec.channel, spec.name));
    format!("cc-{}-{organization}", &hex::encode(digest)[..8])
}

fn place(spec: &DeploySpec, sequence: i64, msp_id: &str) -> String {
    format!("{}{sequence}", places(spec, msp_id))
}

/// Beginning of the places of an organization's packages of a chaincode.
fn places(spec: &DeploySpec, msp_id: &str) -> String {
    format!("chain/{}/{msp_id}/chaincode/{}/{}/", spec.chain, spec.channel, spec.name)
}

fn definition(spec: &DeploySpec, sequence: i64) -> DefinitionSpec {
    DefinitionSpec {
        name: spec.name.to_string(),
        version: spec.version.clone(),
        sequence,
        policy: spec.policy.clone(),
        init_required: spec.init_required,
    }
}

pub(super) async fn resolve_image<P: DeploysChaincode>(ctx: Context<P>) -> Result<ImageResolved, StepError> {
    let spec = ctx.params().deploy_spec();
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let facts = pull(&ctx, &link.plan.host, link.agent.as_ref(), &spec.image).await?;
    no_volumes(&facts).map_err(step_error)?;
    let before = ctx.env().store.chaincode_list(&spec.chain).await.map_err(store_error)?;
    let before = before.into_iter().find(|one| one.channel == spec.channel && one.name == spec.name);
    if let Some(before) = before {
        let same = if before.image_id == facts.id { "the same image" } else { "another image" };
        ctx.note(format!("{same} as in sequence {}: {}", before.sequence, before.image_id)).await;
    }
    let members = members(ctx.env(), &link, spec, 0).await?;
    let peer = first_peer(&members)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    let committed = ctx
        .env()
        .network
        .committed(&link, peer, channel, name)
        .await
        .map_err(|error| node_error(peer, &error))?;
    let begun = drafts::find(ctx.env(), spec).await?.is_some();
    let sequence = match committed {
        None => 1,
        // Somebody commits what is in force already: that stays as it is.
        Some(found) if ctx.params().may_be_done() && !begun && found.version == spec.version => {
            found.sequence
        }
        Some(found) => found.sequence + 1,
    };
    Ok(ImageResolved { image_id: facts.id, sequence })
}

fn first_peer(members: &[Member]) -> Result<&PlannedNode, StepError> {
    members
        .iter()
        .find_map(|member| member.peers.first())
        .ok_or_else(|| step_error(internal("deploy a chaincode", "a channel without peers")))
}

pub(super) async fn install_packages<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let (mut packages, mut peers) = (BTreeMap::new(), Vec::new());
    for member in members(services, &link, spec, sequence).await? {
        let secret = package_secret(services, &place(spec, sequence, &member.msp_id)).await?;
        let bytes = STANDARD
            .decode(&secret.package_base64)
            .map_err(|error| step_error(internal("read a package", error)))?;
        packages.insert(member.msp_id, bytes);
        let chosen = ctx.params().chosen_peers();
        peers.extend(member.peers.into_iter().filter(|peer| chosen.is_none_or(|c| c.contains(&peer.name))));
    }
    let (ctx_ref, link_ref, packages_ref) = (&ctx, &link, &packages);
    for_each_node(&ctx, peers, |peer| async move {
        let package = packages_ref.get(&peer.msp_id).map(Vec::as_slice).unwrap_or_default();
        let network = &ctx_ref.env().network;
        network.install(link_ref, &peer, package).await.map_err(|error| node_error(&peer, &error))?;
        ctx_ref.note(format!("installed on {}", peer.name)).await;
        Ok(())
    })
    .await
}

/// Fabric cannot uninstall: an undo says what stays.
pub(super) async fn list_installed<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let Some(packages) = ctx.try_output::<PackagesMade>()? else { return Ok(()) };
    for (msp_id, id) in packages.ids {
        ctx.note(format!("left behind: package {id} on peers of {msp_id} (Fabric cannot uninstall)")).await;
    }
    Ok(())
}

pub(super) async fn approve_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let packages = ctx.output::<PackagesMade>()?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let wanted = definition(spec, sequence);
    let chosen = ctx.params().chosen_organization();
    let representatives: Vec<PlannedNode> = members(services, &link, spec, sequence)
        .await?
        .into_iter()
        .filter(|member| chosen.is_none_or(|name| *name == member.organization))
        .filter_map(|member| member.peers.into_iter().next())
        .collect();
    let (ctx_ref, link_ref, wanted_ref, packages_ref) = (&ctx, &link, &wanted, &packages);
    for_each_node(&ctx, representatives, |peer| async move {
        let id = packages_ref.ids.get(&peer.msp_id).map(String::as_str).unwrap_or_default();
        let channel = ctx_ref.params().deploy_spec().channel.as_str();
        let network = &ctx_ref.env().network;
        network
            .approve(link_ref, &peer, channel, wanted_ref, id)
            .await
            .map_err(|error| node_error(&peer, &error))?;
        ctx_ref.note(format!("approved by {}", peer.msp_id)).await;
        Ok(())
    })
    .await
}

pub(super) async fn commit_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let wanted = definition(spec, sequence);
    let members = members(services, &link, spec, sequence).await?;
    let peer = first_peer(&members)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    let msp_ids: Vec<String> = members.iter().map(|member| member.msp_id.clone()).collect();
    let in_force = services
        .network
        .committed(&link, peer, channel, name)
        .await
        .map_err(|error| node_error(peer, &error))?;
    // After an earlier try that got through, peers refuse the question who has approved: the sequence is used up.
    if in_force.is_none_or(|definition| definition.sequence < sequence) {
        // An approval is a transaction: other organizations' peers see it a moment later than the one that sent it.
        until(&ctx, "approvals", || async {
            let approvals = services.network.readiness(&link, peer, channel, &wanted).await?;
            Ok(msp_ids.iter().all(|msp_id| approvals.get(msp_id).copied().unwrap_or(false)).then_some(()))
        })
        .await?;
    }
    // Right after the chain was made the peers of one organization may not have found those of the others yet.
    until(&ctx, peer.name.as_str(), || async {
        services.network.commit(&link, peer, channel, &wanted, &msp_ids).await.map(Some)
    })
    .await
}

/// A definition that was committed cannot be taken back: it is said so, and it stays served, for the one before it is
/// out of force.
pub(super) async fn keep_committed<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    let mut unanswered = None;
    let members = members(ctx.env(), &link, spec, resolved.sequence).await?;
    for peer in members.iter().flat_map(|member| &member.peers) {
        match ctx.env().network.committed(&link, peer, channel, name).await {
            Err(error) => unanswered = Some(node_error(peer, &error)),
            Ok(Some(found)) if found.sequence == resolved.sequence => {
                let (version, sequence) = (&spec.version, resolved.sequence);
                ctx.note(format!(
                    "left behind: definition {name} {version}, sequence {sequence}, with what serves it (Fabric cannot take it back)"
                ))
                .await;
                return record_definition(&ctx, &link, resolved).await;
            }
            Ok(_) => return Ok(()),
        }
    }
    unanswered.map_or(Ok(()), Err)
}

pub(super) async fn await_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let resolved = ctx.output::<ImageResolved>()?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    let members = members(services, &link, spec, resolved.sequence).await?;
    for peer in members.iter().flat_map(|member| &member.peers) {
        until(&ctx, peer.name.as_str(), || async {
            let committed = services.network.committed(&link, peer, channel, name).await?;
            Ok(committed.filter(|found| found.sequence >= resolved.sequence).map(|_| ()))
        })
        .await?;
    }
    record_definition(&ctx, &link, resolved).await
}

/// Keeps what is in force now, and removes what served the sequences before.
async fn record_definition<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    resolved: ImageResolved,
) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = resolved.sequence;
    let record = ChaincodeRecord {
        channel: spec.channel.clone(),
        name: spec.name.clone(),
        version: spec.version.clone(),
        sequence,
        image: spec.image.clone(),
        image_id: resolved.image_id,
        policy: spec.policy.clone(),
        init_required: spec.init_required,
        deployed_ms: ctx.now_ms(),
        package_ids: ctx.output::<PackagesMade>()?.ids,
    };
    services.store.chaincode_put(&spec.chain, &record).await.map_err(store_error)?;
    retire_servers(link, spec, sequence).await?;
    retire_packages(services, link, spec, sequence).await?;
    drafts::remove(services, spec).await?;
    services.changed("chain", &spec.chain);
    Ok(())
}

/// Whether a sequence, or a later one, is recorded as in force: then what serves it is no longer this deployment's to
/// remove.
async fn in_force(services: &Services, spec: &DeploySpec, sequence: i64) -> Result<bool, StepError> {
    let records = services.store.chaincode_list(&spec.chain).await.map_err(store_error)?;
    let same = |record: &&ChaincodeRecord| record.channel == spec.channel && record.name == spec.name;
    Ok(records.iter().find(same).is_some_and(|record| record.sequence >= sequence))
}

#[cfg(test)]
mod tests {
    use domain::name::{ChainName, ChaincodeName, ChannelName};

    use super::*;

    fn spec() -> DeploySpec {
        DeploySpec {
            chain: ChainName::parse("demo").unwrap(),
            channel: ChannelName::parse("mychannel").unwrap(),
            name: ChaincodeName::parse("example02").unwrap(),
            version: "1".to_owned(),
            image: "heddle.local/chaincode-example02:1".to_owned(),
            policy: None,
            init_required: false,
            label: None,
        }
    }

    #[test]
    fn a_servers_name_differs_by_sequence_and_organization_and_is_a_name() {
        let organization = OrganizationName::parse("a-name-of-20-letters").unwrap();
        let first = server_name(&spec(), 1, &organization);
        assert_eq!(first, server_name(&spec(), 1, &organization));
        assert_ne!(first, server_name(&spec(), 2, &organization));
        assert!(domain::name::NodeName::parse(&first).is_ok(), "{first}");
    }
}

//! `chaincode-deploy`: package, install, approve and commit a chaincode that runs as a service, one container per
//! organization. An upgrade is the same with the next sequence.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::chaincode::DeploySpec;
use domain::name::{NodeName, OrganizationName};
use domain::{Code, Error};
use fabric::error::FabricError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::ChaincodeRecord;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};

use super::chain_create::node_error;
use super::host_prepare::pull;
use super::{for_each_node, left_behind, link, side_by_side, step_error, store_error, until_at, with_logs};
use crate::error::internal;
use crate::network::{ChainLink, CommittedDefinition, DefinitionSpec};
use crate::services::Services;
use crate::topology::PlannedNode;

mod admit;
mod agree;
mod answer;
pub(crate) mod drafts;
mod members;
mod package;
mod server;
mod settle;

pub use admit::Starter;
use admit::admit;
pub(super) use agree::{approve_definition, commit_definition, keep_committed, list_approved};
use answer::await_answers;
pub(crate) use members::check_joined;
use members::{Member, members, possible_members};
pub(super) use package::{discard_packages, make_packages};
use package::{package_secret, retire_packages};
pub(crate) use server::{INSTALL_AGAIN, kept_server, servers_of};
use server::{remove_chaincode, retire_servers, start_chaincode};
use settle::{await_chaincode, start_and_await};

/// Parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChaincodeDeploy {
    pub spec: DeploySpec,
    #[serde(default)]
    pub starter: Option<Starter>,
}

impl Operation for ChaincodeDeploy {
    type Env = Services;

    fn plan() -> Plan<Self> {
        deploy_steps(Plan::named("chaincode-deploy", 2))
    }
}

impl ChaincodeDeploy {
    /// The plan of version 1: what was begun under it is resumed and undone.
    pub fn former_plan() -> Plan<Self> {
        former_deploy_steps(Plan::named("chaincode-deploy", 1))
    }
}

/// An operation that deploys a chaincode, perhaps among other things.
pub trait DeploysChaincode: Operation<Env = Services> {
    /// What is deployed.
    fn deploy_spec(&self) -> &DeploySpec;

    /// Who chose the image; none: nobody whose choice would approve it.
    fn starter(&self) -> Option<&Starter> {
        None
    }

    /// Peers that get the package; none: all that serve the channel.
    fn chosen_peers(&self) -> Option<&[NodeName]> {
        let chosen = self.deploy_spec().peers.as_slice();
        (!chosen.is_empty()).then_some(chosen)
    }

    /// Whether the very definition that is in force already can be what is meant, instead of another one after it.
    fn may_be_in_force(&self) -> bool {
        false
    }

    /// Organization that approves; none: all of the channel.
    fn chosen_organization(&self) -> Option<&OrganizationName> {
        None
    }

    /// Whether it starts the containers that serve the definition.
    fn starts_servers(&self) -> bool {
        true
    }

    /// Whether the containers are looked at again, before a commit.
    fn looks_again(&self) -> bool {
        true
    }

    /// Whether it approves for every organization itself, so that no commit goes ahead of an approval.
    fn approves_for_all(&self) -> bool {
        true
    }
}

impl DeploysChaincode for ChaincodeDeploy {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.spec
    }

    fn starter(&self) -> Option<&Starter> {
        self.starter.as_ref()
    }
}

/// Adds the steps that deploy a chaincode.
pub fn deploy_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    define_steps(install_steps(package_steps(plan)))
}

/// Adds the steps after which packages are installed and the containers that serve them answer.
pub(super) fn install_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    plan.step("start-chaincode", start_chaincode, remove_chaincode)
        .timeout_ms(300_000)
        .step("install-packages", install_packages, list_installed)
        .timeout_ms(600_000)
        .step("await-chaincode", await_chaincode, keep)
        .timeout_ms(300_000)
}

/// The same as they were when the containers were waited for before the packages were installed.
pub(super) fn former_deploy_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    define_steps(former_install_steps(package_steps(plan)))
}

/// The same of the steps that install.
pub(super) fn former_install_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    plan.step("start-chaincode", start_and_await, remove_chaincode)
        .timeout_ms(300_000)
        .step("install-packages", install_packages, list_installed)
        .timeout_ms(600_000)
}

fn package_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    plan.step("resolve-image", resolve_image, keep).timeout_ms(1_800_000).step(
        "make-packages",
        make_packages,
        discard_packages,
    )
}

fn define_steps<P: DeploysChaincode>(plan: Plan<P>) -> Plan<P> {
    plan.step("approve-definition", approve_definition, list_approved)
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
    /// By what its registry gives it again; none for one that was built or loaded on the host.
    #[serde(default)]
    pub image_digest: Option<String>,
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
    let before = ctx.env().store.chaincode_list(&spec.chain).await.map_err(store_error)?;
    let before = before.into_iter().find(|one| one.channel == spec.channel && one.name == spec.name);
    let members = members(ctx.env(), &link, spec, 0).await?;
    let committed = committed(&ctx, &link, first_peer(&members)?).await?;
    if let (Some(before), Some(found)) = (&before, &committed)
        && ctx.params().may_be_in_force()
        && is_of(before, spec)
        && before.sequence == found.sequence
    {
        // What serves it stays as it is, even if the image's name stands for another content by now.
        let (sequence, image_id) = (before.sequence, before.image_id.clone());
        ctx.note(format!("sequence {sequence} is in force, with image {image_id}")).await;
        return Ok(ImageResolved { image_id, image_digest: before.image_digest.clone(), sequence });
    }
    let facts = pull(&ctx, &link.plan.host, link.agent.as_ref(), &spec.image).await?;
    admit(&ctx, &link.plan.host, &facts).await?;
    if let Some(before) = before {
        let same = if before.image_id == facts.id { "the same image" } else { "another image" };
        ctx.note(format!("{same} as in sequence {}: {}", before.sequence, before.image_id)).await;
    }
    let image_digest = facts.registry_digest().map(str::to_owned);
    let sequence = committed.map_or(1, |found| found.sequence + 1);
    Ok(ImageResolved { image_id: facts.id, image_digest, sequence })
}

/// Whether a definition is the one that is asked for.
fn is_of(record: &ChaincodeRecord, spec: &DeploySpec) -> bool {
    record.version == spec.version
        && record.image == spec.image
        && record.policy == spec.policy
        && record.init_required == spec.init_required
}

/// The definition that is in force on the channel, as a peer knows it.
async fn committed<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    peer: &PlannedNode,
) -> Result<Option<CommittedDefinition>, StepError> {
    let spec = ctx.params().deploy_spec();
    match ctx.env().network.committed(link, peer, spec.channel.as_str(), spec.name.as_str()).await {
        Ok(found) => Ok(found),
        Err(error) => Err(failed_at(link, peer, &error).await),
    }
}

/// A peer's error, with what it printed last.
async fn failed_at(link: &ChainLink, peer: &PlannedNode, error: &FabricError) -> StepError {
    with_logs(link, peer, node_error(peer, error)).await
}

fn first_peer(members: &[Member]) -> Result<&PlannedNode, StepError> {
    members
        .iter()
        .find_map(|member| member.peers.first())
        .ok_or_else(|| step_error(internal("deploy a chaincode", "a channel without peers")))
}

async fn install_packages<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let (mut packages, mut peers) = (BTreeMap::new(), Vec::new());
    let chosen = ctx.params().chosen_peers();
    let named = chosen.unwrap_or_default().iter().filter_map(|name| link.plan.node(name));
    let named: Vec<&PlannedNode> = named.collect();
    check_joined(services.network.as_ref(), &link, &spec.channel, &named).await.map_err(step_error)?;
    for member in members(services, &link, spec, sequence).await? {
        let secret = package_secret(services, &place(spec, sequence, &member.msp_id)).await?;
        let bytes = STANDARD
            .decode(&secret.package_base64)
            .map_err(|error| step_error(internal("read a package", error)))?;
        packages.insert(member.msp_id, bytes);
        peers.extend(member.peers.into_iter().filter(|peer| chosen.is_none_or(|c| c.contains(&peer.name))));
    }
    let (ctx_ref, link_ref, packages_ref) = (&ctx, &link, &packages);
    for_each_node(&ctx, peers, |peer| async move {
        let package = packages_ref.get(&peer.msp_id).map(Vec::as_slice).unwrap_or_default();
        let network = &ctx_ref.env().network;
        if let Err(error) = network.install(link_ref, &peer, package).await {
            return Err(failed_at(link_ref, &peer, &error).await);
        }
        ctx_ref.note(format!("installed on {}", peer.name)).await;
        Ok(())
    })
    .await
}

/// Fabric cannot uninstall: an undo says what stays.
async fn list_installed<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let Some(packages) = ctx.try_output::<PackagesMade>()? else { return Ok(()) };
    for (msp_id, id) in packages.ids {
        let kept = Error::conflict(Code::PackageKept).with("package", &id).with("organization", &msp_id);
        let text = format!("left behind: package {id} on peers of {msp_id} (Fabric cannot uninstall)");
        left_behind(&ctx, kept, text).await;
    }
    Ok(())
}

/// The definition is recorded as soon as every peer has it, for nothing takes it back; then its chaincode is asked.
pub(super) async fn await_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let resolved = ctx.output::<ImageResolved>()?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let members = members(services, &link, spec, resolved.sequence).await?;
    let peers = members.iter().flat_map(|member| &member.peers);
    let waits = peers.map(|peer| await_committed(&ctx, &link, peer, resolved.sequence)).collect();
    side_by_side(waits).await.into_iter().collect::<Result<(), StepError>>()?;
    record_definition(&ctx, &link, resolved).await?;
    await_answers(&ctx, &link, &members, &ctx.output::<PackagesMade>()?.ids).await
}

/// Waits until a peer knows that a sequence, or a later one, is in force.
async fn await_committed<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    peer: &PlannedNode,
    sequence: i64,
) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    until_at(ctx, link, peer, || async {
        let committed = ctx.env().network.committed(link, peer, channel, name).await?;
        Ok(committed.filter(|found| found.sequence >= sequence).map(|_| ()))
    })
    .await
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
        image_digest: resolved.image_digest,
        policy: spec.policy.clone(),
        init_required: spec.init_required,
        deployed_ms: ctx.now_ms(),
        package_ids: ctx.output::<PackagesMade>()?.ids,
        is_served: true,
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
pub(super) async fn in_force(
    services: &Services,
    spec: &DeploySpec,
    sequence: i64,
) -> Result<bool, StepError> {
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
            peers: Vec::new(),
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

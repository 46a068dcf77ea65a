//! `chaincode-deploy`: package, install, approve and commit a chaincode that runs as a service, one container per
//! organization. An upgrade is the same with the next sequence.

use std::collections::BTreeMap;

use agents::{Limits, NodeFile, NodeNetwork, NodeRef, NodeSpec, PortSpec, Publish};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::chaincode::DeploySpec;
use domain::name::OrganizationName;
use domain::node::NodeKind;
use domain::Error;
use fabric::material::{Authority, Leaf, LeafKind, Validity};
use fabric::package::{self, Connection};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::ChaincodeRecord;
use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};
use zeroize::Zeroizing;

use super::chain_create::{CONFIG_PATH, node_error};
use super::host_prepare::pull;
use super::{agent_error, for_each_node, link, step_error, store_error, until};
use crate::error::internal;
use crate::host::images::no_volumes;
use crate::material::plain_file;
use crate::network::{ChainLink, DefinitionSpec};
use crate::services::Services;
use crate::topology::{CHAINCODE_PORT, PlannedNode};

/// The user that chaincode runs as, whatever its image says: never root.
const CHAINCODE_USER: &str = "65532:65532";
/// Processes and threads a chaincode may have.
const PIDS_MAX: u32 = 256;
/// Validity of a package's throw-away certificates.
const VALIDITY_DAYS: u32 = 3_650;

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
        .step("commit-definition", commit_definition, keep)
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

/// An organization's package and the TLS files of its chaincode server, as they are sealed.
#[derive(Serialize, Deserialize)]
struct PackageSecret {
    package_base64: String,
    package_id: String,
    server_cert_pem: String,
    server_key_pem: String,
    authority_pem: String,
}

/// One organization's part in a deployment.
struct Member {
    msp_id: String,
    peers: Vec<PlannedNode>,
    /// Name of its chaincode container, by which its peers reach it.
    server: String,
}

fn members(link: &ChainLink, spec: &DeploySpec, sequence: i64) -> Vec<Member> {
    let members = link.plan.members().map(|(name, organization)| Member {
        msp_id: organization.msp_id.clone(),
        peers: link.plan.peers_of(name).cloned().collect(),
        server: server_name(spec, sequence, name),
    });
    members.collect()
}

/// `cc-1f2e3d4c-org1`: short enough for every name, and the same on every try.
pub(crate) fn server_name(spec: &DeploySpec, sequence: i64, organization: &OrganizationName) -> String {
    let digest = Sha256::digest(format!("{}/{}/{sequence}", spec.channel, spec.name));
    format!("cc-{}-{organization}", &hex::encode(digest)[..8])
}

fn place(spec: &DeploySpec, sequence: i64, msp_id: &str) -> String {
    format!("chain/{}/{msp_id}/chaincode/{}/{}/{sequence}", spec.chain, spec.channel, spec.name)
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

async fn resolve_image<P: DeploysChaincode>(ctx: Context<P>) -> Result<ImageResolved, StepError> {
    let spec = ctx.params().deploy_spec();
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let facts = pull(&ctx, &link.plan.host, link.agent.as_ref(), &spec.image).await?;
    no_volumes(&facts).map_err(step_error)?;
    let peer = first_peer(&link)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    let committed = ctx
        .env()
        .network
        .committed(&link, peer, channel, name)
        .await
        .map_err(|error| node_error(peer, &error))?;
    let sequence = committed.map_or(1, |definition| definition.sequence + 1);
    Ok(ImageResolved { image_id: facts.id, sequence })
}

fn first_peer(link: &ChainLink) -> Result<&PlannedNode, StepError> {
    link.plan
        .of_kind(NodeKind::Peer)
        .next()
        .ok_or_else(|| step_error(internal("deploy a chaincode", "a chain without peers")))
}

async fn make_packages<P: DeploysChaincode>(ctx: Context<P>) -> Result<PackagesMade, StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let mut ids = BTreeMap::new();
    for member in members(&link, spec, sequence) {
        let place = place(spec, sequence, &member.msp_id);
        let secret = match services.secret::<PackageSecret>(&place).await.map_err(step_error)? {
            Some(secret) => secret,
            None => {
                let made = make_package(spec, &member, ctx.now_ms()).map_err(step_error)?;
                let sealed = services.seal(&place, &made).map_err(step_error)?;
                services.store.secret_put(&sealed).await.map_err(store_error)?;
                made
            }
        };
        ctx.note(format!("{}: {}", member.msp_id, secret.package_id)).await;
        ids.insert(member.msp_id, secret.package_id);
    }
    Ok(PackagesMade { ids })
}

/// A package with a connection that only this organization's peers can use: the key in it is made for nothing else.
fn make_package(spec: &DeploySpec, member: &Member, now_ms: i64) -> Result<PackageSecret, Error> {
    let fail = |error: fabric::material::MaterialError| internal("make a package", error);
    let validity = Validity::from_unix(now_ms / 1_000, VALIDITY_DAYS);
    let authority =
        Authority::generate(&format!("ca.{}", member.server), &member.msp_id, &validity).map_err(fail)?;
    let leaf = |common_name: &str, dns_names: Vec<String>| Leaf {
        common_name: common_name.to_owned(),
        kind: LeafKind::Tls,
        dns_names,
        ip_addresses: Vec::new(),
        validity,
    };
    let server = authority.issue(&leaf(&member.server, vec![member.server.clone()])).map_err(fail)?;
    let client = authority.issue(&leaf("peer", Vec::new())).map_err(fail)?;
    let label = format!("{}_{}", spec.name, spec.version);
    let connection = Connection {
        address: format!("{}:{CHAINCODE_PORT}", member.server),
        dial_timeout: "10s".to_owned(),
        tls_required: true,
        client_auth_required: true,
        client_key: client.key_pem.to_string(),
        client_cert: client.cert_pem.clone(),
        root_cert: authority.cert_pem().to_owned(),
    };
    let bytes = package::ccaas(&label, &connection).map_err(|error| internal("make a package", error))?;
    Ok(PackageSecret {
        package_id: package::id(&label, &bytes),
        package_base64: STANDARD.encode(&bytes),
        server_cert_pem: server.cert_pem.clone(),
        server_key_pem: server.key_pem.to_string(),
        authority_pem: authority.cert_pem().to_owned(),
    })
}

async fn package_secret(services: &Services, place: &str) -> Result<PackageSecret, StepError> {
    let secret = services.secret::<PackageSecret>(place).await.map_err(step_error)?;
    secret.ok_or_else(|| step_error(internal("read a package", place)))
}

async fn discard_packages<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    for member in members(&link, spec, resolved.sequence) {
        let place = place(spec, resolved.sequence, &member.msp_id);
        services.store.secret_delete(&place).await.map_err(store_error)?;
    }
    Ok(())
}

async fn start_chaincode<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let resolved = ctx.output::<ImageResolved>()?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    for member in members(&link, spec, resolved.sequence) {
        let secret = package_secret(services, &place(spec, resolved.sequence, &member.msp_id)).await?;
        let node = server_spec(&link, &member, &secret, &resolved.image_id, ctx.operation_id());
        link.agent.ensure_node(&node).await.map_err(agent_error)?;
        ctx.note(format!("{} is up", member.server)).await;
    }
    Ok(())
}

/// The container of an organization's chaincode server.
fn server_spec(
    link: &ChainLink,
    member: &Member,
    secret: &PackageSecret,
    image: &str,
    operation: &str,
) -> NodeSpec {
    let path = |name: &str| format!("{CONFIG_PATH}/tls/{name}");
    let environment = BTreeMap::from([
        ("CHAINCODE_ID".to_owned(), secret.package_id.clone()),
        ("CORE_CHAINCODE_ID_NAME".to_owned(), secret.package_id.clone()),
        ("CHAINCODE_SERVER_ADDRESS".to_owned(), format!("0.0.0.0:{CHAINCODE_PORT}")),
        ("CHAINCODE_TLS_DISABLED".to_owned(), "false".to_owned()),
        ("CHAINCODE_TLS_KEY".to_owned(), path("server.key")),
        ("CHAINCODE_TLS_CERT".to_owned(), path("server.crt")),
        ("CHAINCODE_CLIENT_CA_CERT".to_owned(), path("ca.crt")),
    ]);
    let key = NodeFile {
        path: "tls/server.key".to_owned(),
        content: Zeroizing::new(secret.server_key_pem.as_bytes().to_vec()),
        mode: 0o600,
        secret: true,
    };
    NodeSpec {
        installation: link.installation.clone(),
        chain: link.plan.chain.to_string(),
        node: member.server.clone(),
        kind: NodeKind::Chaincode.as_str().to_owned(),
        image: image.to_owned(),
        entrypoint: Vec::new(),
        command: Vec::new(),
        environment,
        files: vec![
            plain_file("tls/server.crt", secret.server_cert_pem.as_bytes()),
            plain_file("tls/ca.crt", secret.authority_pem.as_bytes()),
            key,
        ],
        data_path: None,
        config_path: CONFIG_PATH.to_owned(),
        working_dir: None,
        ports: vec![PortSpec { container: CHAINCODE_PORT, publish: Publish::Internal }],
        aliases: vec![member.server.clone()],
        network: NodeNetwork::ChaincodeOnly,
        limits: Limits {
            memory_mib: link.plan.resources.memory_mib,
            cpu_milli: link.plan.resources.cpu_milli,
            pids: PIDS_MAX,
        },
        operation: operation.to_owned(),
        user: Some(CHAINCODE_USER.to_owned()),
        read_only_root: true,
        refuse_image_volumes: true,
        allow_new_data: true,
    }
}

/// Removes the containers of this sequence, unless the definition was committed: then they serve it.
async fn remove_chaincode<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    for member in members(&link, spec, resolved.sequence) {
        let node = NodeRef::new(&link.installation, link.plan.chain.as_str(), &member.server);
        match link.agent.remove_node(&node, false).await {
            Ok(_) | Err(agents::AgentError::NotFound(_)) => {}
            Err(error) => return Err(agent_error(error)),
        }
    }
    Ok(())
}

async fn install_packages<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let mut packages = BTreeMap::new();
    for member in members(&link, spec, sequence) {
        let secret = package_secret(services, &place(spec, sequence, &member.msp_id)).await?;
        let bytes = STANDARD
            .decode(&secret.package_base64)
            .map_err(|error| step_error(internal("read a package", error)))?;
        packages.insert(member.msp_id, bytes);
    }
    let peers: Vec<PlannedNode> = link.plan.of_kind(NodeKind::Peer).cloned().collect();
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
async fn list_installed<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let Some(packages) = ctx.try_output::<PackagesMade>()? else { return Ok(()) };
    for (msp_id, id) in packages.ids {
        ctx.note(format!("left behind: package {id} on peers of {msp_id} (Fabric cannot uninstall)")).await;
    }
    Ok(())
}

async fn approve_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let packages = ctx.output::<PackagesMade>()?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let wanted = definition(spec, sequence);
    let representatives: Vec<PlannedNode> = members(&link, spec, sequence)
        .into_iter()
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

async fn commit_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let sequence = ctx.output::<ImageResolved>()?.sequence;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let wanted = definition(spec, sequence);
    let peer = first_peer(&link)?;
    let channel = spec.channel.as_str();
    let msp_ids: Vec<String> =
        link.plan.members().map(|(_, organization)| organization.msp_id.clone()).collect();
    // An approval is a transaction: other organizations' peers see it a moment later than the one that sent it.
    until(&ctx, "approvals", || async {
        let approvals = services.network.readiness(&link, peer, channel, &wanted).await?;
        Ok(msp_ids.iter().all(|msp_id| approvals.get(msp_id).copied().unwrap_or(false)).then_some(()))
    })
    .await?;
    services
        .network
        .commit(&link, peer, channel, &wanted, &msp_ids)
        .await
        .map_err(|error| node_error(peer, &error))
}

async fn await_definition<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    let resolved = ctx.output::<ImageResolved>()?;
    let link = link(services, &spec.chain).await.map_err(step_error)?;
    let (channel, name) = (spec.channel.as_str(), spec.name.as_str());
    for peer in link.plan.of_kind(NodeKind::Peer) {
        until(&ctx, peer.name.as_str(), || async {
            let committed = services.network.committed(&link, peer, channel, name).await?;
            Ok(committed.filter(|found| found.sequence >= resolved.sequence).map(|_| ()))
        })
        .await?;
    }
    let record = ChaincodeRecord {
        channel: spec.channel.clone(),
        name: spec.name.clone(),
        version: spec.version.clone(),
        sequence: resolved.sequence,
        image: spec.image.clone(),
        image_id: resolved.image_id,
        policy: spec.policy.clone(),
        init_required: spec.init_required,
        deployed_ms: ctx.now_ms(),
        package_ids: ctx.output::<PackagesMade>()?.ids,
    };
    services.store.chaincode_put(&spec.chain, &record).await.map_err(store_error)?;
    retire(&link, spec, resolved.sequence).await?;
    services.changed("chain", &spec.chain);
    Ok(())
}

/// Removes the containers of the sequence before: no definition names their packages any more.
async fn retire(link: &ChainLink, spec: &DeploySpec, sequence: i64) -> Result<(), StepError> {
    if sequence < 2 {
        return Ok(());
    }
    for member in members(link, spec, sequence - 1) {
        let node = NodeRef::new(&link.installation, link.plan.chain.as_str(), &member.server);
        match link.agent.remove_node(&node, false).await {
            Ok(_) | Err(agents::AgentError::NotFound(_)) => {}
            Err(error) => return Err(agent_error(error)),
        }
    }
    Ok(())
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

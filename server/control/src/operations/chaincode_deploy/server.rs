//! The containers that serve a chaincode: one per organization and sequence, cut off from everything but their peers.

use std::collections::{BTreeMap, BTreeSet};

use agents::{AgentError, Limits, NodeFile, NodeNetwork, NodeRef, NodeSpec, PortSpec, Publish};
use domain::Error;
use domain::chaincode::DeploySpec;
use domain::node::NodeKind;
use store::ChaincodeRecord;
use workflow::{Context, StepError};
use zeroize::Zeroizing;

use super::package::{PackageSecret, package_secret};
use super::settle::{ServersStarted, Started};
use super::{
    DeploysChaincode, ImageResolved, Member, drafts, in_force, members, place, possible_members, server_name,
};
use crate::error::internal;
use crate::material::plain_file;
use crate::network::ChainLink;
use crate::operations::chain_create::CONFIG_PATH;
use crate::operations::host_prepare::kept_image;
use crate::operations::{
    agent_error, chaincode_nodes, given_up, link, side_by_side, step_error, with_lines_of,
};
use crate::services::Services;
use crate::topology::{CHAINCODE_PORT, ChainPlan};

/// The user that chaincode runs as, whatever its image says: never root.
const CHAINCODE_USER: &str = "65532:65532";
/// How what serves a definition on its way comes back: no reconciler looks after it.
pub(crate) const INSTALL_AGAIN: &str = "it comes back when its chaincode is installed again";
/// Processes and threads a chaincode may have.
const PIDS_MAX: u32 = 256;

/// Makes the containers run. Whether they stay up is looked at after the packages are installed, for that takes its time
/// as well.
pub(super) async fn start_chaincode<P: DeploysChaincode>(
    ctx: Context<P>,
) -> Result<ServersStarted, StepError> {
    let link = link(ctx.env(), &ctx.params().deploy_spec().chain).await.map_err(step_error)?;
    start_servers(&ctx, &link).await
}

/// Makes the container of every organization run, side by side.
pub(super) async fn start_servers<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<ServersStarted, StepError> {
    let resolved = ctx.output::<ImageResolved>()?;
    let (services, spec) = (ctx.env(), ctx.params().deploy_spec());
    // An earlier step has pulled it: that may be long ago.
    let image = kept_image(services, link, &resolved.image_id, resolved.image_digest.as_deref()).await;
    let image = image.map_err(step_error)?;
    let members = members(services, link, spec, resolved.sequence).await?;
    let starts =
        members.iter().map(|member| start_server(ctx, link, member, &image, resolved.sequence)).collect();
    let servers: Result<Vec<Started>, StepError> = side_by_side(starts).await.into_iter().collect();
    Ok(ServersStarted { servers: servers? })
}

async fn start_server<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    member: &Member,
    image: &str,
    sequence: i64,
) -> Result<Started, StepError> {
    let place = place(ctx.params().deploy_spec(), sequence, &member.msp_id);
    let secret = package_secret(ctx.env(), &place).await?;
    let node = server_spec(link, &member.server, &secret, image, ctx.operation_id());
    match link.agent.ensure_node(&node).await {
        Ok(status) => Ok(Started::new(&status, ctx.now_ms())),
        Err(error) => Err(with_lines_of(link, &member.place(link), agent_error(error)).await),
    }
}

/// MSP IDs and containers of the organizations that serve a definition.
pub(crate) fn servers_of(plan: &ChainPlan, record: &ChaincodeRecord) -> Vec<(String, String)> {
    let spec = recorded_spec(plan, record);
    let members = plan.members().filter(|(_, member)| record.package_ids.contains_key(&member.msp_id));
    let name = |organization| server_name(&spec, record.sequence, organization);
    members.map(|(organization, member)| (member.msp_id.clone(), name(organization))).collect()
}

/// The container of a definition as it was deployed, from what is kept of it. An image that its host has lost is pulled
/// again, where a registry has it.
pub(crate) async fn kept_server(
    services: &Services,
    link: &ChainLink,
    record: &ChaincodeRecord,
    msp_id: &str,
    server: &str,
    operation: &str,
) -> Result<NodeSpec, Error> {
    let place = place(&recorded_spec(&link.plan, record), record.sequence, msp_id);
    let secret = services.secret::<PackageSecret>(&place).await?;
    let secret = secret.ok_or_else(|| internal("read a package", &place))?;
    let image = kept_image(services, link, &record.image_id, record.image_digest.as_deref()).await?;
    Ok(server_spec(link, server, &secret, &image, operation))
}

/// What was asked for when a definition was deployed.
fn recorded_spec(plan: &ChainPlan, record: &ChaincodeRecord) -> DeploySpec {
    DeploySpec {
        chain: plan.chain.clone(),
        channel: record.channel.clone(),
        name: record.name.clone(),
        version: record.version.clone(),
        image: record.image.clone(),
        policy: record.policy.clone(),
        init_required: record.init_required,
        label: None,
        peers: Vec::new(),
    }
}

/// The container of an organization's chaincode server.
fn server_spec(
    link: &ChainLink,
    server: &str,
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
        node: server.to_owned(),
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
        health_port: None,
        aliases: vec![server.to_owned()],
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

/// Removes the containers of this sequence, unless the definition was committed: then they serve it. Those that an
/// operation before began stay as it made them.
pub(super) async fn remove_chaincode<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let spec = ctx.params().deploy_spec();
    let Some(resolved) = ctx.try_output::<ImageResolved>()? else { return Ok(()) };
    if in_force(ctx.env(), spec, resolved.sequence).await? {
        return Ok(());
    }
    let link = link(ctx.env(), &spec.chain).await.map_err(step_error)?;
    let draft = drafts::of_sequence(ctx.env(), spec, resolved.sequence).await?;
    if let Some(draft) = draft.filter(|draft| draft.is_served) {
        return if draft.image_id == resolved.image_id {
            Ok(())
        } else {
            put_back(&ctx, &link, &draft).await
        };
    }
    for member in possible_members(&link, spec, resolved.sequence) {
        remove(&link, &member.place(&link)).await?;
    }
    Ok(())
}

/// Gives a draft its containers back, on the image that it began with.
async fn put_back<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    draft: &ChaincodeRecord,
) -> Result<(), StepError> {
    for (msp_id, server) in servers_of(&link.plan, draft) {
        let made = match kept_server(ctx.env(), link, draft, &msp_id, &server, ctx.operation_id()).await {
            Ok(node) => link.agent.ensure_node(&node).await.map(drop).map_err(agent_error),
            Err(error) => Err(step_error(error)),
        };
        let Err(error) = made else { continue };
        // Nothing brings it back; what runs on the other image must not stand for it.
        let why = given_up(error)?;
        remove(link, &link.place(&server)).await?;
        ctx.note(format!("{server} cannot be brought back: {why}; {INSTALL_AGAIN}")).await;
    }
    Ok(())
}

/// Removes the containers of the sequences before: no definition names their packages any more. All of them, for a
/// deployment that was undone after its commit leaves two behind.
pub(super) async fn retire_servers(
    link: &ChainLink,
    spec: &DeploySpec,
    sequence: i64,
) -> Result<(), StepError> {
    let earlier: BTreeSet<String> = (1..sequence)
        .flat_map(|before| possible_members(link, spec, before))
        .map(|member| member.server)
        .collect();
    for node in chaincode_nodes(link).await?.into_iter().filter(|node| earlier.contains(&node.node)) {
        remove(link, &node).await?;
    }
    Ok(())
}

async fn remove(link: &ChainLink, node: &NodeRef) -> Result<(), StepError> {
    match link.agent.remove_node(node, false).await {
        Ok(_) | Err(AgentError::NotFound(_)) => Ok(()),
        Err(error) => Err(agent_error(error)),
    }
}

//! Makes nodes run, and starts and stops them.
//!
//! `ensure` may be interrupted at any point and run again: volumes and containers are found by name, files are
//! written again before every start, and a container made from another specification is replaced.

use std::time::Duration;

use bollard::body_stream;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum as State, NetworkConnectRequest};
use bollard::query_parameters::{
    CreateContainerOptions, StartContainerOptions, StopContainerOptions, UploadToContainerOptions,
};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::client::Client;
use super::failure::within;
use super::{REQUEST_MAX, body, files, images, names, remove, status};
use crate::{AgentError, MissingWhy, NodeRef, NodeSpec, NodeStatus};

/// A node that is replaced has so long to end.
const REPLACE_GRACE: Duration = Duration::from_secs(20);
/// Longest grace that anybody may ask for.
const GRACE_MAX: Duration = Duration::from_secs(300);
/// So often, and after such pauses, a container is looked for again when somebody else makes it at the same moment: the
/// engine gives a name away before it shows whose it is.
const TRIES: u32 = 50;
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Makes a node run as specified.
pub(crate) async fn ensure(client: &Client, spec: &NodeSpec) -> Result<NodeStatus, AgentError> {
    spec.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    check_image(client, spec).await?;
    let node = spec.node_ref();
    let mut tries = 0;
    let (container, is_new) = loop {
        tries += 1;
        match status::find(client, &node).await? {
            Some(found) if is_as_specified(&found, spec) => {
                check_data(client, spec).await?;
                break (found, false);
            }
            Some(found) => replace(client, spec, &found).await?,
            None => check_data(client, spec).await?,
        }
        match create(client, spec).await {
            Ok(()) => break (status::require(client, &node).await?, true),
            Err(AgentError::Conflict(_)) if tries < TRIES => tokio::time::sleep(TRY_AGAIN).await,
            Err(error) => return Err(error),
        }
    };
    if !status::is_running(&container) {
        if !is_new {
            ensure_volumes(client, spec).await?;
        }
        join_second_network(client, spec, &container).await?;
        upload_files(client, spec).await?;
        run(client, &node, &container).await?;
    }
    status::of_node(client, &node).await
}

async fn check_image(client: &Client, spec: &NodeSpec) -> Result<(), AgentError> {
    let missing = || AgentError::ImageMissing { reference: spec.image.clone(), why: MissingWhy::NotOnHost };
    let image = images::find(client, &spec.image).await?.ok_or_else(missing)?;
    if spec.refuse_image_volumes && !image.volumes.is_empty() {
        let declared = image.volumes.join(", ");
        return Err(AgentError::Refused(format!("image {} declares volumes: {declared}", spec.image)));
    }
    Ok(())
}

fn is_as_specified(container: &ContainerInspectResponse, spec: &NodeSpec) -> bool {
    let usable = !matches!(
        container.state.as_ref().and_then(|state| state.status),
        Some(State::DEAD | State::REMOVING)
    );
    usable && status::labels(container).get(names::FINGERPRINT) == Some(&spec.fingerprint())
}

/// Refuses to start a node empty that had data: an orderer that restarts empty under its old identity breaks
/// consensus. The volume of its files outlives the data and tells that there was some.
async fn check_data(client: &Client, spec: &NodeSpec) -> Result<(), AgentError> {
    if spec.data_path.is_none() || spec.allow_new_data {
        return Ok(());
    }
    let node = spec.node_ref();
    let had_data =
        status::volume(client, &node, names::CONFIG).await?.is_some_and(|volume| keeps_data(&volume.labels));
    if had_data && status::volume(client, &node, names::DATA).await?.is_none() {
        return Err(AgentError::DataLost(node.to_string()));
    }
    Ok(())
}

fn keeps_data(labels: &std::collections::HashMap<String, String>) -> bool {
    labels.get(names::KEEPS_DATA).is_some_and(|keeps| keeps == "true")
}

/// Removes a container that is not as specified, and its files; its data stays.
async fn replace(
    client: &Client,
    spec: &NodeSpec,
    found: &ContainerInspectResponse,
) -> Result<(), AgentError> {
    let node = spec.node_ref();
    check_data(client, spec).await?;
    if status::is_running(found) {
        stop(client, &node, REPLACE_GRACE).await?;
    }
    remove::container(client, &names::container(&node)).await?;
    // The data's volume is made before the files' one goes, so that "had data" is never forgotten in between.
    if spec.data_path.is_some() {
        ensure_volume(client, spec, names::DATA).await?;
    }
    remove::volume(client, &node, names::CONFIG).await?;
    Ok(())
}

async fn create(client: &Client, spec: &NodeSpec) -> Result<(), AgentError> {
    ensure_volumes(client, spec).await?;
    let name = names::container(&spec.node_ref());
    let body = body::container(spec, client.options.bind_address);
    let options = Some(CreateContainerOptions { name: Some(name.clone()), ..Default::default() });
    let docker = client.docker().await?;
    let made = within(&format!("create {name}"), REQUEST_MAX, docker.create_container(options, body)).await;
    match made {
        Ok(_) => Ok(()),
        // The image was there a moment ago, so what is missing is the network.
        Err(AgentError::NotFound(said)) => {
            Err(AgentError::NotFound(format!("{said} (is the chain's space made?)")))
        }
        Err(error) => Err(error),
    }
}

/// Makes the volumes, the data's first: the files' one tells later that there was data.
async fn ensure_volumes(client: &Client, spec: &NodeSpec) -> Result<(), AgentError> {
    if spec.data_path.is_some() {
        ensure_volume(client, spec, names::DATA).await?;
    }
    ensure_volume(client, spec, names::CONFIG).await
}

async fn ensure_volume(client: &Client, spec: &NodeSpec, purpose: &str) -> Result<(), AgentError> {
    let node = spec.node_ref();
    if status::volume(client, &node, purpose).await?.is_some() {
        return Ok(());
    }
    let docker = client.docker().await?;
    let body = body::volume(spec, purpose);
    within("create volume", REQUEST_MAX, docker.create_volume(body)).await?;
    // The engine returns an existing volume of the same name as if it were new: look whose it is.
    status::volume(client, &node, purpose).await?.map(|_| ()).ok_or_else(|| AgentError::Engine {
        status: 0,
        message: format!("volume {} is gone after it was made", names::volume(&node, purpose)),
    })
}

async fn join_second_network(
    client: &Client,
    spec: &NodeSpec,
    container: &ContainerInspectResponse,
) -> Result<(), AgentError> {
    let Some(network) = body::second_network(spec) else { return Ok(()) };
    let joined = container.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    if joined.is_some_and(|networks| networks.contains_key(&network)) {
        return Ok(());
    }
    let request = NetworkConnectRequest {
        container: names::container(&spec.node_ref()),
        endpoint_config: Some(body::endpoint(spec)),
    };
    let docker = client.docker().await?;
    let connected = docker.connect_network(&network, request);
    match within(&format!("connect to {network}"), REQUEST_MAX, connected).await {
        // Somebody was quicker.
        Err(AgentError::Refused(said) | AgentError::Conflict(said)) if said.contains("already") => Ok(()),
        other => other,
    }
}

/// Writes the files into the node's volume. Streamed, because the API client logs bodies that it holds whole.
async fn upload_files(client: &Client, spec: &NodeSpec) -> Result<(), AgentError> {
    if spec.files.is_empty() {
        return Ok(());
    }
    let archive = files::archive(spec)
        .map_err(|error| AgentError::Refused(format!("files of {} cannot be packed: {error}", spec.node)))?;
    let name = names::container(&spec.node_ref());
    let options = UploadToContainerOptions { path: spec.config_path.clone(), ..Default::default() };
    let body = body_stream(futures::stream::iter([Bytes::from_owner(Wiped(archive))]));
    let docker = client.docker().await?;
    let uploaded = docker.upload_to_container(&name, Some(options), body);
    within(&format!("files of {name}"), REQUEST_MAX, uploaded).await
}

/// Bytes that are wiped when the last reader drops them.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Starts a node that was stopped.
pub(crate) async fn start(client: &Client, node: &NodeRef) -> Result<(), AgentError> {
    let container = status::require(client, node).await?;
    if status::is_running(&container) {
        return Ok(());
    }
    if keeps_data(status::labels(&container)) && status::volume(client, node, names::DATA).await?.is_none() {
        return Err(AgentError::DataLost(node.to_string()));
    }
    run(client, node, &container).await
}

async fn run(
    client: &Client,
    node: &NodeRef,
    container: &ContainerInspectResponse,
) -> Result<(), AgentError> {
    let name = names::container(node);
    let docker = client.docker().await?;
    if container.state.as_ref().and_then(|state| state.status) == Some(State::PAUSED) {
        return within(&format!("unpause {name}"), REQUEST_MAX, docker.unpause_container(&name)).await;
    }
    let started = docker.start_container(&name, None::<StartContainerOptions>);
    within(&format!("start {name}"), REQUEST_MAX, started).await
}

/// Asks a node to end and kills it after the grace period.
pub(crate) async fn stop(client: &Client, node: &NodeRef, grace: Duration) -> Result<(), AgentError> {
    status::require(client, node).await?;
    let name = names::container(node);
    let grace = grace.min(GRACE_MAX);
    let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
    let limit = grace + REQUEST_MAX;
    let docker = client.docker().await?.with_timeout(limit);
    let options = Some(StopContainerOptions { t: Some(seconds), ..Default::default() });
    within(&format!("stop {name}"), limit, docker.stop_container(&name, options)).await
}

//! Removes nodes and whole chains, and nothing else.
//!
//! What is to go is listed by labels and proven ours once more by name and label before it goes; afterwards it is
//! listed again, because "removed" is a promise.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::Network;
use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, ListVolumesOptions, RemoveContainerOptions,
    RemoveVolumeOptions,
};
use futures::{StreamExt, TryStreamExt};

use super::client::Client;
use super::failure::within;
use super::{REQUEST_MAX, names, nodes, status};
use crate::{AgentError, NodeRef, Removed};

/// So many objects are removed side by side.
const REMOVALS_AT_ONCE: usize = 4;
/// A node whose data stays has so long to end.
const KEEP_GRACE: Duration = Duration::from_secs(20);
/// Between two looks at something that the engine is removing already.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// So often we look.
const LOOKS: u32 = 50;

/// Removes one node.
pub(crate) async fn node(client: &Client, node: &NodeRef, keep_data: bool) -> Result<Removed, AgentError> {
    let mut removed = Removed::default();
    if let Some(found) = status::find(client, node).await? {
        if keep_data && status::is_running(&found) {
            nodes::stop(client, node, KEEP_GRACE).await?;
        }
        let name = names::container(node);
        container(client, &name).await?;
        removed.nodes.push(name);
    }
    if !keep_data {
        for purpose in [names::DATA, names::CONFIG] {
            removed.volumes.extend(volume(client, node, purpose).await?);
        }
    }
    Ok(removed)
}

/// Kills and removes a container with the unnamed volumes that its image declares; gone is good.
pub(crate) async fn container(client: &Client, name: &str) -> Result<(), AgentError> {
    let what = format!("remove {name}");
    let options = RemoveContainerOptions { force: true, v: true, link: false };
    for _ in 0..LOOKS {
        let docker = client.docker().await?;
        match within(&what, REQUEST_MAX, docker.remove_container(name, Some(options.clone()))).await {
            Ok(()) | Err(AgentError::NotFound(_)) => return Ok(()),
            // The engine is removing it at this moment: gone is what we wait for.
            Err(AgentError::Conflict(_)) => tokio::time::sleep(LOOK_AGAIN).await,
            Err(error) => return Err(error),
        }
    }
    Err(AgentError::Timeout { what, after: LOOK_AGAIN * LOOKS })
}

/// Removes one of a node's volumes and tells its name; gone is good.
pub(crate) async fn volume(
    client: &Client,
    node: &NodeRef,
    purpose: &str,
) -> Result<Option<String>, AgentError> {
    if status::volume(client, node, purpose).await?.is_none() {
        return Ok(None);
    }
    let name = names::volume(node, purpose);
    named_volume(client, &name).await?;
    Ok(Some(name))
}

async fn named_volume(client: &Client, name: &str) -> Result<(), AgentError> {
    let docker = client.docker().await?;
    let options = None::<RemoveVolumeOptions>;
    match within(&format!("remove {name}"), REQUEST_MAX, docker.remove_volume(name, options)).await {
        Ok(()) | Err(AgentError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes all that belongs to a chain and verifies that nothing is left.
pub(crate) async fn space(client: &Client, installation: &str, chain: &str) -> Result<Removed, AgentError> {
    let scan = Scan { client, installation, chain };
    let containers = scan.containers().await?;
    each(&containers, |name| container(client, name)).await?;
    let volumes = scan.volumes().await?;
    each(&volumes, |name| named_volume(client, name)).await?;
    let networks = scan.networks().await?;
    each(&networks, |id| network(client, id)).await?;
    let left = [scan.containers().await?, scan.volumes().await?, scan.networks().await?].concat();
    if !left.is_empty() {
        return Err(AgentError::Engine { status: 0, message: format!("still there: {}", left.join(", ")) });
    }
    Ok(Removed { nodes: containers, volumes, networks, kept: Vec::new() })
}

/// Names of the chains of an installation of which anything is there: a container, a volume or a network.
pub(crate) async fn spaces(client: &Client, installation: &str) -> Result<BTreeSet<String>, AgentError> {
    let illegal = || AgentError::Refused("the installation is no legal name".to_owned());
    let filters = Some(names::filter(installation, None).ok_or_else(illegal)?);
    let docker = client.docker().await?;
    let options = ListContainersOptions { all: true, filters: filters.clone(), ..Default::default() };
    let containers = within("containers", REQUEST_MAX, docker.list_containers(Some(options))).await?;
    let options = Some(ListVolumesOptions { filters: filters.clone() });
    let volumes = within("volumes", REQUEST_MAX, docker.list_volumes(options)).await?;
    let options = Some(ListNetworksOptions { filters });
    let networks = within("networks", REQUEST_MAX, docker.list_networks(options)).await?;
    let labels = containers.into_iter().filter_map(|container| container.labels);
    let labels = labels.chain(volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.labels));
    let labels = labels.chain(networks.into_iter().filter_map(|network| network.labels));
    let chain = |labels: HashMap<String, String>| {
        let chain = labels.get(names::CHAIN)?;
        names::belongs(&labels, installation, chain).then(|| chain.clone())
    };
    Ok(labels.filter_map(chain).collect())
}

async fn each<'a, F, W>(names: &'a [String], mut remove: F) -> Result<(), AgentError>
where
    F: FnMut(&'a str) -> W,
    W: Future<Output = Result<(), AgentError>>,
{
    let removals: Vec<W> = names.iter().map(|name| remove(name)).collect();
    futures::stream::iter(removals)
        .buffer_unordered(REMOVALS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(|_| ())
}

async fn network(client: &Client, id: &str) -> Result<(), AgentError> {
    let docker = client.docker().await?;
    match within(&format!("remove network {id}"), REQUEST_MAX, docker.remove_network(id)).await {
        Ok(()) | Err(AgentError::NotFound(_)) => Ok(()),
        Err(AgentError::Refused(said)) => {
            // A container that is not ours was put into our network; it is not ours to take out.
            Err(AgentError::Conflict(format!("another container is in the network: {said}")))
        }
        Err(error) => Err(error),
    }
}

/// Lists what belongs to one chain.
struct Scan<'a> {
    client: &'a Client,
    installation: &'a str,
    chain: &'a str,
}

impl Scan<'_> {
    fn filters(&self) -> Result<Option<HashMap<String, Vec<String>>>, AgentError> {
        let filter = names::filter(self.installation, Some(self.chain));
        filter
            .map(Some)
            .ok_or_else(|| AgentError::Refused("installation and chain are no legal names".to_owned()))
    }

    async fn containers(&self) -> Result<Vec<String>, AgentError> {
        let docker = self.client.docker().await?;
        let options = ListContainersOptions { all: true, filters: self.filters()?, ..Default::default() };
        let found = within("containers", REQUEST_MAX, docker.list_containers(Some(options))).await?;
        let ours = found.into_iter().filter(|container| {
            let labels = container.labels.as_ref();
            labels.is_some_and(|labels| names::belongs(labels, self.installation, self.chain))
        });
        Ok(ours.filter_map(|container| container.names?.first().map(|name| trimmed(name))).collect())
    }

    async fn volumes(&self) -> Result<Vec<String>, AgentError> {
        let docker = self.client.docker().await?;
        let options = Some(ListVolumesOptions { filters: self.filters()? });
        let found = within("volumes", REQUEST_MAX, docker.list_volumes(options)).await?;
        let mut found = found.volumes.unwrap_or_default();
        found.retain(|volume| names::belongs(&volume.labels, self.installation, self.chain));
        Ok(found.into_iter().map(|volume| volume.name).collect())
    }

    /// By id, because two networks may share a name.
    async fn networks(&self) -> Result<Vec<String>, AgentError> {
        let docker = self.client.docker().await?;
        let options = Some(ListNetworksOptions { filters: self.filters()? });
        let found = within("networks", REQUEST_MAX, docker.list_networks(options)).await?;
        let ours = |network: &Network| {
            let labels = network.labels.as_ref();
            labels.is_some_and(|labels| names::belongs(labels, self.installation, self.chain))
        };
        Ok(found.into_iter().filter(ours).filter_map(|network| network.id).collect())
    }
}

/// The engine writes a slash before names.
fn trimmed(name: &str) -> String {
    name.trim_start_matches('/').to_owned()
}

//! The networks of a chain.

use bollard::models::Network;
use bollard::query_parameters::ListNetworksOptions;

use super::client::Client;
use super::failure::within;
use super::{REQUEST_MAX, body, names};
use crate::{AgentError, SpaceSpec};

/// Makes a chain's networks, or finds them.
pub(crate) async fn ensure(client: &Client, space: &SpaceSpec) -> Result<(), AgentError> {
    space.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    let _one_at_a_time = client.making_networks.lock().await;
    for purpose in [names::CHAIN_NETWORK, names::CHAINCODE_NETWORK] {
        ensure_network(client, space, purpose).await?;
    }
    Ok(())
}

async fn ensure_network(client: &Client, space: &SpaceSpec, purpose: &str) -> Result<(), AgentError> {
    let name = names::network(&space.installation, &space.chain, purpose);
    let foreign = || AgentError::Conflict(format!("network {name} exists and is not ours"));
    if let Some(network) = named(client, &name).await?.first() {
        return check(network, space, purpose).then_some(()).ok_or_else(foreign);
    }
    let docker = client.docker().await?;
    let body = body::network(space, purpose);
    match within(&format!("network {name}"), REQUEST_MAX, docker.create_network(body)).await {
        // Old engines allow two networks of one name: whoever sees another one that was there first gives way.
        Ok(made) => {
            let mut found = named(client, &name).await?;
            found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
            if found.first().is_some_and(|first| first.id.as_deref() != Some(&made.id)) {
                within(&format!("network {name}"), REQUEST_MAX, docker.remove_network(&made.id)).await?;
            }
            Ok(())
        }
        Err(AgentError::Conflict(_)) => {
            let found = named(client, &name).await?;
            found.iter().any(|network| check(network, space, purpose)).then_some(()).ok_or_else(foreign)
        }
        Err(error) => Err(error),
    }
}

/// True when a network is ours and as we make it: one that lets chaincode out is not.
fn check(network: &Network, space: &SpaceSpec, purpose: &str) -> bool {
    let labels = network.labels.as_ref();
    labels.is_some_and(|labels| {
        names::belongs(labels, &space.installation, &space.chain)
            && labels.get(names::PURPOSE).is_some_and(|found| found == purpose)
    }) && network.internal.unwrap_or_default() == (purpose == names::CHAINCODE_NETWORK)
}

/// All networks of exactly this name; the engine's own filter also finds parts of names.
async fn named(client: &Client, name: &str) -> Result<Vec<Network>, AgentError> {
    let filters = Some([("name".to_owned(), vec![name.to_owned()])].into());
    let docker = client.docker().await?;
    let options = Some(ListNetworksOptions { filters });
    let mut found = within("networks", REQUEST_MAX, docker.list_networks(options)).await?;
    found.retain(|network| network.name.as_deref() == Some(name));
    Ok(found)
}

//! The networks of a chain, each with a small range of addresses of its own.

use bollard::models::Network;
use bollard::query_parameters::ListNetworksOptions;
use domain::host::Subnet;

use super::client::Client;
use super::failure::within;
use super::{REQUEST_MAX, body, names};
use crate::{AgentError, SpaceSpec};

/// Size of one network: 126 addresses, enough for the largest chain with all that stands beside its nodes.
const NETWORK_PREFIX: u8 = 25;
/// So many ranges are tried when somebody else takes the free ones at the same moment.
const TRIES: usize = 16;

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
    let all = networks(client, None).await?;
    if let Some(network) = all.iter().find(|network| network.name.as_deref() == Some(&name)) {
        return check(network, space, purpose).then_some(()).ok_or_else(foreign);
    }
    let range = client.options.network_range;
    let taken: Vec<Subnet> = all.iter().flat_map(subnets).collect();
    let docker = client.docker().await?;
    for subnet in free(range, &taken).take(TRIES) {
        let body = body::network(space, purpose, subnet);
        match within(&format!("network {name}"), REQUEST_MAX, docker.create_network(body)).await {
            Ok(made) => return keep_first(client, &name, &made.id).await,
            // Another portal was quicker, or something that is no network has these addresses: the next ones.
            Err(error) if is_overlap(&error) => {
                tracing::info!(%subnet, network = name, "a range of addresses is taken; trying the next");
            }
            Err(AgentError::Conflict(_)) => {
                let found = networks(client, Some(&name)).await?;
                let ours = found.iter().any(|network| check(network, space, purpose));
                return ours.then_some(()).ok_or_else(foreign);
            }
            Err(error) => return Err(error),
        }
    }
    Err(AgentError::Refused(format!("the host has no free range of addresses in {range} for {name}")))
}

/// The ranges in which no network is, lowest first.
fn free(range: Subnet, taken: &[Subnet]) -> impl Iterator<Item = Subnet> {
    // A range that is smaller than one network is used as it is.
    let prefix = NETWORK_PREFIX.max(range.prefix());
    range.parts(prefix).filter(|part| !taken.iter().any(|other| other.overlaps(*part)))
}

/// Whether the engine refused the addresses, in the words of old and new ones.
fn is_overlap(error: &AgentError) -> bool {
    let (AgentError::Refused(said) | AgentError::Conflict(said) | AgentError::Engine { message: said, .. }) =
        error
    else {
        return false;
    };
    [
        "Pool overlaps",
        "pool overlaps",
        "cannot overlap",
        "overlaps with existing routes",
        "conflicts with network",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// The IPv4 ranges of a network.
fn subnets(network: &Network) -> impl Iterator<Item = Subnet> {
    let configs = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    configs.into_iter().flatten().filter_map(|config| Subnet::observed(config.subnet.as_deref()?))
}

/// Old engines allow two networks of one name: whoever sees another one that was there first gives way.
async fn keep_first(client: &Client, name: &str, made: &str) -> Result<(), AgentError> {
    let mut found = networks(client, Some(name)).await?;
    found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
    if found.first().is_some_and(|first| first.id.as_deref() != Some(made)) {
        let docker = client.docker().await?;
        within(&format!("network {name}"), REQUEST_MAX, docker.remove_network(made)).await?;
    }
    Ok(())
}

/// True when a network is ours and as we make it: one that lets chaincode out is not.
fn check(network: &Network, space: &SpaceSpec, purpose: &str) -> bool {
    let labels = network.labels.as_ref();
    labels.is_some_and(|labels| {
        names::belongs(labels, &space.installation, &space.chain)
            && labels.get(names::PURPOSE).is_some_and(|found| found == purpose)
    }) && network.internal.unwrap_or_default() == (purpose == names::CHAINCODE_NETWORK)
}

/// All networks, or those of exactly this name; the engine's own filter also finds parts of names.
async fn networks(client: &Client, name: Option<&str>) -> Result<Vec<Network>, AgentError> {
    let filters = name.map(|name| [("name".to_owned(), vec![name.to_owned()])].into());
    let docker = client.docker().await?;
    let options = Some(ListNetworksOptions { filters });
    let mut found = within("networks", REQUEST_MAX, docker.list_networks(options)).await?;
    found.retain(|network| name.is_none_or(|name| network.name.as_deref() == Some(name)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).unwrap()
    }

    #[test]
    fn the_lowest_range_that_nobody_touches_is_taken() {
        let check = |taken: &[&str], expect: &str| {
            let taken: Vec<Subnet> = taken.iter().filter_map(|text| Subnet::observed(text)).collect();
            let found = free(subnet("10.213.0.0/16"), &taken).next().map(|found| found.to_string());
            assert_eq!(found.as_deref(), Some(expect), "{taken:?}");
        };
        check(&[], "10.213.0.0/25");
        check(&["172.17.0.0/16", "fd00::/64"], "10.213.0.0/25");
        check(&["10.213.0.0/25"], "10.213.0.128/25");
        check(&["10.213.0.64/26"], "10.213.0.128/25");
        check(&["10.213.0.0/24", "10.213.1.128/28"], "10.213.1.0/25");
        check(&["10.213.0.0/17"], "10.213.128.0/25");
        assert_eq!(free(subnet("10.213.0.0/16"), &[subnet("10.0.0.0/8")]).count(), 0);
        assert_eq!(free(subnet("10.213.0.0/16"), &[]).count(), 512);
        assert_eq!(free(subnet("10.213.0.0/28"), &[]).count(), 1);
    }

    #[test]
    fn an_engine_that_refuses_addresses_is_understood() {
        let says = |message: &str| {
            is_overlap(&AgentError::Engine { status: 500, message: message.to_owned() })
                && is_overlap(&AgentError::Refused(message.to_owned()))
        };
        assert!(says("network x: Pool overlaps with other one on this address space"));
        assert!(says("invalid pool request: Pool overlaps with other one on this address space"));
        assert!(says(
            "cannot create network 5f (br-5f): conflicts with network 7a (br-7a): networks have overlapping IPv4"
        ));
        assert!(!says("network with name x already exists"));
        assert!(!is_overlap(&AgentError::PortTaken(1)));
    }
}

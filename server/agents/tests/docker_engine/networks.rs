//! Every chain has two small networks, on one engine more than the engine's own ranges would allow.

use std::collections::BTreeSet;

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, SpaceSpec};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use domain::host::Subnet;

use crate::bed::{Bed, on_engine};

/// An engine's own ranges hold 31 networks.
const CHAINS: usize = 17;

async fn subnets(bed: &Bed, installation: &str) -> Vec<Subnet> {
    let filters = [("label".to_owned(), vec![format!("heddle.installation={installation}")])].into();
    let options = bollard::query_parameters::ListNetworksOptions { filters: Some(filters) };
    let networks = bed.hands.list_networks(Some(options)).await.unwrap();
    let configs = networks.into_iter().flat_map(|network| network.ipam.unwrap().config.unwrap());
    configs.map(|config| Subnet::observed(&config.subnet.unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_chains_fit_than_the_engine_has_ranges_of_its_own() {
    on_engine(async |bed| {
        // A range of this test's own, in which somebody else has the first network already.
        let range = Subnet::parse("10.219.0.0/18").unwrap();
        let options = DockerOptions { network_range: range, ..DockerOptions::default() };
        let endpoint = DockerEndpoint::Unix { path: bed.socket.clone() };
        let portals = [bed.installation.clone(), bed.second_installation()];
        let agents: Vec<DockerAgent> =
            (0..2).map(|_| DockerAgent::connect(endpoint.clone(), options.clone()).unwrap()).collect();
        let foreign = format!("{}-foreign", bed.installation);
        let config = IpamConfig { subnet: Some("10.219.0.0/26".to_owned()), ..IpamConfig::default() };
        let body = NetworkCreateRequest {
            name: foreign.clone(),
            ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
            ..NetworkCreateRequest::default()
        };
        bed.hands.create_network(body).await.unwrap();
        // Two portals, which know nothing of each other, at the same time.
        let made =
            futures::future::join_all(agents.iter().zip(&portals).map(|(agent, installation)| async {
                for n in 0..CHAINS / 2 + 1 {
                    let chain = format!("chain{n}");
                    let space =
                        SpaceSpec { installation: installation.clone(), chain, operation: "test".to_owned() };
                    agent.ensure_space(&space).await?;
                    agent.ensure_space(&space).await?;
                }
                Ok::<(), agents::AgentError>(())
            }))
            .await;
        bed.hands.remove_network(&foreign).await.unwrap();
        for made in made {
            made.unwrap();
        }
        let mut all = Vec::new();
        for installation in &portals {
            all.extend(subnets(&bed, installation).await);
        }
        assert_eq!(
            all.len(),
            (CHAINS / 2 + 1) * 4,
            "each chain has exactly two, however often it is asked for"
        );
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        let taken = Subnet::parse("10.219.0.0/26").unwrap();
        assert!(all.iter().all(|one| one.prefix() == 25 && one.overlaps(range) && !one.overlaps(taken)));
    })
    .await;
}

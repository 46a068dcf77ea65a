//! From inside a chaincode container nothing answers but the chain's own peers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, NodeNetwork, NodeSpec, PortSpec, Publish};
use tokio::net::TcpListener;

use crate::bed::{Bed, free_port, on_engine};

/// Where engines serve their API when they do so over TCP.
const ENGINE_PORTS: [u16; 2] = [2375, 2376];

/// Address of a container in a network, past the agent.
async fn address(bed: &Bed, spec: &NodeSpec, network: &str) -> String {
    let found = bed.hands.inspect_container(&bed.container(&spec.node_ref()), None).await.unwrap();
    let networks = found.network_settings.unwrap().networks.unwrap();
    networks[network].ip_address.clone().unwrap()
}

async fn gateway(bed: &Bed, network: &str) -> Option<String> {
    let found = bed.hands.inspect_network(network, None).await.unwrap();
    found.ipam.unwrap().config.unwrap().into_iter().find_map(|config| config.gateway)
}

#[tokio::test(flavor = "multi_thread")]
async fn chaincode_reaches_its_peers_and_nothing_else() {
    on_engine(async |bed| {
        // Published on every address of the host: the widest an operator can choose.
        let options =
            DockerOptions { bind_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), ..DockerOptions::default() };
        let open = DockerAgent::connect(DockerEndpoint::Unix { path: bed.socket.clone() }, options).unwrap();
        let served = host_services().await;
        bed.agent.ensure_space(&bed.space("ours")).await.unwrap();
        bed.agent.ensure_space(&bed.space("other")).await.unwrap();
        let published = free_port();
        let listen = |spec: &mut NodeSpec| {
            spec.environment.insert("NODE_LISTEN".into(), "7051".into());
        };
        let mut peer = NodeSpec { network: NodeNetwork::ChainAndChaincode, ..bed.spec("ours", "peer0") };
        peer.aliases = vec!["peer0.ours".into()];
        listen(&mut peer);
        let mut orderer = bed.spec("ours", "orderer0");
        listen(&mut orderer);
        let mut stranger = bed.spec("other", "peer0-other");
        // In both of its chain's networks, as peers are.
        stranger.network = NodeNetwork::ChainAndChaincode;
        stranger.ports = vec![PortSpec { container: 7051, publish: Publish::Fixed(published) }];
        listen(&mut stranger);
        bed.agent.ensure_node(&peer).await.unwrap();
        bed.agent.ensure_node(&orderer).await.unwrap();
        open.ensure_node(&stranger).await.unwrap();
        for spec in [&peer, &orderer, &stranger] {
            bed.lines_with(&spec.node_ref(), "listening 7051").await;
        }

        let ports: BTreeSet<u16> = served.iter().copied().chain(ENGINE_PORTS).chain([published]).collect();
        let mut closed = host_addresses(&bed, &ports).await;
        closed.push(format!("{}:7051", address(&bed, &stranger, &network(&bed, "other")).await));
        let others_chaincode = format!("{}--chaincode", network(&bed, "other"));
        closed.push(format!("{}:7051", address(&bed, &stranger, &others_chaincode).await));
        closed.push(format!("{}:7051", address(&bed, &orderer, &network(&bed, "ours")).await));
        closed.extend(["peer0-other:7051", "orderer0:7051", "169.254.169.254:80"].map(String::from));
        closed.push(format!("127.0.0.1:{published}"));
        let open_to_it = ["peer0:7051".to_owned(), "peer0.ours:7051".to_owned()];
        let mut chaincode = bed.spec("ours", "chaincode0");
        chaincode.network = NodeNetwork::ChaincodeOnly;
        chaincode.read_only_root = true;
        chaincode.environment.insert("NODE_LISTEN".into(), "7052".into());
        chaincode.environment.insert("NODE_REACH".into(), [closed.join(" "), open_to_it.join(" ")].join(" "));
        bed.agent.ensure_node(&chaincode).await.unwrap();
        let lines = bed.lines_with(&chaincode.node_ref(), "reach done").await;
        for address in &closed {
            assert!(lines.contains(&format!("closed {address}")), "{address} answers: {lines:#?}");
        }
        for address in &open_to_it {
            assert!(lines.contains(&format!("open {address}")), "{address} does not answer: {lines:#?}");
        }

        a_peer_reaches(&bed, published, &served).await;
    })
    .await;
}

fn network(bed: &Bed, chain: &str) -> String {
    format!("heddle-{}-{chain}", bed.installation)
}

/// Services of the host, and their ports: one as the portal is one, and others where an engine's API would be.
/// There may be a real one; it is tried like everything else, but nobody can say whether it answers a peer.
async fn host_services() -> Vec<u16> {
    let mut served = vec![];
    for port in [0].into_iter().chain(ENGINE_PORTS) {
        match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await {
            Ok(service) => {
                served.push(service.local_addr().unwrap().port());
                tokio::spawn(async move { while service.accept().await.is_ok() {} });
            }
            Err(error) => assert!(port != 0, "{error}"),
        }
    }
    served
}

/// Every address that the host may have in a container's eyes, with each of the ports.
async fn host_addresses(bed: &Bed, ports: &BTreeSet<u16>) -> Vec<String> {
    let ours = network(bed, "ours");
    let mut addresses = vec![];
    for name in ["bridge", &ours, &network(bed, "other"), &format!("{ours}--chaincode")] {
        if let Some(host) = gateway(bed, name).await {
            addresses.extend(ports.iter().map(|port| format!("{host}:{port}")));
        }
    }
    assert!(addresses.len() >= 3 * ports.len(), "{addresses:?}");
    addresses
}

/// The same places do answer a peer, so that "closed" means more than "nobody there"; and the peer reaches its
/// chaincode.
async fn a_peer_reaches(bed: &Bed, published: u16, served: &[u16]) {
    let via = gateway(bed, &network(bed, "ours")).await.unwrap();
    let mut reached = vec!["chaincode0:7052".to_owned(), "orderer0:7051".to_owned()];
    reached.extend([published].iter().chain(served).map(|port| format!("{via}:{port}")));
    let mut witness = NodeSpec { network: NodeNetwork::ChainAndChaincode, ..bed.spec("ours", "witness") };
    witness.environment.insert("NODE_REACH".into(), reached.join(" "));
    bed.agent.ensure_node(&witness).await.unwrap();
    let lines = bed.lines_with(&witness.node_ref(), "reach done").await;
    for address in &reached {
        assert!(lines.contains(&format!("open {address}")), "{address} does not answer: {lines:#?}");
    }
}

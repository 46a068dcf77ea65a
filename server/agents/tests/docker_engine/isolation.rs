//! From inside a chaincode container nothing answers but the chain's own peers.

use std::net::{IpAddr, Ipv4Addr};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, NodeNetwork, NodeSpec, PortSpec, Publish};
use tokio::net::TcpListener;

use crate::bed::{Bed, free_port, on_engine};

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
        // A service of the host, as the portal is one.
        let portal = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let portal_port = portal.local_addr().unwrap().port();
        tokio::spawn(async move { while portal.accept().await.is_ok() {} });
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
        stranger.ports = vec![PortSpec { container: 7051, publish: Publish::Fixed(published) }];
        listen(&mut stranger);
        bed.agent.ensure_node(&peer).await.unwrap();
        bed.agent.ensure_node(&orderer).await.unwrap();
        open.ensure_node(&stranger).await.unwrap();
        for spec in [&peer, &orderer, &stranger] {
            bed.lines_with(&spec.node_ref(), "listening 7051").await;
        }

        let (ours, other) =
            (format!("heddle-{}-ours", bed.installation), format!("heddle-{}-other", bed.installation));
        let mut closed = vec![
            format!("{}:7051", address(&bed, &stranger, &other).await),
            format!("{}:7051", address(&bed, &orderer, &ours).await),
            "peer0-other:7051".into(),
            "orderer0:7051".into(),
            "169.254.169.254:80".into(),
            format!("127.0.0.1:{published}"),
        ];
        let chaincode_network = format!("{ours}--chaincode");
        let docker0 = gateway(&bed, "bridge").await;
        for network in [&ours, &other, &chaincode_network] {
            let via = gateway(&bed, network).await;
            for host in via.iter().chain(&docker0) {
                closed.push(format!("{host}:{published}"));
                closed.push(format!("{host}:{portal_port}"));
                closed.push(format!("{host}:2375"));
            }
        }
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

        // The same places do answer a peer, so that "closed" above means more than "nobody there"; and the peer
        // reaches its chaincode.
        let mut witness = NodeSpec { network: NodeNetwork::ChainAndChaincode, ..bed.spec("ours", "witness") };
        let via = gateway(&bed, &ours).await.unwrap();
        let reached = [
            "chaincode0:7052".to_owned(),
            "orderer0:7051".into(),
            format!("{via}:{published}"),
            format!("{via}:{portal_port}"),
        ];
        witness.environment.insert("NODE_REACH".into(), reached.join(" "));
        bed.agent.ensure_node(&witness).await.unwrap();
        let lines = bed.lines_with(&witness.node_ref(), "reach done").await;
        for address in &reached {
            assert!(lines.contains(&format!("open {address}")), "{address} does not answer: {lines:#?}");
        }
    })
    .await;
}

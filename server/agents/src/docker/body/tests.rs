//! Golden bodies: whatever changes in what we ask of an engine shows in a review of these files.
//!
//! `HEDDLE_GOLDEN=write cargo test` writes them anew.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::node::tests::peer;
use crate::{Limits, PortSpec};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn golden(name: &str, body: &impl Serialize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/docker/golden").join(name);
    let found = format!("{:#}\n", sorted(serde_json::to_value(body).unwrap()));
    if std::env::var("HEDDLE_GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name} differs; if that is meant, run with HEDDLE_GOLDEN=write");
}

/// Maps are sorted here, because the order in which they are sent has no meaning.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn chaincode() -> NodeSpec {
    NodeSpec {
        node: "basic-1-org1".into(),
        kind: "chaincode".into(),
        entrypoint: vec!["/chaincode".into()],
        command: Vec::new(),
        data_path: None,
        ports: vec![PortSpec { container: 9999, publish: Publish::Internal }],
        aliases: Vec::new(),
        network: NodeNetwork::ChaincodeOnly,
        limits: Limits { memory_mib: 256, cpu_milli: 500, pids: 128 },
        user: Some("65532:65532".into()),
        read_only_root: true,
        refuse_image_volumes: true,
        ..peer()
    }
}

fn subnet(nth: usize) -> Subnet {
    Subnet::default().parts(25).nth(nth).unwrap()
}

#[test]
fn bodies_are_as_reviewed() {
    let space = SpaceSpec { installation: "abc123".into(), chain: "demo".into(), operation: "op-1".into() };
    golden("container_peer.json", &container(&peer(), LOCAL));
    golden("container_chaincode.json", &container(&chaincode(), LOCAL));
    golden("volume_data.json", &volume(&peer(), names::DATA));
    golden("volume_config.json", &volume(&chaincode(), names::CONFIG));
    golden("network_chain.json", &network(&space, names::CHAIN_NETWORK, subnet(0)));
    golden("network_chaincode.json", &network(&space, names::CHAINCODE_NETWORK, subnet(1)));
}

/// Whatever a specification says, these hold.
#[test]
fn no_specification_gets_more_of_the_host() {
    let all_networks = [NodeNetwork::Chain, NodeNetwork::ChainAndChaincode, NodeNetwork::ChaincodeOnly];
    for base in [peer(), chaincode()] {
        for network in all_networks {
            for read_only_root in [true, false] {
                let spec = NodeSpec { network, read_only_root, ..base.clone() };
                let host = container(&spec, LOCAL).host_config.unwrap();
                assert_eq!(host.privileged, Some(false));
                assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
                assert_eq!(host.cap_add, None);
                assert!(host.security_opt.unwrap().contains(&"no-new-privileges".to_owned()));
                assert!(host.binds.is_none() && host.devices.is_none() && host.device_requests.is_none());
                assert!(host.pid_mode.is_none() && host.uts_mode.is_none() && host.userns_mode.is_none());
                assert!(host.volumes_from.is_none() && host.extra_hosts.is_none() && host.sysctls.is_none());
                assert_ne!(host.network_mode.as_deref(), Some("host"));
                assert!(host.memory.unwrap() > 0 && host.memory_swap == host.memory);
                assert!(host.nano_cpus.unwrap() > 0 && host.pids_limit.unwrap() > 0);
                let mounts = host.mounts.unwrap();
                assert!(mounts.iter().all(|mount| mount.typ == Some(MountType::VOLUME)));
                assert!(
                    mounts.iter().all(|mount| mount.source.as_deref().unwrap().starts_with("heddle-abc123-"))
                );
                for bindings in host.port_bindings.unwrap().into_values().flatten().flatten() {
                    assert_eq!(bindings.host_ip.as_deref(), Some("127.0.0.1"));
                }
            }
        }
    }
}

#[test]
fn a_secret_file_reaches_neither_environment_nor_labels() {
    let body = serde_json::to_string(&container(&peer(), LOCAL)).unwrap();
    assert!(!body.contains("keystore"));
}

#[test]
fn ports_read_back() {
    assert_eq!(parse_tcp(&tcp(7051)), Some(7051));
    assert_eq!(parse_tcp("53/udp"), None);
    assert_eq!(parse_tcp("tcp"), None);
}

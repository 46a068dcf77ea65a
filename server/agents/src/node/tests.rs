//! What a specification refuses, and what its fingerprint sees.

use super::*;

/// A peer as the portal would specify it, with every field in use.
pub(crate) fn peer() -> NodeSpec {
    NodeSpec {
        installation: "abc123".into(),
        chain: "demo".into(),
        node: "peer0-org1".into(),
        kind: "peer".into(),
        image: "hyperledger/fabric-peer@sha256:00ff".into(),
        entrypoint: Vec::new(),
        command: vec!["peer".into(), "node".into(), "start".into()],
        environment: BTreeMap::from([("FABRIC_CFG_PATH".into(), "/etc/heddle".into())]),
        files: vec![
            NodeFile {
                path: "msp/keystore/key.pem".into(),
                content: Zeroizing::new(b"key".to_vec()),
                mode: 0o600,
                secret: true,
            },
            NodeFile {
                path: "core.yaml".into(),
                content: Zeroizing::new(b"peer: {}".to_vec()),
                mode: 0o644,
                secret: false,
            },
        ],
        data_path: Some("/var/hyperledger/production".into()),
        config_path: "/etc/heddle".into(),
        working_dir: None,
        ports: vec![
            PortSpec { container: 7051, publish: Publish::Fixed(31020) },
            PortSpec { container: 9443, publish: Publish::Assigned },
            PortSpec { container: 7052, publish: Publish::Internal },
        ],
        health_port: None,
        aliases: vec!["peer0.org1.demo".into()],
        network: NodeNetwork::ChainAndChaincode,
        limits: Limits { memory_mib: 512, cpu_milli: 1500, pids: 512 },
        operation: "op-1".into(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data: false,
    }
}

fn refused(field: &str, change: impl FnOnce(&mut NodeSpec)) {
    let mut spec = peer();
    change(&mut spec);
    assert_eq!(spec.check().unwrap_err().field, field);
}

#[test]
fn a_good_specification_passes() {
    assert_eq!(peer().check(), Ok(()));
}

#[test]
fn names_that_could_run_into_each_other_are_refused() {
    refused("installation", |spec| spec.installation = "a-b".into());
    refused("installation", |spec| spec.installation = "a23456789012b".into());
    refused("chain", |spec| spec.chain = "a--b".into());
    refused("node", |spec| spec.node = "Peer".into());
    refused("node", |spec| spec.node = "../peer".into());
    refused("aliases", |spec| spec.aliases.push("peer0..org1".into()));
}

#[test]
fn paths_that_leave_their_place_are_refused() {
    refused("files", |spec| spec.files[0].path = "../key".into());
    refused("files", |spec| spec.files[0].path = "/etc/passwd".into());
    refused("files", |spec| spec.files[0].path = "a//b".into());
    refused("files", |spec| spec.files[1].path = spec.files[0].path.clone());
    refused("config_path", |spec| spec.config_path = "/".into());
    refused("config_path", |spec| spec.config_path = "etc".into());
    refused("data_path", |spec| spec.data_path = Some("/var/../etc".into()));
    refused("data_path", |spec| spec.data_path = Some("/var:/etc".into()));
    refused("data_path", |spec| spec.data_path = Some(spec.config_path.clone()));
}

#[test]
fn a_secret_file_may_not_be_readable_by_others() {
    refused("files", |spec| spec.files[0].mode = 0o640);
}

#[test]
fn ports_limits_and_users_are_checked() {
    refused("ports", |spec| spec.ports.push(PortSpec { container: 7051, publish: Publish::Internal }));
    refused("ports", |spec| spec.ports.push(PortSpec { container: 1, publish: Publish::Fixed(31020) }));
    refused("ports", |spec| spec.network = NodeNetwork::ChaincodeOnly);
    refused("limits", |spec| spec.limits.memory_mib = 0);
    refused("limits", |spec| spec.limits.pids = 0);
    refused("user", |spec| spec.user = Some("root".into()));
    refused("environment", |spec| {
        spec.environment.insert("A=B".into(), String::new());
    });
}

#[test]
fn the_fingerprint_sees_every_change_but_the_operation() {
    let base = peer().fingerprint();
    let differs = |change: fn(&mut NodeSpec)| {
        let mut spec = peer();
        change(&mut spec);
        assert_ne!(spec.fingerprint(), base);
    };
    differs(|spec| spec.image.push('0'));
    differs(|spec| spec.command = vec!["peer".into(), "nodestart".into()]);
    differs(|spec| spec.entrypoint = vec!["peer".into()]);
    differs(|spec| *spec.files[0].content = b"kez".to_vec());
    differs(|spec| spec.files[1].mode = 0o600);
    differs(|spec| spec.ports[0].publish = Publish::Fixed(31021));
    differs(|spec| spec.limits.memory_mib += 1);
    differs(|spec| spec.read_only_root = true);
    differs(|spec| spec.user = Some("7".into()));
    let mut same = peer();
    same.operation = "op-2".into();
    same.files.reverse();
    assert_eq!(same.fingerprint(), base);
}

#[test]
fn debug_output_shows_no_file_content() {
    let mut spec = peer();
    *spec.files[0].content = b"VERY-PRIVATE".to_vec();
    assert!(!format!("{spec:?}").contains("VERY-PRIVATE"));
    assert!(!format!("{spec:?}").contains("86, 69, 82, 89"));
}

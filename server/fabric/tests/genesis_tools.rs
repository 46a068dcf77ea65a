//! Our genesis blocks against those of Fabric's own programs, made from the same material.
//!
//! Needs `configtxgen` and `configtxlator`; the environment variable `HEDDLE_FABRIC_BIN` names their folder, and
//! `HEDDLE_FABRIC_BIN_3` that of those of Fabric 3.1, which alone read BFT.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use fabric::{
    config_update::{config_from_block, delta, envelope, set_anchor_peers, set_batch_timeout, sign},
    genesis::{self, FabricVersion},
    identity::SigningIdentity,
    material::{Leaf, LeafKind, Role, Validity},
    policy,
};
use prost::Message;
use serde_json::Value;

#[path = "genesis/decoded.rs"]
mod decoded;
#[path = "genesis/fixture.rs"]
mod fixture;

use fixture::{NONCE, NOW_S, Network, Organization};

const NESTED: &str =
    "OR(AND('Org1MSP.peer', OutOf(2, 'Org2MSP.peer', 'Org1MSP.admin', 'Org2MSP.client')), 'Org1MSP.member')";

#[test]
fn raft_blocks_equal_those_of_configtxgen() {
    let Some(tools) = Tools::find("raft_blocks_equal_those_of_configtxgen") else { return };
    for orderers in [1, 3, 5] {
        let network = Network::new(orderers);
        let ours = genesis::block(&network.raft(FabricVersion::V2_5), NOW_S, NONCE).unwrap();
        let theirs = tools.configtxgen(&network, "MAJORITY Endorsement");
        assert_eq!(genesis::verify(&theirs).unwrap().consenters.len(), orderers);
        let (ours, theirs) = (tools.decode("common.Block", &ours), tools.decode("common.Block", &theirs));
        assert_eq!(without_time(ours), without_time(theirs), "{orderers} ordering nodes");
    }
}

/// What people look into a block with must show what the block says.
#[test]
fn configtxgen_inspects_what_configtxlator_decodes() {
    let Some(tools) = Tools::find("configtxgen_inspects_what_configtxlator_decodes") else { return };
    for orderers in [1, 3, 5] {
        let block = genesis::block(&Network::new(orderers).raft(FabricVersion::V2_5), NOW_S, NONCE).unwrap();
        let seen = tools.inspect(&block);
        assert_eq!(seen, tools.decode("common.Block", &block), "{orderers} ordering nodes");
        let consenters = "/data/data/0/payload/data/config/channel_group/groups/Orderer/values/ConsensusType\
                          /value/metadata/consenters";
        assert_eq!(seen.pointer(consenters).unwrap().as_array().unwrap().len(), orderers);
    }
}

/// What our pages show of a configuration is what the official program reads in it.
#[test]
fn raft_configurations_are_shown_as_configtxlator_decodes_them() {
    let Some(tools) = Tools::find("raft_configurations_are_shown_as_configtxlator_decodes_them") else {
        return;
    };
    for (orderers, version) in [(1, FabricVersion::V2_5), (3, FabricVersion::V3)] {
        let block = genesis::block(&Network::new(orderers).raft(version), NOW_S, NONCE).unwrap();
        decoded::check(&tools.decode("common.Block", &block), &block);
    }
}

#[test]
fn blocks_of_fabric_3_are_shown_as_its_configtxlator_decodes_them() {
    let Some(tools) = Tools::find_3() else { return };
    let profiles = [Network::new(4).bft(), Network::new(7).bft(), Network::new(3).raft(FabricVersion::V3)];
    for profile in profiles {
        let block = genesis::block(&profile, NOW_S, NONCE).unwrap();
        let theirs = tools.decode("common.Block", &block);
        decoded::check(&theirs, &block);
        decoded::check_consenters(&theirs, &block);
    }
}

/// The order of principals in nested policies is not obvious, and approvals compare bytes.
#[test]
fn nested_policies_equal_those_of_the_official_parser() {
    let Some(tools) = Tools::find("nested_policies_equal_those_of_the_official_parser") else { return };
    let block = tools.configtxgen(&Network::new(1), NESTED);
    let config = config_from_block(&block).unwrap();
    let root = config.channel_group.unwrap();
    let theirs = root.groups.get("Application").unwrap().policies.get("Endorsement").unwrap();
    let ours = policy::parse(NESTED).unwrap();
    assert_eq!(theirs.policy.as_ref().unwrap().value, ours.encode_to_vec());
}

#[test]
fn config_updates_equal_those_of_configtxlator() {
    let Some(tools) = Tools::find("config_updates_equal_those_of_configtxlator") else { return };
    let network = Network::new(1);
    let block = genesis::block(&network.raft(FabricVersion::V2_5), NOW_S, NONCE).unwrap();
    let original = config_from_block(&block).unwrap();
    let peers = [("peer1.org1.example.com".to_owned(), 7051), ("peer2.org1.example.com".to_owned(), 7051)];
    let anchored = set_anchor_peers(&original, "Org1MSP", &peers).unwrap();
    let mut removed = original.clone();
    let application = removed.channel_group.as_mut().unwrap().groups.get_mut("Application").unwrap();
    application.groups.remove("Org2MSP").unwrap();
    for wanted in [&anchored, &set_batch_timeout(&anchored, 250).unwrap(), &removed] {
        let ours = delta("mychannel", &original, wanted).unwrap();
        let theirs = tools.compute_update(&original.encode_to_vec(), &wanted.encode_to_vec());
        let ours = tools.decode("common.ConfigUpdate", &ours.encode_to_vec());
        assert_eq!(ours, tools.decode("common.ConfigUpdate", &theirs));
    }
}

#[test]
fn a_signed_update_is_read_by_configtxlator() {
    let Some(tools) = Tools::find("a_signed_update_is_read_by_configtxlator") else { return };
    let network = Network::new(1);
    let block = genesis::block(&network.raft(FabricVersion::V2_5), NOW_S, NONCE).unwrap();
    let original = config_from_block(&block).unwrap();
    let wanted = set_batch_timeout(&original, 250).unwrap();
    let update = delta("mychannel", &original, &wanted).unwrap().encode_to_vec();
    let admin = admin(&network.orderers);
    let signature = sign(&admin, &update, [1; 24]);
    let envelope = envelope(&admin, "mychannel", update, vec![signature], NOW_S, [2; 24]);
    let json = tools.decode("common.Envelope", &envelope.encode_to_vec());
    let header = json.pointer("/payload/header/channel_header").unwrap();
    assert_eq!(header["type"], 2);
    assert_eq!(header["channel_id"], "mychannel");
    let signed = json.pointer("/payload/data/signatures/0/signature_header/creator/mspid").unwrap();
    assert_eq!(signed, "OrdererMSP");
    let timeout = "/payload/data/config_update/write_set/groups/Orderer/values/BatchTimeout/value/timeout";
    assert_eq!(json.pointer(timeout).unwrap(), "250ms");
}

fn admin(organization: &Organization) -> SigningIdentity {
    let admin = Leaf {
        common_name: "Admin".into(),
        kind: LeafKind::Sign(Role::Admin),
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        validity: Validity::from_unix(NOW_S, 365),
    };
    let issued = organization.ca.issue(&admin).unwrap();
    SigningIdentity::new(organization.msp_id, &issued.cert_pem, &issued.key_pem).unwrap()
}

/// Removes what must differ: the time, the nonce and the hashes over them.
fn without_time(mut block: Value) -> Value {
    let mut clear = |pointer: &str| *block.pointer_mut(pointer).unwrap() = Value::Null;
    clear("/header/data_hash");
    clear("/data/data/0/payload/header/channel_header/timestamp");
    clear("/data/data/0/payload/header/channel_header/tx_id");
    clear("/data/data/0/payload/header/signature_header/nonce");
    block
}

struct Tools {
    bin: PathBuf,
    folder: tempfile::TempDir,
}

impl Tools {
    fn find(test: &str) -> Option<Self> {
        Self::named_by("HEDDLE_FABRIC_BIN", &format!("HEDDLE_FABRIC_BIN names no programs ({test})"))
    }

    /// Those of Fabric 3.1.
    fn find_3() -> Option<Self> {
        Self::named_by("HEDDLE_FABRIC_BIN_3", "no Fabric 3.1 tools")
    }

    fn named_by(variable: &str, missing: &str) -> Option<Self> {
        let Some(bin) = std::env::var_os(variable) else {
            let mut out = std::io::stdout();
            writeln!(out, "skipped: {missing}").unwrap();
            return None;
        };
        Some(Self { bin: bin.into(), folder: tempfile::tempdir().unwrap() })
    }

    /// Runs a program and returns what it prints.
    fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).current_dir(self.folder.path()).env("FABRIC_CFG_PATH", self.folder.path());
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        output.stdout
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn decode(&self, kind: &str, bytes: &[u8]) -> Value {
        fs::write(self.file("in.pb"), bytes).unwrap();
        let arguments = ["proto_decode", "--type", kind, "--input", "in.pb", "--output", "out.json"];
        self.run("configtxlator", &arguments);
        serde_json::from_slice(&fs::read(self.file("out.json")).unwrap()).unwrap()
    }

    fn inspect(&self, block: &[u8]) -> Value {
        fs::write(self.file("ours.block"), block).unwrap();
        serde_json::from_slice(&self.run("configtxgen", &["-inspectBlock", "ours.block"])).unwrap()
    }

    fn compute_update(&self, original: &[u8], updated: &[u8]) -> Vec<u8> {
        fs::write(self.file("original.pb"), original).unwrap();
        fs::write(self.file("updated.pb"), updated).unwrap();
        let arguments = ["compute_update", "--channel_id", "mychannel", "--original", "original.pb"];
        let more = ["--updated", "updated.pb", "--output", "update.pb"];
        self.run("configtxlator", &[&arguments[..], &more[..]].concat());
        fs::read(self.file("update.pb")).unwrap()
    }

    /// A block made by `configtxgen` from our exported folders; `endorsement` is a rule of the application.
    fn configtxgen(&self, network: &Network, endorsement: &str) -> Vec<u8> {
        for organization in network.peers.iter().chain([&network.orderers]) {
            organization.tree().iter().for_each(|file| write(&self.file(&file.path), &file.content));
        }
        fs::write(self.file("configtx.yaml"), configtx_yaml(network, endorsement)).unwrap();
        let arguments = ["-profile", "Channel", "-channelID", "mychannel", "-outputBlock", "theirs.block"];
        self.run("configtxgen", &arguments);
        fs::read(self.file("theirs.block")).unwrap()
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The profile of our fixture in the official tool's own format.
fn configtx_yaml(network: &Network, endorsement: &str) -> String {
    let mut text = String::from("Profiles:\n  Channel:\n");
    policies(
        &mut text,
        4,
        &[("Readers", "ANY Readers"), ("Writers", "ANY Writers"), ("Admins", "MAJORITY Admins")],
    );
    text.push_str("    Capabilities: {V2_0: true}\n    Orderer:\n      OrdererType: etcdraft\n");
    text.push_str("      BatchTimeout: 1500ms\n");
    text.push_str(
        "      BatchSize: {MaxMessageCount: 500, AbsoluteMaxBytes: 10 MB, PreferredMaxBytes: 2 MB}\n",
    );
    text.push_str("      Capabilities: {V2_0: true}\n      EtcdRaft:\n        Consenters:\n");
    for (host, ..) in &network.orderers.nodes {
        let tls = format!("ordererOrganizations/example.com/orderers/{host}/tls/server.crt");
        writeln!(
            text,
            "          - {{Host: {host}, Port: 7050, ClientTLSCert: {tls}, ServerTLSCert: {tls}}}"
        )
        .unwrap();
    }
    let admins = [("Readers", "ANY Readers"), ("Writers", "ANY Writers"), ("Admins", "MAJORITY Admins")];
    policies(&mut text, 6, &[&admins[..], &[("BlockValidation", "ANY Writers")]].concat());
    text.push_str("      Organizations:\n");
    organization(&mut text, &network.orderers);
    text.push_str("    Application:\n      Capabilities: {V2_5: true}\n");
    let lifecycle = [("Endorsement", endorsement), ("LifecycleEndorsement", "MAJORITY Endorsement")];
    policies(&mut text, 6, &[&admins[..], &lifecycle[..]].concat());
    text.push_str("      Organizations:\n");
    network.peers.iter().for_each(|org| organization(&mut text, org));
    text
}

fn policies(text: &mut String, indent: usize, rules: &[(&str, &str)]) {
    writeln!(text, "{:indent$}Policies:", "").unwrap();
    for (name, rule) in rules {
        let kind = if rule.contains('(') { "Signature" } else { "ImplicitMeta" };
        writeln!(text, "{:indent$}  {name}: {{Type: {kind}, Rule: \"{rule}\"}}", "").unwrap();
    }
}

fn organization(text: &mut String, org: &Organization) {
    let (id, domain) = (org.msp_id, org.domain);
    let orderers = id == "OrdererMSP";
    let top = if orderers { "ordererOrganizations" } else { "peerOrganizations" };
    writeln!(text, "        - Name: {id}\n          ID: {id}\n          MSPDir: {top}/{domain}/msp").unwrap();
    let rule = |roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|role| format!("'{id}.{role}'")).collect();
        format!("OR({})", roles.join(", "))
    };
    if orderers {
        let hosts: Vec<String> = org.nodes.iter().map(|(host, ..)| format!("\"{host}:7050\"")).collect();
        writeln!(text, "          OrdererEndpoints: [{}]", hosts.join(", ")).unwrap();
        let (member, admin) = (rule(&["member"]), rule(&["admin"]));
        policies(text, 10, &[("Readers", &member), ("Writers", &member), ("Admins", &admin)]);
    } else {
        writeln!(text, "          AnchorPeers: [{{Host: peer0.{domain}, Port: 7051}}]").unwrap();
        let (readers, writers) = (rule(&["admin", "peer", "client"]), rule(&["admin", "client"]));
        let (admins, endorsers) = (rule(&["admin"]), rule(&["peer"]));
        let all =
            [("Readers", &readers), ("Writers", &writers), ("Admins", &admins), ("Endorsement", &endorsers)];
        policies(text, 10, &all.map(|(name, rule)| (name, rule.as_str())));
    }
}

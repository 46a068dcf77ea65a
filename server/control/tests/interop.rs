//! With exported material the official tools work on a chain that the portal raised: `peer` lists its channel, reads
//! the committed definition, invokes and queries; `osnadmin` lists the channel.
//!
//! Needs an engine (`HEDDLE_TEST_DOCKER=unix:///path`) with the node images, and the official programs with their
//! `config` folder (`HEDDLE_FABRIC_BIN`). Without them it says so and passes. All of it happens on Fabric 2.5 and once more
//! on 3.1 where its images are on that engine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking and says why it is skipped"
)]

#[path = "engine/bed.rs"]
#[expect(dead_code, reason = "the tests of the versions need more of it")]
mod bed;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use bed::{PASSWORD, Portal, organization};
use control::chain::ORDERING;
use domain::chain::FabricVersion;
use domain::channel::{ChannelMember, ChannelSpec};
use domain::name::{ChannelName, NodeName};

/// First port of the range that the test uses; below those that the system gives to whoever asks for any.
const PORT_FIRST: u16 = 28_000;

fn skipped(reason: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "skipped: {reason}").unwrap();
}

fn unpack(tar: &[u8], to: &Path) {
    tar::Archive::new(tar).unpack(to).unwrap();
}

/// The official programs, pointed at one organization's material.
struct Tools {
    bin: PathBuf,
    folder: PathBuf,
}

impl Tools {
    fn peer(&self, organization: &str, user: &str, port: u16) -> Command {
        let root = self.folder.join(format!("peerOrganizations/{organization}.interop"));
        let mut command = Command::new(self.bin.join("peer"));
        command
            .env_clear()
            .env("FABRIC_CFG_PATH", self.bin.join("config"))
            .env("FABRIC_LOGGING_SPEC", "error")
            .env("CORE_PEER_TLS_ENABLED", "true")
            .env("CORE_PEER_LOCALMSPID", organization.replace("org", "Org") + "MSP")
            .env("CORE_PEER_ADDRESS", format!("127.0.0.1:{port}"))
            .env(
                "CORE_PEER_TLS_ROOTCERT_FILE",
                root.join(format!("tlsca/tlsca.{organization}.interop-cert.pem")),
            )
            .env("CORE_PEER_MSPCONFIGPATH", root.join(format!("users/{user}@{organization}.interop/msp")));
        command
    }

    fn tls_root(&self, organization: &str) -> PathBuf {
        let folder = if organization == "orderer" { "ordererOrganizations" } else { "peerOrganizations" };
        let domain = format!("{organization}.interop");
        self.folder.join(format!("{folder}/{domain}/tlsca/tlsca.{domain}-cert.pem"))
    }
}

fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {text}");
    text
}

fn port(profile: &serde_json::Value, kind: &str, node: &str) -> u16 {
    let url = profile[kind][node]["url"].as_str().unwrap();
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn official_tools_work_with_exported_material() {
    let Ok(bin) = std::env::var("HEDDLE_FABRIC_BIN") else {
        return skipped("HEDDLE_FABRIC_BIN is not set");
    };
    let Some(socket) = bed::engine() else { return };
    for version in [FabricVersion::V2_5, FabricVersion::V3_1] {
        let portal = Arc::new(Portal::new(&socket, "interop").await);
        if portal.has(version).await {
            tools_work(portal, version, PathBuf::from(&bin)).await;
        }
    }
}

async fn tools_work(portal: Arc<Portal>, version: FabricVersion, bin: PathBuf) {
    let inside = portal.clone();
    let outcome = tokio::spawn(async move {
        inside.raise(PORT_FIRST, |spec| spec.version = version).await;
        used(&inside, bin).await;
    })
    .await;
    // The engine is shared: whatever came of it, nothing is left there.
    portal.remove().await;
    outcome.unwrap();
}

async fn used(portal: &Portal, bin: PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let tools = Tools { bin, folder: folder.path().to_owned() };
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let tar = plane.material_export(admin, chain, &organization("org1")).await.unwrap();
    unpack(&tar, folder.path());
    let profile = plane.connection_profile(admin, chain, &organization("org1")).await.unwrap();
    as_client(&tools, &profile);
    second_channel(portal).await;
    let listed = output(
        tools.peer("org1", "root", port(&profile, "peers", "peer1.org1.interop")).args(["channel", "list"]),
    );
    assert!(listed.contains("second"), "{listed}");
    as_admins(portal, &tools).await;
}

/// A further channel over one peer of each organization; a second peer joins later and becomes the anchor peer.
async fn second_channel(portal: &Portal) {
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let name = ChannelName::parse("second").unwrap();
    let node = |text: &str| NodeName::parse(text).unwrap();
    let member = |organization_name: &str| ChannelMember {
        organization: organization(organization_name),
        peers: vec![node(&format!("peer0-{organization_name}"))],
    };
    let spec = ChannelSpec {
        chain: chain.clone(),
        name: name.clone(),
        members: vec![member("org1"), member("org2")],
    };
    let id = plane.channel_create(admin, spec, "interop-second".to_owned()).await.unwrap();
    portal.settled(&id).await;
    let id = plane.channel_join(admin, chain, &name, vec![node("peer1-org1")]).await.unwrap();
    portal.settled(&id).await;
    let set =
        plane.channel_anchors(admin, chain, &name, organization("org1"), vec![node("peer1-org1")]).await;
    portal.settled(&set.unwrap()).await;
    let config = plane.channel_config(admin, chain, &name).await.unwrap();
    let anchors = |msp_id: &str| config.anchors.iter().find(|(id, _)| id == msp_id).unwrap().1.clone();
    assert_eq!(anchors("Org1MSP"), ["peer1-org1:7051"]);
    assert_eq!(anchors("Org2MSP"), ["peer0-org2:7051"]);
    let views = plane.channel_list(admin, chain).await.unwrap();
    let view = views.iter().find(|view| view.name == name).unwrap();
    assert!(view.peers.iter().all(|peer| peer.joined == Some(true)), "{view:?}");
}

/// The portal user's own identity is enough for everything that clients do.
fn as_client(tools: &Tools, profile: &serde_json::Value) {
    let (org1, org2) =
        (port(profile, "peers", "peer0.org1.interop"), port(profile, "peers", "peer0.org2.interop"));
    let orderer = port(profile, "orderers", "orderer0.orderer.interop");
    let peer = || tools.peer("org1", "root", org1);
    assert!(output(peer().args(["channel", "list"])).contains("mychannel"));
    let channel = ["-C", "mychannel", "-n", "example02"];
    let committed = output(peer().args(["lifecycle", "chaincode", "querycommitted"]).args(channel));
    assert!(committed.contains("Version: 1, Sequence: 1"), "{committed}");
    let call = |words: &str| {
        let mut command = peer();
        command.args(["chaincode", "invoke", "--waitForEvent", "--tls"]).args(channel);
        command.args(["-o", &format!("127.0.0.1:{orderer}"), "--cafile"]).arg(tools.tls_root("orderer"));
        for (name, port) in [("org1", org1), ("org2", org2)] {
            command.args(["--peerAddresses", &format!("127.0.0.1:{port}"), "--tlsRootCertFiles"]);
            command.arg(tools.tls_root(name));
        }
        output(command.args(["-c", words]))
    };
    call(r#"{"Args":["init","a","100","b","200"]}"#);
    call(r#"{"Args":["move","a","b","10"]}"#);
    let answer =
        output(peer().args(["chaincode", "query"]).args(channel).args(["-c", r#"{"Args":["query","a"]}"#]));
    assert_eq!(answer.trim(), "90");
}

/// Admin keys, on request: an organization's admin may ask what its peers hold, the orderers' admin for channels.
async fn as_admins(portal: &Portal, tools: &Tools) {
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let export = async |name: &str| {
        let exported = plane.admin_key_export(admin, chain, &organization(name), PASSWORD.to_owned()).await;
        unpack(&exported.unwrap(), &tools.folder);
    };
    export("org1").await;
    let profile = plane.connection_profile(admin, chain, &organization("org1")).await.unwrap();
    let org1 = port(&profile, "peers", "peer0.org1.interop");
    let installed =
        output(tools.peer("org1", "Admin", org1).args(["lifecycle", "chaincode", "queryinstalled"]));
    assert!(installed.contains("Label: example02_1"), "{installed}");
    export(ORDERING).await;
    let notes = std::fs::read_to_string(tools.folder.join("README.txt")).unwrap();
    let line = notes.lines().find(|line| line.contains("osnadmin")).unwrap();
    let endpoint = line.split_whitespace().nth(1).unwrap();
    let tls = tools.folder.join("ordererOrganizations/orderer.interop/users/Admin@orderer.interop/tls");
    let mut osnadmin = Command::new(tools.bin.join("osnadmin"));
    osnadmin.args(["channel", "list", "-o", endpoint, "--ca-file"]).arg(tools.tls_root("orderer"));
    osnadmin.arg("--client-cert").arg(tls.join("client.crt")).arg("--client-key").arg(tls.join("client.key"));
    let listed = output(&mut osnadmin);
    assert!(listed.contains("\"mychannel\"") && listed.contains("\"second\""), "{listed}");
}

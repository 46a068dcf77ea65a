//! Genesis blocks of BFT chains, decoded, for certificates that never change: whatever changes in what we write, or in how
//! we read it, shows in a review of these files. The hash covers what the decoding leaves out.
//!
//! `HEDDLE_GOLDEN=write cargo test` writes them anew; the certificates stay.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use std::{fs, path::PathBuf};

use fabric::{
    config_view,
    genesis::{
        self, ApplicationOrg, Batch, BftConsenter, ChannelProfile, Consensus, FabricVersion, OrdererOrg,
    },
    msp::Msp,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const NOW_S: i64 = 1_790_000_000;
const NONCE: [u8; 24] = [7; 24];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn msp(material: &Value, msp_id: &str) -> Msp {
    let organization = &material[msp_id];
    Msp::new(msp_id, &text(&organization["ca"]), &text(&organization["tls_ca"])).unwrap()
}

fn profile(material: &Value, orderers: usize) -> ChannelProfile {
    let chosen = material["consenters"].as_array().unwrap().iter().take(orderers);
    let consenters: Vec<BftConsenter> = (1..)
        .zip(chosen)
        .map(|(id, consenter)| BftConsenter {
            id,
            host: text(&consenter["host"]),
            port: 7050,
            msp_id: "OrdererMSP".to_owned(),
            identity_pem: text(&consenter["identity"]),
            client_tls_pem: text(&consenter["tls"]),
            server_tls_pem: text(&consenter["tls"]),
        })
        .collect();
    let endpoints = consenters.iter().map(|consenter| format!("{}:7050", consenter.host)).collect();
    let application_orgs = ["Org1MSP", "Org2MSP"].map(|msp_id| ApplicationOrg {
        msp: msp(material, msp_id),
        anchor_peers: vec![(format!("peer0.{}", text(&material[msp_id]["domain"])), 7051)],
    });
    ChannelProfile {
        channel: "mychannel".into(),
        version: FabricVersion::V3,
        orderer_orgs: vec![OrdererOrg { msp: msp(material, "OrdererMSP"), endpoints }],
        application_orgs: application_orgs.into(),
        consensus: Consensus::Bft(consenters),
        batch: Batch { timeout_ms: 1500, ..Batch::default() },
    }
}

#[test]
fn bft_genesis_blocks_of_fixed_certificates_never_change() {
    let material = read("bft_material.json");
    for orderers in [4, 7] {
        let block = genesis::block(&profile(&material, orderers), NOW_S, NONCE).unwrap();
        let sha256: String = Sha256::digest(&block).iter().map(|byte| format!("{byte:02x}")).collect();
        let found = json!({ "sha256": sha256, "config": config_view::view(&block).unwrap().tree });
        let name = format!("bft_{orderers}.json");
        if std::env::var("HEDDLE_GOLDEN").is_ok_and(|mode| mode == "write") {
            fs::write(fixture(&name), serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        }
        let golden = read(&name);
        assert!(found == golden, "{name} differs; if that is meant, run with HEDDLE_GOLDEN=write");
        // What a golden file must say whoever wrote it.
        let mapping = &golden["config"]["groups"]["Orderer"]["values"]["Orderers"]["value"];
        let mapping = mapping.as_array().unwrap();
        let ids: Vec<_> = mapping.iter().map(|consenter| consenter["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (1..).take(orderers).collect::<Vec<u64>>());
    }
}

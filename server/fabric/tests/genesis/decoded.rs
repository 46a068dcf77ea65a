//! Compares what `configtxlator` reads in a block with what we show of it, value by value: whoever reads a field under
//! another number or name finds something else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fabric::{
    config_update::config_from_block,
    config_view,
    proto::channel::{Consenter, Orderers},
};
use prost::Message;
use serde_json::{Value, json};

/// Where a decoded block has its configuration.
const ROOT: &str = "/data/data/0/payload/data/config/channel_group";

/// Compares a whole configuration.
pub fn check(theirs: &Value, block: &[u8]) {
    check_group("Channel", theirs.pointer(ROOT).unwrap(), &config_view::view(block).unwrap().tree);
}

/// Compares the consenters of a BFT channel with their certificates, which are not shown.
pub fn check_consenters(theirs: &Value, block: &[u8]) {
    let values = config_from_block(block).unwrap().channel_group.unwrap().groups["Orderer"].values.clone();
    let ours = values.get("Orderers").map(|value| Orderers::decode(value.value.as_slice()).unwrap());
    let ours = ours.map(|ours| ours.consenter_mapping.iter().map(written).collect::<Vec<_>>());
    let theirs = theirs.pointer(&format!("{ROOT}/groups/Orderer/values/Orderers/value/consenter_mapping"));
    assert_eq!(theirs.cloned(), ours.map(Value::from));
}

fn written(one: &Consenter) -> Value {
    json!({
        "id": one.id,
        "host": one.host,
        "port": one.port,
        "msp_id": one.msp_id,
        "identity": STANDARD.encode(&one.identity),
        "client_tls_cert": STANDARD.encode(&one.client_tls_cert),
        "server_tls_cert": STANDARD.encode(&one.server_tls_cert),
    })
}

fn check_group(place: &str, theirs: &Value, ours: &Value) {
    for part in ["groups", "values", "policies"] {
        assert_eq!(keys(&theirs[part]), keys(&ours[part]), "{place} {part}");
        for (name, ours) in ours[part].as_object().unwrap() {
            let (place, theirs) = (format!("{place}/{name}"), &theirs[part][name]);
            assert_eq!(theirs["mod_policy"], ours["mod_policy"], "{place}");
            assert_eq!(plain(&theirs["version"]), plain(&ours["version"]), "{place}");
            match part {
                "groups" => check_group(&place, theirs, ours),
                "values" => check_value(&place, name, &theirs["value"], &ours["value"]),
                // Compared byte by byte with those of `configtxgen`.
                _ => {}
            }
        }
    }
}

fn check_value(place: &str, name: &str, theirs: &Value, ours: &Value) {
    let found = match name {
        "Capabilities" => json!(keys(&theirs["capabilities"])),
        "Endpoints" => theirs["addresses"].clone(),
        "AnchorPeers" => theirs["anchor_peers"].clone(),
        "BatchTimeout" => theirs["timeout"].clone(),
        "HashingAlgorithm" => theirs["name"].clone(),
        "BlockDataHashingStructure" => theirs["width"].clone(),
        "BatchSize" => theirs.clone(),
        "ConsensusType" => return check_consensus(theirs, ours),
        "MSP" => return assert_eq!(theirs["config"]["name"], ours["name"], "{place}"),
        "Orderers" => {
            let consenters = theirs["consenter_mapping"].as_array().unwrap().iter();
            let shown = ["id", "host", "port", "msp_id"];
            let one = |it: &Value| -> Value {
                shown.iter().map(|key| ((*key).to_owned(), it[*key].clone())).collect()
            };
            consenters.map(one).collect()
        }
        "ChannelRestrictions" => return,
        _ => unreachable!("{place} is not compared"),
    };
    assert_eq!(found, *ours, "{place}");
}

fn check_consensus(theirs: &Value, ours: &Value) {
    assert_eq!(theirs["type"], ours["type"]);
    assert_eq!((theirs["state"].as_str(), ours["state"].as_i64()), (Some("STATE_NORMAL"), Some(0)));
    let is_bft = theirs["type"] == "BFT";
    let (theirs, ours) = (&theirs["metadata"], &ours["metadata"]);
    // Of BFT the metadata are nothing but the options.
    let options = if is_bft { theirs } else { &theirs["options"] };
    for (name, value) in ours["options"].as_object().unwrap() {
        assert_eq!(plain(&options[name]), plain(value), "{name}");
    }
    // Of Raft; those of BFT stand in a value of their own.
    let consenters = |metadata: &Value| metadata["consenters"].as_array().cloned().unwrap_or_default();
    assert_eq!(consenters(theirs).len(), consenters(ours).len());
    for (theirs, ours) in consenters(theirs).iter().zip(&consenters(ours)) {
        assert_eq!((&theirs["host"], &theirs["port"]), (&ours["host"], &ours["port"]));
        for certificate in ["client_tls_cert", "server_tls_cert"] {
            let pem = ours[certificate].as_str().unwrap();
            assert_eq!(theirs[certificate].as_str(), Some(STANDARD.encode(pem).as_str()), "{certificate}");
        }
    }
}

fn keys(object: &Value) -> Vec<String> {
    object.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

/// Large numbers are texts in their JSON, and names of constants begin with that of their kind.
fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
    text.trim_start_matches("rotation_").to_owned()
}

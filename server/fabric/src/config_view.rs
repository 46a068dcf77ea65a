//! A channel configuration as a tree that people can read. Values that are not known are shown as base64 and nothing
//! is left out; certificates are shown as PEM. The result is for eyes only: no update is ever made from it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde_json::{Map, Value, json};

use crate::{
    config_update::{ConfigUpdateError, config_from_block},
    genesis::{CONSENSUS_BFT, CONSENSUS_RAFT},
    policy,
    proto::channel::{
        Acls, AnchorPeers, BatchSize, BatchTimeout, BlockDataHashingStructure, Capabilities, ConfigGroup,
        ConfigPolicy, ConfigValue, ConsensusType, FabricMspConfig, HashingAlgorithm, ImplicitMetaPolicy,
        MspConfig, OrdererAddresses, Orderers, Policy, PolicyType, SignaturePolicyEnvelope, etcdraft,
        smartbft,
    },
};

/// A configuration has three levels of groups; more is a sign of broken input.
const DEPTH_MAX: usize = 16;

/// A decoded configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigView {
    /// How often the configuration was changed.
    pub sequence: u64,
    /// Anchor peers (`host:port`) of the application organizations, by MSP ID.
    pub anchors: Vec<(String, Vec<String>)>,
    /// Groups, values and policies.
    pub tree: Value,
}

/// Decodes the configuration in a CONFIG block.
pub fn view(block: &[u8]) -> Result<ConfigView, ConfigUpdateError> {
    let config = config_from_block(block)?;
    let root = config.channel_group.ok_or(ConfigUpdateError::NotConfig)?;
    let members = root.groups.get("Application").map(|application| &application.groups);
    let anchors = members.into_iter().flatten().map(|(msp_id, group)| (msp_id.clone(), anchors(group)));
    Ok(ConfigView { sequence: config.sequence, anchors: anchors.collect(), tree: tree(&root, 0) })
}

fn anchors(group: &ConfigGroup) -> Vec<String> {
    let value = group.values.get("AnchorPeers").map(|value| value.value.as_slice()).unwrap_or_default();
    let decoded = AnchorPeers::decode(value).unwrap_or_default();
    decoded.anchor_peers.into_iter().map(|peer| format!("{}:{}", peer.host, peer.port)).collect()
}

fn tree(group: &ConfigGroup, depth: usize) -> Value {
    if depth >= DEPTH_MAX {
        return Value::Null;
    }
    let groups: Map<String, Value> =
        group.groups.iter().map(|(name, group)| (name.clone(), tree(group, depth + 1))).collect();
    let values: Map<String, Value> =
        group.values.iter().map(|(name, value)| (name.clone(), value_entry(name, value))).collect();
    let policies: Map<String, Value> =
        group.policies.iter().map(|(name, policy)| (name.clone(), policy_entry(policy))).collect();
    json!({
        "groups": groups,
        "values": values,
        "policies": policies,
        "mod_policy": group.mod_policy,
        "version": group.version,
    })
}

fn value_entry(name: &str, value: &ConfigValue) -> Value {
    let decoded = decoded(name, &value.value).unwrap_or_else(|| Value::String(STANDARD.encode(&value.value)));
    json!({ "value": decoded, "mod_policy": value.mod_policy, "version": value.version })
}

/// The content of a known value; `None` for an unknown or unreadable one.
fn decoded(name: &str, bytes: &[u8]) -> Option<Value> {
    Some(match name {
        "AnchorPeers" => {
            let peers = AnchorPeers::decode(bytes).ok()?.anchor_peers.into_iter();
            peers.map(|peer| json!({ "host": peer.host, "port": peer.port })).collect()
        }
        "Capabilities" => Capabilities::decode(bytes).ok()?.capabilities.into_keys().collect(),
        "BatchSize" => {
            let size = BatchSize::decode(bytes).ok()?;
            json!({
                "max_message_count": size.max_message_count,
                "absolute_max_bytes": size.absolute_max_bytes,
                "preferred_max_bytes": size.preferred_max_bytes,
            })
        }
        "BatchTimeout" => json!(BatchTimeout::decode(bytes).ok()?.timeout),
        "Endpoints" | "OrdererAddresses" => {
            OrdererAddresses::decode(bytes).ok()?.addresses.into_iter().collect()
        }
        "HashingAlgorithm" => json!(HashingAlgorithm::decode(bytes).ok()?.name),
        "BlockDataHashingStructure" => json!(BlockDataHashingStructure::decode(bytes).ok()?.width),
        "ACLs" => {
            let acls = Acls::decode(bytes).ok()?.acls.into_iter();
            Value::Object(acls.map(|(name, acl)| (name, json!(acl.policy_ref))).collect())
        }
        "ConsensusType" => consensus(&ConsensusType::decode(bytes).ok()?),
        "Orderers" => {
            let orderers = Orderers::decode(bytes).ok()?.consenter_mapping.into_iter();
            let entry = |one: crate::proto::channel::Consenter| json!({ "id": one.id, "host": one.host, "port": one.port, "msp_id": one.msp_id });
            orderers.map(entry).collect()
        }
        "MSP" => msp(&MspConfig::decode(bytes).ok()?)?,
        _ => return None,
    })
}

fn consensus(consensus: &ConsensusType) -> Value {
    let bytes = consensus.metadata.as_slice();
    let metadata = match consensus.r#type.as_str() {
        CONSENSUS_RAFT => etcdraft::ConfigMetadata::decode(bytes).ok().map(raft),
        CONSENSUS_BFT => smartbft::Options::decode(bytes).ok().map(bft),
        _ => None,
    };
    let metadata = metadata.unwrap_or_else(|| Value::String(STANDARD.encode(bytes)));
    json!({ "type": consensus.r#type, "state": consensus.state, "metadata": metadata })
}

fn raft(metadata: etcdraft::ConfigMetadata) -> Value {
    let consenters = metadata.consenters.iter().map(|one| {
        json!({
            "host": one.host,
            "port": one.port,
            "server_tls_cert": text(&one.server_tls_cert),
            "client_tls_cert": text(&one.client_tls_cert),
        })
    });
    let consenters: Vec<Value> = consenters.collect();
    let options = metadata.options.map(|options| {
        json!({
            "tick_interval": options.tick_interval,
            "election_tick": options.election_tick,
            "heartbeat_tick": options.heartbeat_tick,
            "max_inflight_blocks": options.max_inflight_blocks,
            "snapshot_interval_size": options.snapshot_interval_size,
        })
    });
    json!({ "consenters": consenters, "options": options })
}

/// The consenters of BFT stand in a value of their own, so that only options are left here.
fn bft(options: smartbft::Options) -> Value {
    let rotation = match smartbft::Rotation::try_from(options.leader_rotation) {
        Ok(smartbft::Rotation::Unspecified) => json!("unspecified"),
        Ok(smartbft::Rotation::Off) => json!("off"),
        Ok(smartbft::Rotation::On) => json!("on"),
        Err(_) => json!(options.leader_rotation),
    };
    let options = json!({
        "request_batch_max_count": options.request_batch_max_count,
        "request_batch_max_bytes": options.request_batch_max_bytes,
        "request_batch_max_interval": options.request_batch_max_interval,
        "incoming_message_buffer_size": options.incoming_message_buffer_size,
        "request_pool_size": options.request_pool_size,
        "request_forward_timeout": options.request_forward_timeout,
        "request_complain_timeout": options.request_complain_timeout,
        "request_auto_remove_timeout": options.request_auto_remove_timeout,
        "request_max_bytes": options.request_max_bytes,
        "view_change_resend_interval": options.view_change_resend_interval,
        "view_change_timeout": options.view_change_timeout,
        "leader_heartbeat_timeout": options.leader_heartbeat_timeout,
        "leader_heartbeat_count": options.leader_heartbeat_count,
        "collect_timeout": options.collect_timeout,
        "sync_on_start": options.sync_on_start,
        "speed_up_view_change": options.speed_up_view_change,
        "leader_rotation": rotation,
        "decisions_per_leader": options.decisions_per_leader,
    });
    json!({ "options": options })
}

fn msp(config: &MspConfig) -> Option<Value> {
    let msp = FabricMspConfig::decode(config.config.as_slice()).ok()?;
    let list = |certificates: &[Vec<u8>]| certificates.iter().map(|one| text(one)).collect::<Vec<_>>();
    Some(json!({
        "name": msp.name,
        "root_certs": list(&msp.root_certs),
        "intermediate_certs": list(&msp.intermediate_certs),
        "admins": list(&msp.admins),
        "revocation_list": list(&msp.revocation_list),
        "tls_root_certs": list(&msp.tls_root_certs),
        "tls_intermediate_certs": list(&msp.tls_intermediate_certs),
        "node_ous": msp.fabric_node_ous.is_some_and(|ous| ous.enable),
    }))
}

/// PEM as text; what is no text as base64.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| STANDARD.encode(bytes))
}

fn policy_entry(policy: &ConfigPolicy) -> Value {
    let rule = policy.policy.as_ref().map(policy_text);
    json!({ "policy": rule, "mod_policy": policy.mod_policy, "version": policy.version })
}

/// A policy as people write it: `MAJORITY Admins`, `OR('Org1MSP.admin')`.
fn policy_text(policy: &Policy) -> String {
    let kind = PolicyType::try_from(policy.r#type);
    let read = match kind {
        Ok(PolicyType::ImplicitMeta) => {
            ImplicitMetaPolicy::decode(policy.value.as_slice()).ok().map(|meta| {
                let rule = match meta.rule {
                    0 => "ANY",
                    1 => "ALL",
                    2 => "MAJORITY",
                    _ => "?",
                };
                format!("{rule} {}", meta.sub_policy)
            })
        }
        Ok(PolicyType::Signature) => SignaturePolicyEnvelope::decode(policy.value.as_slice())
            .ok()
            .and_then(|envelope| policy::format(&envelope).ok()),
        _ => None,
    };
    read.unwrap_or_else(|| STANDARD.encode(&policy.value))
}

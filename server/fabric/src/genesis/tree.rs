//! The tree of groups, values and policies of a new channel.
//!
//! Names, policies and their guards are those of Fabric's sample profile, so that the official tools make the
//! same tree from the same material. Everything is guarded by the policy `Admins` of its group.

use std::collections::BTreeMap;

use prost::Message;

use super::{ApplicationOrg, ChannelProfile, Consensus, FabricVersion, OrdererOrg, consensus};
use crate::{
    policy,
    proto::channel::{
        AnchorPeer, AnchorPeers, BatchSize, BatchTimeout, BlockDataHashingStructure, Capabilities,
        Capability, ChannelRestrictions, ConfigGroup, ConfigPolicy, ConfigValue, HashingAlgorithm,
        ImplicitMetaRule::{Any, Majority},
        MspRoleType::{self, Admin, Client, Member, Peer},
        OrdererAddresses, Policy,
    },
};

pub(crate) const ADMINS: &str = "Admins";

/// The root group.
pub(super) fn channel(profile: &ChannelProfile) -> ConfigGroup {
    let capability = match profile.version {
        FabricVersion::V2_5 => "V2_0",
        FabricVersion::V3 => "V3_0",
    };
    let mut root = group([
        ("Readers", policy::implicit(Any, "Readers")),
        ("Writers", policy::implicit(Any, "Writers")),
        (ADMINS, policy::implicit(Majority, ADMINS)),
    ]);
    put(&mut root, "HashingAlgorithm", &HashingAlgorithm { name: "SHA256".into() });
    put(&mut root, "BlockDataHashingStructure", &BlockDataHashingStructure { width: u32::MAX });
    put(&mut root, "Capabilities", &capabilities(capability));
    root.groups.insert("Orderer".into(), orderer(profile));
    root.groups.insert("Application".into(), application(profile));
    root
}

fn orderer(profile: &ChannelProfile) -> ConfigGroup {
    let block_validation = match &profile.consensus {
        Consensus::Raft(_) => policy::implicit(Any, "Writers"),
        Consensus::Bft(consenters) => policy::signature(&consensus::block_validation(consenters)),
    };
    let mut orderer = group([
        ("Readers", policy::implicit(Any, "Readers")),
        ("Writers", policy::implicit(Any, "Writers")),
        (ADMINS, policy::implicit(Majority, ADMINS)),
        ("BlockValidation", block_validation),
    ]);
    let batch = &profile.batch;
    let size = BatchSize {
        max_message_count: batch.max_messages,
        absolute_max_bytes: batch.absolute_max_bytes,
        preferred_max_bytes: batch.preferred_max_bytes,
    };
    let timeout = BatchTimeout { timeout: consensus::go_duration(batch.timeout_ms) };
    put(&mut orderer, "ConsensusType", &consensus::consensus_type(profile));
    put(&mut orderer, "BatchSize", &size);
    put(&mut orderer, "BatchTimeout", &timeout);
    put(&mut orderer, "ChannelRestrictions", &ChannelRestrictions { max_count: 0 });
    put(&mut orderer, "Capabilities", &capabilities("V2_0"));
    if let Consensus::Bft(consenters) = &profile.consensus {
        put(&mut orderer, "Orderers", &consensus::mapping(consenters));
    }
    for org in &profile.orderer_orgs {
        orderer.groups.insert(org.msp.msp_id.clone(), orderer_org(org));
    }
    orderer
}

fn orderer_org(org: &OrdererOrg) -> ConfigGroup {
    let id = org.msp.msp_id.as_str();
    let mut group = group([
        ("Readers", roles(id, &[Member])),
        ("Writers", roles(id, &[Member])),
        (ADMINS, roles(id, &[Admin])),
    ]);
    put(&mut group, "MSP", &org.msp.config());
    put(&mut group, "Endpoints", &OrdererAddresses { addresses: org.endpoints.clone() });
    group
}

fn application(profile: &ChannelProfile) -> ConfigGroup {
    let mut application = group([
        ("Readers", policy::implicit(Any, "Readers")),
        ("Writers", policy::implicit(Any, "Writers")),
        (ADMINS, policy::implicit(Majority, ADMINS)),
        ("Endorsement", policy::implicit(Majority, "Endorsement")),
        ("LifecycleEndorsement", policy::implicit(Majority, "Endorsement")),
    ]);
    put(&mut application, "Capabilities", &capabilities("V2_5"));
    for org in &profile.application_orgs {
        application.groups.insert(org.msp.msp_id.clone(), application_org(org));
    }
    application
}

fn application_org(org: &ApplicationOrg) -> ConfigGroup {
    let id = org.msp.msp_id.as_str();
    let mut group = group([
        ("Readers", roles(id, &[Admin, Peer, Client])),
        ("Writers", roles(id, &[Admin, Client])),
        (ADMINS, roles(id, &[Admin])),
        ("Endorsement", roles(id, &[Peer])),
    ]);
    put(&mut group, "MSP", &org.msp.config());
    if !org.anchor_peers.is_empty() {
        put(&mut group, "AnchorPeers", &anchor_peers(&org.anchor_peers));
    }
    group
}

/// The value `AnchorPeers`.
pub(crate) fn anchor_peers(peers: &[(String, u16)]) -> AnchorPeers {
    let peers = peers.iter().map(|(host, port)| AnchorPeer { host: host.clone(), port: i32::from(*port) });
    AnchorPeers { anchor_peers: peers.collect() }
}

fn roles(msp_id: &str, roles: &[MspRoleType]) -> Policy {
    let rules = roles.iter().map(|role| policy::signed_by(msp_id, *role)).collect();
    policy::signature(&policy::any(rules).envelope())
}

fn capabilities(key: &str) -> Capabilities {
    Capabilities { capabilities: BTreeMap::from([(key.to_owned(), Capability {})]) }
}

fn group<const N: usize>(policies: [(&str, Policy); N]) -> ConfigGroup {
    let policies = policies.into_iter().map(|(name, policy)| {
        (name.to_owned(), ConfigPolicy { version: 0, policy: Some(policy), mod_policy: ADMINS.into() })
    });
    ConfigGroup { policies: policies.collect(), mod_policy: ADMINS.into(), ..ConfigGroup::default() }
}

fn put(group: &mut ConfigGroup, key: &str, value: &impl Message) {
    let value = ConfigValue { version: 0, value: value.encode_to_vec(), mod_policy: ADMINS.into() };
    group.values.insert(key.to_owned(), value);
}

//! First blocks that break exactly one rule of those that nodes have: each is refused, by the name of what is wrong.

use fabric::{
    genesis::{self, ChannelProfile, FabricVersion, VerifyError},
    proto::channel::{
        BatchSize, BatchTimeout, Block, BlockDataHashingStructure, Capabilities, Capability, ChannelHeader,
        ConfigEnvelope, ConfigGroup, ConsensusType, Envelope, FabricMspConfig, HashingAlgorithm, Header,
        ImplicitMetaPolicy, LastConfig, Metadata, MetadataSignature, MspConfig, OrdererBlockMetadata,
        Orderers, Payload, PolicyType, SerializedIdentity, SignatureHeader, SignaturePolicyEnvelope,
        Timestamp, etcdraft, smartbft,
    },
};
use prost::Message;
use sha2::{Digest, Sha256};

use super::{Network, make};

/// A block, taken apart.
#[derive(Clone)]
struct Parts {
    block: Block,
    envelope: Envelope,
    channel: ChannelHeader,
    signature: SignatureHeader,
    config: ConfigEnvelope,
}

impl Parts {
    fn of(profile: &ChannelProfile) -> Self {
        let block = Block::decode(make(profile).unwrap().as_slice()).unwrap();
        let envelope = Envelope::decode(block.data.as_ref().unwrap().data[0].as_slice()).unwrap();
        let payload = Payload::decode(envelope.payload.as_slice()).unwrap();
        let header = payload.header.unwrap();
        Self {
            block,
            envelope,
            channel: ChannelHeader::decode(header.channel_header.as_slice()).unwrap(),
            signature: SignatureHeader::decode(header.signature_header.as_slice()).unwrap(),
            config: ConfigEnvelope::decode(payload.data.as_slice()).unwrap(),
        }
    }

    /// The block again, with the hash that its data have now.
    fn bytes(&self) -> Vec<u8> {
        let header = Header {
            channel_header: self.channel.encode_to_vec(),
            signature_header: self.signature.encode_to_vec(),
        };
        let payload = Payload { header: Some(header), data: self.config.encode_to_vec() };
        let envelope = Envelope { payload: payload.encode_to_vec(), ..self.envelope.clone() }.encode_to_vec();
        let mut block = self.block.clone();
        block.header.as_mut().unwrap().data_hash = Sha256::digest(&envelope).to_vec();
        block.data.as_mut().unwrap().data = vec![envelope];
        block.encode_to_vec()
    }

    fn root(&mut self) -> &mut ConfigGroup {
        self.config.config.as_mut().unwrap().channel_group.as_mut().unwrap()
    }

    /// A group by its path below the channel.
    fn group(&mut self, path: &[&str]) -> &mut ConfigGroup {
        path.iter().fold(self.root(), |group, name| group.groups.get_mut(*name).unwrap())
    }

    fn slot(&mut self, index: usize) -> &mut Vec<u8> {
        &mut self.block.metadata.as_mut().unwrap().metadata[index]
    }

    fn orderer(&mut self) -> &mut ConfigGroup {
        self.group(&["Orderer"])
    }

    fn raft(&mut self, change: impl FnOnce(&mut etcdraft::ConfigMetadata)) {
        set(self.orderer(), "ConsensusType", |consensus: &mut ConsensusType| {
            let mut metadata = etcdraft::ConfigMetadata::decode(consensus.metadata.as_slice()).unwrap();
            change(&mut metadata);
            consensus.metadata = metadata.encode_to_vec();
        });
    }

    fn smartbft(&mut self, change: impl FnOnce(&mut smartbft::Options)) {
        set(self.orderer(), "ConsensusType", |consensus: &mut ConsensusType| {
            let mut options = smartbft::Options::decode(consensus.metadata.as_slice()).unwrap();
            change(&mut options);
            consensus.metadata = options.encode_to_vec();
        });
    }

    fn msp(&mut self, path: &[&str], change: impl FnOnce(&mut FabricMspConfig)) {
        set(self.group(path), "MSP", |config: &mut MspConfig| {
            let mut msp = FabricMspConfig::decode(config.config.as_slice()).unwrap();
            change(&mut msp);
            config.config = msp.encode_to_vec();
        });
    }
}

/// Changes the value of a group.
fn set<M: Message + Default>(group: &mut ConfigGroup, name: &str, change: impl FnOnce(&mut M)) {
    let value = group.values.get_mut(name).unwrap();
    let mut message = M::decode(value.value.as_slice()).unwrap();
    change(&mut message);
    value.value = message.encode_to_vec();
}

type Change<'a> = &'a dyn Fn(&mut Parts);

/// The block as it is, is taken; each change alone has it refused.
fn check(parts: &Parts, cases: &[(Change<'_>, VerifyError)]) {
    genesis::verify(&parts.bytes()).unwrap();
    for (number, (change, expect)) in cases.iter().enumerate() {
        let mut changed = parts.clone();
        change(&mut changed);
        assert_eq!(genesis::verify(&changed.bytes()).as_ref(), Err(expect), "case {number}");
    }
}

fn invalid(path: &str) -> VerifyError {
    VerifyError::Invalid(format!("/Channel{path}"))
}

fn missing(path: &str) -> VerifyError {
    VerifyError::Missing(format!("/Channel{path}"))
}

fn raft_parts(orderers: usize) -> Parts {
    Parts::of(&Network::new(orderers).raft(FabricVersion::V2_5))
}

#[test]
fn headers_and_metadata() {
    let timestamp = |nanos| Some(Timestamp { seconds: 1, nanos });
    let last = |index| Some(LastConfig { index });
    let signed = Metadata { signatures: vec![MetadataSignature::default()], ..Metadata::default() };
    let signed = signed.encode_to_vec();
    let later = OrdererBlockMetadata { last_config: last(1), ..OrdererBlockMetadata::default() };
    let later = Metadata { value: later.encode_to_vec(), signatures: Vec::new() }.encode_to_vec();
    let third = Metadata { value: LastConfig { index: 3 }.encode_to_vec(), signatures: Vec::new() };
    let third = third.encode_to_vec();
    check(
        &raft_parts(1),
        &[
            (&|p| p.channel.r#type = 3, VerifyError::NotConfig),
            (&|p| p.channel.version = 0, VerifyError::Header),
            (&|p| p.channel.epoch = 1, VerifyError::Header),
            (&|p| p.channel.timestamp = None, VerifyError::Header),
            (&|p| p.channel.timestamp = timestamp(1), VerifyError::Header),
            (&|p| p.channel.channel_id = "My".into(), VerifyError::Channel("My".into())),
            (&|p| p.channel.tx_id.make_ascii_uppercase(), VerifyError::TxId),
            (&|p| p.signature.nonce[0] ^= 1, VerifyError::TxId),
            (&|p| p.signature.nonce.truncate(23), VerifyError::Header),
            (&|p| p.signature.creator.push(1), VerifyError::Header),
            (&|p| p.envelope.signature.push(1), VerifyError::Header),
            (&|p| p.config.config.as_mut().unwrap().sequence = 1, VerifyError::NotFirst),
            (&|p| p.config.last_update = Some(Envelope::default()), VerifyError::NotFirst),
            (&|p| p.block.header.as_mut().unwrap().previous_hash.push(1), VerifyError::NotFirst),
            (&|p| p.slot(0).clone_from(&signed), VerifyError::Metadata),
            (&|p| p.slot(0).clone_from(&later), VerifyError::Metadata),
            (&|p| p.slot(1).clone_from(&third), VerifyError::Metadata),
            (&|p| p.slot(2).push(10), VerifyError::Metadata),
        ],
    );
}

#[test]
fn the_tree_and_its_plain_values() {
    let unknown = |path: &str| VerifyError::Capability { path: path.into(), capability: "V9_0".into() };
    let newest = |capabilities: &mut Capabilities| {
        capabilities.capabilities.insert("V9_0".into(), Capability {});
    };
    let size = |p: &mut Parts, change: fn(&mut BatchSize)| set(p.orderer(), "BatchSize", change);
    let wait = |p: &mut Parts, text: &str| {
        set(p.orderer(), "BatchTimeout", |value: &mut BatchTimeout| value.timeout = text.into());
    };
    check(
        &raft_parts(1),
        &[
            (&|p| drop(p.root().groups.remove("Application")), missing("/Application")),
            (
                &|p| drop(p.root().groups.insert("Consortiums".into(), ConfigGroup::default())),
                VerifyError::SystemChannel,
            ),
            (&|p| p.root().version = 1, invalid("")),
            (&|p| p.orderer().mod_policy.clear(), invalid("/Orderer")),
            (&|p| drop(p.orderer().policies.remove("Admins")), missing("/Orderer/Admins")),
            (&|p| drop(p.orderer().policies.remove("BlockValidation")), missing("/Orderer/BlockValidation")),
            (&|p| drop(p.orderer().values.remove("BatchSize")), missing("/Orderer/BatchSize")),
            (&|p| set(p.root(), "Capabilities", newest), unknown("/Channel")),
            (&|p| set(p.orderer(), "Capabilities", newest), unknown("/Channel/Orderer")),
            (
                &|p| {
                    set(p.root(), "HashingAlgorithm", |value: &mut HashingAlgorithm| {
                        value.name = "SHA3_256".into()
                    })
                },
                invalid("/HashingAlgorithm"),
            ),
            (
                &|p| {
                    set(p.root(), "BlockDataHashingStructure", |value: &mut BlockDataHashingStructure| {
                        value.width = 2
                    })
                },
                invalid("/BlockDataHashingStructure"),
            ),
            (&|p| size(p, |size| size.max_message_count = 0), invalid("/Orderer/BatchSize")),
            (
                &|p| size(p, |size| size.preferred_max_bytes = size.absolute_max_bytes + 1),
                invalid("/Orderer/BatchSize"),
            ),
            (&|p| wait(p, "0s"), invalid("/Orderer/BatchTimeout")),
            (&|p| wait(p, "soon"), invalid("/Orderer/BatchTimeout")),
            (
                &|p| set(p.orderer(), "ConsensusType", |value: &mut ConsensusType| value.state = 1),
                invalid("/Orderer/ConsensusType"),
            ),
            (
                &|p| {
                    set(p.orderer(), "ConsensusType", |value: &mut ConsensusType| {
                        value.r#type = "solo".into()
                    })
                },
                invalid("/Orderer/ConsensusType"),
            ),
        ],
    );
}

#[test]
fn policies_that_nobody_can_read() {
    let change = |p: &mut Parts, path: &[&str], r#type: PolicyType, value: Vec<u8>| {
        let policy = p.group(path).policies.get_mut("Readers").unwrap().policy.as_mut().unwrap();
        (policy.r#type, policy.value) = (r#type.into(), value);
    };
    let meta =
        |sub_policy: &str, rule| ImplicitMetaPolicy { sub_policy: sub_policy.into(), rule }.encode_to_vec();
    let org = ["Application", "Org1MSP"];
    // A rule names an identity that is not listed.
    let unlisted = |p: &mut Parts| {
        let policy = p.group(&org).policies.get_mut("Readers").unwrap().policy.as_mut().unwrap();
        let mut envelope = SignaturePolicyEnvelope::decode(policy.value.as_slice()).unwrap();
        envelope.identities.pop().unwrap();
        policy.value = envelope.encode_to_vec();
    };
    check(
        &raft_parts(1),
        &[
            (&|p| change(p, &[], PolicyType::Unknown, meta("Readers", 0)), invalid("/Readers")),
            (&|p| change(p, &[], PolicyType::ImplicitMeta, meta("", 0)), invalid("/Readers")),
            (&|p| change(p, &[], PolicyType::ImplicitMeta, meta("Readers", 9)), invalid("/Readers")),
            (&|p| change(p, &[], PolicyType::ImplicitMeta, vec![0xff]), invalid("/Readers")),
            (
                &|p| change(p, &org, PolicyType::Signature, Vec::new()),
                invalid("/Application/Org1MSP/Readers"),
            ),
            (&unlisted, invalid("/Application/Org1MSP/Readers")),
        ],
    );
}

#[test]
fn consenters_of_raft() {
    let foreign = Network::new(1).orderers.nodes[0].2.cert_pem.clone().into_bytes();
    let options = |p: &mut Parts, change: fn(&mut etcdraft::Options)| {
        p.raft(|metadata| change(metadata.options.as_mut().unwrap()));
    };
    let refused = || invalid("/Orderer/ConsensusType");
    check(
        &raft_parts(3),
        &[
            (&|p| p.raft(|raft| raft.options = None), refused()),
            (&|p| options(p, |options| options.heartbeat_tick = 0), refused()),
            (&|p| options(p, |options| options.election_tick = options.heartbeat_tick), refused()),
            (&|p| options(p, |options| options.max_inflight_blocks = 0), refused()),
            (&|p| options(p, |options| options.tick_interval = "often".into()), refused()),
            (&|p| p.raft(|raft| raft.consenters.clear()), refused()),
            (&|p| p.raft(|raft| raft.consenters[0].host.clear()), refused()),
            (&|p| p.raft(|raft| raft.consenters[0].port = 65_536), refused()),
            (&|p| p.raft(|raft| raft.consenters[1] = raft.consenters[0].clone()), refused()),
            (&|p| p.raft(|raft| raft.consenters[2].server_tls_cert.clone_from(&foreign)), refused()),
            (&|p| p.raft(|raft| raft.consenters[2].client_tls_cert.clone_from(&foreign)), refused()),
        ],
    );
}

#[test]
fn consenters_and_options_of_bft() {
    let network = Network::new(4);
    let foreign = Network::new(1).orderers.nodes[0].1.cert_pem.clone().into_bytes();
    let mapping = |p: &mut Parts, change: fn(&mut Orderers)| set(p.orderer(), "Orderers", change);
    // The policy over blocks follows, so that only the identity itself is wrong.
    let stranger = |p: &mut Parts| {
        set(p.orderer(), "Orderers", |all: &mut Orderers| {
            all.consenter_mapping[0].identity.clone_from(&foreign)
        });
        let policy = p.orderer().policies.get_mut("BlockValidation").unwrap().policy.as_mut().unwrap();
        let mut envelope = SignaturePolicyEnvelope::decode(policy.value.as_slice()).unwrap();
        let identity = SerializedIdentity { mspid: "OrdererMSP".into(), id_bytes: foreign.clone() };
        envelope.identities[0].principal = identity.encode_to_vec();
        policy.value = envelope.encode_to_vec();
    };
    let (options, orderers) = (|| invalid("/Orderer/ConsensusType"), || invalid("/Orderer/Orderers"));
    let validation = || invalid("/Orderer/BlockValidation");
    check(
        &Parts::of(&network.bft()),
        &[
            (&|p| p.smartbft(|bft| bft.collect_timeout = "soon".into()), options()),
            (&|p| p.smartbft(|bft| bft.request_forward_timeout = "21s".into()), options()),
            (&|p| p.smartbft(|bft| bft.request_complain_timeout = "1h".into()), options()),
            (&|p| p.smartbft(|bft| bft.view_change_resend_interval = "21s".into()), options()),
            (&|p| p.smartbft(|bft| bft.leader_heartbeat_count = 0), options()),
            (&|p| p.smartbft(|bft| bft.leader_rotation = smartbft::Rotation::On.into()), options()),
            (&|p| p.smartbft(|bft| bft.decisions_per_leader = 3), options()),
            (&|p| mapping(p, |all| all.consenter_mapping[1].id = 1), orderers()),
            (&|p| mapping(p, |all| all.consenter_mapping[1].id = 0), orderers()),
            (&|p| mapping(p, |all| all.consenter_mapping[1].msp_id = "Org1MSP".into()), validation()),
            (&|p| mapping(p, |all| all.consenter_mapping.truncate(3)), validation()),
            (&stranger, orderers()),
        ],
    );
}

#[test]
fn memberships() {
    let orderer = ["Orderer", "OrdererMSP"];
    let (first, second) = (["Application", "Org1MSP"], ["Application", "Org2MSP"]);
    let leaf = Network::new(1).orderers.nodes[0].1.cert_pem.clone().into_bytes();
    // The signing half of a membership: field 6, which our own message does not have.
    let with_key = |p: &mut Parts| {
        set(p.group(&orderer), "MSP", |value: &mut MspConfig| value.config.extend([0x32, 1, 7]));
    };
    let same_id = |p: &mut Parts| p.msp(&second, |msp| msp.name = "Org1MSP".into());
    let other_in_both = |p: &mut Parts| p.msp(&first, |msp| msp.name = "OrdererMSP".into());
    let (o, a) =
        (|| invalid("/Orderer/OrdererMSP/MSP"), |name: &str| invalid(&format!("/Application/{name}/MSP")));
    check(
        &raft_parts(1),
        &[
            (&|p| set(p.group(&orderer), "MSP", |value: &mut MspConfig| value.r#type = 1), o()),
            (&|p| p.msp(&orderer, |msp| msp.name.clear()), o()),
            (&|p| p.msp(&orderer, |msp| msp.root_certs.clear()), o()),
            (&|p| p.msp(&orderer, |msp| msp.root_certs[0].clone_from(&leaf)), o()),
            (&|p| p.msp(&orderer, |msp| msp.tls_root_certs[0].clone_from(&leaf)), o()),
            (&|p| p.msp(&orderer, |msp| msp.intermediate_certs.clone_from(&msp.root_certs)), o()),
            (&|p| p.msp(&first, |msp| msp.fabric_node_ous = None), a("Org1MSP")),
            (
                &|p| p.msp(&first, |msp| msp.fabric_node_ous.as_mut().unwrap().admin_ou_identifier = None),
                a("Org1MSP"),
            ),
            (&with_key, o()),
            (&same_id, a("Org2MSP")),
            (&other_in_both, a("Org1MSP")),
            (&|p| p.group(&["Application"]).groups.clear(), missing("/Application: organizations")),
        ],
    );
}

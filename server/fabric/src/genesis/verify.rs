//! The checks that orderers and peers make before they join with a block, and what the block says.
//!
//! Works on bytes from anywhere (`orderer/common/channelparticipation/validator.go`); it must never panic.

use prost::Message;
use sha2::{Digest, Sha256};
use x509_cert::der::{
    Encode, Sequence,
    asn1::{OctetStringRef, UintRef},
};

use super::{
    check,
    consensus::{CONSENSUS_BFT, CONSENSUS_RAFT, block_validation_of},
};
use crate::proto::channel::{
    Block, BlockHeader, Capabilities, ChannelHeader, ConfigEnvelope, ConfigGroup, ConfigPolicy,
    ConsensusType, Envelope, HeaderType, OrdererAddresses, Orderers, Payload, PolicyType, SignatureHeader,
    etcdraft, smartbft,
};

mod membership;
mod rules;

use membership::Member;

/// Groups lie below the channel, its two sections and their organizations.
const DEPTH_MAX: usize = 4;

/// Why nodes would refuse the block. `0` names the element, such as `/Channel/Orderer/ConsensusType`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    #[error("{0} cannot be decoded")]
    Decode(&'static str),
    #[error("the block is not the first one of a channel")]
    NotFirst,
    #[error("the block does not hold exactly one configuration")]
    NotConfig,
    #[error("the block's data does not match its hash")]
    DataHash,
    #[error("the block has not all slots of metadata")]
    Metadata,
    #[error("the headers are not those of a first block")]
    Header,
    #[error("the transaction's id does not match its nonce")]
    TxId,
    #[error("{0:?} is not a channel name")]
    Channel(String),
    #[error("the block belongs to a system channel")]
    SystemChannel,
    #[error("{0} is missing")]
    Missing(String),
    #[error("{0} is not valid")]
    Invalid(String),
    #[error("{path} needs the capability {capability}, which is not known")]
    Capability { path: String, capability: String },
}

/// One consenter of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsenterFacts {
    pub host: String,
    pub port: u32,
    /// PEM.
    pub server_tls_pem: String,
}

/// What a genesis block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisFacts {
    pub channel: String,
    /// MSP IDs in alphabetical order.
    pub orderer_orgs: Vec<String>,
    /// MSP IDs in alphabetical order.
    pub application_orgs: Vec<String>,
    /// `etcdraft` or `BFT`.
    pub consensus: String,
    pub consenters: Vec<ConsenterFacts>,
    /// Capability keys of the channel, such as `V2_0`.
    pub channel_capabilities: Vec<String>,
    /// Lower-case hex of the header's hash, which block 1 refers to.
    pub header_hash_hex: String,
}

/// Checks a genesis block (block 0 of an application channel without a system channel).
pub fn verify(bytes: &[u8]) -> Result<GenesisFacts, VerifyError> {
    let block = Block::decode(bytes).map_err(|_| VerifyError::Decode("the block"))?;
    let header = block.header.ok_or(VerifyError::Decode("the block's header"))?;
    if header.number != 0 || !header.previous_hash.is_empty() {
        return Err(VerifyError::NotFirst);
    }
    let data = block.data.unwrap_or_default().data;
    let [envelope] = data.as_slice() else { return Err(VerifyError::NotConfig) };
    if header.data_hash != Sha256::digest(envelope).as_slice() {
        return Err(VerifyError::DataHash);
    }
    if !rules::is_first_metadata(&block.metadata.unwrap_or_default().metadata) {
        return Err(VerifyError::Metadata);
    }
    let (channel, config) = transaction(envelope)?;
    if config.last_update.is_some() || config.config.as_ref().is_some_and(|config| config.sequence != 0) {
        return Err(VerifyError::NotFirst);
    }
    let root = config.config.and_then(|config| config.channel_group);
    let root = root.ok_or(VerifyError::Decode("the configuration"))?;
    if root.groups.contains_key("Consortiums") {
        return Err(VerifyError::SystemChannel);
    }
    group("/Channel", &root, 0)?;
    let header_hash_hex = hex::encode(header_hash(&header).ok_or(VerifyError::Decode("the block's header"))?);
    facts(channel, &root, header_hash_hex)
}

/// SHA-256 over the header's DER; the next block carries it.
pub(crate) fn header_hash(header: &BlockHeader) -> Option<Vec<u8>> {
    let number = header.number.to_be_bytes();
    let header = Asn1Header {
        number: UintRef::new(&number).ok()?,
        previous_hash: OctetStringRef::new(&header.previous_hash).ok()?,
        data_hash: OctetStringRef::new(&header.data_hash).ok()?,
    };
    Some(Sha256::digest(header.to_der().ok()?).to_vec())
}

#[derive(Sequence)]
struct Asn1Header<'a> {
    number: UintRef<'a>,
    previous_hash: OctetStringRef<'a>,
    data_hash: OctetStringRef<'a>,
}

fn transaction(envelope: &[u8]) -> Result<(String, ConfigEnvelope), VerifyError> {
    let envelope = Envelope::decode(envelope).map_err(|_| VerifyError::Decode("the envelope"))?;
    let payload = Payload::decode(envelope.payload.as_slice());
    let payload = payload.map_err(|_| VerifyError::Decode("the payload"))?;
    let header = payload.header.ok_or(VerifyError::Decode("the payload's header"))?;
    let channel_header = ChannelHeader::decode(header.channel_header.as_slice());
    let channel_header = channel_header.map_err(|_| VerifyError::Decode("the channel header"))?;
    let signature_header = SignatureHeader::decode(header.signature_header.as_slice());
    let signature_header = signature_header.map_err(|_| VerifyError::Decode("the signature header"))?;
    if channel_header.r#type != i32::from(HeaderType::Config) {
        return Err(VerifyError::NotConfig);
    }
    if !check::is_channel_name(&channel_header.channel_id) {
        return Err(VerifyError::Channel(channel_header.channel_id));
    }
    if !envelope.signature.is_empty() || !rules::are_first_headers(&channel_header, &signature_header) {
        return Err(VerifyError::Header);
    }
    let hash = Sha256::new().chain_update(&signature_header.nonce).chain_update(&signature_header.creator);
    if channel_header.tx_id != hex::encode(hash.finalize()) {
        return Err(VerifyError::TxId);
    }
    let config = ConfigEnvelope::decode(payload.data.as_slice());
    Ok((channel_header.channel_id, config.map_err(|_| VerifyError::Decode("the configuration"))?))
}

/// Names, versions and guards of everything in the tree.
fn group(path: &str, group: &ConfigGroup, depth: usize) -> Result<(), VerifyError> {
    let invalid = |name: &str| VerifyError::Invalid(format!("{path}/{name}"));
    if depth > DEPTH_MAX || group.version != 0 || group.mod_policy.is_empty() {
        return Err(VerifyError::Invalid(path.to_owned()));
    }
    for (name, value) in &group.values {
        if !check::is_config_key(name) || value.version != 0 || value.mod_policy.is_empty() {
            return Err(invalid(name));
        }
    }
    for (name, policy) in &group.policies {
        let is_readable = policy.policy.as_ref().is_some_and(rules::is_policy);
        if !check::is_config_key(name) || policy.version != 0 || policy.mod_policy.is_empty() || !is_readable
        {
            return Err(invalid(name));
        }
    }
    for name in ["Readers", "Writers", "Admins"] {
        if !group.policies.contains_key(name) {
            return Err(VerifyError::Missing(format!("{path}/{name}")));
        }
    }
    for (name, child) in &group.groups {
        if !check::is_config_key(name) {
            return Err(invalid(name));
        }
        self::group(&format!("{path}/{name}"), child, depth + 1)?;
    }
    Ok(())
}

fn facts(channel: String, root: &ConfigGroup, header_hash_hex: String) -> Result<GenesisFacts, VerifyError> {
    let section =
        |name: &str| root.groups.get(name).ok_or_else(|| VerifyError::Missing(format!("/Channel/{name}")));
    let (orderer, application) = (section("Orderer")?, section("Application")?);
    let channel_capabilities =
        capabilities("/Channel", root, &["V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0", "V3_0"])?;
    capabilities("/Channel/Orderer", orderer, &["V1_1", "V1_4_2", "V2_0"])?;
    capabilities("/Channel/Application", application, &["V1_1", "V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"])?;
    let newest = channel_capabilities.iter().any(|key| key == "V3_0");
    endpoints(root, orderer, newest)?;
    rules::values(root, orderer)?;
    let orderers = membership::organizations("/Channel/Orderer", orderer)?;
    let applications = membership::organizations("/Channel/Application", application)?;
    membership::same_in_both(&orderers, &applications)?;
    let consensus: ConsensusType = value("/Channel/Orderer", orderer, "ConsensusType")?;
    let consenters = match consensus.r#type.as_str() {
        CONSENSUS_RAFT => raft(&consensus, &orderers)?,
        CONSENSUS_BFT if newest => bft(&consensus, orderer, &orderers)?,
        _ => return Err(VerifyError::Invalid("/Channel/Orderer/ConsensusType".into())),
    };
    let ids = |members: Vec<Member>| members.into_iter().map(|member| member.msp_id).collect();
    Ok(GenesisFacts {
        channel,
        orderer_orgs: ids(orderers),
        application_orgs: ids(applications),
        consensus: consensus.r#type,
        consenters,
        channel_capabilities,
        header_hash_hex,
    })
}

/// Reads the value `name` of a group.
fn value<M: Message + Default>(path: &str, group: &ConfigGroup, name: &str) -> Result<M, VerifyError> {
    let found = group.values.get(name).ok_or_else(|| VerifyError::Missing(format!("{path}/{name}")))?;
    M::decode(found.value.as_slice()).map_err(|_| VerifyError::Invalid(format!("{path}/{name}")))
}

fn capabilities(path: &str, group: &ConfigGroup, known: &[&str]) -> Result<Vec<String>, VerifyError> {
    let found: Capabilities = value(path, group, "Capabilities")?;
    match found.capabilities.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(found.capabilities.into_keys().collect()),
        Some(key) => Err(VerifyError::Capability { path: path.to_owned(), capability: key.clone() }),
    }
}

/// With the newest capability every ordering organization names its own endpoints, and there is no global list.
fn endpoints(root: &ConfigGroup, orderer: &ConfigGroup, newest: bool) -> Result<(), VerifyError> {
    let global = root.values.get("OrdererAddresses").is_some_and(|global| !global.value.is_empty());
    if newest && global {
        return Err(VerifyError::Invalid("/Channel/OrdererAddresses".into()));
    }
    for (name, org) in &orderer.groups {
        let path = format!("/Channel/Orderer/{name}");
        let own = if org.values.contains_key("Endpoints") {
            value::<OrdererAddresses>(&path, org, "Endpoints")?.addresses
        } else {
            Vec::new()
        };
        if own.is_empty() && (newest || !global) {
            return Err(VerifyError::Missing(format!("{path}/Endpoints")));
        }
    }
    Ok(())
}

fn raft(consensus: &ConsensusType, orderers: &[Member]) -> Result<Vec<ConsenterFacts>, VerifyError> {
    let invalid = || VerifyError::Invalid("/Channel/Orderer/ConsensusType".into());
    let metadata = etcdraft::ConfigMetadata::decode(consensus.metadata.as_slice()).map_err(|_| invalid())?;
    if !metadata.options.as_ref().is_some_and(rules::are_raft_options) {
        return Err(invalid());
    }
    membership::consenters(metadata.consenters, orderers).ok_or_else(invalid)
}

/// Besides the mapping itself, the policy over blocks must be the one that orderers compute from it.
fn bft(
    consensus: &ConsensusType,
    orderer: &ConfigGroup,
    orderers: &[Member],
) -> Result<Vec<ConsenterFacts>, VerifyError> {
    let invalid = |name: &str| VerifyError::Invalid(format!("/Channel/Orderer/{name}"));
    let options = smartbft::Options::decode(consensus.metadata.as_slice()).ok();
    if !options.is_some_and(|options| rules::are_bft_options(&options)) {
        return Err(invalid("ConsensusType"));
    }
    let mapping: Orderers = value("/Channel/Orderer", orderer, "Orderers")?;
    let wanted = block_validation_of(&mapping).encode_to_vec();
    let policy =
        orderer.policies.get("BlockValidation").and_then(|policy: &ConfigPolicy| policy.policy.as_ref());
    let signature = i32::from(PolicyType::Signature);
    if !policy.is_some_and(|policy| policy.r#type == signature && policy.value == wanted) {
        return Err(invalid("BlockValidation"));
    }
    if !membership::are_signers(&mapping, orderers) {
        return Err(invalid("Orderers"));
    }
    let seats = mapping.consenter_mapping.into_iter().map(|one| etcdraft::Consenter {
        host: one.host,
        port: one.port,
        client_tls_cert: one.client_tls_cert,
        server_tls_cert: one.server_tls_cert,
    });
    membership::consenters(seats.collect(), orderers).ok_or_else(|| invalid("Orderers"))
}

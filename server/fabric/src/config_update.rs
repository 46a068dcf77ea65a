//! Changes of a channel's configuration: from the wanted configuration to a signed transaction.
//!
//! Reads the current configuration from a block, computes the smallest update that leads to the wanted one,
//! signs it and wraps it. Values that are not touched keep the bytes they came as: a newer Fabric may have put
//! fields there that we do not know. Who must sign is not decided here.

use prost::Message;

use crate::{
    genesis::{anchor_peers, go_duration},
    identity::SigningIdentity,
    proto::channel::{
        BatchTimeout, Block, ChannelHeader, Config, ConfigEnvelope, ConfigGroup, ConfigSignature,
        ConfigUpdateEnvelope, ConfigValue, ConsensusType, Envelope, FabricMspConfig, Header, HeaderType,
        MspConfig, Payload, SignatureHeader, Timestamp, smartbft,
    },
};

mod delta;

pub use delta::delta;

/// Why there is no update.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigUpdateError {
    #[error("{0} cannot be decoded")]
    Decode(&'static str),
    #[error("the block holds no configuration")]
    NotConfig,
    #[error("{0} is not in the configuration")]
    Missing(String),
    #[error("the configuration would not change")]
    Unchanged,
    #[error("the configuration is nested too deeply")]
    TooDeep,
    #[error("a batch needs a timeout")]
    Timeout,
}

/// The configuration in a CONFIG block.
pub fn config_from_block(block: &[u8]) -> Result<Config, ConfigUpdateError> {
    use ConfigUpdateError::Decode;
    let block = Block::decode(block).map_err(|_| Decode("the block"))?;
    let data = block.data.ok_or(ConfigUpdateError::NotConfig)?.data;
    let [envelope] = data.as_slice() else { return Err(ConfigUpdateError::NotConfig) };
    let envelope = Envelope::decode(envelope.as_slice()).map_err(|_| Decode("the envelope"))?;
    let payload = Payload::decode(envelope.payload.as_slice()).map_err(|_| Decode("the payload"))?;
    let header = payload.header.ok_or(Decode("the payload's header"))?;
    let header = ChannelHeader::decode(header.channel_header.as_slice());
    if header.map_err(|_| Decode("the channel header"))?.r#type != i32::from(HeaderType::Config) {
        return Err(ConfigUpdateError::NotConfig);
    }
    let config = ConfigEnvelope::decode(payload.data.as_slice()).map_err(|_| Decode("the configuration"))?;
    config.config.ok_or(ConfigUpdateError::NotConfig)
}

/// The bytes of an update, which all its signers sign.
pub fn encode(update: &crate::proto::channel::ConfigUpdate) -> Vec<u8> {
    update.encode_to_vec()
}

/// One signer's signature over the update's bytes. `nonce` must be random and used once.
pub fn sign(signer: &SigningIdentity, config_update: &[u8], nonce: [u8; 24]) -> ConfigSignature {
    let signature_header = signature_header(signer, nonce);
    let signature = signer.sign(&[signature_header.as_slice(), config_update].concat());
    ConfigSignature { signature_header, signature }
}

/// The transaction to broadcast. The submitter's own [`ConfigSignature`] must be among the signatures: the
/// envelope's signature does not count. `config_update` are the bytes that all have signed.
pub fn envelope(
    submitter: &SigningIdentity,
    channel: &str,
    config_update: Vec<u8>,
    signatures: Vec<ConfigSignature>,
    timestamp_unix_s: i64,
    nonce: [u8; 24],
) -> Envelope {
    let channel_header = ChannelHeader {
        r#type: HeaderType::ConfigUpdate.into(),
        timestamp: Some(Timestamp { seconds: timestamp_unix_s, nanos: 0 }),
        channel_id: channel.into(),
        ..ChannelHeader::default()
    };
    let payload = Payload {
        header: Some(Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: signature_header(submitter, nonce),
        }),
        data: ConfigUpdateEnvelope { config_update, signatures }.encode_to_vec(),
    };
    let payload = payload.encode_to_vec();
    let signature = submitter.sign(&payload);
    Envelope { payload, signature }
}

fn signature_header(signer: &SigningIdentity, nonce: [u8; 24]) -> Vec<u8> {
    SignatureHeader { creator: signer.creator(), nonce: nonce.to_vec() }.encode_to_vec()
}

/// The configuration with other anchor peers (host and port) for one organization; none removes the value.
pub fn set_anchor_peers(
    config: &Config,
    msp_id: &str,
    peers: &[(String, u16)],
) -> Result<Config, ConfigUpdateError> {
    let mut wanted = config.clone();
    let org = group(&mut wanted, &["Application", msp_id])?;
    if peers.is_empty() {
        org.values.remove("AnchorPeers");
    } else {
        put(org, "AnchorPeers", anchor_peers(peers).encode_to_vec());
    }
    Ok(wanted)
}

/// The configuration with another revocation list (PEM) for one organization, instead of those it had.
pub fn set_revocations(config: &Config, msp_id: &str, crl_pem: &str) -> Result<Config, ConfigUpdateError> {
    let mut wanted = config.clone();
    let org = group(&mut wanted, &["Application", msp_id])?;
    let missing = || ConfigUpdateError::Missing(format!("/Channel/Application/{msp_id}/MSP"));
    let value = org.values.get("MSP").ok_or_else(missing)?;
    let unreadable = |_| ConfigUpdateError::Decode("the MSP");
    let mut msp = MspConfig::decode(value.value.as_slice()).map_err(unreadable)?;
    let mut members = FabricMspConfig::decode(msp.config.as_slice()).map_err(unreadable)?;
    members.revocation_list = vec![crl_pem.as_bytes().to_vec()];
    msp.config = members.encode_to_vec();
    put(org, "MSP", msp.encode_to_vec());
    Ok(wanted)
}

/// The revocation lists (PEM) of one organization.
pub fn revocations(config: &Config, msp_id: &str) -> Result<Vec<String>, ConfigUpdateError> {
    let mut config = config.clone();
    let org = group(&mut config, &["Application", msp_id])?;
    let unreadable = |_| ConfigUpdateError::Decode("the MSP");
    let value = org.values.get("MSP").map(|value| value.value.as_slice()).unwrap_or_default();
    let msp = MspConfig::decode(value).map_err(unreadable)?;
    let members = FabricMspConfig::decode(msp.config.as_slice()).map_err(unreadable)?;
    let text =
        |list: Vec<u8>| String::from_utf8(list).map_err(|_| ConfigUpdateError::Decode("a revocation list"));
    members.revocation_list.into_iter().map(text).collect()
}

/// The configuration with another longest wait for a batch. BFT channels have it in their options as well.
pub fn set_batch_timeout(config: &Config, timeout_ms: u32) -> Result<Config, ConfigUpdateError> {
    if timeout_ms == 0 {
        return Err(ConfigUpdateError::Timeout);
    }
    let timeout = go_duration(timeout_ms);
    let mut wanted = config.clone();
    let orderer = group(&mut wanted, &["Orderer"])?;
    let missing = || ConfigUpdateError::Missing("/Channel/Orderer/ConsensusType".into());
    let consensus = orderer.values.get("ConsensusType").ok_or_else(missing)?;
    let unreadable = |_| ConfigUpdateError::Decode("the consensus type");
    let mut consensus = ConsensusType::decode(consensus.value.as_slice()).map_err(unreadable)?;
    if consensus.r#type == crate::genesis::CONSENSUS_BFT {
        let mut options = smartbft::Options::decode(consensus.metadata.as_slice()).map_err(unreadable)?;
        options.request_batch_max_interval.clone_from(&timeout);
        consensus.metadata = options.encode_to_vec();
        put(orderer, "ConsensusType", consensus.encode_to_vec());
    }
    put(orderer, "BatchTimeout", BatchTimeout { timeout }.encode_to_vec());
    Ok(wanted)
}

/// The group below `/Channel` at a path.
fn group<'a>(config: &'a mut Config, path: &[&str]) -> Result<&'a mut ConfigGroup, ConfigUpdateError> {
    let missing = || ConfigUpdateError::Missing(format!("/Channel/{}", path.join("/")));
    let mut at = config.channel_group.as_mut().ok_or_else(missing)?;
    for name in path {
        at = at.groups.get_mut(*name).ok_or_else(missing)?;
    }
    Ok(at)
}

/// Changes a value's content and keeps its version and guard; a new one is guarded by the group's admins.
fn put(group: &mut ConfigGroup, key: &str, content: Vec<u8>) {
    let new = || ConfigValue { version: 0, value: Vec::new(), mod_policy: "Admins".into() };
    group.values.entry(key.to_owned()).or_insert_with(new).value = content;
}

#[cfg(test)]
mod tests;

//! The first block of a channel: from a profile to bytes, and the checks that nodes will make on it.
//!
//! The same profile, time and nonce always give the same bytes. All nodes of a channel must be given one and the
//! same block, so it is made once and kept; this module must never read the clock or random numbers.

use prost::Message;
use sha2::{Digest, Sha256};

use crate::{
    msp::Msp,
    proto::channel::{
        Block, BlockData, BlockHeader, BlockMetadata, ChannelHeader, Config, ConfigEnvelope, Envelope,
        Header, HeaderType, LastConfig, Metadata, OrdererBlockMetadata, Payload, SignatureHeader, Timestamp,
    },
};

mod check;
mod consensus;
mod tree;
mod verify;

pub use check::GenesisError;
pub use verify::{ConsenterFacts, GenesisFacts, VerifyError, verify};

pub(crate) use consensus::{CONSENSUS_BFT, CONSENSUS_RAFT, go_duration};
pub(crate) use tree::anchor_peers;

/// Slots of a block's metadata, filled or not.
const METADATA_SLOTS: usize = 5;

/// Generation of the oldest node in the channel; decides the capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FabricVersion {
    V2_5,
    V3,
}

/// Everything that a new channel consists of.
#[derive(Clone, Debug)]
pub struct ChannelProfile {
    /// `[a-z][a-z0-9.-]*`, at most 249 characters.
    pub channel: String,
    pub version: FabricVersion,
    pub orderer_orgs: Vec<OrdererOrg>,
    pub application_orgs: Vec<ApplicationOrg>,
    pub consensus: Consensus,
    pub batch: Batch,
}

/// An organization that runs ordering nodes.
#[derive(Clone, Debug)]
pub struct OrdererOrg {
    pub msp: Msp,
    /// `host:port` of its ordering nodes, as peers and clients dial them.
    pub endpoints: Vec<String>,
}

/// An organization that runs peers.
#[derive(Clone, Debug)]
pub struct ApplicationOrg {
    pub msp: Msp,
    /// Host and port of the peers by which other organizations find this one.
    pub anchor_peers: Vec<(String, u16)>,
}

/// The consenters and how they agree.
#[derive(Clone, Debug)]
pub enum Consensus {
    /// Crash fault tolerant; 1, 3 or 5 consenters.
    Raft(Vec<RaftConsenter>),
    /// Byzantine fault tolerant, Fabric 3 only; 4 or 7 consenters.
    Bft(Vec<BftConsenter>),
}

/// Host and port are those that other ordering nodes dial.
#[derive(Clone, Debug)]
pub struct RaftConsenter {
    pub host: String,
    pub port: u16,
    pub client_tls_pem: String,
    pub server_tls_pem: String,
}

/// As [`RaftConsenter`], with the identity that signs blocks.
#[derive(Clone, Debug)]
pub struct BftConsenter {
    /// From 1 on, unique.
    pub id: u32,
    pub host: String,
    pub port: u16,
    pub msp_id: String,
    /// The ordering node's sign certificate.
    pub identity_pem: String,
    pub client_tls_pem: String,
    pub server_tls_pem: String,
}

/// When a block is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Longest wait after the first transaction.
    pub timeout_ms: u32,
    pub max_messages: u32,
    pub absolute_max_bytes: u32,
    pub preferred_max_bytes: u32,
}

impl Default for Batch {
    /// Fabric's own defaults.
    fn default() -> Self {
        Self {
            timeout_ms: 2000,
            max_messages: 500,
            absolute_max_bytes: 10 * 1024 * 1024,
            preferred_max_bytes: 2 * 1024 * 1024,
        }
    }
}

/// Bytes of block 0. `timestamp_unix_s` is in seconds; the nonce must be random and used once.
pub fn block(
    profile: &ChannelProfile,
    timestamp_unix_s: i64,
    nonce: [u8; 24],
) -> Result<Vec<u8>, GenesisError> {
    check::profile(profile)?;
    let config = Config { sequence: 0, channel_group: Some(tree::channel(profile)) };
    let envelope = config_envelope(&profile.channel, config, timestamp_unix_s, nonce);
    let data = envelope.encode_to_vec();
    let block = Block {
        header: Some(BlockHeader {
            number: 0,
            previous_hash: Vec::new(),
            data_hash: Sha256::digest(&data).to_vec(),
        }),
        data: Some(BlockData { data: vec![data] }),
        metadata: Some(metadata()),
    };
    let bytes = block.encode_to_vec();
    // What nodes would refuse must never leave this module.
    verify(&bytes)?;
    Ok(bytes)
}

/// The only transaction: without a creator and without a signature.
fn config_envelope(channel: &str, config: Config, timestamp_unix_s: i64, nonce: [u8; 24]) -> Envelope {
    let channel_header = ChannelHeader {
        r#type: HeaderType::Config.into(),
        version: 1,
        timestamp: Some(Timestamp { seconds: timestamp_unix_s, nanos: 0 }),
        channel_id: channel.into(),
        tx_id: hex::encode(Sha256::digest(nonce)),
        ..ChannelHeader::default()
    };
    let signature_header = SignatureHeader { creator: Vec::new(), nonce: nonce.to_vec() };
    let payload = Payload {
        header: Some(Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: signature_header.encode_to_vec(),
        }),
        data: ConfigEnvelope { config: Some(config), last_update: None }.encode_to_vec(),
    };
    Envelope { payload: payload.encode_to_vec(), signature: Vec::new() }
}

/// Slot 0 points to block 0 as the last configuration; the others are empty, but must be there.
fn metadata() -> BlockMetadata {
    let last =
        OrdererBlockMetadata { last_config: Some(LastConfig { index: 0 }), consenter_metadata: Vec::new() };
    let signatures = Metadata { value: last.encode_to_vec(), signatures: Vec::new() };
    let mut slots = vec![Vec::new(); METADATA_SLOTS];
    if let Some(first) = slots.first_mut() {
        *first = signatures.encode_to_vec();
    }
    BlockMetadata { metadata: slots }
}

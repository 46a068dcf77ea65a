//! Builds and signs proposals.
//!
//! The transaction id exists before anything is sent, so that a caller can store it first and look it up after
//! a crash. Transient data goes into the signed bytes for the peer and nowhere else.

use std::{
    collections::BTreeMap,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;
use sha2::{Digest, Sha256};

use crate::{
    error::FabricError,
    identity::SigningIdentity,
    proto::{
        channel::{ChannelHeader, Header, HeaderType, SignatureHeader, Timestamp},
        peer::{
            CHAINCODE_TYPE_GOLANG, ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput,
            ChaincodeInvocationSpec, ChaincodeProposalPayload, ChaincodeSpec, Proposal as ProposalMessage,
            SignedProposal,
        },
    },
};

/// A call of a chaincode.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// Empty for calls that concern the peer itself.
    pub channel: String,
    pub chaincode: String,
    /// The first one is the function's name.
    pub args: Vec<Vec<u8>>,
    /// Private input; never ordered, never stored on the ledger.
    pub transient: BTreeMap<String, Vec<u8>>,
    /// The first call of a version whose definition demands it.
    pub is_init: bool,
}

impl Invocation {
    /// A call without transient data.
    pub fn new(channel: &str, chaincode: &str, args: Vec<Vec<u8>>) -> Self {
        Self { channel: channel.into(), chaincode: chaincode.into(), args, ..Self::default() }
    }
}

impl fmt::Debug for Invocation {
    /// Arguments and transient data may be private.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Invocation")
            .field("channel", &self.channel)
            .field("chaincode", &self.chaincode)
            .field("args", &self.args.len())
            .finish_non_exhaustive()
    }
}

/// A signed proposal, and the parts of it that a transaction repeats.
#[derive(Clone)]
pub struct Proposal {
    tx_id: String,
    channel: String,
    chaincode: String,
    header: Header,
    /// The payload without transient data.
    public_payload: Vec<u8>,
    signed: SignedProposal,
}

impl Proposal {
    /// Signs a proposal with a fresh nonce and the current time.
    pub fn new(identity: &SigningIdentity, call: &Invocation) -> Result<Self, FabricError> {
        let mut nonce = [0_u8; 24];
        getrandom::fill(&mut nonce).map_err(|_| FabricError::Settings("no random numbers".into()))?;
        Ok(Self::build(identity, call, nonce, SystemTime::now()))
    }

    /// The same with given nonce and time; equal input gives equal bytes (apart from the signature).
    pub fn build(identity: &SigningIdentity, call: &Invocation, nonce: [u8; 24], now: SystemTime) -> Self {
        let creator = identity.creator();
        let tx_id = tx_id(&nonce, &creator);
        let chaincode_id = ChaincodeId { name: call.chaincode.clone(), ..ChaincodeId::default() };
        let extension = ChaincodeHeaderExtension { chaincode_id: Some(chaincode_id.clone()) };
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            version: 1,
            timestamp: Some(timestamp(now)),
            channel_id: call.channel.clone(),
            tx_id: tx_id.clone(),
            extension: extension.encode_to_vec(),
            ..ChannelHeader::default()
        };
        let header = Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: SignatureHeader { creator, nonce: nonce.to_vec() }.encode_to_vec(),
        };
        let input =
            ChaincodeInput { args: call.args.clone(), decorations: BTreeMap::new(), is_init: call.is_init };
        let spec = ChaincodeSpec {
            r#type: CHAINCODE_TYPE_GOLANG,
            chaincode_id: Some(chaincode_id),
            input: Some(input),
            timeout: 0,
        };
        let input = ChaincodeInvocationSpec { chaincode_spec: Some(spec) }.encode_to_vec();
        let mut payload = ChaincodeProposalPayload { input, transient_map: BTreeMap::new() };
        let public_payload = payload.encode_to_vec();
        payload.transient_map.clone_from(&call.transient);
        let proposal = ProposalMessage {
            header: header.encode_to_vec(),
            payload: payload.encode_to_vec(),
            extension: Vec::new(),
        };
        let proposal_bytes = proposal.encode_to_vec();
        let signature = identity.sign(&proposal_bytes);
        Self {
            tx_id,
            channel: call.channel.clone(),
            chaincode: call.chaincode.clone(),
            header,
            public_payload,
            signed: SignedProposal { proposal_bytes, signature },
        }
    }

    /// Transaction id: lower-case hexadecimal, 64 characters.
    pub fn tx_id(&self) -> &str {
        &self.tx_id
    }

    pub fn channel(&self) -> &str {
        &self.channel
    }

    pub fn chaincode(&self) -> &str {
        &self.chaincode
    }

    /// What is sent to a peer.
    pub fn signed(&self) -> &SignedProposal {
        &self.signed
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Marshalled `ChaincodeProposalPayload` as it goes into the transaction.
    pub(crate) fn public_payload(&self) -> &[u8] {
        &self.public_payload
    }

    /// What endorsers must put into their responses: the hash over both headers and the public payload.
    pub(crate) fn hash(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(&self.header.channel_header);
        hash.update(&self.header.signature_header);
        hash.update(&self.public_payload);
        hash.finalize().to_vec()
    }
}

/// The id that every node recomputes from nonce and creator.
pub(crate) fn tx_id(nonce: &[u8], creator: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(nonce).chain_update(creator).finalize())
}

/// Protobuf time; a clock before 1970 counts as 1970.
pub(crate) fn timestamp(now: SystemTime) -> Timestamp {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

//! Transactions through a peer's gateway service (Fabric 2.4 and newer): evaluate, endorse, submit, wait.
//!
//! The gateway finds endorsers and orderers itself. Each phase is its own call, so that callers can time it, and
//! the transaction id is known before the first one. A prepared transaction is signed only after it was compared
//! with the proposal.

use std::time::Duration;

use prost::Message;

use crate::{
    block::ValidationCode,
    conn::NodeConn,
    endorser::{Invocation, Proposal, verify_prepared},
    error::FabricError,
    identity::SigningIdentity,
    proto::{
        channel::Envelope,
        peer::{
            Response,
            gateway::{
                CommitStatusRequest, CommitStatusResponse, EndorseRequest, EndorseResponse, EvaluateRequest,
                EvaluateResponse, SignedCommitStatusRequest, SubmitRequest, SubmitResponse,
            },
        },
    },
};

const EVALUATE: &str = "/gateway.Gateway/Evaluate";
const ENDORSE: &str = "/gateway.Gateway/Endorse";
const SUBMIT: &str = "/gateway.Gateway/Submit";
const COMMIT_STATUS: &str = "/gateway.Gateway/CommitStatus";

/// A little more than the peers' own limits (30 s), so that their explanation arrives.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// A peer's gateway as seen by one identity; cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    conn: NodeConn,
    identity: SigningIdentity,
}

/// A proposal that has its transaction id and was not sent yet.
pub struct Prepared {
    gateway: Gateway,
    proposal: Proposal,
    organizations: Vec<String>,
}

/// An endorsed and signed transaction.
pub struct Endorsed {
    gateway: Gateway,
    tx_id: String,
    channel: String,
    envelope: Envelope,
    response: Response,
}

/// A transaction that was accepted for ordering.
pub struct Submitted {
    gateway: Gateway,
    tx_id: String,
    channel: String,
}

/// Where a transaction stands and whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub block: u64,
    pub code: ValidationCode,
}

impl Committed {
    /// An error unless the transaction is valid.
    pub fn ensure_valid(self, tx_id: &str) -> Result<Self, FabricError> {
        if self.code == ValidationCode::Valid {
            return Ok(self);
        }
        Err(FabricError::Validation { tx_id: tx_id.into(), block: self.block, code: self.code })
    }
}

impl Gateway {
    pub fn new(conn: NodeConn, identity: SigningIdentity) -> Self {
        Self { conn, identity }
    }

    pub fn identity(&self) -> &SigningIdentity {
        &self.identity
    }

    pub fn conn(&self) -> &NodeConn {
        &self.conn
    }

    /// Builds and signs the proposal. `organizations` are MSP IDs that must endorse (or, when evaluating, that
    /// may answer); empty lets the peer choose by policy. With transient data it should be given.
    pub fn prepare(&self, call: &Invocation, organizations: Vec<String>) -> Result<Prepared, FabricError> {
        let proposal = Proposal::new(&self.identity, call)?;
        Ok(Prepared { gateway: self.clone(), proposal, organizations })
    }

    /// The status of a transaction that was submitted before, perhaps by an earlier process. An unknown id
    /// waits until `deadline`.
    pub async fn commit_status(
        &self,
        channel: &str,
        tx_id: &str,
        deadline: Duration,
    ) -> Result<Committed, FabricError> {
        let request = CommitStatusRequest {
            transaction_id: tx_id.into(),
            channel_id: channel.into(),
            identity: self.identity.creator(),
        }
        .encode_to_vec();
        let signature = self.identity.sign(&request);
        let message = SignedCommitStatusRequest { request, signature };
        let answer: CommitStatusResponse = self.conn.unary(COMMIT_STATUS, message, deadline).await?;
        Ok(Committed { block: answer.block_number, code: ValidationCode::from_number(answer.result) })
    }

    /// Hands an envelope that was kept as bytes to the orderers.
    pub async fn submit_bytes(&self, channel: &str, tx_id: &str, envelope: &[u8]) -> Result<(), FabricError> {
        let envelope = Envelope::decode(envelope).map_err(|_| FabricError::Decode("a kept envelope"))?;
        self.submit_envelope(channel, tx_id, envelope).await
    }

    /// Hands an already signed envelope (also a config update) to the orderers through the peer.
    pub async fn submit_envelope(
        &self,
        channel: &str,
        tx_id: &str,
        envelope: Envelope,
    ) -> Result<(), FabricError> {
        let message = SubmitRequest {
            transaction_id: tx_id.into(),
            channel_id: channel.into(),
            prepared_transaction: Some(envelope),
        };
        let _: SubmitResponse = self.conn.unary(SUBMIT, message, CALL_TIMEOUT).await?;
        Ok(())
    }
}

impl Prepared {
    pub fn tx_id(&self) -> &str {
        self.proposal.tx_id()
    }

    /// Runs the call on one peer without ordering anything.
    pub async fn evaluate(&self) -> Result<Response, FabricError> {
        let message = EvaluateRequest {
            transaction_id: self.tx_id().into(),
            channel_id: self.proposal.channel().into(),
            proposed_transaction: Some(self.proposal.signed().clone()),
            target_organizations: self.organizations.clone(),
        };
        let answer: EvaluateResponse = self.gateway.conn.unary(EVALUATE, message, CALL_TIMEOUT).await?;
        answer.result.ok_or(FabricError::Decode("the evaluated result"))
    }

    /// Collects endorsements and signs the transaction that results.
    pub async fn endorse(&self) -> Result<Endorsed, FabricError> {
        let message = EndorseRequest {
            transaction_id: self.tx_id().into(),
            channel_id: self.proposal.channel().into(),
            proposed_transaction: Some(self.proposal.signed().clone()),
            endorsing_organizations: self.organizations.clone(),
        };
        let answer: EndorseResponse = self.gateway.conn.unary(ENDORSE, message, CALL_TIMEOUT).await?;
        let mut envelope =
            answer.prepared_transaction.ok_or(FabricError::Decode("the prepared transaction"))?;
        let response = verify_prepared(&self.proposal, &envelope)?;
        envelope.signature = self.gateway.identity.sign(&envelope.payload);
        Ok(Endorsed {
            gateway: self.gateway.clone(),
            tx_id: self.tx_id().into(),
            channel: self.proposal.channel().into(),
            envelope,
            response,
        })
    }
}

impl Endorsed {
    pub fn tx_id(&self) -> &str {
        &self.tx_id
    }

    /// What the chaincode answered. It counts only once the transaction is committed as valid.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The signed envelope as the orderers get it, to be kept until [`Gateway::submit_bytes`].
    pub fn envelope_bytes(&self) -> Vec<u8> {
        self.envelope.encode_to_vec()
    }

    /// Sends the transaction to the orderers; success means accepted for ordering.
    pub async fn submit(&self) -> Result<Submitted, FabricError> {
        self.gateway.submit_envelope(&self.channel, &self.tx_id, self.envelope.clone()).await?;
        Ok(Submitted {
            gateway: self.gateway.clone(),
            tx_id: self.tx_id.clone(),
            channel: self.channel.clone(),
        })
    }
}

impl Submitted {
    pub fn tx_id(&self) -> &str {
        &self.tx_id
    }

    /// Waits until the gateway's peer has the transaction in a block. An invalid one is an answer as well:
    /// see [`Committed::ensure_valid`].
    pub async fn wait_commit(&self, deadline: Duration) -> Result<Committed, FabricError> {
        self.gateway.commit_status(&self.channel, &self.tx_id, deadline).await
    }
}

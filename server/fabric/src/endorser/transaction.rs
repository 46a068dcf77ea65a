//! From endorsed proposal responses to a signed transaction.
//!
//! Two ways lead there: responses collected from peers are put together here, or a gateway has done so and the
//! result is compared with what was proposed. A transaction that does not repeat the proposal is never signed.

use std::collections::HashSet;

use prost::Message;

use super::Proposal;
use crate::{
    error::FabricError,
    identity::SigningIdentity,
    proto::{
        channel::{Envelope, Payload},
        peer::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ProposalResponse,
            ProposalResponsePayload, Response, Transaction, TransactionAction,
        },
    },
};

/// Puts responses of several peers together and signs the transaction. All must have endorsed the same bytes;
/// a second response of the same endorser is left out.
pub fn assemble(
    identity: &SigningIdentity,
    proposal: &Proposal,
    responses: &[ProposalResponse],
) -> Result<Envelope, FabricError> {
    let first = responses.first().ok_or_else(|| FabricError::Request("no endorsements".into()))?;
    let (mut seen, mut endorsements) = (HashSet::new(), Vec::new());
    for response in responses {
        super::check_status(response, proposal.chaincode())?;
        if response.payload != first.payload {
            return Err(FabricError::EndorsementMismatch);
        }
        let endorsement = response.endorsement.as_ref().ok_or(FabricError::Decode("an endorsement"))?;
        if seen.insert(endorsement.endorser.as_slice()) {
            endorsements.push(endorsement.clone());
        }
    }
    check_response_payload(proposal, &first.payload)?;
    let action = ChaincodeActionPayload {
        chaincode_proposal_payload: proposal.public_payload().to_vec(),
        action: Some(ChaincodeEndorsedAction {
            proposal_response_payload: first.payload.clone(),
            endorsements,
        }),
    };
    let header = proposal.header();
    let transaction = Transaction {
        actions: vec![TransactionAction {
            header: header.signature_header.clone(),
            payload: action.encode_to_vec(),
        }],
    };
    let payload = Payload { header: Some(header.clone()), data: transaction.encode_to_vec() };
    let payload = payload.encode_to_vec();
    let signature = identity.sign(&payload);
    Ok(Envelope { payload, signature })
}

/// Checks that a transaction prepared by a gateway is the one that was proposed, before it is signed, and returns what
/// the chaincode answered.
pub(crate) fn verify_prepared(proposal: &Proposal, envelope: &Envelope) -> Result<Response, FabricError> {
    let wrong = || FabricError::Decode("the prepared transaction");
    let payload = Payload::decode(envelope.payload.as_slice()).map_err(|_| wrong())?;
    if payload.header.as_ref() != Some(proposal.header()) {
        return Err(wrong());
    }
    let action = endorsed_action(&payload.data).ok_or_else(wrong)?;
    if action.chaincode_proposal_payload != proposal.public_payload() {
        return Err(wrong());
    }
    let endorsed = action.action.ok_or_else(wrong)?;
    let endorsed = check_response_payload(proposal, &endorsed.proposal_response_payload)?;
    let result = ChaincodeAction::decode(endorsed.extension.as_slice()).ok();
    result.and_then(|result| result.response).ok_or(FabricError::Decode("the endorsed response"))
}

fn endorsed_action(data: &[u8]) -> Option<ChaincodeActionPayload> {
    let transaction = Transaction::decode(data).ok()?;
    let [action] = transaction.actions.as_slice() else { return None };
    ChaincodeActionPayload::decode(action.payload.as_slice()).ok()
}

/// The endorsed bytes must belong to this proposal.
fn check_response_payload(
    proposal: &Proposal,
    payload: &[u8],
) -> Result<ProposalResponsePayload, FabricError> {
    let wrong = || FabricError::Decode("the endorsed response");
    let payload = ProposalResponsePayload::decode(payload).map_err(|_| wrong())?;
    if payload.proposal_hash == proposal.hash() { Ok(payload) } else { Err(wrong()) }
}

//! What can go wrong between the portal and a Fabric node, with everything the node said.
//!
//! One enum for all protocol modules, because one call crosses several of them (dialling, TLS, gRPC, the peer,
//! the chaincode). It keeps codes and texts as they came; [`FabricError::kind`] sorts them into a closed list.
//! It never carries key material or transient data.

use std::{io, time::Duration};

use prost::Message;

use crate::{
    block::ValidationCode,
    proto::peer::gateway::{ErrorDetail as DetailMessage, RpcStatus},
};

mod grpc_code;
mod kind;

pub use grpc_code::GrpcCode;
pub use kind::{ErrorKind, of_validation};

/// The most error details that are kept of one answer.
const DETAILS_MAX: usize = 32;

/// What one node reported when several took part in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorDetail {
    /// `host:port` of the node that reported.
    pub address: String,
    pub msp_id: String,
    pub message: String,
}

/// A failed call to a node.
#[derive(Debug, thiserror::Error)]
pub enum FabricError {
    /// Certificates, keys or names that cannot be used; nothing was sent.
    #[error("the connection settings are not usable: {0}")]
    Settings(String),
    /// The request was wrong before it was sent.
    #[error("the request is not valid: {0}")]
    Request(String),
    /// No connection to the node's HTTP endpoint.
    #[error("the node could not be reached")]
    Connect(#[source] io::Error),
    /// A gRPC status other than OK; `details` come from the trailer `grpc-status-details-bin`.
    #[error("gRPC {code:?}: {message}")]
    Grpc { code: GrpcCode, message: String, details: Vec<ErrorDetail> },
    /// A peer or a system chaincode refused a proposal.
    #[error("the peer answered with status {status}: {message}")]
    Proposal { status: i32, message: String },
    /// The contract itself returned an error.
    #[error("the chaincode answered with status {status}: {message}")]
    Chaincode { status: i32, message: String },
    /// Endorsers returned different results for one proposal.
    #[error("the endorsers returned different results")]
    EndorsementMismatch,
    /// An orderer or a deliver service answered with a `common.Status` other than 200.
    #[error("the ordering service answered with status {status}: {message}")]
    Ordering { status: i32, message: String },
    /// The transaction stands in a block, but has no effect.
    #[error("transaction {tx_id} in block {block} is not valid: {code}")]
    Validation { tx_id: String, block: u64, code: ValidationCode },
    /// An answer of the REST interface that is not a success. `body` is cut at one kilobyte.
    #[error("HTTP {status}: {body}")]
    Http { status: u16, body: String },
    /// The node's answer is not what the protocol says.
    #[error("{0} could not be decoded")]
    Decode(&'static str),
    /// No answer in time.
    #[error("no answer to {what} within {} s", after.as_secs())]
    Timeout { what: &'static str, after: Duration },
}

impl FabricError {
    /// Sorts the error into the closed list of what a caller can react to.
    pub fn kind(&self) -> ErrorKind {
        kind::classify(self)
    }

    /// True when the same call may succeed later although nobody changes anything.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// Takes over a gRPC status with its details and the causes below it (connection and TLS failures).
    pub(crate) fn from_status(status: &tonic::Status) -> Self {
        let mut message = status.message().to_owned();
        let mut cause = std::error::Error::source(status);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        // What a node answers has no cause; a status with one was made here, of a connection that broke.
        let is_local = std::error::Error::source(status).is_some();
        let code = if is_local { GrpcCode::Unavailable } else { status.code().into() };
        Self::Grpc { code, message, details: decode_details(status.details()) }
    }
}

/// Reads the `gateway.ErrorDetail` messages inside `google.rpc.Status`; whatever cannot be read is left out.
fn decode_details(bytes: &[u8]) -> Vec<ErrorDetail> {
    let Ok(status) = RpcStatus::decode(bytes) else { return Vec::new() };
    let details = status.details.iter().filter(|any| any.type_url.ends_with("gateway.ErrorDetail"));
    let decoded = details.filter_map(|any| DetailMessage::decode(any.value.as_slice()).ok());
    decoded
        .take(DETAILS_MAX)
        .map(|detail| ErrorDetail { address: detail.address, msp_id: detail.msp_id, message: detail.message })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::peer::gateway::Any;

    #[test]
    fn details_of_the_trailer_are_kept() {
        let detail = DetailMessage {
            address: "peer0:7051".into(),
            msp_id: "Org2MSP".into(),
            message: "ProposalResponsePayloads do not match".into(),
        };
        let any = |type_url: &str| Any { type_url: type_url.into(), value: detail.encode_to_vec() };
        let trailer = RpcStatus {
            code: 10,
            message: "failed".into(),
            details: vec![
                any("type.googleapis.com/gateway.ErrorDetail"),
                any("type.googleapis.com/other.Thing"),
            ],
        };
        let status = tonic::Status::with_details(
            tonic::Code::Aborted,
            "failed to collect enough transaction endorsements, see attached details for more info",
            trailer.encode_to_vec().into(),
        );
        let error = FabricError::from_status(&status);
        let FabricError::Grpc { code, details, .. } = &error else { panic!("wrong variant") };
        assert_eq!(*code, GrpcCode::Aborted);
        assert_eq!(details.len(), 1);
        assert_eq!(details.first().map(|d| d.msp_id.as_str()), Some("Org2MSP"));
        assert_eq!(error.kind(), ErrorKind::EndorsementMismatch);
    }

    #[test]
    fn a_broken_trailer_is_no_error_of_its_own() {
        let status = tonic::Status::with_details(tonic::Code::Unavailable, "x", vec![255, 1, 2].into());
        let FabricError::Grpc { details, .. } = FabricError::from_status(&status) else {
            panic!("wrong variant")
        };
        assert_eq!(details, vec![]);
    }
}

//! Real sentences of Fabric nodes and the kinds they must be sorted into.

use super::*;
use crate::error::ErrorDetail;

fn grpc(code: GrpcCode, message: &str, details: &[&str]) -> FabricError {
    let detail = |message: &&str| ErrorDetail {
        address: "peer0.org1.example.com:7051".into(),
        msp_id: "Org1MSP".into(),
        message: (*message).to_owned(),
    };
    FabricError::Grpc { code, message: message.into(), details: details.iter().map(detail).collect() }
}

fn proposal(message: &str) -> FabricError {
    FabricError::Proposal { status: 500, message: message.into() }
}

#[test]
fn answers_of_peers() {
    let cases: &[(&str, ErrorKind)] = &[
        (
            "failed to invoke backing implementation of 'InstallChaincode': chaincode already successfully installed (package ID 'cc_1:37a5')",
            ErrorKind::AlreadyInstalled,
        ),
        (
            "cannot create ledger from genesis block: ledger [mychannel] already exists with state [ACTIVE]",
            ErrorKind::AlreadyJoined,
        ),
        (
            "failed to invoke backing implementation of 'ApproveChaincodeDefinitionForMyOrg': attempted to redefine uncommitted sequence (1) for namespace cc with unchanged content",
            ErrorKind::UnchangedContent,
        ),
        (
            "failed to invoke backing implementation of 'CommitChaincodeDefinition': requested sequence is 1, but new definition must be sequence 2",
            ErrorKind::SequenceConflict { expected: Some(2) },
        ),
        (
            "currently defined sequence 3 is larger than requested sequence 1",
            ErrorKind::SequenceConflict { expected: Some(4) },
        ),
        (
            "requested sequence 7 is larger than the next available sequence number 2",
            ErrorKind::SequenceConflict { expected: Some(2) },
        ),
        (
            "currently defined sequence 99999999999999999999999",
            ErrorKind::SequenceConflict { expected: None },
        ),
        (
            "failed to invoke backing implementation of 'CommitChaincodeDefinition': chaincode definition not agreed to by this org (Org1MSP)",
            ErrorKind::NotApproved,
        ),
        (
            "make sure the chaincode cc has been successfully defined on channel ch and try again: chaincode definition for 'cc' exists, but chaincode is not installed",
            ErrorKind::NotInstalled,
        ),
        (
            "make sure the chaincode cc has been successfully defined on channel ch and try again: chaincode cc not found",
            ErrorKind::ChaincodeNotDefined,
        ),
        (
            "failed to invoke backing implementation of 'QueryChaincodeDefinition': namespace cc is not defined",
            ErrorKind::ChaincodeNotDefined,
        ),
        (
            "error in simulation: failed to execute transaction 1: could not launch chaincode cc_1:1: chaincode registration failed: error starting container",
            ErrorKind::ChaincodeUnreachable,
        ),
        (
            "chaincode 'cc' has not been initialized for this version, must call as init first",
            ErrorKind::NotInitialized,
        ),
        (
            "error in simulation: failed to execute transaction 1: timeout expired while executing transaction",
            ErrorKind::ExecutionTimeout,
        ),
        ("access denied: channel [ch] creator org [Org1MSP]", ErrorKind::AccessDenied),
        ("proposal client identity expired 3h ago", ErrorKind::CertificateExpired),
        ("request unauthorized due to incorrect timestamp, client has 1, peer has 2", ErrorKind::ClockSkew),
        ("duplicate transaction found [12ab]. Creator [0a]", ErrorKind::DuplicateTransaction),
        ("something nobody has seen", ErrorKind::Other),
    ];
    for (text, expected) in cases {
        assert_eq!(&proposal(text).kind(), expected, "{text}");
    }
}

#[test]
fn answers_of_the_gateway() {
    let endorse = "failed to endorse transaction, see attached details for more info";
    let cases = [
        (
            grpc(GrpcCode::Aborted, endorse, &["chaincode response 500, bad call fly"]),
            ErrorKind::ChaincodeError { status: 500, message: "bad call fly".into() },
        ),
        (
            // What a contract says is its own matter, even if it sounds like a node.
            grpc(GrpcCode::Unknown, "chaincode response 403, access denied for bob", &[]),
            ErrorKind::ChaincodeError { status: 403, message: "access denied for bob".into() },
        ),
        (
            grpc(
                GrpcCode::Aborted,
                endorse,
                &[
                    "chaincode response 500, failed to invoke backing implementation of 'ApproveChaincodeDefinitionForMyOrg': attempted to redefine uncommitted sequence (1) for namespace cc with unchanged content",
                ],
            ),
            ErrorKind::UnchangedContent,
        ),
        (
            grpc(
                GrpcCode::FailedPrecondition,
                "no combination of peers can be derived which satisfy the endorsement policy: x",
                &[],
            ),
            ErrorKind::NoPeers,
        ),
        (
            grpc(
                GrpcCode::Unavailable,
                "no orderers could successfully process transaction",
                &[
                    "received unsuccessful response from orderer: status=SERVICE_UNAVAILABLE, info=no Raft leader",
                ],
            ),
            ErrorKind::NoRaftLeader,
        ),
        (grpc(GrpcCode::Unavailable, "no orderer nodes available", &[]), ErrorKind::Unavailable),
        (grpc(GrpcCode::Unavailable, "tcp connect error: refused", &[]), ErrorKind::Unavailable),
        (
            grpc(
                GrpcCode::Unknown,
                "too many requests for /gateway.Gateway, exceeding concurrency limit (500)",
                &[],
            ),
            ErrorKind::Overloaded,
        ),
        (
            grpc(
                GrpcCode::DeadlineExceeded,
                "endorsement timeout expired while collecting endorsements",
                &[],
            ),
            ErrorKind::Timeout,
        ),
        (grpc(GrpcCode::InvalidArgument, "an endorse request is required", &[]), ErrorKind::BadRequest),
        (grpc(GrpcCode::PermissionDenied, "no", &[]), ErrorKind::AccessDenied),
    ];
    for (error, expected) in cases {
        assert_eq!(error.kind(), expected, "{error}");
    }
}

#[test]
fn failures_of_tls() {
    for text in ["invalid peer certificate: UnknownIssuer", "received fatal alert: CertificateRequired"] {
        let error = grpc(GrpcCode::Unavailable, &format!("transport error: {text}"), &[]);
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{text}");
        assert!(!error.is_retryable(), "{text}");
    }
}

#[test]
fn answers_of_orderers_and_of_validation() {
    let ordering = |status, message: &str| FabricError::Ordering { status, message: message.into() };
    let validation = |code| FabricError::Validation { tx_id: "1".into(), block: 7, code };
    let http = |status, body: &str| FabricError::Http { status, body: body.into() };
    let cases = [
        (ordering(503, "no Raft leader"), ErrorKind::NoRaftLeader, true),
        (
            ordering(403, "implicit policy evaluation failed - 0 sub-policies were satisfied"),
            ErrorKind::PolicyNotSatisfied,
            false,
        ),
        (ordering(400, "message payload is 9 bytes and exceeds maximum allowed"), ErrorKind::TooLarge, false),
        (ordering(404, ""), ErrorKind::ChannelUnknown, false),
        (ordering(503, "maintenance mode"), ErrorKind::MaintenanceMode, true),
        (http(405, r#"{"error":"cannot join: channel already exists"}"#), ErrorKind::AlreadyJoined, false),
        (http(409, r#"{"error":"cannot join: channel pending removal"}"#), ErrorKind::Unavailable, true),
        (http(400, r#"{"error":"invalid join block"}"#), ErrorKind::BadRequest, false),
        (http(401, ""), ErrorKind::AccessDenied, false),
        (validation(ValidationCode::MvccReadConflict), ErrorKind::MvccConflict, true),
        (validation(ValidationCode::PhantomReadConflict), ErrorKind::PhantomConflict, true),
        (validation(ValidationCode::EndorsementPolicyFailure), ErrorKind::EndorsementPolicyFailure, false),
        (validation(ValidationCode::BadRwset), ErrorKind::BadWriteset, false),
        (validation(ValidationCode::InvalidOtherReason), ErrorKind::Other, false),
    ];
    for (error, expected, retryable) in cases {
        assert_eq!(error.kind(), expected, "{error}");
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
}

#[test]
fn configuration_identities_and_limits() {
    let cases = [
        ("access denied: channel [ch] creator org unknown, creator is malformed", ErrorKind::CreatorUnknown),
        ("error: MSP Org3MSP is not defined on channel", ErrorKind::CreatorUnknown),
        ("The certificate has been revoked", ErrorKind::CertificateRevoked),
        ("signature set did not satisfy policy", ErrorKind::PolicyNotSatisfied),
        ("policy for [Group]  /Channel/Application not satisfied: x", ErrorKind::PolicyNotSatisfied),
        (
            "error validating ReadSet: proposed update requires that key [Group] /Channel be at version 0, but it is currently at version 1",
            ErrorKind::ConfigConflict,
        ),
        ("error validating DeltaSet: delta set was empty", ErrorKind::ConfigUnchanged),
        (
            "cannot use new lifecycle for channel 'ch' as it does not have the required capabilities enabled",
            ErrorKind::CapabilityMissing,
        ),
        ("Application capability V9_0 is required but not supported", ErrorKind::CapabilityMissing),
        ("x509: certificate is valid for localhost, not other", ErrorKind::NamesDiffer),
        ("invalid peer certificate: certificate not valid for name \"a\"", ErrorKind::NamesDiffer),
        ("x509: certificate signed by unknown authority", ErrorKind::Untrusted),
    ];
    for (text, expected) in cases {
        assert_eq!(proposal(text).kind(), expected, "{text}");
    }
}

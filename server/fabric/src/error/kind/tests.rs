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
        (http(400, r#"{"error":"invalid join block"}"#), ErrorKind::JoinBlockInvalid, false),
        (http(400, r#"{"error":"no"}"#), ErrorKind::BadRequest, false),
        (http(413, ""), ErrorKind::TooLarge, false),
        (http(401, ""), ErrorKind::AccessDenied, false),
        (validation(ValidationCode::MvccReadConflict), ErrorKind::MvccConflict, true),
        (validation(ValidationCode::PhantomReadConflict), ErrorKind::PhantomConflict, true),
        (validation(ValidationCode::EndorsementPolicyFailure), ErrorKind::EndorsementPolicyFailure, false),
        (validation(ValidationCode::BadRwset), ErrorKind::BadWriteset, false),
        (validation(ValidationCode::InvalidOtherReason), ErrorKind::TransactionInvalid, false),
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
        (
            "error validating DeltaSet: delta set was empty -- update would have no effect",
            ErrorKind::ConfigUnchanged,
        ),
        (
            "error applying config update to existing channel 'mychannel': error authorizing update: error \
             validating DeltaSet: policy for [Value]  /Channel/Application/Org1MSP/AnchorPeers not satisfied: \
             implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the \
             'Admins' sub-policies to be satisfied",
            ErrorKind::PolicyNotSatisfied,
        ),
        (
            "error authorizing update: error validating DeltaSet: attempt to set key [Group]  /Channel/Application \
             to version 4, but key is at version 4",
            ErrorKind::ConfigConflict,
        ),
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

/// The frames of refused configurations name a channel, and stand around any cause.
#[test]
fn the_cause_inside_a_frame_counts() {
    let frame = "error applying config update to existing channel 'mychannel'";
    let cases = [
        (
            "error authorizing update: error validating ReadSet: proposed update requires that key [Group]  \
             /Channel/Application be at version 1, but it is currently at version 2",
            ErrorKind::ConfigConflict,
        ),
        (
            "error authorizing update: error validating DeltaSet: invalid mod_policy for element [Value]  \
             /Channel/Orderer/BatchSize: mod_policy not set",
            ErrorKind::ConfigInvalid,
        ),
        (
            "error authorizing update: error validating DeltaSet: delta set was empty",
            ErrorKind::ConfigUnchanged,
        ),
        (
            "initializing channelconfig failed: could not create channel Application sub-group config: setting up \
             the MSP manager failed: administrators must be declared when no admin ou classification is set",
            ErrorKind::MspInvalid,
        ),
        (
            "consensus metadata update for channel config update is invalid: update of more than one consenter at \
             a time is not supported, requested changes: add 2 node(s), remove 0 node(s)",
            ErrorKind::ConfigInvalid,
        ),
        ("something nobody has seen", ErrorKind::ConfigInvalid),
    ];
    for (cause, expected) in cases {
        let text = format!("{frame}: {cause}");
        assert_eq!(FabricError::Ordering { status: 400, message: text.clone() }.kind(), expected, "{text}");
    }
    for text in ["channel 'nosuchchannel' not found", "Invalid chain ID, nosuchchannel"] {
        assert_eq!(proposal(text).kind(), ErrorKind::ChannelUnknown, "{text}");
    }
}

#[test]
fn what_only_the_gateway_says_of_endorsing() {
    let text = "failed to collect enough transaction endorsements, see attached details for more info";
    let unknown = "something nobody has seen";
    let refused = grpc(GrpcCode::Aborted, text, &[unknown]);
    assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::EndorsementRefused, false));
    // A code that says more than the sentence stands.
    assert_eq!(grpc(GrpcCode::Unavailable, text, &[unknown]).kind(), ErrorKind::Unavailable);
    assert_eq!(grpc(GrpcCode::Aborted, unknown, &[]).kind(), ErrorKind::Other);
}

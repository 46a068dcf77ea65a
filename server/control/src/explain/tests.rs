//! Sentences of Fabric nodes and the codes by which people are told.

use fabric::error::GrpcCode;

use super::*;

fn proposal(message: &str) -> FabricError {
    FabricError::Proposal { status: 500, message: message.to_owned() }
}

fn grpc(code: GrpcCode, message: &str) -> FabricError {
    FabricError::Grpc { code, message: message.to_owned(), details: Vec::new() }
}

#[test]
fn what_peers_and_orderers_say_has_a_code() {
    let cases = [
        ("access denied: channel [c] creator org unknown, creator is malformed", Code::CreatorUnknown),
        ("access denied: channel [c] creator org [Org1MSP]", Code::AccessDenied),
        ("MSP Org9MSP is not defined on channel", Code::CreatorUnknown),
        ("proposal client identity expired 2h ago", Code::CertificateExpired),
        ("envelope timestamp 1 is more than 15m0s apart from current server time 2", Code::ClockSkew),
        ("make sure the chaincode x has been successfully defined on channel c", Code::ChaincodeNotDefined),
        ("chaincode definition for 'x' exists, but chaincode is not installed", Code::NotInstalled),
        (
            "chaincode definition for 'x' at sequence 1 on channel 'c' has not yet been approved by this org",
            Code::NotApproved,
        ),
        ("chaincode definition not agreed to by this org (Org1MSP)", Code::NotApproved),
        ("requested sequence is 1, but new definition must be sequence 2", Code::SequenceConflict),
        (
            "attempted to redefine uncommitted sequence (1) for namespace x with unchanged content",
            Code::UnchangedDefinition,
        ),
        (
            "chaincode 'x' has not been initialized for this version, must call as init first",
            Code::ChaincodeNeedsInit,
        ),
        ("cannot use new lifecycle for channel 'c'", Code::CapabilityMissing),
        ("could not launch chaincode x: chaincode registration failed", Code::ChaincodeUnreachable),
        (
            "failed to select a set of endorsers that satisfy the policy due to unavailability of peers",
            Code::NoEndorsers,
        ),
        ("no peers available to evaluate chaincode x in channel c", Code::NoEndorsers),
        ("ProposalResponsePayloads do not match", Code::EndorsementMismatch),
        ("no orderer nodes available", Code::NodeUnavailable),
        ("duplicate transaction found [1]. Creator [2]", Code::DuplicateTransaction),
        ("timeout expired while executing transaction", Code::ExecutionTimeout),
        ("too many requests for /gateway.Gateway, exceeding concurrency limit (500)", Code::Overloaded),
        (
            "implicit policy evaluation failed - 1 sub-policies were satisfied, but this policy requires 2",
            Code::PolicyNotSatisfied,
        ),
        (
            "error validating ReadSet: key be at version 1, but it is currently at version 2",
            Code::ConfigConflict,
        ),
        ("error validating DeltaSet: delta set was empty", Code::ConfigUnchanged),
        (
            "message payload is 60000000 bytes and exceeds maximum allowed 51380224 bytes",
            Code::TransactionTooLarge,
        ),
        ("no Raft leader", Code::NoLeader),
        ("normal transactions are rejected: maintenance mode", Code::MaintenanceMode),
        ("channel does not exist", Code::ChannelUnknown),
        ("The certificate has been revoked", Code::CertificateRevoked),
        ("x509: certificate signed by unknown authority", Code::Untrusted),
        ("x509: certificate is valid for a, not b", Code::NamesDiffer),
        ("what nobody has seen", Code::FabricOther),
    ];
    for (text, code) in cases {
        assert_eq!(fabric_code(&proposal(text)), code, "{text}");
    }
}

#[test]
fn validation_codes_have_one_too() {
    let cases = [
        ("MVCC_READ_CONFLICT", Code::MvccConflict),
        ("PHANTOM_READ_CONFLICT", Code::PhantomConflict),
        ("ENDORSEMENT_POLICY_FAILURE", Code::EndorsementPolicyFailure),
        ("DUPLICATE_TXID", Code::DuplicateTransaction),
        ("BAD_PROPOSAL_TXID", Code::BadProposal),
        ("BAD_CREATOR_SIGNATURE", Code::AccessDenied),
        ("INVALID_CHAINCODE", Code::ChaincodeNotDefined),
        ("EXPIRED_CHAINCODE", Code::ChaincodeNotDefined),
        ("CHAINCODE_VERSION_CONFLICT", Code::ChaincodeNotDefined),
        ("ILLEGAL_WRITESET", Code::ChaincodeWriteset),
        ("INVALID_CONFIG_TRANSACTION", Code::ConfigInvalid),
        ("INVALID_OTHER_REASON", Code::TransactionInvalid),
    ];
    for (name, code) in cases {
        let error = validation_error(name);
        assert_eq!((error.code, error.values["code"].as_str()), (code, name));
    }
}

#[test]
fn the_four_ways_in_which_a_call_fails_are_told_apart() {
    let contract = call_error(&grpc(GrpcCode::Unknown, "chaincode response 500, no such account"));
    assert_eq!((contract.code, contract.status()), (Code::ChaincodeError, 422));
    assert_eq!(contract.values["message"], "no such account");
    let mismatch = call_error(&FabricError::EndorsementMismatch);
    assert_eq!((mismatch.code, mismatch.status()), (Code::EndorsementMismatch, 503));
    let timeout = FabricError::Timeout { what: "endorse", after: std::time::Duration::from_secs(40) };
    assert_eq!((call_error(&timeout).code, call_error(&timeout).status()), (Code::TransactionTimeout, 503));
    assert_eq!(validation_error("MVCC_READ_CONFLICT").status(), 409);
    let unknown = call_error(&proposal("namespace x is not defined"));
    assert_eq!((unknown.code, unknown.status()), (Code::ChaincodeNotDefined, 404));
}

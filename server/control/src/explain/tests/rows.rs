//! What nodes say when something is wrong, row by row of the protocol's table of errors, in their own words: none of it
//! may end in the code that explains nothing.

use fabric::block::ValidationCode;

use super::*;

/// Endorsement, lifecycle and gateway.
const CALLS: &[(&str, Code)] = &[
    ("access denied: channel [mychannel] creator org unknown, creator is malformed", Code::CreatorUnknown),
    ("access denied: channel [mychannel] creator org [Org1MSP]", Code::AccessDenied),
    ("MSP Org9MSP is not defined on channel", Code::CreatorUnknown),
    ("proposal client identity expired 12h0m0s ago", Code::CertificateExpired),
    ("broadcast client identity expired 12h0m0s before", Code::CertificateExpired),
    ("deliver client identity expired 12h0m0s before", Code::CertificateExpired),
    ("request unauthorized due to incorrect timestamp", Code::ClockSkew),
    (
        "envelope timestamp 2026-01-01 10:00:00 is more than 15m0s apart from current server time 2026-01-01 11:00:00",
        Code::ClockSkew,
    ),
    ("client didn't include its TLS cert hash", Code::TlsBinding),
    ("claimed TLS cert hash is [1 2 3] but actual TLS cert hash is [4 5 6]", Code::TlsBinding),
    (
        "make sure the chaincode cc has been successfully defined on channel mychannel and try again: chaincode cc \
         not found",
        Code::ChaincodeNotDefined,
    ),
    ("chaincode definition for 'cc' exists, but chaincode is not installed", Code::NotInstalled),
    (
        "chaincode definition for 'cc' at sequence 2 on channel 'mychannel' has not yet been approved by this org",
        Code::NotApproved,
    ),
    ("chaincode definition not agreed to by this org (Org1MSP)", Code::NotApproved),
    ("requested sequence is 1, but new definition must be sequence 2", Code::SequenceConflict),
    (
        "attempted to redefine uncommitted sequence (1) for namespace cc with unchanged content",
        Code::UnchangedDefinition,
    ),
    (
        "chaincode 'cc' has not been initialized for this version, must call as init first",
        Code::ChaincodeNeedsInit,
    ),
    (
        "cannot use new lifecycle for channel 'mychannel' as it does not have the required capabilities enabled",
        Code::CapabilityMissing,
    ),
    ("chaincode already successfully installed (package ID 'cc_1:37a5')", Code::AlreadyDone),
    (
        "cannot create ledger from genesis block: ledger [mychannel] already exists with state [ACTIVE]",
        Code::AlreadyDone,
    ),
    (
        "could not launch chaincode cc_1:37a5: chaincode registration failed: container exited with 1",
        Code::ChaincodeUnreachable,
    ),
    (
        "could not launch chaincode cc_1:37a5: connection to cc_1:37a5 failed: error cannot create connection: dial \
         tcp 10.0.0.2:9999: connect: connection refused",
        Code::ChaincodeUnreachable,
    ),
    (
        "failed to select a set of endorsers that satisfy the endorsement policy due to unavailability of peers",
        Code::NoEndorsers,
    ),
    ("no endorsement combination can be satisfied", Code::NoEndorsers),
    ("failed to find any endorsing peers for org(s): Org2MSP", Code::NoEndorsers),
    ("no peers available to evaluate chaincode cc in channel mychannel", Code::NoEndorsers),
    ("ProposalResponsePayloads do not match", Code::EndorsementMismatch),
    ("no orderer nodes available", Code::NodeUnavailable),
    ("no orderers could successfully process transaction", Code::NodeUnavailable),
    ("duplicate transaction found [12ab]. Creator [0a]", Code::DuplicateTransaction),
    ("timeout expired while executing transaction", Code::ExecutionTimeout),
    ("too many requests for /protos.Endorser, exceeding concurrency limit (2500)", Code::Overloaded),
    ("grpc: received message larger than max (104857601 vs. 104857600)", Code::TransactionTooLarge),
];

/// Ordering, configuration and membership.
const CONFIGURATIONS: &[(&str, Code)] = &[
    (
        "implicit policy evaluation failed - 1 sub-policies were satisfied, but this policy requires 2 of the \
         'Admins' sub-policies to be satisfied",
        Code::PolicyNotSatisfied,
    ),
    ("signature set did not satisfy policy", Code::PolicyNotSatisfied),
    ("policy for [Group]  /Channel/Application not satisfied: no", Code::PolicyNotSatisfied),
    (
        "error validating ReadSet: proposed update requires that key [Group]  /Channel be at version 0, but it is \
         currently at version 1",
        Code::ConfigConflict,
    ),
    (
        "error validating DeltaSet: invalid mod_policy for element [Value]  /Channel/Orderer/BatchSize: mod_policy \
         not set",
        Code::ConfigInvalid,
    ),
    ("delta set was empty -- update would have no effect", Code::ConfigUnchanged),
    (
        "message payload is 60000000 bytes and exceeds maximum allowed 51380224 bytes",
        Code::TransactionTooLarge,
    ),
    ("no Raft leader", Code::NoLeader),
    ("normal transactions are rejected: maintenance mode", Code::MaintenanceMode),
    (r#"{"error":"channel does not exist"}"#, Code::ChannelUnknown),
    (r#"{"error":"cannot join: channel already exists"}"#, Code::AlreadyDone),
    (r#"{"error":"cannot join: invalid join block: block is not a config block"}"#, Code::JoinBlockInvalid),
    ("received fatal alert: CertificateRequired", Code::Untrusted),
    (
        "update of more than one consenter at a time is not supported, requested changes: add 2 node(s), remove 0 \
         node(s)",
        Code::ConfigInvalid,
    ),
    ("2 out of 3 nodes are alive, configuration will result in quorum loss", Code::ConfigInvalid),
    ("Channel capability V3_0 is required but not supported", Code::CapabilityMissing),
    ("administrators must be declared when no admin ou classification is set", Code::MspInvalid),
    (
        "could not validate identity's OUs: the identity does not have an OU that resolves to client, peer, orderer, \
         or admin role. OUs: [[0x1]], MSP: [Org1MSP]",
        Code::RoleMissing,
    ),
    (
        "access denied for [JoinChain][mychannel]: [Failed verifying that proposal's creator satisfies local MSP \
         principal during channelless check policy with policy [Admins]: [The identity is not an admin under this \
         MSP [Org1MSP]: The identity does not contain OU [ADMIN], MSP: [Org1MSP]]]",
        Code::RoleMissing,
    ),
    ("this MSP only supports a single validation chain, got 2", Code::MspInvalid),
    ("The certificate has been revoked", Code::CertificateRevoked),
    ("KeyMaterial not found in SigningIdentityInfo", Code::MspInvalid),
    (
        "could not determine the validity of the signature: Invalid S. Must be smaller than half the order [9][8]",
        Code::SignatureInvalid,
    ),
    ("x509: certificate signed by unknown authority", Code::Untrusted),
    ("authentication handshake failed: remote error: tls: bad certificate", Code::Untrusted),
    ("x509: certificate is valid for localhost, not peer0.example.com", Code::NamesDiffer),
];

#[test]
fn every_row_of_the_table_of_errors_has_a_code_of_its_own() {
    for (text, code) in CALLS.iter().chain(CONFIGURATIONS) {
        // A gateway hands on what the node behind it said.
        for error in [proposal(text), grpc(GrpcCode::Unknown, text)] {
            assert_eq!(fabric_code(&error), *code, "{text}");
        }
        assert_ne!(*code, Code::FabricOther, "{text}");
    }
    assert_eq!(fabric_code(&proposal("what nobody has seen")), Code::FabricOther);
}

#[test]
fn answers_that_say_little_have_a_code_too() {
    let http = |status, body: &str| FabricError::Http { status, body: body.to_owned() };
    let ordering = |status, message: &str| FabricError::Ordering { status, message: message.to_owned() };
    let cases = [
        (ordering(400, "the block stream was refused"), Code::RequestRefused),
        (ordering(503, ""), Code::NodeUnavailable),
        (http(400, r#"{"error":"no"}"#), Code::RequestRefused),
        (http(401, ""), Code::AccessDenied),
        (http(405, r#"{"error":"channel already exists"}"#), Code::AlreadyDone),
        (http(413, ""), Code::TransactionTooLarge),
        (http(503, r#"{"failed_checks":[{"component":"docker","reason":"no"}]}"#), Code::NodeUnavailable),
        (grpc(GrpcCode::Unavailable, "connection error: desc = \"EOF\""), Code::NodeUnavailable),
        (grpc(GrpcCode::Unavailable, "unexpected HTTP/1.1"), Code::NodeUnavailable),
        (
            grpc(GrpcCode::Aborted, "failed to endorse transaction, see attached details"),
            Code::EndorsementRefused,
        ),
        (
            grpc(GrpcCode::Aborted, "failed to collect enough transaction endorsements"),
            Code::EndorsementRefused,
        ),
        (grpc(GrpcCode::Unknown, "chaincode response 500, no such account"), Code::ChaincodeError),
    ];
    for (error, code) in cases {
        assert_eq!(fabric_code(&error), code, "{error}");
    }
}

/// A block says by a number why a transaction does not count; the number and its name are told alike.
#[test]
fn every_number_of_a_refused_transaction_has_a_code() {
    for number in (1..=25).chain([254, 255]) {
        let code = ValidationCode::from_number(number);
        let error = FabricError::Validation { tx_id: "1".to_owned(), block: 7, code };
        let by_number = fabric_code(&error);
        assert_ne!(by_number, Code::FabricOther, "{number}");
        assert_eq!(by_number, validation_error(&code.to_string()).code, "{number}: {code}");
    }
}

//! Sentences of Fabric nodes and the codes by which people are told.

use fabric::error::GrpcCode;

use super::*;

mod rows;

fn proposal(message: &str) -> FabricError {
    FabricError::Proposal { status: 500, message: message.to_owned() }
}

fn grpc(code: GrpcCode, message: &str) -> FabricError {
    FabricError::Grpc { code, message: message.to_owned(), details: Vec::new() }
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
    // Before anything is ordered nobody has to look later whether it came true.
    assert_eq!((run_error(&timeout).code, run_error(&timeout).status()), (Code::ExecutionTimeout, 503));
    assert_eq!(run_error(&FabricError::EndorsementMismatch), mismatch);
    assert_eq!(validation_error("MVCC_READ_CONFLICT").status(), 409);
    let unknown = call_error(&proposal("namespace x is not defined"));
    assert_eq!((unknown.code, unknown.status()), (Code::ChaincodeNotDefined, 404));
}

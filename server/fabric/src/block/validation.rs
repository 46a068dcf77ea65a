//! The peers' verdict on a transaction (`TxValidationCode` of `peer/transaction.proto`).

use std::fmt;

/// Why a transaction counts or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValidationCode {
    Valid,
    NilEnvelope,
    BadPayload,
    BadCommonHeader,
    BadCreatorSignature,
    InvalidEndorserTransaction,
    InvalidConfigTransaction,
    UnsupportedTxPayload,
    BadProposalTxid,
    DuplicateTxid,
    EndorsementPolicyFailure,
    MvccReadConflict,
    PhantomReadConflict,
    UnknownTxType,
    TargetChainNotFound,
    MarshalTxError,
    NilTxaction,
    ExpiredChaincode,
    ChaincodeVersionConflict,
    BadHeaderExtension,
    BadChannelHeader,
    BadResponsePayload,
    BadRwset,
    IllegalWriteset,
    InvalidWriteset,
    InvalidChaincode,
    /// Orderers hand out blocks that nobody has judged yet.
    NotValidated,
    InvalidOtherReason,
    /// A code that this version does not know.
    Unknown(u8),
}

/// Numbers, codes and Fabric's own names for them.
const CODES: &[(u8, ValidationCode, &str)] = &[
    (0, ValidationCode::Valid, "VALID"),
    (1, ValidationCode::NilEnvelope, "NIL_ENVELOPE"),
    (2, ValidationCode::BadPayload, "BAD_PAYLOAD"),
    (3, ValidationCode::BadCommonHeader, "BAD_COMMON_HEADER"),
    (4, ValidationCode::BadCreatorSignature, "BAD_CREATOR_SIGNATURE"),
    (5, ValidationCode::InvalidEndorserTransaction, "INVALID_ENDORSER_TRANSACTION"),
    (6, ValidationCode::InvalidConfigTransaction, "INVALID_CONFIG_TRANSACTION"),
    (7, ValidationCode::UnsupportedTxPayload, "UNSUPPORTED_TX_PAYLOAD"),
    (8, ValidationCode::BadProposalTxid, "BAD_PROPOSAL_TXID"),
    (9, ValidationCode::DuplicateTxid, "DUPLICATE_TXID"),
    (10, ValidationCode::EndorsementPolicyFailure, "ENDORSEMENT_POLICY_FAILURE"),
    (11, ValidationCode::MvccReadConflict, "MVCC_READ_CONFLICT"),
    (12, ValidationCode::PhantomReadConflict, "PHANTOM_READ_CONFLICT"),
    (13, ValidationCode::UnknownTxType, "UNKNOWN_TX_TYPE"),
    (14, ValidationCode::TargetChainNotFound, "TARGET_CHAIN_NOT_FOUND"),
    (15, ValidationCode::MarshalTxError, "MARSHAL_TX_ERROR"),
    (16, ValidationCode::NilTxaction, "NIL_TXACTION"),
    (17, ValidationCode::ExpiredChaincode, "EXPIRED_CHAINCODE"),
    (18, ValidationCode::ChaincodeVersionConflict, "CHAINCODE_VERSION_CONFLICT"),
    (19, ValidationCode::BadHeaderExtension, "BAD_HEADER_EXTENSION"),
    (20, ValidationCode::BadChannelHeader, "BAD_CHANNEL_HEADER"),
    (21, ValidationCode::BadResponsePayload, "BAD_RESPONSE_PAYLOAD"),
    (22, ValidationCode::BadRwset, "BAD_RWSET"),
    (23, ValidationCode::IllegalWriteset, "ILLEGAL_WRITESET"),
    (24, ValidationCode::InvalidWriteset, "INVALID_WRITESET"),
    (25, ValidationCode::InvalidChaincode, "INVALID_CHAINCODE"),
    (254, ValidationCode::NotValidated, "NOT_VALIDATED"),
    (255, ValidationCode::InvalidOtherReason, "INVALID_OTHER_REASON"),
];

impl From<u8> for ValidationCode {
    fn from(number: u8) -> Self {
        CODES.iter().find(|(known, ..)| *known == number).map_or(Self::Unknown(number), |(_, code, _)| *code)
    }
}

impl ValidationCode {
    /// From the enumeration of a protobuf message; numbers that no code can have count as "other reason".
    pub fn from_number(number: i32) -> Self {
        u8::try_from(number).map_or(Self::InvalidOtherReason, Self::from)
    }

    /// Fabric's name in capital letters; `UNKNOWN` for a code that this version does not know.
    pub fn name(self) -> &'static str {
        CODES.iter().find(|(_, known, _)| *known == self).map_or("UNKNOWN", |(_, _, name)| name)
    }
}

impl fmt::Display for ValidationCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(number) => write!(out, "UNKNOWN_{number}"),
            known => out.write_str(known.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_code_and_back() {
        assert_eq!(ValidationCode::from(11), ValidationCode::MvccReadConflict);
        assert_eq!(ValidationCode::from(11).to_string(), "MVCC_READ_CONFLICT");
        assert_eq!(ValidationCode::from(77).to_string(), "UNKNOWN_77");
        assert_eq!(ValidationCode::from_number(-1), ValidationCode::InvalidOtherReason);
        assert_eq!(ValidationCode::from_number(254), ValidationCode::NotValidated);
        let numbers: std::collections::BTreeSet<u8> = CODES.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers.len(), CODES.len());
        for (number, code, name) in CODES {
            assert_eq!((ValidationCode::from(*number), code.name()), (*code, *name));
        }
    }
}

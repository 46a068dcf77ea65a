//! Blocks that a real peer (Fabric 2.5) wrote, fetched with the official command-line tool.
//!
//! One ledger: block 0 is the configuration, 3 commits the definition of `cc`, 4 follows it with a call, and 11
//! has a valid call beside an approval that the peers refused.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use fabric::block::{
    BlockError, BlockView, ReadView, TransactionKind, ValidationCode, last_config_number, parse_block,
    parse_transaction,
};
use proptest::prelude::*;

const CONFIG: &[u8] = include_bytes!("fixtures/config_0.block");
const COMMIT: &[u8] = include_bytes!("fixtures/commit_3.block");
const INVOKE: &[u8] = include_bytes!("fixtures/invoke_4.block");
const MIXED: &[u8] = include_bytes!("fixtures/mixed_11.block");
const ALL: [&[u8]; 4] = [CONFIG, COMMIT, INVOKE, MIXED];

fn parse(bytes: &[u8]) -> BlockView {
    parse_block(bytes).unwrap()
}

#[test]
fn hashes_link_real_blocks() {
    assert!(ALL.iter().all(|bytes| parse(bytes).is_data_hash_right));
    assert!(parse(INVOKE).follows(&parse(COMMIT)));
    assert!(!parse(COMMIT).follows(&parse(INVOKE)));
    assert!(!parse(MIXED).follows(&parse(INVOKE)));
    assert_eq!(hex::encode(parse(COMMIT).hash), hex::encode(parse(INVOKE).previous_hash));
}

#[test]
fn a_changed_transaction_shows_in_the_hash() {
    let needle = b"\"owner\":\"tom\"";
    let at = INVOKE.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut changed = INVOKE.to_vec();
    changed[at + 10] = b'T';
    let view = parse(&changed);
    assert!(!view.is_data_hash_right);
    assert_eq!(view.hash, parse(INVOKE).hash);
}

#[test]
fn the_configuration_block() {
    let block = parse(CONFIG);
    assert_eq!((block.number, block.last_config, block.transactions.len()), (0, Some(0), 1));
    assert!(block.previous_hash.is_empty() && block.signers.is_empty());
    let config = &block.transactions[0];
    assert_eq!((config.kind, config.config_sequence), (TransactionKind::Config, Some(0)));
    assert_eq!(config.channel, "mychannel");
    assert!(config.is_tx_id_right && config.creator.is_none() && config.action.is_none());
}

#[test]
fn a_call() {
    let block = parse(INVOKE);
    assert_eq!((block.number, block.last_config, block.size), (4, Some(0), INVOKE.len()));
    let signer = &block.signers[0];
    assert_eq!((signer.msp_id.as_str(), signer.name.as_str()), ("OrdererMSP", "orderer0.example.com"));
    assert_eq!(signer.units, ["orderer"]);
    let view = &block.transactions[0];
    assert_eq!((view.kind, view.code), (TransactionKind::Endorser, Some(ValidationCode::Valid)));
    assert!(view.is_tx_id_right);
    let creator = view.creator.as_ref().unwrap();
    assert_eq!((creator.msp_id.as_str(), creator.name.as_str()), ("Org2MSP", "Admin@org2.example.com"));
    assert_eq!(
        (creator.units.as_slice(), creator.issuer.as_str()),
        (["admin".to_owned()].as_slice(), "ca.org2.example.com")
    );
    let action = view.action.as_ref().unwrap();
    assert_eq!(
        (action.chaincode.as_str(), action.version.as_str(), action.function.as_str()),
        ("cc", "1", "put")
    );
    assert_eq!(action.args, [b"k".to_vec(), br#"{"owner":"tom","v":1}"#.to_vec()]);
    let mut endorsers: Vec<_> = action.endorsers.iter().map(|one| one.name.as_str()).collect();
    endorsers.sort_unstable();
    assert_eq!(endorsers, ["peer0.org1.example.com", "peer0.org2.example.com"]);
    let response = action.response.as_ref().unwrap();
    assert_eq!((response.status, response.payload.as_slice()), (200, b"ok".as_slice()));
    let [lifecycle, own] = action.namespaces.as_slice() else { panic!("two namespaces") };
    let sequence = ReadView { key: "namespaces/fields/cc/Sequence".into(), version: Some((3, 0)) };
    assert_eq!(
        (lifecycle.namespace.as_str(), lifecycle.reads.as_slice()),
        ("_lifecycle", [sequence].as_slice())
    );
    assert_eq!((own.namespace.as_str(), own.writes[0].key.as_str()), ("cc", "k"));
    assert!(!own.writes[0].is_delete && action.event.is_none());
}

#[test]
fn a_refused_transaction_beside_a_valid_one() {
    let block = parse(MIXED);
    let codes: Vec<_> = block.transactions.iter().map(|view| view.code).collect();
    assert_eq!(codes, [Some(ValidationCode::Valid), Some(ValidationCode::EndorsementPolicyFailure)]);
    let approval = &block.transactions[1];
    assert_eq!(approval.index, 1);
    let action = approval.action.as_ref().unwrap();
    assert_eq!(action.function, "ApproveChaincodeDefinitionForMyOrg");
    let collection = &action.namespaces[0].collections[0];
    assert_eq!(
        (collection.name.as_str(), collection.reads, collection.writes),
        ("_implicit_org_Org1MSP", 6, 0)
    );
    let time = approval.time.unwrap();
    assert_eq!((time.year(), time.nanosecond()), (2026, 71_430_241));
}

#[test]
fn what_is_no_block() {
    for bytes in [b"".as_slice(), b"\x00", b"hello", &[0xff; 64]] {
        assert_eq!(parse_block(bytes), Err(BlockError::NotABlock));
    }
    assert_eq!(parse_transaction(b"hello"), Err(BlockError::NotAnEnvelope));
    assert_eq!(last_config_number(MIXED), Ok(Some(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_blocks_never_panic(
        which in 0_usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = ALL[which].to_vec();
        for (position, value) in changes {
            let length = bytes.len();
            bytes[position.index(length)] = value;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = parse_block(&bytes);
        let _ = parse_transaction(&bytes);
        let _ = last_config_number(&bytes);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse_block(&bytes);
        let _ = parse_transaction(&bytes);
    }
}

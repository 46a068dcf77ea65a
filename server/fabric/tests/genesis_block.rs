//! Genesis blocks: always the same bytes, what nodes check, and that broken profiles and blocks are refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a panic is how a test fails")]

use fabric::{
    config_update::config_from_block,
    config_view,
    genesis::{self, ChannelProfile, Consensus, FabricVersion, GenesisError, VerifyError},
    material::ChainError,
    proto::channel::{Block, ConfigGroup, Orderers, SignaturePolicyEnvelope, signature_policy::Type},
};
use proptest::prelude::*;
use prost::Message;

#[path = "genesis/fixture.rs"]
mod fixture;
#[path = "genesis/refused.rs"]
mod refused;

use fixture::{NONCE, NOW_S, Network};

fn make(profile: &ChannelProfile) -> Result<Vec<u8>, GenesisError> {
    genesis::block(profile, NOW_S, NONCE)
}

fn root(block: &[u8]) -> ConfigGroup {
    config_from_block(block).unwrap().channel_group.unwrap()
}

#[test]
fn the_same_profile_gives_the_same_bytes() {
    let network = Network::new(3);
    let first = make(&network.raft(FabricVersion::V2_5)).unwrap();
    assert_eq!(first, make(&network.raft(FabricVersion::V2_5)).unwrap());
    assert_eq!(Block::decode(first.as_slice()).unwrap().encode_to_vec(), first);
    assert_ne!(first, genesis::block(&network.raft(FabricVersion::V2_5), NOW_S, [8; 24]).unwrap());
    let metadata = Block::decode(first.as_slice()).unwrap().metadata.unwrap().metadata;
    assert_eq!(metadata, [vec![0x0a, 2, 0x0a, 0], vec![], vec![], vec![], vec![]]);
}

#[test]
fn the_facts_are_those_of_the_profile() {
    let network = Network::new(5);
    let facts = genesis::verify(&make(&network.raft(FabricVersion::V3)).unwrap()).unwrap();
    assert_eq!(facts.channel, "mychannel");
    assert_eq!(facts.orderer_orgs, ["OrdererMSP"]);
    assert_eq!(facts.application_orgs, ["Org1MSP", "Org2MSP"]);
    assert_eq!(facts.consensus, "etcdraft");
    assert_eq!(facts.channel_capabilities, ["V3_0"]);
    let hosts: Vec<&str> = facts.consenters.iter().map(|one| one.host.as_str()).collect();
    let expect: Vec<&str> = network.orderers.nodes.iter().map(|(host, ..)| host.as_str()).collect();
    assert_eq!(hosts, expect);
}

#[test]
fn an_organization_may_run_both_kinds_of_nodes() {
    let network = Network::new(1);
    let mut profile = network.raft(FabricVersion::V2_5);
    profile.application_orgs[0].msp = network.orderers.msp();
    let facts = genesis::verify(&make(&profile).unwrap()).unwrap();
    assert_eq!(facts.application_orgs, ["OrdererMSP", "Org2MSP"]);
}

#[test]
fn bft_blocks_list_the_consenters_and_their_quorum() {
    for (orderers, quorum) in [(4, 3), (7, 5)] {
        let block = make(&Network::new(orderers).bft()).unwrap();
        assert_eq!(genesis::verify(&block).unwrap().consensus, "BFT");
        let root = root(&block);
        let orderer = root.groups.get("Orderer").unwrap();
        let mapping = orderer.values.get("Orderers").unwrap();
        let mapping = Orderers::decode(mapping.value.as_slice()).unwrap();
        assert_eq!(mapping.consenter_mapping.len(), orderers);
        let policy = orderer.policies.get("BlockValidation").unwrap().policy.clone().unwrap();
        let policy = SignaturePolicyEnvelope::decode(policy.value.as_slice()).unwrap();
        assert_eq!(policy.identities.len(), orderers);
        let Some(Type::NOutOf(rule)) = policy.rule.unwrap().r#type else { panic!("no quorum") };
        assert_eq!(rule.n, quorum);
    }
}

#[test]
fn impossible_profiles_are_refused_by_name() {
    let network = Network::new(4);
    let other = Network::new(1);
    let check = |change: &dyn Fn(&mut ChannelProfile), expect: fn(&GenesisError) -> bool| {
        let mut profile = network.bft();
        change(&mut profile);
        let error = make(&profile).unwrap_err();
        assert!(expect(&error), "{error:?}");
    };
    check(&|p| p.channel = "My".into(), |e| matches!(e, GenesisError::Channel(_)));
    check(&|p| p.channel = "a".repeat(250), |e| matches!(e, GenesisError::Channel(_)));
    check(&|p| p.version = FabricVersion::V2_5, |e| *e == GenesisError::Version);
    check(&|p| p.orderer_orgs.clear(), |e| *e == GenesisError::NoOrganization);
    check(&|p| p.application_orgs.clear(), |e| *e == GenesisError::NoOrganization);
    check(&|p| p.orderer_orgs[0].endpoints.clear(), |e| matches!(e, GenesisError::NoEndpoint(_)));
    check(&|p| p.orderer_orgs[0].endpoints.push("host".into()), |e| matches!(e, GenesisError::Address(_)));
    check(&|p| p.application_orgs[0].anchor_peers.push(("a b".into(), 1)), |e| {
        matches!(e, GenesisError::Address(_))
    });
    check(&|p| p.application_orgs[0].msp.msp_id = "a/b".into(), |e| matches!(e, GenesisError::MspId(_)));
    check(
        &|p| p.application_orgs[0].msp.msp_id = "Org2MSP".into(),
        |e| matches!(e, GenesisError::Duplicate(id) if id == "Org2MSP"),
    );
    check(
        &|p| p.application_orgs[0].msp.msp_id = "OrdererMSP".into(),
        |e| matches!(e, GenesisError::Duplicate(id) if id == "OrdererMSP"),
    );
    check(&|p| p.batch.max_messages = 0, |e| *e == GenesisError::Batch);
    check(&|p| p.batch.timeout_ms = 0, |e| *e == GenesisError::Batch);
    check(&|p| p.batch.preferred_max_bytes = u32::MAX, |e| *e == GenesisError::Batch);
    check(&|p| consenters(p).truncate(3), |e| *e == GenesisError::ConsenterCount(3));
    check(&|p| consenters(p)[1].id = 1, |e| *e == GenesisError::ConsenterDuplicate);
    check(&|p| consenters(p)[1].host = consenters(p)[0].host.clone(), |e| {
        *e == GenesisError::ConsenterDuplicate
    });
    check(&|p| consenters(p)[0].msp_id = "Org1MSP".into(), |e| matches!(e, GenesisError::MspId(_)));
    let foreign = other.orderers.nodes[0].2.cert_pem.clone();
    check(&|p| consenters(p)[2].server_tls_pem.clone_from(&foreign), |e| {
        matches!(e, GenesisError::ConsenterCertificate { reason: ChainError::Issuer, .. })
    });
    check(&|p| consenters(p)[2].identity_pem = "no certificate".into(), |e| {
        matches!(e, GenesisError::ConsenterCertificate { reason: ChainError::Unreadable, .. })
    });
    check(&|p| p.application_orgs[1].msp.ca_cert_pem.clone_from(&foreign), |e| {
        matches!(e, GenesisError::Authority { reason: ChainError::NoAuthority, .. })
    });
}

#[test]
fn blocks_that_nodes_would_refuse_are_found() {
    let good = make(&Network::new(1).raft(FabricVersion::V2_5)).unwrap();
    let check = |change: fn(&mut Block), expect: VerifyError| {
        let mut block = Block::decode(good.as_slice()).unwrap();
        change(&mut block);
        assert_eq!(genesis::verify(&block.encode_to_vec()).unwrap_err(), expect);
    };
    check(|block| block.header.as_mut().unwrap().number = 1, VerifyError::NotFirst);
    check(|block| block.header.as_mut().unwrap().data_hash[0] ^= 1, VerifyError::DataHash);
    check(|block| block.data.as_mut().unwrap().data.push(Vec::new()), VerifyError::NotConfig);
    check(|block| block.metadata.as_mut().unwrap().metadata.truncate(3), VerifyError::Metadata);
    check(|block| block.metadata = None, VerifyError::Metadata);
    assert_eq!(genesis::verify(&[]).unwrap_err(), VerifyError::Decode("the block's header"));
    assert_eq!(genesis::verify(&[0xff, 1]).unwrap_err(), VerifyError::Decode("the block"));
}

#[test]
fn the_export_has_the_layout_of_cryptogen() {
    let files = Network::new(1).orderers.tree();
    let node = "ordererOrganizations/example.com/orderers/orderer0.example.com";
    for (path, secret) in [
        ("ordererOrganizations/example.com/ca/ca.example.com-cert.pem".to_owned(), false),
        ("ordererOrganizations/example.com/tlsca/priv_sk".to_owned(), true),
        ("ordererOrganizations/example.com/msp/config.yaml".to_owned(), false),
        (format!("{node}/msp/signcerts/orderer0.example.com-cert.pem"), false),
        (format!("{node}/msp/keystore/priv_sk"), true),
        (format!("{node}/tls/server.key"), true),
    ] {
        let file = files.iter().find(|file| file.path == path);
        assert_eq!(file.map(|file| file.secret), Some(secret), "{path}");
    }
}

fn consenters(profile: &mut ChannelProfile) -> &mut Vec<genesis::BftConsenter> {
    let Consensus::Bft(consenters) = &mut profile.consensus else { panic!("not BFT") };
    consenters
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_blocks_never_panic(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..8)) {
        let mut block = example().clone();
        let start = at.index(block.len());
        let end = block.len().min(start + 4);
        block.splice(start..end, bytes);
        let _ = genesis::verify(&block);
        let _ = config_from_block(&block);
        let _ = config_view::view(&block);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = genesis::verify(&bytes);
        let _ = config_from_block(&bytes);
        let _ = config_view::view(&bytes);
    }
}

/// One block for all cases: making keys is slow.
fn example() -> &'static Vec<u8> {
    static BLOCK: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    BLOCK.get_or_init(|| make(&Network::new(1).raft(FabricVersion::V2_5)).unwrap())
}

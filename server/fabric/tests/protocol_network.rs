//! The protocol against a running Fabric network with official node programs.
//!
//! `HEDDLE_FABRIC_NET` names a folder with `crypto/` (as cryptogen writes it), `ch.block` (the channel's block 0)
//! and `addresses.json` (see `network::Addresses`). Without it each test says so and passes. Every test may be
//! repeated on the same network.

#[path = "protocol_network/network.rs"]
mod network;

use std::time::Duration;

use fabric::{
    block::{TransactionKind, ValidationCode, parse_block, parse_transaction},
    deliver::{self, Source, Start},
    endorser::{self, Invocation, Proposal},
    error::ErrorKind,
    lifecycle::{self, Approval, Commitment, Definition, PolicyChoice},
    package, participation,
};
use futures::StreamExt;
use network::Network;
use prost::Message;

const WAIT: Duration = Duration::from_secs(30);

fn args(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[tokio::test]
async fn orderer_participation() {
    let Some(net) = Network::from_env() else { return };
    let admin = net.orderer_admin();
    assert!(participation::list(&admin).await.unwrap().contains(&net.channel));
    let info = participation::info(&admin, &net.channel).await.unwrap();
    assert_eq!(info.status, participation::Status::Active);
    assert_eq!(info.relation, participation::Relation::Consenter);
    assert!(info.height > 0);
    let again = participation::join(&admin, &net.genesis).await.unwrap();
    assert_eq!(again, participation::Joined::Already);
    let unknown = participation::info(&admin, "nosuchchannel").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::ChannelUnknown, "{unknown}");
    let broken = participation::join(&admin, b"no block").await.unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::BadRequest, "{broken}");
    // Without the admin's certificate there is no way in, and with a wrong name there is no connection.
    assert!(participation::list(&net.orderer_admin_without_certificate()).await.is_err());
    assert!(participation::list(&net.orderer_admin_with_wrong_name()).await.is_err());
}

#[tokio::test]
async fn peer_queries() {
    let Some(net) = Network::from_env() else { return };
    for org in ["Org1MSP", "Org2MSP"] {
        let (conn, admin) = (net.peer(org), net.admin(org));
        endorser::join_chain(&conn, &admin, &net.genesis).await.unwrap();
        assert!(endorser::get_channels(&conn, &admin).await.unwrap().contains(&net.channel));
        let info = endorser::get_chain_info(&conn, &admin, &net.channel).await.unwrap();
        let newest =
            endorser::get_block_by_number(&conn, &admin, &net.channel, info.height - 1).await.unwrap();
        assert_eq!(parse_block(&newest).unwrap().hash.to_vec(), info.current_hash);
        let config = endorser::get_config_block(&conn, &admin, &net.channel).await.unwrap();
        assert_eq!(parse_block(&config).unwrap().transactions[0].kind, TransactionKind::Config);
        let unknown = endorser::get_chain_info(&conn, &admin, "nosuchchannel").await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::ChannelUnknown, "{unknown}");
    }
    let foreign = endorser::get_channels(&net.peer("Org1MSP"), &net.admin("Org2MSP")).await.unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::AccessDenied, "{foreign}");
    let nobody = endorser::get_channels(&net.nobody(), &net.admin("Org1MSP")).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Unavailable, "{nobody}");
}

#[tokio::test]
async fn chaincode_lifecycle() {
    let Some(net) = Network::from_env() else { return };
    let connection = package::Connection {
        address: net.addresses.service_address.clone(),
        dial_timeout: "10s".into(),
        ..Default::default()
    };
    let bytes = package::ccaas(&net.addresses.service_label, &connection).unwrap();
    let id = package::id(&net.addresses.service_label, &bytes);
    std::fs::write(net.folder.join("service-package.tar.gz"), &bytes).unwrap();
    let definition = Definition {
        name: "service".into(),
        version: "1.0".into(),
        sequence: 1,
        endorsement_policy: PolicyChoice::Default,
        ..Definition::default()
    };
    let orgs = ["Org1MSP", "Org2MSP"];
    for org in orgs {
        let (conn, admin) = (net.peer(org), net.admin(org));
        assert_eq!(lifecycle::install(&conn, &admin, &bytes).await.unwrap().package_id, id);
        let again = lifecycle::install(&conn, &admin, &bytes).await.unwrap();
        assert!(again.was_there && again.package_id == id);
        let installed = lifecycle::query_installed(&conn, &admin).await.unwrap();
        assert!(installed.iter().any(|package| package.package_id == id));
    }
    let (conn, admin) = (net.peer("Org1MSP"), net.admin("Org1MSP"));
    let was_committed =
        lifecycle::query_definition(&conn, &admin, &net.channel, "service").await.unwrap().is_some();
    for org in orgs {
        lifecycle::approve(&net.gateway(org), &net.channel, &definition, Some(&id)).await.unwrap();
        if !was_committed {
            let again =
                lifecycle::approve(&net.gateway(org), &net.channel, &definition, Some(&id)).await.unwrap();
            assert_eq!(again, Approval::AlreadyApproved);
        }
        let (conn, admin) = (net.peer(org), net.admin(org));
        let approved = lifecycle::query_approved(&conn, &admin, &net.channel, "service", Some(1)).await;
        let approved = approved.unwrap().unwrap();
        assert!(approved.definition.is_same(&definition));
        assert_eq!(approved.package_id.as_deref(), Some(id.as_str()));
    }
    let none = lifecycle::query_approved(&conn, &admin, &net.channel, "nosuch", None).await.unwrap();
    assert_eq!(none, None);
    if !was_committed {
        let ready =
            lifecycle::check_commit_readiness(&conn, &admin, &net.channel, &definition).await.unwrap();
        assert!(orgs.iter().all(|org| ready.approvals.get(*org) == Some(&true)), "{ready:?}");
    }
    let all = || orgs.map(str::to_owned).to_vec();
    let gateway = net.gateway("Org1MSP");
    lifecycle::commit(&gateway, &net.channel, &definition, all()).await.unwrap();
    let again = lifecycle::commit(&gateway, &net.channel, &definition, all()).await.unwrap();
    assert_eq!(again, Commitment::AlreadyCommitted);
    let other = Definition { version: "2.0".into(), ..definition.clone() };
    let error = lifecycle::commit(&gateway, &net.channel, &other, all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SequenceConflict { expected: Some(2) }, "{error}");
    let unapproved = Definition { sequence: 2, ..other };
    let error = lifecycle::commit(&gateway, &net.channel, &unapproved, all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotApproved, "{error:?}");
    let in_force = lifecycle::query_definitions(&conn, &admin, &net.channel).await.unwrap();
    assert!(in_force.iter().any(|one| one.definition.is_same(&definition)));
    let missing = lifecycle::query_definition(&conn, &admin, &net.channel, "nosuch").await.unwrap();
    assert_eq!(missing, None);
}

#[tokio::test]
async fn transactions_through_the_gateway() {
    let Some(net) = Network::from_env() else { return };
    let gateway = net.gateway("Org1MSP");
    let chaincode = net.addresses.chaincode.as_str();
    let call = |list: &[&str]| Invocation::new(&net.channel, chaincode, args(list));
    let prepared = gateway.prepare(&call(&["put", "colour", "blue"]), Vec::new()).unwrap();
    let tx_id = prepared.tx_id().to_owned();
    let endorsed = prepared.endorse().await.unwrap();
    assert_eq!(endorsed.response().payload, b"ok");
    let submitted = endorsed.submit().await.unwrap();
    let committed = submitted.wait_commit(WAIT).await.unwrap().ensure_valid(&tx_id).unwrap();
    let answer = gateway.prepare(&call(&["get", "colour"]), Vec::new()).unwrap().evaluate().await.unwrap();
    assert_eq!(answer.payload, b"blue");

    let (conn, admin) = (net.peer("Org1MSP"), net.admin("Org1MSP"));
    let bytes = endorser::get_block_by_txid(&conn, &admin, &net.channel, &tx_id).await.unwrap();
    let block = parse_block(&bytes).unwrap();
    assert!(block.is_data_hash_right && block.number == committed.block);
    assert!(block.signers.iter().any(|signer| signer.msp_id == "OrdererMSP"));
    let view = block.transactions.iter().find(|view| view.tx_id == tx_id).unwrap();
    assert_eq!((view.code, view.kind), (Some(ValidationCode::Valid), TransactionKind::Endorser));
    assert!(view.is_tx_id_right);
    let creator = view.creator.as_ref().unwrap();
    assert_eq!((creator.msp_id.as_str(), creator.name.as_str()), ("Org1MSP", "Admin@org1.example.com"));
    assert_eq!(creator.units, ["admin"]);
    let action = view.action.as_ref().unwrap();
    assert_eq!((action.chaincode.as_str(), action.function.as_str()), (chaincode, "put"));
    assert_eq!(action.endorsers.len(), 2);
    let own = action.namespaces.iter().find(|one| one.namespace == chaincode).unwrap();
    assert_eq!((own.writes[0].key.as_str(), own.writes[0].value.as_slice()), ("colour", b"blue".as_slice()));
    let processed = endorser::get_transaction_by_id(&conn, &admin, &net.channel, &tx_id).await.unwrap();
    let envelope = processed.transaction_envelope.unwrap().encode_to_vec();
    assert_eq!(parse_transaction(&envelope).unwrap().tx_id, tx_id);
}

#[tokio::test]
async fn failures_are_recognised() {
    let Some(net) = Network::from_env() else { return };
    let gateway = net.gateway("Org1MSP");
    let try_endorse = async |channel: &str, chaincode: &str, list: &[&str]| {
        let call = Invocation::new(channel, chaincode, args(list));
        match gateway.prepare(&call, Vec::new()).unwrap().endorse().await {
            Ok(_) => panic!("endorsed"),
            Err(error) => error.kind(),
        }
    };
    let chaincode = net.addresses.chaincode.as_str();
    let contract = try_endorse(&net.channel, chaincode, &["fly"]).await;
    assert_eq!(contract, ErrorKind::ChaincodeError { status: 500, message: "bad call fly".into() });
    let unknown = try_endorse(&net.channel, "nosuch", &["fly"]).await;
    assert!(matches!(unknown, ErrorKind::ChaincodeNotDefined | ErrorKind::NoPeers), "{unknown:?}");
    assert_eq!(try_endorse("nosuchchannel", chaincode, &["fly"]).await, ErrorKind::ChannelUnknown);
    let late = gateway.commit_status(&net.channel, "00", Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
    let foreign = lifecycle::install(&net.peer("Org1MSP"), &net.admin("Org2MSP"), b"x").await.unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::AccessDenied, "{foreign}");
}

#[tokio::test]
async fn a_transaction_without_the_gateway() {
    let Some(net) = Network::from_env() else { return };
    let identity = net.admin("Org1MSP");
    let call = Invocation::new(&net.channel, &net.addresses.chaincode, args(&["put", "by-hand", "1"]));
    let proposal = Proposal::new(&identity, &call).unwrap();
    let mut responses = Vec::new();
    for org in ["Org1MSP", "Org2MSP"] {
        responses.push(endorser::process(&net.peer(org), &proposal, WAIT).await.unwrap());
    }
    let transaction = endorser::assemble(&identity, &proposal, &responses).unwrap();
    let orderer = net.subscription(Source::Orderer).conn;
    deliver::broadcast(&orderer, transaction.clone()).await.unwrap();
    let gateway = net.gateway("Org1MSP");
    let committed = gateway.commit_status(&net.channel, proposal.tx_id(), WAIT).await.unwrap();
    assert_eq!(committed.code, ValidationCode::Valid);
    // The peer refuses a second endorsement of the same id, and an orderer a broken signature.
    let again = endorser::process(&net.peer("Org1MSP"), &proposal, WAIT).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::DuplicateTransaction, "{again}");
    let mut forged = transaction;
    forged.signature = identity.sign(b"something else");
    let refused = deliver::broadcast(&orderer, forged).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AccessDenied, "{refused}");
}

#[tokio::test]
async fn block_streams() {
    let Some(net) = Network::from_env() else { return };
    let (conn, reader) = (net.peer("Org1MSP"), net.admin("Org1MSP"));
    let last = endorser::get_chain_info(&conn, &reader, &net.channel).await.unwrap().height - 1;
    for source in [Source::Peer, Source::Orderer] {
        let subscription = net.subscription(source);
        let stream = deliver::blocks(subscription.clone(), Start::At(0), Some(last));
        let blocks: Vec<_> = stream.map(|block| parse_block(&block.unwrap().bytes).unwrap()).collect().await;
        assert_eq!(blocks.len(), usize::try_from(last + 1).unwrap());
        assert!(blocks.windows(2).all(|pair| pair[1].follows(&pair[0])));
        assert!(blocks.iter().all(|block| block.is_data_hash_right));
        let all_valid = |code: &Option<ValidationCode>| *code == Some(ValidationCode::Valid);
        let codes: Vec<_> =
            blocks.iter().flat_map(|block| &block.transactions).map(|view| view.code).collect();
        assert_eq!(codes.iter().all(all_valid), source == Source::Peer);
        let config = deliver::newest_config_block(&subscription).await.unwrap();
        assert_eq!(Some(config.number), blocks.last().unwrap().last_config);
        let missing = deliver::one_block(&subscription, Start::At(last + 1_000_000)).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::ChannelUnknown, "{missing}");
    }
    let newest = deliver::blocks(net.subscription(Source::Peer), Start::Newest, None).next().await;
    assert!(newest.unwrap().unwrap().number >= last);
}

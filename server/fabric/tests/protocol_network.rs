//! The protocol against a running Fabric network with official node programs.
//!
//! `HEDDLE_FABRIC_NET` names the folder of a network that `end2end/bench/network/network.sh` has raised and deployed the
//! sample on, with `second.block`; `HEDDLE_FABRIC_NET_NAME` and `HEDDLE_FABRIC_NET_PORT` are the script's NAME and PORT.
//! `cargo xtask test` raises one. Without it each test says so and passes. Every test may be repeated on one network.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a panic is how a test fails")]

#[path = "protocol_network/network.rs"]
mod network;

use std::time::Duration;

use fabric::{
    block::{TransactionKind, ValidationCode, parse_block, parse_transaction},
    deliver::{self, Source, Start},
    endorser::{self, Invocation, Proposal},
    error::ErrorKind,
    lifecycle::{self, Approval, Commitment, Definition},
    package, participation,
};
use futures::StreamExt;
use network::{CHAINCODE, Network};
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
    for (conn, kind) in [
        (net.orderer_admin_without_certificate(), ErrorKind::Untrusted),
        (net.orderer_admin_with_wrong_name(), ErrorKind::NamesDiffer),
    ] {
        let error = participation::list(&conn).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
}

#[tokio::test]
async fn orderer_joins_and_leaves() {
    let Some(net) = Network::from_env() else { return };
    let block = std::fs::read(net.folder.join("second.block")).unwrap();
    let (admin, channel) = (net.orderer_admin(), "second");
    let remove = async || {
        participation::remove(&admin, channel).await.unwrap();
        let gone = async {
            while participation::info(&admin, channel).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WAIT, gone).await.unwrap();
    };
    remove().await;
    let joined = participation::join(&admin, &block).await.unwrap();
    let participation::Joined::Now(info) = joined else { panic!("joined before") };
    assert_eq!((info.name.as_str(), info.height), (channel, 1));
    assert_eq!(participation::join(&admin, &block).await.unwrap(), participation::Joined::Already);
    assert!(participation::list(&admin).await.unwrap().contains(&channel.to_owned()));
    remove().await;
    let gone = participation::info(&admin, channel).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::ChannelUnknown, "{gone}");
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
    assert_eq!(foreign.kind(), ErrorKind::CreatorUnknown, "{foreign}");
    let nobody = endorser::get_channels(&net.nobody(), &net.admin("Org1MSP")).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Unavailable, "{nobody}");
}

/// Where peers find the server of the lifecycle test's chaincode.
const SERVICE: &str = "service:9999";
const ORGS: [&str; 2] = ["Org1MSP", "Org2MSP"];

fn both() -> Vec<String> {
    ORGS.map(str::to_owned).to_vec()
}

/// Installs, approves and commits a chaincode that runs at `address`; each verb may find its work done.
async fn deploy(net: &Network, name: &str, address: &str) -> (Definition, String) {
    let connection =
        package::Connection { address: address.into(), dial_timeout: "2s".into(), ..Default::default() };
    let label = format!("{name}_1");
    let bytes = package::ccaas(&label, &connection).unwrap();
    let id = package::id(&label, &bytes);
    if address == SERVICE {
        net.serve("service", &id);
    }
    let definition =
        Definition { name: name.into(), version: "1.0".into(), sequence: 1, ..Definition::default() };
    for org in ORGS {
        let (conn, admin) = (net.peer(org), net.admin(org));
        assert_eq!(lifecycle::install(&conn, &admin, &bytes).await.unwrap().package_id, id);
        let again = lifecycle::install(&conn, &admin, &bytes).await.unwrap();
        assert!(again.was_there && again.package_id == id);
        lifecycle::approve(&net.gateway(org), &net.channel, &definition, Some(&id)).await.unwrap();
    }
    lifecycle::commit(&net.gateway("Org1MSP"), &net.channel, &definition, both()).await.unwrap();
    for org in ORGS {
        // After the commit a peer would endorse the approval again.
        let again =
            lifecycle::approve(&net.gateway(org), &net.channel, &definition, Some(&id)).await.unwrap();
        assert_eq!(again, Approval::AlreadyApproved);
    }
    (definition, id)
}

#[tokio::test]
async fn chaincode_lifecycle() {
    let Some(net) = Network::from_env() else { return };
    let (definition, id) = deploy(&net, "service", SERVICE).await;
    for org in ORGS {
        let (conn, admin) = (net.peer(org), net.admin(org));
        let installed = lifecycle::query_installed(&conn, &admin).await.unwrap();
        let own = installed.iter().find(|package| package.package_id == id).unwrap();
        assert_eq!(own.references[&net.channel], [("service".to_owned(), "1.0".to_owned())]);
        let approved = lifecycle::query_approved(&conn, &admin, &net.channel, "service", Some(1)).await;
        let approved = approved.unwrap().unwrap();
        assert!(approved.definition.is_same(&definition));
        assert_eq!(approved.package_id.as_deref(), Some(id.as_str()));
    }
    let (conn, admin) = (net.peer("Org1MSP"), net.admin("Org1MSP"));
    assert_eq!(lifecycle::query_approved(&conn, &admin, &net.channel, "nosuch", None).await.unwrap(), None);
    let gateway = net.gateway("Org1MSP");
    let again = lifecycle::commit(&gateway, &net.channel, &definition, both()).await.unwrap();
    assert_eq!(again, Commitment::AlreadyCommitted);
    let in_force = lifecycle::query_definitions(&conn, &admin, &net.channel).await.unwrap();
    assert!(in_force.iter().any(|one| one.definition.is_same(&definition)));
    let one = lifecycle::query_definition(&conn, &admin, &net.channel, "service").await.unwrap().unwrap();
    assert!(ORGS.iter().all(|org| one.approvals.get(*org) == Some(&true)));
    assert_eq!(lifecycle::query_definition(&conn, &admin, &net.channel, "nosuch").await.unwrap(), None);
    let call = Invocation::new(&net.channel, "service", args(&["init", "made", "1", "here", "2"]));
    let endorsed = gateway.prepare(&call, both()).unwrap().endorse().await.unwrap();
    let committed = endorsed.submit().await.unwrap().wait_commit(WAIT).await.unwrap();
    assert_eq!(committed.code, ValidationCode::Valid);
}

#[tokio::test]
async fn definitions_that_do_not_agree() {
    let Some(net) = Network::from_env() else { return };
    let (definition, id) = deploy(&net, "nobody", "localhost:1").await;
    let (conn, admin) = (net.peer("Org1MSP"), net.admin("Org1MSP"));
    let gateway = net.gateway("Org1MSP");
    let commit = async |definition: &Definition| {
        lifecycle::commit(&gateway, &net.channel, definition, both()).await.map_err(|error| error.kind())
    };
    let stale = Definition { version: "2.0".into(), ..definition.clone() };
    assert_eq!(commit(&stale).await, Err(ErrorKind::SequenceConflict { expected: Some(2) }));
    // A version that is new in each run, so that nobody has approved it yet.
    let height = endorser::get_chain_info(&conn, &admin, &net.channel).await.unwrap().height;
    let next = Definition { version: format!("2.{height}"), sequence: 2, ..definition };
    assert_eq!(commit(&next).await, Err(ErrorKind::NotApproved));
    let first = lifecycle::approve(&gateway, &net.channel, &next, Some(&id)).await.unwrap();
    assert!(matches!(first, Approval::Approved { .. }), "{first:?}");
    let second = lifecycle::approve(&gateway, &net.channel, &next, Some(&id)).await.unwrap();
    assert_eq!(second, Approval::AlreadyApproved);
    let ready = lifecycle::check_commit_readiness(&conn, &admin, &net.channel, &next).await.unwrap();
    assert_eq!(ORGS.map(|org| ready.approvals[org]), [true, false]);
    assert_eq!(commit(&next).await, Err(ErrorKind::NotApproved));
    // The definition in force stands, but no server answers at its address.
    let call = Invocation::new(&net.channel, "nobody", args(&["get", "x"]));
    let error = gateway.prepare(&call, Vec::new()).unwrap().evaluate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChaincodeUnreachable, "{error}");
}

#[tokio::test]
async fn transactions_through_the_gateway() {
    let Some(net) = Network::from_env() else { return };
    let gateway = net.gateway("Org1MSP");
    let chaincode = CHAINCODE;
    let call = |list: &[&str]| Invocation::new(&net.channel, chaincode, args(list));
    let prepared = gateway.prepare(&call(&["init", "blue", "7", "red", "8"]), Vec::new()).unwrap();
    let tx_id = prepared.tx_id().to_owned();
    let endorsed = prepared.endorse().await.unwrap();
    assert_eq!(endorsed.response().status, 200);
    let submitted = endorsed.submit().await.unwrap();
    let committed = submitted.wait_commit(WAIT).await.unwrap().ensure_valid(&tx_id).unwrap();
    let answer = gateway.prepare(&call(&["query", "blue"]), Vec::new()).unwrap().evaluate().await.unwrap();
    assert_eq!(answer.payload, b"7");

    let (conn, admin) = (net.peer("Org1MSP"), net.admin("Org1MSP"));
    let bytes = endorser::get_block_by_txid(&conn, &admin, &net.channel, &tx_id).await.unwrap();
    let block = parse_block(&bytes).unwrap();
    assert!(block.is_data_hash_right && block.number == committed.block);
    assert!(block.signers.iter().any(|signer| signer.msp_id == "OrdererMSP"));
    let view = block.transactions.iter().find(|view| view.tx_id == tx_id).unwrap();
    assert_eq!((view.code, view.kind), (Some(ValidationCode::Valid), TransactionKind::Endorser));
    assert!(view.is_tx_id_right);
    let creator = view.creator.as_ref().unwrap();
    assert_eq!((creator.msp_id.as_str(), creator.name.as_str()), ("Org1MSP", "Admin@org1.bench"));
    assert_eq!(creator.units, ["admin"]);
    let action = view.action.as_ref().unwrap();
    assert_eq!((action.chaincode.as_str(), action.function.as_str()), (chaincode, "init"));
    assert_eq!(action.endorsers.len(), 2);
    let own = action.namespaces.iter().find(|one| one.namespace == chaincode).unwrap();
    assert_eq!((own.writes[0].key.as_str(), own.writes[0].value.as_slice()), ("blue", b"7".as_slice()));
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
    let chaincode = CHAINCODE;
    let contract = try_endorse(&net.channel, chaincode, &["fly"]).await;
    assert_eq!(
        contract,
        ErrorKind::ChaincodeError {
            status: 500,
            message: "there is no function \"fly\": use init, move or query".into()
        }
    );
    let unknown = try_endorse(&net.channel, "nosuch", &["fly"]).await;
    assert!(matches!(unknown, ErrorKind::ChaincodeNotDefined | ErrorKind::NoPeers), "{unknown:?}");
    // The gateway looks for peers first, and there are none on a channel that does not exist.
    assert_eq!(try_endorse("nosuchchannel", chaincode, &["fly"]).await, ErrorKind::NoPeers);
    let late = gateway.commit_status(&net.channel, "00", Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
    let foreign = lifecycle::install(&net.peer("Org1MSP"), &net.admin("Org2MSP"), b"x").await.unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::CreatorUnknown, "{foreign}");
}

#[tokio::test]
async fn a_transaction_without_the_gateway() {
    let Some(net) = Network::from_env() else { return };
    let identity = net.admin("Org1MSP");
    let call = Invocation::new(&net.channel, CHAINCODE, args(&["init", "by", "1", "hand", "2"]));
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
    assert_eq!(refused.kind(), ErrorKind::PolicyNotSatisfied, "{refused}");
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
        // Orderers do not judge transactions, peers judge all of them.
        let mut codes = blocks.iter().flat_map(|block| &block.transactions).map(|view| view.code);
        assert!(codes.all(|code| code.is_some() == (source == Source::Peer)));
        let config = deliver::newest_config_block(&subscription).await.unwrap();
        assert_eq!(Some(config.number), blocks.last().unwrap().last_config);
        let missing = deliver::one_block(&subscription, Start::At(last + 1_000_000)).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::ChannelUnknown, "{missing}");
    }
    let newest = deliver::blocks(net.subscription(Source::Peer), Start::Newest, None).next().await;
    assert!(newest.unwrap().unwrap().number >= last);
}

#[tokio::test]
async fn block_streams_survive_broken_connections() {
    let Some(net) = Network::from_env() else { return };
    // Block 0 alone is about 20 kB, so this connection breaks again and again, mostly inside a block.
    let subscription = net.breaking_subscription(36_000);
    let dials = || subscription.1.load(std::sync::atomic::Ordering::Relaxed);
    let stream = deliver::blocks(subscription.0.clone(), Start::At(0), Some(6));
    let numbers: Vec<_> = stream.map(|block| block.unwrap().number).collect().await;
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    assert!(dials() > 1, "the connection never broke");
}

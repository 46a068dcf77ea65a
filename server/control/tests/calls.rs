//! Calls of a chaincode over the façade, on a host and a network in memory: what they answer, what they refuse, and
//! that one key writes once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "plane/bed.rs"]
#[expect(dead_code, reason = "the operations' tests need more of it")]
mod bed;
#[path = "calls/exports.rs"]
mod exports;
#[path = "calls/further.rs"]
mod further;
#[path = "calls/looks.rs"]
mod looks;

use std::collections::BTreeMap;
use std::sync::Arc;

use agents::NodeRef;
use bed::{Bed, caller};
use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use control::operations::chain_create::ChainCreate;
use control::operations::chain_delete::ChainDelete;
use control::operations::chain_stop::ChainStop;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::operations::chaincode_steps::{ChaincodeApprove, ChaincodeCommit, ChaincodeInstall};
use control::operations::channel_create::ChannelCreate;
use control::services::Services;
use domain::Code;
use domain::chaincode::DeploySpec;
use domain::channel::{ChannelMember, ChannelSpec};
use domain::id::UserId;
use domain::name::{ChainName, ChaincodeName, ChannelName, NodeName, OrganizationName, UserName};
use domain::permission::{Grant, Role};
use domain::transaction::{CallSpec, TransactionState};
use store::Store;
use workflow::Settings;
use zeroize::Zeroizing;

/// A running chain with the sample on it, and a façade over it: of two organizations.
async fn deployed() -> (Bed, Arc<ControlPlane>) {
    deployed_on(0).await
}

/// The same on the chain of a seed: one organization with two peers for an odd one.
async fn deployed_on(seed: u64) -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::deployed_on(&Store::open("mem://").await.unwrap(), seed).await;
    let plane = facade(bed.services.clone());
    (bed, plane)
}

/// A façade over services.
fn facade(services: Arc<Services>) -> Arc<ControlPlane> {
    let key = Zeroizing::new(vec![1; 32]);
    Arc::new(ControlPlane::new(services, Settings::new("calls"), key).unwrap())
}

/// A node of the chain on its host.
fn peer(bed: &Bed, name: &str) -> NodeRef {
    bed.node(name)
}

fn call(function: &str, arguments: &[&str], key: &str) -> CallSpec {
    CallSpec {
        chain: ChainName::parse("demo").unwrap(),
        channel: ChannelName::parse("mychannel").unwrap(),
        chaincode: ChaincodeName::parse("example02").unwrap(),
        organization: OrganizationName::parse("org1").unwrap(),
        function: function.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        transient: BTreeMap::new(),
        endorsers: Vec::new(),
        is_init: false,
        idempotency_key: format!("key-of-{key}"),
    }
}

#[tokio::test]
async fn the_sample_answers_as_it_always_has() {
    let (_bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let done = plane.transaction_submit(&ann, call("init", &["a", "100", "b", "200"], "init")).await.unwrap();
    assert_eq!((done.state, done.validation.as_deref()), (TransactionState::Valid, Some("VALID")));
    assert!(done.block.is_some() && done.endorse_ms.is_some() && done.order_ms.is_some());
    assert!(done.commit_ms.is_some());
    plane.transaction_submit(&ann, call("move", &["a", "b", "10"], "move")).await.unwrap();
    for (name, amount) in [("a", "90"), ("b", "210")] {
        let answer = plane.transaction_query(&ann, call("query", &[name], "query")).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.hex), (amount, hex::encode(amount)));
    }
}

#[tokio::test]
async fn one_key_writes_once_however_often_it_is_sent() {
    let (_bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    plane.transaction_submit(&ann, call("init", &["a", "100", "b", "200"], "init")).await.unwrap();
    let sent = (0..50).map(|_| {
        let (plane, ann) = (plane.clone(), ann.clone());
        tokio::spawn(
            async move { plane.transaction_submit(&ann, call("move", &["a", "b", "10"], "same")).await },
        )
    });
    let mut ids = std::collections::BTreeSet::new();
    for sent in sent.collect::<Vec<_>>() {
        ids.insert(sent.await.unwrap().unwrap().id);
    }
    assert_eq!(ids.len(), 1);
    let answer = plane.transaction_query(&ann, call("query", &["a"], "query")).await.unwrap();
    assert_eq!(answer.text, "90");
    let history = plane.transaction_history(&ann, &ChainName::parse("demo").unwrap(), None).await.unwrap();
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|row| row.state == TransactionState::Valid), "{history:?}");
    let other = plane.transaction_submit(&ann, call("move", &["a", "b", "11"], "same")).await.unwrap_err();
    assert_eq!((other.code, other.status()), (Code::KeyUsed, 409));
}

#[tokio::test]
async fn keys_are_opened_once_and_a_chain_made_again_has_its_own() {
    let (bed, _plane) = deployed().await;
    let name = ChainName::parse("demo").unwrap();
    let opened = async || {
        let record = bed.services.store.chain_read(&name).await.unwrap().unwrap();
        bed.services.opened(&record).await.unwrap()
    };
    let (first, again) = (opened().await, opened().await);
    assert!(Arc::ptr_eq(&first.trust, &again.trust));
    bed.run(ChainDelete { spec: bed.chain_spec(), keep_data: false, only_free: false }).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let other = opened().await;
    assert_ne!(other.trust.portal.cert_pem, first.trust.portal.cert_pem);
}

/// What calls need of the database stays in memory: not for a moment longer than it is true.
#[tokio::test]
async fn a_call_is_allowed_by_what_holds_at_that_moment() {
    let (bed, plane) = deployed().await;
    let (ann, uma) = (caller("ann", Role::Operator), caller("uma", Role::User));
    plane.transaction_submit(&ann, call("init", &["a", "100", "b", "200"], "init")).await.unwrap();
    let (store, name) = (&bed.services.store, ChainName::parse("demo").unwrap());
    let ask = async |who: &Caller| {
        let asked = plane.transaction_query(who, call("query", &["a"], "query")).await;
        asked.map_or_else(|error| error.status(), |_| 200)
    };
    assert_eq!([ask(&uma).await, ask(&ann).await], [404, 200]);
    for (level, status) in [(Grant::Use, 200), (Grant::Read, 403), (Grant::Manage, 200)] {
        store.grant_put(&name, &UserId::new("uma"), level).await.unwrap();
        assert_eq!([ask(&uma).await, ask(&uma).await], [status; 2], "{level:?}");
    }
    store.grant_delete(&name, &UserId::new("uma")).await.unwrap();
    assert_eq!([ask(&uma).await, ask(&ann).await], [404, 200]);
    bed.run(ChainStop { chain: name.clone() }).await;
    assert_eq!(ask(&ann).await, 409);
    bed.run(ChainDelete { spec: bed.chain_spec(), keep_data: false, only_free: false }).await;
    assert_eq!(ask(&ann).await, 404);
}

#[tokio::test]
async fn wrong_calls_are_told_apart_and_leave_nothing() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let refused = async |change: &dyn Fn(&mut CallSpec)| {
        let mut spec = call("query", &["nobody"], "wrong");
        change(&mut spec);
        let queried = plane.transaction_query(&ann, spec.clone()).await.unwrap_err();
        let submitted = plane.transaction_submit(&ann, spec).await.unwrap_err();
        assert_eq!(queried.code, submitted.code);
        (submitted.code, submitted.status(), submitted.field.unwrap_or_default())
    };
    assert_eq!(refused(&|_| {}).await, (Code::ChaincodeError, 422, String::new()));
    assert_eq!(
        refused(&|spec| spec.chain = ChainName::parse("nochain").unwrap()).await,
        (Code::NotFound, 404, String::new())
    );
    assert_eq!(
        refused(&|spec| spec.channel = ChannelName::parse("nochannel").unwrap()).await,
        (Code::ChannelUnknown, 404, "channel".to_owned())
    );
    assert_eq!(
        refused(&|spec| spec.chaincode = ChaincodeName::parse("nocode").unwrap()).await,
        (Code::ChaincodeNotDefined, 404, "chaincode".to_owned())
    );
    assert_eq!(
        refused(&|spec| spec.organization = OrganizationName::parse("org9").unwrap()).await,
        (Code::NotFound, 404, "organization".to_owned())
    );
    assert_eq!(
        refused(&|spec| spec.endorsers = vec![OrganizationName::parse("org9").unwrap()]).await,
        (Code::NotFound, 404, "endorsers".to_owned())
    );
    assert_eq!(
        refused(&|spec| spec.arguments = vec!["x".repeat(3 << 20)]).await,
        (Code::ArgumentsTooLarge, 422, "arguments".to_owned())
    );
    bed.run(ChainStop { chain: ChainName::parse("demo").unwrap() }).await;
    assert_eq!(refused(&|_| {}).await, (Code::ChainState, 409, String::new()));
    let history = plane.transaction_history(&ann, &ChainName::parse("demo").unwrap(), None).await.unwrap();
    // What the chaincode refused is told, without an id of a transaction; the rest never left the portal.
    let told: Vec<_> =
        history.iter().map(|row| (row.state, row.id.as_str(), row.function.as_str())).collect();
    assert_eq!(told, [(TransactionState::Refused, "", "query")]);
    assert_eq!(history[0].error.as_ref().map(|error| error.code), Some(Code::ChaincodeError));
}

#[tokio::test]
async fn everybody_sees_their_own_history_and_staff_sees_all() {
    let (bed, plane) = deployed().await;
    let (demo, ben, eve) =
        (ChainName::parse("demo").unwrap(), caller("ben", Role::User), caller("eve", Role::User));
    let foreign = plane.transaction_submit(&ben, call("query", &["a"], "ben")).await.unwrap_err();
    assert_eq!(foreign.status(), 404);
    for user in ["ben", "eve"] {
        bed.services.store.grant_put(&demo, &UserId::new(user), Grant::Use).await.unwrap();
    }
    plane.transaction_submit(&ben, call("init", &["a", "1", "b", "2"], "ben")).await.unwrap();
    plane.transaction_submit(&eve, call("move", &["a", "b", "1"], "eve")).await.unwrap();
    let own = plane.transaction_history(&ben, &demo, None).await.unwrap();
    assert_eq!(own.iter().map(|row| row.submitted_by.as_str()).collect::<Vec<_>>(), ["ben"]);
    let all = plane.transaction_history(&caller("ann", Role::Operator), &demo, None).await.unwrap();
    assert_eq!(all.len(), 2);
    // Each signs as themselves: the portal made an identity per person and organization.
    for user in ["ben", "eve"] {
        let place = format!("chain/demo/Org1MSP/user/{user}");
        assert!(bed.services.store.secret_read(&place).await.unwrap().is_some(), "{place}");
    }
}

#[tokio::test]
async fn material_and_profiles_are_for_those_who_may() {
    let (bed, plane) = deployed().await;
    let (demo, org1) = (ChainName::parse("demo").unwrap(), OrganizationName::parse("org1").unwrap());
    let (ann, ben) = (caller("ann", Role::Operator), caller("ben", Role::User));
    assert_eq!(plane.connection_profile(&ben, &demo, &org1).await.unwrap_err().status(), 404);
    bed.services.store.grant_put(&demo, &UserId::new("ben"), Grant::Read).await.unwrap();
    let profile = plane.connection_profile(&ben, &demo, &org1).await.unwrap();
    assert_eq!(profile["peers"]["peer0.org1.demo"]["url"], "grpcs://127.0.0.1:31020");
    assert_eq!(profile["organizations"]["org2"]["mspid"], "Org2MSP");
    let yaml = plane.connection_profile_yaml(&ben, &demo, &org1).await.unwrap();
    assert!(yaml.contains("\"url\": \"grpcs://127.0.0.1:31010\"\n"), "{yaml}");
    assert_eq!(plane.material_export(&ben, &demo, &org1).await.unwrap_err().status(), 403);
    let tar = plane.material_export(&ann, &demo, &org1).await.unwrap();
    let keys: Vec<String> = paths(&tar).into_iter().filter(|path| path.ends_with("priv_sk")).collect();
    assert_eq!(keys, ["peerOrganizations/org1.demo/users/ann@org1.demo/msp/keystore/priv_sk"]);
    let unknown = OrganizationName::parse("org9").unwrap();
    assert_eq!(plane.material_export(&ann, &demo, &unknown).await.unwrap_err().status(), 404);
    let wrong = plane.admin_key_export(&ann, &demo, &org1, "not the password".to_owned()).await.unwrap_err();
    assert_eq!((wrong.code, wrong.status()), (Code::SignInFailed, 403));
}

#[tokio::test]
async fn a_further_channel_is_its_members_alone() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let (demo, second) = (ChainName::parse("demo").unwrap(), ChannelName::parse("second").unwrap());
    let member = |organization: &str, peer: &str| ChannelMember {
        organization: OrganizationName::parse(organization).unwrap(),
        peers: vec![NodeName::parse(peer).unwrap()],
    };
    let spec = |members| ChannelSpec { chain: demo.clone(), name: second.clone(), members };
    let refused = async |members| {
        let error = plane.channel_create(&ann, spec(members), "key-of-second".to_owned()).await.unwrap_err();
        (error.code, error.status())
    };
    assert_eq!(refused(vec![]).await, (Code::TooFewOrganizations, 422));
    assert_eq!(refused(vec![member("org9", "peer0-org1")]).await, (Code::NotFound, 404));
    assert_eq!(refused(vec![member("org1", "peer0-org2")]).await, (Code::NotFound, 404));
    bed.run(ChannelCreate { spec: spec(vec![member("org1", "peer0-org1")]) }).await;
    let views = plane.channel_list(&ann, &demo).await.unwrap();
    let view = views.iter().find(|view| view.name == second).unwrap();
    assert_eq!(view.organizations.iter().map(ToString::to_string).collect::<Vec<_>>(), ["org1"]);
    assert_eq!((view.peers.len(), view.peers[0].joined, view.height), (1, Some(true), Some(1)));
    let config = plane.channel_config(&ann, &demo, &second).await.unwrap();
    assert_eq!(config.anchors, [("Org1MSP".to_owned(), vec!["peer0-org1:7051".to_owned()])]);
    let tree: serde_json::Value = serde_json::from_str(&config.json).unwrap();
    let consensus = &tree["groups"]["Orderer"]["values"]["ConsensusType"]["value"];
    assert_eq!(consensus["metadata"]["consenters"][0]["host"], "orderer0");
    assert_eq!(tree["groups"]["Application"]["policies"]["Admins"]["policy"], "MAJORITY Admins");
    let again =
        plane.channel_create(&ann, spec(vec![member("org1", "peer0-org1")]), "key-of-third".to_owned());
    assert_eq!(again.await.unwrap_err().code, Code::ChannelExists);
    // What is deployed there concerns its one organization only.
    let deploy = DeploySpec { channel: second.clone(), ..bed.deploy_spec() };
    bed.run(ChaincodeDeploy { spec: deploy, starter: None }).await;
    let mut spec = call("init", &["a", "1", "b", "2"], "second");
    spec.channel = second.clone();
    assert_eq!(plane.transaction_submit(&ann, spec).await.unwrap().state, TransactionState::Valid);
    let deployed = plane.chaincode_list(&ann, &demo).await.unwrap();
    let board = &deployed.iter().find(|one| one.channel == second).unwrap().readiness;
    assert_eq!(board.len(), 1);
    let user = caller("ben", Role::User);
    bed.services.store.grant_put(&demo, &UserId::new("ben"), Grant::Use).await.unwrap();
    let forbidden = plane.channel_join(&user, &demo, &second, vec![NodeName::parse("peer0-org1").unwrap()]);
    assert_eq!(forbidden.await.unwrap_err().status(), 403);
}

#[tokio::test]
async fn a_deployment_can_be_made_step_by_step() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let plane = facade(bed.services.clone());
    let (ann, demo) = (caller("ann", Role::Operator), ChainName::parse("demo").unwrap());
    let board = async || {
        let one = plane.chaincode_list(&ann, &demo).await.unwrap().remove(0);
        let rows = one.readiness.iter();
        (one.committed, rows.map(|row| (row.installed.len(), row.approved)).collect::<Vec<_>>())
    };
    let spec = bed.deploy_spec();
    let organization = |name: &str| OrganizationName::parse(name).unwrap();
    let peers = |name: &str| vec![NodeName::parse(name).unwrap()];
    bed.run(ChaincodeInstall { spec: spec.clone(), peers: peers("peer0-org1"), starter: None }).await;
    assert_eq!(board().await, (false, vec![(1, false), (0, false)]));
    let approve =
        |name: &str| ChaincodeApprove { spec: spec.clone(), organization: organization(name), starter: None };
    bed.run(approve("org1")).await;
    assert_eq!(board().await, (false, vec![(1, true), (0, false)]));
    bed.run(ChaincodeInstall { spec: spec.clone(), peers: peers("peer0-org2"), starter: None }).await;
    bed.run(approve("org2")).await;
    assert_eq!(board().await, (false, vec![(1, true), (1, true)]));
    bed.run(ChaincodeCommit { spec: spec.clone(), starter: None }).await;
    assert_eq!(board().await, (true, vec![(1, true), (1, true)]));
    plane.transaction_submit(&ann, call("init", &["a", "1", "b", "2"], "steps")).await.unwrap();
}

/// Paths in a tar.
fn paths(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

//! What a call brings along (private input, chosen endorsers, the first call of all), what becomes of one that is cut off,
//! and what the explorer reads of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use agents::Agent;
use agents::simulated::{Fault, Verb, When};
use control::network::simulated::Ailment;
use domain::transaction::SubmitView;
use store::TransactionRecord;

use super::*;

/// Longest that a pending transaction is believed to arrive yet, and a little more.
const LOST_MS: u64 = 11 * 60 * 1_000;

/// Longest that somebody waits for a transaction, and a little more.
const WAITED_MS: u64 = 61_000;

/// Longest that it is handed over before.
const HANDED_MS: u64 = 40_000;

/// Longest that it counts what a peer was seen to have.
const REMEMBERED_MS: u64 = 30_000;

fn organizations(names: &[&str]) -> Vec<OrganizationName> {
    names.iter().map(|name| OrganizationName::parse(name).unwrap()).collect()
}

#[tokio::test]
async fn private_input_reaches_the_chaincode_and_no_history() {
    let (_bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let mut spec = call("reveal", &["colour"], "colour");
    let nothing = plane.transaction_query(&ann, spec.clone()).await.unwrap_err();
    assert_eq!(nothing.code, Code::ChaincodeError);
    spec.transient = BTreeMap::from([("colour".to_owned(), "blue".to_owned())]);
    assert_eq!(plane.transaction_query(&ann, spec.clone()).await.unwrap().text, "blue");
    let done = plane.transaction_submit(&ann, spec).await.unwrap();
    assert_eq!((done.state, done.result.as_deref()), (TransactionState::Valid, Some("blue")));
    let history = plane.transaction_history(&ann, &ChainName::parse("demo").unwrap(), None).await.unwrap();
    let row = SubmitView { result: None, result_hex: None, ..history[0].clone() };
    assert!(!format!("{row:?}").contains("blue"), "only the answer tells it: {row:?}");
}

/// A key that was used is no way to be told that something else was done.
#[tokio::test]
async fn a_key_belongs_to_one_call_with_all_that_it_brings_along() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let mut first = call("reveal", &["colour"], "once");
    first.transient = BTreeMap::from([("colour".to_owned(), "blue".to_owned())]);
    let done = plane.transaction_submit(&ann, first.clone()).await.unwrap();
    assert_eq!(plane.transaction_submit(&ann, first.clone()).await.unwrap().id, done.id);
    let refused = async |change: &dyn Fn(&mut CallSpec)| {
        let mut other = first.clone();
        change(&mut other);
        plane.transaction_submit(&ann, other).await.map(|view| view.id).map_err(|error| error.code)
    };
    let red = |spec: &mut CallSpec| {
        spec.transient.insert("colour".to_owned(), "red".to_owned());
    };
    assert_eq!(refused(&red).await, Err(Code::KeyUsed));
    let org2 = |spec: &mut CallSpec| spec.organization = OrganizationName::parse("org2").unwrap();
    assert_eq!(refused(&org2).await, Err(Code::KeyUsed));
    assert_eq!(refused(&|spec| spec.endorsers = organizations(&["org1", "org2"])).await, Err(Code::KeyUsed));
    assert_eq!(refused(&|_| {}).await, Ok(done.id.clone()));
    // The row holds nothing that tells the private input or lets it be guessed.
    let store = &bed.services.store;
    let row = store.transaction_by_key(&UserId::new("ann"), &first.idempotency_key).await.unwrap().unwrap();
    let asked = row.asked.unwrap();
    assert!(!asked.contains("blue") && !asked.contains(&hex::encode("blue")));
    let again =
        plane.transaction_submit(&ann, CallSpec { idempotency_key: "key-of-another".to_owned(), ..first });
    let again = again.await.unwrap();
    assert_ne!(again.id, done.id);
    let other = store.transaction_by_key(&UserId::new("ann"), "key-of-another").await.unwrap().unwrap();
    assert_ne!(other.asked, Some(asked), "the same input is sealed anew each time");
}

/// Everything below a folder, as text.
fn folder_text(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.is_dir() {
        true => folder_text(&path),
        false => String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned(),
    });
    texts.collect()
}

/// Whoever copies the data folder gets no key of a node, an admin or a person, and no private input.
#[tokio::test]
async fn the_data_folder_holds_nothing_private_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}?sync=every", folder.path().join("portal").display());
    let store = Store::open(&url).await.unwrap();
    let bed = Bed::deployed_on(&store, 0).await;
    let plane = facade(bed.services.clone());
    let mut spec = call("init", &["a", "1", "b", "2"], "private");
    spec.transient = BTreeMap::from([("colour".to_owned(), "a-very-private-blue".to_owned())]);
    plane.transaction_submit(&caller("ann", Role::Operator), spec).await.unwrap();

    let mut keys = Vec::new();
    for secret in store.secret_list_prefix("chain/").await.unwrap() {
        let opened = bed.services.vault.open(&secret.key, &secret.sealed).unwrap();
        let opened = String::from_utf8_lossy(&opened).into_owned();
        // The first line of a key, as it stands in its text.
        let begins = opened.split("BEGIN PRIVATE KEY-----\\n").skip(1);
        keys.extend(begins.filter_map(|key| key.get(..64)).map(str::to_owned));
    }
    assert!(keys.len() > 10, "keys of authorities, nodes, admins and a person: {}", keys.len());
    let text = folder_text(folder.path());
    assert!(text.contains("peer0-org1") && text.contains("key-of-private"), "what is public can be read");
    assert!(!text.contains("PRIVATE KEY") && !text.contains("a-very-private-blue"));
    assert!(keys.iter().all(|key| !text.contains(key.as_str())));
}

#[tokio::test]
async fn those_who_are_chosen_endorse() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let submit = async |names: &[&str], key: &str| {
        let mut spec = call("init", &["a", "1", "b", "2"], key);
        spec.endorsers = organizations(names);
        plane.transaction_submit(&ann, spec).await.map(|view| view.state).map_err(|error| error.code)
    };
    assert_eq!(submit(&["org1", "org2"], "both").await, Ok(TransactionState::Valid));
    bed.agent.kill(&peer(&bed, "peer0-org2"), 137).unwrap();
    assert_eq!(submit(&["org1", "org2"], "one-is-down").await, Err(Code::NoEndorsers));
    assert_eq!(submit(&["org1"], "the-other").await, Ok(TransactionState::Valid));
}

#[tokio::test]
async fn a_chaincode_that_wants_to_be_initialised_gets_its_first_call_once() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let spec = DeploySpec { init_required: true, ..bed.deploy_spec() };
    bed.run(ChaincodeDeploy { spec, starter: None }).await;
    let plane = facade(bed.services.clone());
    let ann = caller("ann", Role::Operator);
    let early = plane.transaction_query(&ann, call("query", &["a"], "early")).await.unwrap_err();
    assert_eq!(early.code, Code::ChaincodeNeedsInit);
    let first = |key: &str| CallSpec { is_init: true, ..call("init", &["a", "1", "b", "2"], key) };
    let done = plane.transaction_submit(&ann, first("first")).await.unwrap();
    assert_eq!(done.state, TransactionState::Valid);
    assert_eq!(plane.transaction_query(&ann, call("query", &["a"], "late")).await.unwrap().text, "1");
    assert_eq!(plane.transaction_submit(&ann, first("again")).await.unwrap_err().status(), 409);
}

/// Looks at a future so many times and drops it, as a crash would; true if it had ended by then.
async fn cut_off_after(looks: usize, work: impl Future) -> bool {
    let mut work = pin!(work);
    for _ in 0..looks {
        let ended = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_ready())).await;
        if ended {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_submit_that_is_cut_off_anywhere_is_resolved() {
    let (bed, plane) = deployed_on(2).await;
    let (ann, demo) = (caller("ann", Role::Operator), ChainName::parse("demo").unwrap());
    plane.transaction_submit(&ann, call("init", &["a", "1000", "b", "0"], "init")).await.unwrap();
    let history = async || plane.transaction_history(&ann, &demo, None).await.unwrap();
    let of = |rows: &[SubmitView], state| rows.iter().filter(|row| row.state == state).count();
    for looks in 1.. {
        let spec = call("move", &["a", "b", "1"], &format!("cut-{looks}"));
        if cut_off_after(looks, plane.transaction_submit(&ann, spec)).await {
            break;
        }
        assert!(looks < 1_000, "it never ends");
    }
    let cut = history().await;
    assert!(of(&cut, TransactionState::Pending) > 1, "nothing was cut off between the row and the answer");
    // One whose portal ended right after the row was written; here nothing waits between that and the handing over.
    let mut view = cut.iter().find(|row| row.state == TransactionState::Pending).unwrap().clone();
    view.id = "0".repeat(64);
    let (user, idempotency_key) = (ann.user.clone().unwrap().id, "never handed over".to_owned());
    let never = TransactionRecord { view, user, idempotency_key, asked: None };
    assert_eq!(bed.services.store.transaction_create(&never).await.unwrap(), None);
    let pending = of(&history().await, TransactionState::Pending);
    // As long as somebody may hand them over or wait for them they are left alone.
    for wait_ms in [0, WAITED_MS] {
        bed.services.clock.sleep(wait_ms).await;
        plane.reconcile().await;
        assert_eq!(of(&history().await, TransactionState::Pending), pending);
    }
    bed.services.clock.sleep(HANDED_MS).await;
    plane.reconcile().await;
    let settled = history().await;
    let (arrived, open) = (of(&settled, TransactionState::Valid), of(&settled, TransactionState::Pending));
    assert!(open > 0 && open < pending, "{open} of {pending}: some were handed over, some were not");
    // Whatever was handed over is in the audit, though nobody was told what came of it.
    plane.audit_list(&ann, None).await.unwrap();
    let audit = async || bed.services.store.audit_after(0, 10_000).await.unwrap();
    let submitted = audit().await.into_iter().filter(|row| row.view.what == "transaction-submit");
    assert!(submitted.count() >= arrived, "{arrived} transactions arrived");
    // Nobody gives up early on what may arrive yet.
    bed.services.clock.sleep(LOST_MS).await;
    plane.reconcile().await;
    let last = history().await;
    assert_eq!(of(&last, TransactionState::Pending), 0);
    assert_eq!(of(&last, TransactionState::Refused), open);
    let lost = last.iter().find(|row| row.state == TransactionState::Refused).unwrap();
    assert_eq!(lost.error.as_ref().map(|error| error.code), Some(Code::TransactionLost));
    // What nobody waited for to the end has a record of its own, by the id of the transaction.
    let ends = audit().await.into_iter().filter(|row| row.view.what == "transaction-submit-end");
    let ends: BTreeMap<String, String> = ends.map(|row| (row.view.request_id, row.view.result)).collect();
    let results = |row: &SubmitView| match row.state {
        TransactionState::Valid => "valid",
        _ => "transaction-lost",
    };
    let waiting = cut.iter().filter(|row| row.state == TransactionState::Pending);
    let waiting: BTreeSet<&str> =
        waiting.map(|row| row.id.as_str()).chain([never.view.id.as_str()]).collect();
    let settled = last.iter().filter(|row| waiting.contains(row.id.as_str()));
    let wanted: BTreeMap<String, String> =
        settled.map(|row| (row.id.clone(), results(row).to_owned())).collect();
    assert_eq!(ends, wanted);
    // The rows tell exactly what the ledger holds.
    let moved = plane.transaction_query(&ann, call("query", &["b"], "query")).await.unwrap().text;
    assert_eq!(moved, (arrived - 1).to_string());
}

#[tokio::test]
async fn what_one_peer_lacks_is_not_lost_while_another_one_may_have_it() {
    let (bed, plane) = deployed().await;
    let (ann, demo) = (caller("ann", Role::Operator), ChainName::parse("demo").unwrap());
    plane.transaction_submit(&ann, call("init", &["a", "1", "b", "2"], "init")).await.unwrap();
    let (behind, other) = (peer(&bed, "peer0-org1"), peer(&bed, "peer0-org2"));
    bed.network.ail(&behind, Some(Ailment::Behind));
    let sent = plane.transaction_submit(&ann, call("move", &["a", "b", "1"], "move")).await.unwrap();
    assert_eq!(sent.state, TransactionState::Pending);
    let state = async || {
        plane.reconcile().await;
        let rows = plane.transaction_history(&ann, &demo, None).await.unwrap();
        rows.into_iter().find(|row| row.id == sent.id).unwrap().state
    };
    bed.services.clock.sleep(LOST_MS).await;
    bed.agent.kill(&other, 137).unwrap();
    for nth in 1..=1_000 {
        bed.agent.fail_verb(Verb::Start, nth, Fault::broken(When::Before));
    }
    assert_eq!(state().await, TransactionState::Pending, "the other one does not tell");
    // It comes back with the next look at the chain, and has the block.
    bed.agent.heal();
    assert_eq!(state().await, TransactionState::Valid);
}

#[tokio::test]
async fn who_wrote_reads_it_also_where_a_peer_is_behind() {
    let (bed, plane) = deployed_on(1).await;
    let (ann, otto) = (caller("ann", Role::Operator), caller("otto", Role::Operator));
    plane.transaction_submit(&otto, call("init", &["a", "100", "b", "0"], "init")).await.unwrap();
    let (behind, other) = (peer(&bed, "peer0-org1"), peer(&bed, "peer1-org1"));
    bed.agent.kill(&behind, 137).unwrap();
    bed.network.ail(&behind, Some(Ailment::Behind));
    let done = plane.transaction_submit(&ann, call("move", &["a", "b", "10"], "move")).await.unwrap();
    assert_eq!(done.state, TransactionState::Valid);
    bed.agent.start(&behind).await.unwrap();
    let query = async |who: &Caller| {
        let asked = plane.transaction_query(who, call("query", &["a"], "query")).await;
        asked.unwrap().text
    };
    assert_eq!(query(&otto).await, "90", "who answered lately is taken without being asked");
    bed.services.clock.sleep(REMEMBERED_MS).await;
    assert_eq!((query(&otto).await.as_str(), query(&ann).await.as_str()), ("100", "90"));
    // Nobody waits for ever: without the other one she gets what there is.
    bed.agent.kill(&other, 137).unwrap();
    assert_eq!(query(&ann).await, "100");
}

#[tokio::test]
async fn orderers_without_a_leader_are_told_and_the_transaction_stays_open() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    bed.agent.kill(&peer(&bed, "orderer0"), 137).unwrap();
    let open = plane.transaction_submit(&ann, call("init", &["a", "1", "b", "2"], "init")).await.unwrap();
    let error = open.error.as_ref().map(|error| (error.code, error.status()));
    assert_eq!((open.state, error), (TransactionState::Pending, Some((Code::NoLeader, 503))));
}

#[tokio::test]
async fn what_was_submitted_stands_in_a_block() {
    let (_bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let (demo, own) = (ChainName::parse("demo").unwrap(), ChannelName::parse("mychannel").unwrap());
    let done = plane.transaction_submit(&ann, call("init", &["a", "1", "b", "2"], "init")).await.unwrap();
    let number = done.block.unwrap();
    let block = plane.block_read(&ann, &demo, &own, number).await.unwrap();
    assert_eq!((block.number, block.data_hash_verified), (number, true));
    assert_eq!(block.previous_hash_verified, Some(true));
    let ids: Vec<&str> = block.transactions.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, [done.id.as_str()]);
    let read = plane.transaction_read(&ann, &demo, &own, &done.id.to_uppercase()).await.unwrap();
    assert_eq!((&read.id, read.block, read.valid), (&done.id, number, true));
    assert_eq!((read.id_verified, read.creator.0.as_str()), (Some(true), "Org1MSP"));
    assert_eq!(read.channel, "mychannel");
    let first = plane.block_read(&ann, &demo, &own, 0).await.unwrap();
    assert_eq!((first.previous_hash_verified, first.transactions[0].kind.as_str()), (None, "config"));
    let beyond = plane.block_read(&ann, &demo, &own, number + 1).await.unwrap_err();
    let unknown = plane.transaction_read(&ann, &demo, &own, &"0".repeat(64)).await.unwrap_err();
    let malformed = plane.transaction_read(&ann, &demo, &own, "0").await.unwrap_err();
    assert_eq!([beyond.status(), unknown.status(), malformed.status()], [404; 3]);
}

#[tokio::test]
async fn a_block_is_read_from_whichever_organization_answers() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let (demo, own) = (ChainName::parse("demo").unwrap(), ChannelName::parse("mychannel").unwrap());
    bed.agent.kill(&peer(&bed, "peer0-org1"), 137).unwrap();
    assert_eq!(plane.block_read(&ann, &demo, &own, 0).await.unwrap().number, 0);
}

#[tokio::test]
async fn a_peer_that_answers_nothing_holds_no_board_up() {
    let (bed, plane) = deployed().await;
    let ann = caller("ann", Role::Operator);
    let hung = peer(&bed, "peer0-org1");
    bed.network.ail(&hung, Some(Ailment::Hung));
    let demo = ChainName::parse("demo").unwrap();
    let views = plane.chaincode_list(&ann, &demo);
    let views = tokio::time::timeout(Duration::from_secs(30), views).await.unwrap().unwrap();
    let board = views[0].readiness.iter();
    let told: Vec<_> = board.map(|row| (row.installed.len(), row.missing.len(), row.approved)).collect();
    assert_eq!(told, [(0, 1, false), (1, 0, true)]);
}

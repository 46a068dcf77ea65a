//! How calls end on real nodes, each with a code of its own: of two that touch the same key in one block one counts; too
//! few that endorse; a chaincode that refuses, or says nothing; peers whose answers differ. And whom the nodes let at
//! their administration.
//!
//! Needs an engine (`HEDDLE_TEST_DOCKER=unix:///path`) with the node images; without it the test says so and passes. All
//! of it happens on Fabric 2.5 and once more on 3.1 where its images are on that engine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking and says why it is skipped"
)]

#[path = "engine/bed.rs"]
mod bed;
#[path = "outcomes/strangers.rs"]
mod strangers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bed::{Portal, organization};
use domain::chain::{ChainSpec, FabricVersion};
use domain::chaincode::DeploySpec;
use domain::name::{ChaincodeName, ChannelName};
use domain::transaction::{CallSpec, SubmitView, TransactionState};
use domain::{Code, Error};

/// First port of the range that the test uses; below those that the system gives to whoever asks for any.
const PORT_FIRST: u16 = 27_000;
/// Time for two calls to come into one block, milliseconds.
const BATCH_MS: u32 = 2_000;
/// Pairs of calls that try to come into one block.
const TRIES: u32 = 5;
/// Longest wait for peers to know of each other again, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);
/// Every call of it reads and writes the same two keys.
const MOVE: [&str; 4] = ["move", "a", "b", "1"];
const BOTH: [&str; 2] = ["org1", "org2"];

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_call_has_a_code_of_its_own() {
    let Some(socket) = bed::engine() else { return };
    // One after the other: how long peers wait is part of it.
    for version in [FabricVersion::V2_5, FabricVersion::V3_1] {
        let portal = Arc::new(Portal::new(&socket, "outcomes").await);
        if portal.has(version).await {
            all_ends(portal, version).await;
        }
    }
}

async fn all_ends(portal: Arc<Portal>, version: FabricVersion) {
    let inside = portal.clone();
    let outcome = tokio::spawn(async move {
        let shape = |spec: &mut ChainSpec| {
            (spec.version, spec.batch_timeout_ms) = (version, BATCH_MS);
        };
        inside.raise(PORT_FIRST, shape).await;
        conflict(&inside).await;
        refusals(&inside).await;
        strangers::are_refused(&inside).await;
        silence(&inside).await;
        mismatch(&inside).await;
    })
    .await;
    // The engine is shared: whatever came of it, nothing is left there.
    portal.remove().await;
    assert!(portal.nodes().await.is_empty());
    outcome.unwrap();
}

/// A call of the sample; the first word is the function.
fn call(portal: &Portal, key: &str, words: &[&str], endorsers: &[&str]) -> CallSpec {
    let mut words = words.iter().map(|word| (*word).to_owned());
    CallSpec {
        chain: portal.name.clone(),
        channel: ChannelName::parse("mychannel").unwrap(),
        chaincode: ChaincodeName::parse("example02").unwrap(),
        organization: organization("org1"),
        function: words.next().unwrap(),
        arguments: words.collect(),
        transient: BTreeMap::new(),
        endorsers: endorsers.iter().map(|name| organization(name)).collect(),
        is_init: false,
        idempotency_key: format!("key-of-{key}"),
    }
}

async fn submit(portal: &Portal, key: &str, words: &[&str], endorsers: &[&str]) -> Result<SubmitView, Error> {
    portal.plane.transaction_submit(&portal.admin, call(portal, key, words, endorsers)).await
}

/// State, validation and code.
fn told(view: &SubmitView) -> (TransactionState, Option<&str>, Option<Code>) {
    (view.state, view.validation.as_deref(), view.error.as_ref().map(|error| error.code))
}

const VALID: (TransactionState, Option<&str>, Option<Code>) = (TransactionState::Valid, Some("VALID"), None);

async fn conflict(portal: &Portal) {
    let done = submit(portal, "init", &["init", "a", "100", "b", "200"], &[]).await.unwrap();
    assert_eq!(told(&done), VALID);
    portal.seen_by_all(done.block.unwrap()).await;
    for attempt in 0..TRIES {
        let (left, right) = (format!("left-{attempt}"), format!("right-{attempt}"));
        let (one, other) =
            tokio::join!(submit(portal, &left, &MOVE, &[]), submit(portal, &right, &MOVE, &[]));
        let (one, other) = (one.unwrap(), other.unwrap());
        portal.seen_by_all(one.block.max(other.block).unwrap()).await;
        if one.block != other.block {
            continue;
        }
        let (counts, lost) = if one.state == TransactionState::Valid { (one, other) } else { (other, one) };
        assert_eq!(told(&counts), VALID);
        let conflict = (TransactionState::Invalid, Some("MVCC_READ_CONFLICT"), Some(Code::MvccConflict));
        assert_eq!(told(&lost), conflict);
        return;
    }
    panic!("two calls never came into one block");
}

async fn refusals(portal: &Portal) {
    let alone = submit(portal, "alone", &MOVE, &["org1"]).await.unwrap();
    let (state, code) = (TransactionState::Invalid, Code::EndorsementPolicyFailure);
    assert_eq!(told(&alone), (state, Some("ENDORSEMENT_POLICY_FAILURE"), Some(code)));
    portal.seen_by_all(alone.block.unwrap()).await;
    let refused = submit(portal, "nobody", &["move", "a", "nobody", "1"], &[]).await.unwrap_err();
    assert_eq!((refused.code, refused.status()), (Code::ChaincodeError, 422), "{refused}");
    assert!(refused.values["message"].contains("there is no account"), "{refused}");
}

/// The chaincode's processes stand still: the peers wait as long as they do, and say so.
async fn silence(portal: &Portal) {
    let nodes = portal.nodes().await.into_iter().filter(|node| node.kind == "chaincode");
    let servers: Vec<String> = nodes.map(|node| node.node.node).collect();
    assert_eq!(servers.len(), 2, "one for each organization");
    for server in &servers {
        portal.act(server, "pause");
    }
    let unheard = submit(portal, "silence", &MOVE, &[]).await;
    for server in &servers {
        portal.act(server, "unpause");
    }
    let error = unheard.unwrap_err();
    assert_eq!(error.code, Code::ExecutionTimeout, "{error}");
}

/// One organization misses a block and cannot get it, because the orderer is gone: what it reads is older.
async fn mismatch(portal: &Portal) {
    let (plane, admin) = (&portal.plane, &portal.admin);
    let sample = plane.chaincode_sample(admin, &portal.name).await.unwrap();
    let policy = Some("OR('Org1MSP.member', 'Org2MSP.member')".to_owned());
    let spec = DeploySpec { version: "2".to_owned(), policy, ..sample };
    let started = plane.chaincode_deploy(admin, spec, "deploy-again".to_owned()).await.unwrap();
    portal.settled(&started).await;
    let before = held_by(portal, "org2").await;
    portal.stop("peer0-org2").await;
    let unseen = submit(portal, "unseen", &MOVE, &["org1"]).await.unwrap();
    assert_eq!(told(&unseen), VALID);
    portal.stop("orderer0").await;
    portal.start("peer0-org2").await;
    assert_eq!(held_by(portal, "org2").await, before);
    assert_ne!(held_by(portal, "org1").await, before);
    let error = differing(portal).await;
    assert_eq!(error.status(), 503, "the same call may succeed later: {error}");

    portal.start("orderer0").await;
    portal.led(&["orderer0"], true).await;
    portal.seen_by_all(unseen.block.unwrap()).await;
    let again = submit(portal, "again", &MOVE, &BOTH).await.unwrap();
    assert_eq!(told(&again), VALID);
}

/// What an organization's own peers hold, as soon as they answer.
async fn held_by(portal: &Portal, name: &str) -> String {
    let limit = Instant::now() + PATIENCE;
    loop {
        let spec = call(portal, "held", &["query", "a"], &[name]);
        let spec = CallSpec { organization: organization(name), ..spec };
        match portal.plane.transaction_query(&portal.admin, spec).await {
            Ok(answer) => return answer.text,
            Err(error) => assert!(Instant::now() < limit, "{name}: {error}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Why a call is refused that both organizations shall endorse, as soon as their peers know of each other again.
async fn differing(portal: &Portal) -> Error {
    let limit = Instant::now() + PATIENCE;
    for attempt in 0.. {
        let refused = submit(portal, &format!("differs-{attempt}"), &MOVE, &BOTH).await.unwrap_err();
        if refused.code == Code::EndorsementMismatch {
            return refused;
        }
        assert!(Instant::now() < limit, "{refused}");
        tokio::time::sleep(PAUSE).await;
    }
    panic!("there is a last attempt");
}

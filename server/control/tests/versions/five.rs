//! Five orderers: they order without two of them, and without three the answer says what is wrong. This takes minutes:
//! only `HEDDLE_TEST_FULL` plays it.

use domain::Code;
use domain::chain::ChainSpec;
use domain::transaction::TransactionState;

use super::*;
use crate::sample::submitted;

const ORDERERS: [&str; 5] = ["orderer0", "orderer1", "orderer2", "orderer3", "orderer4"];

#[tokio::test(flavor = "multi_thread")]
async fn five_orderers_go_on_without_two_and_say_what_is_wrong_without_three() {
    let Some(socket) = bed::engine() else { return };
    if !is_full() {
        return;
    }
    let portal = Arc::new(Portal::new(&socket, "raft5").await);
    let inside = portal.clone();
    let outcome = tokio::spawn(async move {
        inside.raise(26_000, |spec: &mut ChainSpec| spec.orderers = 5).await;
        loses(&inside).await;
    })
    .await;
    // The engine is shared: whatever came of it, nothing is left there.
    portal.remove().await;
    assert!(portal.nodes().await.is_empty());
    outcome.unwrap();
}

async fn loses(portal: &Portal) {
    counts(portal, "init", "init", &["a", "100", "b", "200"]).await;
    let moved = ["a", "b", "10"];
    portal.stop(ORDERERS[0]).await;
    portal.led(&ORDERERS[1..], true).await;
    counts(portal, "four", "move", &moved).await;
    portal.stop(ORDERERS[1]).await;
    portal.led(&ORDERERS[2..], true).await;
    counts(portal, "three", "move", &moved).await;

    portal.stop(ORDERERS[2]).await;
    portal.led(&ORDERERS[3..], false).await;
    let open = submitted(portal, "two", "move", &moved).await;
    assert_eq!((open.state, open.block), (TransactionState::Pending, None), "{open:?}");
    let code = open.error.as_ref().map(|error| error.code);
    assert!(matches!(code, Some(Code::NoLeader | Code::NodeUnavailable)), "{open:?}");

    portal.start(ORDERERS[2]).await;
    portal.led(&ORDERERS[2..], true).await;
    counts(portal, "again", "move", &moved).await;
}

//! A restart of a chain of three orderers, beside which calls go on: every node begins anew, and what was told to count
//! counts, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::chain::ChainSpec;
use domain::transaction::{CallSpec, TransactionState};

use super::*;
use crate::sample::call;

/// Longest wait until it is known what became of a call, and the pause between two looks. An orderer may end with what it
/// has taken in and not ordered yet: of that nobody ever hears again.
const KNOWN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);
/// What the sample has at first, of which each call takes one.
const AT_FIRST: u32 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_while_a_chain_is_restarted() {
    let Some(socket) = bed::engine() else { return };
    let portal = Arc::new(Portal::new(&socket, "rolling").await);
    if !portal.has(FabricVersion::V2_5).await {
        return;
    }
    let inside = portal.clone();
    let outcome = tokio::spawn(async move {
        let shape = |spec: &mut ChainSpec| {
            spec.orderers = 3;
            spec.organizations[1].peers = 2;
        };
        inside.raise(21_000, shape).await;
        restarts(&inside).await;
    })
    .await;
    // The engine is shared: whatever came of it, nothing is left there.
    portal.remove().await;
    assert!(portal.nodes().await.is_empty());
    outcome.unwrap();
}

async fn restarts(portal: &Portal) {
    counts(portal, "init", "init", &["a", &AT_FIRST.to_string(), "b", "0"]).await;
    let before = begun(portal).await;
    let is_over = AtomicBool::new(false);
    let restart = async {
        let id = portal.plane.chain_restart(&portal.admin, &portal.name).await.unwrap();
        portal.settled(&id).await;
        is_over.store(true, Ordering::Release);
    };
    let ((), (mut counted, doubtful)) = tokio::join!(restart, calls(portal, &is_over));
    assert!(counted > 0, "none of the calls beside the restart counted");
    let after = begun(portal).await;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (node, began) in &after {
        assert_ne!(before.get(node), Some(began), "{node} began anew");
    }
    counts(portal, "last", "move", &["a", "b", "1"]).await;
    // What became of a call is known for good by now, because later ones have their blocks.
    for key in doubtful {
        if outcome(portal, &key, Duration::ZERO).await == TransactionState::Valid {
            counted += 1;
        }
    }
    says(portal, "query", &["a"], &(AT_FIRST - counted - 1).to_string()).await;
    is_served(portal).await;
}

/// When the process of each container began.
async fn begun(portal: &Portal) -> BTreeMap<String, Option<String>> {
    portal.nodes().await.into_iter().map(|status| (status.node.node, status.started_at)).collect()
}

/// Calls one after another until it is over; tells how many of them counted, and of which nobody knows it yet.
async fn calls(portal: &Portal, is_over: &AtomicBool) -> (u32, Vec<String>) {
    let (mut counted, mut number, mut doubtful) = (0, 0_u32, Vec::new());
    while !is_over.load(Ordering::Acquire) {
        number += 1;
        let key = format!("key-of-roll-{number}");
        match outcome(portal, &key, KNOWN).await {
            TransactionState::Valid => counted += 1,
            TransactionState::Pending => doubtful.push(key),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    (counted, doubtful)
}

/// What became of a call. One of which nobody knows yet is asked for again by its key, for so long.
async fn outcome(portal: &Portal, key: &str, known: Duration) -> TransactionState {
    let begun = Instant::now();
    loop {
        let spec = CallSpec { idempotency_key: key.to_owned(), ..call(portal, "move", &["a", "b", "1"]) };
        match portal.plane.transaction_submit(&portal.admin, spec).await {
            Ok(view) if view.state != TransactionState::Pending || begun.elapsed() >= known => {
                return view.state;
            }
            Ok(_) => {}
            // It was not sent at all.
            Err(_) => return TransactionState::Refused,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

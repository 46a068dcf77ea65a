//! Pulls of images that a host has lost: they end with the need for them.

use std::sync::Arc;
use std::time::Duration;

use agents::simulated::{Delay, Verb};
use domain::chain::ChainState;
use tokio::sync::Notify;

use crate::plane;
use crate::reconcile::robbed;

#[tokio::test]
async fn a_pull_ends_when_no_chain_of_its_host_runs_any_more() {
    let (bed, _peer, _pinned) = robbed().await;
    let (begun, held) = (Arc::new(Notify::new()), Arc::new(()));
    let (at, inside) = (begun.clone(), held.clone());
    let delay: Delay = Arc::new(move |verb| {
        let (at, inside) = (at.clone(), inside.clone());
        Box::pin(async move {
            if verb == Verb::EnsureImage {
                at.notify_one();
                std::future::pending::<()>().await;
            }
            drop(inside);
        })
    });
    let plane = plane(bed.services_with(delay));
    plane.reconcile().await;
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, begun.notified()).await.unwrap();
    let (name, from) = (bed.chain_spec().name, [ChainState::Running]);
    bed.services.store.chain_state_save(&name, &from, ChainState::Stopped).await.unwrap();
    plane.reconcile().await;
    // Only the test and the host hold it any more.
    let ended = async {
        while Arc::strong_count(&held) > 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(limit, ended).await.unwrap();
}

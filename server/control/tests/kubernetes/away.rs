//! A cluster that does not answer while an operation is under way: the operation waits, says for what, and goes on.

use std::time::{Duration, Instant};

use control::operations::demo_create::default_spec;
use domain::Code;
use domain::chain::ChainState;
use domain::id::OperationId;
use domain::operation::{OperationView, StepState, StepView};

use crate::bed::{Bed, Portal, behind_a_door, small};

/// Longest wait for an operation to come to a point.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_waits_for_a_cluster_that_is_away_and_ends_well() {
    behind_a_door("away", async |bed| waits(&bed).await).await;
}

async fn waits(bed: &Bed) {
    let (portal, door) = (&bed.portal, bed.door());
    let (plane, admin) = (&portal.plane, &portal.admin);
    let host = plane.host_add(admin, bed.host(31_000), Some(bed.certificate())).await.unwrap();
    let mut spec = default_spec(portal.name.clone(), host.id).unwrap();
    small(&mut spec);
    spec.organizations.truncate(1);
    spec.organizations[0].peers = 1;
    let id = plane.chain_create(admin, spec, "create-once".to_owned()).await.unwrap();

    // Its nodes are being made.
    reaches(portal, &id, |view| {
        view.steps.iter().any(|step| step.name == "start-nodes" && step.state == StepState::Running)
    })
    .await;
    door.set(false);
    // What was under way breaks off in one way or another; the next attempt finds that nobody answers.
    let is_away = |step: &StepView| {
        step.trouble.as_ref().is_some_and(|trouble| trouble.code == Code::HostUnreachable.as_text())
    };
    let view = reaches(portal, &id, |view| view.steps.iter().any(is_away)).await;
    assert_eq!(view.steps.iter().find(|step| is_away(step)).unwrap().name, "start-nodes");
    assert!(!view.summary.state.is_at_rest() && view.failure.is_none(), "{view:?}");
    let chain = plane.chain_read(admin, &portal.name).await.unwrap();
    assert_eq!(chain.summary.state, ChainState::Creating);

    door.set(true);
    portal.settled(&id).await;
    let view = plane.operation_read(admin, &id).await.unwrap();
    assert!(view.steps.iter().all(|step| step.trouble.is_none()), "{view:?}");
    let chain = plane.chain_read(admin, &portal.name).await.unwrap();
    assert_eq!(chain.summary.state, ChainState::Running);
    portal.remove().await;
    assert_eq!(bed.left(), Vec::<String>::new());
}

/// Waits until an operation is as wanted; one that has ended does not become so any more.
async fn reaches(
    portal: &Portal,
    id: &OperationId,
    wanted: impl Fn(&OperationView) -> bool,
) -> OperationView {
    let (limit, mut changes) = (Instant::now() + PATIENCE, portal.plane.changes());
    loop {
        let view = portal.plane.operation_read(&portal.admin, id).await.unwrap();
        if wanted(&view) {
            return view;
        }
        assert!(!view.summary.state.is_at_rest() && Instant::now() < limit, "{view:#?}");
        let _changed = tokio::time::timeout(Duration::from_millis(100), changes.recv()).await;
    }
}

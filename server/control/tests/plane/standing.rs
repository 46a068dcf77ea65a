//! What a chain's page says while an operation is under way on it and after one failed, and what it offers then: what
//! the server would do, no more and no less.

use std::sync::Arc;
use std::time::Duration;

use agents::simulated::{Delay, Fault, Verb, When};
use control::ControlPlane;
use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use domain::Code;
use domain::chain::{ChainState, ChainVerb, ChainView};
use domain::id::{OperationId, UserId};
use domain::operation::OperationState;
use domain::permission::{Grant, Role};
use store::Store;
use tokio::sync::Semaphore;

use crate::bed::Bed;
use crate::deploy::settled;
use crate::{caller, plane};

/// More calls than any operation makes.
const CALLS: u64 = 1_000;

async fn empty() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    (bed, plane)
}

fn ann() -> Caller {
    caller("ann", Role::Operator)
}

async fn view(plane: &ControlPlane, bed: &Bed) -> ChainView {
    plane.chain_read(&ann(), &bed.chain_spec().name).await.unwrap()
}

/// Waits until an operation is at rest.
async fn ended(plane: &ControlPlane, id: &OperationId) -> OperationState {
    settled(plane, id).await.summary.state
}

/// From now on a verb always fails.
fn break_verb(bed: &Bed, verb: Verb) {
    for nth in 1..=CALLS {
        bed.agent.fail_verb(verb, nth, Fault::broken(When::Before));
    }
}

/// A chain whose creation failed when its nodes were to start.
async fn failed_creation() -> (Bed, Arc<ControlPlane>, OperationId) {
    let (bed, plane) = empty().await;
    break_verb(&bed, Verb::EnsureNode);
    let id = plane.chain_create(&ann(), bed.chain_spec(), "key-of-creation".to_owned()).await.unwrap();
    assert_eq!(ended(&plane, &id).await, OperationState::Failed);
    bed.agent.heal();
    (bed, plane, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_creation_is_a_failed_chain_also_after_a_crash() {
    let (bed, before, id) = failed_creation().await;
    for plane in [before, plane(bed.services.clone())] {
        let view = view(&plane, &bed).await;
        assert_eq!((view.summary.state, view.verbs), (ChainState::Failed, vec![ChainVerb::Delete]));
        assert_eq!((view.summary.operation.as_ref(), view.summary.operation_failed), (Some(&id), true));
        assert_eq!(plane.chain_list(&ann()).await.unwrap()[0].state, ChainState::Failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_creation_is_resumed_to_a_running_chain() {
    let (bed, plane, id) = failed_creation().await;
    plane.operation_resume(&ann(), &id).await.unwrap();
    assert_eq!(ended(&plane, &id).await, OperationState::Done);
    let view = view(&plane, &bed).await;
    assert_eq!((view.summary.state, view.summary.operation), (ChainState::Running, None));
    assert!(view.verbs.contains(&ChainVerb::Stop) && view.verbs.contains(&ChainVerb::Update));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_creation_is_undone_or_deleted_without_a_trace() {
    let (bed, plane, id) = failed_creation().await;
    plane.operation_undo(&ann(), &id).await.unwrap();
    assert_eq!(ended(&plane, &id).await, OperationState::Undone);
    assert_eq!(bed.leftovers().await, Vec::<String>::new());
    let (bed, plane, _) = failed_creation().await;
    let deletion = plane.chain_delete(&ann(), &bed.chain_spec().name, "demo", false).await.unwrap();
    assert_eq!(ended(&plane, &deletion).await, OperationState::Done);
    assert_eq!(bed.leftovers().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_tell_whether_their_chain_is_still_there_for_whoever_asks() {
    let (bed, plane) = empty().await;
    let (name, uma) = (bed.chain_spec().name, caller("uma", Role::User));
    let told = async |who: &Caller| {
        let list = plane.operation_list(who).await.unwrap();
        let mut told: Vec<_> = list.into_iter().map(|one| (one.name, one.subject_is_there)).collect();
        told.sort();
        told
    };
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed.services.store.grant_put(&name, &UserId::new("uma"), Grant::Manage).await.unwrap();
    let deploy = plane.chaincode_deploy(&uma, bed.deploy_spec(), "deployed-once".to_owned()).await.unwrap();
    assert_eq!(ended(&plane, &deploy).await, OperationState::Done);
    let deployed = |is_there| vec![("chaincode-deploy".to_owned(), is_there)];
    assert_eq!((told(&ann()).await, told(&uma).await), (deployed(true), deployed(true)));
    // Her own operation stays in her list; the chain is out of her reach.
    bed.services.store.grant_delete(&name, &UserId::new("uma")).await.unwrap();
    assert_eq!((told(&ann()).await, told(&uma).await), (deployed(true), deployed(false)));
    let kept = plane.chain_delete(&ann(), &name, "demo", true).await.unwrap_err();
    assert_eq!((kept.code, kept.field.as_deref()), (Code::NoFoldersToKeep, Some("keep_data")));
    let deletion = plane.chain_delete(&ann(), &name, "demo", false).await.unwrap();
    assert_eq!(ended(&plane, &deletion).await, OperationState::Done);
    let gone = ["chain-delete", "chaincode-deploy"].map(|name| (name.to_owned(), false));
    assert_eq!(told(&ann()).await, gone);
    assert!(!plane.operation_read(&ann(), &deploy).await.unwrap().summary.subject_is_there);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_stop_and_a_failed_start_are_a_failed_chain_until_they_are_undone() {
    let (bed, plane) = empty().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let name = bed.chain_spec().name;
    break_verb(&bed, Verb::Stop);
    let stop = plane.chain_stop(&ann(), &name).await.unwrap();
    assert_eq!(ended(&plane, &stop).await, OperationState::Failed);
    let failed = view(&plane, &bed).await;
    assert_eq!((failed.summary.state, failed.verbs), (ChainState::Failed, vec![ChainVerb::Delete]));
    bed.agent.heal();
    plane.operation_resume(&ann(), &stop).await.unwrap();
    assert_eq!(ended(&plane, &stop).await, OperationState::Done);
    assert_eq!(view(&plane, &bed).await.summary.state, ChainState::Stopped);
    break_verb(&bed, Verb::Start);
    let start = plane.chain_start(&ann(), &name).await.unwrap();
    assert_eq!(ended(&plane, &start).await, OperationState::Failed);
    assert_eq!(view(&plane, &bed).await.summary.state, ChainState::Failed);
    bed.agent.heal();
    plane.operation_undo(&ann(), &start).await.unwrap();
    assert_eq!(ended(&plane, &start).await, OperationState::Undone);
    let undone = view(&plane, &bed).await;
    let offered = vec![ChainVerb::Start, ChainVerb::Delete];
    assert_eq!((undone.summary.state, undone.verbs), (ChainState::Stopped, offered));
}

/// A façade over a host on which none of some verbs is done before its gate has a permit.
async fn gated<const N: usize>(bed: &Bed, held: [Verb; N]) -> (Arc<ControlPlane>, [Arc<Semaphore>; N]) {
    let gates = held.map(|_| Arc::new(Semaphore::new(0)));
    let at_gates = gates.clone();
    let delay: Delay = Arc::new(move |verb| {
        let gate = held.iter().position(|one| *one == verb).map(|at| at_gates[at].clone());
        Box::pin(async move {
            if let Some(gate) = gate {
                drop(gate.acquire().await.unwrap());
            }
        })
    });
    let services = bed.services_with(delay);
    // The newest operation is told by the time of its start.
    services.clock.sleep(3_600_000).await;
    (plane(services), gates)
}

/// Waits until the chain's page says a state.
async fn shows(plane: &ControlPlane, bed: &Bed, state: ChainState) {
    for _ in 0..1_000 {
        if view(plane, bed).await.summary.state == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the chain is never {state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_shows_as_an_update_beside_calls() {
    let (bed, _) = empty().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (plane, [stop, start]) = gated(&bed, [Verb::Stop, Verb::Start]).await;
    let id = plane.chain_restart(&ann(), &bed.chain_spec().name).await.unwrap();
    let during = view(&plane, &bed).await;
    assert_eq!((during.summary.state, during.verbs), (ChainState::Updating, vec![ChainVerb::Transact]));
    stop.add_permits(1);
    shows(&plane, &bed, ChainState::Updating).await;
    start.add_permits(1);
    assert_eq!(ended(&plane, &id).await, OperationState::Done);
    shows(&plane, &bed, ChainState::Running).await;
    // One that is called off while a node stops runs on.
    let (plane, [stop]) = gated(&bed, [Verb::Stop]).await;
    let id = plane.chain_restart(&ann(), &bed.chain_spec().name).await.unwrap();
    shows(&plane, &bed, ChainState::Updating).await;
    plane.operation_cancel(&ann(), &id).await.unwrap();
    stop.add_permits(1);
    assert_eq!(ended(&plane, &id).await, OperationState::Undone);
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_shows_as_an_update_and_what_it_excludes_is_not_offered() {
    let (bed, open) = empty().await;
    let created = open.chain_create(&ann(), bed.chain_spec(), "key-of-creation".to_owned()).await.unwrap();
    assert_eq!(ended(&open, &created).await, OperationState::Done);
    assert_eq!(view(&open, &bed).await.last_operation, Some(created));
    let (plane, [gate]) = gated(&bed, [Verb::EnsureNode]).await;
    let spec = bed.deploy_spec();
    let id = plane.chaincode_deploy(&ann(), spec.clone(), "key-of-deploy".to_owned()).await.unwrap();
    let during = view(&plane, &bed).await;
    assert_eq!((during.summary.state, &during.verbs), (ChainState::Updating, &vec![ChainVerb::Transact]));
    assert_eq!((during.summary.operation.as_ref(), during.last_operation.as_ref()), (Some(&id), Some(&id)));
    let listed = plane.chain_list(&ann()).await.unwrap().remove(0);
    assert_eq!((listed.state, listed.operation_failed), (ChainState::Updating, false));
    let name = bed.chain_spec().name;
    assert_eq!(plane.chain_stop(&ann(), &name).await.unwrap_err().code, Code::ChainBusy);
    assert_eq!(plane.chain_delete(&ann(), &name, "demo", false).await.unwrap_err().code, Code::ChainBusy);
    // The same click again is the same operation, not a refusal.
    let again = plane.chaincode_deploy(&ann(), spec, "key-of-deploy".to_owned()).await;
    assert_eq!(again.unwrap(), id);
    gate.add_permits(1);
    assert_eq!(ended(&plane, &id).await, OperationState::Done);
    let after = view(&plane, &bed).await;
    assert_eq!((after.summary.state, after.summary.operation), (ChainState::Running, None));
    assert_eq!(after.last_operation, Some(id));
    assert!(after.verbs.contains(&ChainVerb::Stop));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_deployment_leaves_a_running_chain_that_waits_for_a_person() {
    let (bed, plane) = empty().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    break_verb(&bed, Verb::EnsureNode);
    let id = plane.chaincode_deploy(&ann(), bed.deploy_spec(), "key-of-deploy".to_owned()).await.unwrap();
    assert_eq!(ended(&plane, &id).await, OperationState::Failed);
    let failed = view(&plane, &bed).await;
    let offered = vec![ChainVerb::Delete, ChainVerb::Transact];
    assert_eq!((failed.summary.state, failed.verbs), (ChainState::Running, offered));
    assert!(failed.summary.operation_failed);
    let refused = plane.chain_stop(&ann(), &bed.chain_spec().name).await.unwrap_err();
    assert_eq!(refused.code, Code::ChainBusy);
    bed.agent.heal();
    plane.operation_undo(&ann(), &id).await.unwrap();
    assert_eq!(ended(&plane, &id).await, OperationState::Undone);
    assert!(view(&plane, &bed).await.verbs.contains(&ChainVerb::Stop));
}

#[tokio::test]
async fn a_list_has_the_chains_in_reach_with_the_names_of_their_hosts() {
    let (bed, plane) = empty().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let names = async |who: &Caller| {
        let chains = plane.chain_list(who).await.unwrap();
        chains.into_iter().map(|chain| (chain.name.to_string(), chain.host_name)).collect::<Vec<_>>()
    };
    let demo = vec![("demo".to_owned(), "here".to_owned())];
    assert_eq!(names(&ann()).await, demo);
    let (ben, eve) = (caller("ben", Role::User), caller("eve", Role::User));
    assert!(names(&ben).await.is_empty());
    let name = bed.chain_spec().name;
    bed.services.store.grant_put(&name, &UserId::new("ben"), Grant::Read).await.unwrap();
    assert_eq!((names(&ben).await, names(&eve).await), (demo, Vec::new()));
}

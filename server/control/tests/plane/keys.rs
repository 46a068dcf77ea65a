//! One idempotency key is one operation, however often and however quickly it is submitted.

use std::collections::BTreeSet;
use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use domain::id::OperationId;
use domain::permission::Role;
use domain::{Code, Error};
use store::Store;
use workflow::{ListFilter, Log};

use crate::bed::Bed;
use crate::plane;

/// Submits at the same moment.
const SUBMITS: u32 = 50;

fn caller(name: &str) -> Caller {
    crate::caller(name, Role::Admin)
}

/// Runs a submit many times at once, and returns what all of them answered.
async fn at_once<F, Fut>(plane: &Arc<ControlPlane>, submit: F) -> Vec<Result<OperationId, Error>>
where
    F: Fn(Arc<ControlPlane>) -> Fut,
    Fut: Future<Output = Result<OperationId, Error>> + Send + 'static,
{
    let running: Vec<_> = (0..SUBMITS).map(|_| tokio::spawn(submit(plane.clone()))).collect();
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.unwrap());
    }
    answers
}

async fn operations(bed: &Bed) -> usize {
    let filter = ListFilter { limit: 100, ..ListFilter::default() };
    bed.services.store.list(&filter).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_identical_creations_are_one_operation() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (plane, spec) = (plane(bed.services.clone()), bed.chain_spec());
    let answers = at_once(&plane, |plane| {
        let spec = spec.clone();
        async move { plane.chain_create(&caller("ada"), spec, "key-of-the-form".to_owned()).await }
    })
    .await;
    let ids: BTreeSet<String> = answers.into_iter().map(|answer| answer.unwrap().to_string()).collect();
    assert_eq!((ids.len(), operations(&bed).await), (1, 1));
    // Later, too, when the chain stands.
    let again = plane.chain_create(&caller("ada"), spec.clone(), "key-of-the-form".to_owned()).await;
    assert!(ids.contains(again.unwrap().as_str()));
    // Another person's key of the same letters is another key.
    let other = plane.chain_create(&caller("bob"), spec, "key-of-the-form".to_owned()).await;
    assert_eq!(other.unwrap_err().code, Code::ChainNameTaken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_identical_demos_are_one_operation() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    let answers = at_once(&plane, |plane| async move {
        plane.chain_demo(&caller("ada"), "key-of-the-button".to_owned()).await
    })
    .await;
    let ids: BTreeSet<String> = answers.into_iter().map(|answer| answer.unwrap().to_string()).collect();
    assert_eq!((ids.len(), operations(&bed).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_creations_of_one_name_are_one_chain() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (plane, spec) = (plane(bed.services.clone()), bed.chain_spec());
    let answers = at_once(&plane, |plane| {
        let (spec, key) = (spec.clone(), hex::encode(control::secrets::random::<8>().unwrap()));
        async move { plane.chain_create(&caller("ada"), spec, key).await }
    })
    .await;
    let (started, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((started.len(), operations(&bed).await), (1, 1));
    for refusal in refused {
        let code = refusal.unwrap_err().code;
        assert!(matches!(code, Code::ChainBusy | Code::ChainNameTaken), "{code:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_one_identity_in_an_organization_however_many_first_calls_there_are() {
    let bed = crate::reconcile::running().await;
    let plan = Arc::new(bed.plan().await.unwrap());
    let msp_id = plan.organizations[0].msp_id.clone();
    let certificates = async |name: &str| {
        let user = caller(name).user.unwrap();
        let asked: Vec<_> = (0..16)
            .map(|_| {
                let (services, plan, msp_id, user) =
                    (bed.services.clone(), plan.clone(), msp_id.clone(), user.clone());
                tokio::spawn(async move {
                    services.user_key(&plan, &msp_id, &user).await.unwrap().cert_pem.clone()
                })
            })
            .collect();
        let mut found = BTreeSet::new();
        for one in asked {
            found.insert(one.await.unwrap());
        }
        found
    };
    let (ann, bob) = (certificates("ann").await, certificates("bob").await);
    assert_eq!((ann.len(), bob.len()), (1, 1));
    assert_ne!(ann, bob);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_stays_behind_of_a_chain_that_is_removed_meanwhile() {
    let bed = crate::reconcile::running().await;
    let (services, plan) = (&bed.services, Arc::new(bed.plan().await.unwrap()));
    let msp_id = plan.organizations[0].msp_id.clone();
    for round in 0..5 {
        services.issue_chain(&plan).await.unwrap();
        let asking: Vec<_> = (0..8)
            .map(|n| {
                let (services, plan, msp_id) = (services.clone(), plan.clone(), msp_id.clone());
                let user = caller(&format!("user{n}")).user.unwrap();
                // Some come too late; what matters is what is left.
                tokio::spawn(async move { services.user_key(&plan, &msp_id, &user).await.is_ok() })
            })
            .collect();
        services.store.secret_delete_prefix("chain/demo/").await.unwrap();
        for one in asking {
            one.await.unwrap();
        }
        let left = services.store.secret_list_prefix("chain/demo/").await.unwrap();
        let left: Vec<_> = left.into_iter().map(|secret| secret.key).collect();
        assert!(left.is_empty(), "round {round}: {left:?}");
    }
}

#[tokio::test]
async fn a_chain_that_is_made_anew_has_no_key_of_the_one_before() {
    let bed = crate::reconcile::running().await;
    let (services, plan) = (&bed.services, bed.plan().await.unwrap());
    let (msp_id, user) = (&plan.organizations[0].msp_id, caller("ann").user.unwrap());
    let certificate =
        async || services.user_key(&plan, msp_id, &user).await.map(|key| key.cert_pem.clone()).unwrap();
    let before = certificate().await;
    // As if a removal had left everything but the portal's own authority.
    services.store.secret_delete("chain/demo/portal/ca").await.unwrap();
    services.issue_chain(&plan).await.unwrap();
    assert_ne!(certificate().await, before);
}

//! One idempotency key is one operation, however often and however quickly it is submitted.

use std::collections::BTreeSet;
use std::sync::Arc;

use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use domain::id::{OperationId, UserId};
use domain::name::UserName;
use domain::permission::Role;
use domain::{Code, Error};
use store::Store;
use workflow::{ListFilter, Log};

use crate::bed::Bed;
use crate::plane;

/// Submits at the same moment.
const SUBMITS: u32 = 50;

fn caller(name: &str) -> Caller {
    let user = CallerUser {
        id: UserId::new(format!("id-{name}")),
        name: UserName::parse(name).unwrap(),
        role: Role::Admin,
    };
    Caller { user: Some(user), ..Caller::anonymous("request", "127.0.0.1") }
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

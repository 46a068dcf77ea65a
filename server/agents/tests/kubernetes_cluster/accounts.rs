//! The account that the shown manifest makes is enough for everything that a host promises.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::conformance::{Fixture, suite};
use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, rbac};
use agents::{Agent, NodeRef, ProbeStage, Remedy};
use domain::host::cluster::{ClusterCredentials, ClusterLogin, ClusterSettings};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::away::{token_has_ended, token_is_new};
use crate::bed::{Bed, PATIENCE, on_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn the_shown_manifest_makes_an_account_that_suffices() {
    on_cluster(async |bed| {
        apply(&bed).await;
        let outcome = tokio::spawn(suffices(bed.clone())).await;
        // The account is the whole cluster's, so it goes whatever came of it.
        remove(&bed).await;
        outcome.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_is_told_and_a_new_one_finds_everything_as_it_was() {
    on_cluster(async |bed| {
        apply(&bed).await;
        let outcome = tokio::spawn(renews(bed.clone())).await;
        remove(&bed).await;
        outcome.unwrap();
    })
    .await;
}

async fn renews(bed: Arc<Bed>) {
    let old = with_token(&bed, &token(&bed).await);
    old.probe().await.unwrap();
    // The token is bound to its Secret: without that it ends before its time.
    let secrets: Api<Secret> = Api::namespaced(bed.hands.clone(), &account(&bed));
    secrets.delete("portal-token", &DeleteParams::default()).await.unwrap();
    let before = token_has_ended(&bed, &old).await;
    let text = rbac::manifest(&settings(&bed));
    let documents: Vec<&str> = text.split("---\n").collect();
    create(secrets, documents[2]).await;
    token_is_new(&bed, &with_token(&bed, &token(&bed).await), before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_cluster_does_not_know_is_told_at_its_stage() {
    on_cluster(async |bed| {
        let failure = with_token(&bed, "nobodys-token").probe().await.unwrap_err();
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Authentication, Remedy::RenewToken));
    })
    .await;
}

async fn suffices(bed: Arc<Bed>) {
    let agent = with_token(&bed, &token(&bed).await);
    agent.probe().await.unwrap();
    let hands = bed.clone();
    let lose_data = move |node: NodeRef| -> BoxFuture<'static, ()> {
        let bed = hands.clone();
        Box::pin(async move { bed.lose_data(&node).await })
    };
    let fixture = Fixture {
        agent: &agent,
        installations: [bed.installation.clone(), bed.second_installation()],
        image: bed.image.clone(),
        free_port: bed.free_port().await,
        lose_data: &lose_data,
        loads_archives: false,
        has_metrics: false,
    };
    suite(&fixture).await.unwrap();
}

/// An agent that comes with a token where the bed's own one has a certificate.
fn with_token(bed: &Bed, token: &str) -> KubernetesAgent {
    let login = ClusterLogin::Token { token: token.to_owned() };
    let credentials = ClusterCredentials { login, ..bed.credentials.clone() };
    let endpoint = KubernetesEndpoint::Remote { server: bed.server.clone(), credentials };
    KubernetesAgent::connect(endpoint, bed.options.clone(), &bed.installation).unwrap()
}

/// The prefix only names the account: each test that makes one has its own.
fn settings(bed: &Bed) -> ClusterSettings {
    ClusterSettings { namespace_prefix: bed.installation.clone(), ..bed.options.settings.clone() }
}

fn account(bed: &Bed) -> String {
    format!("{}-portal", bed.installation)
}

/// Does what a person does with the manifest.
async fn apply(bed: &Bed) {
    let text = rbac::manifest(&settings(bed));
    let documents: Vec<&str> = text.split("---\n").collect();
    let [namespace, service_account, secret, role, binding] = documents[..] else {
        panic!("there are other documents: {text}");
    };
    let (hands, name) = (&bed.hands, account(bed));
    create::<Namespace>(Api::all(hands.clone()), namespace).await;
    create::<ServiceAccount>(Api::namespaced(hands.clone(), &name), service_account).await;
    create::<Secret>(Api::namespaced(hands.clone(), &name), secret).await;
    create::<ClusterRole>(Api::all(hands.clone()), role).await;
    create::<ClusterRoleBinding>(Api::all(hands.clone()), binding).await;
}

async fn create<K: Clone + Debug + Serialize + DeserializeOwned>(api: Api<K>, document: &str) {
    let object: K = serde_saphyr::from_str(document).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

async fn remove(bed: &Bed) {
    let (hands, name, how) = (&bed.hands, account(bed), DeleteParams::default());
    let bindings: Api<ClusterRoleBinding> = Api::all(hands.clone());
    bindings.delete(&name, &how).await.unwrap();
    let roles: Api<ClusterRole> = Api::all(hands.clone());
    roles.delete(&name, &how).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(hands.clone());
    namespaces.delete(&name, &how).await.unwrap();
}

/// The account's token, once the cluster has made it.
async fn token(bed: &Bed) -> String {
    let secrets: Api<Secret> = Api::namespaced(bed.hands.clone(), &account(bed));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let secret = secrets.get("portal-token").await.unwrap();
        if let Some(token) = secret.data.and_then(|mut data| data.remove("token")) {
            return String::from_utf8(token.0).unwrap();
        }
        assert!(Instant::now() < deadline, "the cluster makes no token");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

//! The account that the shown manifest makes is enough for everything that a host promises, and so is a user with its
//! role, whose certificate the cluster itself has signed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::conformance::{Fixture, suite};
use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, rbac};
use agents::{Agent, NodeRef, ProbeStage, Remedy};
use domain::host::cluster::{ClusterCredentials, ClusterLogin, ClusterSettings};
use futures::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_cluster_signs_opens_it_to_a_user_with_the_same_role() {
    on_cluster(async |bed| {
        apply(&bed).await;
        let outcome = tokio::spawn(lets_a_user_in(bed.clone())).await;
        let (hands, how) = (&bed.hands, DeleteParams::default());
        // They are the whole cluster's as well; either may not have come to be.
        let bindings: Api<ClusterRoleBinding> = Api::all(hands.clone());
        let _unbound = bindings.delete(&user(&bed), &how).await;
        let requests: Api<CertificateSigningRequest> = Api::all(hands.clone());
        let _withdrawn = requests.delete(&user(&bed), &how).await;
        remove(&bed).await;
        outcome.unwrap();
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

async fn lets_a_user_in(bed: Arc<Bed>) {
    let (role, name) = (account(&bed), user(&bed));
    let binding = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: {name}\n\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: {role}\n\
         subjects:\n  - apiGroup: rbac.authorization.k8s.io\n    kind: User\n    name: {name}\n"
    );
    create::<ClusterRoleBinding>(Api::all(bed.hands.clone()), &binding).await;
    let (certificate_pem, key_pem) = signed(&bed, &name).await;
    let login = ClusterLogin::Certificate { certificate_pem, key_pem };
    let facts = with_login(&bed, login).probe().await.unwrap();
    assert_eq!(facts.id, bed.agent.probe().await.unwrap().id);
}

/// An agent that comes with a token where the bed's own one has a certificate.
fn with_token(bed: &Bed, token: &str) -> KubernetesAgent {
    with_login(bed, ClusterLogin::Token { token: token.to_owned() })
}

fn with_login(bed: &Bed, login: ClusterLogin) -> KubernetesAgent {
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

/// A user of the cluster, and what is made for them.
fn user(bed: &Bed) -> String {
    format!("{}-user", bed.installation)
}

/// A certificate for a user with its key, both PEM: asked for, granted as an admin does, and signed by the cluster.
async fn signed(bed: &Bed, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut subject = CertificateParams::new(Vec::<String>::new()).unwrap();
    subject.distinguished_name.push(DnType::CommonName, name);
    let request = subject.serialize_request(&key).unwrap().pem().unwrap();
    let wanted = CertificateSigningRequest {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: CertificateSigningRequestSpec {
            request: ByteString(request.into_bytes()),
            signer_name: "kubernetes.io/kube-apiserver-client".to_owned(),
            usages: Some(vec!["client auth".to_owned()]),
            ..CertificateSigningRequestSpec::default()
        },
        ..CertificateSigningRequest::default()
    };
    let requests: Api<CertificateSigningRequest> = Api::all(bed.hands.clone());
    requests.create(&PostParams::default(), &wanted).await.unwrap();
    let granted =
        json!({ "type": "Approved", "status": "True", "reason": "Test", "message": "a test asked" });
    let granted = Patch::Merge(json!({ "status": { "conditions": [granted] } }));
    requests.patch_approval(name, &PatchParams::default(), &granted).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = requests.get(name).await.unwrap().status;
        if let Some(certificate) = status.and_then(|status| status.certificate) {
            return (String::from_utf8(certificate.0).unwrap(), key.serialize_pem());
        }
        assert!(Instant::now() < deadline, "the cluster signs nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
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

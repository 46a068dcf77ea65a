//! Each kind of credentials for a cluster, given to a portal over its pages' own way: a wrong one is refused before
//! anything is kept, a right one lets it in once, and a host that is full says so.

use std::time::{Duration, Instant};

use agents::kubernetes::kubeconfig;
use domain::host::cluster::{ClusterCredentials, ClusterLogin};
use domain::host::{HostCredentials, HostSpec};
use domain::name::HostName;
use serde_json::{Value, json};

use super::Ground;
use crate::Scene;
use crate::bed::Call;

/// Longest wait for the rights of an account that was just made, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);

/// The account that the portal's manifest makes; it is the whole cluster's, so it goes whatever comes of the test.
struct Account<'a> {
    scene: &'a Scene<Ground>,
    manifest: String,
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.scene.engine.cluster.unmake(&self.manifest);
    }
}

impl Scene<Ground> {
    /// Status, code and field of what a server function refuses.
    fn refused(&self, function: &str, arguments: &Value) -> (u16, String, String) {
        let call = Call::post(&format!("/api/{function}")).json(arguments).cookie(&self.cookie);
        let answer = self.portal.send(call.header("accept", "application/json"));
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let error = &said["problem"]["refused"];
        let word = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        assert_ne!(answer.status, 200, "{function}: {}", answer.body);
        (answer.status, word("code"), word("field"))
    }

    /// The hosts that the portal knows.
    fn hosts(&self) -> usize {
        self.call("host_list", &json!({})).as_array().unwrap().len()
    }
}

fn asked(spec: &HostSpec, credentials: &HostCredentials) -> Value {
    json!({ "spec": spec, "credentials": credentials })
}

#[test]
fn each_kind_of_credentials_lets_a_portal_in_once() {
    let Some(scene) = Scene::beside_a_cluster("kinds") else { return };
    let text = scene.engine.cluster.kubeconfig();
    let (mut spec, context) = scene.cluster_spec(&text, 30_000..=30_299);
    // A name that no other account on the cluster has.
    let prefix = format!("k{}", std::process::id());
    let settings = spec.cluster.as_mut().unwrap();
    settings.namespace_prefix.clone_from(&prefix);
    let manifest = scene.call("host_rbac", &json!({ "settings": settings })).as_str().unwrap().to_owned();
    scene.engine.cluster.make(&manifest);
    let account = Account { scene: &scene, manifest };
    let token = scene.engine.cluster.token(&format!("{prefix}-portal"), "portal");

    let entries = kubeconfig::read(&text).unwrap();
    let certificate = entries.into_iter().find(|entry| entry.name == context).unwrap().access.unwrap();
    let with_token = |token: &str| {
        let login = ClusterLogin::Token { token: token.to_owned() };
        HostCredentials::Cluster(ClusterCredentials { login, ..certificate.clone() })
    };
    let wrong = asked(&spec, &with_token("nobodys-token"));
    let refused = (422, "host-token".to_owned(), "token".to_owned());
    assert_eq!(scene.refused("host_add", &wrong), refused);
    assert_eq!(scene.hosts(), 0, "it is refused before it is saved");

    let kinds = [
        ("token", with_token(&token)),
        ("certificate", HostCredentials::Cluster(certificate.clone())),
        ("kubeconfig", HostCredentials::Kubeconfig { text: text.clone(), context }),
    ];
    for (kind, credentials) in kinds {
        let host = taken(&scene, &asked(&spec, &credentials));
        let again = HostSpec { name: HostName::parse("again").unwrap(), ..spec.clone() };
        let (status, code, field) = scene.refused("host_add", &asked(&again, &credentials));
        assert_eq!((status, code.as_str(), field.as_str()), (409, "host-endpoint-taken", "server"), "{kind}");
        let spoiled = json!({ "id": host, "spec": spec, "credentials": with_token("nobodys-token") });
        assert_eq!(scene.refused("host_edit", &spoiled), refused, "{kind}");
        let test = scene.call("host_test", &json!({ "id": host }));
        assert!(test["failed"].is_null(), "{kind}: {test}");
        scene.call("host_remove", &json!({ "id": host }));
        assert_eq!(scene.hosts(), 0, "{kind}");
    }
    drop(account);
}

/// Adds the host and tells its id. What the API server knows of an account's rights is a moment old.
fn taken(scene: &Scene<Ground>, asked: &Value) -> Value {
    let limit = Instant::now() + PATIENCE;
    loop {
        let probe = scene.call("host_probe", asked);
        if probe["failed"].is_null() {
            return scene.call("host_add", asked)["id"].clone();
        }
        assert!(Instant::now() < limit, "{probe}");
        std::thread::sleep(PAUSE);
    }
}

#[test]
fn a_full_cluster_takes_no_further_chain_over_http() {
    let Some(mut scene) = Scene::beside_a_cluster("full") else { return };
    let text = scene.engine.cluster.kubeconfig();
    let (spec, context) = scene.cluster_spec(&text, 30_500..=30_599);
    let full = HostSpec { capacity: 1, ..spec };
    let credentials = HostCredentials::Kubeconfig { text, context };
    scene.host = taken(&scene, &asked(&full, &credentials));
    scene.ends(&scene.create("key-of-first"), "done");

    let mut second = scene.spec();
    second["name"] = json!(format!("{}-second", scene.chain));
    let asked = json!({ "spec": second, "key": "key-of-second" });
    let (status, code, _) = scene.refused("chain_create", &asked);
    assert_eq!((status, code.as_str()), (409, "host-full"));
    // The sign-in was minutes ago, and a host goes only by a fresh one.
    scene.cookie = scene.portal.sign_in("ada");
    let (status, code, _) = scene.refused("host_remove", &json!({ "id": scene.host }));
    assert_eq!((status, code.as_str()), (409, "host-has-chains"));
    scene.delete();
    scene.cookie = scene.portal.sign_in("ada");
    scene.call("host_remove", &json!({ "id": scene.host }));
}

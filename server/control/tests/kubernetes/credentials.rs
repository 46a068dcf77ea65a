//! Every kind of credentials for a cluster: wrong ones are refused at their stage and nothing is kept of them, right ones
//! are taken, and what is kept of them opens the cluster again.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::Code;
use domain::host::cluster::{ClusterAuthority, ClusterSettings};
use domain::host::{HostSpec, ProbeStage};
use domain::name::HostName;
use fabric::material::{Authority, Issued, Leaf, LeafKind, Validity};
use serde_json::json;

use crate::bed::{Bed, kubectl, on_cluster, pasted};
use crate::hosts::told;

/// What a test of a cluster goes through.
const STAGES: usize = 9;
/// Longest wait for the rights of an account, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_credentials_is_tried_before_it_is_kept() {
    on_cluster("kinds", async |bed| {
        are_refused(&bed).await;
        // A name that no other account on the cluster has.
        let namespace_prefix = format!("acc-{}", bed.portal.services.installation);
        let settings = ClusterSettings { namespace_prefix, ..ClusterSettings::default() };
        let manifest = bed.portal.plane.host_rbac(&bed.portal.admin, &settings).await.unwrap();
        let account = Account { manifest, namespace: format!("{}-portal", settings.namespace_prefix) };
        account.make();
        are_taken(&bed, &account.token()).await;
    })
    .await;
}

/// Nothing that is wrong comes into the store, whatever kind it is of.
async fn are_refused(bed: &Bed) {
    let (plane, admin, spec) = (&bed.portal.plane, &bed.portal.admin, bed.host(31_000));
    let (elsewhere, stranger) = made_elsewhere();
    let authority = ClusterAuthority::Ca { pem: elsewhere.cert_pem().to_owned() };
    let fingerprint = ClusterAuthority::Pinned { sha256: "ab".repeat(32) };
    let pasted_token = bed.kubeconfig_of(json!({ "token": "nobodys-token" }));
    let wrong = [
        (bed.token("nobodys-token"), ProbeStage::Authentication, Code::HostToken, "token"),
        (pasted(pasted_token), ProbeStage::Authentication, Code::HostToken, "token"),
        (
            bed.certified(stranger.cert_pem.clone(), stranger.key_pem.to_string()),
            ProbeStage::Authentication,
            Code::HostAuthentication,
            "certificate_pem",
        ),
        (bed.trusting(authority), ProbeStage::Tls, Code::HostTls, "ca_pem"),
        (bed.trusting(fingerprint), ProbeStage::Tls, Code::HostFingerprint, "pinned"),
    ];
    for (credentials, stage, code, field) in wrong {
        let probe = plane.host_probe(admin, spec.clone(), Some(credentials.clone())).await.unwrap();
        let (failed, error) = probe.failed.unwrap();
        assert_eq!((failed, error.code), (stage, code), "{error}");
        assert!(probe.passed.iter().all(|passed| *passed < stage), "{:?}", probe.passed);
        let refused = plane.host_add(admin, spec.clone(), Some(credentials)).await;
        assert_eq!(told(refused), (code, Some(field.to_owned())));
    }
    // Kubernetes has no passwords any more: that is said before anybody is asked.
    let former = bed.kubeconfig_of(json!({ "username": "ada", "password": "plain" }));
    let shown = plane.host_kubeconfig(admin, &former).await.unwrap();
    let why = shown.first().and_then(|context| context.refused.as_ref()).map(|error| error.code);
    assert_eq!(why, Some(Code::KubeconfigPassword));
    let refused = plane.host_add(admin, spec, Some(pasted(former))).await;
    assert_eq!(told(refused), (Code::KubeconfigPassword, Some("kubeconfig".to_owned())));
    assert!(plane.host_list(admin).await.unwrap().is_empty(), "it is refused before it is saved");
}

/// Each kind lets the portal in, once for a cluster.
async fn are_taken(bed: &Bed, token: &str) {
    let (plane, admin, spec) = (&bed.portal.plane, &bed.portal.admin, bed.host(31_000));
    let right = [
        ("a token", bed.token(token)),
        ("a certificate", bed.certificate()),
        ("a kubeconfig with a certificate", bed.kubeconfig()),
        ("a kubeconfig with a token", pasted(bed.kubeconfig_of(json!({ "token": token })))),
    ];
    for (what, credentials) in right {
        let given = || Some(credentials.clone());
        let probe = plane.host_probe(admin, spec.clone(), given()).await.unwrap();
        assert_eq!((probe.passed.len(), probe.failed), (STAGES, None), "{what}");
        let host = plane.host_add(admin, spec.clone(), given()).await;
        let host = host.unwrap_or_else(|error| panic!("{what}: {error}"));
        let again = HostSpec { name: HostName::parse("again").unwrap(), ..spec.clone() };
        let again = plane.host_add(admin, again, given()).await;
        assert_eq!(told(again), (Code::HostEndpointTaken, Some("server".to_owned())), "{what}");
        // Wrong ones do not take the place of those that are kept, which open the cluster again.
        let spoiled = plane.host_edit(admin, &host.id, spec.clone(), Some(bed.token("nobodys-token"))).await;
        assert_eq!(told(spoiled), (Code::HostToken, Some("token".to_owned())), "{what}");
        let test = plane.host_test(admin, &host.id).await.unwrap();
        assert_eq!((test.passed.len(), test.failed), (STAGES, None), "{what}");
        plane.host_remove(admin, &host.id).await.unwrap();
    }
    assert!(plane.host_list(admin).await.unwrap().is_empty());
}

/// An authority that no cluster knows, and an admin's name from it.
fn made_elsewhere() -> (Authority, Issued) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let validity = Validity::from_unix(i64::try_from(now).unwrap(), 30);
    let authority = Authority::generate("ca.elsewhere", "elsewhere", &validity).unwrap();
    let leaf = Leaf {
        common_name: "admin".to_owned(),
        kind: LeafKind::Tls,
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        validity,
    };
    let issued = authority.issue(&leaf).unwrap();
    (authority, issued)
}

/// The account that the shown manifest makes; it is the whole cluster's, so it goes whatever comes of the test.
struct Account {
    manifest: String,
    namespace: String,
}

impl Account {
    /// Makes it, and waits until the API server knows of its rights: what it knows of roles is a moment old.
    fn make(&self) {
        kubectl(&["apply", "--filename=-"], &self.manifest).unwrap();
        let account = format!("--as=system:serviceaccount:{}:portal", self.namespace);
        let limit = Instant::now() + PATIENCE;
        while let Err(error) = kubectl(&["auth", "can-i", "list", "nodes", &account], "") {
            assert!(Instant::now() < limit, "the account has no rights: {error}");
            std::thread::sleep(PAUSE);
        }
    }

    /// A token of it, as its admin makes one.
    fn token(&self) -> String {
        let said = kubectl(&["create", "token", "portal", "--namespace", &self.namespace], "");
        said.unwrap().trim().to_owned()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let words = ["delete", "--ignore-not-found", "--wait=false", "--filename=-"];
        let _removed = kubectl(&words, &self.manifest);
    }
}

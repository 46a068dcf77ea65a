//! A token that ends while a chain runs: the portal says so, not that anything stopped, and with a new one it goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Code;
use domain::chain::{ChainState, Health};
use domain::host::cluster::ClusterSettings;
use domain::host::{HostSpec, HostState};
use domain::id::HostId;

use crate::bed::{Bed, kubectl, on_cluster};
use crate::hosts::raise;

/// Longest wait for the cluster to know of a token, or to forget it, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_is_told_and_its_successor_goes_on_with_what_runs() {
    on_cluster("token", async |bed| {
        let prefix = format!("t{}", std::process::id());
        let outcome = tokio::spawn(is_replaced(bed.clone(), prefix.clone())).await;
        let account = format!("{prefix}-portal");
        for kind in ["clusterrolebinding", "clusterrole", "namespace"] {
            let words = ["delete", kind, &account, "--ignore-not-found", "--wait=false"];
            let _removed = kubectl(&words, "");
        }
        outcome.unwrap();
    })
    .await;
}

async fn is_replaced(bed: Arc<Bed>, prefix: String) {
    let (plane, admin, chain) = (&bed.portal.plane, &bed.portal.admin, &bed.portal.name);
    let account = format!("{prefix}-portal");
    let settings = ClusterSettings { namespace_prefix: prefix, volume_gib: 1, ..ClusterSettings::default() };
    let manifest = plane.host_rbac(admin, &settings).await.unwrap();
    kubectl(&["apply", "--filename=-"], &manifest).unwrap();
    let spec = HostSpec { cluster: Some(settings), ..bed.host(31_000) };
    let host = plane.host_add(admin, spec.clone(), Some(bed.token(&token(&account).await))).await.unwrap();
    let small = raise(&bed.portal, chain.as_str(), &host.id, |spec| {
        spec.organizations.truncate(1);
        spec.organizations[0].peers = 1;
    });
    small.await.unwrap();
    let before = bed.portal.nodes().await;

    // The token is bound to its Secret: without that it ends before its time.
    kubectl(&["delete", "secret", "portal-token", "--namespace", &account], "").unwrap();
    seen(&bed, &host.id, HostState::Inactive, Some(Code::HostCredentialsRefused)).await;
    let summary = plane.chain_read(admin, chain).await.unwrap().summary;
    assert_eq!((summary.state, summary.health.health), (ChainState::Running, Health::Unreachable));

    kubectl(&["apply", "--filename=-"], &manifest).unwrap();
    let renewed = bed.token(&token(&account).await);
    plane.host_edit(admin, &host.id, spec, Some(renewed)).await.unwrap();
    seen(&bed, &host.id, HostState::Active, None).await;
    let limit = Instant::now() + PATIENCE;
    loop {
        plane.reconcile().await;
        let summary = plane.chain_read(admin, chain).await.unwrap().summary;
        if summary.health.health == Health::Ok {
            break;
        }
        assert!(Instant::now() < limit, "{summary:?}");
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(bed.portal.nodes().await, before, "nothing was restarted");
    bed.portal.remove().await;
    assert_eq!(bed.left(), Vec::<String>::new());
}

/// Looks until a host is in a state for a reason.
async fn seen(bed: &Bed, host: &HostId, state: HostState, reason: Option<Code>) {
    let limit = Instant::now() + PATIENCE;
    loop {
        bed.portal.plane.reconcile().await;
        let status = bed.portal.plane.host_read(&bed.portal.admin, host).await.unwrap().status;
        if status.state == state && status.reason.as_ref().map(|why| why.code) == reason {
            return;
        }
        assert!(Instant::now() < limit, "{status:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The account's token, once the cluster has made it.
async fn token(account: &str) -> String {
    let limit = Instant::now() + PATIENCE;
    loop {
        let template =
            "--output=go-template={{if .data}}{{with .data.token}}{{. | base64decode}}{{end}}{{end}}";
        let token =
            kubectl(&["get", "secret", "portal-token", "--namespace", account, template], "").unwrap();
        if !token.is_empty() {
            return token;
        }
        assert!(Instant::now() < limit, "the cluster makes no token");
        tokio::time::sleep(PAUSE).await;
    }
}

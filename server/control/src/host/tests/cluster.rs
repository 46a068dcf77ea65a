//! Clusters as hosts. The engine behind one is simulated: what is shown is what the portal asks for and what it keeps.

use std::collections::BTreeSet;

use agents::simulated::{Fault, SimulatedAgent, Verb, When};
use domain::chain::{ChainState, CheckKind, HealthView};
use domain::host::cluster::{
    ClusterAuthority, ClusterCredentials, ClusterExposure, ClusterLogin, ClusterSettings,
};
use store::ChainRecord;
use workflow::testkit::JumpClock;

use super::*;
use crate::host::credentials::{Access, EngineCredentials};
use crate::operations::demo_create::default_spec;
use crate::services::credentials_key;

const SERVER: &str = "https://api.example:6443";
/// The cluster that the bed's own agent stands for.
pub(super) const SHARED: &str = "https://shared.example:6443";
const BEGIN_MS: i64 = 1_700_000_000_000;

/// A cluster that knows one token, and one user's certificate.
pub(super) fn connect(
    spec: &HostSpec,
    access: &Access,
    behind: &SimulatedAgent,
) -> Result<Arc<dyn Agent>, ProbeFailure> {
    let login = match &access.credentials {
        Some(EngineCredentials::Cluster(credentials)) => Some(&credentials.login),
        Some(EngineCredentials::Tls(_)) | None => None,
    };
    match (&spec.endpoint, login) {
        (Endpoint::InCluster, _) | (_, Some(ClusterLogin::Certificate { .. })) => {}
        (_, Some(ClusterLogin::Token { token })) if token == "good" => {}
        _ => return Err(ProbeFailure::at(AgentStage::Authentication, Remedy::RenewToken, "401")),
    }
    Ok(shared(behind.clone()))
}

fn spec() -> HostSpec {
    let endpoint = Endpoint::Cluster { server: SERVER.to_owned() };
    HostSpec::cluster(HostName::parse("far").unwrap(), endpoint)
}

fn token(token: &str) -> HostCredentials {
    HostCredentials::Cluster(ClusterCredentials {
        authority: ClusterAuthority::Ca { pem: "ca".to_owned() },
        server_name: None,
        login: ClusterLogin::Token { token: token.to_owned() },
    })
}

#[tokio::test]
async fn a_cluster_is_added_once_its_test_passes_and_its_token_is_sealed() {
    let bed = Bed::new().await;
    let store = &bed.plane.services.store;
    let wrong = bed.plane.host_add(&admin(), spec(), Some(token("bad"))).await.unwrap_err();
    assert_eq!((wrong.code, wrong.field.as_deref()), (Code::HostToken, Some("token")));
    assert_eq!(wrong.status(), 422, "the cluster answers; what was given is wrong");
    let none = bed.plane.host_add(&admin(), spec(), None).await.unwrap_err();
    assert_eq!((none.code, none.field.as_deref()), (Code::FieldMissing, Some("token")));
    let foreign = bed.plane.host_add(&admin(), spec(), Some(credentials())).await.unwrap_err();
    assert_eq!(foreign.code, Code::CredentialsForeign);
    assert!(store.host_list().await.unwrap().is_empty(), "wrong credentials are refused before saving");
    let probe = bed.plane.host_probe(&admin(), spec(), Some(token("good"))).await.unwrap();
    assert_eq!((probe.passed.len(), probe.failed), (9, None));
    assert_eq!(probe.passed.last(), Some(&ProbeStage::Capacity));
    let host = bed.plane.host_add(&admin(), spec(), Some(token("good"))).await.unwrap();
    assert_eq!(host.spec, spec());
    let sealed = store.secret_list_prefix(&credentials_key(&host.id)).await.unwrap();
    assert!(sealed.len() == 1 && !String::from_utf8_lossy(&sealed[0].sealed).contains("good"));
    // The stored token opens the cluster again.
    let test = bed.plane.host_test(&admin(), &host.id).await.unwrap();
    assert_eq!((test.passed.len(), test.failed), (9, None));
    let again = HostSpec { name: HostName::parse("other").unwrap(), ..spec() };
    let again = bed.plane.host_add(&admin(), again, Some(token("good"))).await.unwrap_err();
    assert_eq!((again.code, again.field.as_deref()), (Code::HostEndpointTaken, Some("server")));
}

#[tokio::test]
async fn a_cluster_that_is_removed_is_cleared_and_one_that_is_away_is_removed_all_the_same() {
    let (bed, _, host) = watched().await;
    bed.plane.host_remove(&admin(), &host.id).await.unwrap();
    let cleared = || bed.local.calls().iter().any(|(verb, _)| *verb == Verb::RemoveHome);
    let waiting = async {
        while !cleared() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
    let (bed, _, host) = watched().await;
    bed.local.cut_off();
    bed.plane.host_remove(&admin(), &host.id).await.unwrap();
    assert!(bed.plane.host_list(&admin()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_test_of_a_host_that_gets_no_agent_names_the_stage() {
    let bed = Bed::new().await;
    let host = bed.plane.host_add(&admin(), spec(), Some(token("good"))).await.unwrap();
    let services = &bed.plane.services;
    let HostCredentials::Cluster(spoiled) = token("bad") else { panic!("a cluster has a token") };
    let key = credentials_key(&host.id);
    let sealed = services.seal(&key, &EngineCredentials::Cluster(spoiled)).unwrap();
    services.store.host_secret_put(&host.id, &sealed).await.unwrap();
    services.forget_agent(&host.id);
    let (stage, error) = bed.plane.host_test(&admin(), &host.id).await.unwrap().failed.unwrap();
    assert_eq!((stage, error.code), (ProbeStage::Authentication, Code::HostToken));
    assert_eq!((error.field.as_deref(), error.values["why"].as_str()), (Some("token"), "401"));
    // What nobody can open does not come to a connection.
    let foreign = Vault::new([8; KEY_LEN], 1).seal(&key, b"{}").unwrap();
    let sealed = store::SealedSecret { sealed: foreign, ..sealed };
    services.store.host_secret_put(&host.id, &sealed).await.unwrap();
    let (stage, error) = bed.plane.host_test(&admin(), &host.id).await.unwrap().failed.unwrap();
    assert_eq!((stage, error.code), (ProbeStage::Authentication, Code::HostClientMaterial));
}

#[tokio::test]
async fn other_settings_are_tested_with_the_stored_token_and_kept_from_chains() {
    let bed = Bed::new().await;
    let host = bed.plane.host_add(&admin(), spec(), Some(token("good"))).await.unwrap();
    let with = |change: fn(&mut ClusterSettings)| {
        let mut settings = ClusterSettings::default();
        change(&mut settings);
        HostSpec { cluster: Some(settings), ..spec() }
    };
    let edit = async |spec: HostSpec, credentials| {
        let edited = bed.plane.host_edit(&admin(), &host.id, spec, credentials).await;
        edited.map_err(|error| (error.code, error.field))
    };
    edit(with(|s| s.namespace_prefix = "other".to_owned()), None).await.unwrap();
    edit(with(|s| s.exposure = ClusterExposure::ClusterIp), None).await.unwrap();
    let refused = Err((Code::HostToken, Some("token".to_owned())));
    assert_eq!(edit(spec(), Some(token("bad"))).await, refused);
    edit(spec(), None).await.unwrap();
    bed.claim(&host, "one").await;
    let refused = Err((Code::ClusterSettingsInUse, Some("namespace_prefix".to_owned())));
    assert_eq!(edit(with(|s| s.namespace_prefix = "other".to_owned()), None).await, refused);
    // An engine in its place would have no credentials.
    let engine = remote_spec("far", "engine-a");
    let refused = Err((Code::HostPlainTcp, Some("ca_pem".to_owned())));
    assert_eq!(edit(engine, None).await, refused);
}

#[tokio::test]
async fn the_portals_own_cluster_is_a_host_only_where_it_has_one() {
    let bed = Bed::new().await;
    let mut own = HostSpec::cluster(HostName::parse("own").unwrap(), Endpoint::InCluster);
    own.client_address = "node.example".to_owned();
    let refused = bed.plane.host_add(&admin(), own.clone(), None).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::HostNotInCluster, Some("server")));
    let bed = Bed::in_cluster().await;
    let offered = async || {
        let offers = bed.plane.host_local_offer(&admin()).await.unwrap();
        offers.into_iter().map(|offer| offer.endpoint).collect::<Vec<_>>()
    };
    assert!(offered().await.contains(&Endpoint::InCluster), "a local engine does not stand before it");
    bed.host().await;
    assert_eq!(offered().await, [Endpoint::InCluster], "the local engine is a host already");
    let foreign = bed.plane.host_add(&admin(), own.clone(), Some(token("good"))).await.unwrap_err();
    assert_eq!(foreign.code, Code::CredentialsForeign);
    bed.plane.host_add(&admin(), own, None).await.unwrap();
    assert!(offered().await.is_empty());
}

#[tokio::test]
async fn registries_come_to_the_agent_of_a_cluster_and_images_are_not_uploaded() {
    let bed = Bed::new().await;
    let host = bed.plane.host_add(&admin(), spec(), Some(token("good"))).await.unwrap();
    let services = &bed.plane.services;
    let before = services.agent(&host.id).await.unwrap();
    assert!(services.access(&host.id, &host.spec).await.unwrap().registries.is_empty());
    bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap();
    let access = services.access(&host.id, &host.spec).await.unwrap();
    assert_eq!(access.registries, [registry()]);
    let after = services.agent(&host.id).await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after), "an agent of other registries");
    let stream = futures::stream::iter([Ok(image_archive("heddle.local/mine:1", false))]);
    let refused = bed.plane.host_image_upload(&admin(), &host.id, stream).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::ClusterNoUpload, Some("archive")));
}

impl Bed {
    /// A chain that the store says is on a host.
    async fn chain_on(&self, host: &HostView, name: &str, state: ChainState) {
        let spec = default_spec(ChainName::parse(name).unwrap(), host.id.clone()).unwrap();
        let record = ChainRecord {
            name: spec.name.clone(),
            spec,
            plan: Arc::default(),
            state,
            health: HealthView::default(),
            owner: None,
            tenure: store::Tenure::default(),
            host: host.id.clone(),
            created_ms: 1,
            operation: Some(OperationId::new("op")),
            pool: None,
        };
        self.plane.services.store.chain_create(&record).await.unwrap();
    }

    /// The chains whose spaces were asked for in the cluster, once there are so many calls.
    async fn renewed(&self, calls: usize) -> BTreeSet<String> {
        let looks = async {
            loop {
                let all = self.cluster.calls();
                let spaces = all.into_iter().filter(|(verb, _)| *verb == Verb::EnsureSpace);
                let spaces: Vec<String> = spaces.map(|(_, chain)| chain).collect();
                if spaces.len() >= calls {
                    return spaces.into_iter().collect::<BTreeSet<String>>();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), looks).await.unwrap()
    }
}

#[tokio::test]
async fn chains_that_are_there_are_told_of_other_registries() {
    let bed = Bed::new().await;
    let (host, other) =
        (bed.plane.host_add(&admin(), spec(), Some(token("good"))).await.unwrap(), bed.host().await);
    bed.chain_on(&host, "coming", ChainState::Creating).await;
    bed.chain_on(&host, "one", ChainState::Running).await;
    bed.chain_on(&host, "two", ChainState::Stopped).await;
    bed.chain_on(&other, "elsewhere", ChainState::Running).await;
    let wanted = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
    bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap();
    assert_eq!(bed.renewed(2).await, wanted);
    bed.plane.host_registry_remove(&admin(), &host.id, &registry().registry).await.unwrap();
    assert_eq!(bed.renewed(4).await, wanted);
    // A cluster that is down refuses no change.
    bed.cluster.cut_off();
    bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap();
    assert_eq!(bed.renewed(6).await, wanted);
}

#[tokio::test]
async fn only_an_admin_asks_what_a_cluster_needs() {
    let bed = Bed::new().await;
    for role in [Role::User, Role::Operator] {
        let caller = caller(role);
        let refused = bed.plane.host_rbac(&caller, &ClusterSettings::default()).await.unwrap_err();
        assert_eq!(refused.code, Code::NotAllowed);
        let refused = bed.plane.host_kubeconfig(&caller, KUBECONFIG).await.unwrap_err();
        assert_eq!(refused.code, Code::NotAllowed);
    }
    let manifest = bed.plane.host_rbac(&admin(), &ClusterSettings::default()).await.unwrap();
    assert!(manifest.contains("kind: ClusterRole"), "{manifest}");
    let wrong = ClusterSettings { volume_gib: 0, ..ClusterSettings::default() };
    let refused = bed.plane.host_rbac(&admin(), &wrong).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("volume_gib"));
}

/// Two contexts of two clusters; the text in base64 begins like a certificate.
const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: first
  cluster: { server: "https://API.example:6443/", certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg== }
- name: second
  cluster: { server: "https://other.example", certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg== }
users:
- name: ada
  user: { token: good }
contexts:
- name: one
  context: { cluster: first, user: ada }
- name: two
  context: { cluster: second, user: ada }
"#;

fn kubeconfig(context: &str) -> HostCredentials {
    HostCredentials::Kubeconfig { text: KUBECONFIG.to_owned(), context: context.to_owned() }
}

#[tokio::test]
async fn a_kubeconfig_is_taken_apart_and_forgotten() {
    let bed = Bed::new().await;
    let contexts = bed.plane.host_kubeconfig(&admin(), KUBECONFIG).await.unwrap();
    let shown: Vec<_> =
        contexts.iter().map(|one| (one.name.as_str(), one.server.as_str(), one.current)).collect();
    assert_eq!(shown, [("one", SERVER, true), ("two", "https://other.example:443", false)]);
    assert!(contexts.iter().all(|context| context.refused.is_none()));
    let empty = bed.plane.host_kubeconfig(&admin(), " ").await.unwrap_err();
    assert_eq!((empty.code, empty.field.as_deref()), (Code::FieldMissing, Some("kubeconfig")));
    let other = bed.plane.host_add(&admin(), spec(), Some(kubeconfig("two"))).await.unwrap_err();
    assert_eq!((other.code, other.field.as_deref()), (Code::KubeconfigServer, Some("context")));
    assert_eq!(other.values["found"], "https://other.example:443");
    let unknown = bed.plane.host_add(&admin(), spec(), Some(kubeconfig("three"))).await.unwrap_err();
    assert_eq!((unknown.code, unknown.field.as_deref()), (Code::FieldMissing, Some("context")));
    let host = bed.plane.host_add(&admin(), spec(), Some(kubeconfig("one"))).await.unwrap();
    let stored = bed.plane.services.engine_credentials(&host.id).await.unwrap();
    let Some(EngineCredentials::Cluster(stored)) = stored else { panic!("{stored:?}") };
    assert_eq!(stored.login, ClusterLogin::Token { token: "good".to_owned() });
}

#[tokio::test]
async fn credentials_that_a_former_portal_stored_still_open_the_engine() {
    let bed = Bed::new().await;
    let host = bed.remote("far", "engine-a").await.unwrap();
    let services = &bed.plane.services;
    let HostCredentials::Tls(tls) = credentials() else { panic!("engines have certificates") };
    let former = services.seal(&credentials_key(&host.id), &tls).unwrap();
    services.store.host_secret_put(&host.id, &former).await.unwrap();
    assert_eq!(services.engine_credentials(&host.id).await.unwrap(), Some(EngineCredentials::Tls(tls)));
    services.forget_agent(&host.id);
    let test = bed.plane.host_test(&admin(), &host.id).await.unwrap();
    assert_eq!((test.passed.len(), test.failed), (6, None));
}

#[tokio::test]
async fn a_chain_on_a_cluster_is_not_measured_by_a_disk() {
    let bed = Bed::new().await;
    let host = bed.plane.host_add(&admin(), spec(), Some(token("good"))).await.unwrap();
    let chain = default_spec(ChainName::parse("demo").unwrap(), host.id).unwrap();
    let view = bed.plane.chain_plan(&admin(), chain).await.unwrap();
    let kinds: Vec<CheckKind> = view.checks.iter().map(|check| check.kind).collect();
    assert!(!kinds.contains(&CheckKind::Disk) && kinds.contains(&CheckKind::Ports), "{kinds:?}");
    assert_eq!(view.port_block, 31_000);
}

/// A portal with the cluster that the bed's own agent stands for.
async fn watched() -> (Bed, Arc<JumpClock>, HostView) {
    let clock = Arc::new(JumpClock::new(BEGIN_MS));
    let bed = Bed::with_clock(clock.clone()).await;
    let spec = HostSpec { endpoint: Endpoint::Cluster { server: SHARED.to_owned() }, ..spec() };
    let host = bed.plane.host_add(&admin(), spec, Some(token("good"))).await.unwrap();
    (bed, clock, host)
}

#[tokio::test]
async fn an_active_cluster_is_asked_all_of_it_once_a_minute() {
    let (bed, clock, host) = watched().await;
    let probes = || bed.local.calls().iter().filter(|(verb, _)| *verb == Verb::Probe).count();
    let looked = async || {
        let before = probes();
        bed.plane.reconcile_hosts().await;
        let status = bed.plane.host_read(&admin(), &host.id).await.unwrap().status;
        (probes() - before, status.state)
    };
    assert_eq!(looked().await, (0, HostState::Active));
    clock.advance(59_999);
    assert_eq!(looked().await, (0, HostState::Active));
    clock.advance(1);
    assert_eq!(looked().await, (1, HostState::Active));
    assert_eq!(looked().await, (0, HostState::Active));
    clock.set_back(3_600_000);
    assert_eq!(looked().await, (1, HostState::Active), "it was seen at a time to come");
    assert_eq!(looked().await, (0, HostState::Active), "ages are counted anew");
    // That it begins to refuse, or is silent, is looked into at once.
    bed.local.fail_verb(Verb::ListNodes, 1, Fault::broken(When::Before));
    assert_eq!(looked().await, (1, HostState::Active));
    bed.local.fail_verb(Verb::ListNodes, 1, Fault::unreachable(When::Before));
    assert_eq!(looked().await, (1, HostState::Active));
    bed.local.cut_off();
    assert_eq!(looked().await, (3, HostState::Inactive));
    assert_eq!(looked().await, (3, HostState::Inactive));
    bed.local.heal();
    assert_eq!(looked().await, (1, HostState::Active));
}

#[tokio::test]
async fn a_token_that_ended_is_told_at_once_and_a_known_lack_is_not_asked_for_again() {
    let (bed, clock, host) = watched().await;
    let refuses = || bed.local.fail_verb(Verb::ListNodes, 1, Fault::broken(When::Before));
    let looked = async || {
        bed.plane.reconcile_hosts().await;
        let status = bed.plane.host_read(&admin(), &host.id).await.unwrap().status;
        (status.state, status.reason.map(|why| why.code))
    };
    bed.local.fail_probes(ProbeFailure::at(AgentStage::Authentication, Remedy::RenewToken, "401"));
    refuses();
    assert_eq!(looked().await, (HostState::Inactive, Some(Code::HostCredentialsRefused)));
    bed.local.heal();
    assert_eq!(looked().await, (HostState::Active, None));

    clock.advance(60_000);
    bed.local.fail_probes(ProbeFailure::at(AgentStage::Permission, Remedy::GrantPermissions, "403"));
    assert_eq!(looked().await, (HostState::Active, Some(Code::HostPermissions)));
    let probes = || bed.local.calls().iter().filter(|(verb, _)| *verb == Verb::Probe).count();
    let before = probes();
    refuses();
    assert_eq!(looked().await, (HostState::Active, Some(Code::HostPermissions)));
    assert_eq!(probes(), before);
}

#[tokio::test]
async fn a_cluster_that_answers_and_lacks_something_stays_active_and_says_so() {
    let (bed, clock, host) = watched().await;
    let looked = async || {
        clock.advance(60_000);
        bed.plane.reconcile_hosts().await;
        let status = bed.plane.host_read(&admin(), &host.id).await.unwrap().status;
        assert!(status.facts.is_some(), "what was known is kept");
        (status.state, status.reason.map(|why| why.code))
    };
    for (stage, remedy, code) in [
        (AgentStage::Permission, Remedy::GrantPermissions, Code::HostPermissions),
        (AgentStage::Storage, Remedy::ChooseStorage, Code::HostStorage),
        (AgentStage::Capacity, Remedy::ProvideMachines, Code::HostMachines),
    ] {
        bed.local.fail_probes(ProbeFailure::at(stage, remedy, "seen"));
        assert_eq!(looked().await, (HostState::Active, Some(code)));
    }
    let late = ProbeFailure::late(AgentStage::Permission, Remedy::InspectEngine, "no answer in time");
    let broken = ProbeFailure::at(AgentStage::Capacity, Remedy::InspectEngine, "it answered 500");
    for silent in [late, broken, ProbeFailure::at(AgentStage::Tls, Remedy::CheckFingerprint, "another one")] {
        bed.local.fail_probes(silent);
        assert_eq!(looked().await.0, HostState::Inactive);
    }
    // Its credentials were accepted once: what is to be done is told.
    for remedy in [Remedy::RenewToken, Remedy::CheckClientCertificate] {
        bed.local.fail_probes(ProbeFailure::at(AgentStage::Authentication, remedy, "expired"));
        assert_eq!(looked().await, (HostState::Inactive, Some(Code::HostCredentialsRefused)));
    }
    bed.local.heal();
    assert_eq!(looked().await, (HostState::Active, None));
}

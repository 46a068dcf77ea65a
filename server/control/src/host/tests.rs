//! Hosts, over an in-memory store and simulated engines.

use std::sync::Arc;
use std::time::Duration;

use agents::simulated::SimulatedAgent;
use agents::{Agent, ProbeFailure, ProbeStage as AgentStage, Remedy};
use domain::host::{ProbeStage, TlsCredentials};
use domain::id::{OperationId, UserId};
use domain::name::{ChainName, UserName};
use domain::operation::{OperationState, OperationView};
use domain::permission::Role;
use store::Store;
use workflow::{Settings, SystemClock};
use zeroize::Zeroizing;

use super::*;
use crate::caller::CallerUser;
use crate::network::native::NativeNetwork;
use crate::secrets::{KEY_LEN, Vault};
use crate::services::Services;

mod cluster;
mod further;

/// A portal whose hosts are simulated: `engine-a` and `engine-b` are two engines, whatever stands behind a dot, and the
/// local one is a third, which is one of the clusters as well.
pub(crate) struct Bed {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) local: SimulatedAgent,
    /// What stands behind every cluster.
    cluster: SimulatedAgent,
}

const SOCKET: &str = "/run/engine.sock";

/// Real time without pauses.
struct NoWait;

#[async_trait::async_trait]
impl workflow::Clock for NoWait {
    fn now_ms(&self) -> i64 {
        workflow::Clock::now_ms(&SystemClock)
    }

    async fn sleep(&self, _wait_ms: u64) {
        tokio::task::yield_now().await;
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock)).await
    }

    /// The same, of a portal that runs in a cluster.
    async fn in_cluster() -> Self {
        Self::built(Arc::new(SystemClock), true).await
    }

    async fn with_clock(clock: crate::services::SharedClock) -> Self {
        Self::built(clock, false).await
    }

    async fn built(clock: crate::services::SharedClock, in_cluster: bool) -> Self {
        let local = SimulatedAgent::new();
        let (agents, cluster) = (local.clone(), SimulatedAgent::named("cluster"));
        let behind = cluster.clone();
        let connector: crate::services::Connector = Arc::new(move |spec, access| match &spec.endpoint {
            Endpoint::Local { .. } => Ok(shared(agents.clone())),
            Endpoint::Tcp { address, .. } if address == "no-tls" => {
                Err(ProbeFailure::at(AgentStage::Tls, Remedy::EnableEngineTls, "no TLS"))
            }
            Endpoint::Tcp { .. } if access.credentials.is_none() => {
                Err(ProbeFailure::at(AgentStage::Authentication, Remedy::CheckClientMaterial, "none"))
            }
            Endpoint::Tcp { address, .. } => {
                let agent = SimulatedAgent::named(address.split('.').next().unwrap_or_default());
                if address == "down" {
                    agent.cut_off();
                }
                Ok(shared(agent))
            }
            Endpoint::Cluster { server } if server == cluster::SHARED => Ok(shared(agents.clone())),
            Endpoint::Cluster { .. } | Endpoint::InCluster => cluster::connect(spec, access, &behind),
        });
        let services = Services::new(
            Store::open("mem://").await.unwrap(),
            Vault::new([7; KEY_LEN], 1),
            clock,
            Arc::new(NativeNetwork::default()),
            connector,
            Some(SOCKET.to_owned()),
        )
        .running_in_cluster(in_cluster);
        let key = Zeroizing::new(vec![1; 32]);
        let plane = ControlPlane::new(Arc::new(services), Settings::new("test"), key).unwrap();
        Self { plane: Arc::new(plane), local, cluster }
    }

    pub(crate) async fn host(&self) -> HostView {
        self.plane.host_add(&admin(), local_spec(), None).await.unwrap()
    }

    async fn remote(&self, name: &str, address: &str) -> Result<HostView, Error> {
        self.plane.host_add(&admin(), remote_spec(name, address), Some(credentials())).await
    }

    /// Waits until nothing more of an operation happens by itself.
    pub(crate) async fn settled(&self, id: &OperationId) -> OperationView {
        let looks = async {
            loop {
                let view = self.plane.operation_read(&admin(), id).await.unwrap();
                if view.summary.state.is_at_rest() {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), looks).await.unwrap()
    }

    pub(crate) async fn claim(&self, host: &HostView, chain: &str) {
        let chain = ChainName::parse(chain).unwrap();
        self.plane.services.store.claim_block(&host.id, &chain, &host.spec, &[]).await.unwrap();
    }
}

fn shared(agent: SimulatedAgent) -> Arc<dyn Agent> {
    Arc::new(agent)
}

pub(crate) fn caller(role: Role) -> Caller {
    Caller {
        user: Some(CallerUser { id: UserId::new("u"), name: UserName::parse("ada").unwrap(), role }),
        proved_ms: Some(i64::MAX),
        ..Caller::anonymous("r", "127.0.0.1")
    }
}

pub(crate) fn admin() -> Caller {
    caller(Role::Admin)
}

pub(crate) fn local_spec() -> HostSpec {
    HostSpec::local(HostName::parse("local").unwrap(), SOCKET)
}

fn remote_spec(name: &str, address: &str) -> HostSpec {
    HostSpec {
        name: HostName::parse(name).unwrap(),
        endpoint: Endpoint::Tcp { address: address.to_owned(), port: 2376 },
        bind_address: "0.0.0.0".to_owned(),
        ..local_spec()
    }
}

fn credentials() -> HostCredentials {
    let text = |text: &str| text.to_owned();
    HostCredentials::Tls(TlsCredentials {
        ca_pem: text("ca"),
        certificate_pem: text("certificate"),
        key_pem: text("top-secret-key"),
    })
}

fn registry() -> RegistryCredentials {
    RegistryCredentials {
        registry: "registry.example:5000".to_owned(),
        user: "ada".to_owned(),
        password: "top-secret-password".to_owned(),
    }
}

#[tokio::test]
async fn a_host_is_changed_and_the_agent_made_anew() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let mut spec = host.spec.clone();
    spec.name = HostName::parse("renamed").unwrap();
    spec.capacity = 3;
    spec.client_address = "node.example".to_owned();
    (spec.port_first, spec.port_last) = (40_000, 40_299);
    spec.image_rules = vec!["registry.example/team".to_owned()];
    let changed = bed.plane.host_edit(&admin(), &host.id, spec.clone(), None).await.unwrap();
    assert_eq!(changed.spec, spec);
    assert_eq!(bed.plane.host_read(&admin(), &host.id).await.unwrap().spec, spec);
    // The same values again are no conflict with itself.
    bed.plane.host_edit(&admin(), &host.id, spec, None).await.unwrap();
    bed.plane.audit.flush().await;
    let audit = bed.plane.audit_list(&admin(), None).await.unwrap();
    let edits = audit.iter().filter(|row| row.what == "host-edit" && row.result == "ok");
    let edits: Vec<_> = edits.collect();
    assert!(edits.iter().all(|row| row.object == format!("host/{}", host.id)), "{edits:?}");
    let told = |at: usize| edits[at].changes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((edits.len(), told(0).len()), (2, 0), "nothing is different the second time");
    assert!(told(1).contains(&format!("capacity {}→3", host.spec.capacity)), "{:?}", told(1));
    assert_eq!(told(1).last().map(String::as_str), Some("rule →registry.example/team"));
}

#[tokio::test]
async fn other_credentials_ask_for_the_password_again() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let earlier = Caller { proved_ms: None, ..admin() };
    let remote = remote_spec("far", "far.example");
    let refused = bed.plane.host_edit(&earlier, &host.id, remote, Some(credentials())).await.unwrap_err();
    assert_eq!(refused.code, Code::PasswordAgain);
    let refused = bed.plane.host_registry_set(&earlier, &host.id, registry()).await.unwrap_err();
    assert_eq!(refused.code, Code::PasswordAgain);
    bed.plane.host_edit(&earlier, &host.id, host.spec, None).await.unwrap();
}

#[tokio::test]
async fn only_an_admin_changes_hosts_and_every_refusal_leaves_a_row() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    for role in [Role::User, Role::Operator] {
        let caller = caller(role);
        let refused = bed.plane.host_edit(&caller, &host.id, host.spec.clone(), None).await.unwrap_err();
        assert_eq!(refused.code, Code::NotAllowed);
        let refused = bed.plane.host_registry_set(&caller, &host.id, registry()).await.unwrap_err();
        assert_eq!(refused.code, Code::NotAllowed);
        let refused = bed.plane.host_registry_remove(&caller, &host.id, "r.example").await.unwrap_err();
        assert_eq!(refused.code, Code::NotAllowed);
    }
    let nobody = Caller::anonymous("r", "a");
    let refused = bed.plane.host_edit(&nobody, &host.id, host.spec.clone(), None).await.unwrap_err();
    assert_eq!(refused.code, Code::SessionMissing);
    let gone = bed.plane.host_edit(&admin(), &HostId::new("gone"), host.spec, None).await.unwrap_err();
    assert_eq!(gone.code, Code::NotFound);
    bed.plane.audit.flush().await;
    let audit = bed.plane.audit_list(&admin(), None).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.result == "not-allowed").count(), 6);
}

#[tokio::test]
async fn wrong_values_are_refused_on_their_field_and_change_nothing() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    bed.claim(&host, "one").await;
    bed.claim(&host, "two").await;
    let check = async |change: fn(&mut HostSpec), code, field: &str| {
        let mut spec = host.spec.clone();
        change(&mut spec);
        let error = bed.plane.host_edit(&admin(), &host.id, spec, None).await.unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (code, Some(field)));
        assert_eq!(bed.plane.host_read(&admin(), &host.id).await.unwrap().spec, host.spec);
    };
    check(|s| s.capacity = 0, Code::ValueOutOfRange, "capacity").await;
    check(|s| s.capacity = 1, Code::CapacityBelowUse, "capacity").await;
    check(|s| s.port_last = 31_050, Code::PortRangeTooSmall, "port_last").await;
    check(|s| s.port_first = 31_050, Code::PortRangeOverlap, "port_first").await;
    check(|s| s.bind_address = "everywhere".to_owned(), Code::BindAddressMalformed, "bind_address").await;
    check(|s| s.image_rules = vec!["a b".to_owned()], Code::ImageRuleMalformed, "image_rules").await;
    check(
        |s| s.endpoint = Endpoint::Local { path: "/etc/passwd".to_owned() },
        Code::HostLocalRefused,
        "path",
    )
    .await;
}

#[tokio::test]
async fn name_and_endpoint_stay_unique() {
    let bed = Bed::new().await;
    bed.host().await;
    let remote = bed.remote("far", "engine-a").await.unwrap();
    let again = bed.remote("other", " Engine-A").await.unwrap_err();
    assert_eq!(again.code, Code::AddressMalformed, "an address has no blanks");
    let again = bed.remote("other", "ENGINE-A").await.unwrap_err();
    assert_eq!((again.code, again.field.as_deref()), (Code::HostEndpointTaken, Some("address")));
    let mut spec = remote.spec.clone();
    spec.name = HostName::parse("local").unwrap();
    let taken = bed.plane.host_edit(&admin(), &remote.id, spec, None).await.unwrap_err();
    assert_eq!((taken.code, taken.field.as_deref()), (Code::HostNameTaken, Some("name")));
    let other = bed.remote("other", "engine-b").await.unwrap();
    let mut spec = other.spec.clone();
    spec.endpoint = remote.spec.endpoint.clone();
    let taken = bed.plane.host_edit(&admin(), &other.id, spec, None).await.unwrap_err();
    assert_eq!((taken.code, taken.field.as_deref()), (Code::HostEndpointTaken, Some("address")));
}

#[tokio::test]
async fn another_endpoint_must_pass_the_test_and_lead_to_the_engine_that_holds_the_chains() {
    let bed = Bed::new().await;
    let host = bed.remote("far", "engine-a").await.unwrap();
    let moved = |address: &str| HostSpec {
        endpoint: Endpoint::Tcp { address: address.to_owned(), port: 2376 },
        ..host.spec.clone()
    };
    let down = bed.plane.host_edit(&admin(), &host.id, moved("down"), None).await.unwrap_err();
    assert_eq!(down.code, Code::HostTcp);
    let plain = bed.plane.host_edit(&admin(), &host.id, moved("no-tls"), None).await.unwrap_err();
    assert_eq!(plain.code, Code::HostNoTls);
    bed.claim(&host, "one").await;
    let other = bed.plane.host_edit(&admin(), &host.id, moved("engine-b"), None).await.unwrap_err();
    assert_eq!((other.code, other.field.as_deref()), (Code::HostOtherEngine, Some("address")));
    let chain = ChainName::parse("one").unwrap();
    bed.plane.services.store.release_block(&host.id, &chain).await.unwrap();
    bed.plane.host_edit(&admin(), &host.id, moved("engine-b"), None).await.unwrap();
}

#[tokio::test]
async fn credentials_are_sealed_used_and_never_shown() {
    let bed = Bed::new().await;
    let host = bed.remote("far", "engine-a").await.unwrap();
    let services = &bed.plane.services;
    let short = RegistryCredentials { password: String::new(), ..registry() };
    let error = bed.plane.host_registry_set(&admin(), &host.id, short).await.unwrap_err();
    assert_eq!((error.code, error.field.as_deref()), (Code::FieldMissing, Some("password")));
    let shown = bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap();
    assert_eq!(shown.registries, ["registry.example:5000"]);
    for text in [format!("{shown:?}"), serde_json::to_string(&shown).unwrap()] {
        assert!(!text.contains("top-secret"), "{text}");
    }
    let found =
        services.pull_credentials(&host.id, "registry.example:5000/team/basic:1").await.unwrap().unwrap();
    assert_eq!((found.username.as_str(), found.password.as_str()), ("ada", "top-secret-password"));
    assert!(services.pull_credentials(&host.id, "registry.example/team/basic:1").await.unwrap().is_none());
    assert!(services.pull_credentials(&host.id, "hyperledger/fabric-peer:2.5").await.unwrap().is_none());
    let stored = services.store.secret_list_prefix(&format!("host/{}/", host.id)).await.unwrap();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|s| !String::from_utf8_lossy(&s.sealed).contains("top-secret")));
    let shown = bed.plane.host_registry_remove(&admin(), &host.id, "registry.example:5000").await.unwrap();
    assert!(shown.registries.is_empty());
    bed.plane.host_registry_set(&admin(), &host.id, registry()).await.unwrap();
    bed.plane.host_remove(&admin(), &host.id).await.unwrap();
    assert!(services.store.secret_list_prefix("host/").await.unwrap().is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_test_names_the_stage_and_the_host_that_was_down_comes_back() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let view = bed.plane.host_test(&caller(Role::Operator), &host.id).await.unwrap();
    assert_eq!((view.passed.len(), view.failed), (6, None));
    bed.local.cut_off();
    let view = bed.plane.host_test(&admin(), &host.id).await.unwrap();
    let (stage, error) = view.failed.unwrap();
    assert_eq!((stage, error.code, view.passed), (ProbeStage::Tcp, Code::HostTcp, vec![ProbeStage::Address]));
    let probe =
        bed.plane.host_probe(&admin(), remote_spec("far", "no-tls"), Some(credentials())).await.unwrap();
    let (stage, error) = probe.failed.unwrap();
    assert_eq!((stage, error.code), (ProbeStage::Tls, Code::HostNoTls));
    let plain = bed.plane.host_probe(&admin(), remote_spec("far", "engine-a"), None).await.unwrap_err();
    assert_eq!((plain.code, plain.field.as_deref()), (Code::HostPlainTcp, Some("ca_pem")));
    let refused = bed.plane.host_test(&caller(Role::User), &host.id).await.unwrap_err();
    assert_eq!(refused.code, Code::NotAllowed);
}

#[tokio::test]
async fn three_tries_decide_that_a_host_is_inactive() {
    let bed = Bed::with_clock(Arc::new(NoWait)).await;
    let host = bed.host().await;
    let calls =
        || bed.local.calls().iter().filter(|(verb, _)| *verb == agents::simulated::Verb::Probe).count();
    let state = async || bed.plane.host_read(&admin(), &host.id).await.unwrap().status;
    assert_eq!(state().await.state, HostState::Active);
    bed.local.cut_off();
    let before = calls();
    let mut changes = bed.plane.changes();
    bed.plane.reconcile_hosts().await;
    assert_eq!(calls() - before, 3);
    let status = state().await;
    assert_eq!((status.state, status.reason.map(|why| why.code)), (HostState::Inactive, Some(Code::HostTcp)));
    assert!(status.last_seen_ms.is_some() && status.facts.is_some(), "what was known is kept");
    assert_eq!(changes.recv().await.unwrap().noun, "host");
    bed.local.heal();
    let before = calls();
    bed.plane.reconcile_hosts().await;
    assert_eq!(calls() - before, 1);
    assert_eq!(state().await.state, HostState::Active);
    assert_eq!(state().await.reason, None);
}

#[tokio::test]
async fn rules_and_approvals_decide_which_images_users_run() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let record = async || bed.plane.host_record(&host.id).await.unwrap();
    let check = async |role, image: &str| {
        let record = record().await;
        bed.plane.chaincode_image_check(&caller(role), &record, image).await.map_err(|error| error.code)
    };
    bed.local.add_image("heddle.local/mine:1");
    bed.local.add_image_with_volumes("heddle.local/keeps:1", &["/var/left"]);
    let sample = "heddle.local/chaincode-example02:1";
    assert_eq!(check(Role::User, sample).await, Ok(()));
    assert_eq!(check(Role::User, "heddle.local/mine:1").await, Err(Code::ImageOutsideRules));
    assert_eq!(check(Role::Operator, "heddle.local/mine:1").await, Ok(()));
    let asked = check(Role::User, "heddle.local/mine:1").await;
    assert_eq!(asked, Err(Code::ImageOutsideRules), "a question approves nothing");
    bed.plane.host_image_approve(&caller(Role::Operator), &host.id, "heddle.local/mine:1").await.unwrap();
    assert_eq!(check(Role::User, "heddle.local/mine:1").await, Ok(()));
    assert_eq!(check(Role::Admin, "heddle.local/keeps:1").await, Err(Code::ImageHasVolumes));
    assert_eq!(check(Role::User, "registry.example/team/cc:1").await, Err(Code::ImageOutsideRules));
    let mut spec = host.spec.clone();
    spec.image_rules = vec!["registry.example/team/".to_owned()];
    bed.plane.host_edit(&admin(), &host.id, spec, None).await.unwrap();
    assert_eq!(check(Role::User, "registry.example/team/cc:1").await, Ok(()));
    assert_eq!(check(Role::User, "registry.example/team-2/cc:1").await, Err(Code::ImageOutsideRules));
}

#[tokio::test]
async fn images_are_prepared_by_an_operation_and_shown() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let wanted = "hyperledger/fabric-peer:2.5.0";
    let images = bed.plane.host_images(&caller(Role::Operator), &host.id).await.unwrap();
    let state = |images: &[domain::host::ImageView], name: &str| {
        images.iter().find(|image| image.reference == name).map(|image| image.state.clone())
    };
    let names: Vec<&str> = images.iter().map(|image| image.reference.as_str()).collect();
    let pullable = names.iter().find(|name| name.starts_with("hyperledger/fabric-peer:2.5")).copied();
    let pullable = pullable.unwrap_or(wanted).to_owned();
    assert_eq!(state(&images, &pullable), Some(domain::host::ImageState::Missing));
    let local = images.iter().find(|image| image.reference.starts_with("heddle.local/fabric-peer")).unwrap();
    assert_eq!(local.state, domain::host::ImageState::MissingLocal);
    bed.local.offer_image(&pullable);
    let operator = caller(Role::Operator);
    let refused = bed.plane.host_prepare(&operator, &host.id, Some("evil/miner:1".to_owned())).await;
    assert_eq!(refused.unwrap_err().code, Code::ImageOutsideRules);
    let operation = bed.plane.host_prepare(&operator, &host.id, Some(pullable.clone())).await.unwrap();
    let ended = bed.settled(&operation).await;
    assert_eq!(ended.summary.state, OperationState::Done, "{:?}", ended.failure);
    let images = bed.plane.host_images(&operator, &host.id).await.unwrap();
    assert!(matches!(
        state(&images, &pullable),
        Some(domain::host::ImageState::Present { local_only: false, .. })
    ));
}

/// An archive with one image; what is in its layer does not matter here.
pub(crate) fn image_archive(name: &str, volumes: bool) -> Vec<u8> {
    let volumes = if volumes { "{\"/var/left\":{}}" } else { "null" };
    let config = format!("{{\"architecture\":\"amd64\",\"config\":{{\"Volumes\":{volumes}}}}}");
    let list = format!("[{{\"Config\":\"c.json\",\"RepoTags\":[\"{name}\"],\"Layers\":[\"l.tar\"]}}]");
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in [("l.tar", name), ("c.json", &config), ("manifest.json", &list)] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(u64::try_from(content.len()).unwrap());
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test]
async fn an_uploaded_image_is_checked_loaded_and_approved() {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let upload = async |role, bytes: Vec<u8>| {
        let stream = futures::stream::iter([Ok(bytes)]);
        let views = bed.plane.host_image_upload(&caller(role), &host.id, stream).await;
        views.map(|views| views[0].purpose).map_err(|error| error.code)
    };
    use domain::host::ImageUse;
    let mine = image_archive("heddle.local/mine:1", false);
    assert_eq!(upload(Role::User, mine.clone()).await, Err(Code::NotAllowed));
    assert_eq!(upload(Role::Operator, mine.clone()).await, Ok(ImageUse::Chaincode));
    let record = bed.plane.host_record(&host.id).await.unwrap();
    let user = caller(Role::User);
    bed.plane.chaincode_image_check(&user, &record, "heddle.local/mine:1").await.unwrap();
    let keeps = image_archive("heddle.local/keeps:1", true);
    assert_eq!(upload(Role::Operator, keeps).await, Err(Code::ImageHasVolumes));
    assert_eq!(bed.local.image("heddle.local/keeps:1").await.unwrap(), None, "the engine never saw it");
    // Node images may declare volumes; they are not approved for chaincode.
    let peer = "heddle.local/fabric-peer:2.5.0";
    assert_eq!(upload(Role::Operator, image_archive(peer, true)).await, Ok(ImageUse::Peer));
    assert!(bed.plane.services.approved(&host.id).await.unwrap().iter().all(|image| image.reference != peer));
    assert_eq!(upload(Role::Operator, image_archive(peer, false)).await, Err(Code::ImageTagTaken));
    assert_eq!(upload(Role::Operator, b"not an archive".to_vec()).await, Err(Code::ImageArchiveBroken));
    let hostile = String::from_utf8(mine).unwrap().replacen("l.tar", "../ar", 1).into_bytes();
    assert!(matches!(
        upload(Role::Operator, hostile).await,
        Err(Code::ImageArchiveHostile | Code::ImageArchiveBroken)
    ));
}

//! Hosts that do not answer, that are changed, and that take their time: what the reconcilers and pages make of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agents::simulated::{Delay, SimulatedAgent, Verb};
use agents::{Agent, NodeState};
use control::operations::chaincode_deploy::ChaincodeDeploy;
use control::services::Connector;
use domain::Code;
use domain::chain::{ChainState, Health, NodeResources};
use domain::host::{Endpoint, HostSpec, HostState, HostStatus};
use domain::id::{HostId, UserId};
use domain::list::ListQuery;
use domain::name::{ChainName, ChannelName, HostName, OrganizationName, TemplateName};
use domain::node::NodeKind;
use domain::permission::Role;
use store::{ChainRecord, ChannelRecord, HostRecord};

use crate::bed::{Bed, always, person};
use crate::reconcile::{health, node, running, state};
use crate::{caller, plane};

/// Liberal: what is waited for comes within seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until a condition holds.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Knows two hosts by their names: one that never answers, and the bed's own.
fn with_silent_host(bed: &Bed) -> Connector {
    let silent: Delay = Arc::new(|_| Box::pin(std::future::pending()));
    let (silent, own) = (SimulatedAgent::new().with_delay(silent), bed.agent.clone());
    Arc::new(move |spec, _| {
        let agent: Arc<dyn Agent> =
            Arc::new(if spec.name.as_str() == "far" { &silent } else { &own }.clone());
        Ok(agent)
    })
}

#[tokio::test]
async fn a_host_that_never_answers_holds_up_no_other() {
    let bed = running().await;
    let store = &bed.services.store;
    let far = HostId::new("host0002");
    let spec = HostSpec {
        endpoint: Endpoint::Tcp { address: "far.example".to_owned(), port: 2376 },
        bind_address: "0.0.0.0".to_owned(),
        ..HostSpec::local(HostName::parse("far").unwrap(), "")
    };
    let record = HostRecord { id: far.clone(), spec, status: HostStatus::default(), created_ms: 0 };
    store.host_create(&record, None).await.unwrap();
    let chain = store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
    // More than are looked at side by side.
    for number in 0..20 {
        let name = ChainName::parse(&format!("far{number}")).unwrap();
        store.chain_create(&ChainRecord { name, host: far.clone(), ..chain.clone() }).await.unwrap();
    }
    let driver = plane(bed.services_by(with_silent_host(&bed))).run();
    let peer = node(&bed, "peer0-org1");
    for _ in 0..2 {
        bed.agent.kill(&peer, 137).unwrap();
        until("the node is back", async || state(&bed.agent, &peer).await == NodeState::Running).await;
    }
    until("the host's own status is told", async || {
        let host = store.host_read(&bed.host).await.unwrap().unwrap();
        host.status.last_seen_ms.is_some()
    })
    .await;
    drop(driver);
}

#[tokio::test]
async fn a_host_that_was_changed_is_watched_as_it_is_now() {
    let bed = running().await;
    let (before, is_changed) = (SimulatedAgent::new(), Arc::new(AtomicBool::new(false)));
    let (old, new, changed) = (before.clone(), bed.agent.clone(), is_changed.clone());
    let connector: Connector = Arc::new(move |_, _| {
        let agent: Arc<dyn Agent> =
            Arc::new(if changed.load(Ordering::Relaxed) { &new } else { &old }.clone());
        Ok(agent)
    });
    let services = bed.services_by(connector);
    let driver = plane(services.clone()).run();
    until("it is watched", async || before.watchers() == 1).await;
    assert_eq!(bed.agent.watchers(), 0);
    is_changed.store(true, Ordering::Relaxed);
    services.forget_agent(&bed.host);
    until("it is watched anew", async || bed.agent.watchers() == 1).await;
    until("nobody watches what it was", async || before.watchers() == 0).await;
    drop(driver);
}

#[tokio::test]
async fn pages_hear_of_a_node_that_is_well_or_not_any_more() {
    let bed = running().await;
    let services = bed.services_by(always(bed.agent.clone()));
    let driver = plane(services.clone()).run();
    until("it is watched", async || bed.agent.watchers() == 1).await;
    // From here on no round has anything to tell.
    until("it was looked at", async || health(&bed).await.0 == Health::Ok).await;
    let mut changes = services.changes();
    bed.agent.turn(&bed.node("peer0-org1"));
    let told = async {
        while changes
            .recv()
            .await
            .is_ok_and(|changed| (changed.noun, changed.id.as_str()) != ("chain", "demo"))
        {}
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    drop(driver);
}

#[tokio::test]
async fn an_agent_made_of_what_a_host_was_is_not_kept() {
    let bed = running().await;
    let held: Arc<std::sync::Mutex<Option<Arc<control::services::Services>>>> = Arc::default();
    let (inside, id, own) = (held.clone(), bed.host.clone(), bed.agent.clone());
    let made = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = made.clone();
    let connector: Connector = Arc::new(move |_, _| {
        // The host is changed between being read and being reached, the first time.
        if count.fetch_add(1, Ordering::Relaxed) == 0
            && let Some(services) = inside.lock().unwrap().as_ref()
        {
            services.forget_agent(&id);
        }
        let agent: Arc<dyn Agent> = Arc::new(own.clone());
        Ok(agent)
    });
    let services = bed.services_by(connector);
    *held.lock().unwrap() = Some(services.clone());
    for made_by_now in [1, 2, 2] {
        services.agent(&bed.host).await.unwrap();
        assert_eq!(made.load(Ordering::Relaxed), made_by_now);
    }
    held.lock().unwrap().take();
}

#[tokio::test]
async fn a_look_that_a_change_of_the_host_overtook_is_not_stored() {
    let bed = running().await;
    let held: Arc<std::sync::Mutex<Option<Arc<control::services::Services>>>> = Arc::default();
    let (inside, id) = (held.clone(), bed.host.clone());
    let delay: Delay = Arc::new(move |verb| {
        // Its credentials are changed while it is asked.
        if verb == Verb::Probe
            && let Some(services) = inside.lock().unwrap().as_ref()
        {
            services.forget_agent(&id);
        }
        Box::pin(std::future::ready(()))
    });
    let services = bed.services_with(delay);
    *held.lock().unwrap() = Some(services.clone());
    let status = async || services.store.host_read(&bed.host).await.unwrap().unwrap().status;
    let (before, plane) = (status().await, plane(services.clone()));
    plane.reconcile().await;
    assert_eq!(status().await, before);
    held.lock().unwrap().take();
    plane.reconcile().await;
    assert_ne!(status().await, before);
}

#[tokio::test]
async fn what_a_node_uses_is_told_when_it_is_known() {
    let bed = running().await;
    let is_slow = Arc::new(AtomicBool::new(true));
    let slow = is_slow.clone();
    let delay: Delay = Arc::new(move |verb| {
        let (late, slow) = (verb == Verb::Stats && slow.load(Ordering::Relaxed), slow.clone());
        Box::pin(async move {
            if late {
                tokio::time::sleep(Duration::from_millis(500)).await;
                slow.store(false, Ordering::Relaxed);
            }
        })
    });
    let plane = plane(bed.services_with(delay));
    let (ann, name) = (caller("ann", Role::Operator), bed.chain_spec().name);
    let mut changes = plane.changes();
    let view = plane.chain_read(&ann, &name).await.unwrap();
    assert!(view.nodes.iter().all(|node| node.memory_bytes.is_none()));
    let told = tokio::time::timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
    assert_eq!((told.noun, told.id.as_str()), ("chain", name.as_str()));
    until("all nodes have figures", async || {
        let view = plane.chain_read(&ann, &name).await.unwrap();
        view.nodes.iter().all(|node| node.memory_bytes.is_some())
    })
    .await;
    // One that is slow later on, too, takes no figures away.
    is_slow.store(true, Ordering::Relaxed);
    let view = plane.chain_read(&ann, &name).await.unwrap();
    assert!(view.nodes.iter().all(|node| node.memory_bytes.is_some()));
}

#[tokio::test]
async fn what_the_containers_of_a_chaincode_use_is_told_too() {
    let bed = running().await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    let plane = plane(bed.services.clone());
    let (ann, name) = (caller("ann", Role::Operator), bed.chain_spec().name);
    until("the containers of both organizations have figures", async || {
        let view = plane.chain_read(&ann, &name).await.unwrap();
        let chaincode = view.nodes.iter().filter(|node| node.kind == NodeKind::Chaincode);
        let figures = chaincode.map(|node| node.cpu_milli.is_some() && node.memory_bytes > Some(0));
        figures.collect::<Vec<_>>() == [true, true]
    })
    .await;
}

#[tokio::test]
async fn every_channel_counts_for_a_chains_health() {
    let bed = running().await;
    let plane = plane(bed.services.clone());
    let second = ChannelName::parse("second").unwrap();
    let organizations = bed.chain_spec().organizations.into_iter().map(|one| one.name).collect();
    let record = ChannelRecord { name: second, organizations, created_ms: 0 };
    bed.services.store.channel_put(&bed.chain_spec().name, &record).await.unwrap();
    plane.reconcile().await;
    assert_eq!(
        health(&bed).await,
        (Health::Degraded, vec!["orderer0: node-not-in-channel channel=second".to_owned()])
    );
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn a_chain_is_shown_at_the_address_that_its_clients_use_now() {
    let bed = running().await;
    let plane = plane(bed.services.clone());
    let (ada, name) = (caller("ada", Role::Admin), bed.chain_spec().name);
    let host = bed.services.store.host_read(&bed.host).await.unwrap().unwrap();
    let spec = HostSpec { client_address: "moved.example".to_owned(), ..host.spec };
    plane.host_edit(&ada, &bed.host, spec, None).await.unwrap();
    let view = plane.chain_read(&ada, &name).await.unwrap();
    let shown: Vec<_> = view.nodes.iter().flat_map(|node| &node.endpoints).collect();
    assert!(!shown.is_empty() && shown.iter().all(|(_, at)| at.starts_with("moved.example:")), "{shown:?}");
    let organization = OrganizationName::parse("org1").unwrap();
    let profile = plane.connection_profile(&ada, &name, &organization).await.unwrap();
    let peers = profile["peers"].as_object().unwrap();
    assert!(!peers.is_empty());
    for (domain_name, peer) in peers {
        assert!(peer["url"].as_str().unwrap().starts_with("grpcs://moved.example:"), "{peer}");
        // The certificate does not have that address: it is checked by the name that it has.
        assert_eq!(peer["grpcOptions"]["ssl-target-name-override"].as_str(), Some(domain_name.as_str()));
    }
    bed.check_chain(ChainState::Running).await.unwrap();
}

#[tokio::test]
async fn how_full_a_host_is_tells_what_is_known_and_nothing_else() {
    let bed = running().await;
    let (plane, store) = (plane(bed.services.clone()), &bed.services.store);
    let (ann, plan) = (caller("ann", Role::Operator), bed.plan().await.unwrap());
    let full = async || plane.host_capacity(&ann, &bed.host).await.unwrap();
    let before = full().await;
    assert_eq!((before.cpu_milli.has, before.memory_mib.has, before.disk_free_mib), (None, None, None));
    assert_eq!((before.state, before.used), (HostState::Unknown, None), "nobody has looked at it yet");
    let nodes = u64::try_from(plan.nodes.len()).unwrap();
    let memory = nodes * u64::from(plan.resources.memory_mib);
    let limits = (before.cpu_milli.limits, before.memory_mib.limits, u64::from(before.nodes));
    assert_eq!(limits, (nodes * u64::from(plan.resources.cpu_milli), memory, nodes));
    assert_eq!((before.held, before.free, before.owned, before.others), (1, 0, 0, 1));
    // What one node was given of its own counts in place of what the chain gives.
    let resized = NodeResources { cpu_milli: plan.resources.cpu_milli, memory_mib: 1_024 };
    let larger = plan.clone().with_resources(&plan.nodes[0].name, Some(resized));
    let name = bed.chain_spec().name;
    store.chain_plan_save(&name, serde_json::to_value(&larger).unwrap()).await.unwrap();
    plane.reconcile().await;
    store.chain_pool_enter(&name, &TemplateName::parse("small").unwrap()).await.unwrap();
    // The host tells what a node uses when it has measured it.
    let running = u32::try_from(plan.nodes.len()).unwrap();
    until("every node is measured", async || full().await.used.is_some_and(|used| used.measured == running))
        .await;
    let now = full().await;
    assert_eq!((now.held, now.free, now.owned, now.others), (1, 1, 0, 0));
    let limits = memory - u64::from(plan.resources.memory_mib) + 1_024;
    assert_eq!((now.memory_mib.limits, now.cpu_milli.has), (limits, Some(8_000)));
    let used = now.used.unwrap();
    assert_eq!((used.running, used.cpu_milli), (running, u64::from(running)));
    assert!(used.memory_mib > 0 && used.memory_mib < memory, "{used:?}");
    person(store, "uma", Role::User).await;
    store.pool_give(&name, &UserId::new("uma"), 1, None).await.unwrap().unwrap();
    let page = plane.host_capacity_page(&ann, ListQuery::default()).await.unwrap();
    let [row] = page.rows.as_slice() else { panic!("{page:?}") };
    assert_eq!((row.free, row.owned, row.others, row.used), (0, 1, 0, None));
    let uma = caller("uma", Role::User);
    assert_eq!(plane.host_capacity(&uma, &bed.host).await.unwrap_err().code, Code::NotAllowed);
    assert_eq!(
        plane.host_capacity_page(&uma, ListQuery::default()).await.unwrap_err().code,
        Code::NotAllowed
    );
    let gone = plane.host_capacity(&ann, &HostId::new("gone")).await.unwrap_err();
    assert_eq!(gone.code, Code::NotFound);
}

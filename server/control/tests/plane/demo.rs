//! The demonstration chain: it goes to a host that takes it, the local engine before others, and says why none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agents::Agent;
use agents::simulated::SimulatedAgent;
use control::ControlPlane;
use control::host::built::BeingBuilt;
use control::services::Connector;
use domain::Code;
use domain::host::{Endpoint, HostSpec, HostState, HostStatus};
use domain::id::HostId;
use domain::name::{ChainName, HostName};
use domain::operation::OperationState;
use domain::permission::Role;
use store::{HostRecord, Store};

use crate::bed::{Bed, always};
use crate::deploy::settled;
use crate::{caller, plane};

/// Too little for any node.
const NO_MEMORY: Option<u64> = Some(1 << 20);

/// A portal with two hosts: the bed's own, which is local, and one far away that was there before.
pub async fn two_hosts() -> (Bed, HostId, SimulatedAgent, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (far, agent) = (HostId::new("host0002"), SimulatedAgent::new());
    let spec = HostSpec {
        endpoint: Endpoint::Tcp { address: "far.example".to_owned(), port: 2376 },
        bind_address: "0.0.0.0".to_owned(),
        ..HostSpec::local(HostName::parse("far").unwrap(), "")
    };
    for image in spec.images.peer.iter().chain(&spec.images.orderer).chain(&spec.images.sample) {
        agent.add_image(&image.replace("{version}", "2.5.0"));
    }
    bed.network.add_host(far.clone(), agent.clone());
    let status = HostStatus { state: HostState::Active, ..HostStatus::default() };
    let record = HostRecord { id: far.clone(), spec, status, created_ms: 0 };
    bed.services.store.host_create(&record, None).await.unwrap();
    let (own, other) = (bed.agent.clone(), agent.clone());
    let connector: Connector = Arc::new(move |spec, _| {
        let agent: Arc<dyn Agent> = Arc::new(if spec.name.as_str() == "far" { &other } else { &own }.clone());
        Ok(agent)
    });
    let plane = plane(bed.services_by(connector));
    (bed, far, agent, plane)
}

/// Asks for a demonstration; the host that it went to.
async fn demo(bed: &Bed, plane: &ControlPlane, key: &str) -> Result<HostId, Code> {
    let ada = caller("ada", Role::Admin);
    let id = plane.chain_demo(&ada, format!("key-of-{key}")).await.map_err(|error| error.code)?;
    settled(plane, &id).await;
    let chains = bed.services.store.chain_list().await.unwrap();
    Ok(chains.into_iter().max_by_key(|chain| chain.name.clone()).unwrap().host)
}

/// What a look at a host came to.
pub async fn saw(bed: &Bed, host: &HostId, status: &HostStatus) {
    let store = &bed.services.store;
    let spec = store.host_read(host).await.unwrap().unwrap().spec;
    store.host_status_save(host, &spec, status, 1).await.unwrap();
}

#[tokio::test]
async fn the_local_engine_comes_first_and_a_host_that_does_not_answer_not_at_all() {
    let (bed, far, _, plane) = two_hosts().await;
    assert_eq!(demo(&bed, &plane, "first").await, Ok(bed.host.clone()));
    let gone = HostStatus { state: HostState::Inactive, ..HostStatus::default() };
    saw(&bed, &bed.host, &gone).await;
    assert_eq!(demo(&bed, &plane, "second").await, Ok(far.clone()));
    saw(&bed, &far, &gone).await;
    assert_eq!(demo(&bed, &plane, "third").await, Err(Code::HostUnreachable));
}

#[tokio::test]
async fn what_fails_the_pre_flight_of_one_host_is_made_on_another_or_said() {
    let (bed, far, agent, plane) = two_hosts().await;
    bed.agent.set_resources(NO_MEMORY, None);
    assert_eq!(demo(&bed, &plane, "first").await, Ok(far));
    agent.set_resources(NO_MEMORY, None);
    assert_eq!(demo(&bed, &plane, "second").await, Err(Code::MemoryLow));
    // The same click again is what it was.
    assert!(demo(&bed, &plane, "first").await.is_ok());
    let audit = plane.audit_list(&caller("ada", Role::Admin), None).await.unwrap();
    let clicks = audit.iter().rev().filter(|row| row.what == "chain-demo");
    let objects: Vec<&str> = clicks.map(|row| row.object.as_str()).collect();
    let chain = objects[0];
    assert!(chain.starts_with("chain/"), "{objects:?}");
    assert_eq!(objects, [chain, "chain", chain], "each names the chain that was made, if one was");
    let second = ChainName::parse("demo-2").unwrap();
    assert!(bed.services.store.chain_read(&second).await.unwrap().is_none());
}

#[tokio::test]
async fn who_begins_while_images_are_built_waits_for_them() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let bare = SimulatedAgent::new();
    bed.network.add_host(bed.host.clone(), bare.clone());
    let images = bed.services.store.host_read(&bed.host).await.unwrap().unwrap().spec.images;
    let names = [images.peer, images.orderer, images.sample].concat();
    let names: Vec<String> = names.iter().map(|name| name.replace("{version}", "2.5.0")).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images");
    std::fs::write(&file, names.join("\n")).unwrap();
    // They are there after some looks of the portal, and the file is gone.
    let (looks, built, told) = (Arc::new(AtomicU32::new(0)), bare.clone(), file.clone());
    let agent = bare.with_delay(Arc::new(move |_| {
        if looks.fetch_add(1, Ordering::Relaxed) == 50 {
            names.iter().for_each(|name| built.add_image(name));
            std::fs::remove_file(&told).unwrap();
        }
        Box::pin(async {})
    }));
    let services = Arc::into_inner(bed.services_by(always(agent))).unwrap();
    let plane = plane(Arc::new(services.with_built(BeingBuilt::told_by(Some(file)))));
    let ada = caller("ada", Role::Admin);
    let id = plane.chain_demo(&ada, "a-first-click".to_owned()).await.unwrap();
    let ended = settled(&plane, &id).await;
    assert_eq!(ended.summary.state, OperationState::Done, "{:?}", ended.failure);
    assert!(ended.events.iter().any(|event| event.text.contains("which is being built")));
}

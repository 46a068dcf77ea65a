//! Templates and the pools that are filled from them: partial failure by row, keeping full, pauses by the clock, cleaning
//! what is free, and resetting without touching what is anybody's.

use std::sync::Arc;

use agents::simulated::{Delay, SimulatedAgent};
use agents::{Agent, NodeRef, SpaceSpec};
use control::ControlPlane;
use control::network::simulated::Ailment;
use domain::Code;
use domain::host::HostSpec;
use domain::host::pool::{HostPoolView, PoolRow};
use domain::id::{HostId, OperationId, UserId};
use domain::name::{ChainName, HostName, TemplateName};
use domain::operation::OperationState;
use domain::permission::Role;
use store::{ChainRecord, HostRecord, Store};

use crate::bed::Bed;
use crate::deploy::settled;
use crate::{caller, plane};

const MINUTE_MS: u64 = 60_000;

fn ada() -> control::caller::Caller {
    caller("ada", Role::Admin)
}

fn small() -> TemplateName {
    TemplateName::parse("small").unwrap()
}

fn name(text: &str) -> ChainName {
    ChainName::parse(text).unwrap()
}

/// A portal whose host says something else than usual.
async fn portal(change: impl Fn(&mut HostSpec)) -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    changed(&bed, change).await;
    let plane = plane(bed.services.clone());
    (bed, plane)
}

async fn changed(bed: &Bed, change: impl Fn(&mut HostSpec)) {
    let store = &bed.services.store;
    let mut spec = store.host_read(&bed.host).await.unwrap().unwrap().spec;
    change(&mut spec);
    store.host_update(&bed.host, &spec, None, |_| Ok::<(), ()>(())).await.unwrap().unwrap();
    store.host_autofill_save(&bed.host, spec.autofill.as_ref()).await.unwrap();
}

async fn pool(bed: &Bed, plane: &ControlPlane) -> HostPoolView {
    plane.host_pool(&ada(), &bed.host).await.unwrap()
}

/// Fills the host and waits.
async fn fill(bed: &Bed, plane: &ControlPlane, count: Option<u16>) -> Vec<PoolRow> {
    let id = plane.host_fill(&ada(), &bed.host, &small(), count).await.unwrap();
    assert_eq!(settled(plane, &id).await.summary.state, OperationState::Done);
    let last = pool(bed, plane).await.last.unwrap();
    assert_eq!((last.operation, last.name.as_str()), (id, "pool-fill"));
    last.rows
}

/// One round of the reconcilers, and the end of what it began; the newest operation on the pool.
async fn round(bed: &Bed, plane: &ControlPlane) -> Option<OperationId> {
    plane.reconcile().await;
    let last = pool(bed, plane).await.last?.operation;
    settled(plane, &last).await;
    Some(last)
}

fn codes(rows: &[PoolRow]) -> Vec<&str> {
    rows.iter().filter_map(|row| row.failure.as_ref()).map(|failure| failure.code.as_str()).collect()
}

async fn chains(bed: &Bed) -> Vec<String> {
    let chains = bed.services.store.chains_on(&bed.host).await.unwrap();
    chains.into_iter().map(|chain| chain.name.to_string()).collect()
}

/// Makes a chain somebody's.
async fn give(bed: &Bed, chain: &str, user: &str) {
    let store = &bed.services.store;
    let record = store.chain_read(&name(chain)).await.unwrap().unwrap();
    store.chain_delete(&record.name).await.unwrap();
    store.chain_create(&ChainRecord { owner: Some(UserId::new(user)), ..record }).await.unwrap();
}

/// Forgets a chain, as a database of yesterday does: what is on the host stays.
async fn forget(bed: &Bed, chain: &str) {
    let store = &bed.services.store;
    store.release_block(&bed.host, &name(chain)).await.unwrap();
    store.chain_delete(&name(chain)).await.unwrap();
}

#[tokio::test]
async fn a_host_is_filled_and_what_fails_is_told_in_its_row() {
    // Room for three chains by number, and for two by ports.
    let narrow = |spec: &mut HostSpec| (spec.capacity, spec.port_last) = (3, spec.port_first + 199);
    let (bed, plane) = portal(narrow).await;
    let rows = fill(&bed, &plane, None).await;
    let names: Vec<&str> = rows.iter().map(|row| row.chain.as_str()).collect();
    assert_eq!(names, ["small-1", "small-2", "small-3"]);
    assert_eq!(codes(&rows), [Code::HostPortsUsed.as_text()]);
    assert!(rows.iter().all(|row| row.ended && row.operation.is_some()), "{rows:?}");
    let view = pool(&bed, &plane).await;
    assert_eq!((view.free, view.owned, view.held, view.capacity), (2, 0, 2, 3));
    // What failed has left neither its name nor anything on the host.
    let left = chains(&bed).await;
    assert_eq!(left.len(), 2, "{left:?}");
    for row in rows.iter().filter(|row| row.failure.is_none()) {
        let record = bed.services.store.chain_read(&row.chain).await.unwrap().unwrap();
        assert_eq!(record.pool, Some(small()));
        assert_eq!(bed.services.store.chaincode_list(&row.chain).await.unwrap().len(), 1);
    }
    // Filled again, the row that failed is tried again, under the name that is free.
    changed(&bed, |spec| spec.port_last += 100).await;
    let again = fill(&bed, &plane, None).await;
    assert_eq!((again.len(), codes(&again).len()), (1, 0), "{again:?}");
    let full = plane.host_fill(&ada(), &bed.host, &small(), None).await.unwrap_err();
    assert_eq!(full.code, Code::HostFull);
}

#[tokio::test]
async fn only_as_many_as_are_wanted_are_made() {
    let (bed, plane) = portal(|_| ()).await;
    assert_eq!(fill(&bed, &plane, Some(1)).await.len(), 1);
    assert_eq!(chains(&bed).await, ["small-1"]);
    for count in [0, 11] {
        let refused = plane.host_fill(&ada(), &bed.host, &small(), Some(count)).await.unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (Code::ValueOutOfRange, Some("count")));
    }
}

#[tokio::test]
async fn a_host_that_takes_no_chains_gets_none() {
    let (bed, plane) = portal(|spec| {
        spec.schedulable = false;
        spec.autofill = Some(small());
    })
    .await;
    let refused = plane.host_fill(&ada(), &bed.host, &small(), None).await.unwrap_err();
    assert_eq!(refused.code, Code::HostNotSchedulable);
    let created = plane.chain_create(&ada(), bed.chain_spec(), "key-of-a-chain".to_owned()).await;
    assert_eq!(created.unwrap_err().code, Code::HostNotSchedulable);
    assert_eq!(round(&bed, &plane).await, None);
    changed(&bed, |spec| (spec.schedulable, spec.capacity) = (true, 1)).await;
    assert!(round(&bed, &plane).await.is_some());
    assert_eq!(chains(&bed).await, ["small-1"]);
}

#[tokio::test]
async fn a_host_is_kept_full() {
    let (bed, plane) = portal(|spec| spec.capacity = 1).await;
    assert_eq!(round(&bed, &plane).await, None, "nobody asked for it");
    plane.host_autofill(&ada(), &bed.host, Some(small())).await.unwrap();
    let first = round(&bed, &plane).await.unwrap();
    assert_eq!(pool(&bed, &plane).await.free, 1);
    assert_eq!(round(&bed, &plane).await, Some(first.clone()), "it is full");
    let gone = plane.chain_delete(&ada(), &name("small-1"), "small-1", false).await.unwrap();
    settled(&plane, &gone).await;
    assert_ne!(round(&bed, &plane).await, Some(first));
    assert_eq!(pool(&bed, &plane).await.free, 1);
    let used = plane.template_delete(&ada(), &small()).await.unwrap_err();
    assert_eq!((used.code, used.values["hosts"].as_str()), (Code::TemplateInUse, "here"));
    let off = plane.host_autofill(&ada(), &bed.host, None).await.unwrap();
    assert_eq!(off.autofill, None);
    plane.template_delete(&ada(), &small()).await.unwrap();
}

#[tokio::test]
async fn what_fails_again_and_again_is_tried_less_and_less_often() {
    let (bed, plane) = portal(|spec| {
        (spec.capacity, spec.port_last) = (1, spec.port_first + 99);
        spec.autofill = Some(small());
    })
    .await;
    let first = bed.services.store.host_read(&bed.host).await.unwrap().unwrap().spec.port_first;
    bed.agent.take_port(first + 5);
    let mut last = None;
    for (failures, minutes) in [(1, 1), (2, 2), (3, 4)] {
        let begun = round(&bed, &plane).await;
        assert_ne!(begun, last, "it is tried after the pause");
        last = begun;
        let pause = pool(&bed, &plane).await.pause.unwrap();
        assert_eq!(pause.failures, failures);
        let now = bed.services.clock.now_ms();
        assert!((1..=minutes * 60_000).contains(&(pause.until_ms - now)), "{pause:?} {now}");
        bed.services.clock.sleep(u64::try_from(pause.until_ms - now).unwrap() - 1_000).await;
        assert_eq!(round(&bed, &plane).await, last, "the pause is not over");
        bed.services.clock.sleep(1_001).await;
    }
    changed(&bed, |spec| spec.port_last += 100).await;
    assert_ne!(round(&bed, &plane).await, last);
    let view = pool(&bed, &plane).await;
    assert_eq!((view.free, view.pause), (1, None));
}

#[tokio::test]
async fn a_free_chain_that_stays_unwell_is_made_anew() {
    let (bed, plane) = portal(|_| ()).await;
    fill(&bed, &plane, Some(1)).await;
    let made_by = async || {
        let record = bed.services.store.chain_read(&name("small-1")).await.unwrap();
        record.and_then(|record| record.operation)
    };
    let (before, filled) = (made_by().await, pool(&bed, &plane).await.last.unwrap().operation);
    let sick = NodeRef::new(&bed.services.installation, "small-1", "peer0-org1");
    bed.network.ail(&sick, Some(Ailment::Sick));
    assert_eq!(round(&bed, &plane).await, Some(filled.clone()), "it may get well by itself");
    bed.services.clock.sleep(5 * MINUTE_MS + 1_000).await;
    plane.reconcile().await;
    bed.network.ail(&sick, None);
    let last = pool(&bed, &plane).await.last.unwrap().operation;
    assert_ne!(last, filled);
    assert_eq!(settled(&plane, &last).await.summary.state, OperationState::Done);
    let rows = pool(&bed, &plane).await.last.unwrap().rows;
    assert_eq!((rows.len(), codes(&rows).len()), (2, 0), "{rows:?}");
    let after = made_by().await;
    assert!(after.is_some() && after != before, "{after:?}");
    // The same of one that somebody owns is only shown.
    give(&bed, "small-1", "uma").await;
    bed.network.ail(&sick, Some(Ailment::Sick));
    plane.reconcile().await;
    bed.services.clock.sleep(10 * MINUTE_MS).await;
    assert_eq!(round(&bed, &plane).await, Some(last));
}

#[tokio::test]
async fn what_is_free_is_cleaned_and_what_somebody_owns_stays() {
    let (bed, plane) = portal(|_| ()).await;
    fill(&bed, &plane, Some(3)).await;
    give(&bed, "small-2", "uma").await;
    plane.host_autofill(&ada(), &bed.host, Some(small())).await.unwrap();
    let id = plane.host_clean(&ada(), &bed.host).await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Done);
    assert_eq!(chains(&bed).await, ["small-2"]);
    let view = pool(&bed, &plane).await;
    assert_eq!((view.free, view.owned, view.held, view.autofill), (0, 1, 1, None));
    let rows = view.last.unwrap().rows;
    let names: Vec<&str> = rows.iter().map(|row| row.chain.as_str()).collect();
    assert_eq!((names, codes(&rows).len()), (vec!["small-1", "small-3"], 0), "{rows:?}");
    let objects = bed.agent.objects(&bed.services.installation);
    assert!(objects.iter().all(|object| object.contains("small-2")), "{objects:?}");
}

/// Something of another portal, under the name of a chain of this one.
async fn stranger(agent: &SimulatedAgent) -> Vec<String> {
    let space = SpaceSpec {
        installation: "stranger".to_owned(),
        chain: "small-2".to_owned(),
        operation: "op".to_owned(),
    };
    agent.ensure_space(&space).await.unwrap();
    agent.objects("stranger")
}

#[tokio::test]
async fn a_reset_removes_what_belongs_to_no_chain_and_nothing_else() {
    let (bed, plane) = portal(|_| ()).await;
    fill(&bed, &plane, Some(2)).await;
    let foreign = stranger(&bed.agent).await;
    forget(&bed, "small-2").await;
    // Of this one there are not even nodes any more.
    let ghost = SpaceSpec {
        installation: bed.services.installation.clone(),
        chain: "ghost".to_owned(),
        operation: "op".to_owned(),
    };
    bed.agent.ensure_space(&ghost).await.unwrap();
    let reset = async |typed: &str| plane.host_reset(&ada(), &bed.host, typed).await;
    assert_eq!(reset("there").await.unwrap_err().code, Code::HostNameUnconfirmed);
    give(&bed, "small-1", "uma").await;
    assert_eq!(reset("here").await.unwrap_err().code, Code::HostChainsOwned);
    let owned = bed.services.store.chain_read(&name("small-1")).await.unwrap().unwrap();
    bed.services.store.chain_delete(&owned.name).await.unwrap();
    bed.services.store.chain_create(&ChainRecord { owner: None, ..owned }).await.unwrap();
    let id = reset("here").await.unwrap();
    assert_eq!(settled(&plane, &id).await.summary.state, OperationState::Done);
    let objects = bed.agent.objects(&bed.services.installation);
    assert!(!objects.is_empty() && objects.iter().all(|object| object.contains("small-1")), "{objects:?}");
    assert_eq!(bed.agent.objects("stranger"), foreign);
}

/// A host whose engine never answers: whatever is begun on it stays under way.
fn never() -> Delay {
    Arc::new(|_| Box::pin(std::future::pending::<()>()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_done_to_pools_at_once_than_there_is_room_for() {
    const HOSTS: usize = 8;
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (store, plane) = (&bed.services.store, plane(bed.services_with(never())));
    let first = store.host_read(&bed.host).await.unwrap().unwrap();
    for number in 0..HOSTS {
        let spec = HostSpec::local(
            HostName::parse(&format!("other{number}")).unwrap(),
            &format!("/run/{number}.sock"),
        );
        let record = HostRecord { id: HostId::new(format!("other{number}")), spec, ..first.clone() };
        store.host_create(&record, None).await.unwrap();
    }
    let tries = (0..HOSTS).map(|number| {
        let (plane, name) = (plane.clone(), format!("other{number}"));
        tokio::spawn(async move { plane.host_reset(&ada(), &HostId::new(name.as_str()), &name).await })
    });
    let mut refused = Vec::new();
    for handle in tries.collect::<Vec<_>>() {
        refused.extend(handle.await.unwrap().err().map(|error| error.code));
    }
    assert_eq!(refused, vec![Code::PoolBusy; HOSTS - 4]);
}

#[tokio::test]
async fn everybody_reads_templates_and_admins_write_them() {
    let (_bed, plane) = portal(|_| ()).await;
    let uma = caller("uma", Role::User);
    assert_eq!(plane.template_list(&uma).await.unwrap().len(), 3);
    let mut template = plane.template_read(&uma, &small()).await.unwrap();
    assert_eq!(plane.template_edit(&uma, template.clone()).await.unwrap_err().code, Code::NotAllowed);
    let text = plane.template_export(&uma, &small()).await.unwrap();
    let taken = plane.template_import(&ada(), &text).await.unwrap_err();
    assert_eq!((taken.code, taken.field.as_deref()), (Code::TemplateNameTaken, Some("name")));
    let renamed = text.replace("\"small\"", "\"other\"");
    let imported = plane.template_import(&ada(), &renamed).await.unwrap();
    assert_eq!(imported.name.as_str(), "other");
    // Nobody would come to the page of such a template, nor of such a chain.
    let address = plane.template_import(&ada(), &text.replace("\"small\"", "\"new\"")).await.unwrap_err();
    assert_eq!((address.code, address.field.as_deref()), (Code::NameReserved, Some("name")));
    let spec = template.spec(name("new"), HostId::new("any"));
    let refused = plane.chain_create(&ada(), spec, "key-of-a-chain".to_owned()).await.unwrap_err();
    assert_eq!(refused.code, Code::NameReserved);
    template.orderers = 2;
    let refused = plane.template_edit(&ada(), template.clone()).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::OrdererCountRaft, Some("orderers")));
    template.orderers = 3;
    plane.template_edit(&ada(), template.clone()).await.unwrap();
    assert_eq!(plane.template_read(&uma, &small()).await.unwrap(), template);
    let audit = plane.audit_list(&ada(), None).await.unwrap();
    let edit = audit.iter().find(|row| row.what == "template-edit" && row.result == "ok").unwrap();
    let told: Vec<String> = edit.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["orderers 1→3"]);
}

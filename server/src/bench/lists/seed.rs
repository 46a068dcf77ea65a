//! Rows of every list. Whatever is looked for is true of a part of them that fills more than a page of a thousand.

use std::ops::Range;

use domain::audit::AuditView;
use domain::chain::{ChainState, Health, HealthView};
use domain::host::{HostSpec, HostState, HostStatus};
use domain::id::{HostId, UserId};
use domain::name::{ChainName, HostName, UserName};
use domain::permission::Role;
use domain::user::UserState;
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};
use store::{AuditRecord, ChainRecord, HostRecord, Store, Tenure, UserRecord};
use workflow::{Log, NewOperation, OperationRecord, OperationState, Wanted};

use super::Failed;

/// Most of each kind; of the audit there are as many rows as are asked for.
const HOSTS_MAX: u32 = 1_000;
const CHAINS_MAX: u32 = 10_000;
const PEOPLE_MAX: u32 = 10_000;
const OPERATIONS_MAX: u32 = 10_000;
/// Nodes of a chain.
const NODES: u32 = 10;
/// Chains among which the one who is looked for owns every second.
const OWNED: u32 = 120;
/// Rows that are written side by side.
const AT_ONCE: usize = 16;
/// Records of the audit in one transaction.
const BATCH: u32 = 1_000;
/// The first of January 2026, unix milliseconds.
const BEGIN_MS: i64 = 1_767_225_600_000;
/// Between two records of the audit: a million of them take less than a year.
const PAUSE_MS: i64 = 30_000;

/// Fills an empty database.
pub async fn fill(store: &Store, rows: u32) -> Result<(), Failed> {
    let (hosts, chains) = (rows.clamp(1, HOSTS_MAX), rows.clamp(1, CHAINS_MAX));
    let (people, operations) = (rows.clamp(2, PEOPLE_MAX), rows.min(OPERATIONS_MAX));
    numbers(0..people).try_for_each_concurrent(AT_ONCE, |n| add_person(store, n)).await?;
    numbers(0..hosts).try_for_each_concurrent(AT_ONCE, |n| add_host(store, n)).await?;
    numbers(0..chains).try_for_each_concurrent(AT_ONCE, |n| add_chain(store, n, hosts, people)).await?;
    numbers(0..operations).try_for_each_concurrent(AT_ONCE, |n| add_operation(store, n)).await?;
    let mut from = 1;
    while from <= rows {
        let to = rows.min(from + BATCH - 1);
        store.audit_append((from..=to).map(record).collect()).await?;
        from = to + 1;
    }
    Ok(())
}

fn numbers(range: Range<u32>) -> impl stream::TryStream<Ok = u32, Error = Failed> {
    stream::iter(range.map(Ok::<u32, Failed>))
}

/// The id of a person.
pub fn person_id(name: &str) -> String {
    format!("id-{name}")
}

fn owner(n: u32) -> UserId {
    UserId::new(person_id(&format!("p{n:06}")))
}

async fn add_person(store: &Store, n: u32) -> Result<(), Failed> {
    let role = match n % 8 {
        0 => Role::Operator,
        4 => Role::Admin,
        _ => Role::User,
    };
    let state = if n % 8 == 2 { UserState::Disabled } else { UserState::Active };
    let name = UserName::parse(&format!("p{n:06}"))?;
    let record = UserRecord::new(owner(n), name, role, String::new(), BEGIN_MS + i64::from(n));
    store.user_create(&UserRecord { state, ..record }).await?;
    Ok(())
}

async fn add_host(store: &Store, n: u32) -> Result<(), Failed> {
    let name = format!("h{n:06}");
    let state = if n % 2 == 0 { HostState::Active } else { HostState::Inactive };
    let record = HostRecord {
        id: HostId::new(name.clone()),
        spec: HostSpec::local(HostName::parse(&name)?, &format!("/bench/{name}")),
        status: HostStatus { state, ..HostStatus::default() },
        created_ms: BEGIN_MS + i64::from(n),
    };
    store.host_create(&record, None).await?;
    Ok(())
}

async fn add_chain(store: &Store, n: u32, hosts: u32, people: u32) -> Result<(), Failed> {
    // One host has many chains, like the one who is looked for.
    let host = if n % 8 == 0 { 0 } else { n % hosts };
    let (name, host) = (format!("c{n:06}"), format!("h{host:06}"));
    let version = if n % 4 == 1 { "3.1" } else { "2.5" };
    let spec = json!({
        "name": name, "host": host, "version": version, "consensus": "raft", "orderers": 3,
        "organizations": [{ "name": "org1", "peers": 3 }, { "name": "org2", "peers": 2 }],
        "channel": "mychannel", "batch_timeout_ms": 200,
        "resources": { "cpu_milli": 1000, "memory_mib": 512 },
    });
    let (state, health) = match n % 4 {
        0 => (ChainState::Stopped, Health::Unknown),
        1 => (ChainState::Running, Health::Degraded),
        2 => (ChainState::Failed, Health::Unreachable),
        _ => (ChainState::Running, Health::Ok),
    };
    let owned_by = if n < OWNED { 1 } else { n % people };
    let nodes: Vec<Value> = (0..NODES).map(|node| planned(&name, node)).collect();
    let record = ChainRecord {
        name: ChainName::parse(&name)?,
        spec: serde_json::from_value(spec)?,
        plan: json!({ "nodes": nodes }).into(),
        state,
        health: HealthView { health, ..HealthView::default() },
        owner: (n % 2 == 1).then(|| owner(owned_by)),
        tenure: Tenure::default(),
        host: HostId::new(host),
        created_ms: BEGIN_MS + i64::from(n),
        operation: None,
        pool: None,
    };
    store.chain_create(&record).await?;
    Ok(())
}

/// A node of a plan, about as long as a real one.
fn planned(chain: &str, node: u32) -> Value {
    json!({
        "name": format!("peer{node}-org1"),
        "domain": format!("peer{node}.org1.{chain}"),
        "image": "registry.example/hyperledger/fabric-peer:2.5.0",
        "ports": { "listen": 31_000 + node, "operations": 31_100 + node, "chaincode": 31_200 + node },
        "environment": "-".repeat(400),
    })
}

async fn add_operation(store: &Store, n: u32) -> Result<(), Failed> {
    let at_ms = BEGIN_MS + i64::from(n);
    let operation = OperationRecord {
        id: format!("{n:032x}"),
        name: if n % 4 == 0 { "chain-stop" } else { "chain-create" }.to_owned(),
        version: 1,
        owner: owner(if n % 8 == 5 { 1 } else { n }).to_string(),
        subject: None,
        idempotency_key: None,
        params: json!({}),
        state: if n % 8 == 3 { OperationState::Failed } else { OperationState::Done },
        epoch: 1,
        lease_until_ms: 0,
        replica: None,
        created_ms: at_ms,
        updated_ms: at_ms,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    store.create(NewOperation { operation, steps: Vec::new(), events: Vec::new(), supersede: None }).await?;
    Ok(())
}

fn record(n: u32) -> AuditRecord {
    let who = if n % 8 == 3 { "p000001".to_owned() } else { format!("p{:06}", n % 1_000) };
    let (what, object) = match n % 8 {
        0 => ("host-edit", format!("host/h{:06}", n % 1_000)),
        1 => ("chain-stop", "chain/c000001".to_owned()),
        _ => ("chain-create", format!("chain/c{:06}", n % 1_000)),
    };
    // Seven and eight share no factor: every result meets every action.
    let result = match n % 7 {
        0 => "not-allowed",
        1 => "host-unreachable",
        _ => "ok",
    };
    let user = Some(UserId::new(person_id(&who)));
    let view = AuditView {
        sequence: i64::from(n),
        at_ms: BEGIN_MS + i64::from(n) * PAUSE_MS,
        who,
        what: what.to_owned(),
        object,
        result: result.to_owned(),
        request_id: format!("{n:032x}"),
        address: "192.0.2.1".to_owned(),
        changes: Vec::new(),
    };
    AuditRecord { view, user, hash: format!("{n:064x}") }
}

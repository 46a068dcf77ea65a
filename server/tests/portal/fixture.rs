//! One host, one chain with its nodes and channel, and one operation in the store of a portal that is stopped: what
//! usually needs an engine to come about.

use control::operations::demo_create::default_spec;
use control::topology;
use domain::chain::{ChainState, HealthView};
use domain::host::{HostSpec, HostStatus};
use domain::id::HostId;
use domain::name::{ChainName, HostName, OrganizationName};
use domain::permission::Grant;
use store::{ChainRecord, ChannelRecord, HostRecord, Store};
use workflow::{Created, Log, NewOperation, OperationRecord, OperationState, Wanted};

pub const HOST: &str = "host0001";
pub const CHAIN: &str = "demo";
pub const OPERATION: &str = "0190000000000000000000000000abcd";
/// First port of the chain's block.
const BLOCK: u16 = 31_000;

/// Fills the store and grants somebody the right to manage the chain.
pub async fn fill(store: &Store, friend: &str) {
    let (host, chain) = (HostId::new(HOST), ChainName::parse(CHAIN).unwrap());
    let host_spec = HostSpec::local(HostName::parse("engine").unwrap(), "/nonexistent/engine.sock");
    let record = HostRecord {
        id: host.clone(),
        spec: host_spec.clone(),
        status: HostStatus::default(),
        created_ms: 1,
    };
    store.host_create(&record, None).await.unwrap();
    let spec = default_spec(chain.clone(), host.clone()).unwrap();
    let plan = topology::plan(&spec, &host_spec, BLOCK).unwrap();
    let channel = ChannelRecord {
        name: spec.channel.clone(),
        organizations: vec![OrganizationName::parse("org1").unwrap()],
        created_ms: 1,
    };
    let record = ChainRecord {
        name: chain.clone(),
        spec,
        plan: serde_json::to_value(&plan).unwrap().into(),
        state: ChainState::Stopped,
        health: HealthView::default(),
        owner: None,
        tenure: store::Tenure::default(),
        host: host.clone(),
        created_ms: 1,
        operation: None,
        pool: None,
    };
    store.chain_create(&record).await.unwrap();
    store.claim_block(&host, &chain, &host_spec, &[]).await.unwrap();
    store.channel_put(&chain, &channel).await.unwrap();
    let friend = store.user_by_name(friend).await.unwrap().unwrap();
    store.grant_put(&chain, &friend.id, Grant::Manage).await.unwrap();
    let created = store.create(operation()).await.unwrap();
    assert!(matches!(created, Created::Fresh(_)), "{created:?}");
}

/// A failed operation on the chain: nobody takes it up by itself.
fn operation() -> NewOperation {
    let operation = OperationRecord {
        id: OPERATION.to_owned(),
        name: "chain-stop".to_owned(),
        version: 1,
        owner: "somebody else".to_owned(),
        subject: Some(format!("chain/{CHAIN}")),
        idempotency_key: None,
        params: serde_json::json!({ "chain": CHAIN }),
        state: OperationState::Failed,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: 1,
        updated_ms: 1,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    NewOperation { operation, steps: Vec::new(), events: Vec::new(), supersede: None }
}

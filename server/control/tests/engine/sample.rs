//! The sample on a chain of two organizations, and that chain at rest: what is the same on every kind of host.

use control::node::LogAsked;
use domain::Code;
use domain::chain::ChainState;
use domain::name::{ChaincodeName, ChannelName};
use domain::node::{NodeKind, NodeState};
use domain::transaction::{CallSpec, SubmitView, TransactionState};

use crate::bed::{Portal, organization};

/// A call of the sample in the name of the first organization.
pub fn call(portal: &Portal, function: &str, arguments: &[&str]) -> CallSpec {
    CallSpec {
        chain: portal.name.clone(),
        channel: ChannelName::parse("mychannel").unwrap(),
        chaincode: ChaincodeName::parse("example02").unwrap(),
        organization: organization("org1"),
        function: function.to_owned(),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        transient: Default::default(),
        endorsers: Vec::new(),
        is_init: false,
        idempotency_key: format!("call-{function}-once"),
    }
}

/// Writes, once for each key.
pub async fn submitted(portal: &Portal, key: &str, function: &str, arguments: &[&str]) -> SubmitView {
    let idempotency_key = format!("key-of-{key}");
    let spec = CallSpec { idempotency_key, ..call(portal, function, arguments) };
    portal.plane.transaction_submit(&portal.admin, spec).await.unwrap()
}

/// The same, and every peer has it: the next call is endorsed by both organizations, and a block reaches one of them
/// later than the other.
pub async fn counts(portal: &Portal, key: &str, function: &str, arguments: &[&str]) {
    let done = submitted(portal, key, function, arguments).await;
    assert_eq!(done.state, TransactionState::Valid, "{key}: {done:?}");
    portal.seen_by_all(done.block.unwrap()).await;
}

/// What the chaincode says.
pub async fn says(portal: &Portal, function: &str, arguments: &[&str], expected: &str) {
    let answer = portal.plane.transaction_query(&portal.admin, call(portal, function, arguments)).await;
    let answer = answer.unwrap();
    assert_eq!(answer.text, expected, "{function} {arguments:?}: {answer:?}");
}

/// Each organization's peers have a process of the chaincode, which runs and tells what it prints.
pub async fn is_served(portal: &Portal) {
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let view = plane.chain_read(admin, chain).await.unwrap();
    let servers: Vec<_> = view.nodes.iter().filter(|node| node.kind == NodeKind::Chaincode).collect();
    assert_eq!(servers.len(), 2, "one for each organization: {view:?}");
    for server in servers {
        assert_eq!(server.state, NodeState::Running);
        let asked = LogAsked { tail: 10, follow: false, previous: false };
        plane.node_log_stream(admin, chain, &server.name, asked).await.map(drop).unwrap();
    }
}

/// The chain is stopped and started again.
pub async fn rests(portal: &Portal) {
    let (plane, admin, chain) = (&portal.plane, &portal.admin, &portal.name);
    let running = plane.chain_start(admin, chain).await.unwrap_err();
    assert_eq!(running.code, Code::ChainState, "{running:?}");
    let id = plane.chain_stop(admin, chain).await.unwrap();
    portal.settled(&id).await;
    assert_eq!(plane.chain_read(admin, chain).await.unwrap().summary.state, ChainState::Stopped);
    for refused in [plane.chain_stop(admin, chain).await, plane.chain_restart(admin, chain).await] {
        let stopped = refused.unwrap_err();
        assert_eq!(stopped.code, Code::ChainState, "{stopped:?}");
    }
    let id = plane.chain_start(admin, chain).await.unwrap();
    portal.settled(&id).await;
}

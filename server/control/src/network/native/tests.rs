//! Which connection a call takes, over simulated hosts: nothing listens on their nodes, but they tell who was dialled.

use agents::simulated::{SimulatedAgent, Verb};
use domain::name::ChainName;

use super::*;
use crate::host::tests::{Bed, admin};
use crate::operations::demo_create::default_spec;
use crate::operations::link_of;
use crate::topology;

/// A chain with keys, and the portal that holds them.
async fn bed() -> (Bed, ChainLink) {
    let bed = Bed::new().await;
    let host = bed.host().await;
    let spec = default_spec(ChainName::parse("demo").unwrap(), host.id).unwrap();
    let plan = topology::plan(&spec, &host.spec, host.spec.port_first).unwrap();
    bed.plane.services.issue_chain(&plan).await.unwrap();
    let link = link_of(&bed.plane.services, plan).await.unwrap();
    (bed, link)
}

/// The same chain behind another agent.
fn behind(agent: &SimulatedAgent, link: &ChainLink) -> ChainLink {
    ChainLink { agent: Arc::new(agent.clone()), ..link.clone() }
}

fn dials(agent: &SimulatedAgent) -> usize {
    agent.calls().iter().filter(|(verb, _)| *verb == Verb::Connect).count()
}

#[tokio::test]
async fn a_changed_host_is_reached_by_its_new_agent_and_nothing_leads_to_the_old_one() {
    let (_bed, link) = bed().await;
    let network = NativeNetwork::default();
    let (before, after) = (SimulatedAgent::new(), SimulatedAgent::new());
    let (old, new) = (behind(&before, &link), behind(&after, &link));
    for node in &link.plan.nodes {
        network.healthy(&old, node).await.unwrap_err();
    }
    let dialled = dials(&before);
    assert_eq!((dialled, dials(&after)), (link.plan.nodes.len(), 0));
    network.healthy(&new, &link.plan.nodes[0]).await.unwrap_err();
    assert_eq!((dials(&before), dials(&after)), (dialled, 1));
    assert_eq!(network.connections.lock().unwrap().len(), 1, "what led to the old agent is dropped");
    // The connection of the new agent is one that is kept.
    network.healthy(&new, &link.plan.nodes[0]).await.unwrap_err();
    assert_eq!((dials(&before), dials(&after), network.connections.lock().unwrap().len()), (dialled, 2, 1));
}

#[tokio::test]
async fn a_host_has_one_agent_until_it_is_changed() {
    let (bed, link) = bed().await;
    let (services, id) = (&bed.plane.services, link.plan.host.clone());
    services.forget_agent(&id);
    let (one, other) = tokio::join!(services.agent(&id), services.agent(&id));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(Arc::ptr_eq(&one, &other), "two who ask at the same time get the same one");
    assert!(!Arc::ptr_eq(&one, &link.agent));
    let spec = bed.plane.host_read(&admin(), &id).await.unwrap().spec;
    bed.plane.host_edit(&admin(), &id, spec, None).await.unwrap();
    assert!(!Arc::ptr_eq(&services.agent(&id).await.unwrap(), &one));
}

//! Nodes that get more or less of their host: they keep it whoever makes them anew, what speaks against it is said before
//! anything happens, and what the host refuses leaves the node as it was.

use agents::Agent;
use agents::simulated::{Fault, Verb, When};
use control::ControlPlane;
use control::operations::chain_create::ChainCreate;
use control::operations::chain_start::ChainStart;
use control::operations::chain_stop::ChainStop;
use domain::chain::{ChainState, ChainVerb, NodeResources};
use domain::operation::{OperationState, OperationView};
use domain::permission::Role;
use domain::{Code, Error};
use store::Store;

use crate::bed::Bed;
use crate::deploy::{ada, failure, settled};
use crate::reconcile::running;
use crate::{caller, plane};

const LARGER: NodeResources = NodeResources { cpu_milli: 1_250, memory_mib: 768 };

async fn resized(plane: &ControlPlane, bed: &Bed, node: &str, resources: NodeResources) -> OperationView {
    let (chain, node) = (bed.chain_spec().name, crate::deploy::node(node));
    let id = plane.node_resize(&ada(), &chain, &node, resources).await.unwrap();
    settled(plane, &id).await
}

/// The most memory that a container may have, in MiB.
async fn memory_mib(bed: &Bed, node: &str) -> u64 {
    bed.agent.stats(&bed.node(node)).await.unwrap().memory_limit >> 20
}

/// What the page of a node says of its limits.
async fn shown(plane: &ControlPlane, bed: &Bed, node: &str) -> NodeResources {
    let view = plane.chain_read(&ada(), &bed.chain_spec().name).await.unwrap();
    view.nodes.iter().find(|found| found.name.as_str() == node).unwrap().resources.unwrap()
}

#[tokio::test]
async fn a_node_that_was_resized_keeps_its_size_whoever_makes_it_anew() {
    for node in ["peer0-org1", "orderer0"] {
        let bed = running().await;
        let (plane, name) = (plane(bed.services.clone()), bed.chain_spec().name);
        let of_chain = bed.chain_spec().resources;
        let view = resized(&plane, &bed, node, LARGER).await;
        assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
        bed.check_chain(ChainState::Running).await.unwrap();
        assert_eq!(shown(&plane, &bed, node).await, LARGER);
        assert_eq!(shown(&plane, &bed, "peer0-org2").await, of_chain, "the others stay as they are");
        assert_eq!(memory_mib(&bed, node).await, 768);
        assert_eq!(memory_mib(&bed, "peer0-org2").await, u64::from(of_chain.memory_mib));

        bed.run(ChainStop { chain: name.clone() }).await;
        bed.agent.prune();
        bed.run(ChainStart { chain: name, restart: false }).await;
        assert_eq!(memory_mib(&bed, node).await, 768, "made anew by a start");
        bed.agent.remove_node(&bed.node(node), true).await.unwrap();
        plane.reconcile().await;
        assert_eq!(memory_mib(&bed, node).await, 768, "made anew by the reconciler");
        bed.check_chain(ChainState::Running).await.unwrap();
    }
}

#[tokio::test]
async fn what_speaks_against_a_resize_is_said_before_anything_happens() {
    let bed = running().await;
    let (plane, chain) = (plane(bed.services.clone()), bed.chain_spec().name);
    bed.agent.set_resources(Some(1 << 30), None);
    let of = |cpu_milli, memory_mib| NodeResources { cpu_milli, memory_mib };
    let asked = async |role, node: &str, resources| -> Error {
        let who = caller("ann", role);
        plane.node_resize(&who, &chain, &crate::deploy::node(node), resources).await.unwrap_err()
    };
    let staff = Role::Operator;
    for (resources, code, field) in [
        (bed.chain_spec().resources, Code::ResourcesUnchanged, "cpu_milli"),
        (of(1_100, 512), Code::ResourceStep, "cpu_milli"),
        (of(1_000, 300), Code::ResourceStep, "memory_mib"),
        // The machine has one GiB and eight processors.
        (of(1_000, 1_280), Code::MemoryLow, "memory_mib"),
        (of(8_250, 512), Code::CpusLow, "cpu_milli"),
    ] {
        let error = asked(staff, "peer0-org1", resources).await;
        assert_eq!((error.code, error.field.as_deref()), (code, Some(field)), "{resources:?}");
    }
    assert_eq!(asked(staff, "peer7-org1", LARGER).await.code, Code::NotFound);
    assert_eq!(asked(Role::User, "peer0-org1", LARGER).await.code, Code::NotFound);
    let verbs = plane.chain_read(&caller("ann", staff), &chain).await.unwrap().verbs;
    assert!(verbs.contains(&ChainVerb::Resize), "{verbs:?}");
    bed.run(ChainStop { chain: chain.clone() }).await;
    let error = asked(staff, "peer0-org1", LARGER).await;
    assert_eq!((error.code, error.values["allowed"].as_str()), (Code::ChainState, "running"));
    let verbs = plane.chain_read(&caller("ann", staff), &chain).await.unwrap().verbs;
    assert!(!verbs.contains(&ChainVerb::Resize), "{verbs:?}");
    assert_eq!(shown(&plane, &bed, "peer0-org1").await, bed.chain_spec().resources);
}

#[tokio::test]
async fn an_orderer_stays_when_too_few_would_be_left() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let mut spec = bed.chain_spec();
    spec.orderers = 3;
    bed.run(ChainCreate { spec }).await;
    let plane = plane(bed.services.clone());
    bed.agent.kill(&bed.node("orderer1"), 137).unwrap();
    let boots = bed.agent.boots(&bed.node("orderer0"));
    let view = resized(&plane, &bed, "orderer0", LARGER).await;
    assert_eq!(failure(&view), ("look-at-node", "orderers-too-few", None));
    let values = &view.failure.as_ref().unwrap().values;
    assert_eq!((values["node"].as_str(), values["down"].as_str()), ("orderer0", "orderer1"));
    assert_eq!(bed.agent.boots(&bed.node("orderer0")), boots, "it was not touched");
    plane.operation_undo(&ada(), &view.summary.id).await.unwrap();
    assert_eq!(settled(&plane, &view.summary.id).await.summary.state, OperationState::Undone);
    // The one that is down is no loss; and with it back, any may go.
    for node in ["orderer1", "orderer0", "orderer2"] {
        let view = resized(&plane, &bed, node, LARGER).await;
        assert_eq!(view.summary.state, OperationState::Done, "{node}: {view:?}");
        assert_eq!(memory_mib(&bed, node).await, 768);
    }
}

#[tokio::test]
async fn what_the_host_refuses_leaves_the_node_as_it_was() {
    for resumes in [true, false] {
        let bed = running().await;
        let plane = plane(bed.services.clone());
        let of_chain = bed.chain_spec().resources;
        bed.agent.fail_verb(Verb::EnsureNode, 1, Fault::broken(When::Midway));
        let view = resized(&plane, &bed, "peer0-org1", LARGER).await;
        assert_eq!(failure(&view), ("apply-size", "host-refused", None));
        assert_eq!(view.failure.as_ref().unwrap().values["why"], "simulated");
        // Nobody has to do anything for it to be back.
        bed.check_chain(ChainState::Running).await.unwrap();
        assert_eq!(shown(&plane, &bed, "peer0-org1").await, of_chain);
        assert_eq!(memory_mib(&bed, "peer0-org1").await, u64::from(of_chain.memory_mib));
        let id = &view.summary.id;
        let (state, wanted) = if resumes {
            plane.operation_resume(&ada(), id).await.unwrap();
            (OperationState::Done, LARGER)
        } else {
            plane.operation_undo(&ada(), id).await.unwrap();
            (OperationState::Undone, of_chain)
        };
        assert_eq!(settled(&plane, id).await.summary.state, state);
        bed.check_chain(ChainState::Running).await.unwrap();
        assert_eq!(shown(&plane, &bed, "peer0-org1").await, wanted);
        assert_eq!(memory_mib(&bed, "peer0-org1").await, u64::from(wanted.memory_mib));
    }
}

//! What is not ours is neither used nor removed, and what is made side by side is made once.

use std::collections::HashMap;

use agents::{Agent, AgentError, NodeRef};
use bollard::models::{ContainerCreateBody, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, ListNetworksOptions, RemoveContainerOptions, RemoveVolumeOptions,
};

use crate::bed::on_engine;

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_others_with_our_names_are_left_alone() {
    on_engine(async |bed| {
        bed.agent.ensure_space(&bed.space("mine")).await.unwrap();
        let spec = bed.spec("mine", "peer0");
        let node = spec.node_ref();
        let name = bed.container(&node);
        // The label says another installation: as far as we are concerned, a stranger.
        let labels = HashMap::from([("heddle.installation".to_owned(), "someoneelse".to_owned())]);
        let body = ContainerCreateBody {
            image: Some(bed.image.clone()),
            labels: Some(labels.clone()),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
        bed.hands.create_container(Some(options), body).await.unwrap();
        let conflict = |outcome: Result<(), AgentError>| {
            assert!(matches!(outcome, Err(AgentError::Conflict(_))), "{outcome:?}");
        };
        conflict(bed.agent.ensure_node(&spec).await.map(drop));
        conflict(bed.agent.remove_node(&node, false).await.map(drop));
        conflict(bed.agent.start(&node).await);
        bed.agent.remove_space(&bed.installation, "mine").await.unwrap();
        assert!(bed.hands.inspect_container(&name, None).await.is_ok(), "a stranger's container was removed");
        let force = RemoveContainerOptions { force: true, v: true, link: false };
        bed.hands.remove_container(&name, Some(force)).await.unwrap();

        bed.agent.ensure_space(&bed.space("mine")).await.unwrap();
        let volume = format!("{name}--config");
        let request =
            VolumeCreateRequest { name: Some(volume.clone()), labels: Some(labels), ..Default::default() };
        bed.hands.create_volume(request).await.unwrap();
        conflict(bed.agent.ensure_node(&spec).await.map(drop));
        bed.agent.remove_space(&bed.installation, "mine").await.unwrap();
        assert!(bed.hands.inspect_volume(&volume).await.is_ok(), "a stranger's volume was removed");
        bed.hands.remove_volume(&volume, None::<RemoveVolumeOptions>).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_others_with_our_name_is_left_alone() {
    on_engine(async |bed| {
        let name = format!("heddle-{}-theirs--chaincode", bed.installation);
        let request = NetworkCreateRequest { name: name.clone(), ..NetworkCreateRequest::default() };
        let made = bed.hands.create_network(request).await.unwrap();
        let refused = bed.agent.ensure_space(&bed.space("theirs")).await;
        bed.agent.remove_space(&bed.installation, "theirs").await.unwrap();
        let still = bed.hands.inspect_network(&made.id, None).await.is_ok();
        bed.hands.remove_network(&made.id).await.unwrap();
        assert!(matches!(refused, Err(AgentError::Conflict(_))), "{refused:?}");
        assert!(still, "a stranger's network was removed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_side_by_side_is_made_once() {
    on_engine(async |bed| {
        let space = bed.space("parallel");
        let spaces = futures::future::join_all((0..8).map(|_| bed.agent.ensure_space(&space))).await;
        spaces.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
        let filters =
            [("label".to_owned(), vec![format!("heddle.installation={}", bed.installation)])].into();
        let networks =
            bed.hands.list_networks(Some(ListNetworksOptions { filters: Some(filters) })).await.unwrap();
        assert_eq!(networks.len(), 2, "{networks:#?}");

        // An operation and a reconciler may want the same node at the same moment; a reconciler makes what it misses.
        let same = bed.spec("parallel", "peer0");
        let once = futures::future::join_all((0..4).map(|_| bed.agent.ensure_node(&same))).await;
        once.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let specs: Vec<_> = (0..6).map(|n| bed.spec("parallel", &format!("peer{n}"))).collect();
        let nodes = futures::future::join_all(specs.iter().map(|spec| bed.agent.ensure_node(spec))).await;
        nodes.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let removed = bed.agent.remove_space(&bed.installation, "parallel").await.unwrap();
        assert_eq!((removed.nodes.len(), removed.networks.len()), (6, 2));
        assert_eq!(bed.status(&NodeRef::new(&bed.installation, "parallel", "peer0")).await, None);
    })
    .await;
}

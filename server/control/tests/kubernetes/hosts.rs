//! A cluster as a host: who is let in, how many chains it takes, and which ports they get.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use control::operations::demo_create::default_spec;
use domain::chain::{ChainSpec, OrganizationSpec};
use domain::host::{Endpoint, HostSpec};
use domain::id::HostId;
use domain::name::{ChainName, HostName};
use domain::{Code, Error};
use tokio::net::TcpStream;

use crate::bed::{Bed, Portal, on_cluster, organization, small};

/// Longest wait for a machine to know of a port, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_let_in_once_and_takes_as_many_chains_as_it_has_room_for() {
    on_cluster("first", async |bed| is_a_host(&bed).await).await;
}

async fn is_a_host(bed: &Bed) {
    let (plane, admin) = (&bed.portal.plane, &bed.portal.admin);
    let spec = HostSpec { capacity: 1, ..bed.host(31_000) };
    let wrong = plane.host_add(admin, spec.clone(), Some(bed.token("nobodys-token"))).await;
    assert_eq!(told(wrong), (Code::HostToken, Some("token".to_owned())));
    assert!(plane.host_list(admin).await.unwrap().is_empty(), "it is refused before it is saved");
    let host = plane.host_add(admin, spec.clone(), Some(bed.certificate())).await.unwrap();
    // Written otherwise it is the same one.
    let endpoint = Endpoint::Cluster { server: format!("{}/", spec.endpoint.canonical()) };
    let again = HostSpec { name: HostName::parse("again").unwrap(), endpoint, ..spec.clone() };
    let again = plane.host_add(admin, again, Some(bed.kubeconfig())).await;
    assert_eq!(told(again), (Code::HostEndpointTaken, Some("server".to_owned())));

    has_limits(&bed.portal, &host.id).await;
    raise(&bed.portal, "first", &host.id, |_| {}).await.unwrap();
    has_its_ports(bed, &spec.client_address).await;
    let second = |spec: &mut ChainSpec| {
        spec.organizations.truncate(1);
        spec.organizations[0].peers = 1;
    };
    let full = raise(&bed.portal, "second", &host.id, second).await;
    assert_eq!(told(full).0, Code::HostFull);
    assert_eq!(told(plane.host_remove(admin, &host.id).await).0, Code::HostHasChains);

    let roomier = HostSpec { capacity: 2, ..spec.clone() };
    plane.host_edit(admin, &host.id, roomier, None).await.unwrap();
    raise(&bed.portal, "second", &host.id, second).await.unwrap();
    let smaller = plane.host_edit(admin, &host.id, spec, None).await;
    assert_eq!(told(smaller), (Code::CapacityBelowUse, Some("capacity".to_owned())));

    for name in ["first", "second"] {
        let chain = ChainName::parse(name).unwrap();
        let deleted = plane.chain_delete(admin, &chain, name, false).await.unwrap();
        bed.portal.settled(&deleted).await;
    }
    plane.host_remove(admin, &host.id).await.unwrap();
    assert_eq!(bed.portal.nodes().await, Vec::new());
    assert_eq!(bed.left(), Vec::<String>::new());
}

/// Code and field of a refusal.
pub fn told<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Code, Option<String>) {
    let error = outcome.unwrap_err();
    (error.code, error.field)
}

/// Chains beyond the limits are refused before anything is made, and the refusal says which number it is about.
async fn has_limits(portal: &Portal, host: &HostId) {
    let members = |count: u16, peers: u16| {
        let member = |n| OrganizationSpec { name: organization(&format!("org{n}")), peers };
        (1..=count).map(member).collect::<Vec<_>>()
    };
    is_refused(portal, host, members(11, 1), 1, (Code::TooManyOrganizations, "organizations")).await;
    is_refused(portal, host, members(9, 3), 1, (Code::TooManyPeers, "organizations")).await;
    for orderers in [2, 6] {
        is_refused(portal, host, members(2, 1), orderers, (Code::OrdererCountRaft, "orderers")).await;
    }
}

async fn is_refused(
    portal: &Portal,
    host: &HostId,
    organizations: Vec<OrganizationSpec>,
    orderers: u16,
    expect: (Code, &str),
) {
    let large = move |spec: &mut ChainSpec| {
        spec.organizations = organizations;
        spec.orderers = orderers;
    };
    let (code, field) = told(raise(portal, "large", host, large).await);
    assert_eq!((code, field.as_deref()), (expect.0, Some(expect.1)));
}

/// A chain of two organizations with two peers each, unless it is changed.
pub async fn raise(
    portal: &Portal,
    name: &str,
    host: &HostId,
    change: impl FnOnce(&mut ChainSpec),
) -> Result<(), Error> {
    let mut spec = default_spec(ChainName::parse(name).unwrap(), host.clone()).unwrap();
    small(&mut spec);
    change(&mut spec);
    let started = portal.plane.chain_create(&portal.admin, spec, format!("create-{name}")).await?;
    portal.settled(&started).await;
    Ok(())
}

/// The first chain has the first block of ports, under the names that users know, and they lead to the nodes.
async fn has_its_ports(bed: &Bed, address: &str) {
    let (plane, admin) = (&bed.portal.plane, &bed.portal.admin);
    let view = plane.chain_read(admin, &bed.portal.name).await.unwrap();
    let endpoints = view.nodes.into_iter().flat_map(|node| node.endpoints);
    let endpoints: BTreeMap<String, String> = endpoints.collect();
    let expected = [
        ("orderer", 31_010),
        ("peer0_org1_grpc", 31_020),
        ("peer1_org1_grpc", 31_023),
        ("peer0_org2_grpc", 31_026),
        ("peer1_org2_grpc", 31_029),
    ];
    for (name, port) in expected {
        let endpoint = endpoints.get(name).cloned().unwrap_or_default();
        assert_eq!(endpoint, format!("{address}:{port}"), "{name} of {endpoints:?}");
        let limit = Instant::now() + PATIENCE;
        while let Err(error) = TcpStream::connect(&endpoint).await {
            assert!(Instant::now() < limit, "{name} at {endpoint}: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

//! What the wizard begins with: its defaults create one chain after another, each on a host that takes it.

use control::operations::demo_create::default_spec;
use domain::host::{HostSpec, HostState, HostStatus};
use domain::operation::OperationState;
use domain::permission::Role;
use domain::{Code, Error};

use crate::caller;
use crate::demo::{saw, two_hosts};
use crate::deploy::settled;

#[tokio::test]
async fn the_defaults_create_one_chain_after_another_on_hosts_that_take_them() {
    let (bed, far, _, plane) = two_hosts().await;
    let (ada, store) = (caller("ada", Role::Admin), &bed.services.store);
    let small = HostSpec { capacity: 1, ..store.host_read(&bed.host).await.unwrap().unwrap().spec };
    store.host_update(&bed.host, &small, None, |_| Ok::<(), Code>(())).await.unwrap().unwrap();
    let is = |state| HostStatus { state, ..HostStatus::default() };
    saw(&bed, &bed.host, &is(HostState::Inactive)).await;
    assert_eq!(plane.chain_offer(&ada).await.unwrap().host, Some(far.clone()), "it does not answer");
    let lack = Some(Error::unavailable(Code::HostMachines));
    saw(&bed, &bed.host, &HostStatus { reason: lack, ..is(HostState::Active) }).await;
    assert_eq!(plane.chain_offer(&ada).await.unwrap().host, Some(far.clone()), "it lacks something");
    saw(&bed, &bed.host, &is(HostState::Active)).await;
    let mut hosts = Vec::new();
    for name in ["first", "first-2", "first-3"] {
        let offer = plane.chain_offer(&ada).await.unwrap();
        assert_eq!((offer.name.as_str(), offer.taken.len()), (name, hosts.len()));
        let host = offer.host.unwrap();
        let spec = default_spec(offer.name, host.clone()).unwrap();
        let id = plane.chain_create(&ada, spec, format!("key-of-{name}")).await.unwrap();
        let ended = settled(&plane, &id).await;
        assert_eq!(ended.summary.state, OperationState::Done, "{name}: {:?}", ended.failure);
        hosts.push(host);
    }
    assert_eq!(hosts, [bed.host.clone(), far.clone(), far], "the local engine comes first until it is full");
}

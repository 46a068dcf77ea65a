//! Pages of lists over the façade: what is in somebody's reach, and what a list does not know.

use control::operations::chain_create::ChainCreate;
use domain::Code;
use domain::host::{HostSpec, RegistryCredentials};
use domain::id::{HostId, UserId};
use domain::list::ListQuery;
use domain::name::{HostName, UserName};
use domain::permission::{Grant, Role};
use store::{HostRecord, Store};

use crate::bed::{Bed, person};
use crate::{caller, plane};

fn query(filters: &[(&str, &str)]) -> ListQuery {
    let filters = filters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ListQuery { filters, ..ListQuery::default() }
}

#[tokio::test]
async fn a_page_of_chains_holds_what_the_caller_may_read() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (plane, store) = (plane(bed.services.clone()), &bed.services.store);
    for (name, role) in [("uma", Role::User), ("ben", Role::User), ("otto", Role::Operator)] {
        person(store, name, role).await;
    }
    store.grant_put(&bed.chain_spec().name, &UserId::new("ben"), Grant::Read).await.unwrap();
    let seen = async |name: &str, role, filters: &[(&str, &str)]| {
        let page = plane.chain_page(&caller(name, role), query(filters)).await.unwrap();
        page.rows.into_iter().map(|row| format!("{} on {}", row.name, row.host_name)).collect::<Vec<_>>()
    };
    let demo = vec!["demo on here".to_owned()];
    assert!(seen("uma", Role::User, &[]).await.is_empty());
    for (name, role) in [("ben", Role::User), ("otto", Role::Operator)] {
        assert_eq!(seen(name, role, &[]).await, demo, "{name}");
        assert_eq!(seen(name, role, &[("state", "running"), ("owner", "none")]).await, demo, "{name}");
        assert_eq!(seen(name, role, &[("host", bed.host.as_str())]).await, demo, "{name}");
        for none in [("state", "stopped"), ("owner", "me"), ("owner", "ben"), ("owner", "nobody at all")] {
            assert!(seen(name, role, &[none]).await.is_empty(), "{name} {none:?}");
        }
    }
    // The list says whose a chain is.
    let (otto, ben) = (caller("otto", Role::Operator), UserName::parse("ben").unwrap());
    plane.chain_owner_set(&otto, &bed.chain_spec().name, &ben).await.unwrap();
    let page = plane.chain_page(&otto, query(&[("owner", "ben")])).await.unwrap();
    let owners: Vec<&str> = page.rows.iter().map(|row| row.owner_name.as_str()).collect();
    assert_eq!(owners, ["ben"]);
}

#[tokio::test]
async fn what_a_list_does_not_know_is_refused_before_anything_is_read() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let (plane, ada) = (plane(bed.services.clone()), caller("ada", Role::Admin));
    let unknown = plane.chain_page(&ada, query(&[("plan", "x")])).await.unwrap_err();
    assert_eq!(unknown.code, Code::ListFilterUnknown);
    let sorted = ListQuery { sort: "plan".to_owned(), ..ListQuery::default() };
    assert_eq!(plane.chain_page(&ada, sorted.clone()).await.unwrap_err().code, Code::ListSortUnknown);
    assert_eq!(plane.host_page(&ada, sorted).await.unwrap_err().code, Code::ListSortUnknown);
    let hosts = plane.host_page(&ada, query(&[("kind", "engine")])).await.unwrap();
    assert_eq!(hosts.rows.len(), 1);
    let refused = plane.host_page(&caller("uma", Role::User), ListQuery::default()).await.unwrap_err();
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn many_hosts_hold_what_each_of_them_holds() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (plane, store, ada) = (plane(bed.services.clone()), &bed.services.store, caller("ada", Role::Admin));
    let registry = RegistryCredentials {
        registry: "registry.example:5000".to_owned(),
        user: "ada".to_owned(),
        password: "top-secret-password".to_owned(),
    };
    let full = plane.host_registry_set(&ada, &bed.host, registry).await.unwrap();
    assert_eq!((full.chains, full.registries.len()), (1, 1));
    let record = store.host_read(&bed.host).await.unwrap().unwrap();
    // With the first one just so many that they are counted together.
    for number in 0..50 {
        let name = HostName::parse(&format!("other{number}")).unwrap();
        let spec = HostSpec::local(name, &format!("/run/{number}.sock"));
        let other = HostRecord { id: HostId::new(format!("other{number}")), spec, ..record.clone() };
        store.host_create(&other, None).await.unwrap();
    }
    let hosts = plane.host_list(&ada).await.unwrap();
    assert_eq!(hosts.len(), 51);
    let choices = plane.host_choices(&ada).await.unwrap();
    assert_eq!((choices.len(), choices.first().map(|(_, name)| name.as_str())), (51, Some("here")));
    assert_eq!(plane.host_choices(&caller("uma", Role::User)).await.unwrap_err().status(), 403);
    for host in hosts {
        assert_eq!(plane.host_read(&ada, &host.id).await.unwrap(), host);
    }
}

//! Access to a chain, given and taken away over the façade: each level allows what it says and no more.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "plane/bed.rs"]
#[expect(dead_code, reason = "the operations' tests need more of it")]
mod bed;

use bed::Bed;
use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use control::operations::chain_create::ChainCreate;
use domain::id::UserId;
use domain::name::{ChainName, UserName};
use domain::permission::{Grant, Role};
use domain::{Code, Error};
use store::{Store, UserRecord};
use workflow::Settings;
use zeroize::Zeroizing;

/// Somebody who is in the portal, as they call.
async fn person(store: &Store, name: &str, role: Role) -> Caller {
    let (id, name) = (UserId::new(format!("id-{name}")), UserName::parse(name).unwrap());
    let record = UserRecord::new(id.clone(), name.clone(), role, String::new(), 1);
    store.user_create(&record).await.unwrap();
    let user = CallerUser { id, name, role };
    Caller { user: Some(user), proved_ms: Some(i64::MAX), ..Caller::anonymous("r1", "127.0.0.1") }
}

#[tokio::test]
async fn each_level_allows_what_it_says_until_it_is_taken_away() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let key = Zeroizing::new(vec![1; 32]);
    let plane = ControlPlane::new(bed.services.clone(), Settings::new("access"), key).unwrap();
    let store = &bed.services.store;
    let otto = person(store, "otto", Role::Operator).await;
    let (uma, bob) = (person(store, "uma", Role::User).await, person(store, "bob", Role::User).await);
    let chain = ChainName::parse("demo").unwrap();
    let name = |text: &str| UserName::parse(text).unwrap();
    let status = |result: Result<(), Error>| result.map_or_else(|error| error.status(), |()| 200);
    // What uma may do: see it, list its chaincode as who uses it, give access.
    let reach = async || {
        let seen = plane.chain_read(&uma, &chain).await.map(drop);
        let listed = plane.chain_list(&uma).await.unwrap().len();
        let given = plane.chain_grant(&uma, &chain, &name("bob"), Grant::Read).await;
        (status(seen), listed, status(given))
    };
    assert_eq!(reach().await, (404, 0, 404));
    for (level, given) in [(Grant::Read, 403), (Grant::Use, 403), (Grant::Manage, 200)] {
        plane.chain_grant(&otto, &chain, &name("uma"), level).await.unwrap();
        assert_eq!(reach().await, (200, 1, given), "{level:?}");
    }
    let people = plane.chain_access(&otto, &chain).await.unwrap();
    let people: Vec<(&str, Grant)> = people.iter().map(|one| (one.user.as_str(), one.level)).collect();
    assert_eq!(people, [("bob", Grant::Read), ("uma", Grant::Manage)]);
    assert_eq!(status(plane.chain_access(&bob, &chain).await.map(drop)), 403);
    let mut changes = plane.changes();
    plane.chain_revoke(&otto, &chain, &name("uma")).await.unwrap();
    let told = [changes.try_recv().unwrap().noun, changes.try_recv().unwrap().noun];
    assert_eq!(told, ["chain", "access"]);
    assert_eq!(reach().await, (404, 0, 404));
    let nobody = plane.chain_grant(&otto, &chain, &name("nobody"), Grant::Read).await.unwrap_err();
    assert_eq!((nobody.code, nobody.field.as_deref()), (Code::UserUnknown, Some("user")));
    let owner = plane.chain_grant(&otto, &chain, &name("bob"), Grant::Owner).await.unwrap_err();
    assert_eq!(owner.code, Code::LevelNotGiven);
}

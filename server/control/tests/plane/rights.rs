//! What the stream of events tells whom: names of changes, and lines of operations.

use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use control::services::Changed;
use domain::id::UserId;
use domain::permission::{Grant, Role};
use store::Store;

use crate::bed::Bed;
use crate::plane;

/// Somebody signed in, in a request of their own.
pub fn caller(name: &str, role: Role, request: &str) -> Caller {
    let address = "192.0.2.7".to_owned();
    Caller { request_id: request.to_owned(), address, ..crate::caller(name, role) }
}

#[tokio::test]
async fn nobody_hears_of_what_they_cannot_read() {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (plane, demo) = (plane(bed.services.clone()), bed.chain_spec().name);
    bed.services.store.grant_put(&demo, &UserId::new("ben"), Grant::Read).await.unwrap();
    bed.services.store.grant_put(&demo, &UserId::new("mia"), Grant::Manage).await.unwrap();
    let [uma, ben, mia] = ["uma", "ben", "mia"].map(|name| caller(name, Role::User, "r"));
    let [otto, ada] = [("otto", Role::Operator), ("ada", Role::Admin)].map(|(n, r)| caller(n, r, "r"));
    let operation = plane.chain_stop(&otto, &demo).await.unwrap();
    let changes = [
        Changed { noun: "chain", id: demo.to_string() },
        Changed { noun: "operation", id: operation.to_string() },
        Changed { noun: "host", id: bed.host.to_string() },
        Changed { noun: "chain", id: "gone".to_owned() },
        Changed { noun: "operation", id: "gone".to_owned() },
        Changed { noun: "secret", id: "gone".to_owned() },
        Changed { noun: "access", id: demo.to_string() },
    ];
    let hears = async |who: &Caller| {
        let mut told = Vec::new();
        for change in &changes {
            told.push(plane.change_allowed(who, change).await.unwrap());
        }
        let (lines, _) = match &who.user {
            Some(_) => plane.events_since(who, 0).await.unwrap(),
            None => (Vec::new(), 0),
        };
        (told, !lines.is_empty())
    };
    assert_eq!(hears(&Caller::anonymous("r", "192.0.2.7")).await, (vec![false; 7], false));
    assert_eq!(hears(&uma).await, (vec![false; 7], false));
    assert_eq!(hears(&ben).await, (vec![true, true, false, false, false, false, false], true));
    assert_eq!(hears(&mia).await, (vec![true, true, false, false, false, false, true], true));
    for staff in [otto, ada] {
        assert_eq!(hears(&staff).await, (vec![true, true, true, true, true, false, true], true));
    }
}

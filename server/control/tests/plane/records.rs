//! Records that grow without end: a page has the newest of what its reader may see, and the next page what follows.

use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use domain::id::{OperationId, UserId};
use domain::name::ChaincodeName;
use domain::permission::{Grant, Role};
use domain::transaction::{SubmitView, TransactionState};
use store::{Store, TransactionRecord};
use workflow::{
    Change, Created, EventBody, Fence, Log, NewEvent, NewOperation, OperationRecord, OperationState, Wanted,
};

use crate::bed::Bed;
use crate::{caller, plane};

async fn running() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let plane = plane(bed.services.clone());
    (bed, plane)
}

fn operation(number: u32, owner: &str, subject: Option<&str>) -> OperationRecord {
    OperationRecord {
        id: format!("{number:032x}"),
        name: "chaincode-deploy".to_owned(),
        version: 1,
        owner: owner.to_owned(),
        subject: subject.map(str::to_owned),
        idempotency_key: None,
        params: serde_json::Value::Null,
        state: OperationState::Done,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: 1,
        updated_ms: 1,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    }
}

async fn keep(store: &Store, operation: OperationRecord) {
    let new = NewOperation { operation, steps: Vec::new(), events: Vec::new(), supersede: None };
    assert!(matches!(store.create(new).await.unwrap(), Created::Fresh(_)));
}

#[tokio::test]
async fn a_long_operation_shows_its_newest_lines_in_order() {
    let (bed, plane) = running().await;
    let store = &bed.services.store;
    let mut record = operation(1, "ann", None);
    record.state = OperationState::Pending;
    keep(store, record.clone()).await;
    let claimed = store.claim(&record.id, "elsewhere", 1, i64::MAX / 2).await.unwrap();
    let fence = Fence { operation: record.id.clone(), epoch: claimed.operation.epoch };
    let note = |number: u32| NewEvent {
        operation: record.id.clone(),
        owner: "ann".to_owned(),
        subject: None,
        at_ms: 1,
        body: EventBody::Note {
            step: "work".to_owned(),
            attempt: 1,
            text: format!("line {number}"),
            told: None,
        },
    };
    for hundred in 0..25 {
        let events = (0..100).map(|number| note(hundred * 100 + number)).collect();
        store.save(&fence, Change { now_ms: 1, events, ..Change::default() }).await.unwrap();
    }
    let view = plane.operation_read(&caller("ann", Role::Operator), &OperationId::new(record.id)).await;
    let lines: Vec<String> = view.unwrap().events.into_iter().map(|event| event.text).collect();
    let newest: Vec<String> = (500..2_500).map(|number| format!("line {number}")).collect();
    assert!(lines == newest, "{:?} … {:?}", lines.first(), lines.last());
}

#[tokio::test]
async fn a_user_finds_their_operations_among_many_others() {
    let (bed, plane) = running().await;
    let store = &bed.services.store;
    keep(store, operation(1, "ben", None)).await;
    keep(store, operation(2, "ann", Some("chain/demo"))).await;
    keep(store, operation(3, "ann", Some("chain/other"))).await;
    for number in 10..160 {
        keep(store, operation(number, "ann", None)).await;
    }
    let listed = async |who: Caller| {
        let operations = plane.operation_list(&who).await.unwrap();
        operations.into_iter().map(|one| one.id.to_string()).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u32]| numbers.iter().map(|number| format!("{number:032x}")).collect::<Vec<_>>();
    assert_eq!(listed(caller("ben", Role::User)).await, ids(&[1]));
    store.grant_put(&bed.chain_spec().name, &UserId::new("ben"), Grant::Read).await.unwrap();
    assert_eq!(listed(caller("ben", Role::User)).await, ids(&[2, 1]));
    assert_eq!(listed(caller("eve", Role::User)).await, ids(&[]));
    assert_eq!(listed(caller("ann", Role::Operator)).await.len(), 100);
}

#[tokio::test]
async fn the_history_goes_on_where_the_page_before_ended() {
    let (bed, plane) = running().await;
    let spec = bed.chain_spec();
    for number in 0..250_u32 {
        let view = SubmitView {
            id: format!("tx{number}"),
            chain: spec.name.clone(),
            channel: spec.channel.clone(),
            chaincode: ChaincodeName::parse("example02").unwrap(),
            function: "move".to_owned(),
            arguments: Vec::new(),
            organization: None,
            submitted_by: "ann".to_owned(),
            state: TransactionState::Valid,
            validation: None,
            block: None,
            result: None,
            result_hex: None,
            error: None,
            // Seven in each millisecond: no page of a hundred ends between two.
            created_ms: i64::from(number / 7),
            endorse_ms: None,
            order_ms: None,
            commit_ms: None,
        };
        let idempotency_key = format!("key-of-{number}");
        let record = TransactionRecord { view, user: UserId::new("ann"), idempotency_key, asked: None };
        assert_eq!(bed.services.store.transaction_create(&record).await.unwrap(), None);
    }
    let (ann, mut seen, mut before) = (caller("ann", Role::Operator), Vec::new(), None);
    loop {
        let page = plane.transaction_history(&ann, &spec.name, before).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.created_ms);
        assert!(page.is_sorted_by_key(|row| -row.created_ms));
        seen.extend(page.into_iter().map(|row| row.id));
    }
    assert_eq!(seen.len(), 250);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 250);
}

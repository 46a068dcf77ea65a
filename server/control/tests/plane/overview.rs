//! Overviews: figures, lists and notices hold what their reader may see, all of it and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use control::ControlPlane;
use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use control::services::Changed;
use domain::Code;
use domain::id::UserId;
use domain::list::ListQuery;
use domain::notice::NoticeKind;
use domain::permission::{Grant, Role};
use domain::stats::StatsView;
use domain::transaction::{SubmitView, TransactionState};
use store::{Store, TransactionRecord};
use workflow::{Created, Log, NewOperation, OperationRecord, OperationState, Wanted};

use crate::bed::{Bed, person};
use crate::deploy::settled;
use crate::{caller, plane};

/// Operations of the lists below.
const MANY: u32 = 48;
const STATES: [OperationState; 4] =
    [OperationState::Done, OperationState::Pending, OperationState::Failed, OperationState::Undone];

/// A running chain, which `ben` may read and `eve` may not.
async fn shared() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (store, demo) = (&bed.services.store, bed.chain_spec().name);
    for (name, role) in
        [("ann", Role::Operator), ("ada", Role::Admin), ("ben", Role::User), ("eve", Role::User)]
    {
        person(store, name, role).await;
    }
    store.grant_put(&demo, &UserId::new("ben"), Grant::Read).await.unwrap();
    let plane = plane(bed.services.clone());
    (bed, plane)
}

async fn submit(bed: &Bed, who: &str, key: &str) {
    let spec = bed.chain_spec();
    let view = SubmitView {
        id: format!("tx-{key}"),
        chain: spec.name,
        channel: spec.channel,
        chaincode: domain::name::ChaincodeName::parse("example02").unwrap(),
        function: "move".to_owned(),
        arguments: Vec::new(),
        organization: None,
        submitted_by: who.to_owned(),
        state: TransactionState::Valid,
        validation: None,
        block: None,
        result: None,
        result_hex: None,
        error: None,
        created_ms: bed.services.clock.now_ms(),
        endorse_ms: None,
        order_ms: None,
        commit_ms: None,
    };
    let (user, idempotency_key) = (UserId::new(who), key.to_owned());
    let record = TransactionRecord { view, user, idempotency_key, asked: None };
    assert_eq!(bed.services.store.transaction_create(&record).await.unwrap(), None);
}

fn operation(number: u32) -> OperationRecord {
    let nth = |values: &[&str], by: u32| {
        let at = usize::try_from(number / by).unwrap() % values.len();
        values[at].to_owned()
    };
    OperationRecord {
        id: format!("{number:032x}"),
        name: nth(&["chain-stop", "chaincode-deploy"], 1),
        version: 1,
        owner: nth(&["ann", "ben", "eve"], 1),
        subject: match nth(&["demo", "other", ""], 3).as_str() {
            "" => None,
            chain => Some(format!("chain/{chain}")),
        },
        idempotency_key: None,
        params: serde_json::Value::Null,
        state: STATES[usize::try_from(number / 2).unwrap() % STATES.len()],
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: i64::from(number),
        updated_ms: i64::from(number),
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    }
}

/// Many operations. A subject belongs to the store only where an operation holds it, so rows are made without it first.
async fn many(store: &Store) -> Vec<OperationRecord> {
    let mut all = Vec::new();
    for number in 1..=MANY {
        let mut operation = operation(number);
        // Two that hold the same subject exclude each other; those on chains are at rest here.
        if operation.subject.is_some() {
            operation.state = OperationState::Failed;
        }
        let supersede = operation.subject.as_ref().and_then(|subject| {
            let held = all.iter().rev().find(|one: &&OperationRecord| one.subject.as_ref() == Some(subject));
            held.map(|one| one.id.clone())
        });
        let new =
            NewOperation { operation: operation.clone(), steps: Vec::new(), events: Vec::new(), supersede };
        assert!(matches!(store.create(new).await.unwrap(), Created::Fresh(_)));
        all.push(operation);
    }
    all
}

fn total(view: &StatsView) -> u32 {
    view.transactions.iter().filter_map(|day| day.total).sum()
}

#[tokio::test]
async fn figures_hold_nothing_out_of_reach() {
    let (bed, plane) = shared().await;
    submit(&bed, "ben", "one").await;
    submit(&bed, "ann", "two").await;
    let figures = async |name: &str, role| plane.stats_read(&caller(name, role), 7).await.unwrap();
    let eve = figures("eve", Role::User).await;
    assert_eq!((eve.chains.total, total(&eve), eve.running), (0, 0, 0));
    assert!(eve.cards.is_empty() && eve.operations.is_empty() && eve.submitted.is_empty());
    assert!(eve.transactions.iter().all(|day| day.total.is_none()), "not even when somebody began");
    let ben = figures("ben", Role::User).await;
    assert_eq!((ben.chains.total, total(&ben), ben.cards.len(), ben.submitted.len()), (1, 2, 1, 1));
    for user in [&eve, &ben] {
        assert!(user.hosts.is_none() && user.people.is_none() && user.chains.hosts.is_empty());
    }
    let ann = figures("ann", Role::Operator).await;
    let hosts = ann.hosts.unwrap();
    assert_eq!((ann.chains.total, hosts.used, ann.chains.hosts.len()), (1, 1, 1));
    assert!(ann.people.is_none());
    let people = figures("ada", Role::Admin).await.people.unwrap();
    assert_eq!(people.iter().map(|share| share.count).sum::<u32>(), 4);
    assert_eq!(figures("ada", Role::Admin).await.transactions.len(), 7);
    // Access that is taken away takes the figures with it.
    bed.services.store.grant_delete(&bed.chain_spec().name, &UserId::new("ben")).await.unwrap();
    let ben = figures("ben", Role::User).await;
    assert_eq!((ben.chains.total, total(&ben), ben.submitted.len()), (0, 0, 0));
}

#[tokio::test]
async fn figures_and_the_wall_are_refused_as_the_table_says() {
    let (_bed, plane) = shared().await;
    let code = |result: Result<StatsView, domain::Error>| result.map(drop).map_err(|error| error.code);
    let ben = caller("ben", Role::User);
    assert_eq!(code(plane.stats_read(&ben, 8).await), Err(Code::ValueOutOfRange));
    assert_eq!(plane.wall_read(&ben).await.unwrap_err().status(), 403);
    assert_eq!(code(plane.wall_read(&caller("ann", Role::Operator)).await), Ok(()));
    let nobody = Caller::anonymous("r", "192.0.2.7");
    assert_eq!(code(plane.stats_read(&nobody, 7).await), Err(Code::SessionMissing));
    assert_eq!(code(plane.wall_read(&nobody).await), Err(Code::SessionMissing));
}

/// All ids of a list, page by page.
async fn ids(plane: &ControlPlane, who: &Caller, query: &ListQuery) -> Vec<String> {
    let (mut query, mut found) = (query.clone(), Vec::new());
    loop {
        let page = plane.operation_page(who, &query).await.unwrap();
        assert!(page.rows.len() <= 7, "{}", page.rows.len());
        found.extend(page.rows.into_iter().map(|row| row.id.to_string()));
        match page.next {
            Some(next) => query.after = next,
            None => return found,
        }
    }
}

#[tokio::test]
async fn pages_of_operations_hold_what_a_walk_through_all_finds() {
    let (bed, plane) = shared().await;
    let all = many(&bed.services.store).await;
    let queries: [&[(&str, &str)]; 6] = [
        &[],
        &[("state", "failed")],
        &[("name", "chain-stop"), ("state", "done")],
        &[("owner", "ben")],
        &[("subject", "chain/demo")],
        &[("owner", "eve"), ("subject", "chain/other")],
    ];
    let people = [("ann", Role::Operator), ("ben", Role::User), ("eve", Role::User)];
    for (row, filters) in queries.into_iter().enumerate() {
        for (column, (name, role)) in people.into_iter().enumerate() {
            // What is narrowed is looked at from one of both ends, everything from both.
            let directions = if row == 0 { vec![false, true] } else { vec![(row + column) % 2 == 0] };
            for oldest_first in directions {
                let query = ListQuery {
                    filters: filters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                    sort: if oldest_first { "started".to_owned() } else { String::new() },
                    rows: 7,
                    ..ListQuery::default()
                };
                let fits = |one: &&OperationRecord| {
                    let subject = one.subject.as_deref().unwrap_or_default();
                    let reach =
                        name == "ann" || one.owner == name || (name == "ben" && subject == "chain/demo");
                    reach
                        && filters.iter().all(|(key, value)| match *key {
                            "state" => one.state.as_str() == *value,
                            "name" => one.name == *value,
                            "owner" => one.owner == *value,
                            _ => subject == *value,
                        })
                };
                let mut wanted: Vec<String> = all.iter().filter(fits).map(|one| one.id.clone()).collect();
                if !oldest_first {
                    wanted.reverse();
                }
                let found = ids(&plane, &caller(name, role), &query).await;
                assert_eq!(found, wanted, "{name} {filters:?} {oldest_first}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_done_before_somebody_had_a_chain_is_not_in_their_lists() {
    let (bed, plane) = shared().await;
    let all = many(&bed.services.store).await;
    let (ann, eve) = (caller("ann", Role::Operator), caller("eve", Role::User));
    let name = domain::name::UserName::parse("eve").unwrap();
    plane.chain_owner_set(&ann, &bed.chain_spec().name, &name).await.unwrap();
    let mut own: Vec<String> =
        all.iter().filter(|one| one.owner == "eve").map(|one| one.id.clone()).collect();
    own.reverse();
    let query = ListQuery { rows: 7, ..ListQuery::default() };
    assert_eq!(ids(&plane, &eve, &query).await, own);
    let shown = plane.stats_read(&eve, 7).await.unwrap().operations;
    assert!(shown.iter().all(|one| own.contains(&one.id.to_string())), "{shown:?}");
}

#[tokio::test]
async fn a_list_is_asked_only_for_what_it_knows() {
    let (bed, plane) = shared().await;
    many(&bed.services.store).await;
    let ann = caller("ann", Role::Operator);
    let ask = async |change: fn(&mut ListQuery)| {
        let mut query = ListQuery::default();
        change(&mut query);
        plane.operation_page(&ann, &query).await.map(|page| page.rows.len()).map_err(|error| error.code)
    };
    assert_eq!(ask(|query| query.sort = "record".to_owned()).await, Err(Code::ListSortUnknown));
    assert_eq!(
        ask(|query| drop(query.filters.insert("params".to_owned(), "x".to_owned()))).await,
        Err(Code::ListFilterUnknown)
    );
    // What nothing can be is no error: nothing is found.
    for (key, value) in [("state", "sleeping"), ("owner", "nobody"), ("name", "none"), ("subject", "none")] {
        let query = ListQuery {
            filters: [(key.to_owned(), value.to_owned())].into_iter().collect(),
            ..ListQuery::default()
        };
        let page = plane.operation_page(&ann, &query).await.unwrap();
        assert_eq!((page.rows.len(), page.next), (0, None), "{key}");
    }
    assert_eq!(ask(|_| ()).await.map(|rows| rows > 32), Ok(true), "their steps are counted in parts");
    assert_eq!(ask(|query| query.text = "Demo ".to_owned()).await, Ok(17));
    assert_eq!(ask(|query| query.text = "no such / chain".to_owned()).await, Ok(0));
}

#[tokio::test]
async fn the_frame_counts_what_its_reader_may_see() {
    let (bed, plane) = shared().await;
    let all = many(&bed.services.store).await;
    let open = |who: &str| {
        let of = |one: &&OperationRecord| one.state.is_open() && (who.is_empty() || one.owner == who);
        u32::try_from(all.iter().filter(of).count()).unwrap()
    };
    assert!(open("ben") > 0 && open("") > open("ben"));
    let running = async |name: &str, role| plane.activity_read(&caller(name, role)).await.unwrap().running;
    assert_eq!(running("ann", Role::Operator).await, open(""));
    assert_eq!(running("ben", Role::User).await, open("ben"));
    assert_eq!(running("eve", Role::User).await, open("eve"));
}

#[tokio::test]
async fn whoever_starts_an_operation_is_told_how_it_ended() {
    let (bed, plane) = shared().await;
    let (ann, ada) = (caller("ann", Role::Operator), caller("ada", Role::Admin));
    let id = plane.chain_stop(&ann, &bed.chain_spec().name).await.unwrap();
    settled(&plane, &id).await;
    let mut changes = plane.changes();
    let _driver = plane.run();
    let looks = async {
        loop {
            let told = plane.notice_list(&ann).await.unwrap();
            if !told.is_empty() {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(30), looks).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.kind, one.name.as_str(), one.subject.as_str())).collect();
    assert_eq!(told, [(NoticeKind::OperationDone, "chain-stop", "chain/demo")]);
    assert_eq!(plane.activity_read(&ann).await.unwrap().unread, 1);
    assert!(plane.notice_list(&ada).await.unwrap().is_empty(), "it was not theirs");
    // Pages of the person hear of it, and nobody else.
    let mut heard = BTreeSet::new();
    while let Ok(change) = changes.try_recv() {
        heard.insert((change.noun, change.id));
    }
    assert!(heard.contains(&("notice", "ann".to_owned())), "{heard:?}");
    let change = Changed { noun: "notice", id: "ann".to_owned() };
    assert!(plane.change_allowed(&ann, &change).await.unwrap());
    assert!(!plane.change_allowed(&ada, &change).await.unwrap());
    plane.notice_read_all(&ann, i64::MAX).await.unwrap();
    assert_eq!(plane.activity_read(&ann).await.unwrap().unread, 0);
    assert!(plane.notice_list(&ann).await.unwrap().iter().all(|one| one.is_read));
}

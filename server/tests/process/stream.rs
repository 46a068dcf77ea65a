//! The stream of events, cut again and again.

use std::io::{BufRead, BufReader};

use domain::id::UserId;
use workflow::{EventBody, Log, NewEvent, NewOperation, OperationRecord, OperationState, Wanted};

use crate::bed::{Call, Portal};

/// Lines of the record that is told.
const LINES: u64 = 250;
/// How often the connection is lost.
const CUTS: u64 = 100;
const OPERATION: &str = "0190000000000000000000000000cafe";

/// A failed operation, which nobody takes up by itself, with a long record.
fn operation(owner: &UserId) -> NewOperation {
    let operation = OperationRecord {
        id: OPERATION.to_owned(),
        name: "chain-stop".to_owned(),
        version: 1,
        owner: owner.to_string(),
        subject: None,
        idempotency_key: None,
        params: serde_json::json!({ "chain": "demo" }),
        state: OperationState::Failed,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: 1,
        updated_ms: 1,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    let event = |number: u64| NewEvent {
        operation: OPERATION.to_owned(),
        owner: owner.to_string(),
        subject: None,
        at_ms: 1,
        body: EventBody::Note {
            step: "stop-nodes".to_owned(),
            attempt: 1,
            text: format!("line {number}."),
            told: None,
        },
    };
    NewOperation { operation, steps: Vec::new(), events: (1..=LINES).map(event).collect(), supersede: None }
}

/// The next lines of the stream behind a number: their own numbers, and what they say.
fn next(portal: &Portal, cookie: &str, after: u64, count: usize) -> Vec<(u64, String)> {
    let call = Call::get("/events").cookie(cookie).header("last-event-id", &after.to_string());
    let (mut found, mut number) = (Vec::new(), None);
    for line in BufReader::new(portal.begin(call)).lines().map(Result::unwrap) {
        if let Some(id) = line.strip_prefix("id: ") {
            number = id.parse().ok();
        } else if let Some(data) = line.strip_prefix("data: ") {
            found.extend(number.take().map(|number| (number, data.to_owned())));
        }
        if found.len() == count {
            return found;
        }
    }
    panic!("the stream ended by itself behind {found:?}");
}

#[test]
fn r16_a_stream_that_is_cut_a_hundred_times_misses_nothing_and_tells_nothing_twice() {
    let mut portal = Portal::start(&[]);
    let cookie = portal.set_up();
    assert!(portal.terminate().0.success());
    portal.edit_store(async |store| {
        let ada = store.user_by_name("ada").await.unwrap().unwrap().id;
        store.create(operation(&ada)).await.unwrap();
    });
    portal.restart();
    let (mut seen, mut after) = (Vec::new(), 0);
    // One, two or three lines arrive each time; the rest of what was sent is lost with the connection.
    let lengths = (0..CUTS).map(|cut| usize::try_from(1 + cut % 3).unwrap());
    for length in lengths {
        let lines = next(&portal, &cookie, after, length);
        after = lines.last().unwrap().0;
        seen.extend(lines);
    }
    let rest = usize::try_from(LINES).unwrap() - seen.len();
    seen.extend(next(&portal, &cookie, after, rest));
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "in their order, each once");
    for (number, (_, data)) in (1..=LINES).zip(&seen) {
        assert!(data.contains(&format!("line {number}.\"")), "{number}: {data}");
    }
}

//! The workflow's log on the database.
//!
//! Every change of an operation reads its row, changes it in memory and writes it back if its revision is still the
//! same; else it starts again. Events take their numbers from a counter in the same transaction, so that none is
//! skipped or doubled, and turns are taken, so that they become visible in order.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use workflow::{
    Change, Created, EventRecord, Fence, ListFilter, Log, LogError, NewEvent, NewOperation, OperationRecord,
    OperationState, Renewed, StateChange, StepRecord, Stored, Wanted,
};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

mod ends;
mod page;

pub use ends::OperationEnd;
pub use page::{OperationFilter, StepCount};

/// Times a change is tried while others change the same operation.
const TRIES: u32 = 50;

const CREATE: &str = "
    LET $known = IF $idempotency = NULL { [] } ELSE { (SELECT VALUE operation FROM type::record('idempotency', $idempotency)) };
    IF array::len($known) > 0 { THROW 'heddle:existing ' + $known[0] };
    LET $holder = IF $subject = NULL { [] } ELSE { (SELECT VALUE operation FROM type::record('subject', $subject)) };
    IF array::len($holder) > 0 AND $holder[0] != $supersede { THROW 'heddle:busy ' + $holder[0] };
    IF $before != NULL AND array::len($holder) > 0 {
        IF (SELECT VALUE revision FROM type::record('operation', $supersede))[0] != $before.revision { THROW 'heddle:stale' };
        UPDATE type::record('operation', $supersede) SET revision = $before.revision + 1, record = $before.record
    };
    IF $idempotency != NULL { CREATE type::record('idempotency', $idempotency) SET operation = $id };
    IF $subject != NULL { UPSERT type::record('subject', $subject) SET operation = $id };
    CREATE type::record('operation', $id) SET id_text = $id, owner = $owner, subject = $subject ?? NONE, open = $open,
        replica = $replica ?? NONE, lease_until_ms = $lease_until_ms, revision = 0, record = $record,
        state = $state, name = $name;
    FOR $step IN $steps { UPSERT type::record('operation_step', $step.key)
        SET operation = $id, number = $step.number, record = $step.record };
    UPSERT type::record('counter', 'event') SET amount = (amount ?? 0) + $count;
    LET $last = (SELECT VALUE amount FROM type::record('counter', 'event'))[0];
    FOR $event IN $events { CREATE type::record('event', $last - $count + $event.offset)
        SET sequence = $last - $count + $event.offset, operation = $id, record = $event.record };
    SELECT amount FROM type::record('counter', 'event')";

const ALTER: &str = "
    IF (SELECT VALUE revision FROM type::record('operation', $id))[0] != $revision { THROW 'heddle:stale' };
    UPDATE type::record('operation', $id) SET open = $open, replica = $replica ?? NONE,
        lease_until_ms = $lease_until_ms, revision = $revision + 1, record = $record, state = $state;
    IF $free != NULL { DELETE type::record('subject', $free) WHERE operation = $id };
    IF $end != NULL { UPSERT type::record('operation_end', $end.key)
        SET key = $end.key, operation = $id, at_ms = $end.at_ms, result = $end.result };
    FOR $step IN $steps { UPSERT type::record('operation_step', $step.key)
        SET operation = $id, number = $step.number, record = $step.record };
    IF $count > 0 { UPSERT type::record('counter', 'event') SET amount = (amount ?? 0) + $count };
    LET $last = (SELECT VALUE amount FROM type::record('counter', 'event'))[0];
    FOR $event IN $events { CREATE type::record('event', $last - $count + $event.offset)
        SET sequence = $last - $count + $event.offset, operation = $id, record = $event.record };
    SELECT amount FROM type::record('counter', 'event')";

#[derive(Deserialize)]
struct Row {
    revision: i64,
    record: String,
}

#[derive(Deserialize)]
struct Recorded {
    record: String,
}

#[derive(Deserialize)]
struct EventRow {
    sequence: u64,
    record: String,
}

#[derive(Deserialize)]
struct Held {
    operation: String,
}

#[derive(Deserialize)]
struct Counter {
    amount: u64,
}

/// What a change leaves to be written beside the operation's row.
#[derive(Default)]
struct Beside {
    steps: Vec<StepRecord>,
    events: Vec<NewEvent>,
    /// Subject to free, if this operation holds it.
    free: Option<String>,
}

fn failed(error: StoreError) -> LogError {
    match error {
        StoreError::Unreadable(text) => LogError::Unreadable(text),
        other => LogError::Unavailable(Box::new(other)),
    }
}

fn step_rows(steps: &[StepRecord]) -> Result<Vec<Value>, StoreError> {
    let rows = steps.iter().map(|step| {
        let key = format!("{}/{}", step.operation, step.index);
        Ok(json!({ "key": key, "number": step.index, "record": encode(step)? }))
    });
    rows.collect()
}

fn event_rows(events: &[NewEvent]) -> Result<Vec<Value>, StoreError> {
    // Offsets count from 1, so that the last event has the counter's new value.
    let rows = (1_u64..).zip(events).map(|(offset, event)| {
        Ok(json!({ "offset": offset, "record": encode(&EventRecord::at(0, event.clone()))? }))
    });
    rows.collect()
}

fn numbered(events: Vec<NewEvent>, last: u64) -> Vec<EventRecord> {
    let count = u64::try_from(events.len()).unwrap_or(0);
    let first = (last + 1).saturating_sub(count);
    (first..).zip(events).map(|(sequence, event)| EventRecord::at(sequence, event)).collect()
}

fn event_of(row: &EventRow) -> Result<EventRecord, LogError> {
    let mut event: EventRecord = decode(&row.record).map_err(failed)?;
    event.sequence = row.sequence;
    Ok(event)
}

fn claimable_by(operation: &OperationRecord, replica: &str, now_ms: i64) -> bool {
    let own = operation.replica.as_deref() == Some(replica);
    operation.state.is_open() && (own || operation.replica.is_none() || operation.lease_until_ms <= now_ms)
}

fn check_held(operation: &OperationRecord, fence: &Fence) -> Result<(), LogError> {
    if operation.epoch == fence.epoch && operation.replica.is_some() {
        return Ok(());
    }
    Err(LogError::Fenced { operation: fence.operation.clone(), epoch: fence.epoch })
}

/// The id behind a word that a transaction threw.
fn thrown_id(error: &StoreError, word: &str) -> Option<String> {
    let StoreError::Database(inner) = error else { return None };
    let text = inner.to_string();
    let after = text.split(&format!("heddle:{word} ")).nth(1)?;
    Some(after.chars().take_while(char::is_ascii_alphanumeric).collect())
}

impl Store {
    /// The operation that holds a subject, if one does.
    pub async fn holder(&self, subject: &str) -> Result<Option<OperationRecord>, LogError> {
        let text = "SELECT operation FROM type::record('subject', $subject)";
        let query = Query::new(text, json!({ "subject": subject }));
        match self.read_one::<Held>(query).await.map_err(failed)? {
            Some(held) => self.holding(&held.operation).await,
            None => Ok(None),
        }
    }

    /// Every operation that holds a subject: those under way, and the failed ones that nobody has resumed or undone.
    pub async fn holders(&self) -> Result<Vec<OperationRecord>, LogError> {
        let held: Vec<Held> =
            self.read(Query::new("SELECT operation FROM subject", json!({}))).await.map_err(failed)?;
        let mut holders = Vec::with_capacity(held.len());
        for held in held {
            holders.extend(self.holding(&held.operation).await?);
        }
        Ok(holders)
    }

    /// An operation, unless it ended since it was seen to hold its subject.
    async fn holding(&self, id: &str) -> Result<Option<OperationRecord>, LogError> {
        match self.row(id).await {
            Ok((operation, _)) => Ok(Some(operation).filter(|operation| !operation.state.is_final())),
            Err(LogError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn row(&self, id: &str) -> Result<(OperationRecord, i64), LogError> {
        let text = "SELECT revision, record FROM type::record('operation', $id)";
        let row: Option<Row> = self.read_one(Query::new(text, json!({ "id": id }))).await.map_err(failed)?;
        let row = row.ok_or_else(|| LogError::NotFound { operation: id.to_owned() })?;
        Ok((decode(&row.record).map_err(failed)?, row.revision))
    }

    async fn steps_of(&self, id: &str) -> Result<Vec<StepRecord>, LogError> {
        let text = "SELECT record, number FROM operation_step WHERE operation = $id ORDER BY number";
        let rows: Vec<Recorded> = self.read(Query::new(text, json!({ "id": id }))).await.map_err(failed)?;
        rows.iter().map(|row| decode(&row.record).map_err(failed)).collect()
    }

    /// Changes an operation's row and what is beside it in one transaction.
    async fn alter(
        &self,
        id: &str,
        mut change: impl FnMut(&mut OperationRecord) -> Result<Beside, LogError> + Send,
    ) -> Result<(OperationRecord, Vec<EventRecord>), LogError> {
        for _ in 0..TRIES {
            let (mut record, revision) = self.row(id).await?;
            let was_open = record.state.is_open();
            let beside = change(&mut record)?;
            let is_at_rest = was_open && !record.state.is_open();
            let bindings = json!({
                "id": id,
                "revision": revision,
                "open": record.state.is_open(),
                "state": record.state.as_str(),
                "replica": record.replica,
                "lease_until_ms": record.lease_until_ms,
                "record": encode(&record).map_err(failed)?,
                "free": beside.free,
                "end": is_at_rest.then(|| ends::row(&record)),
                "steps": step_rows(&beside.steps).map_err(failed)?,
                "events": event_rows(&beside.events).map_err(failed)?,
                "count": beside.events.len(),
            });
            let turn = if beside.events.is_empty() { None } else { Some(self.inner.events.lock().await) };
            let written = self.read_one::<Counter>(Query::new(ALTER, bindings)).await;
            drop(turn);
            match written {
                Ok(counter) => {
                    return Ok((
                        record,
                        numbered(beside.events, counter.map_or(0, |counter| counter.amount)),
                    ));
                }
                Err(error) if error.thrown("stale") => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(LogError::Unavailable("the operation is changed by too many at once".into()))
    }

    /// The row of the operation whose place a new one takes, marked as superseded, with the revision that it had. Only
    /// a failed one on the same subject gives way.
    async fn superseded(&self, id: &str, by: &OperationRecord) -> Result<Option<Value>, LogError> {
        let (mut record, revision) = match self.row(id).await {
            Ok(row) => row,
            Err(LogError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if record.state != OperationState::Failed || by.subject.is_none() || record.subject != by.subject {
            return Ok(None);
        }
        record.superseded_by = Some(by.id.clone());
        Ok(Some(json!({ "revision": revision, "record": encode(&record).map_err(failed)? })))
    }
}

#[async_trait]
impl Log for Store {
    async fn create(&self, new: NewOperation) -> Result<Created, LogError> {
        let NewOperation { operation, steps, events, supersede } = new;
        // The owner's length in front keeps the keys of two owners apart.
        let idempotency = operation
            .idempotency_key
            .as_ref()
            .map(|key| format!("{}/{}/{key}", operation.owner.len(), operation.owner));
        let mut bindings = json!({
            "id": operation.id,
            "owner": operation.owner,
            "subject": operation.subject,
            "idempotency": idempotency,
            "open": operation.state.is_open(),
            "state": operation.state.as_str(),
            "name": operation.name,
            "replica": operation.replica,
            "lease_until_ms": operation.lease_until_ms,
            "record": encode(&operation).map_err(failed)?,
            "steps": step_rows(&steps).map_err(failed)?,
            "events": event_rows(&events).map_err(failed)?,
            "count": events.len(),
        });
        for _ in 0..TRIES {
            let before = match &supersede {
                Some(id) => self.superseded(id, &operation).await?,
                None => None,
            };
            bindings["supersede"] = before.as_ref().and(supersede.as_deref()).unwrap_or("").into();
            bindings["before"] = before.unwrap_or(Value::Null);
            let turn = self.inner.events.lock().await;
            let written = self.read_one::<Counter>(Query::new(CREATE, bindings.clone())).await;
            drop(turn);
            let error = match written {
                Ok(counter) => {
                    let last = counter.map_or(0, |counter| counter.amount);
                    return Ok(Created::Fresh(numbered(events, last)));
                }
                Err(error) => error,
            };
            if error.thrown("stale") {
                continue;
            }
            if let Some(id) = thrown_id(&error, "existing") {
                return Ok(Created::Existing(Box::new(self.row(&id).await?.0)));
            }
            return match thrown_id(&error, "busy") {
                Some(by) => Ok(Created::Busy { by }),
                None => Err(failed(error)),
            };
        }
        Err(LogError::Unavailable("the superseded operation is changed by too many at once".into()))
    }

    async fn load(&self, id: &str) -> Result<Option<Stored>, LogError> {
        match self.row(id).await {
            Ok((operation, _)) => Ok(Some(Stored { operation, steps: self.steps_of(id).await? })),
            Err(LogError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<OperationRecord>, LogError> {
        let text = "SELECT record, id_text FROM operation WHERE ($owner = NULL OR owner = $owner)
            AND ($subject = NULL OR subject = $subject) AND ($open_only = false OR open = true)
            AND ($before = NULL OR id_text < $before)
            AND ($everything = true OR owner = $reach_owner OR subject IN $reach_subjects) ORDER BY id_text DESC LIMIT $limit";
        let reach = filter.reach.clone().unwrap_or_default();
        let bindings = json!({
            "owner": filter.owner,
            "subject": filter.subject,
            "open_only": filter.open_only,
            "before": filter.before,
            "limit": filter.limit,
            "everything": filter.reach.is_none(),
            "reach_owner": reach.owner,
            "reach_subjects": reach.subjects,
        });
        let rows: Vec<Recorded> = self.read(Query::new(text, bindings)).await.map_err(failed)?;
        rows.iter().map(|row| decode(&row.record).map_err(failed)).collect()
    }

    async fn claimable(
        &self,
        replica: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<OperationRecord>, LogError> {
        let text = "SELECT record, id_text FROM operation WHERE open = true
            AND (replica = NONE OR replica = $replica OR lease_until_ms <= $now_ms) ORDER BY id_text LIMIT $limit";
        let bindings = json!({ "replica": replica, "now_ms": now_ms, "limit": limit });
        let rows: Vec<Recorded> = self.read(Query::new(text, bindings)).await.map_err(failed)?;
        rows.iter().map(|row| decode(&row.record).map_err(failed)).collect()
    }

    async fn claim(&self, id: &str, replica: &str, now_ms: i64, lease_ms: i64) -> Result<Stored, LogError> {
        let changed = self.alter(id, |operation| {
            if !claimable_by(operation, replica, now_ms) {
                return Err(LogError::Held { operation: id.to_owned() });
            }
            operation.epoch += 1;
            operation.replica = Some(replica.to_owned());
            operation.lease_until_ms = now_ms.saturating_add(lease_ms);
            operation.updated_ms = now_ms;
            Ok(Beside::default())
        });
        let (operation, _) = changed.await?;
        Ok(Stored { operation, steps: self.steps_of(id).await? })
    }

    async fn renew(&self, fence: &Fence, now_ms: i64, lease_ms: i64) -> Result<Renewed, LogError> {
        let changed = self.alter(&fence.operation, |operation| {
            check_held(operation, fence)?;
            operation.lease_until_ms = now_ms.saturating_add(lease_ms);
            Ok(Beside::default())
        });
        let (operation, _) = changed.await?;
        Ok(Renewed { lease_until_ms: operation.lease_until_ms, cancel_requested: operation.cancel_requested })
    }

    async fn release(&self, fence: &Fence, now_ms: i64) -> Result<(), LogError> {
        let changed = self.alter(&fence.operation, |operation| {
            check_held(operation, fence)?;
            operation.lease_until_ms = 0;
            operation.replica = None;
            operation.updated_ms = now_ms;
            Ok(Beside::default())
        });
        changed.await.map(drop)
    }

    async fn save(&self, fence: &Fence, change: Change) -> Result<Vec<EventRecord>, LogError> {
        let changed = self.alter(&fence.operation, |operation| {
            check_held(operation, fence)?;
            operation.updated_ms = change.now_ms;
            let mut free = None;
            if let Some(StateChange { state, wanted, error }) = change.state.clone() {
                operation.state = state;
                operation.wanted = wanted;
                operation.error = error;
                if !state.is_open() {
                    operation.lease_until_ms = 0;
                    operation.replica = None;
                }
                if state.is_final() {
                    free.clone_from(&operation.subject);
                }
            }
            Ok(Beside { steps: change.steps.clone(), events: change.events.clone(), free })
        });
        changed.await.map(|(_, events)| events)
    }

    async fn request_cancel(&self, id: &str, now_ms: i64) -> Result<OperationRecord, LogError> {
        let changed = self.alter(id, |operation| {
            if !operation.state.is_open() {
                return Err(LogError::NotAllowed { operation: id.to_owned(), state: operation.state });
            }
            if operation.state != OperationState::Undoing && !operation.cancel_requested {
                operation.cancel_requested = true;
                operation.updated_ms = now_ms;
            }
            Ok(Beside::default())
        });
        changed.await.map(|(operation, _)| operation)
    }

    async fn reopen(
        &self,
        id: &str,
        wanted: Wanted,
        now_ms: i64,
        events: Vec<NewEvent>,
    ) -> Result<Vec<EventRecord>, LogError> {
        let changed = self.alter(id, |operation| {
            if operation.state != OperationState::Failed || operation.superseded_by.is_some() {
                return Err(LogError::NotAllowed { operation: id.to_owned(), state: operation.state });
            }
            operation.state = OperationState::Pending;
            operation.wanted = wanted;
            operation.error = None;
            operation.cancel_requested = false;
            operation.epoch += 1;
            operation.replica = None;
            operation.lease_until_ms = 0;
            operation.updated_ms = now_ms;
            Ok(Beside { events: events.clone(), ..Beside::default() })
        });
        changed.await.map(|(_, events)| events)
    }

    async fn events_since(&self, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        let text =
            "SELECT sequence, record FROM event WHERE sequence > $after ORDER BY sequence LIMIT $limit";
        let bindings = json!({ "after": after, "limit": limit });
        let rows: Vec<EventRow> = self.read(Query::new(text, bindings)).await.map_err(failed)?;
        rows.iter().map(event_of).collect()
    }

    async fn events_of(&self, operation: &str, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        let text = "SELECT sequence, record FROM event WHERE operation = $operation AND sequence > $after
            ORDER BY sequence LIMIT $limit";
        let bindings = json!({ "operation": operation, "after": after, "limit": limit });
        let rows: Vec<EventRow> = self.read(Query::new(text, bindings)).await.map_err(failed)?;
        rows.iter().map(event_of).collect()
    }

    async fn events_last(&self, operation: &str, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        let text = "SELECT sequence, record FROM event WHERE operation = $operation
            ORDER BY sequence DESC LIMIT $limit";
        let bindings = json!({ "operation": operation, "limit": limit });
        let mut rows: Vec<EventRow> = self.read(Query::new(text, bindings)).await.map_err(failed)?;
        rows.reverse();
        rows.iter().map(event_of).collect()
    }

    async fn last_sequence(&self) -> Result<u64, LogError> {
        let text = "SELECT amount FROM type::record('counter', 'event')";
        let counter: Option<Counter> = self.read_one(Query::new(text, json!({}))).await.map_err(failed)?;
        Ok(counter.map_or(0, |counter| counter.amount))
    }
}

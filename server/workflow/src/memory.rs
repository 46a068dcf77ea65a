//! The log in memory: the reference for what [`Log`] means, and what tests run on.
//!
//! One lock around everything makes each method a transaction. It keeps nothing after the process ends, so the portal
//! itself never runs on it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::log::{
    Change, Created, Fence, ListFilter, Log, LogError, NewOperation, Renewed, StateChange, Stored,
};
use crate::record::{EventRecord, NewEvent, OperationRecord, OperationState, StepRecord, Wanted};

/// A [`Log`] that lives as long as this value.
#[derive(Debug, Default)]
pub struct MemoryLog {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    operations: BTreeMap<String, OperationRecord>,
    steps: BTreeMap<(String, u32), StepRecord>,
    /// Subject → operation that locks it.
    locks: HashMap<String, String>,
    /// (Owner, idempotency key) → operation.
    keys: HashMap<(String, String), String>,
    /// Ordered by sequence, without gaps.
    events: Vec<EventRecord>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // No method leaves rows half changed, so a panic elsewhere does not matter.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn operation(&mut self, id: &str) -> Result<&mut OperationRecord, LogError> {
        self.operations.get_mut(id).ok_or_else(|| LogError::NotFound { operation: id.to_owned() })
    }

    fn held(&mut self, fence: &Fence) -> Result<&mut OperationRecord, LogError> {
        let operation = self.operation(&fence.operation)?;
        if operation.epoch == fence.epoch && operation.replica.is_some() {
            return Ok(operation);
        }
        Err(LogError::Fenced { operation: fence.operation.clone(), epoch: fence.epoch })
    }

    fn stored(&self, operation: OperationRecord) -> Stored {
        let range = (operation.id.clone(), 0)..=(operation.id.clone(), u32::MAX);
        let steps = self.steps.range(range).map(|(_, step)| step.clone()).collect();
        Stored { operation, steps }
    }

    fn append(&mut self, events: Vec<NewEvent>) -> Vec<EventRecord> {
        let first = self.events.last().map_or(1, |event| event.sequence + 1);
        let events: Vec<_> =
            (first..).zip(events).map(|(sequence, event)| EventRecord::at(sequence, event)).collect();
        self.events.extend(events.iter().cloned());
        events
    }

    fn put_steps(&mut self, steps: Vec<StepRecord>) {
        for step in steps {
            self.steps.insert((step.operation.clone(), step.index), step);
        }
    }

    /// The operation that keeps a new one from the subject.
    fn holder(&self, subject: &str, supersede: Option<&str>) -> Option<&str> {
        let holder = self.locks.get(subject)?;
        let failed = self.operations.get(holder).is_some_and(|row| row.state == OperationState::Failed);
        if failed && supersede == Some(holder.as_str()) { None } else { Some(holder) }
    }
}

fn claimable_by(operation: &OperationRecord, replica: &str, now_ms: i64) -> bool {
    let own = operation.replica.as_deref() == Some(replica);
    operation.state.is_open() && (own || operation.replica.is_none() || operation.lease_until_ms <= now_ms)
}

fn bound(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl Log for MemoryLog {
    async fn create(&self, new: NewOperation) -> Result<Created, LogError> {
        let mut rows = self.rows();
        let NewOperation { operation, steps, events, supersede } = new;
        let key = operation.idempotency_key.clone().map(|key| (operation.owner.clone(), key));
        if let Some(id) = key.as_ref().and_then(|key| rows.keys.get(key)).cloned() {
            return Ok(Created::Existing(Box::new(rows.operation(&id)?.clone())));
        }
        if let Some(subject) = &operation.subject {
            if let Some(by) = rows.holder(subject, supersede.as_deref()) {
                return Ok(Created::Busy { by: by.to_owned() });
            }
            let before = rows.locks.insert(subject.clone(), operation.id.clone());
            if let Some(superseded) = before {
                rows.operation(&superseded)?.superseded_by = Some(operation.id.clone());
            }
        }
        if let Some(key) = key {
            rows.keys.insert(key, operation.id.clone());
        }
        rows.operations.insert(operation.id.clone(), operation);
        rows.put_steps(steps);
        Ok(Created::Fresh(rows.append(events)))
    }

    async fn load(&self, id: &str) -> Result<Option<Stored>, LogError> {
        let rows = self.rows();
        Ok(rows.operations.get(id).cloned().map(|operation| rows.stored(operation)))
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<OperationRecord>, LogError> {
        let wanted = |row: &&OperationRecord| {
            filter.reach.as_ref().is_none_or(|reach| {
                let on_subject = |subject| reach.subjects.contains(subject);
                reach.owner == row.owner || row.subject.as_ref().is_some_and(on_subject)
            }) && filter.owner.as_ref().is_none_or(|owner| *owner == row.owner)
                && filter.subject.as_ref().is_none_or(|subject| row.subject.as_ref() == Some(subject))
                && filter.before.as_ref().is_none_or(|before| row.id < *before)
                && (!filter.open_only || row.state.is_open())
        };
        let rows = self.rows();
        Ok(rows.operations.values().rev().filter(wanted).take(bound(filter.limit)).cloned().collect())
    }

    async fn claimable(
        &self,
        replica: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<OperationRecord>, LogError> {
        let rows = self.rows();
        let free = rows.operations.values().filter(|row| claimable_by(row, replica, now_ms));
        Ok(free.take(bound(limit)).cloned().collect())
    }

    async fn claim(&self, id: &str, replica: &str, now_ms: i64, lease_ms: i64) -> Result<Stored, LogError> {
        let mut rows = self.rows();
        let operation = rows.operation(id)?;
        if !claimable_by(operation, replica, now_ms) {
            return Err(LogError::Held { operation: id.to_owned() });
        }
        operation.epoch += 1;
        operation.replica = Some(replica.to_owned());
        operation.lease_until_ms = now_ms.saturating_add(lease_ms);
        operation.updated_ms = now_ms;
        let operation = operation.clone();
        Ok(rows.stored(operation))
    }

    async fn renew(&self, fence: &Fence, now_ms: i64, lease_ms: i64) -> Result<Renewed, LogError> {
        let mut rows = self.rows();
        let operation = rows.held(fence)?;
        operation.lease_until_ms = now_ms.saturating_add(lease_ms);
        Ok(Renewed { lease_until_ms: operation.lease_until_ms, cancel_requested: operation.cancel_requested })
    }

    async fn release(&self, fence: &Fence, now_ms: i64) -> Result<(), LogError> {
        let mut rows = self.rows();
        let operation = rows.held(fence)?;
        operation.lease_until_ms = 0;
        operation.replica = None;
        operation.updated_ms = now_ms;
        Ok(())
    }

    async fn save(&self, fence: &Fence, change: Change) -> Result<Vec<EventRecord>, LogError> {
        let mut rows = self.rows();
        let operation = rows.held(fence)?;
        operation.updated_ms = change.now_ms;
        let mut freed = None;
        if let Some(StateChange { state, wanted, error }) = change.state {
            operation.state = state;
            operation.wanted = wanted;
            operation.error = error;
            if !state.is_open() {
                operation.lease_until_ms = 0;
                operation.replica = None;
            }
            if state.is_final() {
                freed = operation.subject.clone();
            }
        }
        if let Some(subject) = freed.filter(|subject| rows.locks.get(subject) == Some(&fence.operation)) {
            rows.locks.remove(&subject);
        }
        rows.put_steps(change.steps);
        Ok(rows.append(change.events))
    }

    async fn request_cancel(&self, id: &str, now_ms: i64) -> Result<OperationRecord, LogError> {
        let mut rows = self.rows();
        let operation = rows.operation(id)?;
        if !operation.state.is_open() {
            return Err(LogError::NotAllowed { operation: id.to_owned(), state: operation.state });
        }
        if operation.state != OperationState::Undoing && !operation.cancel_requested {
            operation.cancel_requested = true;
            operation.updated_ms = now_ms;
        }
        Ok(operation.clone())
    }

    async fn reopen(
        &self,
        id: &str,
        wanted: Wanted,
        now_ms: i64,
        events: Vec<NewEvent>,
    ) -> Result<Vec<EventRecord>, LogError> {
        let mut rows = self.rows();
        let operation = rows.operation(id)?;
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
        Ok(rows.append(events))
    }

    async fn events_since(&self, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        let rows = self.rows();
        let from = rows.events.partition_point(|event| event.sequence <= after);
        Ok(rows.events.iter().skip(from).take(bound(limit)).cloned().collect())
    }

    async fn events_of(&self, operation: &str, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        let rows = self.rows();
        let from = rows.events.partition_point(|event| event.sequence <= after);
        let of = rows.events.iter().skip(from).filter(|event| event.operation == operation);
        Ok(of.take(bound(limit)).cloned().collect())
    }

    async fn events_last(&self, operation: &str, limit: u32) -> Result<Vec<EventRecord>, LogError> {
        let rows = self.rows();
        let newest = rows.events.iter().rev().filter(|event| event.operation == operation);
        let mut events: Vec<_> = newest.take(bound(limit)).cloned().collect();
        events.reverse();
        Ok(events)
    }

    async fn last_sequence(&self) -> Result<u64, LogError> {
        Ok(self.rows().events.last().map_or(0, |event| event.sequence))
    }
}

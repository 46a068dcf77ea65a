//! The durable log that the engine writes: the one interface a store has to implement.
//!
//! The engine never keeps anything that this log does not have; a replica that dies is replaced from here. Every write of
//! a running operation carries a [`Fence`]; an implementation must refuse it once a newer epoch holds the operation. Each
//! method is one transaction: all of it or nothing. Conflicts are retried inside; callers never see one.
//! `log_suite` (feature `testkit`) is the conformance suite; `MemoryLog` is the reference.

use async_trait::async_trait;

use crate::record::{
    EventRecord, FailureRecord, NewEvent, OperationRecord, OperationState, StepRecord, Wanted,
};

/// Why the log refused or could not do something.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A newer epoch holds the operation: the caller must drop its run at once.
    #[error("operation {operation} is held by a newer epoch than {epoch}")]
    Fenced {
        /// The operation.
        operation: String,
        /// The refused epoch.
        epoch: u64,
    },
    /// Another replica's lease is still valid, or there is nothing to do for the operation.
    #[error("operation {operation} cannot be claimed now")]
    Held {
        /// The operation.
        operation: String,
    },
    /// There is no such operation.
    #[error("there is no operation {operation}")]
    NotFound {
        /// The id asked for.
        operation: String,
    },
    /// The operation's state does not allow this.
    #[error("operation {operation} is {state}, which does not allow this")]
    NotAllowed {
        /// The operation.
        operation: String,
        /// Its state.
        state: OperationState,
    },
    /// The store does not answer or failed; trying again later may work.
    #[error("the operation log is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored row cannot be read.
    #[error("a row of the operation log cannot be read: {0}")]
    Unreadable(String),
}

/// Proof of holding an operation: which one, and under which epoch.
///
/// It is valid as long as the stored epoch is this one and a replica holds the operation: also a run that released or
/// settled its operation must not write any more. A lapsed lease alone does not make it invalid; the next claim does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The operation's id.
    pub operation: String,
    /// The epoch that the claim returned.
    pub epoch: u64,
}

/// A new operation with everything that must be stored with it at once.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// State `pending`, epoch 0, no lease.
    pub operation: OperationRecord,
    /// All its steps, `pending`, in order.
    pub steps: Vec<StepRecord>,
    /// First events.
    pub events: Vec<NewEvent>,
    /// A failed operation whose subject lock moves to the new one.
    pub supersede: Option<String>,
}

/// Result of [`Log::create`].
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// Stored; the events with their sequence numbers.
    Fresh(Vec<EventRecord>),
    /// The same owner used the idempotency key before; this is that operation and nothing was stored.
    Existing(Box<OperationRecord>),
    /// The subject is locked by this operation and nothing was stored.
    Busy {
        /// Id of the operation that holds the subject.
        by: String,
    },
}

/// An operation with its steps, ordered by index.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The operation's row.
    pub operation: OperationRecord,
    /// Its steps.
    pub steps: Vec<StepRecord>,
}

/// New values of an operation's row.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// The new state.
    pub state: OperationState,
    /// The new direction.
    pub wanted: Wanted,
    /// The new error, or none.
    pub error: Option<FailureRecord>,
}

/// One fenced write: what of it is present is stored together.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Time of the write; becomes `updated_ms`.
    pub now_ms: i64,
    /// New values of the operation's row. A state that is not open also clears the lease and the replica; a final state
    /// also frees the subject if this operation holds it.
    pub state: Option<StateChange>,
    /// Steps to replace, by (`operation`, `index`).
    pub steps: Vec<StepRecord>,
    /// Events to append, in this order.
    pub events: Vec<NewEvent>,
}

/// Result of [`Log::renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// The new end of the lease.
    pub lease_until_ms: i64,
    /// Whether somebody asked to cancel, perhaps through another replica.
    pub cancel_requested: bool,
}

/// What somebody may see: their own operations, and those on some subjects.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Whose operations are in it.
    pub owner: String,
    /// Subjects on which everybody's operations are in it.
    pub subjects: Vec<String>,
}

/// Which operations to list.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Only those within this.
    pub reach: Option<Reach>,
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only those on this subject.
    pub subject: Option<String>,
    /// Only those that an engine still has to work on.
    pub open_only: bool,
    /// Only those with an id lower than this one: the next page.
    pub before: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// The durable record of all operations.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Stores a new operation, in one transaction, deciding in this order:
    /// 1. the owner used the idempotency key before → `Existing`;
    /// 2. the subject is locked, and not by a `failed` operation that `supersede` names → `Busy`;
    /// 3. else lock the subject, note `superseded_by` on the superseded operation, store all rows → `Fresh`.
    async fn create(&self, new: NewOperation) -> Result<Created, LogError>;

    /// Reads an operation and its steps.
    async fn load(&self, id: &str) -> Result<Option<Stored>, LogError>;

    /// Lists operations, newest (highest id) first.
    async fn list(&self, filter: &ListFilter) -> Result<Vec<OperationRecord>, LogError>;

    /// Open operations that [`Log::claim`] would give to `replica`, oldest id first: their lease ended at or before
    /// `now_ms`, or nobody holds them, or `replica` itself does (it was restarted under its old name).
    async fn claimable(
        &self,
        replica: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<OperationRecord>, LogError>;

    /// Takes an open operation: raises the epoch, sets replica and lease `now_ms + lease_ms`, and returns the operation
    /// with its steps. `Held` when another replica's lease is still valid, or the operation is not open.
    async fn claim(&self, id: &str, replica: &str, now_ms: i64, lease_ms: i64) -> Result<Stored, LogError>;

    /// Moves the end of the lease to `now_ms + lease_ms`.
    async fn renew(&self, fence: &Fence, now_ms: i64, lease_ms: i64) -> Result<Renewed, LogError>;

    /// Gives the operation up without ending it: clears lease and replica, so that any replica may claim it at once.
    async fn release(&self, fence: &Fence, now_ms: i64) -> Result<(), LogError>;

    /// Stores a change of a held operation and returns its events with their sequence numbers.
    ///
    /// Sequence numbers rise over the whole log. An event must not become visible before one with a lower number:
    /// who read up to n with [`Log::events_since`] never misses one.
    async fn save(&self, fence: &Fence, change: Change) -> Result<Vec<EventRecord>, LogError>;

    /// Marks an operation that is pending, running or waiting as to be cancelled and returns it. Already marked or
    /// `undoing`: no change. Not open: `NotAllowed`. Needs no fence: anybody may ask.
    async fn request_cancel(&self, id: &str, now_ms: i64) -> Result<OperationRecord, LogError>;

    /// Opens a failed operation again in a direction: state `pending`, no error, no cancel mark, no lease, epoch raised;
    /// appends the events. `NotAllowed` when it is not `failed` or was superseded.
    async fn reopen(
        &self,
        id: &str,
        wanted: Wanted,
        now_ms: i64,
        events: Vec<NewEvent>,
    ) -> Result<Vec<EventRecord>, LogError>;

    /// Events with a sequence above `after`, in order, over all operations.
    async fn events_since(&self, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError>;

    /// Events of one operation with a sequence above `after`, in order.
    async fn events_of(&self, operation: &str, after: u64, limit: u32) -> Result<Vec<EventRecord>, LogError>;

    /// The newest events of one operation, in order, at most this many.
    async fn events_last(&self, operation: &str, limit: u32) -> Result<Vec<EventRecord>, LogError>;

    /// The highest sequence number used so far, 0 for none: where a new stream begins.
    async fn last_sequence(&self) -> Result<u64, LogError>;
}
